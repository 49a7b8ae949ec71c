"""Runs jobs side by side, in order: in worker processes, or in threads with a supervised process each."""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

from plugins.supervise import Supervisor

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[int], None]

_ticks: Any = None


def worker_count(asked: int) -> int:
    """Give the number of workers for a setting where 0 means all the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return asked or cores


def run_jobs(
    function: Callable[[Job, Tick], Result], jobs: Iterable[Job], workers: int, tick: Tick = lambda n: None
) -> Iterator[Result]:
    """Give the results of ``function(job, tick)`` in the order of the jobs.

    Args:
        function: a module-level function; its ``tick(n)`` reports n more things done.
        jobs: picklable.
        workers: with 1 everything runs in this process.
        tick: called here, in a thread of its own, for every tick of a job.

    Raises:
        concurrent.futures.process.BrokenProcessPool: a worker process died.
    """
    if workers == 1:
        for job in jobs:
            yield function(job, tick)
        return
    # Started anew rather than forked: MediaPipe and the store clients have threads, and a fork would copy their locks.
    context = multiprocessing.get_context("spawn")
    ticks = context.Queue()
    done = threading.Event()
    drain = threading.Thread(target=_drain, args=(ticks, tick, done), daemon=True)
    drain.start()
    try:
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(ticks,)) as pool:
            waiting = [pool.submit(_work, function, job) for job in jobs]
            try:
                for future in waiting:
                    yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    finally:
        done.set()
        drain.join()


def run_supervised(
    function: Callable[[Supervisor[Any, Any], Job], Result],
    jobs: Sequence[Job],
    supervisors: Sequence[Supervisor[Any, Any]],
) -> Iterator[Result]:
    """Give the results of ``function(supervisor, job)`` in the order of the jobs, one thread to each supervisor.

    The supervisors' processes are ended at the end, and when a job fails or nobody wants further results.
    """
    idle: queue.SimpleQueue[Supervisor[Any, Any]] = queue.SimpleQueue()
    for supervisor in supervisors:
        idle.put(supervisor)

    def do(job: Job) -> Result:
        supervisor = idle.get()
        try:
            return function(supervisor, job)
        finally:
            idle.put(supervisor)

    with ThreadPoolExecutor(len(supervisors)) as threads, ExitStack() as stack:
        for supervisor in supervisors:
            stack.enter_context(supervisor)
        waiting = [threads.submit(do, job) for job in jobs]
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        for future in waiting:
            yield future.result()


def _begin(ticks: Any) -> None:
    global _ticks
    _ticks = ticks
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent that is killed cannot say so: its workers would wait for jobs for ever.
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _work(function: Callable[[Any, Tick], Any], job: Any) -> Any:
    return function(job, _ticks.put)


def _drain(ticks: Any, tick: Tick, done: threading.Event) -> None:
    while True:
        try:
            tick(ticks.get(timeout=0.2))
        except queue.Empty:
            if done.is_set():
                return
