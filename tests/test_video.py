"""Stills of videos: how they are picked in every container and codec, what is said of the gaps, and damaged files."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from av.stream import Disposition
from PIL import Image

from detectors.decode import DecodeLimits
from detectors.encoder import SHIPPED
from detectors.errors import Refusal, Refused
from detectors.look import Looker
from detectors.signatures import Film, recognise
from detectors.video import Video
from plugins.adhoc import count_faces, count_sources, find_faces
from plugins.evidence import Evidence
from plugins.nightly import scan
from tests.films import RATE, film
from tests.organisation import Organisation

CLOCK = datetime(2026, 10, 21, tzinfo=UTC)


def opened(data: bytes, every: float = 1.0, **limits: float) -> Video:
    kind = recognise(data)
    assert isinstance(kind, Film)
    return Video(io.BytesIO(data), kind, DecodeLimits(**limits), every)  # type: ignore[arg-type]


def times(video: Video) -> list[int]:
    return [frame.frame_ms for frame in video.stills()]


@pytest.fixture(scope="module")
def astronaut(pictures: Path) -> np.ndarray:
    return np.asarray(Image.open(pictures / "astronaut.png").convert("RGB"))


@pytest.fixture(scope="module")
def empty(pictures: Path) -> np.ndarray:
    return np.asarray(Image.open(pictures / "coffee.png").convert("RGB").resize((512, 512)))


GRAY = [np.full((64, 96, 3), 40 + n % 3, np.uint8) for n in range(60)]


@pytest.mark.parametrize(
    ("container", "codec", "kind"),
    [
        *((container, codec, kind)
          for container, kind in (("mp4", Film.MP4), ("mov", Film.MP4), ("matroska", Film.MATROSKA), ("avi", Film.AVI))
          for codec in ("libx264", "libx265", "mjpeg", "mpeg4") if (container, codec) != ("avi", "libx265")),
        ("mp4", "mpeg2video", Film.MP4),
        ("mp4", "libvpx-vp9", Film.MP4),
        ("mp4", "libsvtav1", Film.MP4),
        ("matroska", "libvpx-vp9", Film.MATROSKA),
        ("webm", "libvpx-vp9", Film.MATROSKA),
        ("mpegts", "libx264", Film.TRANSPORT),
        ("mpegts", "libx265", Film.TRANSPORT),
        ("mpegts", "mpeg2video", Film.TRANSPORT),
        ("mpeg", "mpeg2video", Film.MPEG),
        ("flv", "libx264", Film.FLASH),
    ],
)  # fmt: skip
def test_a_still_is_taken_each_second_in_every_container(container: str, codec: str, kind: Film) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV writes no {codec}")
    data = film(GRAY, container, codec)
    assert recognise(data) is kind
    video = opened(data)
    taken = times(video)
    assert taken[0] == 0
    assert max(np.diff(taken)) <= 1_010, taken
    assert 6 <= len(taken) <= 8
    assert video.watched.stills == len(taken)
    assert max(np.diff(taken)) <= video.watched.longest_gap_ms <= 1_300
    assert video.watched.refusal is None


def test_without_key_frames_the_floor_and_changes_of_the_scene_are_kept() -> None:
    dark, light = np.full((64, 96, 3), 20, np.uint8), np.full((64, 96, 3), 220, np.uint8)
    frames = [dark] * 14 + [light] * 3 + [dark] * 43  # a flash of 0.3 s between two seconds
    taken = times(opened(film(frames, gop=600)))
    assert 1_400 in taken
    assert max(np.diff(taken)) <= 1_000
    quick = [dark if n % 2 else light for n in range(40)]
    assert min(np.diff(times(opened(film(quick, gop=600))))) >= 200, "however much changes"


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_where_key_frames_are_rare_for_a_while_all_frames_are_decoded_there(codec: str) -> None:
    def joined() -> bytes:
        """Key frames each 0.5 s, then none for 4 s, then each 0.5 s again; the light goes on for 0.3 s in between."""
        out = io.BytesIO()
        with av.open(out, "w", format="matroska") as file:
            stream = file.add_stream(codec, rate=RATE)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.codec_context.gop_size = 400
            if codec.startswith("libx"):
                stream.options = {"x265-params": "scenecut=0", "sc_threshold": "0", "forced-idr": "1"}
            for n in range(100):
                image = np.full((64, 96, 3), 220 if 43 <= n < 46 else 20, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = n, Fraction(1, RATE)
                if n % 5 == 0 and not 30 < n < 70:
                    frame.pict_type = av.video.frame.PictureType.I
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return out.getvalue()

    taken = times(opened(joined()))
    assert max(np.diff(taken)) <= 1_000, taken
    assert {4_300, 4_600} & set(taken), taken
    assert len(taken) <= 16, taken


@pytest.mark.parametrize("container", ["mpegts", "mpeg"])
def test_recordings_that_were_joined_are_looked_at_to_the_end_though_their_clock_begins_anew(container: str) -> None:
    once = film(GRAY, container, "mpeg2video")
    video = opened(once + once)
    taken = times(video)
    assert 11_000 <= taken[-1] <= 12_500, taken
    assert max(np.diff(taken)) <= 1_200, taken


def test_damage_in_the_middle_is_passed_over_and_said(astronaut: np.ndarray) -> None:
    data = bytearray(film([np.roll(astronaut, 7 * n, axis=1) for n in range(60)], gop=600))
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(range(250)) * 16
    video = opened(bytes(data))
    taken = times(video)
    assert taken[-1] >= 5_000, taken
    assert video.watched.refusal is Refusal.TRUNCATED


def test_the_time_between_stills_is_a_setting_and_said() -> None:
    video = opened(film(GRAY, gop=1), every=2.5)
    assert times(video) == [0, 2_400, 4_800, 5_900]  # of key frames nearer than 0.2 s to each other one is decoded
    assert video.watched.longest_gap_ms == 2_400


def test_when_it_was_taken_is_read_and_a_clock_that_was_never_set_is_not() -> None:
    assert opened(film(GRAY, creation_time="2026-03-01T08:00:00Z")).taken_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert opened(film(GRAY, creation_time="1904-01-01T00:00:00Z")).taken_at is None
    assert opened(film(GRAY)).taken_at is None


def test_a_second_track_is_not_looked_at_and_said_and_a_cover_is_no_track(
    astronaut: np.ndarray, empty: np.ndarray
) -> None:
    two, covered = tracks(astronaut, empty), tracks(empty, astronaut, cover=True)
    unknown = tracks(empty, astronaut, container="matroska").replace(b"V_MPEG4/ISO/AVC", b"V_NOBODY/KNOWS!", 1)
    with Looker() as looker:
        first, second, third = looker.look(two), looker.look(covered), looker.look(unknown)
    assert first.watched is not None
    assert second.watched is not None
    assert (first.watched.refusal, len(first.faces)) == (Refusal.MORE_TRACKS, 3)
    assert (second.watched.refusal, len(second.faces)) == (None, 3)
    assert third.watched is not None
    assert (third.watched.refusal, len(third.faces)) == (Refusal.MORE_TRACKS, 3)


def tracks(first: np.ndarray, second: np.ndarray, *, container: str = "mp4", cover: bool = False) -> bytes:
    """Make a film of two seconds with two tracks of pictures; with ``cover`` the first is a single one, its cover."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        streams = [file.add_stream("mjpeg" if cover else "libx264", rate=RATE), file.add_stream("libx264", rate=RATE)]
        for stream, image in zip(streams, (first, second), strict=True):
            stream.height, stream.width = image.shape[:2]
            stream.pix_fmt = "yuvj420p" if stream.name == "mjpeg" else "yuv420p"
        if cover:
            streams[0].disposition = Disposition.attached_pic
        for number in range(20):
            for stream, image in zip(streams, (first, second), strict=True):
                if number and stream.name == "mjpeg":
                    continue
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode(None))
    return out.getvalue()


