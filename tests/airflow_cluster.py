"""An Airflow as on several machines: CeleryExecutor, PostgreSQL, Redis, workers that can be pinned and killed.

The database and the keys in Redis carry a name of their own and are removed at the end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
import sqlalchemy as sa

from plugins.airflow_local import LocalAirflow, environment, free_port, migrate, spawn, stop, wait_until_ready

POSTGRES = os.environ.get("FACEWARDEN_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
REDIS = os.environ.get("FACEWARDEN_TEST_REDIS", "redis://127.0.0.1:6379/5")
# A worker that says nothing for so long is taken for dead.
SILENCE_SECONDS = 12
_ROOT = Path(__file__).resolve().parent.parent
_NAMES = "import os\n\n\ndef name() -> str:\n    return os.environ['WORKER_NAME']\n"


class NoServer(Exception):
    """PostgreSQL or Redis does not answer; says how to start one."""


@dataclass(slots=True)
class Cluster:
    """A running Airflow whose workers and scheduler can be killed and started again."""

    airflow: LocalAirflow
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, part: str, core: int | None = None) -> None:
        """Start a part, or a worker: any other name. ``core``: it and its children run on that one only."""
        env, home = dict(self.airflow.env), self.airflow.home
        words: tuple[str, ...] = ()
        if part not in {"api-server", "scheduler", "dag-processor"}:
            # All are on one machine: Airflow would know every worker by the same host name.
            env |= {"WORKER_NAME": part, "AIRFLOW__CORE__HOSTNAME_CALLABLE": "worker_names.name"}
            pid = str(home / f"{part}.pid")
            words = ("worker", "--celery-hostname", f"{part}@%h", "--skip-serve-logs", "--pid", pid)
        process = spawn(env, home, "celery" if words else part, *words)
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        self.processes[part] = process

    def kill(self, part: str) -> None:
        """Kill a part and all that it started with SIGKILL: none of them can say anything any more."""
        process = self.processes.pop(part)
        for pid in (*_descendants(process.pid), process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()

    def employ(self, worker: str, *, yes: bool) -> None:
        """Let a worker take tasks, or take no more."""
        words = ["celery", "add-queue" if yes else "remove-queue", "--queues", "default"]
        name = f"{worker}@{socket.gethostname()}"
        command = [str(Path(sys.executable).parent / "airflow"), *words, "--celery-hostname", name]
        subprocess.run(command, env=dict(self.airflow.env), capture_output=True, check=True)


def _descendants(pid: int) -> list[int]:
    """Name the children of a process, their children, and so on; the nearest first."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue  # it has just ended
    return found[1:]


@contextmanager
def running_cluster(home: Path, settings: Path, **more: str) -> Iterator[Cluster]:
    """Start everything but the workers; remove database and keys at the end.

    Raises:
        NoServer: PostgreSQL or Redis does not answer.
    """
    name = f"facewarden_{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        database = _own_database(name, stack)
        _own_keys(name, stack)
        port = free_port()
        env = environment(home, settings, port) | _cluster_environment(home, database, name) | more
        migrate(env, home)
        (home / "worker_names.py").write_text(_NAMES, encoding="ascii")
        cluster = Cluster(LocalAirflow(home, env, f"http://127.0.0.1:{port}"))
        stack.callback(lambda: stop(list(cluster.processes.values())))
        for part in ("api-server", "scheduler", "dag-processor"):
            cluster.start(part)
        wait_until_ready(cluster.airflow, list(cluster.processes.values()))
        yield cluster


def _cluster_environment(home: Path, database: str, name: str) -> dict[str, str]:
    return {
        "PYTHONPATH": f"{home}{os.pathsep}{_ROOT}",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": "32",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__CELERY__BROKER_URL": REDIS,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__GLOBAL_KEYPREFIX": f"{name}:",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(SILENCE_SECONDS),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
        "FACEWARDEN_RETRY_SECONDS": "1",
    }


def _own_database(name: str, stack: ExitStack) -> str:
    server = sa.create_engine(
        POSTGRES.replace("postgresql://", "postgresql+psycopg://"),
        connect_args={"connect_timeout": 3},
        isolation_level="AUTOCOMMIT",
    )
    stack.callback(server.dispose)

    def run(statement: str) -> None:
        with server.connect() as connection:
            connection.exec_driver_sql(statement)

    try:
        run(f"CREATE DATABASE {name}")
    except sa.exc.OperationalError as error:
        raise NoServer("no PostgreSQL answers; start one, or set FACEWARDEN_TEST_POSTGRES") from error
    stack.callback(run, f"DROP DATABASE {name} WITH (FORCE)")
    url = sa.make_url(POSTGRES).set(drivername="postgresql+psycopg2", database=name)
    return url.render_as_string(hide_password=False)


def _own_keys(name: str, stack: ExitStack) -> None:
    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.ConnectionError as error:
        raise NoServer("no Redis answers; start one, or set FACEWARDEN_TEST_REDIS") from error

    def remove() -> None:
        for key in client.scan_iter(f"{name}:*"):
            client.delete(key)
        client.close()

    stack.callback(remove)
