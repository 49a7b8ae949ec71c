"""MediaPipe's far model rebuilt as ONNX: the same bytes each time, and what is no such model is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from detectors.models import FINDER_FAR, FINDER_WIDE, MODELS, model_hashes, model_path, models_folder
from detectors.tflite_onnx import NotAFinder, to_onnx


@pytest.fixture(scope="module")
def far() -> bytes:
    return model_path(FINDER_FAR, models_folder()).read_bytes()


def test_the_rebuilt_model_is_the_one_on_record(far: bytes) -> None:
    assert hashlib.sha256(to_onnx(far)).hexdigest() == model_hashes()[FINDER_WIDE]


def test_it_is_made_from_the_very_file_that_the_windows_use(far: bytes) -> None:
    made = next(model for model in MODELS if model.name == FINDER_WIDE)
    assert made.raw_sha256 == hashlib.sha256(far).hexdigest()
    assert replace(made, sha256="").convert is to_onnx


@pytest.mark.parametrize("length", [0, 3, 40, 5000], ids=["empty", "three bytes", "a header", "the start"])
def test_what_is_no_such_file_is_refused(far: bytes, length: int) -> None:
    with pytest.raises(NotAFinder):
        to_onnx(far[:length])


def test_most_weights_of_the_narrow_layers_are_zero_as_in_the_sparse_file(far: bytes) -> None:
    import onnx
    from onnx import numpy_helper

    weights = [numpy_helper.to_array(w) for w in onnx.load_from_string(to_onnx(far)).graph.initializer]
    narrow = [w for w in weights if w.ndim == 4 and w.shape[2:] == (1, 1)]
    zero = sum(int((w == 0).sum()) for w in narrow) / sum(w.size for w in narrow)
    assert len(narrow) == 48 and 0.3 < zero < 0.95
    assert all(np.isfinite(w).all() for w in weights)
