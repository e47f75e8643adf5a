"""The exports of `quotient schedule`, tried on the systems that they are for, and a schedule over nights that pass.

    python tests/schedulers.py QUOTIENT PROJECT

In: the program, the packaged project. Out: a line for each system on stdout; the exit status is 1 where one does not do what docs/operations.md says.
It needs cron, faketime and systemd-analyze on the path, and apache-airflow 3 and kubernetes-validate beside this Python; cron must be startable.
"""

import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

JOB = """\
name: small
schedule: "{schedule}"
catch_up: one
timeout: 30 minutes
retries: {{times: 1, wait: 1 minutes}}
results: "{{{{ env_var('QUOTIENT_RESULTS') }}}}"
{more}periods:
  grains: [month]
tables:
  - name: volume
    metrics: [units_sold]
    slices: [[]]
"""


class Place:
    """A folder with a lake and a job, and where its results go."""

    def __init__(self, quotient, project, folder):
        self.quotient, self.folder = quotient, folder
        # An export says `quotient`: it has to be found under that name.
        (folder / "bin").mkdir()
        shutil.copy(quotient, folder / "bin" / "quotient")
        shutil.copytree(project, folder / "jobs")
        self.environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "QUOTIENT_LAKE": str(folder / "lake")}
        self.call("none", "demo", "--out", str(folder / "lake"), "--scale", "0.002", "--from", "2024-01-01", "--to", "2026-01-01")

    def with_results(self, results):
        return {**self.environment, "QUOTIENT_RESULTS": str(self.folder / results)}

    def job(self, schedule, more=""):
        (self.folder / "jobs" / "small.yml").write_text(JOB.format(schedule=schedule, more=more))

    def call(self, results, *arguments):
        done = subprocess.run(["quotient", *arguments], cwd=self.folder, env=self.with_results(results), check=True, capture_output=True, text=True)
        return done.stdout

    def export(self, form):
        return self.call("none", "schedule", "export", "jobs/small.yml", "--format", form)

    def as_ofs(self, results):
        return sorted(run["as_of"] for run in json.loads(self.call(results, "runs", "jobs/small.yml", "--format", "json")))


def expect(found, expected):
    if found != expected:
        raise AssertionError(f"found {found}, expected {expected}")


def cron(place):
    """The line as it is in a crontab: a minute later there is a run."""
    place.job("* * * * *")
    before = subprocess.run(["crontab", "-l"], check=False, capture_output=True, text=True).stdout
    table = "".join(f"{name}={place.with_results('cron')[name]}\n" for name in ["PATH", "QUOTIENT_LAKE", "QUOTIENT_RESULTS"])
    subprocess.run(["crontab", "-"], input=table + place.export("cron"), text=True, check=True)
    daemon = subprocess.Popen(["cron", "-f"])
    try:
        until = time.monotonic() + 100
        while not (place.folder / "cron" / "kpi_runs" / "_delta_log").is_dir() and time.monotonic() < until:
            time.sleep(1)
        time.sleep(1)
        expect(len(place.as_ofs("cron")), 1)
    finally:
        daemon.terminate()
        daemon.wait()
        subprocess.run(["crontab", "-"], input=before, text=True, check=True)
    return "the line ran"


def systemd(place):
    """Both units verified, the calendar understood; the command of the service as a shell runs it."""
    place.job("30 2 * * 1-5")
    units = dict(re.findall(r"# /etc/systemd/system/(\S+)\n(.*?)(?=\n# /etc/systemd/|\Z)", place.export("systemd"), re.DOTALL))
    for name, unit in units.items():
        (place.folder / name).write_text(unit)
    found = subprocess.run(["systemd-analyze", "verify", *(f"./{name}" for name in units)], cwd=place.folder, check=True, capture_output=True, text=True)
    expect((found.stdout + found.stderr).replace("Command quotient is not executable: No such file or directory", ""), "")
    calendar = re.search(r"OnCalendar=(.*)", units["quotient-small.timer"]).group(1)
    said = subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True, text=True).stdout
    expect(re.search(r"Normalized form: (.*)", said).group(1), "Mon..Fri *-*-* 02:30:00 Europe/Berlin")
    return f"units verified, {calendar}"


