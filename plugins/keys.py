"""The organisation's secret: keyed pseudonyms of people, reversible row tokens, and the seal on vectors.

One 32-byte key (file ``facewarden.key`` in the secrets folder, mode 0600, or ``FACEWARDEN_KEY``, base64, in the
environment) is spread by HKDF-SHA256 (RFC 5869) into one key per use, so that no use weakens another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_FILE = "facewarden.key"
KEY_VARIABLE = "FACEWARDEN_KEY"

_SHA256_BLOCK = 64  # bytes, FIPS 180-4


class KeyProblem(Exception):
    """The secret is unreadable, too short, or not the one a sealed thing was made with."""


class Keyring:
    """Pseudonyms, tokens and seals of one secret. Its ``repr`` shows the key's public id only."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise KeyProblem(f"the secret has {len(secret)} bytes; 32 are needed: delete it to have a new one made")
        self._pseudonym_key = _spread(secret, b"pseudonym")
        self._token = AESSIV(_spread(secret, b"row token") + _spread(secret, b"row token 2"))
        self._seal = AESGCM(_spread(secret, b"vector seal"))
        self.key_id = hashlib.sha256(_spread(secret, b"public id")).hexdigest()[:12]

    @classmethod
    def open(cls, folder: Path) -> Keyring:
        """Read the secret from the environment or ``folder``; make one there when there is none.

        Raises:
            KeyProblem: the secret cannot be read, or is not 32 bytes.
        """
        if given := os.environ.get(KEY_VARIABLE):
            try:
                return cls(base64.b64decode(given, validate=True))
            except ValueError as error:
                raise KeyProblem(f"{KEY_VARIABLE} is not base64 of 32 bytes") from error
        path = folder / KEY_FILE
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Named by chance, not by process: several threads may be here at once.
            handle, name = tempfile.mkstemp(prefix=f"{KEY_FILE}.", dir=folder)  # readable by its owner alone
            aside = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(32))
            # A link fails, unlike a rename, when another was first: its key then counts.
            with suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink()
        return cls(path.read_bytes())

    def pseudonym(self, namespace: str, value: object) -> str:
        """Give the keyed hash (HMAC-SHA256, first 128 bits, hex) that stands for a person or a group of faces."""
        message = f"{namespace}\x1f{value}".encode()
        return hmac.new(self._pseudonym_key, message, hashlib.sha256).hexdigest()[:32]

    def pseudonyms(self, namespace: str, values: Iterable[bytes]) -> bytes:
        """Give the pseudonyms of many ids (UTF-8) at once: 32 hex digits each, one after another.

        The same as ``pseudonym`` by the definition of HMAC (RFC 2104), at a quarter of its cost.
        """
        padded = self._pseudonym_key.ljust(_SHA256_BLOCK, b"\0")
        inner = bytes(byte ^ 0x36 for byte in padded) + f"{namespace}\x1f".encode()
        outer = bytes(byte ^ 0x5C for byte in padded)
        sha = hashlib.sha256
        return b"".join([sha(outer + sha(inner + v).digest()).digest()[:16] for v in values]).hex().encode()

    def token(self, value: str) -> str:
        """Encrypt a row's key so that the same key always gives the same token (AES-SIV, RFC 5297)."""
        return base64.urlsafe_b64encode(self._token.encrypt(value.encode(), None)).decode().rstrip("=")

    def untoken(self, token: str) -> str:
        """Undo ``token``.

        Raises:
            KeyProblem: the token was made with another secret, or damaged.
        """
        try:
            return self._token.decrypt(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), None).decode()
        except (InvalidTag, ValueError) as error:
            raise KeyProblem("a row token was made with another secret; use the secret of that night") from error

    def seal(self, data: bytes) -> bytes:
        """Encrypt ``data`` (AES-256-GCM; the 12-byte nonce goes before the text)."""
        nonce = os.urandom(12)
        return nonce + self._seal.encrypt(nonce, data, None)

    def unseal(self, data: bytes) -> bytes:
        """Undo ``seal``.

        Raises:
            KeyProblem: sealed with another secret, or damaged.
        """
        try:
            return self._seal.decrypt(data[:12], data[12:], None)
        except InvalidTag as error:
            raise KeyProblem(
                f"sealed vectors do not open with key {self.key_id}; use the secret of that night"
            ) from error

    def __repr__(self) -> str:
        return f"Keyring(key_id={self.key_id!r})"


def _spread(secret: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"facewarden/" + use).derive(secret)
