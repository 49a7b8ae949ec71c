"""Sequences of stills: their names say the order, and a person in many neighbouring ones is one track."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from detectors.sequences import place_in_sequence
from plugins.adhoc import tracked


@pytest.mark.parametrize(
    ("uri", "sequence", "number"),
    [
        ("/a/frame_0001.jpg", "/a/frame_", 1),
        ("s3://b/cam1/Frame00120.png", "s3://b/cam1/Frame", 120),
        ("/a/gate-still-7.jpeg", "/a/gate-still-", 7),
        ("/a/frames/frame 000100.jpg", "/a/frames/frame ", 100),
    ],
)
def test_numbered_stills_have_a_place(uri: str, sequence: str, number: int) -> None:
    assert place_in_sequence(uri) == (sequence, number)


@pytest.mark.parametrize(
    "uri",
    ["/people/Ann_Lee/Ann_Lee_0001.jpg", "/a/DSC_0001.JPG", "/frames/0001.jpg", "/a/frame.jpg", "/frame_1/a.jpg", ""],
)
def test_a_number_behind_any_other_name_is_none(uri: str) -> None:
    sequence, number = place_in_sequence(uri)
    assert (sequence, math.isnan(number)) == (None, True)


def test_each_video_and_each_sequence_is_a_camera_and_other_pictures_are_none() -> None:
    faces = pd.DataFrame(
        [
            ("/a/x.mp4", 0, True),
            ("/a/x.mp4", 2_500, True),
            ("/a/y.mp4", 1_000, True),
            ("/a/frame_7.jpg", 0, False),
            ("/a/frame_9.jpg", 0, False),
            ("/b/frame_9.jpg", 0, False),
            ("/a/moving.gif", 80, False),
        ],
        columns=["uri", "frame_ms", "is_video"],
    )
    cameras, seconds = tracked(faces)
    assert cameras[0] == cameras[1] != cameras[2]
    assert cameras[3] == cameras[4] != cameras[5]
    assert len({*cameras[:6].tolist()}) == 4
    assert cameras[6] == -1
    np.testing.assert_array_equal(seconds, [0, 2.5, 1, 7, 9, 9, np.nan])
    without = tracked(faces.drop(columns="is_video"))[0]
    assert without.tolist()[:3] == [-1, -1, -1], "a table of another program does not say what is a video"
