"""Makes small videos, in any container and codec that PyAV writes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

RATE = 10


def film(frames: Iterator[np.ndarray] | list[np.ndarray], container: str = "mp4", codec: str = "libx264",
         gop: int = 10, rate: int = RATE, **metadata: str) -> bytes:  # fmt: skip
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        file.metadata.update(metadata)
        stream = file.add_stream(codec, rate=rate)
        stream.codec_context.gop_size = gop
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number, image in enumerate(frames):
            if not number:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()
