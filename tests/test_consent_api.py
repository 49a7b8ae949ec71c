"""Consent registries behind an HTTP API, asked over a real connection to a server in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from plugins.keys import Keyring
from plugins.settings import ConsentSettings
from plugins.stores import consents as consents_module
from plugins.stores.consent_api import api_pages
from plugins.stores.consents import RowProblem, read_consents
from plugins.stores.records import StoreProblem

SHANGHAI = ZoneInfo("Asia/Shanghai")
TOKEN = "s3cret-of-the-registry"
COLUMNS = {"subject": "person.id", "purpose": "purpose", "kind": "kind", "granted_at": "given"}
Answer = tuple[int, Any]


def record(number: int, **more: Any) -> dict[str, Any]:
    return {"person": {"id": f"P{number}"}, "purpose": "door", "kind": "separate", "given": "2026-03-01", **more}


class Server:
    """Answers by a function of the path and its parameters; remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[str, dict[str, str]], Answer] = lambda path, asked: (200, [])
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                outer.asked.append(self.path)
                outer.tokens.append(self.headers.get("Authorization"))
                status, body = outer.answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/consents"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def read(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Callable[..., Any]:
    # The pauses between tries are the outermost edge: they take no time here.
    monkeypatch.setattr(consents_module, "api_pages", lambda one, zone: api_pages(one, zone, lambda _: None))

    def reading(columns: dict[str, str] = COLUMNS, **api: Any) -> tuple[list[dict[str, Any]], list[RowProblem]]:
        settings = ConsentSettings(name="portal", columns=columns, api={"url": server.url, **api})
        table, problems = read_consents([settings], Keyring(bytes(32)), SHANGHAI, tmp_path)
        return table.to_pylist(), problems

    return reading


def people(consents: list[dict[str, Any]]) -> list[str]:
    known = {Keyring(bytes(32)).pseudonym("person", f"P{n}"): f"P{n}" for n in range(20)}
    return [known[consent["subject_ref"]] for consent in consents]


def test_an_api_of_one_page_is_read(server: Server, read: Callable[..., Any]) -> None:
    server.answer = lambda path, asked: (200, [record(1), record(2, kind=" Written ")])
    consents, problems = read()
    assert people(consents) == ["P1", "P2"]
    assert [consent["kind"] for consent in consents] == ["separate", "written"]
    assert str(consents[0]["granted_at"]) == "2026-02-28 16:00:00+00:00"
    assert problems == []


def paged_by_link(path: str, asked: dict[str, str]) -> Answer:
    at = int(asked.get("after", "0"))
    following = f"?after={at + 2}" if at < 4 else None
    return 200, {"data": {"items": [record(at + 1), record(at + 2)]}, "links": {"next": following}}


def paged_by_cursor(path: str, asked: dict[str, str]) -> Answer:
    at = int(asked.get("cursor", "0"))
    return 200, {"items": [record(at + 1), record(at + 2)], "next": str(at + 2) if at < 4 else ""}


def paged_by_number(path: str, asked: dict[str, str]) -> Answer:
    number = int(asked["p"])
    # The second page is short, and yet not the last.
    pages = {1: [record(1), record(2)], 2: [record(3)], 3: [record(4), record(5), record(6)]}
    return 200, {"items": pages.get(number, [])}


@pytest.mark.parametrize(
    ("answer", "api"),
    [
        pytest.param(
            paged_by_link, {"paging": "next_link", "records": "data.items", "next": "links.next"}, id="next link"
        ),
        pytest.param(
            paged_by_cursor,
            {"paging": "cursor", "records": "items", "next": "next", "parameter": "cursor"},
            id="cursor",
        ),
        pytest.param(paged_by_number, {"paging": "page", "records": "items", "parameter": "p"}, id="page number"),
    ],
)
def test_an_api_is_read_to_its_last_page(server: Server, read: Callable[..., Any], answer: Any, api: Any) -> None:
    server.answer = answer
    consents, problems = read(**api)
    assert people(consents) == [f"P{n}" for n in range(1, 7)]
    assert problems == []


def test_bad_records_are_set_aside_by_number_over_all_pages(server: Server, read: Callable[..., Any]) -> None:
    pages = {
        "1": [record(1), "SECRET-VALUE", record(3, given="SECRET-TIME")],
        "2": [record(4, person={"id": None}), record(5, purpose={"SECRET": 1}), record(6)],
    }
    server.answer = lambda path, asked: (200, pages.get(asked["p"], []))
    consents, problems = read(paging="page", parameter="p")
    assert people(consents) == ["P1", "P6"]
    assert problems == [
        RowProblem("portal", 2, "is no JSON object"),
        RowProblem("portal", 3, "granted_at is no time"),
        RowProblem("portal", 4, "subject is missing"),
        RowProblem("portal", 5, "purpose is missing"),
    ]


