"""Turning crops into vectors, against dlib's own runtime with the same weights.

The same work on both sides: 32 crops of 150 x 150 and their mirror images, two passes a face, in dlib's batch form. The
same cores: one, the process is kept on it; ours has one thread, dlib's runtime never has more. dlib is its published
wheel, which has AVX but no BLAS. The vectors must be equal: what the two networks give for the same crop, before
unit length, and the mean of crop and mirror image after it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from measuring import Figures, median_seconds, one_core
from numpy.typing import NDArray

from detectors.align import crop_faces
from detectors.decode import decode
from detectors.encoder import SHIPPED, FaceEncoder
from detectors.encoder_model import EncoderModel
from detectors.finder import FaceFinder
from detectors.models import ENCODER, MODELS, cache_folder
from detectors.packages import install_files
from detectors.pictures import PICTURES, pictures_folder

EQUAL_TO = 1e-5
CROPS = 32
# Parts of a face's width by which the crops of one face differ.
SHIFTS = ((0.0, 0.0), (0.04, 0.0), (-0.04, 0.02), (0.0, -0.04), (0.02, 0.04))


def measure() -> Figures:
    import dlib

    network = dlib.face_recognition_model_v1(str(dlib_weights()))
    crops = sample_crops()
    both = [*crops, *np.ascontiguousarray(crops[:, :, ::-1])]
    with one_core():
        encoder = FaceEncoder(threads=1)
        ours, theirs = median_seconds(
            lambda: encoder.encode(crops), lambda: network.compute_face_descriptor(both), runs=3
        )
    difference = largest_difference(encoder, crops, np.array(network.compute_face_descriptor(both)))
    if difference > EQUAL_TO:
        sys.exit(f"vectors differ from dlib's by {difference:.2g}; at most {EQUAL_TO:.0e} is allowed")
    return {
        "encode_faces_per_second": len(crops) / ours,
        "encode_over_dlib": theirs / ours,
        "encode_vector_difference_max": difference,
    }


def largest_difference(encoder: FaceEncoder, crops: NDArray[np.uint8], theirs: NDArray[np.float64]) -> float:
    """Compare with dlib's vectors, (2 N, 128): of the crops, then of their mirror images."""
    network = EncoderModel(SHIPPED, None, 1)
    plain = np.concatenate([network.run(crops), network.run(crops[:, :, ::-1])])
    unit = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    mean = unit[: len(crops)] + unit[len(crops) :]
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    return float(max(np.abs(plain - theirs).max(), np.abs(encoder.encode(crops) - mean).max()))


def sample_crops() -> NDArray[np.uint8]:
    """Cut the faces of the sample pictures out, each a few times a little elsewhere: (32, 150, 150, 3) RGB."""
    crops = []
    with FaceFinder() as finder:
        for path in (pictures_folder() / picture.file for picture in PICTURES if picture.person):
            image = decode(path.read_bytes()).frames[0].image_rgb
            for face in finder.find(image):
                moved = [face.keypoints_xy_px + np.float32(face.box_xywh_px[2]) * np.float32(by) for by in SHIFTS]
                crops += list(crop_faces(image, [replace(face, keypoints_xy_px=points) for points in moved]))
    return np.stack(crops[:CROPS])


def dlib_weights() -> Path:
    """Fetch the file that the shipped model was made from, unless it stands in the cache from an earlier run."""
    made = next(model for model in MODELS if model.name == ENCODER)
    raw = replace(made, file=Path(made.path).name, sha256=made.raw_sha256, raw_sha256="", convert=None)
    folder = cache_folder() / "bench"
    install_files([raw], folder, None, lambda line: print(line, file=sys.stderr))
    return folder / raw.file
