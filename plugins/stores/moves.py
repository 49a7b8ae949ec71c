"""Tells under which address an object was stored before, where the settings say that a folder was moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.settings import MoveSettings


class Moves:
    """The moves of a store's folders, the first that fits an object counting.

    Args:
        moved: what the settings say.
        root: path of the store's root, which a move leads to when it does not say where to.
        path_of: makes an address of the settings into a path of the store's file system.
    """

    def __init__(self, moved: Sequence[MoveSettings], root: str, path_of: Callable[[str], str]) -> None:
        self._pairs = [(_folder(path_of(m.new) if m.new else root), _folder(path_of(m.old))) for m in moved]

    def before(self, path: str) -> str | None:
        """Give the path that an object had; None where it was not moved."""
        for new, old in self._pairs:
            if path.startswith(new):
                return old + path.removeprefix(new)
        return None


def _folder(path: str) -> str:
    return path.rstrip("/") + "/"
