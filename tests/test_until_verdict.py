"""Counting until the verdict is sure: wrong stops within 1 %, early ones where due, nothing opened in vain."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import hypergeom

from detectors import sequential
from detectors.encoder import SHIPPED
from detectors.records import PeopleCount
from detectors.sequential import Part, at_most, plan_looks, unseen_people
from expectations.policy import Threshold, load_policy
from plugins import adhoc, until_verdict
from plugins.stores.objects import ObjectStore
from plugins.until_verdict import ERROR, Decision, RandomReader, Reading, count_until_verdict, decide
from tests.organisation import jpeg
from tests.test_cli import call

ORDERS = 300
Ints = NDArray[np.int64]


def more_than(people: int) -> Threshold:
    return load_policy("cn-draft-2023").threshold.model_copy(update={"people": people})


# -- stores whose people are known -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """The person and the object of each face."""

    who: Ints
    where: Ints
    objects: int

    @property
    def people(self) -> int:
        return len(np.unique(self.who))

    def reader(self, order: Ints) -> Callable[[int], Reading]:
        """Read the objects in an order; the count of the part read is exact."""
        sizes = np.bincount(self.where, minlength=self.objects)
        place = np.empty(self.objects, np.int64)
        place[order] = np.arange(self.objects)

        def read_up_to(size: int) -> Reading:
            faces_each = np.bincount(self.who[place[self.where] < size])
            people, lone = int((faces_each > 0).sum()), int((faces_each == 1).sum())
            share = lone / max(1, faces_each.sum())
            exact = PeopleCount(people, people, people, 1.0, "exact", lone_share_high=share)
            return Reading(Part(self.objects, sizes[order[:size]]), lambda confidence: exact)

        return read_up_to


def store(pictures: Iterable[Iterable[int]]) -> Store:
    listed = [list(picture) for picture in pictures]
    who = [person for picture in listed for person in picture]
    where = np.repeat(np.arange(len(listed)), [len(picture) for picture in listed])
    return Store(np.array(who, np.int64), where, len(listed))


def zipf(people: int, pictures: int) -> list[list[int]]:
    weights = 1 / np.arange(1, people + 1)
    return [[int(p)] for p in np.random.default_rng(0).choice(people, pictures, p=weights / weights.sum())]


STORES = {
    "everybody once": store([p] for p in range(5000)),
    "everybody twice": store([p // 2] for p in range(5000)),
    "few people, many pictures": store([p % 60] for p in range(5000)),
    "skewed": store(zipf(3000, 6000)),
    "couples that are always together": store([2 * (p % 900), 2 * (p % 900) + 1] for p in range(3000)),
    "20 people, and 100 groups of strangers": store(
        [[p % 20] for p in range(4000)] + [list(range(100 + 30 * g, 130 + 30 * g)) for g in range(100)]
    ),
    "10 people, and one crowd": store([[p % 10] for p in range(4999)] + [list(range(100, 160))]),
    "mostly nobody": store([[p] if p % 40 == 0 else [] for p in range(8000)]),
}


def stops(made: Store, threshold: Threshold, orders: int = ORDERS) -> list[Decision]:
    rng = np.random.default_rng(7)
    return [decide(made.objects, made.reader(rng.permutation(made.objects)), threshold) for _ in range(orders)]


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("above", [1, 2, 30, 0, -1, -30], ids=lambda n: f"threshold {n} below the truth")
def test_of_300_orders_at_most_one_in_a_hundred_stops_wrongly(name: str, above: int) -> None:
    made = STORES[name]
    wrong = "below" if above > 0 else "above"
    verdicts = Counter(stop.verdict for stop in stops(made, more_than(made.people - above)))
    assert verdicts[wrong] <= ORDERS // 100
    assert verdicts["undetermined"] == 0, "the count is exact: at the latest when all is read it is clear"


@pytest.mark.parametrize(
    ("name", "threshold", "verdict", "share"),
    [
        pytest.param("everybody once", 500, "above", 0.21, id="many people, low threshold"),
        pytest.param("everybody once", 9000, "below", 0.25, id="fewer faces than the threshold"),
        pytest.param("few people, many pictures", 40, "above", 0.15, id="few people, lower threshold"),
        pytest.param("few people, many pictures", 3000, "below", 0.45, id="few people, fewer than there are faces"),
        pytest.param("20 people, and 100 groups of strangers", 1000, "above", 0.6, id="people come in groups"),
        pytest.param("mostly nobody", 2000, "below", 0.55, id="mostly nobody"),
    ],
)
def test_the_reading_stops_early_where_it_should(name: str, threshold: int, verdict: str, share: float) -> None:
    for stop in stops(STORES[name], more_than(threshold), 20):
        assert stop.verdict == verdict
        assert stop.share_read <= share


def test_who_has_been_seen_before_lets_a_large_store_stop_where_faces_alone_do_not() -> None:
    rng = np.random.default_rng(1)
    made = Store(rng.integers(0, 2000, 200_000), np.arange(200_000), 200_000)
    [stop] = stops(made, more_than(10_000), 1)
    assert stop.verdict == "below" and stop.part.read < 50_000
    unread = made.objects - stop.part.read
    assert unread > 10_000, "each unread picture holds a face"


# -- the error that is spent -------------------------------------------------------------------------------------------


def test_the_chances_of_error_of_all_looks_add_up_to_one_per_cent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that would always let the reading stop, but for the surer second count that forbids it."""
    spent_above: list[float] = []
    spent_below: list[float] = []
    asked: list[float] = []

    def unseen(*arguments: object) -> int:
        spent_below.append(float(arguments[-1]))  # type: ignore[arg-type]
        return 0

    def read_up_to(size: int) -> Reading:
        asked.clear()

        def count(confidence: float) -> PeopleCount:
            asked.append(confidence)
            if len(asked) == 1:
                spent_above.append((1 - confidence) / 2)  # the lower end of two
            else:
                spent_below.append(2 * (1 - confidence) / 2)  # upper ends: people, and those with one face
                spent_below.remove(spent_below[-2])  # the bound of the rest beside the first count decides nothing
            return PeopleCount(0, 0, 0 if len(asked) == 1 else 10**6, confidence, "")

        return Reading(Part(30_000, np.zeros(size, np.int64)), count)

    monkeypatch.setattr(until_verdict, "unseen_people", unseen)
    decision = decide(30_000, read_up_to, more_than(100))
    assert decision.looks == len(spent_above) == 7
    last = spent_above[-1]
    assert sum(spent_above) == pytest.approx(ERROR)
    assert sum(spent_below[:-1]) + last == pytest.approx(ERROR)


