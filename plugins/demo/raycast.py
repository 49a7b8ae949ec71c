"""Rooms and lenses, and where the rays of a camera end: planes and boxes, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]
Side = Literal["floor", "ceiling", "left", "right", "back"]

WIDTH, HEIGHT = 1920, 1080
"""Size of a camera's picture in pixels."""

DRAWN_WIDTH, DRAWN_HEIGHT = 1280, 720
"""Rooms are drawn at this size and enlarged: less than half the work, and as soft as a surveillance lens."""

SIDES: tuple[Side, ...] = ("floor", "ceiling", "left", "right", "back")
FAR_M = 400.0
TOUCHING_M = 1e-4


@dataclass(frozen=True, slots=True)
class Lens:
    """Where a camera hangs and how it looks: focal length in pixels of its picture, height in metres, degrees."""

    focal_px: float
    height_m: float
    down_deg: float = 0.0
    right_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Finish:
    """What covers a surface: two colours (0 to 1) in a pattern that repeats every ``size_m`` (across, along)."""

    kind: Literal["plain", "tiles", "planks", "bricks", "facade", "skirted"]
    colour: Colour
    second: Colour = (0.4, 0.4, 0.4)
    size_m: tuple[float, float] = (0.6, 0.6)
    grain: float = 0.06
    gloss: float = 0.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle on a side of the room, in metres along that side (left, low, right, high).

    Lamps always shine, windows by day; doors and boards have a frame.
    """

    side: Side
    rect_m: tuple[float, float, float, float]
    kind: Literal["lamp", "window", "door", "board"]
    colour: Colour = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Block:
    """A box that stands in the room: from and to across, up and away, in metres."""

    x_m: tuple[float, float]
    y_m: tuple[float, float]
    z_m: tuple[float, float]
    finish: Finish


@dataclass(frozen=True, slots=True)
class Room:
    """A room with the camera at its near end; without a ceiling it is a street.

    The origin is on the floor under the camera; x goes right, y up, z away.
    """

    left_m: float
    right_m: float
    far_m: float
    high_m: float
    finishes: dict[Side, Finish]
    panels: tuple[Panel, ...] = ()
    blocks: tuple[Block, ...] = ()
    open_air: bool = False
    street_lamps_m: tuple[tuple[float, float, float], ...] = ()


class Hits(NamedTuple):
    """Where N rays end: distances (N,), surface numbers (N,) (sides first, then blocks), axes of the normals (N,)."""

    t: Floats
    surface: NDArray[np.int16]
    axis: NDArray[np.int8]


def rays_of(lens: Lens) -> Floats:
    """Give the directions (N, 3) of the pixels of a drawn picture, row by row; one step along z of the camera each."""
    right, up, ahead = _axes(lens)
    focal = np.float32(lens.focal_px * DRAWN_WIDTH / WIDTH)
    across = (np.arange(DRAWN_WIDTH, dtype=np.float32) + 0.5 - DRAWN_WIDTH / 2) / focal
    down = (np.arange(DRAWN_HEIGHT, dtype=np.float32) + 0.5 - DRAWN_HEIGHT / 2) / focal
    rays = across[None, :, None] * right - down[:, None, None] * up + ahead
    return rays.reshape(-1, 3).astype(np.float32)


def project(lens: Lens, point_m: tuple[float, float, float]) -> tuple[float, float]:
    """Say at which pixel (x, y) the camera sees a point."""
    right, up, ahead = _axes(lens)
    offset = np.array(point_m) - np.array([0.0, lens.height_m, 0.0])
    z = float(offset @ ahead)
    return WIDTH / 2 + lens.focal_px * float(offset @ right) / z, HEIGHT / 2 - lens.focal_px * float(offset @ up) / z


def _axes(lens: Lens) -> tuple[Floats, Floats, Floats]:
    p, q = np.radians(lens.down_deg), np.radians(lens.right_deg)
    right = np.array([np.cos(q), 0, -np.sin(q)], np.float32)
    up = np.array([np.sin(p) * np.sin(q), np.cos(p), np.sin(p) * np.cos(q)], np.float32)
    ahead = np.array([np.cos(p) * np.sin(q), -np.sin(p), np.cos(p) * np.cos(q)], np.float32)
    return right, up, ahead


def trace(room: Room, origin: Floats, rays: Floats) -> Hits:
    """Find what each of N rays (N, 3) meets first; ``origin`` is (3,) or (N, 3)."""
    hits = Hits(np.full(len(rays), FAR_M, np.float32), np.ones(len(rays), np.int16), np.ones(len(rays), np.int8))
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.float32(1) / rays
        for number in range(len(SIDES)):
            _meet_side(room, number, origin, slopes, hits)
        for number, block in enumerate(room.blocks, start=len(SIDES)):
            reach, axis = _enter(block, origin, slopes)
            nearer = (reach > TOUCHING_M) & (reach < hits.t)
            hits.t[nearer], hits.surface[nearer], hits.axis[nearer] = reach[nearer], number, axis[nearer]
    return hits


def _meet_side(room: Room, number: int, origin: Floats, slopes: Floats, hits: Hits) -> None:
    if room.open_air and SIDES[number] == "ceiling":
        return
    normal = (1, 1, 0, 0, 2)[number]
    place = (0.0, room.high_m, room.left_m, room.right_m, room.far_m)[number]
    reach = (np.float32(place) - origin[..., normal]) * slopes[:, normal]
    nearer = (reach > TOUCHING_M) & (reach < hits.t)
    if room.open_air and normal != 1:  # houses end at their eaves, above is sky
        nearer &= origin[..., 1] + reach / slopes[:, 1] < room.high_m
    hits.t[nearer], hits.surface[nearer], hits.axis[nearer] = reach[nearer], number, normal


def _enter(block: Block, origin: Floats, slopes: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """Slab method: where rays enter a box (FAR_M when they do not), and through which axis."""
    first = np.full(len(slopes), -FAR_M, np.float32)
    last = np.full(len(slopes), FAR_M, np.float32)
    axis = np.zeros(len(slopes), np.int8)
    for normal, (low, high) in enumerate((block.x_m, block.y_m, block.z_m)):
        one = (np.float32(low) - origin[..., normal]) * slopes[:, normal]
        two = (np.float32(high) - origin[..., normal]) * slopes[:, normal]
        near, far = np.minimum(one, two), np.maximum(one, two)
        axis[near > first] = normal
        first, last = np.maximum(first, near), np.minimum(last, far)
    return np.where((first <= last) & (first > 0), first, FAR_M).astype(np.float32), axis
