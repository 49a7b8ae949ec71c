"""An S3 server with many objects for the benchmark ``listing``: moto's own, its backend's page of keys replaced.

moto sorts all keys of a bucket anew for each page of 1,000, which for a million takes an hour. Here the backend gives
the page's keys by their number; requests, tokens, XML and HTTP are moto's. Run as ``listing_server.py OBJECTS``, it
prints its port.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

BUCKET = "bench"
CHANGED = datetime(2026, 10, 1, 9, tzinfo=UTC)


def key_of(number: int) -> str:
    """Give the key of one object, in the order of the keys: a camera's hour in a folder."""
    return f"camera-{number // 100_000:03d}/{number // 1000 % 100:04d}/frame-{number % 1000:06d}.jpg"


def tag_of(number: int) -> str:
    """Give an object's ETag."""
    return hashlib.md5(str(number).encode()).hexdigest()


@dataclass
class Key:
    """What moto's answer takes of a key."""

    name: str
    etag: str
    size: int = 48_000
    storage_class: str = "STANDARD"
    last_modified_ISO8601: str = CHANGED.strftime("%Y-%m-%dT%H:%M:%S.000Z")  # noqa: N815 - moto's name
    checksum_algorithm: str | None = None

    def safe_name(self, encoding_type: str | None = None) -> str:
        """Give the name; none of ours needs encoding."""
        return self.name


def main(objects: int) -> None:
    """Serve until killed."""
    from moto.s3.models import S3Backend
    from moto.s3.responses import S3Response
    from moto.server import ThreadedMotoServer

    def page(self: Any, *, continuation_token: str | None = None, max_keys: int = 1000, **more: Any) -> Any:
        start = int(continuation_token or 0)
        end = min(objects, start + max_keys)
        keys = [Key(key_of(n), f'"{tag_of(n)}"') for n in range(start, end)]
        return keys, end < objects, str(end) if end < objects else None

    S3Backend.list_objects_v2 = page  # type: ignore[method-assign, assignment]
    S3Response._split_truncated_keys = lambda self, keys: (keys, [])  # type: ignore[method-assign, assignment]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    import boto3

    host, port = server.get_host_and_port()
    names = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", **names).create_bucket(Bucket=BUCKET)
    print(port, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(int(sys.argv[1]))
