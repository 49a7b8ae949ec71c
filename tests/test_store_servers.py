"""What each kind of server wants: host keys of SFTP, names that are no paths, extras that are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoreProblem

if TYPE_CHECKING:
    from tests.servers import Sftp

pytest_plugins = ("tests.servers",)


def opened(url: str, options: dict[str, Any], base: Path) -> ObjectStore:
    return ObjectStore(StoreSettings(name="cams", url=url, options=options, purpose="p"), base, pause=lambda s: None)


# -- SFTP --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sftp(sftp_server: Sftp) -> Sftp:
    (sftp_server.root / "cams").mkdir(exist_ok=True)
    (sftp_server.root / "cams" / "1.jpg").write_bytes(b"one")
    return sftp_server


@pytest.mark.backend
def test_an_sftp_server_is_believed_by_its_key_alone(sftp, tmp_path):
    options = sftp.options(host_key=sftp.host_key, known_hosts=None)
    store = opened(sftp.url("/cams"), options, tmp_path)
    [found] = store.list()
    assert store.read(found) == b"one"


@pytest.mark.backend
def test_known_hosts_may_be_relative_to_the_settings(sftp):
    store = opened(sftp.url("/cams"), sftp.options(known_hosts="known_hosts"), sftp.known_hosts.parent)
    assert len(list(store.list())) == 1


@pytest.mark.backend
@pytest.mark.parametrize(
    ("known", "says"),
    [
        pytest.param("", "host key is not known; ask its owner", id="unknown"),
        pytest.param("[127.0.0.1]:{port} {other}\n", "shows another host key than the known one", id="another"),
        pytest.param(None, "file of `known_hosts` cannot be read", id="no file"),
    ],
)
def test_an_sftp_server_of_another_or_no_known_key_gets_no_credential(known, says, sftp, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    if known is not None:
        (tmp_path / "known").write_text(known.format(port=sftp.port, other=other))
    options = sftp.options(known_hosts=str(tmp_path / "known"), host_key_policy="auto_add")
    with pytest.raises(StoreProblem, match=says) as caught:
        list(opened(sftp.url("/cams"), options, tmp_path).list())
    assert "\n" not in str(caught.value)


@pytest.mark.backend
@pytest.mark.parametrize("key", ["ssh-ed25519 AAAA", "nonsense", "ssh-ed25519 !!"])
def test_a_host_key_that_is_none_is_told(key, sftp, tmp_path):
    with pytest.raises(StoreProblem, match="`host_key` is no key; write it like"):
        list(opened(sftp.url("/cams"), sftp.options(host_key=key), tmp_path).list())


@pytest.mark.backend
def test_an_sftp_user_that_is_refused_is_told(sftp, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    options = sftp.options(key_filename=str(tmp_path / "other"), allow_agent=False)
    with pytest.raises(StoreProblem, match="refuses the user"):
        list(opened(sftp.url("/cams"), options, tmp_path).list())


@pytest.mark.backend
def test_pipes_and_links_over_sftp_are_skipped_unopened(sftp, tmp_path):
    root = sftp.root / "odd"
    root.mkdir()
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to(sftp.root / "cams" / "1.jpg")
    (root / "loop").symlink_to(root)
    (root / "x.jpg").write_bytes(b"x")
    found = {Path(o.uri).name: o.skip for o in opened(sftp.url("/odd"), sftp.options(), tmp_path).list()}
    assert found == {"pipe": "special", "link": "link", "loop": "link", "x.jpg": None}


# -- clouds ------------------------------------------------------------------------------------------------------------

ODD = ["odd/a//b.jpg", "odd/c/b.jpg", "odd/q%20 x.jpg", "odd/ü&+.jpg"]


@pytest.mark.backend
@pytest.mark.parametrize("kind", ["gcs", "azure"])
def test_names_that_are_no_paths_and_more_than_a_page(kind, request, tmp_path, monkeypatch):
    monkeypatch.setattr("plugins.stores.clouds._PAGE", 3)
    if kind == "gcs":
        from gcsfs.core import GCSFileSystem as System

        options = {"endpoint_url": request.getfixturevalue("gcs_server"), "token": "anon", "project": "test"}
    else:
        from adlfs import AzureBlobFileSystem as System

        options = {"connection_string": request.getfixturevalue("azure_server")}
    fs = System(**options)
    if kind == "azure" and not fs.exists("cloud"):
        fs.mkdir("cloud")
    for name in ODD:
        fs.pipe_file(f"cloud/{name}", name.encode())
    fs.pipe_file("cloud/odd-not/x.jpg", b"x")
    scheme = "gs" if kind == "gcs" else "abfs"
    store = opened(f"{scheme}://cloud/odd", options, tmp_path)
    listed = list(store.list())
    assert [o.uri for o in listed] == [f"{scheme}://cloud/{name}" for name in sorted(ODD)]
    assert [store.read(o).decode() for o in listed] == sorted(ODD)
    assert {o.by_content for o in listed} == {kind == "gcs"}
    with pytest.raises(StoreProblem, match="there is nothing at its url"):
        list(opened(f"{scheme}://no-such-bucket/odd", options, tmp_path).list())


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        pytest.param("gs://bucket/x", "gcsfs", "gcs", id="gcs"),
        pytest.param("abfs://container/x", "adlfs", "azure", id="azure"),
        pytest.param("sftp://host/x", "paramiko", "sftp", id="sftp"),
    ],
)
def test_a_missing_package_is_one_line_that_names_the_extra(url, package, extra, tmp_path):
    text = f"""
import sys
sys.modules[{package!r}] = None  # as if it were not installed
from pathlib import Path
from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoreProblem
try:
    list(ObjectStore(StoreSettings(name="cams", url={url!r}, purpose="p"), Path()).list())
except StoreProblem as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    scheme = url.split("://")[0]
    said = (
        f"cams: {scheme}:// needs a package that is not installed; install it with pip install 'facewarden[{extra}]'\n"
    )
    assert done.stdout == said