def test_looking_often_is_paid_for() -> None:
    """A counter that errs exactly as often as it may, over a store that is never surely below before its end."""
    rng = np.random.default_rng(5)

    def wrong_stops(confidence_of: Callable[[float], float], orders: int = 3000) -> float:
        def count(confidence: float) -> PeopleCount:
            errs = rng.random() < (1 - confidence_of(confidence)) / 2
            return PeopleCount(*[5000 if errs else 900] * 3, confidence, "")

        parts = {
            look.objects: Part(40_000, np.ones(look.objects, np.int64)) for look in plan_looks(40_000, 1001, ERROR)
        }
        stops = [decide(40_000, lambda size: Reading(parts[size], count), more_than(1000)) for _ in range(orders)]
        return float(np.mean([stop.verdict == "above" for stop in stops]))

    assert wrong_stops(lambda asked: 0.98) > 0.05, "99 % at every look is far from 99 % in all"
    assert wrong_stops(lambda asked: asked) <= ERROR + 3 * math.sqrt(ERROR / 3000)


def test_what_an_earlier_look_found_stays_found() -> None:
    lows = iter([300, 200, 100, 100])

    def read_up_to(size: int) -> Reading:
        low = next(lows)
        return Reading(Part(3000, np.ones(size, np.int64)), lambda asked: PeopleCount(low, 3000, 3000, asked, ""))

    stop = decide(3000, read_up_to, more_than(400))
    assert (stop.verdict, stop.people.low, stop.low, stop.looks) == ("undetermined", 100, 300, 4)


