"""Cutting faces out: keypoints come to lie where the encoder expects them, at any size and turn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.align import crop_faces, similarity
from detectors.records import Face

TEMPLATE = np.array([(46.3, 47.5), (102.8, 47.4), (73.6, 79.0), (74.3, 108.3)])


def turned(
    points: NDArray[np.float64], scale: float, degrees: float, shift: tuple[float, float]
) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    result: NDArray[np.float64] = points @ turn.T + shift
    return result


def face_at(points: NDArray[np.float64]) -> Face:
    low, high = points.min(axis=0), points.max(axis=0)
    keypoints = np.concatenate([points, points[:2]]).astype(np.float32)
    return Face(np.concatenate([low, high - low]).astype(np.float32), keypoints, 0.9, 1.0)


def picture_with_dots(points: NDArray[np.float64], radius: float) -> NDArray[np.uint8]:
    """Black, with a soft dot at every point: red, green, blue, white."""
    y, x = np.mgrid[0:1200, 0:1200]
    picture = np.zeros((1200, 1200, 3))
    for (px, py), colour in zip(points, [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)], strict=True):
        dot = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2))
        picture += 255 * dot[..., None] * np.array(colour)
    return np.clip(picture, 0, 255).astype(np.uint8)


def centre(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    y, x = np.indices(weight.shape)
    result: NDArray[np.float64] = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    return result


@pytest.mark.parametrize(
    ("scale", "degrees", "shift"),
    [
        pytest.param(1.0, 0.0, (400.0, 300.0), id="crop size, upright"),
        pytest.param(0.4, 0.0, (600.5, 200.25), id="small"),
        pytest.param(3.1, 0.0, (300.0, 500.0), id="large"),
        pytest.param(6.3, 0.0, (120.0, 130.0), id="very large"),
        pytest.param(1.7, 35.0, (500.0, 400.0), id="tilted"),
        pytest.param(4.4, -160.0, (900.0, 900.0), id="large and upside down"),
    ],
)
def test_keypoints_come_to_lie_on_the_template(scale: float, degrees: float, shift: tuple[float, float]) -> None:
    points = turned(TEMPLATE, scale, degrees, shift)
    crop = crop_faces(picture_with_dots(points, 4 * scale), [face_at(points)])[0].astype(float)
    white = crop.min(axis=2)
    for channel in range(3):
        assert np.abs(centre(np.clip(crop[..., channel] - white, 20, None) - 20) - TEMPLATE[channel]).max() < 0.35
    assert np.abs(centre(np.clip(white, 20, None) - 20) - TEMPLATE[3]).max() < 0.35


@pytest.mark.parametrize("scale", [1.0, 5.2], ids=["as large as the crop", "far larger"])
def test_another_encoder_has_its_own_template_and_size(scale: float) -> None:
    wanted = ((38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (56.1, 92.3))
    points = turned(np.array(wanted), scale, 20.0, (450.0, 300.0))
    [crop] = crop_faces(picture_with_dots(points, 3 * scale), [face_at(points)], wanted, 112).astype(float)
    assert crop.shape == (112, 112, 3)
    white = crop.min(axis=2)
    for channel in range(3):
        dot = np.clip(crop[..., channel] - white, 20, None) - 20
        assert np.abs(centre(dot) - wanted[channel]).max() < 0.35


def test_without_keypoints_the_box_fills_the_crop_of_any_size() -> None:
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[100:180, 50:90], picture[100:180, 90:130] = 255, 100
    face = Face(np.array([50, 100, 80, 80], np.float32), np.full((6, 2), 90, np.float32), 0.9, 1.0)
    [crop] = crop_faces(picture, [face], size=64)
    assert crop.shape == (64, 64, 3)
    assert (crop[2:-2, 2:30] == 255).all() and (crop[2:-2, 34:-2] == 100).all(), "the white half and the grey one"


def test_a_far_larger_face_is_averaged_not_sampled() -> None:
    """A fine checkerboard becomes grey; skipping pixels would leave black and white."""
    board = (np.indices((1200, 1200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    crop = crop_faces(np.repeat(board[..., None], 3, axis=2), [face_at(turned(TEMPLATE, 6.0, 0, (100, 100)))])
    assert np.abs(crop[0, 30:120, 30:120].astype(int) - 127).max() <= 3


def test_what_lies_outside_the_picture_is_black() -> None:
    white = np.full((200, 200, 3), 255, np.uint8)
    crop = crop_faces(white, [face_at(turned(TEMPLATE, 1.0, 0, (-75, 0)))])[0]
    assert crop[:, :70].max() == 0 and crop[10:140, 80:].min() == 255


def test_no_faces_give_no_crops() -> None:
    assert crop_faces(np.zeros((20, 20, 3), np.uint8), []).shape == (0, 150, 150, 3)


@pytest.mark.parametrize(
    "keypoints",
    [
        pytest.param(np.full((6, 2), 40.0, np.float32), id="all on one spot"),
        pytest.param(np.full((6, 2), np.nan, np.float32), id="not a number"),
    ],
)
def test_useless_keypoints_fall_back_on_the_box(keypoints: NDArray[np.float32]) -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[50:150, 60:160] = 200
    face = Face(np.array([60, 50, 100, 100], np.float32), keypoints, 0.9, 1.0)
    crop = crop_faces(picture, [face])[0]
    assert crop[2:-2, 2:-2].min() == 200


def test_the_fit_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(3)
    source = rng.normal(size=(7, 2))
    target = turned(source, 1.7, 24.0, (3.0, -8.0)) + rng.normal(0, 0.05, (7, 2))

    def error(matrix: NDArray[np.float64]) -> float:
        return float(((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum())

    best = similarity(source, target)
    for _ in range(200):
        a, b, x, y = rng.normal(0, 0.01, 4)
        assert error(best) <= error(best + np.array([(a, -b, x), (b, a, y)]))
