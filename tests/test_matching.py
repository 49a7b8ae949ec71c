"""Faces matched with enrolled people: rightly nearly always, not where two come into question, and only when asked."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.matching import NOBODY, match_enrolled
from detectors.profile import shipped
from tests.people import made_up
from tests.test_census import PEOPLE, Town, town

__all__ = ["town"]


def split(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Faces that walk past with whose they are, and a template of every second person."""
    faces, people = made_up([4] * 200, shipped(), seed)
    first = np.zeros(len(people), bool)
    first[np.unique(people, return_index=True)[1]] = True
    template = first & (people % 2 == 0)
    return faces[~template], people[~template], faces[template], people[template]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_enrolled_are_found_and_strangers_left_alone(seed: int) -> None:
    faces, people, templates, enrolled = split(seed)
    found = match_enrolled(faces, np.arange(len(faces)), templates, enrolled, profile=shipped())
    known = people % 2 == 0
    assert (found[~known] != NOBODY).mean() <= 0.005
    assert (found[known] == people[known]).mean() >= 0.4
    assert ((found != NOBODY) & (found != people)).mean() <= 0.005


def test_order_of_faces_and_templates_does_not_matter() -> None:
    faces, _, templates, enrolled = split(4)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(faces)), rng.permutation(len(templates))
    one = match_enrolled(faces, np.arange(len(faces)), templates, enrolled, profile=shipped())
    other = match_enrolled(faces[rows], np.arange(len(faces)), templates[columns], enrolled[columns], profile=shipped())
    assert np.array_equal(one[rows], other)


def test_a_face_as_like_two_people_is_matched_with_neither() -> None:
    faces, _, templates, enrolled = split(5)
    twins = np.concatenate([templates, faces[:1]]), np.append(enrolled, 9999)
    thrice = np.concatenate([templates, faces[:1], faces[:1]]), np.append(enrolled, [9999, 9998])
    frames = np.arange(len(faces))
    assert match_enrolled(faces, frames, *twins, profile=shipped())[0] in (9999, NOBODY)
    assert match_enrolled(faces, frames, *thrice, profile=shipped())[0] == NOBODY


def test_nobody_stands_twice_in_one_frame() -> None:
    faces, people, templates, enrolled = split(6)
    alone = match_enrolled(faces, np.arange(len(faces)), templates, enrolled, profile=shipped())
    one = next(p for p in np.unique(people) if (alone[people == p] == p).sum() >= 2)
    frames = np.where((people == one) & (alone == one), -1, np.arange(len(faces)))
    together = match_enrolled(faces, frames, templates, enrolled, profile=shipped())
    assert (together[frames == -1] == NOBODY).all()


def test_without_calibration_faces_or_templates_nobody_is_matched() -> None:
    faces, _, templates, enrolled = split(7)
    frames = np.arange(len(faces))
    assert (match_enrolled(faces, frames, templates, enrolled, profile=None) == NOBODY).all()
    assert (match_enrolled(faces, frames, templates[:0], enrolled[:0], profile=shipped()) == NOBODY).all()
    assert len(match_enrolled(faces[:0], frames[:0], templates, enrolled, profile=shipped())) == 0


def test_the_census_matches_only_when_asked_to(town: Town) -> None:
    for n in range(30):
        town.enrol(f"p{n}", PEOPLE[n].tobytes())
    town.picture("gate", "/gate/1.jpg", PEOPLE[3], PEOPLE[200])
    town.picture("gate", "/gate/2.jpg", PEOPLE[4], quality=0.0)
    assert town.census().identities["matched_ref"].isna().all()
    town.settings["match_enrolled"] = True
    counted = town.census()
    found = counted.identities.set_index("face_id")["matched_ref"].dropna().to_dict()
    assert found == {"gate//gate/1.jpg/0": town.ref("p3")}, "not the stranger, and not the blurred face"
