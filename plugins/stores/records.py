"""What a store tells of one stored object before it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

# Larger than any photograph: 200 megapixels of uncompressed colour are 572 MiB, but nobody stores faces that way.
MAX_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One stored object, located but not yet read.

    Attributes:
        store: name of the store or database in the settings.
        uri: where it is; a picture in a database row is ``row:<database>/<table>/<column>/<token>``, the token being
            the encrypted key of the row, so that no person's id stands in it.
        version: changes whenever the content may have changed: ETag, or size and time of change.
        size_bytes: as the store says it.
        modified_at: UTC, as the store says it; None when it does not say.
        subject_ref: keyed hash of the person it is filed under, when the store says so.
        row_at: UTC, the time the database row gives for the picture, when there is one.
        skip: why it cannot be opened (``special``: a pipe, socket or device; ``link``: a link to a folder that is
            walked elsewhere, or a loop; ``vanished``: named but not there; ``outside``: a link that leads out of the
            store, or a row that names a path outside of its ``image_root``; ``unreadable``: a folder that may not be
            listed; ``not_a_file``); None when it can. The size of what is skipped is -1 when nobody knows it.
        sidecar: address of the file beside it that says whose it is; ``PictureStore.filed`` reads it.
        moved_from: address under which it was stored before, where the settings say that its folder was moved.
        by_content: the version is a digest of the content, made by the store, save for a mark of whose it is.
        leader: an earlier picture of its folder; where that one holds no face and this one shows the same, this one
            need not be looked at.
        leader_is_empty: that one was looked at, and holds no face.
    """

    store: str
    uri: str
    version: str
    size_bytes: int
    modified_at: datetime | None = None
    subject_ref: str | None = None
    row_at: datetime | None = None
    skip: str | None = None
    sidecar: str | None = None
    moved_from: str | None = None
    by_content: bool = False
    leader: StoredObject | None = None
    leader_is_empty: bool = False


class PictureStore(Protocol):
    """What folders, buckets and database tables have in common.

    Attributes:
        excluded: how many objects the settings left out of the last listing.
        listed_at: when the last listing was made, where that was before it was read: an inventory; else None.
        closed: addresses of what the last listing could not look into, folders among them: what is known to lie below
            may be there still.
    """

    excluded: int
    listed_at: datetime | None
    closed: set[str]

    def list(self) -> Iterator[StoredObject]:
        """Locate every picture, opening none."""

    def read(self, obj: StoredObject, max_bytes: int = MAX_BYTES, *, as_listed: bool = False) -> bytes:
        """Read one picture; with ``as_listed`` only if it has not changed since it was listed."""

    def open(self, obj: StoredObject) -> BinaryIO:
        """Open one picture, film or archive, if it has not changed since it was listed."""

    def filed(self, obj: StoredObject) -> StoredObject:
        """Fill in whom a picture is filed under where a file beside it says so."""


class StoreProblem(Exception):
    """A store or one object of it cannot be read; says which, never with a credential in it.

    Attributes:
        where: the store, database or table; never the name of a file.
        why: the reason, one line.
        retry: whether trying again may help.
        kind: the reason in one word: ``vanished``, ``changed``, ``too_large``, ``not_a_file``, or ``unreadable`` for
            all else.
    """

    def __init__(self, where: str, why: str, retry: bool = False, kind: str = "unreadable") -> None:
        super().__init__(where, why, retry, kind)
        self.where, self.why, self.retry, self.kind = where, why, retry, kind

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"
