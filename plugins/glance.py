"""Looks at stored objects one after the other, inside the process that may die: reads, decodes, finds, encodes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from detectors.decode import DecodeLimits
from detectors.encoder import EncoderSpec
from detectors.errors import Refusal, Refused
from detectors.look import Look, Looker
from detectors.stillness import Glimpse, glimpse, is_same
from plugins.child import Beat, Fetched
from plugins.keys import Keyring
from plugins.leading import SAME_AS_BEFORE
from plugins.request import RunRequest
from plugins.settings import DatabaseSettings, ScanSettings, StoreSettings, load_settings
from plugins.stores.objects import ObjectStore
from plugins.stores.opening import open_pictures
from plugins.stores.records import PictureStore, StoredObject, StoreProblem
from plugins.stores.stream import PIECE_BYTES, Pieces
from plugins.supervise import Limits, Lost

log = logging.getLogger(__name__)

Item = TypeVar("Item")

# Decoding gives up by itself after scan.max_seconds; what takes three times as long hangs where it cannot.
_PATIENCE = 3


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Glance:
    """How looking at one object ended; ``found`` is filed under whom the file beside it says. Biometric data."""

    found: StoredObject
    status: str
    reason: str | None = None
    look: Look | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it was looked at to its end, and no face was found."""
        return self.status == "scanned" and self.look is not None and not self.look.faces


class Glancer:
    """Opens stores and loads detectors once; then looks at what it is given, whatever store it is of.

    Args:
        request: of the run.
        encoder: which encoder.
        beat: called at each step of an object.
    """

    def __init__(self, request: RunRequest, encoder: EncoderSpec, beat: Beat) -> None:
        # Not a ``Run``: what that loads for the evidence would cost every such process half a second.
        self._request, self._settings = request, load_settings(Path(request.settings_path))
        scan = self._settings.scan
        self._looker = Looker(
            limits=DecodeLimits(max_pixels=scan.max_pixels, max_seconds=scan.max_seconds),
            encoder=encoder,
            every_seconds=scan.still_seconds,
            beat=beat,
        )
        self._stores: dict[str, PictureStore] = {}
        # The last picture that others are compared with, and what it shows if there is no face in it.
        self._leader: tuple[StoredObject, Glimpse | None] | None = None

    def is_over(self) -> bool:
        """Say whether the time of the run to begin with objects is over."""
        return self._request.is_over

    def size(self, found: StoredObject) -> int:
        """Give its size as listed."""
        return found.size_bytes

    def fetch(self, found: StoredObject) -> Fetched[StoredObject]:
        """Read an object, and before it what says whose it is."""
        store = self._store(found.store)
        found = store.filed(found)
        return _opened(found, store, found)

    def do(self, fetched: Fetched[StoredObject]) -> Glance:
        """Look at one object; whatever happens, the next one follows."""
        found = fetched.item
        if found.leader and (same := self._same(found.leader, fetched)):
            return Glance(found, "scanned", SAME_AS_BEFORE, Look("image/jpeg", same.taken_at, ()))
        data = _held(fetched)
        glance = self._looked_at(found, fetched)
        if not found.leader:
            self._leader = found, glimpse(data) if glance.is_empty else None
        return glance

    def _same(self, leader: StoredObject, fetched: Fetched[StoredObject]) -> Glimpse | None:
        """Give what a picture shows when that is the same as its leader, in which there is no face."""
        if self._leader is None or self._leader[0].uri != leader.uri:
            self._leader = leader, self._known_empty(leader) if fetched.item.leader_is_empty else None
        empty = self._leader[1] if self._leader else None
        shown = glimpse(_held(fetched)) if empty else None
        return shown if shown and is_same(empty, shown) else None

    def _known_empty(self, leader: StoredObject) -> Glimpse | None:
        """See again a leader that another process, or an earlier try, has looked at."""
        try:
            return glimpse(_held(self.fetch(leader)))
        except Exception:  # the boundary of one object: without its leader a picture is looked at
            return None

    def _looked_at(self, found: StoredObject, fetched: Fetched[StoredObject]) -> Glance:
        try:
            look = _looked(self._looker, fetched)
        except StoreProblem as problem:
            return Glance(found, "quarantined", problem.kind)
        except Refused as refused:
            status = "unsupported" if refused.reason.is_unsupported else "quarantined"
            return Glance(found, status, refused.reason.value)
        except MemoryError:
            return Glance(found, "quarantined", Refusal.TOO_LARGE.value)
        except Exception as error:  # one bad file never stops a night: the boundary of one object
            log.warning("an object of store %s was put aside: %s", found.store, type(error).__name__)
            return Glance(found, "quarantined", "error")
        if look.watched and look.watched.refusal:
            # The faces before the damage are kept and counted; that the rest was not seen is said.
            return Glance(found, "quarantined", look.watched.refusal.value, look)
        return Glance(found, "scanned", None, look)

    def _store(self, name: str) -> PictureStore:
        if name not in self._stores:
            held: list[StoreSettings | DatabaseSettings] = [*self._settings.stores, *self._settings.databases]
            holding = next(h for h in held if h.name == name)
            keyring = Keyring.open(Path(self._settings.resolved(self._settings.secrets)))
            self._stores[name] = open_pictures(holding, self._settings, keyring)
        return self._stores[name]


Placed = tuple[StoreSettings, StoredObject]
"""An object, and the place that it is in."""


class PlainGlancer:
    """Looks at objects of any place, without settings; gives what they hold, or why not.

    Args:
        encoder: which encoder.
        beat: called at each step of an object.
    """

    def __init__(self, encoder: EncoderSpec, beat: Beat) -> None:
        self._looker = Looker(encoder=encoder, beat=beat)
        self._places: dict[str | None, ObjectStore] = {}

    def is_over(self) -> bool:
        """Say no: it goes on to the end."""
        return False

    def size(self, item: Placed) -> int:
        """Give its size as listed."""
        return item[1].size_bytes

    def fetch(self, item: Placed) -> Fetched[Placed]:
        """Read an object."""
        settings, found = item
        if found.skip:
            raise StoreProblem(settings.name, found.skip)
        if settings.url not in self._places:
            self._places[settings.url] = ObjectStore(settings, Path.cwd())
        return _opened(item, self._places[settings.url], found)

    def do(self, fetched: Fetched[Placed]) -> Look | Lost:
        """Look at one object.

        Raises:
            BadEncoder: an encoder of one's own gave a vector that has no direction.
        """
        try:
            return _looked(self._looker, fetched)
        except Refused as refused:
            return Lost(refused.reason.value)
        except StoreProblem:
            return Lost("unreadable")


def _opened(item: Item, store: PictureStore, found: StoredObject) -> Fetched[Item]:
    file = store.open(found)
    return Fetched(item, file, file.getbuffer().nbytes if isinstance(file, BytesIO) else PIECE_BYTES)


def _held(fetched: Fetched[Any]) -> bytes:
    """Give the content of a file that is in memory, of others nothing, without a copy; the file is as before."""
    return fetched.file.getvalue() if isinstance(fetched.file, BytesIO) else b""


def _looked(looker: Looker, fetched: Fetched[Any]) -> Look:
    if fetched.problem or fetched.file is None:
        raise fetched.problem or FileNotFoundError
    with fetched.file as file:
        try:
            return looker.look(file)
        finally:
            if isinstance(file, Pieces):
                file.check()  # it was read over minutes, in which another may have come in its place


def limits_of(scan: ScanSettings) -> Limits:
    """Give what a process that looks at objects may take."""
    return Limits(step_seconds=_PATIENCE * scan.max_seconds, memory_mb=scan.max_memory_mb)
