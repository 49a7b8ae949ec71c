"""Servers that tests start for themselves: OpenSSH's SFTP, and emulators of Google Cloud Storage and Azure."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

AZURITE = "build/azurite/node_modules/.bin/azurite-blob"
# The account of every Azurite, from its documentation: no secret.
_ACCOUNT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6"
    "IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
)


@dataclass(frozen=True)
class Sftp:
    """A running SFTP server: where, the user's key, the server's keys, and a folder that it gives."""

    port: int
    user: str
    key: Path
    known_hosts: Path
    host_key: str
    root: Path

    def url(self, path: str = "") -> str:
        return f"sftp://{self.user}@127.0.0.1:{self.port}{self.root}{path}"

    def options(self, **more: Any) -> dict[str, Any]:
        return {"key_filename": str(self.key), "known_hosts": str(self.known_hosts), "look_for_keys": False} | more


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sftp]:
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if sshd is None:
        _give_up("no OpenSSH server; install one with `apt-get install openssh-server`")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it when root starts it
    folder, port = tmp_path_factory.mktemp("sftp"), free_port()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    config = f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
    (folder / "sshd_config").write_text(config)
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "root").mkdir()
    with started([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], port):
        yield Sftp(port, getpass.getuser(), folder / "user", folder / "known_hosts", host_key, folder / "root")


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    from gcp_storage_emulator.server import create_server

    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="cloud")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the connection string of an Azurite."""
    azurite = os.environ.get("FACEWARDEN_TEST_AZURITE", AZURITE)
    if shutil.which(azurite) is None:
        _give_up("no Azurite; install one with `npm install --prefix build/azurite azurite@3.37.0`")
    port, folder = free_port(), tmp_path_factory.mktemp("azurite")
    options = ["--silent", "--skipApiVersionCheck", "--location", str(folder), "--blobPort", str(port)]
    with started([azurite, *options], port):
        yield _ACCOUNT.format(port=port)


class started:  # noqa: N801 - reads as a word of the with statement
    """A server process that listens on a port of this machine, ended at the end."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command, self._port = command, port

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        self._process.kill()
        pytest.fail(f"{self._command[0]} does not answer")

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _give_up(why: str) -> NoReturn:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    raise AssertionError
