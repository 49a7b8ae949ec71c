"""Pictures in folders, buckets and other places that fsspec opens: lists them, and reads one at a time."""

from __future__ import annotations

import io
import os
import posixpath
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from detectors.signatures import HEAD_BYTES
from plugins.stores.addresses import spelt, unspelt
from plugins.stores.capture import captured_from_name, subject_from_uri
from plugins.stores.choosing import Chooser
from plugins.stores.clouds import walk_azure, walk_google
from plugins.stores.faults import listing_problem, reading_problem
from plugins.stores.filing import SIDECAR_BYTES, Sidecars, mark_of, person_in, read_manifest
from plugins.stores.folders import walk_folder
from plugins.stores.inventory import Inventory
from plugins.stores.listing import Found, walk_any, walk_bucket
from plugins.stores.locating import find_one, is_as_listed
from plugins.stores.moves import Moves
from plugins.stores.pace import Pace
from plugins.stores.places import open_place, protocol_of
from plugins.stores.reading import Reader
from plugins.stores.records import MAX_BYTES, StoredObject, StoreProblem
from plugins.stores.retry import attempt
from plugins.stores.stream import STREAM_BYTES, Pieces, is_streamed

if TYPE_CHECKING:
    from plugins.keys import Keyring
    from plugins.settings import StoreSettings

__all__ = ["ObjectStore", "captured_from_name", "subject_from_uri"]

_WALKS = {"s3": walk_bucket, "gs": walk_google, "abfs": walk_azure}
# What a folder is skipped for that may not be listed, or a link to one that is not there now.
_CLOSED = {"unreadable", "vanished"}


