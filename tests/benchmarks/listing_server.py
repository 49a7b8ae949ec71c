"""An S3 server with many objects for the benchmark ``listing``: moto's own, its answer to one request replaced.

moto sorts all keys of a bucket anew for each page of 1,000, which for a million takes an hour, and writes the XML of a
page slower than anybody reads it. Here the answer to ListObjectsV2 is written by number; requests, buckets and HTTP are
moto's. Run as ``listing_server.py OBJECTS``, it prints its port.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import time
from typing import Any

BUCKET = "bench"
CHANGED, SIZE = "2026-10-01T09:00:00.000Z", 48_000


def key_of(number: int) -> str:
    """Give the key of one object, in the order of the keys: a camera's hour in a folder."""
    return f"camera-{number // 100_000:03d}/{number // 1000 % 100:04d}/frame-{number % 1000:06d}.jpg"


def tag_of(number: int) -> str:
    """Give an object's ETag."""
    return hashlib.md5(str(number).encode()).hexdigest()


def page_of(start: int, end: int, objects: int) -> str:
    """Write one page of a listing as S3 does."""
    contents = "".join(
        f"<Contents><Key>{key_of(n)}</Key><LastModified>{CHANGED}</LastModified><ETag>&quot;{tag_of(n)}&quot;</ETag>"
        f"<Size>{SIZE}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for n in range(start, end)
    )
    more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < objects else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><KeyCount>{end - start}</KeyCount>"
        f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{contents}{more}</ListBucketResult>"
    )


def main(objects: int) -> None:
    """Serve until killed."""
    from moto.s3.responses import S3Response
    from moto.server import ThreadedMotoServer

    def answer(self: Any) -> str:
        start = int(self.querystring.get("continuation-token", ["0"])[0])
        return page_of(start, min(objects, start + 1000), objects)

    S3Response.list_objects_v2 = answer  # type: ignore[method-assign, assignment]
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