def test_a_busy_server_is_asked_again(server: Server, read: Callable[..., Any]) -> None:
    busy = [503, 429]
    server.answer = lambda path, asked: (busy.pop(), {}) if busy else (200, [record(1)])
    assert people(read()[0]) == ["P1"]
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_in_the_middle_gives_no_half_registry(
    server: Server, read: Callable[..., Any]
) -> None:
    server.answer = lambda path, asked: (200, [record(1)]) if asked["p"] == "1" else (503, {})
    with pytest.raises(StoreProblem, match="portal: the API answered 503"):
        read(paging="page", parameter="p")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("answer", "api", "says"),
    [
        pytest.param((401, {}), {}, "401: it wants a token", id="no token"),
        pytest.param((403, {}), {}, "403: it refuses this token", id="refused"),
        pytest.param((404, {}), {}, "404: there is nothing", id="nothing"),
        pytest.param((302, {}), {}, "302: it sends elsewhere", id="redirect"),
        pytest.param((200, b"<html>"), {}, "no JSON", id="no JSON"),
        pytest.param((200, {"items": 3}), {"records": "items"}, "no list of records at `items`", id="no list"),
        pytest.param((200, {"rows": []}), {}, "no list of records at the page itself", id="no list at the top"),
        pytest.param(
            (200, {"items": [record(1)], "total": 2}),
            {"records": "items", "total": "total"},
            "there are 2 records and gave 1",
            id="fewer than said",
        ),
        pytest.param(
            (200, {"items": [record(1)], "next": "same"}),
            {"records": "items", "paging": "cursor", "next": "next", "parameter": "c"},
            "round in circles",
            id="circle",
        ),
        pytest.param(
            (200, {"items": [record(1)], "next": "http://127.0.0.1:9/evil"}),
            {"records": "items", "paging": "next_link", "next": "next"},
            "another server",
            id="another server",
        ),
        pytest.param((200, [record(1, given_at=1, given=None) | {"purpose": "x"}]), {}, None, id="null is a value"),
        pytest.param(
            (200, [{"personid": 1, "purpose": "p", "kind": "k", "given": "2026-01-01"}]),
            {},
            "no record has `person.id`, which `columns.subject` names",
            id="misspelt",
        ),
    ],
)
def test_what_is_no_whole_registry_is_refused_in_one_line(
    server: Server, read: Callable[..., Any], answer: Answer, api: dict[str, Any], says: str | None
) -> None:
    server.answer = lambda path, asked: answer
    if says is None:
        assert people(read(**api)[0]) == ["P1"]
        return
    with pytest.raises(StoreProblem) as caught:
        read(**api)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_field_that_no_record_has_is_told_but_not_fatal(server: Server, read: Callable[..., Any]) -> None:
    server.answer = lambda path, asked: (200, [record(1, withdrawn=None)])
    columns = {**COLUMNS, "withdrawn_at": "withdrawn_on", "expires_at": "withdrawn"}
    consents, problems = read(columns=columns)
    assert people(consents) == ["P1"]
    [problem] = problems
    assert problem.row_number == 0
    assert "no record has `withdrawn_on`, which `columns.withdrawn_at` names" in problem.reason


def test_the_token_comes_from_the_environment_or_a_connection_and_never_shows(
    server: Server, read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", TOKEN)
    monkeypatch.setenv("AIRFLOW_CONN_PORTAL", f"http://:{TOKEN}@portal.example.org")
    server.answer = lambda path, asked: (200, [record(1)])
    read(token_variable="PORTAL_TOKEN")
    read(conn_id="portal")
    assert server.tokens == [f"Bearer {TOKEN}"] * 2
    server.answer = lambda path, asked: (500, {"you sent": TOKEN})
    with pytest.raises(StoreProblem) as caught:
        read(token_variable="PORTAL_TOKEN")
    assert TOKEN not in repr(caught.value) + caplog.text


def test_a_token_is_not_sent_in_the_clear_to_another_machine(
    read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", TOKEN)
    with pytest.raises(StoreProblem, match="would send its token unencrypted"):
        read(url="http://portal.example.org/consents", token_variable="PORTAL_TOKEN")


def test_a_token_that_is_not_set_is_told(read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_TOKEN", raising=False)
    with pytest.raises(StoreProblem, match="environment variable 'PORTAL_TOKEN', which is not set"):
        read(token_variable="PORTAL_TOKEN")


def test_a_server_that_is_not_there_is_one_line(read: Callable[..., Any]) -> None:
    with pytest.raises(StoreProblem, match=r"portal: the API cannot be read \(ConnectError\)"):
        read(url="http://127.0.0.1:9/consents")
