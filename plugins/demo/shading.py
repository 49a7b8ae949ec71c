"""Colours what the rays of a camera meet: patterns, grain, lamps, windows, polished floors. Knows no faces."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from plugins.demo.raycast import (
    DRAWN_HEIGHT,
    DRAWN_WIDTH,
    FAR_M,
    HEIGHT,
    SIDES,
    WIDTH,
    Finish,
    Floats,
    Hits,
    Lens,
    Panel,
    Room,
    Side,
    rays_of,
    trace,
)

NIGHT, DAY = 0, 1


def _colour(*values: float) -> Floats:
    return np.array(values, np.float32)


WARM, COOL = _colour(1.0, 0.95, 0.86), _colour(0.88, 0.96, 1.05)


class View(NamedTuple):
    """A drawn room: its pictures by night and by day, and the distance in metres (H, W) of what is seen there."""

    by_night: Image.Image
    by_day: Image.Image
    depth_m: Floats


def draw(room: Room, lens: Lens) -> View:
    """Draw a room at ``WIDTH`` x ``HEIGHT``, the same every time."""
    eye = np.array([0.0, lens.height_m, 0.0], np.float32)
    rays = rays_of(lens)
    hits = trace(room, eye, rays)
    light = _shade(room, eye, rays, hits)
    floor = np.flatnonzero((hits.surface == SIDES.index("floor")) & (hits.t < FAR_M))
    gloss = room.finishes["floor"].gloss
    if gloss and len(floor):
        light[:, floor] += gloss * _mirrored(room, eye + rays[floor] * hits.t[floor, None], rays[floor])
    night, day = (_developed(variant) for variant in light)
    depth = Image.fromarray((hits.t * rays[:, 2]).reshape(DRAWN_HEIGHT, DRAWN_WIDTH))
    return View(night, day, np.asarray(depth.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)))


def _developed(light: Floats) -> Image.Image:
    toned = np.clip(light / (light + 0.55) * 1.25, 0, 1) ** np.float32(1 / 1.5)
    drawn = Image.fromarray((toned * 255).astype(np.uint8).reshape(DRAWN_HEIGHT, DRAWN_WIDTH, 3))
    return drawn.filter(ImageFilter.GaussianBlur(0.6)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def _shade(room: Room, origin: Floats, rays: Floats, hits: Hits) -> Floats:
    """Give the light (2, N, 3) that comes back along each ray by night and by day."""
    light = np.zeros((2, len(rays), 3), np.float32)
    if room.open_air:
        light[:] = _sky(rays)
    for number in np.unique(hits.surface):
        picked = np.flatnonzero((hits.surface == number) & (hits.t < FAR_M))
        if len(picked):
            points = origin[picked] if origin.ndim == 2 else origin
            points = points + rays[picked] * hits.t[picked, None]
            light[:, picked] = _surface_light(room, int(number), points, hits.axis[picked])
    return light


def _mirrored(room: Room, points: Floats, rays: Floats) -> Floats:
    """What a polished floor shows: the colours that rays meet after they bounce, stronger at a flat angle."""
    bounced = rays * _colour(1, -1, 1)
    seen = _shade(room, points, bounced, trace(room, points, bounced))
    flatness = 1 - np.abs(rays[:, 1]) / np.linalg.norm(rays, axis=1)
    mirrored: Floats = np.minimum(seen, 3) * (0.15 + flatness[:, None] ** 3)
    return mirrored


def _surface_light(room: Room, number: int, points: Floats, axis: NDArray[np.int8]) -> Floats:
    block = room.blocks[number - len(SIDES)] if number >= len(SIDES) else None
    p = np.where(axis == 0, points[:, 2], points[:, 0])
    q = np.where(axis == 1, points[:, 2], points[:, 1])
    colour = _covering(block.finish if block else room.finishes[SIDES[number]], p, q)
    glow = np.zeros((2, len(points), 1), np.float32)
    if block is None:
        for panel in (panel for panel in room.panels if panel.side == SIDES[number]):
            _apply(panel, p, q, colour, glow)
    falling = _falling_light(room, points, axis) * _corners(room, points, number)[:, None]
    lit: Floats = colour * np.where(glow > 0, glow, falling)
    return lit


def _covering(finish: Finish, p: Floats, q: Floats) -> Floats:
    """Colour a surface at (p, q) metres: its pattern, then grain."""
    share = _pattern(finish, p, q)[:, None]
    colour = _colour(*finish.colour) * (1 - share) + _colour(*finish.second) * share
    grain = _noise(p * 200, q * 200)
    covered: Floats = (colour * (1 + np.float32(finish.grain) * grain[:, None])).astype(np.float32)
    return covered


def _pattern(finish: Finish, p: Floats, q: Floats) -> Floats:
    """Say how much of the second colour shows at each place, 0 to 1."""
    across, along = finish.size_m
    if finish.kind == "plain":
        return np.zeros_like(p)
    if finish.kind == "skirted":
        return (q < across).astype(np.float32)
    row = np.floor(q / along)
    shift = row * 0.5 if finish.kind in ("bricks", "planks") else np.float32(0)
    u, v = (p / across + shift) % 1, (q / along) % 1
    if finish.kind == "facade":  # a window in the middle of every field
        return ((abs(u - 0.5) < 0.28) & (abs(v - 0.5) < 0.3)).astype(np.float32)
    joint = (np.minimum(u, 1 - u) * across < 0.006) | (np.minimum(v, 1 - v) * along < 0.006)
    piece = _noise(np.floor(p / across + shift) * np.float32(37.3), row * np.float32(61.7))  # no two tiles alike
    share: Floats = np.clip(joint * 0.8 + (0.10 * piece + 0.1), 0, 1).astype(np.float32)
    return share


def _apply(panel: Panel, p: Floats, q: Floats, colour: Floats, glow: Floats) -> None:
    """Paint a panel into ``colour`` (N, 3) and ``glow`` (2, N, 1)."""
    left, low, right, high = panel.rect_m
    edge = np.minimum(np.minimum(p - left, right - p), np.minimum(q - low, high - q))
    inside = edge > 0
    if panel.kind == "lamp":
        colour[inside], glow[:, inside] = panel.colour, 4.0
        return
    colour[inside] = _colour(*panel.colour) * (1 + 0.05 * _noise(p[inside] * 200, q[inside] * 20)[:, None])
    if panel.kind == "window":
        pane = inside & ((p - left) % 1.2 > 0.05) & (np.abs(q - (low + high) / 2) > 0.02)
        height = (q[pane] - low) / (high - low)
        glow[DAY, pane] = (0.9 + 1.4 * height + 0.12 * _noise(p[pane] * 40, q[pane] * 15))[:, None]
        glow[NIGHT, pane] = 0.06
    elif panel.kind == "door":
        colour[inside & (np.abs(q - 1.05) < 0.02) & (edge < 0.16) & (p > (left + right) / 2)] = 0.75
    frame = inside & (edge < 0.05)
    colour[frame], glow[:, frame] = (0.25, 0.25, 0.26), 0


def _falling_light(room: Room, points: Floats, axis: NDArray[np.int8]) -> Floats:
    """Add up what falls on surfaces, (2, N, 3): light from everywhere, lamps, and by day the sky behind windows."""
    total = np.empty((2, len(points), 3), np.float32)
    total[NIGHT], total[DAY] = 0.16 * COOL, 0.22 * COOL
    if room.open_air:
        total[DAY] += np.where(axis == 1, 0.75, 0.45).astype(np.float32)[:, None] * COOL
        for place in room.street_lamps_m:
            total[NIGHT] += (9.0 * _share_arriving(_colour(*place), points, axis))[:, None] * WARM
    for panel in room.panels:
        if panel.kind in ("lamp", "window") and not room.open_air:
            area = (panel.rect_m[2] - panel.rect_m[0]) * (panel.rect_m[3] - panel.rect_m[1])
            share = area * _share_arriving(_centre(room, panel), points, axis)[:, None]
            if panel.kind == "lamp":
                total += 2.2 * share * WARM
            else:
                total[DAY] += 0.35 * share * COOL
    return total


def _share_arriving(lamp: Floats, points: Floats, axis: NDArray[np.int8]) -> Floats:
    offset = lamp - points
    square = np.einsum("ij,ij->i", offset, offset) + np.float32(0.8)
    facing = np.abs(np.take_along_axis(offset, axis[:, None].astype(np.int64), axis=1))[:, 0] / np.sqrt(square)
    share: Floats = (facing * 0.8 + 0.2) / square
    return share


def _centre(room: Room, panel: Panel) -> Floats:
    a, b = (panel.rect_m[0] + panel.rect_m[2]) / 2, (panel.rect_m[1] + panel.rect_m[3]) / 2
    places: dict[Side, tuple[float, float, float]] = {
        "floor": (a, 0, b),
        "ceiling": (a, room.high_m, b),
        "left": (room.left_m, b, a),
        "right": (room.right_m, b, a),
        "back": (a, b, room.far_m),
    }
    return np.array(places[panel.side], np.float32)


def _corners(room: Room, points: Floats, number: int) -> Floats:
    """Darken where surfaces meet, and the floor around what stands on it."""
    walls = (points[:, 0] - room.left_m, room.right_m - points[:, 0], room.far_m - points[:, 2])
    levels = (points[:, 1], *((room.high_m - points[:, 1],) if not room.open_air else ()))
    keep = np.ones(len(points), np.float32)
    for distance in (*walls, *levels):
        keep *= np.where(distance > 1e-3, 1 - 0.28 * np.exp(-np.maximum(distance, 0) / 0.35), 1)
    if number == 0:
        for block in room.blocks:
            gap_x = np.maximum(np.maximum(block.x_m[0] - points[:, 0], points[:, 0] - block.x_m[1]), 0)
            gap_z = np.maximum(np.maximum(block.z_m[0] - points[:, 2], points[:, 2] - block.z_m[1]), 0)
            keep *= 1 - 0.5 * np.exp(-np.hypot(gap_x, gap_z) / 0.25)
    return keep.astype(np.float32)


def _sky(rays: Floats) -> Floats:
    height = np.clip(rays[:, 1:2] / np.linalg.norm(rays, axis=1, keepdims=True), 0, 1)
    clouds = _noise(rays[:, 0] / (height[:, 0] + 0.2) * 70, rays[:, 2] / (height[:, 0] + 0.2) * 70)[:, None]
    day = _colour(0.95, 1.0, 1.05) * (1.5 - height) + np.float32(0.12) * clouds
    return np.stack([np.broadcast_to(_colour(0.010, 0.012, 0.020), day.shape), day]).astype(np.float32)


@cache
def _noise_field() -> Floats:
    """512x512 cloud noise (power falling with frequency) that tiles; mean 0, spread 1."""
    size = 512
    white = np.random.default_rng(20261020).normal(size=(size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :])
    frequency[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(white) / frequency**0.8).real
    even: Floats = ((field - field.mean()) / field.std()).astype(np.float32)
    return even


def _noise(p: Floats, q: Floats) -> Floats:
    field = _noise_field()
    values: Floats = field[q.astype(np.int32) & 511, p.astype(np.int32) & 511]
    return values
