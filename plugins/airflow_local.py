"""A small Airflow on this machine alone: SQLite, LocalExecutor, localhost; for the demo, the tests and a first look.

The numbers in ``environment`` keep it alive: with Airflow's default of 32 parallel tasks the scheduler dies of a locked
SQLite database; with 4 it does not (measured, 210 mapped tasks).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SQLITE_PARALLELISM = 4
_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 300.0


class AirflowProblem(Exception):
    """The small Airflow did not start, or lost a run; says where its logs are."""


def environment(home: Path, settings: Path, port: int = 8080, *, nightly: bool = False) -> dict[str, str]:
    """Give the environment of every process of the small Airflow; without ``nightly`` nothing runs by the clock."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW__")}
    # Airflow's packages are compiled at set-up; without this they would be compiled anew at every start.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    first_night = {} if nightly else {"FACEWARDEN_FIRST_NIGHT": "9000-01-01"}
    return (
        kept
        | first_night
        | {
            "AIRFLOW_HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",  # for standalone
            "FACEWARDEN_SETTINGS": str(settings.absolute()),
            "AIRFLOW__CORE__DAGS_FOLDER": str(_ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(_ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(min(SQLITE_PARALLELISM, os.cpu_count() or 1)),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": _secret(home / "jwt.secret"),
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        }
    )


def _secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_hex(48))
    return path.read_text(encoding="ascii")


@dataclass(frozen=True, slots=True)
class LocalAirflow:
    """A running small Airflow, spoken to over its REST API."""

    home: Path
    env: Mapping[str, str]
    url: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the REST API; give the decoded answer.

        Raises:
            AirflowProblem: it refused.
        """
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api/v2{path}", data, method=method)  # noqa: S310 - our own URL
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {self._token()}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AirflowProblem(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error

    def _token(self) -> str:
        # With all users admins the local login hands out a token without a password.
        with urllib.request.urlopen(f"{self.url}/auth/token", timeout=60) as answer:  # noqa: S310
            return str(json.loads(answer.read())["access_token"])

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a run of a DAG."""
        body = {"dag_run_id": run_id, "conf": dict(conf), "logical_date": None}
        self.call("POST", f"/dags/{dag_id}/dagRuns", body)

    def wait(
        self, dag_id: str, run_id: str, seconds: float, tick: Callable[[dict[str, int]], None] = lambda c: None
    ) -> str:
        """Wait until a run ends; give its state.

        Raises:
            AirflowProblem: it did not end in time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
            tick(self.task_states(dag_id, run_id))
            if state in {"success", "failed"}:
                return state
            time.sleep(1.0)
        raise AirflowProblem(f"{dag_id} {run_id} did not end within {seconds:.0f} s; its logs are in {self.home}/logs")

    def task_states(self, dag_id: str, run_id: str) -> dict[str, int]:
        """Count the run's task instances by state."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
        states = [str(t["state"] or "waiting") for t in found]
        return {s: states.count(s) for s in sorted(set(states))}


PARTS = ("api-server", "scheduler", "dag-processor")
"""The processes that make up an Airflow with a LocalExecutor; ``("standalone",)`` is Airflow's own bundle of them."""


@contextmanager
def running(
    home: Path, settings: Path, port: int | None = None, *, nightly: bool = False, parts: tuple[str, ...] = PARTS
) -> Iterator[LocalAirflow]:
    """Start the small Airflow, wait until it answers and knows the DAGs, stop it at the end.

    Raises:
        AirflowProblem: a part ended or did not answer in time.
    """
    port = port or free_port()
    env = environment(home, settings, port, nightly=nightly)
    migrate(env, home)
    started = [spawn(env, home, part) for part in parts]
    airflow = LocalAirflow(home, env, f"http://127.0.0.1:{port}")
    try:
        wait_until_ready(airflow, started)
        yield airflow
    finally:
        stop(started)


def serve(home: Path, settings: Path, port: int, say: Callable[[str], None]) -> None:
    """Run the small Airflow until interrupted.

    Raises:
        AirflowProblem: it did not start, or one of its parts ended.
    """
    with running(home, settings, port, nightly=True) as airflow:
        say(f"Airflow runs at {airflow.url} (this machine only); interrupt to stop")
        try:
            while True:
                time.sleep(5)
                airflow.call("GET", "/monitor/health")
        except KeyboardInterrupt:
            say("stopping")
        except OSError as error:
            raise AirflowProblem(f"Airflow stopped answering; see {home}/logs/*.out") from error


def migrate(env: Mapping[str, str], home: Path) -> None:
    """Make Airflow's home and its database.

    Raises:
        AirflowProblem: the database could not be made.
    """
    log = home / "logs" / "migrate.out"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        done = subprocess.run([_command(), "db", "migrate"], env=env, stdout=out, stderr=out, check=False)  # noqa: S603
    if done.returncode:
        raise AirflowProblem(f"airflow db migrate ended with {done.returncode}; see {log}")


def spawn(env: Mapping[str, str], home: Path, part: str, *words: str) -> subprocess.Popen[bytes]:
    """Start a part of Airflow in a process group of its own; what it says goes to ``logs/PART.out``."""
    with (home / "logs" / f"{part}.out").open("ab") as out:
        command = [_command(), part, *words]
        return subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)  # noqa: S603


def _command() -> str:
    return str(Path(sys.executable).parent / "airflow")


def wait_until_ready(airflow: LocalAirflow, parts: list[subprocess.Popen[bytes]]) -> None:
    """Wait until Airflow answers and knows the DAGs.

    Raises:
        AirflowProblem: a part ended, a DAG cannot be read, or it took too long.
    """
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if any(part.poll() is not None for part in parts):
            break
        try:
            known = {d["dag_id"] for d in airflow.call("GET", "/dags")["dags"]}
            errors = airflow.call("GET", "/importErrors")["import_errors"]
        except (OSError, AirflowProblem, ValueError):
            known, errors = set(), []
        if errors:
            raise AirflowProblem(f"Airflow could not read a DAG: {errors[0]['stack_trace'].strip().splitlines()[-1]}")
        if {"face_census", "retention_watch"} <= known:
            return
        time.sleep(0.5)
    raise AirflowProblem(f"Airflow did not start; see {airflow.home}/logs/*.out")


def stop(parts: list[subprocess.Popen[bytes]]) -> None:
    """Ask parts and their children to end; kill those that do not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for part in parts:
            try:
                os.killpg(part.pid, sign)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 15
        for part in parts:
            try:
                part.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue


def free_port() -> int:
    """Give a port of localhost that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
