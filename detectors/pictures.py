"""The sample pictures of the demo and the tests: public-domain photographs that Python packages carry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from detectors.models import cache_folder
from detectors.packages import Archive, PackagedFile, Say, install_files

# Hashes taken on 2026-11-23 from the archives that pip serves.
_SKIMAGE = Archive(
    "scikit-image",
    "0.25.2",
    "scikit_image-0.25.2-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "a17e17eb8562660cc0d31bb55643a4da996a81944b82c54805c91b3fe66f4824",
)
_FACE_RECOGNITION = Archive(
    "face_recognition",
    "1.3.0",
    "face_recognition-1.3.0.tar.gz",
    "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
)
# The EXIF descriptions of the three originals name the White House occasion.
_WHITE_HOUSE = "public domain: official White House photograph (17 U.S.C. 105), by its EXIF description"
_WHITE_HOUSE_CUT = "public domain: cut from an official White House photograph (17 U.S.C. 105)"


@dataclass(frozen=True, slots=True)
class SamplePicture(PackagedFile):
    """A picture with its truth: who is in it (empty: nobody)."""

    person: str = ""


def _sample(archive: Archive, folder: str, sha256: str, licence: str, person: str) -> SamplePicture:
    """Describe a picture that keeps the file name it has in its package."""
    file = folder.rsplit("/", 1)[-1]
    name = file.rsplit(".", 1)[0]
    purpose = f"sample picture: {person or 'nobody in it'}"
    return SamplePicture(name, file, sha256, archive, folder, licence, purpose, person=person)


_TESTS = "face_recognition-1.3.0/tests/test_images"

PICTURES: tuple[SamplePicture, ...] = (
    _sample(
        _SKIMAGE,
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        "public domain: NASA photograph, no known copyright restrictions",
        "collins",
    ),
    _sample(
        _SKIMAGE,
        "skimage/data/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        "CC0-1.0: a cat, by Stefan van der Walt",
        "",
    ),
    _sample(
        _SKIMAGE,
        "skimage/data/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "CC0-1.0: a cup of coffee, by Rachel Michetti",
        "",
    ),
    _sample(
        _SKIMAGE,
        "skimage/data/rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "public domain: a rocket, released by SpaceX",
        "",
    ),
    _sample(
        _FACE_RECOGNITION,
        f"{_TESTS}/biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        _WHITE_HOUSE,
        "biden",
    ),
    _sample(
        _FACE_RECOGNITION,
        f"{_TESTS}/obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        _WHITE_HOUSE,
        "obama",
    ),
    _sample(
        _FACE_RECOGNITION,
        f"{_TESTS}/obama2.jpg",
        "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
        _WHITE_HOUSE,
        "obama",
    ),
    _sample(
        _FACE_RECOGNITION,
        f"{_TESTS}/obama3.jpg",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        _WHITE_HOUSE,
        "obama",
    ),
    _sample(
        _FACE_RECOGNITION,
        f"{_TESTS}/obama_partial_face.jpg",
        "c2d1f09e7ef3042352b41e41286e6eb0522f64f88308be13886991b95db52117",
        _WHITE_HOUSE_CUT,
        "obama",
    ),
    _sample(
        _FACE_RECOGNITION,
        f"{_TESTS}/obama_partial_face2.jpg",
        "9a812347f97633542b8cd9992de22def11b74f79d82056bc3ee830f13878e028",
        _WHITE_HOUSE_CUT,
        "obama",
    ),
)


def pictures_folder() -> Path:
    """Say where the sample pictures stand: ``FACEWARDEN_PICTURES``, else the user's cache folder."""
    given = os.environ.get("FACEWARDEN_PICTURES")
    return Path(given) if given else cache_folder() / "pictures"


def install_pictures(folder: Path, source: Path | None = None, say: Say = print) -> int:
    """Put the sample pictures into ``folder``; arguments, result and errors as of ``models.install``."""
    return install_files(PICTURES, folder, source, say)
