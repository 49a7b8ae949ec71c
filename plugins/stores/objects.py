"""Pictures in folders, buckets and other places that fsspec opens: lists them, and reads one at a time."""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote, unquote_to_bytes

from detectors.signatures import HEAD_BYTES
from plugins.stores.capture import captured_from_name, subject_from_uri
from plugins.stores.credentials import scrub, storage
from plugins.stores.filing import SIDECAR_BYTES, Sidecars, mark_of, person_in, read_manifest
from plugins.stores.listing import Found, find_one, is_as_listed, walk_any, walk_bucket, walk_folder
from plugins.stores.records import MAX_BYTES, StoredObject, StoreProblem
from plugins.stores.retry import attempt
from plugins.stores.stream import STREAM_BYTES, Pieces, is_streamed

if TYPE_CHECKING:
    from plugins.keys import Keyring
    from plugins.settings import StoreSettings

__all__ = ["ObjectStore", "captured_from_name", "subject_from_uri"]

# Paths with bytes or characters that cannot be printed are written percent-encoded behind this mark.
_QUOTED = "quoted:"
_LASTING = {errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError"}


class ObjectStore:
    """One store of pictures.

    Args:
        settings: what the settings file says of it.
        base: folder of the settings file, which relative paths are relative to.
        keyring: turns ids of people into ``subject_ref``; without it there is none.
        pause: sleeps between tries.

    Attributes:
        excluded: objects that ``include`` and ``exclude`` left out of the last listing.
    """

    def __init__(
        self,
        settings: StoreSettings,
        base: Path,
        keyring: Keyring | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._settings, self._base, self._keyring, self._pause = settings, base, keyring, pause
        self._sidecars: Sidecars | None = None
        self.excluded = 0

    def __repr__(self) -> str:
        return f"ObjectStore({self._settings.name!r})"

    def list(self) -> Iterator[StoredObject]:
        """Locate every object, in the order of its path; opens none.

        What cannot be opened (a pipe, a device, a broken link) comes with ``skip`` set and counts in the coverage.

        Raises:
            StoreProblem: the store cannot be listed.
        """
        self.excluded = 0
        try:
            self._sidecars = self._find_sidecars()
            for found in self._walk():
                if self._wanted(found.path):
                    yield self._object(found)
                else:
                    self.excluded += 1
        except StoreProblem:
            raise
        except Exception as error:  # the boundary of one store: drivers raise what they like
            raise StoreProblem(self._settings.name, say(error), retry=_may_pass(error)) from None

    def read(self, obj: StoredObject, max_bytes: int = MAX_BYTES, *, as_listed: bool = False) -> bytes:
        """Read one object whole: as it is now, or only if it is still the one that was listed.

        Raises:
            StoreProblem: ``vanished``, ``changed``, ``too_large`` (over ``max_bytes``), ``not_a_file``, or
                ``unreadable`` after three tries.
        """
        path = self._path(obj.uri)
        data = attempt(lambda: self._read_path(path, max_bytes + 1), self._problem, self._pause)
        if len(data) > max_bytes:
            raise StoreProblem(self._settings.name, f"an object is larger than {max_bytes} bytes", kind="too_large")
        if as_listed and not self._is_as_listed(path, obj.version, data):
            raise StoreProblem(self._settings.name, "an object has changed since it was listed", kind="changed")
        return data

    def _is_as_listed(self, path: str, version: str, data: bytes = b"") -> bool:
        return attempt(lambda: is_as_listed(self._place[0], path, version, data), self._problem, self._pause)

    def open(self, obj: StoredObject) -> BinaryIO:
        """Open one object to be looked at: a large film or archive piece by piece, anything else read whole already.

        Raises:
            StoreProblem: as ``read`` does, ``changed`` when it is not the one that was listed any more; reading a
                piece may raise it too.
        """
        if obj.size_bytes > STREAM_BYTES:
            path = self._path(obj.uri)
            file = Pieces(partial(self._piece, path), obj.size_bytes)
            if is_streamed(file.read(HEAD_BYTES)):
                if not self._is_as_listed(path, obj.version):
                    raise StoreProblem(self._settings.name, "an object has changed since it was listed", kind="changed")
                file.seek(0)
                return cast(BinaryIO, file)
        return io.BytesIO(self.read(obj, as_listed=True))

    def filed(self, obj: StoredObject) -> StoredObject:
        """Read the file beside a picture that says whose it is; one that does not say so leaves it filed under nobody.

        Raises:
            StoreProblem: the file is there and cannot be read.
        """
        sidecar = self._settings.subject_sidecar
        if not obj.sidecar or not sidecar or not self._keyring:
            return obj
        path = self._path(obj.sidecar)
        data = attempt(lambda: self._read_path(path, SIDECAR_BYTES + 1), self._problem, self._pause)
        person = person_in(data, sidecar.field)
        return replace(obj, subject_ref=self._ref(person))

    def locate(self, path: str, *, anywhere: bool = False) -> StoredObject:
        """Locate one object by its path below the root; ``skip`` says when it is not there or not below the root.

        Args:
            path: relative to the root.
            anywhere: an absolute path, or one out of the root, is taken at its word.

        Raises:
            StoreProblem: the store cannot be asked.
        """
        fs, root = self._place
        whole = posixpath.normpath(posixpath.join(root, path))
        if not anywhere and not _is_below(whole, root):
            return self._object(Found(whole, skip="outside"))
        return attempt(lambda: self._object(find_one(fs, whole)), self._problem, self._pause)

    def holds(self, uri: str) -> bool:
        """Say whether an address lies below the root."""
        return _is_below(self._path(uri), self._place[1])

    # -- opening -------------------------------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system (None for a folder of this machine) and the path of the root in it."""
        settings = self._settings
        url, options = storage(settings.url, settings.options, settings.conn_id, settings.name, self._base)
        if url.startswith("file://"):
            url = url.removeprefix("file://")
        if "://" not in url:
            return None, url
        import fsspec

        # Nothing may come from a listing that an earlier night left in this process.
        fs, root = fsspec.core.url_to_fs(url, **options.reveal(), skip_instance_cache=True, use_listings_cache=False)
        if not root.strip("/") and _protocol(fs) == "s3":
            raise StoreProblem(settings.name, "url names no bucket; write s3://bucket/folder")
        return fs, root

    def _walk(self) -> Iterator[Found]:
        fs, root = self._place
        if fs is None:
            return walk_folder(root)
        return walk_bucket(fs, root) if _protocol(fs) == "s3" else walk_any(fs, root)

    # -- names ---------------------------------------------------------------------------------------------------------

    def _below(self, path: str) -> str:
        return path.removeprefix(self._place[1]).lstrip("/") or path.rsplit("/", 1)[-1]

    def _wanted(self, path: str) -> bool:
        """Match the path below the root; a pattern without a slash also matches any name in it."""
        if path == self._manifest_path or (self._sidecars is not None and path in self._sidecars):
            return False  # they say whose pictures are, and are none
        below = self._below(path)
        if not any(_matches(below, pattern) for pattern in self._settings.include):
            return False
        parts = below.split("/")
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        return not any(_matches(place, pattern) for pattern in self._settings.exclude for place in above)

    def _object(self, found: Found) -> StoredObject:
        uri = self._uri(found.path)
        ref = self._ref(self._person(found.path, uri))
        beside = self._sidecars.of(found.path) if self._sidecars is not None else None
        # Filed under somebody else it is another version: it has to be looked at again.
        mark = mark_of(beside[1]) if beside else mark_of(ref) if ref else ""
        return StoredObject(
            store=self._settings.name,
            uri=uri,
            version=f"{found.version}-{mark}" if mark else found.version,
            size_bytes=found.size,
            modified_at=found.modified_at,
            subject_ref=ref,
            skip=found.skip,
            sidecar=self._uri(beside[0]) if beside else None,
        )

    # -- whose they are ------------------------------------------------------------------------------------------------

    def _find_sidecars(self) -> Sidecars | None:
        given = self._settings.subject_sidecar
        return Sidecars(given, self._walk()) if given else None

    @cached_property
    def _manifest(self) -> Mapping[str, str]:
        given = self._settings.subject_manifest
        return read_manifest(self._settings, given, self._base) if given else {}

    @cached_property
    def _manifest_path(self) -> str:
        given = self._settings.subject_manifest
        return (
            given.path if given and "://" in given.path else str((self._base / given.path).absolute()) if given else ""
        )

    def _person(self, path: str, uri: str) -> str | None:
        if self._settings.subject_manifest:
            return self._manifest.get(self._below(path))
        return subject_from_uri(self._settings.subject_pattern, uri) if self._settings.subject_pattern else None

    def _ref(self, person: str | None) -> str | None:
        return self._keyring.pseudonym(self._settings.id_namespace, person) if person and self._keyring else None

    def _uri(self, path: str) -> str:
        fs = self._place[0]
        plain = path if fs is None else f"{_protocol(fs)}://{path}"
        if plain.isprintable() and not plain.startswith(_QUOTED):
            return plain
        return _QUOTED + quote(os.fsencode(plain), safe="/:")

    def _path(self, uri: str) -> str:
        plain = os.fsdecode(unquote_to_bytes(uri.removeprefix(_QUOTED))) if uri.startswith(_QUOTED) else uri
        fs = self._place[0]
        return plain if fs is None else plain.removeprefix(f"{_protocol(fs)}://")

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read_path(self, path: str, limit: int) -> bytes:
        fs = self._place[0]
        if fs is None:
            return _read_file(path, limit)
        try:
            return bytes(fs.cat_file(path, start=0, end=limit))
        except OSError as error:
            if error.errno == errno.EINVAL and fs.info(path)["size"] == 0:
                return b""  # S3 refuses any range of an empty object
            raise

    def _piece(self, path: str, start: int, end: int) -> bytes:
        piece = attempt(lambda: self._read_range(path, start, end), self._problem, self._pause)
        if len(piece) < end - start:
            why = "an object has become smaller since it was listed"
            raise StoreProblem(self._settings.name, why, kind="changed")
        return piece

    def _read_range(self, path: str, start: int, end: int) -> bytes:
        fs = self._place[0]
        return _read_file(path, end - start, start) if fs is None else bytes(fs.cat_file(path, start=start, end=end))

    def _problem(self, error: Exception) -> StoreProblem:
        name = self._settings.name
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return StoreProblem(name, "an object is gone since it was listed", kind="vanished")
        if isinstance(error, IsADirectoryError):
            return StoreProblem(name, "what was listed as an object is not a file", kind="not_a_file")
        if isinstance(error, PermissionError):
            return StoreProblem(name, "no permission to read an object; grant reading to the scanner's user")
        return StoreProblem(name, f"an object cannot be read ({type(error).__name__})", retry=_may_pass(error))


def _read_file(path: str, limit: int, start: int = 0) -> bytes:
    """Read a regular file, from a place on. What became a pipe since the listing neither blocks nor is read."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise IsADirectoryError(errno.EISDIR, "not a regular file")
        file.seek(start)
        return file.read(limit)


def _protocol(fs: Any) -> str:
    return str(fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0])


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _matches(below: str, pattern: str) -> bool:
    pattern = pattern.strip("/").removeprefix("**/")
    return fnmatchcase(below, pattern) or ("/" not in pattern and fnmatchcase(below.rsplit("/", 1)[-1], pattern))


def _may_pass(error: Exception) -> bool:
    if isinstance(error, FileNotFoundError | PermissionError | ImportError | ValueError):
        return False
    lasting = isinstance(error, OSError) and error.errno in _LASTING
    return not lasting and type(error).__name__ not in _NO_CREDENTIALS


def say(error: Exception) -> str:
    """Put into words why a store cannot be listed, without a path (folders are named after people) or a credential."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "there is nothing at its url; correct the url, or mount or create the place"
    if isinstance(error, PermissionError):
        return "no permission to list it; grant listing to the scanner's user"
    if isinstance(error, OSError) and error.errno:
        return f"cannot be listed: {os.strerror(error.errno)}"
    text = " ".join(scrub(error).split())
    return f"cannot be listed: {type(error).__name__}: {text[:200]}"
