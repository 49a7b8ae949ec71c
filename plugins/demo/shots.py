"""Plans what the cameras took and when: pictures spread over ninety days, a third of them with nobody in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from plugins.demo.scenes import STORES, Camera

TIMEZONE = ZoneInfo("Asia/Shanghai")
SPREAD_DAYS = 90
EMPTY_SHARE = 1 / 3

Clock = Literal["name", "exif", "mtime"]
CLOCKS: dict[str, Clock] = {"station-cameras": "name", "office-lobby": "exif", "gym-entrance": "mtime"}
"""What tells the time of a store's pictures."""

KEEP_DAYS = {"station-cameras": 30, "office-lobby": 60, "gym-entrance": 90}
"""Each store's longest retention in days."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture to be made.

    Attributes:
        path: relative to the town's folder.
        taken_at: in the town's time zone, whole seconds.
        people: how many people to put into it, 0 to 3.
        rotated: stored lying on its side, with an EXIF orientation that says so.
    """

    store: str
    path: str
    taken_at: datetime
    people: int
    seed: tuple[int, int, int]
    rotated: bool = False

    @property
    def clock(self) -> Clock:
        """Say what tells the picture's time."""
        return CLOCKS[self.store]


def plan_shots(as_of: date, seed: int) -> dict[str, list[Shot]]:
    """Plan the pictures of every camera, by the camera's name, oldest first."""
    shots: dict[str, list[Shot]] = {}
    for store, cameras in STORES.items():
        for camera in cameras:
            shots[camera.name] = _plan_camera(store, camera, as_of, (seed, len(shots)))
    return shots


def clocked_name(camera: str, taken_at: datetime, ending: str = "jpg") -> str:
    """Name a file as the station's cameras do."""
    return f"{camera}_{taken_at:%Y%m%dT%H%M%S}.{ending}"


def _plan_camera(store: str, camera: Camera, as_of: date, seed: tuple[int, int]) -> list[Shot]:
    rng = np.random.default_rng((*seed, 1))
    times = sorted(_a_time(rng, store, camera, as_of) for _ in range(camera.frames))
    empty = set(rng.permutation(camera.frames)[: round(camera.frames * EMPTY_SHARE)].tolist())
    crowd = rng.choice([1, 2, 3], size=camera.frames, p=[0.6, 0.3, 0.1])
    # One picture that has somebody in it lies on its side, from the store whose pictures carry EXIF.
    lying = (
        next(i for i in range(camera.frames // 2, camera.frames) if i not in empty) if camera.name == "lifts" else -1
    )
    shots = []
    for number, taken_at in enumerate(times):
        name = clocked_name(camera.name, taken_at) if CLOCKS[store] == "name" else f"{number + 1:05}.jpg"
        path = f"stores/{store}/{camera.name}/{name}"
        people = 0 if number in empty else int(crowd[number])
        shots.append(Shot(store, path, taken_at, people, (*seed, 1000 + number), number == lying))
    return shots


def _a_time(rng: np.random.Generator, store: str, camera: Camera, as_of: date) -> datetime:
    """Draw a time. No picture is within a day of its store's limit: what is overdue must not hang on an hour."""
    limit = KEEP_DAYS[store]
    ages = [age for age in range(1, SPREAD_DAYS) if abs(age - limit) > 1]
    day = as_of - timedelta(days=int(rng.choice(ages)))
    second = int(rng.integers(camera.first_seen_h * 3600, camera.last_seen_h * 3600))
    return datetime.combine(day, time(), TIMEZONE) + timedelta(seconds=second)
