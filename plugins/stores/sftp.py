"""Opens SFTP servers, and only those whose host key is known: fsspec alone would trust any at first sight."""

from __future__ import annotations

import base64
import binascii
import stat
from pathlib import Path
from typing import Any

from plugins.stores.records import StoreProblem

_HOW = "ask its owner for the key and put it into a known_hosts file (`known_hosts`), or into `host_key`"


def open_sftp(url: str, options: dict[str, Any], name: str, base: Path) -> tuple[Any, str]:
    """Connect to an SFTP server.

    Args:
        url: ``sftp://user@host:port/path``.
        options: those of paramiko's ``connect``, and two of our own. ``known_hosts``: path of a file in OpenSSH's
            format, instead of the user's and the system's; ``host_key``: the key itself, ``ssh-ed25519 AAAA...``.
        name: the store's, for messages.
        base: folder of the settings file, which ``known_hosts`` is relative to.

    Returns:
        The file system and the path in it.

    Raises:
        StoreProblem: the server's key is not known, is another one, or the server lets us not in.
        ImportError: paramiko is not installed.
    """
    import paramiko

    try:
        return _connected(url, options, name, base)
    except paramiko.BadHostKeyException:
        raise StoreProblem(name, f"the SFTP server shows another host key than the known one; {_HOW}") from None
    except paramiko.AuthenticationException:
        why = "the SFTP server refuses the user; correct user, password or `key_filename`"
        raise StoreProblem(name, why) from None
    except paramiko.SSHException as error:
        if "not found in known_hosts" in str(error):
            raise StoreProblem(name, f"the SFTP server's host key is not known; {_HOW}") from None
        raise


def _connected(url: str, options: dict[str, Any], name: str, base: Path) -> tuple[Any, str]:
    import paramiko
    from fsspec.implementations.sftp import SFTPFileSystem

    given = SFTPFileSystem._get_kwargs_from_urls(url) | options
    known_hosts, host_key = given.pop("known_hosts", None), given.pop("host_key", None)
    given.pop("host_key_policy", None)
    client = paramiko.SSHClient()
    if host_key:
        _add_key(client, given["host"], int(given.get("port") or 22), host_key, name)
    else:
        _load_keys(client, base / Path(known_hosts).expanduser() if known_hosts else None, name)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())

    class Checked(SFTPFileSystem):  # type: ignore[misc]
        def _connect(self) -> None:
            self.client = client
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()

        @staticmethod
        def _decode_stat(state: Any, parent_path: str | None = None) -> dict[str, Any]:
            told: dict[str, Any] = SFTPFileSystem._decode_stat(state, parent_path)
            if told["type"] == "file" and not stat.S_ISREG(state.st_mode):
                told["type"] = "other"  # opening a pipe would wait for ever
            return told

    return Checked(skip_instance_cache=True, **given), SFTPFileSystem._strip_protocol(url)


def _load_keys(client: Any, known_hosts: Path | None, name: str) -> None:
    if known_hosts is None:
        client.load_system_host_keys()
        if (system := Path("/etc/ssh/ssh_known_hosts")).exists():
            client.load_system_host_keys(str(system))
        return
    try:
        client.load_host_keys(str(known_hosts))
    except OSError as error:
        raise StoreProblem(name, f"the file of `known_hosts` cannot be read ({error.strerror})") from None


def _add_key(client: Any, host: str, port: int, text: str, name: str) -> None:
    import paramiko

    kind, _, rest = text.strip().partition(" ")
    try:
        key = paramiko.PKey.from_type_string(kind, base64.b64decode(rest.split(" ")[0], validate=True))
    except (binascii.Error, paramiko.SSHException, paramiko.UnknownKeyType, ValueError):
        raise StoreProblem(name, "`host_key` is no key; write it like `ssh-ed25519 AAAA...`") from None
    client.get_host_keys().add(host if port == 22 else f"[{host}]:{port}", kind, key)
