"""What many tests share: the sample pictures, and a small organisation to scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.pictures import pictures_folder
from tests.organisation import Organisation, make_organisation


@pytest.fixture(scope="session")
def pictures() -> Path:
    """The folder of sample pictures; set-up puts them there."""
    folder = pictures_folder()
    assert (folder / "astronaut.png").exists(), "run `facewarden models install --samples` (`make test` does)"
    return folder


@pytest.fixture
def organisation(tmp_path: Path, pictures: Path) -> Organisation:
    return make_organisation(tmp_path / "org", pictures)
