"""Opens a store, or a database, as a list of pictures."""

from __future__ import annotations

from plugins.keys import Keyring
from plugins.settings import DatabaseSettings, Settings, StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import PictureStore


def open_pictures(holding: StoreSettings | DatabaseSettings, settings: Settings, keyring: Keyring) -> PictureStore:
    """Open a holding of some settings; what only databases need is loaded for databases only."""
    if isinstance(holding, StoreSettings):
        return ObjectStore(holding, settings.folder, keyring)
    from plugins.stores.tables import TableStore

    return TableStore(holding, keyring, settings.folder, settings.controller.zone)
