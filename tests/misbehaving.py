"""A proxy before an S3 endpoint that breaks what it passes on, by a plan."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Plan = Callable[[str, int], str | None]
"""Told a path and how often it was asked for before; gives ``503``, ``reset``, ``cut``, ``stall`` or None."""

STALL_SECONDS = 3.0
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, endpoint: str, plan: Plan) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.target, self._plan = urlsplit(endpoint), plan
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def fault(self, path: str) -> str | None:
        with self._lock:
            times, self._asked[path] = self._asked[path], self._asked[path] + 1
        return self._plan(urlsplit(path).path, times)


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        fault = self.server.fault(self.path)
        if fault == "503":
            self._answer(503, {"Content-Type": "application/xml", "Content-Length": str(len(_SLOW_DOWN))}, _SLOW_DOWN)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        else:
            time.sleep(STALL_SECONDS if fault == "stall" else 0)
            self._pass_on(cut=fault == "cut")

    do_HEAD = do_GET  # noqa: N815 - the name is the base class's

    def _pass_on(self, cut: bool) -> None:
        link = http.client.HTTPConnection(self.server.target.hostname or "", self.server.target.port, timeout=30)
        # It is signed for the proxy's address; the test server does not check that.
        link.request(self.command, self.path, headers=dict(self.headers))
        answer = link.getresponse()
        body = answer.read()
        link.close()
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in {"transfer-encoding", "connection"}}
        if self.command != "HEAD":
            headers["Content-Length"] = str(len(body))
        self._answer(answer.status, headers, body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)
        except OSError:
            self.close_connection = True  # the client waited no longer

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def misbehaving(endpoint: str, plan: Plan) -> Iterator[str]:
    """Serve an endpoint through the proxy; give the proxy's address."""
    server = _Server(endpoint, plan)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
