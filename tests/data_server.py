"""A web server on this machine that answers as badly as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """What the server was asked."""

    path: str
    headers: dict[str, str]


Answer = Callable[["_Handler"], None]


@dataclass
class DataServer:
    """Gives ``answers`` one after the other, the last again and again; keeps the requests."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Answer:
        return self.answers[min(len(self.requests), len(self.answers)) - 1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: DataServer

    def do_GET(self) -> None:
        self.world.requests.append(Request(self.path, dict(self.headers)))
        self.close_connection = True
        with suppress(ConnectionError):  # who asked is gone
            self.world.next()(self)

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def answer(self, status: int, headers: dict[str, object], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, str(value))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[DataServer]:
    """Serve on a free port until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    world = DataServer(f"http://127.0.0.1:{server.server_port}")
    handler.world = world
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield world
    finally:
        world.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def whole(content: bytes, *, etag: str | None = '"1"', cut: int | None = None) -> Answer:
    """A well-behaved server that knows ranges; ``cut`` bytes into an answer the line breaks."""

    def give(handler: _Handler) -> None:
        asked = handler.headers.get("Range")
        condition = handler.headers.get("If-Range")
        start = int(asked[6:-1]) if asked and condition in (None, etag) else 0
        headers = {"ETag": etag, "Content-Length": len(content) - start}
        if start >= len(content):
            return handler.answer(416, {"Content-Length": 0})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:] if cut is None else content[start : start + cut]
        return handler.answer(206 if start else 200, headers, body)

    return give


def plain(content: bytes, **headers: object) -> Answer:
    """A server that ignores ranges; ``headers`` may lie (``_`` stands for ``-``), None leaves one
    out.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer(200, {"Content-Length": len(content)} | named, content)


def status(code: int, **headers: object) -> Answer:
    """A server that answers a status only."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer(code, {"Content-Length": 0} | named)


def trickle(content: bytes, world: DataServer, pause_s: float) -> Answer:
    """A server that sends byte after byte, each after a pause."""

    def give(handler: _Handler) -> None:
        handler.answer(200, {"Content-Length": len(content)})
        for byte in content:
            if world.closing.wait(pause_s):
                return
            handler.wfile.write(bytes([byte]))

    return give


def silent(world: DataServer) -> Answer:
    """A server that takes the request and never answers."""

    def give(_handler: _Handler) -> None:
        world.closing.wait(30)

    return give


def chunked(content: bytes) -> Answer:
    """A server that does not say how long the file is."""

    def give(handler: _Handler) -> None:
        handler.answer(200, {"Transfer-Encoding": "chunked"})
        for start in range(0, len(content), 1000):
            part = content[start : start + 1000]
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    return give
