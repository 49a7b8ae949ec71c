"""Opens the place that a store's settings name: a folder of this machine, or what fsspec opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from plugins.stores.credentials import storage
from plugins.stores.records import StoreProblem
from plugins.stores.s3_times import read_times_quickly
from plugins.stores.sftp import open_sftp

if TYPE_CHECKING:
    from plugins.settings import StoreSettings

# What `pip install 'facewarden[...]'` brings, by the schemes that need it.
_EXTRAS = {"gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure", "sftp": "sftp", "ssh": "sftp"}


def open_place(settings: StoreSettings, base: Path) -> tuple[Any, str]:
    """Give the file system (None for a folder of this machine) and the path of the root in it.

    Raises:
        StoreProblem: the address or a credential is wanting, or the package for this kind of store.
    """
    url, options = storage(settings.url, settings.options, settings.conn_id, settings.name, base)
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    if "://" not in url:
        return None, url
    try:
        return _opened(url, options.reveal(), settings.name, base)
    except ImportError:
        raise StoreProblem(settings.name, _missing(url)) from None


def _opened(url: str, options: dict[str, Any], name: str, base: Path) -> tuple[Any, str]:
    if urlsplit(url).scheme in {"sftp", "ssh"}:
        return open_sftp(url, options, name, base)
    if urlsplit(url).scheme in {"gs", "gcs"}:
        return _google(url, options)
    import fsspec

    # Nothing may come from a listing that an earlier night left in this process.
    fs, root = fsspec.core.url_to_fs(url, **options, skip_instance_cache=True, use_listings_cache=False)
    if protocol_of(fs) == "s3":
        if not root.strip("/"):
            raise StoreProblem(name, "url names no bucket; write s3://bucket/folder")
        read_times_quickly(fs)
    return fs, root


def _google(url: str, options: dict[str, Any]) -> tuple[Any, str]:
    # Not the class that gcsfs gives by default: it asks a second service for the kind of each bucket, for which a
    # reader of objects needs further rights.
    from gcsfs.core import GCSFileSystem

    fs = GCSFileSystem(**options, skip_instance_cache=True, use_listings_cache=False)
    return fs, str(fs._strip_protocol(url))


def _missing(url: str) -> str:
    scheme = url.split("://")[0]
    extra = _EXTRAS.get(scheme)
    how = f"pip install 'facewarden[{extra}]'" if extra else "the package that fsspec needs for it"
    return f"{scheme}:// needs a package that is not installed; install it with {how}"


def protocol_of(fs: Any) -> str:
    """Name a file system's scheme."""
    return str(fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0])
