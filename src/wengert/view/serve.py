"""The page served on this machine, and loaded again when the file that it is about changes.

Only the machine itself is answered.  The socket is bound to 127.0.0.1; a site that is open in the same browser could
still send requests there (and, by "DNS rebinding", under a name of its own), so a request is answered only if it asks
for this address by number or as ``localhost``, comes from no other origin, and knows the path, which holds a secret.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..errors import WengertError

_POLL: Final = 0.3
_HEARTBEAT: Final = 10.0
"""Seconds after which a waiting browser gets a sign of life; one that has gone is noticed then."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ERROR: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; script-src ; style-src
 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Error - Wengert</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
pre {{ white-space: pre-wrap; font: 14px/1.5 ui-monospace, monospace; padding: 1rem; border-left: 4px solid #c2410c;
background: #8881; }}</style>
</head>
<body><main><h1>There is no graph yet</h1><pre role="alert">{message}</pre>
<p>Save the file again, and this page shows the graph.</p></main></body>
</html>
"""


def error_page(message: str) -> str:
    """Return a page that says what is wrong with the user's file."""
    return _ERROR.format(message=html.escape(message))


def reloading(page: str, version: int) -> str:
    """Return a page with the script that loads it again, which its security policy is told of.

    The script is let connect to where the page is from, and to nothing else.
    """
    script = files(__package__).joinpath("reload.js").read_text(encoding="utf-8")
    script = script.replace("VERSION", str(version))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    before, found, after = page.partition("script-src ")
    body, end, rest = after.rpartition("</body>")
    if not found or not end:
        raise RuntimeError("the page's template has no script-src or no </body>; build it again with `make page`")
    # A module, as the page's own script is: modules run in order, so that this one finds the page made.
    tag = f'<script type="module">{script}</script>'
    return f"{before}connect-src 'self'; script-src 'sha256-{digest}' {body}{tag}{end}{rest}"


class Server:
    """A page at a secret address of this machine.

    Parameters
    ----------
    make : callable() -> str
        Returns the page; a :class:`WengertError` that it raises is shown in its place.
    watched : callable() -> iterable of paths
        The files that the page depends on; asked again after each change.
    port : int
        0 for any that is free.

    Attributes
    ----------
    url : str
    """

    def __init__(self, make: Callable[[], str], watched: Callable[[], Iterable[Path]], port: int = 0) -> None:
        self._make, self._watched = make, watched
        self._changed = threading.Condition()
        self._version, self._page, self._closed = 0, b"", False
        self._seen: dict[Path, Any] = {}
        self._path = f"/{secrets.token_urlsafe(16)}/"
        self._http = _Http(("127.0.0.1", port), _handler(self))
        self.hosts = [f"{name}:{self._http.server_port}" for name in ("127.0.0.1", "localhost")]
        self.url = f"http://{self.hosts[0]}{self._path}"

    def start(self) -> str:
        """Make the page, and answer requests in threads of their own; return what is wrong, if anything."""
        threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True).start()
        return self.update()

    def update(self) -> str:
        """Make the page anew, and let browsers know; return what is wrong, if anything."""
        problem = ""
        self._seen = self._state()  # before the files are read: whatever changes from now on is a change
        try:
            page = self._make()
        except WengertError as error:
            problem = str(error)
            page = error_page(problem)
        self._seen = {**self._state(), **self._seen}  # modules that were imported for the first time
        with self._changed:
            self._version += 1
            self._page = reloading(page, self._version).encode()
            self._changed.notify_all()
        return problem

    def watch(self, say: Callable[[str], Any]) -> None:
        """Make the page anew whenever a file changes, until interrupted.

        The user's program runs in the thread that calls this, the main one, so that Ctrl-C ends it too.
        """
        while True:
            time.sleep(_POLL)
            if any(stamp != self._seen.get(path) for path, stamp in self._state().items()):
                problem = self.update()
                say(f"error: {problem}" if problem else "updated")

    def _state(self) -> dict[Path, Any]:
        return {path: _stamp(path) for path in self._watched()}

    def close(self) -> None:
        """Let go of the port and of waiting browsers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._http.shutdown()
        self._http.server_close()

    # -- for the handler -------------------------------------------------------------------------------------------

    def refusal(self, headers: Any) -> str:
        """Return why a request is not answered; empty if it is."""
        host, origin = headers.get_all("Host") or [], headers.get_all("Origin") or []
        if len(host) != 1 or host[0].lower() not in self.hosts:
            return "This server answers requests to its own address only."
        if any(urlsplit(one).scheme != "http" or urlsplit(one).netloc != host[0].lower() for one in origin):
            return "This server answers its own page only."
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "This server answers its own page only."
        return ""

    def find(self, path: str) -> str:
        """Return what is asked for: ``"page"``, ``"events"``, or nothing."""
        for name, kind in (("", "page"), ("events", "events")):
            if secrets.compare_digest(path.encode(), (self._path + name).encode()):
                return kind
        return ""

    @property
    def page(self) -> bytes:
        with self._changed:
            return self._page

    def wait(self, seen: int) -> int | None:
        """Return the page's version when it is another than ``seen``, or after a while; None when all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._version != seen, _HEARTBEAT)
            return None if self._closed else self._version


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # while an editor replaces it
        return None
    return found.st_mtime_ns, found.st_size


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(True)

        def do_HEAD(self) -> None:
            self._answer(False)

        def _answer(self, body: bool) -> None:
            why = server.refusal(self.headers)
            if why:
                self._send(HTTPStatus.FORBIDDEN, "text/plain", why.encode(), body)
                return
            match server.find(self.path):
                case "page":
                    self._send(HTTPStatus.OK, "text/html", server.page, body)
                case "events" if body:
                    self._events()
                case _:
                    self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is nothing here.", body)

        def _send(self, status: HTTPStatus, kind: str, content: bytes, body: bool) -> None:
            self._head(status, kind, {"Content-Length": str(len(content))})
            if body:
                self.wfile.write(content)

        def _head(self, status: HTTPStatus, kind: str, more: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in {**_HEADERS, **more, "Content-Type": f"{kind}; charset=utf-8"}.items():
                self.send_header(key, value)
            self.end_headers()

        def _events(self) -> None:
            """Send the page's version, and each later one (Server-Sent Events)."""
            self._head(HTTPStatus.OK, "text/event-stream", {})
            seen = 0
            while (version := server.wait(seen)) is not None:
                self.wfile.write(b": still here\n\n" if version == seen else f"data: {version}\n\n".encode())
                self.wfile.flush()
                seen = version

        def version_string(self) -> str:
            return "wengert"

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not worth a line."""

    return Handler
