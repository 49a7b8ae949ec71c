"""Makes the pictures of one camera: people stand in the room, then lens, light, sensor and JPEG have their say."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from plugins.demo.placing import Standing, place_people
from plugins.demo.portraits import cutouts
from plugins.demo.raycast import HEIGHT, WIDTH
from plugins.demo.scenes import STORES, Camera
from plugins.demo.shading import View, draw
from plugins.demo.shots import Shot

ORIENTATION, EXIF_IFD, TAKEN_AT, TAKEN_OFFSET = 0x0112, 0x8769, 0x9003, 0x9011
LIES_ON_ITS_SIDE = 6  # EXIF: turn a quarter clockwise to see it upright
SUNRISE_H, SUNSET_H = 6.5, 18.2


@dataclass(frozen=True, slots=True)
class PlantedFace:
    """Who was put into a picture, and the face's box (left, top, width, height in pixels of the upright picture)."""

    person: str
    box_xywh_px: tuple[int, int, int, int]


def take_pictures(
    camera_name: str, shots: list[Shot], pictures: Path, folder: Path, tick: Callable[[int], object]
) -> list[list[PlantedFace]]:
    """Make and store one camera's pictures; runs in a process of its own.

    Args:
        camera_name: whose.
        shots: what to make.
        pictures: folder of the portraits.
        folder: the town's; the shots' paths are relative to it.
        tick: told after each picture.

    Returns:
        The faces planted in each shot, in the order of ``shots``.

    Raises:
        PictureMissing: a portrait is absent or another picture.
    """
    camera = next(c for cameras in STORES.values() for c in cameras if c.name == camera_name)
    view = draw(camera.room, camera.lens)
    planted = []
    for shot in shots:
        rng = np.random.default_rng(shot.seed)
        people = place_people(rng, camera, view.depth_m, cutouts(pictures), shot.people)
        _store(_expose(rng, camera, view, people, shot), rng, shot, folder / shot.path)
        tick(1)
        planted.append([PlantedFace(p.cutout.person, p.box_xywh_px) for p in people])
    return planted


def _expose(rng: np.random.Generator, camera: Camera, view: View, people: list[Standing], shot: Shot) -> Image.Image:
    hour = shot.taken_at.hour + shot.taken_at.minute / 60
    dark = not SUNRISE_H <= hour <= SUNSET_H
    picture = (view.by_night if dark else view.by_day).copy()
    softness_px = float(rng.uniform(0.3, 0.8))
    for person in people:
        light = _light(rng, 0.78 if dark and camera.room.open_air else 0.92, 0.07)
        _paste(picture, view, person, light, softness_px)
    gain = 0.9 if dark else 1.0 - 0.012 * abs(hour - 13)
    picture = picture.point(_light(rng, gain, 0.04, warmth=0.035 if dark or hour > 16.5 else -0.01))
    picture = _noisy(picture, rng, float(rng.uniform(1.0, 1.6)) * (1.6 if dark else 1.0))
    _burn_in(picture, camera, shot)
    return picture


def _light(rng: np.random.Generator, gain: float, spread: float, warmth: float = 0.0) -> list[int]:
    """Give a table of 3 x 256 values that lightens or darkens, bends, and tints a picture."""
    gain += float(rng.uniform(-spread, spread))
    bend = float(rng.uniform(0.92, 1.08))
    ramp = np.linspace(0, 1, 256) ** bend * 255 * gain
    tints = (1 + warmth, 1.0, 1 - 1.3 * warmth)
    return [int(value) for tint in tints for value in np.clip(ramp * tint, 0, 255)]


def _paste(picture: Image.Image, view: View, person: Standing, light: list[int], softness_px: float) -> None:
    """Put a person into the picture, behind what stands nearer to the camera and as soft as the lens makes it."""
    left, top = person.left_top_px
    figure = person.figure()
    x0, y0, x1, y1 = max(0, left), max(0, top), min(WIDTH, left + figure.width), min(HEIGHT, top + figure.height)
    shown = figure.crop((x0 - left, y0 - top, x1 - left, y1 - top)).filter(ImageFilter.GaussianBlur(softness_px))
    mask = np.asarray(shown.getchannel("A")) * (view.depth_m[y0:y1, x0:x1] > person.away_m)
    picture.paste(shown.convert("RGB").point(light), (x0, y0), Image.fromarray(mask))


@cache
def _noise_plates() -> NDArray[np.int16]:
    """Noise of a sensor at eight strengths, (8, H, W, 1): the spread grows from 1 to 2.75 grey levels of 255."""
    plate = np.random.default_rng(7).normal(0, 1, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.float32)
    return np.stack([np.rint(plate * (1 + step / 4)).astype(np.int16) for step in range(8)])


def _noisy(picture: Image.Image, rng: np.random.Generator, spread: float) -> Image.Image:
    """Add noise of about ``spread`` grey levels; each picture takes another part of the plate."""
    down, right = (int(v) for v in rng.integers(0, 64, 2))
    plate = _noise_plates()[min(7, max(0, round((spread - 1) * 4)))]
    grainy = np.asarray(picture) + plate[down : down + HEIGHT, right : right + WIDTH]
    return Image.fromarray(np.clip(grainy, 0, 255, out=grainy).astype(np.uint8))


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(30)


def _burn_in(picture: Image.Image, camera: Camera, shot: Shot) -> None:
    text = f"{camera.label}   {shot.taken_at:%Y-%m-%d %H:%M:%S}" if camera.clock else camera.label
    if text:
        ImageDraw.Draw(picture).text((36, 28), text, (244, 244, 240), _font(), stroke_width=2, stroke_fill=(20, 20, 20))


def _store(picture: Image.Image, rng: np.random.Generator, shot: Shot, path: Path) -> None:
    """Write the JPEG, with the time where the store's clock puts it."""
    exif = Image.Exif()
    if shot.rotated:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[ORIENTATION] = LIES_ON_ITS_SIDE
    if shot.clock == "exif":
        details = exif.get_ifd(EXIF_IFD)
        details[TAKEN_AT] = f"{shot.taken_at:%Y:%m:%d %H:%M:%S}"
        details[TAKEN_OFFSET] = shot.taken_at.isoformat()[-6:]
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=int(rng.integers(80, 93)), exif=exif)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out.getvalue())
    os.utime(path, (shot.taken_at.timestamp(),) * 2)
