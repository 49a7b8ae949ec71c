"""Gives pictures an earlier one of their folder to be compared with: a camera that sees nothing new sees nobody new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from plugins.stores.records import StoredObject

SAME_AS_BEFORE = "same_as_before"
"""Reason of a picture that counts as scanned because it shows what its leader shows, in which no face is."""
GROUP = 16
"""So many pictures of a folder in a row have one leader, the first, which is always looked at: slow changes add up."""


def led(objects: Iterable[StoredObject]) -> Iterator[StoredObject]:
    """Give objects in their order, each but the first of a group with its ``leader``.

    Groups follow from the order alone, not from what was found: a run that goes on where one was killed compares each
    picture with the same one.
    """
    leader, members = None, 0
    for found in objects:
        if leader is None or members == GROUP or _folder(found) != _folder(leader):
            leader, members = found, 1
            yield found
        else:
            members += 1
            yield replace(found, leader=leader)


def _folder(found: StoredObject) -> str:
    return found.uri.rpartition("/")[0]


class Empty:
    """The pictures of a chunk that were looked at and hold no face, as far as is known by now.

    A process that looks knows this of its own pictures only: one that takes over from another is told.
    """

    def __init__(self, uris: Iterable[str]) -> None:
        self._uris = set(uris)

    def note(self, uri: str, *, empty: bool) -> None:
        """Note how a picture ended that was looked at."""
        if empty:
            self._uris.add(uri)

    def told(self, found: StoredObject) -> StoredObject:
        """Give an object that says whether its leader is known to be empty."""
        if found.leader is None or found.leader.uri not in self._uris:
            return found
        return replace(found, leader_is_empty=True)
