"""Items in a process that may die: what a crash, a hang and greed lose, and what they do not."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from plugins.child import Beat, Fetched
from plugins.pool import run_supervised
from plugins.supervise import Limits, Lost, ProcessProblem, Supervisor

LIMITS = Limits(step_seconds=5, fetch_seconds=5, memory_mb=600)


class Naughty:
    """Does what each item says; notes in a folder every item that it begins."""

    def __init__(self, folder: Path, beat: Beat) -> None:
        self._folder, self._beat, self._leak = folder, beat, [b""]
        if (folder / "refuse").exists():
            raise ValueError("no models")

    def is_over(self) -> bool:
        return (self._folder / "over").exists()

    def size(self, item: str) -> int:
        return 40 * 2**20 if "large" in item else 1

    def fetch(self, item: str) -> Fetched[str]:
        (self._folder / f"fetched-{item}").touch()
        if item == "slow fetch":
            time.sleep(60)
        if item == "bad fetch":
            raise OSError("gone")
        return Fetched(item, io.BytesIO(), self.size(item))

    def do(self, fetched: Fetched[str]) -> str:
        item = fetched.item
        with (self._folder / "begun").open("a") as file:
            file.write(f"{item}\n")
        if fetched.problem:
            return type(fetched.problem).__name__
        word, _, rest = item.partition(" ")
        getattr(self, f"_{word}", lambda rest: None)(rest)
        return f"{item} done"

    def _crash(self, rest: str) -> None:
        once = self._folder / "crashed"
        if rest != "once" or not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGSEGV)

    def _hang(self, rest: str) -> None:
        time.sleep(60)

    def _steps(self, rest: str) -> None:
        for _ in range(7):
            time.sleep(1)
            self._beat()

    def _greed(self, rest: str) -> None:
        held = []
        for _ in range(100):
            held.append(b"x" * (200 * 2**20))
            time.sleep(0.01)

    def _leaks(self, rest: str) -> None:
        self._leak.append(b"x" * (500 * 2**20))

    def _wait(self, rest: str) -> None:
        assert wait_for((self._folder / f"fetched-{rest}").exists)

    def _until(self, rest: str) -> None:
        (self._folder / "waiting").touch()
        assert wait_for((self._folder / rest).exists)

    def _lonely(self, rest: str) -> None:
        time.sleep(0.5)
        assert not (self._folder / f"fetched-{rest}").exists()

    def _bug(self, rest: str) -> None:
        raise KeyError("a bug")


@pytest.fixture
def naughty(tmp_path: Path) -> Iterator[Supervisor[str, str]]:
    with Supervisor(partial(Naughty, tmp_path), LIMITS) as supervisor:
        yield supervisor


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().splitlines()


@pytest.mark.parametrize(
    ("item", "reason", "times"),
    [("crash", "crashed", 2), ("hang", "timeout", 1), ("greed", "too_large", 1), ("slow fetch", "unreadable", 0)],
)
def test_an_item_that_takes_its_process_along_is_lost_and_no_other(
    item: str, reason: str, times: int, naughty: Supervisor[str, str], tmp_path: Path
) -> None:
    ended = dict(naughty.through(["a", "b", item, "c", "d"]))
    assert ended.pop(item) == Lost(reason)
    assert ended == {name: f"{name} done" for name in "abcd"}
    assert {name: begun(tmp_path).count(name) for name in ("a", item, "d")} == {"a": 1, item: times, "d": 1}


def test_an_item_at_which_the_process_died_of_something_else_is_tried_again(naughty: Supervisor[str, str]) -> None:
    assert dict(naughty.through(["a", "crash once", "b"]))["crash once"] == "crash once done"


def test_a_process_that_is_killed_from_outside_costs_no_item(naughty: Supervisor[str, str]) -> None:
    ended = []
    for item, outcome in naughty.through(["a", "b", "c", "d"]):
        ended.append((item, outcome))
        assert naughty.pid
        os.kill(naughty.pid, signal.SIGKILL)
    assert ended == [(name, f"{name} done") for name in "abcd"]


def test_what_goes_step_by_step_may_take_longer_than_one_step(naughty: Supervisor[str, str]) -> None:
    assert list(naughty.through(["steps"])) == [("steps", "steps done")]


def test_what_cannot_be_fetched_is_for_the_worker_to_judge(naughty: Supervisor[str, str]) -> None:
    assert dict(naughty.through(["bad fetch", "a"])) == {"bad fetch": "OSError", "a": "a done"}


def test_the_next_items_are_fetched_while_one_is_done(naughty: Supervisor[str, str]) -> None:
    assert dict(naughty.through(["wait next", "next"]))["next"] == "next done"


def test_no_more_bytes_are_held_than_allowed(naughty: Supervisor[str, str]) -> None:
    ended = [outcome for _, outcome in naughty.through(["lonely large", "large"])]
    assert ended == ["lonely large done", "large done"]


def test_a_process_that_has_grown_is_replaced_between_two_items(naughty: Supervisor[str, str]) -> None:
    pids = set()
    for _item, outcome in naughty.through(["a", "leaks", "b", "c"]):
        assert not isinstance(outcome, Lost)
        pids.add(naughty.pid)
    assert len(pids - {None}) == 2


def test_when_the_time_is_over_the_rest_is_not_given(naughty: Supervisor[str, str], tmp_path: Path) -> None:
    given = []
    for item, _ in naughty.through(["a", "until over", "b"]):
        given.append(item)
        while not (tmp_path / "waiting").exists():
            time.sleep(0.01)
        (tmp_path / "over").touch()
    assert given == ["a", "until over"]
    (tmp_path / "over").unlink()
    assert list(naughty.through(["d"])) == [("d", "d done")]


def test_a_worker_that_cannot_begin_or_has_a_bug_says_so(tmp_path: Path) -> None:
    with Supervisor(partial(Naughty, tmp_path), LIMITS) as supervisor, pytest.raises(KeyError, match="a bug"):
        list(supervisor.through(["bug"]))
    (tmp_path / "refuse").touch()
    with Supervisor(partial(Naughty, tmp_path), LIMITS) as supervisor, pytest.raises(ValueError, match="no models"):
        list(supervisor.through(["a"]))


def die(beat: Beat) -> Naughty:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_process_that_dies_while_it_starts_or_may_have_no_memory_is_said_in_one_line(tmp_path: Path) -> None:
    with Supervisor(die, LIMITS) as supervisor, pytest.raises(ProcessProblem, match="ended while it was starting"):
        supervisor.ready()
    little = Limits(memory_mb=100)
    with (
        Supervisor(partial(Naughty, tmp_path), little) as supervisor,
        pytest.raises(ProcessProblem, match=r"allowed are 100; set scan\.max_memory_mb to 2\d\d or more"),
    ):
        supervisor.ready()


def through(supervisor: Supervisor[str, str], job: list[str]) -> list[str | Lost]:
    return [outcome for _, outcome in supervisor.through(job)]


def test_who_stops_listening_gets_no_stale_answers_later(naughty: Supervisor[str, str]) -> None:
    for item, _ in naughty.through(["a", "b", "c"]):
        assert item == "a"
        break
    assert list(naughty.through(["d"])) == [("d", "d done")]


def test_several_supervisors_share_the_jobs_and_an_error_stops_them_all(tmp_path: Path) -> None:
    supervisors = [Supervisor(partial(Naughty, tmp_path), LIMITS) for _ in range(2)]
    jobs = [[f"{n}", f"{n}x"] for n in range(6)]
    assert list(run_supervised(through, jobs, supervisors)) == [[f"{n} done", f"{n}x done"] for n in range(6)]
    supervisors = [Supervisor(partial(Naughty, tmp_path), Limits(step_seconds=60)) for _ in range(2)]
    start = time.monotonic()
    with pytest.raises(KeyError):
        list(run_supervised(through, [["bug"], ["hang"], ["hang"]], supervisors))
    assert time.monotonic() - start < 55
    assert [supervisor.pid for supervisor in supervisors] == [None, None]


PARENT = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from plugins.supervise import Limits, Supervisor
from tests.test_supervise import Naughty
folder = Path(sys.argv[1])
with Supervisor(partial(Naughty, folder), Limits(step_seconds=60)) as supervisor:
    supervisor.ready()
    (folder / "pid").write_text(str(supervisor.pid))
    list(supervisor.through(["hang"]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_when_the_one_that_watches_it_is_killed(how: signal.Signals, tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parent.parent)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), root])
    assert wait_for(lambda: (tmp_path / "begun").exists())
    pid = int((tmp_path / "pid").read_text())
    parent.send_signal(how)
    parent.wait()
    assert wait_for(lambda: not Path(f"/proc/{pid}").exists())


def wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()
