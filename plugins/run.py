"""One run at work: its request, and the settings, evidence, vectors, stores and secret, each opened on first use."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.encoder import SHIPPED, EncoderSpec, vector_size
from detectors.look import detector_key
from plugins.evidence import Evidence, safe_name
from plugins.keys import Keyring
from plugins.request import RunRequest
from plugins.settings import DatabaseSettings, Settings, StoreSettings, load_settings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import PictureStore
from plugins.stores.tables import TableStore
from plugins.vectors import VectorStore


class Run:
    """A request with everything opened that it needs; opens each thing on first use.

    Raises:
        SettingsProblem: the settings file is unusable, or names no such store.
    """

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.whole: Settings = load_settings(Path(request.settings_path))
        self.settings: Settings = self.whole.only(request.store) if request.store else self.whole

    @property
    def folder(self) -> str:
        """Where this run keeps what it has made so far, under the evidence URL."""
        return f"pending/{safe_name(self.request.run_id)}"

    @cached_property
    def evidence(self) -> Evidence:
        """The evidence of the organisation."""
        return Evidence(self.settings.resolved(self.settings.evidence))

    @cached_property
    def keyring(self) -> Keyring:
        """The organisation's secret."""
        return Keyring.open(Path(self.settings.resolved(self.settings.secrets)))

    @cached_property
    def vectors(self) -> VectorStore:
        """The sealed vectors of the organisation."""
        return VectorStore(self.settings.resolved(self.settings.vectors.url), self.keyring)

    @cached_property
    def encoder(self) -> EncoderSpec:
        """The face encoder: the one that the settings describe, else the shipped one.

        Raises:
            BadEncoder: the settings describe one whose file is not there, or is another.
        """
        given = self.settings.encoder
        return given.spec(self.settings.folder) if given else SHIPPED

    @cached_property
    def detector_key(self) -> str:
        """What decides what a look finds: ``detectors.look.detector_key`` of this run's encoder."""
        return detector_key(self.encoder)

    @property
    def dimension(self) -> int:
        """How many numbers a face vector has."""
        return vector_size(self.encoder)

    def database(self, holding: DatabaseSettings) -> TableStore:
        """Open a database's tables."""
        return TableStore(holding, self.keyring, self.settings.folder, self.settings.controller.zone)

    def templates(self, holding: DatabaseSettings) -> NDArray[np.float32]:
        """Read a database's templates of own make, (n, D) float32 unit vectors: biometric data, never kept."""
        pages = [vectors for _, vectors in self.database(holding).templates(self.dimension)]
        return np.concatenate(pages) if pages else np.empty((0, self.dimension), np.float32)

    def pictures(self, holding: StoreSettings | DatabaseSettings) -> PictureStore:
        """Open a store, or a database, as a list of pictures."""
        if isinstance(holding, DatabaseSettings):
            return self.database(holding)
        return ObjectStore(holding, self.settings.folder, self.keyring)

    @property
    def holdings(self) -> list[StoreSettings | DatabaseSettings]:
        """The stores and databases that this run looks at."""
        return [*self.settings.stores, *self.settings.databases]


def code_version() -> str:
    """Give the installed version of facewarden."""
    return version("facewarden")