class ObjectStore:
    """One store of pictures.

    Args:
        settings: what the settings file says of it.
        base: folder of the settings file, which relative paths are relative to.
        keyring: turns ids of people into ``subject_ref``; without it there is none.
        pause: sleeps between tries, and where a rate limit asks for it.
        clock: tells the seconds by which a rate limit counts.

    Attributes:
        excluded: objects that ``include``, ``exclude``, ``hidden`` and ``links`` left out of the last listing.
        listed_at: when the last listing was made, where it was an inventory; else None.
        closed: addresses of folders that could not be listed, of links that lead nowhere, and of files not to be asked.
    """

    def __init__(
        self,
        settings: StoreSettings,
        base: Path,
        keyring: Keyring | None = None,
        pause: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._base, self._keyring, self._pause = settings, base, keyring, pause
        self._sidecars: Sidecars | None = None
        self._chooser = Chooser(settings.include, settings.exclude, hidden=settings.hidden == "look")
        self._pace = Pace(settings.max_requests_per_second, settings.max_bytes_per_second, clock, pause)
        self.excluded = 0
        self.listed_at: datetime | None = None
        self.closed = set[str]()

    def __repr__(self) -> str:
        return f"ObjectStore({self._settings.name!r})"

    def list(self) -> Iterator[StoredObject]:
        """Locate every object, in the order of its path (of an inventory, in the report's); opens none.

        What cannot be opened (a pipe, a device, a broken link) comes with ``skip`` set and counts in the coverage.

        Raises:
            StoreProblem: the store cannot be listed.
        """
        self.excluded, self.closed = 0, set()
        try:
            self._sidecars = self._find_sidecars()
            for found in self._walk():
                if found.skip in _CLOSED:
                    self.closed.add(self._uri(found.path))
                if found.skip != "left_out" and self._wanted(found.path):
                    yield self._object(found)
                else:
                    self.excluded += 1
        except StoreProblem:
            raise
        except Exception as error:  # the boundary of one store: drivers raise what they like
            raise listing_problem(self._settings.name, error) from None

    def read(self, obj: StoredObject, max_bytes: int = MAX_BYTES, *, as_listed: bool = False) -> bytes:
        """Read one object whole: as it is now, or only if it is still the one that was listed.

        Raises:
            StoreProblem: ``vanished``, ``changed``, ``too_large`` (over ``max_bytes``), ``not_a_file``, or
                ``unreadable`` after three tries.
        """
        data = self._reader.whole(self._path(obj.uri), max_bytes + 1)
        if len(data) > max_bytes:
            raise StoreProblem(self._settings.name, f"an object is larger than {max_bytes} bytes", kind="too_large")
        if as_listed:
            self._check_as_listed(obj, data)
        return data

    def _check_as_listed(self, obj: StoredObject, data: bytes) -> None:
        fs, path = self._place[0], self._path(obj.uri)
        problem = partial(reading_problem, self._settings.name)
        if not attempt(lambda: is_as_listed(fs, path, obj.version, data), problem, self._pause):
            raise StoreProblem(self._settings.name, "an object has changed since it was listed", kind="changed")

    def open(self, obj: StoredObject) -> BinaryIO:
        """Open one object to be looked at: a large film or archive piece by piece, anything else read whole already.

        Raises:
            StoreProblem: as ``read`` does, ``changed`` when it is not the one that was listed any more; reading a
                piece may raise it too.
        """
        if obj.size_bytes > STREAM_BYTES:
            check = partial(self._check_as_listed, obj, b"")
            file = Pieces(partial(self._reader.piece, self._path(obj.uri)), obj.size_bytes, check)
            if is_streamed(file.read(HEAD_BYTES)):
                check()
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
        person = person_in(self._reader.whole(self._path(obj.sidecar), SIDECAR_BYTES + 1), sidecar.field)
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
        problem = partial(reading_problem, self._settings.name)
        return attempt(lambda: self._object(find_one(fs, whole)), problem, self._pause)

    def holds(self, uri: str) -> bool:
        """Say whether an address lies below the root."""
        return _is_below(self._path(uri), self._place[1])

    # -- opening -------------------------------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system (None for a folder of this machine) and the path of the root in it."""
        return open_place(self._settings, self._base)

    @cached_property
    def _reader(self) -> Reader:
        fs, root = self._place
        home = os.path.realpath(root) if fs is None and self._settings.links != "follow" else None
        return Reader(self._settings.name, fs, home, self._pace, self._pause)

    def _walk(self) -> Iterator[Found]:
        fs, root = self._place
        if fs is None:
            return walk_folder(root, self._settings.links, self._pace.request)
        if given := self._settings.inventory:
            inventory = Inventory(self._address(given.manifest), self._settings.name, self._reader.said, self._names)
            self.listed_at = inventory.made_at
            return inventory.walk(root, datetime.now(UTC), given.max_age_days)
        return _WALKS.get(protocol_of(fs), walk_any)(fs, root, self._pace.request)

    def _address(self, address: str) -> str:
        """Make an address of the settings into a path of the store's file system."""
        fs = self._place[0]
        if fs is None:
            return str((self._base / Path(address.removeprefix("file://")).expanduser()).absolute())
        return str(fs._strip_protocol(address))

    def _names(self, folder: str) -> Sequence[str]:
        self._pace.request()
        return [str(name) for name in self._place[0].ls(folder, detail=False)]

    # -- names ---------------------------------------------------------------------------------------------------------

    def _below(self, path: str) -> str:
        return path.removeprefix(self._place[1]).lstrip("/") or path.rsplit("/", 1)[-1]

    def _wanted(self, path: str) -> bool:
        """Match the path below the root; a pattern without a slash also matches any name in it."""
        if path == self._manifest_path or (self._sidecars is not None and path in self._sidecars):
            return False  # they say whose pictures are, and are none
        return self._chooser.wants(self._below(path))

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
            moved_from=self._moved_from(found.path),
            by_content=found.by_content,
        )

    @cached_property
    def _moves(self) -> Moves:
        return Moves(self._settings.moved, self._place[1], self._address)

    def _moved_from(self, path: str) -> str | None:
        if not self._settings.moved:
            return None
        before = self._moves.before(path)
        return self._uri(before) if before else None

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
        return spelt(path if fs is None else f"{protocol_of(fs)}://{path}")

    def _path(self, uri: str) -> str:
        fs = self._place[0]
        return unspelt(uri) if fs is None else unspelt(uri).removeprefix(f"{protocol_of(fs)}://")


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
