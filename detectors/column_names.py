"""Takes names of columns and tables apart into concepts: ``FACE_IMG_URL`` becomes face, picture, place."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from detectors.column_words import ALONE, INITIALS, PINYIN, WORDS


@dataclass(frozen=True, slots=True)
class Named:
    """What a name says.

    Attributes:
        concepts: what its words mean, each word with all its meanings, in their order.
        words: the words themselves, in lower case.
        initials: it was read as initials of pinyin, which needs another witness.
        chinese: it is written in hanzi or pinyin.
    """

    concepts: tuple[frozenset[str], ...]
    words: tuple[str, ...]
    initials: bool = False
    chinese: bool = False

    @property
    def all(self) -> frozenset[str]:
        """Every concept of the name."""
        return frozenset().union(*self.concepts)

    @property
    def head(self) -> frozenset[str]:
        """The concepts of the last word, which says what the thing is."""
        return self.concepts[-1] if self.concepts else frozenset()

    def has(self, *concepts: str) -> bool:
        """Whether all of these are among the concepts."""
        return set(concepts) <= self.all


_HANZI = re.compile(r"[\u3400-\u9fff]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+\d*|[A-Z]+|\d+|[\u3400-\u9fff]+")
_LONGEST_WORD = 24


def _vocabulary() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    letters: dict[str, set[str]] = {}
    hanzi: dict[str, set[str]] = {}
    for concept, words in WORDS.items():
        for word in words.split():
            (hanzi if _HANZI.match(word) else letters).setdefault(word, set()).add(concept)
    return (
        {word: frozenset(found) for word, found in letters.items()},
        {word: frozenset(found) for word, found in hanzi.items()},
    )


_LETTERS, _CHARACTERS = _vocabulary()


@cache
def read_name(name: str) -> Named:
    """Take a name apart.

    Args:
        name: of a column or table, in any case and script.
    """
    plain = unicodedata.normalize("NFKC", name)
    words: list[str] = []
    for part in _PARTS.findall(plain):
        words += _hanzi_words(part) if _HANZI.match(part) else _split(part.lower())
    spelt = "".join(words)
    words = [spelt] if spelt in _LETTERS and max(map(len, words)) == 1 else _joined(words)
    if plain.lower() in ALONE:
        return Named(_sequence(ALONE[plain.lower()]), tuple(words))
    chinese = _HANZI.search(plain) is not None
    concepts = tuple(_meaning(word) for word in words)
    if any(concepts):
        return Named(concepts, tuple(words), chinese=chinese or not PINYIN.isdisjoint(words))
    return _as_initials(plain, tuple(words), concepts)


def _sequence(concepts: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({concept}) for concept in concepts.split())


def _meaning(word: str) -> frozenset[str]:
    return _LETTERS.get(word) or _CHARACTERS.get(word) or _LETTERS.get(word.rstrip("0123456789")) or frozenset()


def _as_initials(plain: str, words: tuple[str, ...], concepts: tuple[frozenset[str], ...]) -> Named:
    """Read a name that no word explains as initials of pinyin: ``t_ry_zp`` as well as ``RLTZ``."""
    for tail in ("".join(words), words[-1] if words else "", "".join(words[-2:])):
        tail = tail.rstrip("0123456789")
        if tail in INITIALS:
            return Named(_sequence(INITIALS[tail]), words, initials=True, chinese=True)
    return Named(concepts, words)


def _joined(words: list[str]) -> list[str]:
    """Put words together that mean something only together: ``id`` and ``card``, ``base`` and ``64``."""
    out: list[str] = []
    for word in words:
        pair = out[-1] + word if out else ""
        new = pair in _LETTERS and not (_LETTERS.get(out[-1]) and _LETTERS.get(word))
        if new or pair in _PAIRS:
            out[-1] = pair
        else:
            out.append(word)
    return out


# Two words with meanings of their own that mean another thing together.
_PAIRS = frozenset(
    [
        "idcard",
        "idno",
        "idnumber",
        "lastseen",
        "optin",
        "optout",
        "validto",
        "validuntil",
        "firstname",
        "lastname",
        "fullname",
        "realname",
        "nickname",
        "givenname",
        "familyname",
    ]
)
# Words that only look as if they were made of others.
_WHOLE = frozenset(["password", "timezone", "keyword", "keywords", "homepage", "facebook", "typeface", "passwords"])


def _hanzi_words(text: str) -> list[str]:
    """Cut hanzi into known words, the longest first from the left; single unknown characters are left out."""
    words, at = [], 0
    while at < len(text):
        size = next((n for n in range(min(8, len(text) - at), 0, -1) if text[at : at + n] in _CHARACTERS), 0)
        if size:
            words.append(text[at : at + size])
        at += size or 1
    return words


@cache
def _split(word: str) -> list[str]:
    """Cut a run of letters into known words when all of it can be: ``facefeature``, ``createtime``."""
    if word in _LETTERS or word in INITIALS or word in _WHOLE or len(word) < 5 or len(word) > 64:
        return [word]
    best: list[list[str] | None] = [[]] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - _LONGEST_WORD), end - 1):
            before, part = best[start], word[start:end]
            if (
                before is not None
                and part in _LETTERS
                and (best[end] is None or len(before) + 1 < len(best[end] or []))
            ):
                best[end] = [*before, part]
    return best[-1] or [word]


def is_pinyin_table(names: list[str]) -> bool:
    """Tell whether a table's designer wrote pinyin or hanzi: two of its names do, or three can only be initials."""
    read = [read_name(name) for name in names]
    written = sum(named.chinese and not named.initials for named in read)
    initials = sum(named.initials and len(named.words[-1] if named.words else "") >= 2 for named in read)
    return written >= 2 or initials >= 3 or (initials >= 2 and 2 * initials >= len(names) - 1)
