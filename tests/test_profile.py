"""A calibration profile's file: what a fit gave is read back as it was, and nothing else becomes a profile."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.groups import group_faces
from detectors.identities import count_people
from detectors.profile import BadProfile, Mates, Population, Profile, Strangers, Usual, load_profile, shipped
from tests.people import made_up

Content = dict[str, Any]
Place = tuple[str | int, ...]


def small() -> Profile:
    """A profile of vectors of three numbers, small enough to change every number in it."""
    return Profile(
        encoder="onnx-0123456789ab-0",
        origin="made-up people",
        made_on=date(2026, 11, 23),
        people=300,
        faces=900,
        population=Population(
            np.array([0.6, 0.4]),
            np.array([[0.5, 0.1, 0.0], [0.4, -0.2, 0.1]]),
            np.array([[0.5, 0, 0], [0.1, 0.4, 0], [-0.05, 0.02, 0.3]]),
            np.array([1.1, 0.9]),
        ),
        mates=Mates(np.linspace(0.7, 0.99, 20), 0.4, -0.2),
        strangers=Strangers(
            np.array([0.03, 0.01, 3e-3, 1e-3, 3e-4]),
            np.array([2.0, 3.0, 4.0, 5.0, 6.0]),
            np.array([1.5, 3.0, 5.0]),
            np.array([4.0, 2.0, 1.0]),
        ),
        usual=Usual(0.8, 0.05, 0.02, 0.6, 0.97, 0.99),
        checked={"coverage": 0.95},
    )


def content_of(profile: Profile, folder: Path) -> Content:
    profile.save(folder / "profile.json")
    content: Content = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Content:
    return content_of(shipped(), tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Content:
    return content_of(small(), tmp_path_factory.mktemp("tiny"))


def refusal(text: str | bytes, folder: Path) -> str:
    """Write a file, and give what is said when it is loaded."""
    path = folder / "bad.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BadProfile) as refused:
        load_profile(path)
    return str(refused.value)


def assert_one_clear_line(said: str) -> None:
    assert said.startswith("bad.json ") and said.endswith("make one with `facewarden calibrate`"), said
    assert len(said) < 250 and said.isprintable(), said


def set_at(content: Content, place: Place, value: object) -> None:
    *way, last = place
    for step in way:
        content = content[step]  # type: ignore[index]
    content[last] = value  # type: ignore[index]


def leaves(content: object, place: Place = ()) -> Iterator[Place]:
    """Give the places of all values that hold no others."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from leaves(value, (*place, key))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from leaves(value, (*place, number))
    else:
        yield place


# -- what is good ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [pytest.param(shipped, id="shipped"), pytest.param(small, id="small")])
def test_a_saved_profile_is_read_back_and_saved_again_byte_for_byte(
    profile: Callable[[], Profile], tmp_path: Path
) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    profile().save(one)
    again = load_profile(one)
    again.save(other)
    assert one.read_bytes() == other.read_bytes()
    assert (again.encoder, again.made_on, again.people) == (profile().encoder, profile().made_on, profile().people)
    assert again.population.factor == pytest.approx(profile().population.factor, rel=1e-4)
    assert again.mates.cosines == pytest.approx(profile().mates.cosines, rel=1e-6)
    assert again.strangers.rates.tolist() == profile().strangers.rates.tolist()


def test_shares_add_up_to_exactly_what_drawing_needs(tmp_path: Path, tiny: Content) -> None:
    tiny = copy.deepcopy(tiny)
    tiny["population"]["shares"] = [0.6000003, 0.4]
    (tmp_path / "own.json").write_text(json.dumps(tiny), encoding="utf-8")
    assert load_profile(tmp_path / "own.json").population.shares.sum() == pytest.approx(1, abs=1e-15)


def test_reading_a_profile_is_what_loads_pydantic_and_nothing_before() -> None:
    script = "import sys, detectors.identities; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


# -- what is not -------------------------------------------------------------------------------------------------------


def at(*place: str | int, value: object) -> Callable[[Content], None]:
    return lambda content: set_at(content, place, value)


def without(*place: str | int) -> Callable[[Content], None]:
    def change(content: Any) -> None:
        *way, last = place
        for step in way:
            content = content[step]
        del content[last]

    return change


def swapped(part: str, name: str) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        numbers = content[part][name]
        numbers[0], numbers[-1] = numbers[-1], numbers[0]

    return change


