"""Cutting work: chunks and tasks of about the same expected seconds, never more tasks than Airflow maps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugins.stores.records import StoredObject
from plugins.workload import cut, evenly, expected_seconds


def objects(count: int, size: int = 500_000, name: str = "{}.jpg") -> Iterator[StoredObject]:
    return (StoredObject("s", name.format(n), "1", size) for n in range(count))


def test_a_video_is_more_work_than_a_picture_of_its_size_and_a_large_one_more_than_a_small_one() -> None:
    (picture,), (video,), (large,) = (
        list(objects(1)),
        list(objects(1, name="{}.MP4")),
        list(objects(1, 50_000_000, "{}.mp4")),
    )
    assert expected_seconds(picture) < expected_seconds(video) < expected_seconds(large)


def test_an_object_whose_size_nobody_knows_is_some_work() -> None:
    assert expected_seconds(StoredObject("s", "a", "", -1)) > 0


def test_chunks_keep_every_object_once_in_order_and_neither_limit_is_passed() -> None:
    given = list(objects(40_000))
    chunks = list(cut(given, 300, 120.0))
    assert [found for chunk, _ in chunks for found in chunk] == given
    assert max(len(chunk) for chunk, _ in chunks) == 300
    each = expected_seconds(given[0])
    assert all(seconds == pytest.approx(each * len(chunk)) for chunk, seconds in chunks)


def test_long_videos_are_cut_by_their_work_and_not_by_their_number() -> None:
    hours = list(cut(objects(100, 1_000_000_000, "{}.mkv"), 300, 120.0))
    assert [len(chunk) for chunk, _ in hours] == [1] * 100


def test_a_small_scan_is_cut_so_that_several_workers_have_something_to_do() -> None:
    seconds = {str(n): work for n, (_, work) in enumerate(cut(objects(1500), 300, 120.0))}
    assert 60 < sum(seconds.values()) < 120
    tasks = evenly(seconds, 120.0, 1024)
    assert 6 <= len(tasks) <= 16


def test_tasks_are_of_the_same_work() -> None:
    seconds = {str(n): work for n, (_, work) in enumerate(cut(objects(100_000), 300, 120.0))}
    tasks = evenly(seconds, 120.0, 1024)
    work = [sum(seconds[name] for name in names) for names in tasks]
    assert [name for names in tasks for name in names] == list(seconds)
    assert max(work) < 1.5 * 120
    assert sum(work) / len(work) > 0.8 * 120


@pytest.mark.parametrize("limit", [1, 7, 1024])
def test_more_chunks_than_airflow_maps_are_spread_over_as_many_tasks_as_it_does(limit: int) -> None:
    seconds = {str(n): 200.0 for n in range(5_000)}
    tasks = evenly(seconds, 120.0, limit)
    assert len(tasks) == limit
    assert [name for names in tasks for name in names] == list(seconds)
    assert max(map(len, tasks)) - min(map(len, tasks)) <= 1


def test_nothing_to_do_is_no_task() -> None:
    assert evenly({}, 120.0, 1024) == []
