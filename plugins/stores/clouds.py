"""Walks buckets of Google Cloud Storage and containers of Azure page by page, in the order of the names.

As for S3, the flat listing: a name need not look like a path, and a walk over "folders" would never meet ``a//b``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from plugins.stores.listing import Ask, Found, is_folder_marker, of_info, of_listed

_PAGE = 1000


def walk_google(fs: Any, root: str, ask: Ask) -> Iterator[Found]:
    """Walk a bucket of Google Cloud Storage.

    Raises:
        OSError: the bucket cannot be listed, or there is nothing below the prefix.
    """
    yield from _walk(fs, root, _google_pages(fs, *_parted(root), ask))


def walk_azure(fs: Any, root: str, ask: Ask) -> Iterator[Found]:
    """Walk a container of Azure Blob Storage or Data Lake Storage.

    Raises:
        OSError: the container cannot be listed, or there is nothing below the prefix.
    """
    yield from _walk(fs, root, _azure_pages(fs, *_parted(root), ask))


def _walk(fs: Any, root: str, pages: Iterator[list[dict[str, Any]]]) -> Iterator[Found]:
    (bucket, prefix), empty = _parted(root), True
    for page in pages:
        for item in page:
            empty = False
            if not item["is_folder"] and not is_folder_marker(item["name"], item["size"]):
                yield of_info(f"{bucket}/{item['name']}", item["size"], item)
    if empty and prefix:
        yield of_listed(fs.info(root))  # one object, not a prefix; raises FileNotFoundError when it is neither


def _parted(root: str) -> tuple[str, str]:
    bucket, _, prefix = root.partition("/")
    return bucket, prefix.rstrip("/") + "/" if prefix.strip("/") else ""


def _google_pages(fs: Any, bucket: str, prefix: str, ask: Ask) -> Iterator[list[dict[str, Any]]]:
    token: str | None = ""
    while token is not None:
        ask()
        more = {"pageToken": token} if token else {}
        page = fs.call("GET", "b/{}/o", bucket, prefix=prefix, maxResults=_PAGE, **more, json_out=True)
        yield [item | {"size": int(item["size"]), "is_folder": False} for item in page.get("items", ())]
        token = page.get("nextPageToken")


def _azure_pages(fs: Any, container: str, prefix: str, ask: Ask) -> Iterator[list[dict[str, Any]]]:
    client = fs.service_client.get_container_client(container=container)
    pages = client.list_blobs(name_starts_with=prefix or None, include=["metadata"], results_per_page=_PAGE).by_page()
    while True:
        ask()
        page = asyncio.run_coroutine_threadsafe(_next(pages), fs.loop).result()
        if page is None:
            return
        yield page


async def _next(pages: Any) -> list[dict[str, Any]] | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return [_of_blob(blob) async for blob in await anext(pages)]
    except StopAsyncIteration:
        return None
    except ResourceNotFoundError:
        raise FileNotFoundError("no such container") from None


def _of_blob(blob: Any) -> dict[str, Any]:
    changed: datetime = blob.last_modified
    is_folder = (blob.metadata or {}).get("hdi_isfolder") == "true"  # as Data Lake Storage marks them
    return {
        "name": blob.name,
        "size": blob.size,
        "etag": blob.etag,
        "last_modified": changed,
        "is_folder": is_folder,
    }
