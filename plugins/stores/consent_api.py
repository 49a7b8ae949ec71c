"""Reads a consent registry from an HTTP API that answers in JSON, page by page to its end.

A page is asked for again when the server is busy or the line breaks; anything else ends the reading, because half a
registry would make lawful records look groundless. The token goes to the server of the settings only, and never in the
clear to another machine: addresses of further pages must be of the same server, and redirects are refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from plugins.settings import ApiSettings, ConsentSettings
from plugins.stores.connections import lookup
from plugins.stores.consent_files import Row, row_pages
from plugins.stores.consent_rows import TIMES, Page, mapping
from plugins.stores.credentials import expand, remember
from plugins.stores.json_fields import FieldsSeen, field_of
from plugins.stores.records import StoreProblem
from plugins.stores.retry import attempt

if TYPE_CHECKING:
    import httpx

MAX_PAGES = 1_000_000
MAX_PAGE_BYTES = 256 * 2**20
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_BUSY = {408, 425, 429, 500, 502, 503, 504}  # RFC 9110 and RFC 6585: asking again later may help


def api_pages(
    registry: ConsentSettings, timezone: tzinfo, pause: Callable[[float], object] = time.sleep
) -> Iterator[Page]:
    """Read all pages of an API.

    Raises:
        StoreProblem: it cannot be read to its end, or gives fewer or more records than it says there are.
    """
    import httpx

    api, seen = registry.api, FieldsSeen(registry)
    if api is None:
        raise StoreProblem(registry.name, "has no `api`")
    address = expand(api.url, registry.name)
    headers = {"Accept": "application/json", **_authorisation(api, address, registry.name)}
    with httpx.Client(headers=headers, timeout=api.timeout_seconds) as client:
        get = partial(_get, client, registry.name, pause)
        rows = _rows(_answers(api, address, registry.name, get), api, seen, registry.name)
        yield from row_pages(list(mapping(registry.columns)), rows, dict.fromkeys(TIMES, timezone))
    yield from seen.check()


def _authorisation(api: ApiSettings, address: str, where: str) -> dict[str, str]:
    token = ""
    if api.token_variable:
        token = expand(f"${{{api.token_variable}}}", where)
    elif api.conn_id:
        token = lookup(api.conn_id, where).password
    if not token:
        return {}
    remember(token)
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise StoreProblem(where, "would send its token unencrypted; write `https://` in `api.url`")
    return {"Authorization": f"Bearer {token}"}


# -- one page ----------------------------------------------------------------------------------------------------------


def _get(
    client: httpx.Client, where: str, pause: Callable[[float], object], address: str, parameters: dict[str, str]
) -> Any:
    """Ask for one page, up to three times, and give its JSON."""
    import httpx

    def problem_of(error: Exception) -> StoreProblem:
        passing = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
        return StoreProblem(where, f"the API cannot be read ({type(error).__name__})", retry=passing)

    return attempt(lambda: _asked(client, where, address, parameters), problem_of, pause)


def _asked(client: httpx.Client, where: str, address: str, parameters: dict[str, str]) -> Any:
    import json

    body = bytearray()
    with client.stream("GET", address, params=parameters or None) as response:
        if response.status_code != 200:
            said = f"the API answered {response.status_code}{_ADVICE.get(response.status_code, '')}"
            raise StoreProblem(where, said, retry=response.status_code in _BUSY)
        for part in response.iter_bytes():
            body += part
            if len(body) > MAX_PAGE_BYTES:
                raise StoreProblem(where, f"the API gave a page of over {MAX_PAGE_BYTES:,} bytes; ask for smaller ones")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise StoreProblem(where, "the API answered with something that is no JSON; correct `api.url`") from None


_ADVICE = {
    301: ": it is elsewhere; write its new address in `api.url`",
    302: ": it sends elsewhere; write the address itself in `api.url`",
    401: ": it wants a token; check `api.token_variable` or `api.conn_id`",
    403: ": it refuses this token; have it given the right to read",
    404: ": there is nothing; correct `api.url`",
}


# -- all pages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ask:
    """Where the next page is."""

    address: str
    parameters: tuple[tuple[str, str], ...] = ()


def _answers(
    api: ApiSettings, address: str, where: str, get: Callable[[str, dict[str, str]], Any]
) -> Iterator[tuple[Any, list[Any]]]:
    """Give each page and its records, until the API says that there is none after it."""
    ask, asked = _first(api, address), set[_Ask]()
    while ask and len(asked) < MAX_PAGES:
        if ask in asked:
            raise StoreProblem(where, "the API sends round in circles: a page names an earlier one as the next")
        asked.add(ask)
        page = get(ask.address, dict(ask.parameters))
        records = field_of(page, api.records) if api.records else page
        if not isinstance(records, list):
            named = f"`{api.records}`" if api.records else "the page itself"
            raise StoreProblem(where, f"the API gives no list of records at {named}; correct `api.records`")
        yield page, records
        ask = _next(api, ask, page, records, where)


def _first(api: ApiSettings, address: str) -> _Ask | None:
    return _Ask(address, ((str(api.parameter), str(api.first_page)),) if api.paging == "page" else ())


def _next(api: ApiSettings, ask: _Ask, page: Any, records: list[Any], where: str) -> _Ask | None:
    if api.paging == "page":
        # Only an empty page is surely the last: a server may give fewer than asked for in the middle.
        number = int(ask.parameters[0][1])
        return _Ask(ask.address, ((str(api.parameter), str(number + 1)),)) if records else None
    said = field_of(page, str(api.next)) if api.paging != "none" else None
    if said in (None, "", False):
        return None
    if api.paging == "cursor":
        return _Ask(ask.address, ((str(api.parameter), str(said)),))
    address = urljoin(ask.address, str(said))
    if urlsplit(address)[:2] != urlsplit(ask.address)[:2]:
        raise StoreProblem(where, "the API names a next page on another server; that one is not asked")
    return _Ask(address)


def _rows(answers: Iterator[tuple[Any, list[Any]]], api: ApiSettings, seen: FieldsSeen, where: str) -> Iterator[Row]:
    given, total = 0, None
    for page, records in answers:
        total = field_of(page, api.total) if api.total else None
        for record in records:
            given += 1
            yield (given, *seen.read(record))
    if isinstance(total, int) and total != given:
        raise StoreProblem(where, f"the API says that there are {total:,} records and gave {given:,}")