@pytest.mark.parametrize("limit", [1, 600, 10_001])
@pytest.mark.parametrize("objects", [0, 1, 512, 513, 13_233, 1_000_000])
def test_looks_grow_to_the_whole_and_share_one_error(objects: int, limit: int) -> None:
    looks = plan_looks(objects, limit, 0.01)
    assert looks[-1].objects == objects
    assert all(a.objects * 2 == b.objects for a, b in pairwise(looks[:-1]))
    assert sum(look.below for look in looks) == pytest.approx(0.01) == sum(look.above for look in looks)
    assert all(look.above == 0 for look in looks[:-1] if look.objects <= limit)


def test_above_is_not_said_of_fewer_objects_than_people_it_takes() -> None:
    """Nobody paid for the chance to be wrong there: a picture has about one face."""

    def read_up_to(size: int) -> Reading:
        return Reading(Part(3000, np.full(size, 9)), lambda asked: PeopleCount(4000, 4000, 4000, asked, ""))

    stop = decide(3000, read_up_to, more_than(600))
    assert (stop.verdict, stop.part.read, stop.low) == ("above", 1024, 4000)


# -- the bounds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0.2, 0.01])
@pytest.mark.parametrize(("objects", "read"), [(40, 7), (200, 40), (200, 150), (1000, 100), (5000, 2500)])
def test_the_bound_on_objects_of_a_kind_fails_no_more_often_than_it_may(objects: int, read: int, error: float) -> None:
    bounds = np.array([at_most(seen, read, objects, error) for seen in range(read + 1)])
    failing = []
    for marked in np.unique(np.linspace(0, objects, 60).astype(int)):
        chances = hypergeom(objects, marked, read).pmf(np.arange(read + 1))
        failing.append(float(chances[bounds < marked].sum()))
    assert max(failing) <= error
    assert max(failing) > error / 50, "and is not so wide that it never fails"


def test_the_bound_on_objects_of_a_kind_closes_in_on_what_is_known() -> None:
    assert at_most(3, 50, 50, 0.01) == 3
    assert at_most(0, 0, 50, 0.01) == 50
    assert at_most(50, 50, 80, 0.01) == 80
    assert at_most(0, 900, 1000, 0.01) <= 2


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_the_bound_on_unseen_people_holds(name: str, share: float) -> None:
    made, rng = STORES[name], np.random.default_rng(3)
    size = int(made.objects * share)
    for _ in range(ORDERS):
        reading = made.reader(rng.permutation(made.objects))(size)
        seen = reading.count(0.99)
        lone = round(seen.lone_share_high * int(reading.part.faces.sum()))
        assert seen.best + unseen_people(reading.part, seen.best, lone, made.people, 0.01) >= made.people


@pytest.mark.parametrize("together", [1, 4], ids=lambda n: f"{n} a picture")
def test_new_people_in_the_rest_are_bounded_near_goods_estimate_which_alone_is_often_too_low(together: int) -> None:
    rng, size, error = np.random.default_rng(4), 8000, 0.01
    who = rng.integers(0, 3000, 40_000).repeat(together) * together + np.tile(np.arange(together), 40_000)
    made = Store(who, np.arange(40_000).repeat(together), 40_000)
    too_low = 0
    for _ in range(100):
        order = rng.permutation(made.objects)
        reading = made.reader(order)(size)
        seen = reading.count(0.99)
        lone = round(seen.lone_share_high * size * together)
        read = np.isin(made.where, order[:size])
        new_faces = int((~np.isin(made.who[~read], made.who[read])).sum())
        estimate = (made.objects - size) * lone / size
        bound = sequential._new_in_smaller(reading.part, together, seen.best, lone, made.people, math.log(1 / error))
        assert new_faces <= bound <= 3 * estimate
        too_low += new_faces > estimate
    assert too_low > 20


# -- what is read ------------------------------------------------------------------------------------------------------


def faces_file(path: Path, uris: list[str], **columns: list[object]) -> Path:
    vectors = np.random.default_rng(len(uris)).normal(size=(len(uris), 128)).tolist()
    pq.write_table(pa.table({"uri": uris, "vector": vectors, **columns}), path)
    return path


