"""Comparing again what was compared before: cheaper, and the same as if it had all come at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors import lookalikes
from detectors.comparisons import Comparison, Earlier, compare
from detectors.identities import recount_people
from detectors.profile import shipped
from detectors.records import Sightings
from detectors.tidy import tidy
from tests.people import Labels, made_up

VECTORS, WHO = made_up([3] * 400, shipped(), 1)
FILED = np.where((WHO % 4 == 0) & (np.arange(len(WHO)) % 2 == 0), WHO, -1)


def night(rows: slice | Labels, earlier: Earlier | None = None, filed: Labels = FILED) -> Comparison:
    faces = tidy(Sightings(VECTORS[rows], subjects=filed[rows]), shipped())
    return compare(faces, shipped(), "a method and a profile", earlier)


def same(one: Comparison, other: Comparison) -> bool:
    """Is the head-count made of the same? Cosines but for their last digits: matrix products round by their shape."""
    counted = ("nobody", "sample", "counts", "known")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in counted)
        and np.array_equal(one.levels.strictness, other.levels.strictness)
        and np.allclose(one.scale.level, other.scale.level, rtol=0, atol=1e-5)
    )


@pytest.fixture(params=["every face is asked about", "a sample is asked about"])
def _sample(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param.startswith("a sample"):
        monkeypatch.setattr(lookalikes, "COMPARISONS", 90_000)
        monkeypatch.setattr(lookalikes, "LEAST_SAMPLE", 300)


pytestmark = pytest.mark.usefixtures("_sample")


def test_nothing_new_costs_nothing_and_changes_nothing() -> None:
    first = night(slice(None))
    again = night(np.random.default_rng(0).permutation(len(WHO)), first.earlier)
    assert same(again, first) and first.counts.any() and first.known.any()
    assert (first.compared > 300 * 1200, again.compared) == (True, 0)


def test_a_hundredth_of_new_faces_costs_a_few_hundredths() -> None:
    first = night(slice(0, 1188))
    assert 0 < night(slice(None), first.earlier).compared < 0.05 * night(slice(None)).compared


def test_it_makes_no_difference_in_how_many_nights_faces_come_or_go() -> None:
    came = basis = night(slice(0, 1000))
    for stop in (1030, 1080, 1100):
        came = night(slice(0, stop), came.earlier)
    assert same(came, night(slice(0, 1100), basis.earlier)) and not same(came, night(slice(0, 1100)))
    went = came
    for start in (20, 60, 100):
        went = night(slice(start, 1100), went.earlier)
    assert same(went, night(slice(100, 1100), came.earlier))


def test_a_face_that_went_and_came_back_is_compared_as_before() -> None:
    first = night(slice(None))
    without = night(slice(60, None), first.earlier)
    assert not same(without, first)
    assert same(night(slice(None), without.earlier), first)


def test_a_face_that_is_filed_now_counts_as_filed() -> None:
    first = night(slice(None))
    filed = np.where(WHO == 1, 1, FILED)
    now = night(slice(None), first.earlier, filed)
    assert len(now.nobody) == len(first.nobody) - 3
    assert 0 < now.compared < 0.05 * first.compared
    assert now.counts[:, 0].sum() < first.counts[:, 0].sum() or len(now.sample) == 300


def test_after_a_quarter_has_changed_everything_is_compared_anew() -> None:
    first = night(slice(0, 900))
    assert same(night(slice(None), first.earlier), night(slice(None)))
    kept = night(slice(0, 1000), first.earlier).earlier
    assert kept.totals.tolist() == first.earlier.totals.tolist() and kept.changed.sum() == 100


def test_what_another_profile_kept_is_left_alone() -> None:
    first = night(slice(None))
    again = night(slice(None), replace(first.earlier, made_with="another"))
    assert same(again, first) and again.compared == first.compared


def test_what_is_kept_holds_no_vector_and_shows_no_face() -> None:
    earlier = night(slice(None)).earlier
    assert all(getattr(earlier, name).ndim == 1 for name in ("hashes", "filed", "cohort", "shares", "sample"))
    assert "0." not in repr(earlier)


def test_a_count_from_an_older_basis_stays_near_one_from_a_new_basis() -> None:
    def counted(rows: slice, earlier: Earlier | None) -> tuple[int, int, int, Earlier | None]:
        again = recount_people(Sightings(VECTORS[rows], subjects=FILED[rows]), earlier, profile=shipped())
        return again.people.low, again.people.best, again.people.high, again.earlier

    old, new = counted(slice(None), counted(slice(0, 1000), None)[3]), counted(slice(None), None)
    assert old[1] == pytest.approx(new[1], rel=0.03)
    assert old[0] <= 400 <= old[2]
