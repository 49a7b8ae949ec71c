"""One run at work: its request, and the settings, evidence, vectors, stores and secret, each opened on first use."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.encoder import SHIPPED, EncoderSpec, vector_size
from detectors.look import detector_key
from detectors.profile import Profile, for_encoder
from plugins.comparisons import ComparisonStore
from plugins.encoder_settings import calibrated
from plugins.evidence import Evidence, safe_name
from plugins.keys import Keyring
from plugins.request import RunRequest
from plugins.settings import DatabaseSettings, Settings, StoreSettings, load_settings
from plugins.stores.opening import open_pictures
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
    def comparisons(self) -> ComparisonStore:
        """What head-counts keep from night to night."""
        committed = [commit.run_id for commit in reversed(self.evidence.commits())]
        url = self.settings.resolved(self.settings.vectors.url)
        return ComparisonStore(url, self.keyring, self.request.run_id, committed)

    @cached_property
    def encoder(self) -> EncoderSpec:
        """The face encoder: the one that the settings describe, else the shipped one; with the settings' calibration.

        Raises:
            BadEncoder: the settings describe one whose file is not there, or is another.
            BadProfile: the calibration cannot be read, or is of another encoder.
        """
        given, calibration = self.settings.encoder, self.settings.calibration
        spec = given.spec(self.settings.folder) if given else SHIPPED
        return calibrated(spec, Path(self.settings.resolved(calibration)) if calibration else None)

    @cached_property
    def profile(self) -> Profile | None:
        """What head-counts are calibrated by; None when the encoder has no calibration: then they are wide."""
        return for_encoder(self.encoder)

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

    def templates(self, holding: DatabaseSettings) -> tuple[list[str | None], NDArray[np.float32]]:
        """Read a database's templates of own make: biometric data, never kept.

        Returns:
            ``subject_ref`` of the people of n templates (None where one is filed under nobody), and their (n, D)
            float32 unit vectors.
        """
        pages = list(self.database(holding).templates(self.dimension))
        refs = [ref for page, _ in pages for ref in page]
        return refs, np.concatenate([np.empty((0, self.dimension), np.float32), *(vectors for _, vectors in pages)])

    def pictures(self, holding: StoreSettings | DatabaseSettings) -> PictureStore:
        """Open a store, or a database, as a list of pictures."""
        return open_pictures(holding, self.settings, self.keyring)

    @property
    def holdings(self) -> list[StoreSettings | DatabaseSettings]:
        """The stores and databases that this run looks at."""
        return [*self.settings.stores, *self.settings.databases]


def code_version() -> str:
    """Give the installed version of facewarden."""
    return version("facewarden")
