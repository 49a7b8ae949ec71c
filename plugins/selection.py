"""Which objects a run is asked for, by place and by how they ended before; opens nothing."""

from __future__ import annotations

from plugins.known import Known
from plugins.request import RunRequest
from plugins.settings import DatabaseSettings, Settings, StoreSettings
from plugins.stores.records import StoredObject

# What a run that is to repeat what failed looks at again: another night, or an extra installed since, may read them.
_FAILED = {"quarantined", "unsupported"}


class Selection:
    """The part of one store that a run is asked for.

    ``prefix`` is how the address below the store's root begins: a folder, part of a file's name, or, in a database,
    its table. ``camera`` is a folder of that name at any depth (or several, ``floor2/gate``), and all below it.
    """

    def __init__(self, request: RunRequest, settings: Settings, holding: StoreSettings | DatabaseSettings) -> None:
        self._prefix = (request.prefix or "").lstrip("/")
        self._camera = f"/{camera.strip('/')}/" if (camera := request.camera) else ""
        self._in_database = isinstance(holding, DatabaseSettings)
        self._root = f"row:{holding.name}" if self._in_database else settings.resolved(holding.url or "")
        self._reprocess = request.reprocess

    def takes(self, found: StoredObject) -> bool:
        """Say whether an object is in the part that is asked for."""
        if not (self._prefix or self._camera):
            return True
        below = self._below(found.uri)
        if not below.startswith(self._prefix):
            return False
        return not self._camera or (not self._in_database and self._camera in f"/{below.rpartition('/')[0]}/")

    def repeats(self, before: Known) -> bool:
        """Say whether an object that need not be looked at is to be looked at all the same.

        What this run, or one that was cut short, has looked at already is not: a run that goes on repeats nothing.
        """
        if before.is_fresh or self._reprocess == "none":
            return False
        return self._reprocess == "completed" or before.status in _FAILED

    def _below(self, uri: str) -> str:
        root, address = _plain(self._root), _plain(uri)
        return address.removeprefix(root).lstrip("/")


def _plain(address: str) -> str:
    """Give an address without its scheme and without a slash at its end."""
    return address.rpartition("://")[2].rstrip("/")
