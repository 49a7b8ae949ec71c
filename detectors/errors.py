"""What can go wrong while looking at a picture.

DetectorError
├── Refused         the bytes cannot be looked at; says why (a reason of ``Refusal``)
├── ModelMissing    a model file is absent
├── ModelCorrupt    a model file's SHA-256 is not the one on record
├── FetchFailed     a package that holds a model cannot be had (packages)
├── BadWeights      a weights file is not what the converter reads (dlib_weights)
├── BadEncoder      an encoder of one's own is not the file it should be, or cannot be fed (encoder_spec)
└── BadVectors      vectors of a wrong shape, not finite, or without length
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a picture could not be looked at; the value is what stands in the ``reason`` column of the evidence."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    NOT_AN_IMAGE = "not_an_image"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    ENCRYPTED = "encrypted"
    TIMEOUT = "timeout"
    NESTED = "nested"
    MORE_TRACKS = "more_tracks"
    NEEDS_RAW = "needs_raw"

    @property
    def is_unsupported(self) -> bool:
        """Whether the file is of a kind that is not looked at, rather than one that should have been."""
        return self in (Refusal.UNSUPPORTED, Refusal.NEEDS_RAW)


_REMEDIES = {Refusal.NEEDS_RAW: "pip install 'facewarden[raw]'"}


def remedy_for(reason: str) -> str | None:
    """Say what to install so that files refused for a reason are looked at; None where nothing helps."""
    return next((remedy for refusal, remedy in _REMEDIES.items() if refusal.value == reason), None)


class DetectorError(Exception):
    """Base of everything this package raises on purpose."""


class Refused(DetectorError):
    """The bytes cannot be looked at."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class ModelMissing(DetectorError):
    """A model file is absent."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name, folder)
        self.name, self.folder = name, folder

    def __str__(self) -> str:
        return f"model {self.name} is not in {self.folder}; run `facewarden models install`"


class ModelCorrupt(DetectorError):
    """A model file does not have the SHA-256 on record."""

    def __init__(self, name: str, wanted: str, found: str) -> None:
        super().__init__(name, wanted, found)
        self.name, self.wanted, self.found = name, wanted, found

    def __str__(self) -> str:
        return (
            f"model {self.name} has SHA-256 {self.found[:16]}…, on record is {self.wanted[:16]}…; "
            "it was refused: delete it and run `facewarden models install`"
        )


class BadVectors(DetectorError):
    """Vectors that cannot be compared."""
