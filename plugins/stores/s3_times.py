"""Makes an S3 client read times quickly: botocore's own way takes two thirds of the time of a listing."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def read_times_quickly(fs: Any) -> None:
    """Give an S3 file system that has not connected yet a session that reads the times of listings directly."""
    from aiobotocore.session import AioSession

    if fs.session is None:
        fs.session = AioSession(**fs.kwargs)
        fs.session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)


def _time(value: Any) -> datetime:
    """Read ISO 8601, as listings have it, directly; leave all else (the times of headers) to botocore."""
    from botocore.utils import parse_timestamp

    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    return found if found and found.tzinfo else parse_timestamp(value)
