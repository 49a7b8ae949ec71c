"""Chooses which packets of a video are decoded: where key frames come often enough only they are, elsewhere all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Packets between two key frames wait to be decoded or passed over; more bytes than these do not wait.
_WAITING_BYTES = 32 * 2**20


class SparseDecoder:
    """Decodes one stream of a container, group by group: a key frame and what follows it up to the next one.

    One walk through the file, in its order, that never holds more than one group.

    Args:
        container: opened by PyAV.
        stream: its video.
        every_seconds: a group that lasts no longer is decoded by its key frame alone.
        apart_seconds: key frames nearer than this to the last one decoded are passed over, where the step allows it.

    Attributes:
        is_damaged: whether a packet could not be decoded, or gave a picture with holes.
    """

    def __init__(self, container: Any, stream: Any, every_seconds: float, apart_seconds: float) -> None:
        import av

        self._invalid = av.error.InvalidDataError
        self._packets, self._stream = container.demux(stream), stream
        self._base = float(stream.time_base or 1)
        self._every, self._apart = every_seconds + 1e-3, apart_seconds - 1e-3
        self._decoded_at: float | None = None
        self._has_skipped = False
        self._first_pts: int | None = None
        self.is_damaged = False

    def frames(self) -> Iterator[Any]:
        """Give the decoded frames in the order they are shown, and None for each packet that gave none."""
        waiting: list[Any] = []
        held, is_dense = 0, True
        for packet in self._packets:
            if not packet.size:
                continue  # a frame that was dropped when it was recorded, or the end
            if packet.is_keyframe:
                yield from self._group(waiting, packet)
                waiting, held, is_dense = [packet], packet.size, False
            elif is_dense:
                yield from self._decode(packet)
            else:
                waiting.append(packet)
                held += packet.size
                if held > _WAITING_BYTES or not self._is_short(waiting[0], packet):
                    yield from self._all(waiting)
                    waiting, is_dense = [], True
            yield None
        yield from self._group(waiting, None)
        yield from self._decode(None)

    def _group(self, packets: list[Any], following: Any) -> Iterator[Any]:
        """Decode a group that was not begun yet, now that the key frame behind it is known."""
        if not packets:
            return
        if following is not None and not self._is_short(packets[0], following):
            yield from self._all(packets)
        elif self._is_wanted(packets[0], following):
            yield from self._decode(packets[0])
            self._decoded_at = self._at(packets[0])
            self._has_skipped |= len(packets) > 1
        else:
            self._has_skipped = True

    def _is_short(self, first: Any, last: Any) -> bool:
        """Say whether there is no more than the step between two packets; where times are missing it is not known."""
        began, ended = self._at(first), self._at(last)
        return began is not None and ended is not None and began <= ended <= began + self._every

    def _is_wanted(self, key: Any, following: Any) -> bool:
        at, last = self._at(key), self._decoded_at
        next_at = None if following is None else self._at(following)
        if at is None or last is None or next_at is None:
            return True
        return not (last <= at < last + self._apart and next_at <= last + self._every)

    def _all(self, packets: list[Any]) -> Iterator[Any]:
        """Decode a whole group; what its first frames need of the group before it may have been passed over."""
        if self._has_skipped:
            yield from self._decode(None)
            self._stream.codec_context.flush_buffers()
            self._has_skipped, self._first_pts = False, packets[0].pts
        for packet in packets:
            yield from self._decode(packet)
        self._decoded_at = self._at(packets[-1])

    def _decode(self, packet: Any) -> Iterator[Any]:
        try:
            frames = self._stream.decode(packet)
        except self._invalid:
            self.is_damaged = True
            return
        for frame in frames:
            if self._first_pts is None or frame.pts is None or frame.pts >= self._first_pts:
                self._first_pts = None
                self.is_damaged |= frame.is_corrupt
                yield frame

    def _at(self, packet: Any) -> float | None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else stamp * self._base
