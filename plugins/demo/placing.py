"""Finds places for people in a room: every face whole and free, and no figure that ends in mid-air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from plugins.demo.portraits import Cutout
from plugins.demo.raycast import HEIGHT, WIDTH, Floats, project
from plugins.demo.scenes import Camera

FACE_M = 0.18
"""Width of MediaPipe's square face box on a grown-up, metres (own measurement on the portraits, 2026-11)."""

FACE_HEIGHT_M = 1.60
TRIES = 4000
HEAD_MARGIN = 0.35
"""What must stay free around a face box on each side, in box widths: hair, ears and chin."""

Rect = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Standing:
    """A person at a place in the picture: the figure's corner and size, its distance, and whether it is mirrored."""

    cutout: Cutout
    left_top_px: tuple[int, int]
    size_wh_px: tuple[int, int]
    away_m: float
    mirrored: bool

    @property
    def box_xywh_px(self) -> tuple[int, int, int, int]:
        """Give the face's box in the picture."""
        x, y, w, h = (v * self.size_wh_px[0] / self.cutout.size_wh_px[0] for v in self.cutout.face_xywh_px)
        if self.mirrored:
            x = self.size_wh_px[0] - x - w
        return round(self.left_top_px[0] + x), round(self.left_top_px[1] + y), round(w), round(h)

    @property
    def head_px(self) -> Rect:
        """Give the head's place: left, top, right, bottom."""
        x, y, w, h = self.box_xywh_px
        return x - HEAD_MARGIN * w, y - HEAD_MARGIN * h, x + (1 + HEAD_MARGIN) * w, y + (1 + HEAD_MARGIN) * h

    @property
    def figure_px(self) -> Rect:
        """Give the figure's place: left, top, right, bottom."""
        (left, top), (width, height) = self.left_top_px, self.size_wh_px
        return left, top, left + width, top + height

    def figure(self) -> Image.Image:
        """Give the figure as an RGBA picture of its size."""
        picture = self.cutout.scaled(self.size_wh_px)
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else picture


def place_people(
    rng: np.random.Generator, camera: Camera, depth_m: Floats, cutouts: tuple[Cutout, ...], wanted: int
) -> list[Standing]:
    """Place up to ``wanted`` different people, the farthest first; at least one when any is wanted.

    Raises:
        RuntimeError: the camera's room has no place for anybody.
    """
    people: list[Standing] = []
    for _ in range(TRIES if wanted else 0):
        candidate = _try_place(rng, camera, cutouts)
        if candidate and _fits(candidate, depth_m) and not any(_collide(candidate, other) for other in people):
            people.append(candidate)
        if len(people) == wanted:
            break
    if wanted and not people:
        raise RuntimeError(f"no place for anybody before camera {camera.name}; correct its near_far_m")
    return sorted(people, key=lambda person: -person.away_m)


def _try_place(rng: np.random.Generator, camera: Camera, cutouts: tuple[Cutout, ...]) -> Standing | None:
    """Draw a person and a place; None when the face would leave the picture or the portrait be too small for it."""
    cutout = cutouts[int(rng.integers(len(cutouts)))]
    away = float(rng.uniform(*camera.near_far_m))
    across = float(rng.uniform(camera.room.left_m + 0.4, camera.room.right_m - 0.4))
    height = FACE_HEIGHT_M + float(rng.normal(0, 0.04))
    mirrored = bool(rng.random() < 0.3)
    scale = camera.lens.focal_px * FACE_M / away / cutout.face_xywh_px[2]
    x, y = project(camera.lens, (across, height, away))
    left, top, w, h = (v * scale for v in cutout.face_xywh_px)
    room = w * (0.5 + HEAD_MARGIN)
    if not (room < x < WIDTH - room and room < y < HEIGHT - room) or scale > cutout.enlarge:
        return None
    size = (round(cutout.size_wh_px[0] * scale), round(cutout.size_wh_px[1] * scale))
    if mirrored:
        left = size[0] - left - w
    return Standing(cutout, (round(x - left - w / 2), round(y - top - h / 2)), size, away, mirrored)


def _fits(person: Standing, depth_m: Floats) -> bool:
    """Say whether nothing stands before the head and the figure's lower end is out of sight."""
    left, top, right, bottom = (round(v) for v in person.head_px)
    if (depth_m[max(0, top) : bottom, max(0, left) : right] <= person.away_m).any():
        return False
    left, top, right, bottom = (round(v) for v in person.figure_px)
    if bottom >= HEIGHT:
        return True
    lowest = depth_m[bottom - 2, max(0, left) : min(WIDTH, right)]
    return bool((lowest <= person.away_m).all())


def _collide(one: Standing, other: Standing) -> bool:
    """Say whether two people are the same person or the nearer one would cover the farther one's head."""
    near, far = sorted((one, other), key=lambda person: person.away_m)
    return one.cutout.person == other.cutout.person or _overlap(near.figure_px, far.head_px)


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