def reader(*sources: Path | str, seed: int = 0, begin: Callable[[int], adhoc.Tick] = lambda n: lambda k: None):
    return RandomReader(map(str, sources), 1, begin, SHIPPED, seed)


def read_of(made: RandomReader, size: int) -> set[str]:
    made.up_to(size)
    return set(made._order[:size])


def test_the_order_depends_on_the_names_and_the_seed_and_not_on_the_listing(tmp_path: Path) -> None:
    uris = [f"{n}.jpg" for n in range(200)]
    path = faces_file(tmp_path / "faces.parquet", uris)
    first = read_of(reader(path), 50)
    assert first == read_of(reader(path), 50)
    faces_file(path, uris[::-1])
    assert first == read_of(reader(path), 50)
    others = [read_of(reader(path, seed=seed), 50) for seed in range(1, 9)]
    assert all(len(other - first) > 10 for other in others)


def test_every_object_is_as_likely_to_be_read_first(tmp_path: Path) -> None:
    path = faces_file(tmp_path / "faces.parquet", [f"{n}.jpg" for n in range(8)])
    first = Counter(reader(path, seed=seed)._order[0] for seed in range(400))
    assert len(first) == 8
    assert max(first.values()) < 50 + 4 * math.sqrt(50)


def test_rows_of_one_uri_are_one_object_and_its_frames_may_repeat_people(tmp_path: Path) -> None:
    path = faces_file(
        tmp_path / "faces.parquet", ["group", "group", "moving", "moving", "moving"], frame_ms=[0, 0, 0, 40, 80]
    )
    part = reader(path).up_to(2).part
    assert (part.objects, sorted(part.faces.tolist()), part.refused, part.repeats) == (2, [2, 3], 0, 1)


