"""Says which objects of a store count: by the globs and the word on hidden files in its settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate


class Chooser:
    """Chooses among the paths below a store's root."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], *, hidden: bool) -> None:
        self._include = None if "*" in include else _Globs(include)
        self._exclude = _Globs(exclude) if exclude else None
        self._hidden = hidden

    def wants(self, below: str) -> bool:
        """Say whether an object counts; ``exclude`` and hidden names leave out all below a folder, too."""
        if not self._hidden and (below.startswith(".") or "/." in below):
            return False
        if self._include and not self._include.match(below):
            return False
        if not self._exclude:
            return True
        parts = below.split("/")
        return not any(self._exclude.match("/".join(parts[: n + 1])) for n in range(len(parts)))


class _Globs:
    """Matches paths; a pattern without a slash also matches the last name of one."""

    def __init__(self, patterns: Sequence[str]) -> None:
        cleaned = [pattern.strip("/").removeprefix("**/") for pattern in patterns]
        self._paths = _any_of(cleaned)
        self._names = _any_of([pattern for pattern in cleaned if "/" not in pattern])

    def match(self, path: str) -> bool:
        if self._paths.match(path):
            return True
        return bool(self._names.match(path.rsplit("/", 1)[-1]))


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    # Without a pattern it matches nothing: (?!) never does.
    return re.compile("|".join(map(translate, patterns)) or "(?!)")