CHANGES = [
    pytest.param(without("people"), "`people` is missing", id="a part is missing"),
    pytest.param(without("mates", "follows"), "`mates.follows` is missing", id="a number is missing"),
    pytest.param(at("usual", "mood", value=1), "`usual.mood` is not known", id="a number more"),
    pytest.param(at("population", value=[]), "`population` is a list of 0, but", id="a list for a part"),
    pytest.param(at("mates", "cosines", value=0.5), "`mates.cosines` is 0.5, but", id="a number for a list"),
    pytest.param(at("mates", "face_share", value=[0.4]), "`mates.face_share` is a list of 1", id="a list for a number"),
    pytest.param(at("usual", "level", value="0.88"), "`usual.level` is text, but", id="text for a number"),
    pytest.param(at("usual", "level", value=True), "`usual.level` is true or false, but", id="a truth for a number"),
    pytest.param(at("strangers", "rates", 2, value=None), "`strangers.rates[2]` is null, but", id="nothing at all"),
    pytest.param(at("people", value=2.5), "`people` is 2.5, but should be a valid integer", id="half a person"),
    pytest.param(at("people", value=0), "`people` is 0, but should be greater than or equal to 1", id="nobody"),
    pytest.param(at("people", value=10**6), "at least as many `faces` as `people`", id="more people than faces"),
    pytest.param(at("made_on", value="yesterday"), "`made_on` is text, but should be a valid date", id="no day"),
    pytest.param(at("encoder", value="two\nlines"), "`encoder` is text, but should match", id="no key of an encoder"),
    pytest.param(at("mates", "cosines", 7, value=math.nan), "`mates.cosines[7]` is nan, but", id="NaN"),
    pytest.param(at("checked", "coverage", value=math.nan), "`checked.coverage` is nan, but", id="NaN in a figure"),
    pytest.param(at("population", "sizes", 0, value=math.inf), "`population.sizes[0]` is inf", id="infinite"),
    pytest.param(at("usual", "deviation", value=10**400), "`usual.deviation` is a huge number", id="a huge number"),
    pytest.param(at("usual", "deviation", value=-0.01), "`usual.deviation` is -0.01, but", id="a negative deviation"),
    pytest.param(at("usual", "level_spread", value=0), "`usual.level_spread` is 0, but", id="no deviation"),
    pytest.param(at("population", "sizes", 0, value=-1), "`population.sizes[0]` is -1", id="a negative variance"),
    pytest.param(at("population", "shares", 0, value=-0.1), "`population.shares[0]` is -0.1", id="a negative share"),
    pytest.param(at("population", "shares", 0, value=0.9), "`population.shares` should add up to 1", id="too many"),
    pytest.param(at("population", "factor", 0, value=0), "at least 0.0001 on its diagonal", id="no inverse"),
    pytest.param(
        at("population", "centres", 1, 5, value=7), "`population.centres[1][5]` is 7", id="not of a unit vector"
    ),
    pytest.param(without("population", "factor", -1), "`factor` of 8,256 numbers for `centres` of 128", id="factor"),
    pytest.param(without("population", "centres", 0, -1), "`centres` of one length", id="uneven centres"),
    pytest.param(without("population", "centres", 0), "as many `shares` as `centres`", id="a centre less"),
    pytest.param(at("population", "centres", value=[]), "`population.centres` is a list of 0", id="no centre"),
    pytest.param(at("population", "centres", 0, value=0.1), "`population.centres[0]` is 0.1", id="a flat table"),
    pytest.param(without("strangers", "rates", -1), "as many `rates` as `strictness`", id="a rate less"),
    pytest.param(without("strangers", "evenness", 0), "as many `at` as `evenness`", id="an evenness less"),
    pytest.param(swapped("strangers", "rates"), "`strangers.rates` should fall", id="rates that rise"),
    pytest.param(swapped("strangers", "strictness"), "`strangers.strictness` should rise", id="strictness that falls"),
    pytest.param(swapped("strangers", "at"), "`strangers.at` should rise", id="places that fall"),
    pytest.param(swapped("strangers", "evenness"), "`strangers.evenness` should never rise", id="evenness that rises"),
    pytest.param(swapped("mates", "cosines"), "`mates.cosines` should never fall", id="quantiles that fall"),
    pytest.param(at("mates", "cosines", value=[0.9] * 200), "differ by more than 0.001", id="quantiles all the same"),
    pytest.param(
        at("mates", "face_share", value=1), "`mates.face_share` is 1, but should be less", id="all of the face"
    ),
    pytest.param(at("usual", "sure_cosine", value=0.99), "`sure_cosine` below the `same_picture", id="never sure"),
    pytest.param(at("usual", "poor_below", value=1.5), "`usual.poor_below` is 1.5, but", id="no quality"),
    pytest.param(at("format", value=2), "has format 2, 1 was expected", id="a later format"),
    pytest.param(at("format", value="one"), "has format text, 1 was expected", id="a format in words"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_a_damaged_profile_is_refused_in_one_line_that_says_where(
    change: Callable[[Content], None], says: str, known: Content, tmp_path: Path
) -> None:
    content = copy.deepcopy(known)
    change(content)
    said = refusal(json.dumps(content), tmp_path)
    assert says in said
    assert_one_clear_line(said)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("encoder: x", id="YAML"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('"profile"', id="text"),
        pytest.param("null", id="null"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param('{"people":' + "9" * 5000 + "}", id="a number of 5,000 digits"),
        pytest.param('{"Jane Doe":1}', id="something else in JSON"),
    ],
)
def test_what_is_no_profile_at_all_is_refused_in_one_line(text: str | bytes, tmp_path: Path) -> None:
    said = refusal(text, tmp_path)
    assert_one_clear_line(said)
    assert "not a calibration profile" in said and "Jane" not in said


def test_several_problems_are_counted(known: Content, tmp_path: Path) -> None:
    content = copy.deepcopy(known)
    content["mates"]["cosines"][3:7] = [math.nan] * 4
    assert "`mates.cosines[3]` is nan, but should be a finite number (and 3 more problems);" in refusal(
        json.dumps(content), tmp_path
    )


@pytest.mark.parametrize("name", [".", "no such file.json", "a\0b"])
def test_a_file_that_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="cannot be read"):
        load_profile(tmp_path / name)


# -- every number, changed ---------------------------------------------------------------------------------------------

VALUES: list[object] = [
    None, True, False, "", "0.5", [], [0.5], {}, -1, 0, 1, 2, 10**400, 1e308, -1e308, 5e-324, 1e-9, 1e-4, 0.02, 0.5,
    0.999, 1.000001, -0.5, 50, 1000, math.nan, math.inf, -math.inf,
]  # fmt: skip


def usable(profile: Profile) -> None:
    """Count and group faces by a profile: finite, and in order."""
    faces, _ = made_up([1] * 12 + [2] * 6 + [5] * 2, profile, 3)
    assert np.isfinite(faces).all()
    counted = count_people(faces, profile=profile)
    assert 1 <= counted.low <= counted.best <= counted.high <= len(faces)
    assert 0 <= counted.calibrated <= 1 and 0 <= counted.lone_share_high <= 1
    assert all(math.isfinite(number) for point in counted.curve for number in (point.groups, point.strictness))
    assert len(group_faces(faces, profile=profile)) == len(faces)


def loaded_or_refused(text: str, folder: Path) -> Profile | None:
    path = folder / "bad.json"
    path.write_text(text, encoding="utf-8")
    try:
        return load_profile(path)
    except BadProfile as refused:
        assert_one_clear_line(str(refused))
        return None


def test_any_value_in_any_place_gives_a_profile_or_one_line(tiny: Content, tmp_path: Path) -> None:
    places, loaded = list(leaves(tiny)), 0
    for place in places:
        for value in VALUES:
            content = copy.deepcopy(tiny)
            set_at(content, place, value)
            loaded += loaded_or_refused(json.dumps(content), tmp_path) is not None
    assert len(places) > 60 and 0.02 < loaded / len(places) / len(VALUES) < 0.3


NUMBERS = st.one_of(st.floats(), st.integers(), st.floats(-2, 2), st.sampled_from(VALUES))


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, 10**6), value=NUMBERS)
def test_what_loads_after_a_change_in_one_place_counts_people(
    place: int, value: object, tiny: Content, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content, places = copy.deepcopy(tiny), list(leaves(tiny))
    set_at(content, places[place % len(places)], value)
    if profile := loaded_or_refused(json.dumps(content), tmp_path_factory.mktemp("changed")):
        usable(profile)
