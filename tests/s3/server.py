"""A local S3-compatible server with a lake in it, for tests.

    python tests/s3/server.py LAKE

In: the folder of a lake. Out: buckets `lake`, with its files, and `results`, empty; the server's port, one line on stdout.
It serves on 127.0.0.1 until its stdin is closed, so that it ends with the test that started it.
Signatures are not checked. One lock around the whole application makes a conditional PUT atomic: without it, two writers can win.
"""

import os
import pathlib
import sys
import threading

import boto3
from botocore.config import Config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    """A handler that writes no log."""

    def log(self, type, message, *args):
        pass


def store():
    """An application that is an S3-compatible store, one request at a time."""
    application = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def serve(environ, start_response):
        with lock:
            answer = application(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                if hasattr(answer, "close"):
                    answer.close()

    return serve


def started(application):
    """A server of an application with buckets `lake` and `results`, and a client of it."""
    # Whatever account the environment has, it is not used here.
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    for bucket in ("lake", "results"):
        client.create_bucket(Bucket=bucket)
    return server, client


def put(client, lake):
    """Puts the files of a lake into its bucket."""
    for path in sorted(lake.rglob("*.parquet")):
        client.put_object(Bucket="lake", Key=path.relative_to(lake).as_posix(), Body=path.read_bytes())


def main():
    server, client = started(store())
    put(client, pathlib.Path(sys.argv[1]))
    print(server.port, flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
