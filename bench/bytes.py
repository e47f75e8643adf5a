"""The bytes that a nightly run reads after one new day, against a run from nothing: as an S3-compatible server counts them.

    python bench/bytes.py QUOTIENT JOB [--scale 0.05] [--from 2023-01-01] [--to 2026-01-01]

In: the program, a job file. Out: on stdout, requests and bytes that were read of the lake and of the results, by run.
It does what `bench/nightly.py` does, with lake and results in buckets; the server is that of the tests, one request at a time,
so that times say nothing. It needs pyarrow, boto3 and moto (tests/requirements.txt).
"""

import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

import pyarrow.parquet as pq
from nightly import arguments, hold_back, last_day

sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests" / "s3"))
import server  # noqa: E402


def counted(application, requests, sent):
    """The application, which counts by bucket what is asked of it, and the bytes of what it answers."""
    lock = threading.Lock()

    def serve(environ, start_response):
        [answer] = application(environ, start_response)
        if environ["REQUEST_METHOD"] == "GET":
            bucket = environ["PATH_INFO"].split("/")[1]
            with lock:
                requests[bucket] += 1
                sent[bucket] += len(answer)
        return [answer]

    return serve


def main():
    options = arguments().parse_args()
    day = last_day(options)
    requests, sent = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        lake = pathlib.Path(folder) / "lake"
        span = ["--scale", options.scale, "--from", options.start, "--to", options.to]
        subprocess.run([options.quotient, "demo", "--out", str(lake), *span], check=True, stdout=subprocess.DEVNULL)
        held = hold_back(lake, day)
        s3, client = server.started(counted(server.store(), requests, sent))
        server.put(client, lake)

        def run(as_of, results):
            requests.clear()
            sent.clear()
            env = {
                **os.environ,
                "QUOTIENT_LAKE": "s3://lake",
                "QUOTIENT_RESULTS": f"s3://results/{results}",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3.port}",
                "AWS_REGION": "us-east-1",
                "AWS_ALLOW_HTTP": "true",
            }
            said = [options.quotient, "run", options.job, "--as-of", f"{as_of}T00:00:00Z"]
            subprocess.run(said, env=env, check=True, stdout=subprocess.DEVNULL)
            return {bucket: (requests[bucket], sent[bucket]) for bucket in ("lake", "results")}

        run(day, "nightly")
        for table, rows in held.items():
            pq.write_table(rows, lake / table / "last-day.parquet")
        server.put(client, lake)
        runs = {"from nothing": run(options.to, "whole"), "after one new day": run(options.to, "nightly")}
        runs["nothing to do"] = run(options.to, "nightly")
        size = sum(path.stat().st_size for path in lake.rglob("*.parquet"))
        lines = sum(pq.read_metadata(path).num_rows for path in (lake / "order_lines").rglob("*.parquet"))
        s3.shutdown()
    print(f"{lines:,} order lines, {size:,} bytes of Parquet")
    print(f"{'':20}{'requests':>10}{'of the lake':>16}{'of the results':>16}{'all bytes':>16}")
    whole = sum(read for _, read in runs["from nothing"].values())
    for name, read in runs.items():
        (asked, of_lake), (of_others, of_results) = read["lake"], read["results"]
        share = (of_lake + of_results) / whole
        print(f"{name:20}{asked + of_others:>10,}{of_lake:>16,}{of_results:>16,}{of_lake + of_results:>16,} {share:>7.1%}")


if __name__ == "__main__":
    main()