@pytest.fixture
def album(tmp_path: Path, pictures: Path) -> Path:
    """Twelve pictures: portraits of three people, and a cat; and two files that cannot be looked at."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("astronaut.png", "obama.jpg", "biden.jpg", "chelsea.png"):
        image = Image.open(pictures / name).convert("RGB")
        for size in (500, 450, 400):
            image.thumbnail((size, size))
            (folder / f"{Path(name).stem}-{size}.jpg").write_bytes(jpeg(image))
    return folder


def test_what_the_verdict_does_not_need_is_not_opened(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequential, "FIRST_LOOK", 3)
    done: list[int] = []
    made = reader(album, f"file://{album}", begin=lambda n: done.append)
    for uri in made._order[3:]:  # who opens one of these finds it gone
        Path(uri).unlink()
    counted, decision = count_until_verdict(made, more_than(5000))
    assert decision.verdict == "below"
    assert decision.part.read == sum(done) == counted.images == 3 < 12
    assert decision.part.refused == 0
    assert decision.low <= decision.people.high <= decision.high <= 5000


def test_the_order_does_not_depend_on_how_a_store_lists(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reader(album)._order
    plain = ObjectStore.list
    monkeypatch.setattr(ObjectStore, "list", lambda self: iter(list(plain(self))[::-1]))
    assert reader(album)._order == before
    assert before != sorted(before)


def test_a_picture_and_its_faces_in_a_file_are_two_objects(album: Path, tmp_path: Path) -> None:
    path = faces_file(tmp_path / "faces.parquet", [str(album / "obama-500.jpg")])
    assert len(reader(album, path)) == 13
    assert reader(album, path).up_to(13).part.objects == 13


# -- what could not be looked at ---------------------------------------------------------------------------------------


def test_objects_that_cannot_be_looked_at_keep_a_store_from_being_below() -> None:
    exact = PeopleCount(30, 30, 30, 0.99, "exact")

    def verdict(refused: int) -> Decision:
        part = Part(100, np.ones(100 - refused, np.int64), refused)
        return decide(100, lambda size: Reading(part, lambda confidence: exact), more_than(200))

    assert (verdict(0).verdict, verdict(0).notes) == ("below", ())
    few, many = verdict(2), verdict(3)
    assert (few.verdict, few.high) == ("below", 30 + 2 * 64)
    assert (many.verdict, many.high) == ("undetermined", 30 + 3 * 64)
    assert "3 of the objects read could not be looked at" in many.notes[0]


def test_faces_that_cannot_be_told_apart_may_be_of_people_with_no_other() -> None:
    def high(unusable: int) -> int:
        count = PeopleCount(300, 300, 300, 0.99, "exact", lone_share_high=0.0, unusable=unusable)
        reading = Reading(Part(100_000, np.ones(40_000, np.int64)), lambda confidence: count)
        return decide(100_000, lambda size: reading, more_than(5000)).high

    assert high(0) < high(20) < high(100)


def test_unread_objects_are_taken_to_be_refused_as_often_as_those_read() -> None:
    readable = Part(10_000, np.ones(2000, np.int64))
    broken = Part(10_000, np.ones(1900, np.int64), refused=100)
    more = unseen_people(broken, 2000, 2000, 5000, 0.01) - unseen_people(readable, 2000, 2000, 5000, 0.01)
    assert more > 500 * sequential.FACES_AT_MOST * 0.9, "five in a hundred of all, full of people"
    nearly_all = Part(1000, np.ones(899, np.int64), refused=100)
    assert unseen_people(nearly_all, 899, 0, 10_000, 0.01) >= 100 * sequential.FACES_AT_MOST


def test_a_picture_of_a_crowd_makes_larger_crowds_possible() -> None:
    crowd = Part(1000, np.array([1] * 499 + [200]))
    assert crowd.faces_at_most == 400
    assert unseen_people(crowd, 600, 600, 5000, 0.01) > unseen_people(Part(1000, np.ones(500)), 600, 600, 5000, 0.01)


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_reads_a_faces_file_until_it_is_sure(tmp_path: Path) -> None:
    path = faces_file(tmp_path / "faces.parquet", [f"{n}.jpg" for n in range(1500)])
    done = call("count", path, "--until-verdict", "--threshold", 2200, "--format", "json")
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert counted["until_verdict"] == {
        "share_read": 0.6827, "objects_read": 1024, "objects": 1500, "looks": 2, "confidence": 0.99
    }  # fmt: skip
    assert (counted["threshold"], counted["verdict"]) == (2200, "below")
    assert counted["images"] == counted["faces"] == 1024
    people, whole = counted["people"], counted["people_in_whole"]
    assert people["low"] <= whole["low"] <= people["best"] <= people["high"] < whole["high"] <= 2200
    assert "512 of 1,500 objects read" in done.stderr and "1,024 of 1,500 objects read" in done.stderr
    again = call("count", path, "--until-verdict", "--threshold", 2200, "--format", "json")
    assert again.stdout == done.stdout


def test_the_command_reads_pictures_and_says_what_it_could_not_look_at(album: Path) -> None:
    (album / "broken.jpg").write_bytes((album / "obama-500.jpg").read_bytes()[:3000])
    (album / "notes.txt").write_text("no picture")

    def count(*words: str | int) -> dict[str, object]:
        done = call("count", album, "--format", "json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    plain, sure = count("--threshold", 100), count("--threshold", 100, "--until-verdict")
    assert (plain["verdict"], sure["verdict"]) == ("below", "undetermined")
    assert sure["not_looked_at"] == plain["not_looked_at"] == {"not_an_image": 1, "truncated": 1}
    assert sure["until_verdict"] == {
        "share_read": 1.0, "objects_read": 14, "objects": 14, "looks": 1, "confidence": 0.99
    }  # fmt: skip
    assert sure["people_in_whole"]["high"] == sure["people"]["high"] + 2 * 64
    assert sure["people"]["confidence"] == 0.98, "each end is sure at 99 %"
    assert count("--until-verdict")["verdict"] == "below", "the policy's threshold, when none is given"


def test_the_verdict_of_nothing_is_below(tmp_path: Path) -> None:
    printed = call("count", tmp_path, "--until-verdict").stdout
    assert "verdict: below" in printed
    assert "share_read 1.0, objects_read 0, objects 0, looks 1" in printed


def test_a_threshold_that_is_no_number_of_people_is_wrong_usage(tmp_path: Path) -> None:
    done = call("count", tmp_path, "--threshold", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "0 is not in the range x>=1" in done.stderr
