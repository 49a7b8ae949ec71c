"""Cells about people who do not exist: names, numbers, dates in several spellings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.corpus.drawing import Cell, Draw, Maker

_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张"
_GIVEN = "梓涵思远雨桐浩然欣怡子墨嘉懿明轩若溪俊熙诗语承宇"
_FIRST = ("Adalan", "Brisa", "Corvin", "Delwyn", "Elspet", "Farlow", "Gisela", "Hadrin", "Ilvara", "Jorun", "Kestra")
_LAST = ("Ambrell", "Bexworth", "Calloran", "Dunmarsh", "Everleigh", "Fosdale", "Grenwick", "Hollister-Vane", "Ormsby")
_BLOCK = 97
_SPELLINGS = {
    "iso": "%Y-%m-%d",
    "isoz": "%Y-%m-%dT%H:%M:%SZ",
    "slash": "%Y/%m/%d",
    "dots": "%Y.%m.%d",
    "dmy": "%d/%m/%Y",
    "compact": "%Y%m%d",
    "compactdt": "%Y%m%d%H%M%S",
    "cn": "%Y年%m月%d日",
    "cnmonth": "%Y年%m月",
    "log": "%d/%b/%Y:%H:%M:%S +0000",
}


def _name(draw: Draw) -> str:
    return f"{draw.of(_FIRST)} {draw.of(_LAST)}"


def _chinese(draw: Draw) -> str:
    return draw.of(_FAMILY) + draw.text(_GIVEN, draw.whole(1, 2))


def _moment(start: datetime, days: int) -> Maker:
    def make(draw: Draw, spelling: str = "") -> Cell:
        moment = start + timedelta(seconds=draw.whole(0, days * 86400))
        if spelling in {"epoch", "ms"}:
            return int(moment.timestamp()) * (1000 if spelling == "ms" else 1)
        return moment.strftime(_SPELLINGS[spelling]) if spelling else moment

    return make


def _numbered(draw: Draw, prefix: str, among: str) -> str:
    number = draw.number if draw.unique else draw.whole(1, int(among))
    return f"{prefix}{number:05d}"


def _identity_card(draw: Draw) -> str:
    """Give 18 characters built like a Chinese citizen's number, of the area 999999, which does not exist."""
    body = f"999999{_BIRTH(draw, 'compact')}{draw.whole(1, 999):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


_BIRTH = _moment(datetime(1940, 1, 1, tzinfo=UTC), 27_000)

MAKERS: dict[str, Maker] = {
    "name": _name,
    "first": lambda draw: draw.of(_FIRST),
    "last": lambda draw: draw.of(_LAST),
    "cn_name": _chinese,
    "login": lambda draw: f"{draw.of(_FIRST)[:4].lower()}.{draw.of(_LAST)[:5].lower()}{draw.whole(1, _BLOCK)}",
    "email": lambda draw: f"{draw.of(_FIRST).lower()}{draw.whole(1, _BLOCK)}@example.org",
    "phone": lambda draw: "000" + draw.text("0123456789", 8),
    "plate": lambda draw: "测A" + draw.text("ABCDEFGHJK0123456789", 5),
    "emp": _numbered,
    "cn_id": _identity_card,
    "birth": _BIRTH,
    "birth_year": lambda draw: draw.whole(1940, 2012),
    "past": _moment(datetime(2021, 1, 1, tzinfo=UTC), 1700),
    "future": _moment(datetime(2027, 1, 1, tzinfo=UTC), 1500),
    "clock": lambda draw: f"{draw.whole(0, 23):02d}:{draw.whole(0, 59):02d}:{draw.whole(0, 59):02d}",
}
