"""The organisation's secret: pseudonyms, row tokens, seals."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plugins.keys import KEY_FILE, KEY_VARIABLE, KeyProblem, Keyring


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path)


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first, second = Keyring.open(tmp_path), Keyring.open(tmp_path)
    assert first.key_id == second.key_id
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: Keyring.open(tmp_path / "new").key_id, range(16)))
    assert len(ids) == 1


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_home = Keyring.open(tmp_path).key_id
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(os.urandom(32)).decode())
    assert Keyring.open(tmp_path).key_id != at_home


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"short").decode()], ids=["no base64", "too short"])
def test_a_bad_secret_is_refused_without_being_shown(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, text)
    with pytest.raises(KeyProblem) as refused:
        Keyring.open(tmp_path)
    assert text not in str(refused.value)


def test_a_pseudonym_is_the_same_every_night_and_tells_nothing(keyring: Keyring) -> None:
    assert keyring.pseudonym("person", "P1") == keyring.pseudonym("person", "P1")
    different = {keyring.pseudonym(*pair) for pair in [("person", "P1"), ("person", "P2"), ("staff", "P1")]}
    assert len(different) == 3
    assert "P1" not in keyring.pseudonym("person", "P1")


def test_another_secret_gives_another_pseudonym() -> None:
    one, two = Keyring(b"a" * 32), Keyring(b"b" * 32)
    assert one.pseudonym("person", "P1") != two.pseudonym("person", "P1")


@pytest.mark.parametrize("key", ["7", "", "Ünïcode 名", "x" * 5000])
def test_a_row_token_is_stable_and_reversible(keyring: Keyring, key: str) -> None:
    assert keyring.token(key) == keyring.token(key)
    assert keyring.untoken(keyring.token(key)) == key


def test_what_another_secret_sealed_does_not_open(keyring: Keyring) -> None:
    other = Keyring(b"z" * 32)
    assert keyring.unseal(keyring.seal(b"vectors")) == b"vectors"
    with pytest.raises(KeyProblem):
        other.unseal(keyring.seal(b"vectors"))
    with pytest.raises(KeyProblem):
        other.untoken(keyring.token("7"))


def test_a_seal_never_repeats_and_hides_its_content(keyring: Keyring) -> None:
    assert keyring.seal(b"vectors") != keyring.seal(b"vectors")
    assert b"vectors" not in keyring.seal(b"vectors")


def test_the_repr_shows_the_public_id_only(tmp_path: Path, keyring: Keyring) -> None:
    secret = (tmp_path / KEY_FILE).read_bytes()
    assert keyring.key_id in repr(keyring)
    assert secret.hex() not in repr(keyring)