def test_memory_stays_flat_on_a_long_video() -> None:
    def peak(seconds: int) -> int:
        rng = np.random.default_rng(0)
        still = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
        data = film((still for _ in range(seconds * RATE)), gop=RATE)
        tracemalloc.start()
        stills = sum(1 for _ in opened(data).stills())
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert stills == seconds
        return size - len(data)

    short, long = peak(5), peak(60)
    assert long < short + 2_000_000


# -- faces -------------------------------------------------------------------------------------------------------------


def test_each_face_has_its_time_and_an_empty_scene_has_none(astronaut: np.ndarray, empty: np.ndarray) -> None:
    data = film([empty] * 20 + [astronaut] * 20 + [empty] * 10)
    with Looker() as looker:
        look = looker.look(data)
    assert look.media_type == "video/mp4"
    assert {seen.frame_ms // 1000 for seen in look.faces} == {2, 3}
    assert look.watched is not None
    assert look.watched.stills == 5
    first, second = look.faces[0].vector, look.faces[-1].vector
    assert first @ second > 0.98


def test_a_video_on_its_side_is_turned(astronaut: np.ndarray) -> None:
    upright = opened(film([astronaut] * 3))
    [still] = list(upright.stills())[:1]
    assert abs(still.image_rgb.astype(int) - astronaut).mean() < 8


def test_one_person_before_a_camera_for_a_minute_is_one(organisation: Organisation, astronaut: np.ndarray) -> None:
    for path in (organisation.folder / "stores").rglob("*.*"):
        path.unlink()
    rng = np.random.default_rng(0)
    moving = [np.roll(astronaut, int(rng.integers(-20, 20)), axis=1) for _ in range(40)]
    organisation.put("hall/cam/door.mp4", film((moving[n // RATE % 40] for n in range(40 * RATE)), gop=RATE))
    scan(organisation.request(), lambda: CLOCK, lambda total: lambda n: None)
    evidence = Evidence(str(organisation.folder / "evidence"))
    [row] = evidence.objects().query("store == 'hall'").to_dict("records")
    assert (row["status"], row["media_type"], row["stills"]) == ("scanned", "video/mp4", 40)
    assert row["faces"] >= 38
    assert 900 <= row["longest_gap_ms"] <= 1_100
    faces = evidence.faces(evidence.objects())
    assert faces[faces["store"] == "hall"]["frame_ms"].nunique() >= 38
    report = json.loads(evidence.read_bytes("reports/night-1.json"))
    assert (report["videos"]["count"], report["videos"]["stills"]) == (1, 40)
    hall = evidence.read("census").query("scope_name == 'hall'").iloc[0]
    assert (hall["people_low"], hall["people_best"], hall["people_high"]) == (1, 1, 1)


def test_one_face_that_moves_through_3000_frames_is_one_person(
    astronaut: np.ndarray, empty: np.ndarray, tmp_path: Path
) -> None:
    face, ground = (
        np.asarray(Image.fromarray(astronaut).resize((200, 200))),
        np.asarray(Image.fromarray(empty).resize((480, 272))),
    )

    def walking() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        for n in range(3_000):
            frame = ground.copy()
            left, top = round(140 + 130 * np.sin(n / 90)), round(36 + 30 * np.cos(n / 37))
            frame[top : top + 200, left : left + 200] = face
            yield np.clip(frame * (0.8 + 0.2 * np.sin(n / 400)) + rng.integers(-6, 7), 0, 255).astype(np.uint8)

    (tmp_path / "walk.mkv").write_bytes(film(walking(), "matroska", gop=25, rate=25))
    found = find_faces([str(tmp_path / "walk.mkv")], 1)
    assert (found.films.count, found.films.stills, found.films.longest_gap_ms <= 1_100) == (1, 120, True)
    assert len(found.rows) >= 114
    faces = tmp_path / "faces.parquet"
    pq.write_table(found.table(unsafe_include_vectors=True), faces)
    for people in (count_faces(found.frame(), SHIPPED, ()), count_sources([str(faces)], 1).people):
        assert (people.low, people.best, people.high) == (1, 1, 1)


# -- damage ------------------------------------------------------------------------------------------------------------


def test_what_was_seen_before_the_damage_is_kept_and_the_damage_said(
    organisation: Organisation, astronaut: np.ndarray
) -> None:
    whole = film([astronaut] * 60, "matroska")
    organisation.put("hall/cut.mkv", whole[: len(whole) // 2])
    organisation.put("hall/no-end.mp4", film([astronaut] * 20)[:-2000])
    scan(organisation.request(), lambda: CLOCK, lambda total: lambda n: None)
    evidence = Evidence(str(organisation.folder / "evidence"))
    rows = {Path(row["uri"]).name: row for row in evidence.objects().to_dict("records")}
    no_end, cut = rows["no-end.mp4"], rows["cut.mkv"]
    assert (no_end["status"], no_end["reason"], no_end["faces"]) == ("quarantined", "truncated", 0)
    assert (cut["status"], cut["reason"], cut["stills"]) == ("quarantined", "truncated", 3)
    assert cut["faces"] == 3
    assert evidence.faces(evidence.objects())["uri"].str.endswith("cut.mkv").sum() == 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", Refusal.TRUNCATED),
        (b"\x1a\x45\xdf\xa3" + bytes(500), Refusal.TRUNCATED),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(500), Refusal.TRUNCATED),
        (b"FLV\x01" + bytes(50), Refusal.TRUNCATED),
    ],
)
def test_a_head_without_a_body_is_refused(data: bytes, reason: Refusal) -> None:
    with pytest.raises(Refused) as caught, Looker() as looker:
        looker.look(data)
    assert caught.value.reason in (reason, Refusal.UNSUPPORTED)


def test_sound_alone_is_unsupported_and_too_many_pixels_are_too_large() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(Refused) as caught:
        opened(out.getvalue())
    assert caught.value.reason is Refusal.UNSUPPORTED
    with pytest.raises(Refused) as caught:
        opened(film(GRAY), max_pixels=1_000)
    assert caught.value.reason is Refusal.TOO_LARGE


def test_damaged_bytes_never_raise_anything_else(astronaut: np.ndarray) -> None:
    rng, whole = np.random.default_rng(1), film([astronaut[:128, :128]] * 30)
    watched = refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(32, len(data), 20):
            data[place] = int(rng.integers(256))
        try:
            video = opened(bytes(data))
            for _ in video.stills():
                pass
            assert video.watched.stills >= 1
            watched += 1
        except Refused as problem:
            assert problem.reason in Refusal
            refused += 1
    assert watched > 10 and refused > 10
