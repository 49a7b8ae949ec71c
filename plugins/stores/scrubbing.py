"""Keeps credentials out of everything that is written down: texts are scrubbed, secrets hide themselves."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

T = TypeVar("T")
HIDDEN = "***"

_TELLING_WORDS = (
    r"passw(?:or)?d|pwd|passphrase|secret|token|credentials?|signature|\bsig\b|(?:api|access|account|private)[_-]?key"
)
_SECRET_NAME = rf"[\w-]*(?:{_TELLING_WORDS})[\w-]*"
_SECRET_KEY = re.compile(rf"(?:{_SECRET_NAME}|key|keyfile_dict|connection_string)", re.IGNORECASE)
_SECRET_PAIR = re.compile(rf"({_SECRET_NAME}[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'&,;)}}]+)", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)(?:[^:/\s@]*:[^\s]*@|[^/\s@]*@)")
_AWS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")

# Secrets that were used in this process: removed from any text word for word, wherever a driver puts them.
_used: set[str] = set()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Secret(Generic[T]):
    """A value with a credential in it. Shows nothing of itself; ``reveal`` is called where it is handed to a driver."""

    _value: T

    def reveal(self) -> T:
        """Give the value."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(<hidden>)"


def scrub(text: object) -> str:
    """Remove credentials from a text: user info of URLs, pairs like ``password=...``, and every secret used so far."""
    clean = str(text)
    for secret in sorted(_used, key=len, reverse=True):
        clean = clean.replace(secret, HIDDEN)
    clean = _USERINFO.sub(f"{HIDDEN}@", clean)
    clean = _SECRET_PAIR.sub(rf"\g<1>{HIDDEN}", clean)
    return _AWS_KEY.sub(HIDDEN, clean)


def redact(options: Mapping[str, Any]) -> dict[str, Any]:
    """Copy storage options with everything that looks like a credential replaced."""
    clean: dict[str, Any] = {}
    for name, value in options.items():
        if _SECRET_KEY.fullmatch(name):
            clean[name] = HIDDEN
        elif isinstance(value, Mapping):
            clean[name] = redact(value)
        else:
            clean[name] = scrub(value) if isinstance(value, str) else value
    return clean


def remember(secret: object) -> None:
    """Have a secret removed from every later text here, and masked in Airflow's logs when Airflow runs this process."""
    text = str(secret or "")
    if len(text) < 4:  # shorter ones would tear holes into ordinary words
        return
    _used.update({text, quote(text, safe=""), quote(text)})
    if "airflow.sdk" in sys.modules:
        from airflow.sdk.log import mask_secret

        mask_secret(text)


def remember_all(options: Mapping[str, Any]) -> None:
    """Remember every value whose name says that it is a credential."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            remember_all(value)
        elif _SECRET_KEY.fullmatch(name):
            remember(value)
