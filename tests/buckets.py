"""Names and credentials on the S3 server of the tests."""

from __future__ import annotations

BUCKET = "facewarden-test"
SECRET = "pl4nted-s3cret"


def options_of(server: str) -> dict[str, str]:
    """Give the storage options that a store on the server has."""
    return {"key": "clerk", "secret": SECRET, "endpoint_url": server}