def kubernetes(place):
    """The manifest against the schema of Kubernetes, unknown fields refused."""
    place.job("0 2 * * *")
    manifest = place.folder / "cronjob.yml"
    manifest.write_text(place.export("kubernetes"))
    program = pathlib.Path(sys.executable).with_name("kubernetes-validate")
    said = subprocess.run([program, "--strict", manifest], check=True, capture_output=True, text=True)
    return re.search(r"passed .*", said.stdout + said.stderr).group(0)


def airflow(place):
    """The file among the DAGs, its run tested: the as-of is that of its date."""
    place.job("0 2 * * *")
    home = place.folder / "airflow"
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "small.py").write_text(place.export("airflow"))
    environment = {**place.with_results("airflow_results"), "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    program = pathlib.Path(sys.executable).with_name("airflow")

    def call(*arguments):
        done = subprocess.run([program, *arguments], cwd=place.folder, env=environment, check=True, capture_output=True, text=True)
        return done.stdout + done.stderr

    call("db", "migrate")
    said = call("dags", "test", "quotient-small", "2026-01-02T01:00:00+00:00")
    expect([line for line in said.splitlines() if "deprecated" in line and "small.py" in line], [])
    expect(place.as_ofs("airflow_results"), ["2026-01-02T01:00:00Z"])
    return f"version {call('version').strip()}, the task ran as of its date"


def nights(place):
    """A schedule at the speed of two minutes a second: a night, three nights without it, and a start after them."""
    place.job("0 2 * * *")

    def watch(begin, seconds):
        command = ["timeout", "-s", "TERM", str(seconds), "faketime", "-f", f"@{begin} x120", "quotient", "schedule", "jobs/small.yml"]
        subprocess.run(command, cwd=place.folder, env={**place.with_results("nights"), "TZ": "UTC"}, check=False, capture_output=True)

    watch("2026-01-01 00:55:00", 8)
    expect(place.as_ofs("nights"), ["2026-01-01T01:00:00Z"])
    watch("2026-01-04 07:30:00", 5)
    expect(place.as_ofs("nights"), ["2026-01-01T01:00:00Z", "2026-01-04T01:00:00Z"])
    watch("2026-01-04 09:30:00", 5)
    expect(place.as_ofs("nights"), ["2026-01-01T01:00:00Z", "2026-01-04T01:00:00Z"])
    return "due at 02:00 in Berlin; of three missed nights the last was made up for, once"


def openlineage(place):
    """A server that takes events: START, then COMPLETE with what was written."""
    events = []

    class Takes(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            events.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Takes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.job("0 2 * * *", f'openlineage: {{url: "http://127.0.0.1:{server.server_port}/api/v1/lineage", namespace: kpis}}\n')
    place.call("lineage", "run", "jobs/small.yml", "--as-of", "2026-01-01")
    server.shutdown()
    expect([event["eventType"] for event in events], ["START", "COMPLETE"])
    expect(len({event["run"]["runId"] for event in events}), 1)
    expect({(event["job"]["namespace"], event["job"]["name"]) for event in events}, {("kpis", "small")})
    written = {pathlib.Path(output["name"]).name for output in events[1]["outputs"]}
    expect({"volume", "kpi_values", "kpi_runs"} - written, set())
    return f"{len(events)} events, {len(written)} tables"


def main():
    quotient, project = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Place(quotient, project, pathlib.Path(folder))
        for tried in [cron, systemd, kubernetes, airflow, nights, openlineage]:
            try:
                print(f"{tried.__name__}: {tried(place)}", flush=True)
            except (AssertionError, AttributeError, OSError, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"{tried.__name__}: FAILED: {error}\n{getattr(error, 'stderr', None) or ''}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
