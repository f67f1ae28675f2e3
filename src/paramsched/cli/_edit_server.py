"""The server of the page of `paramsched edit`, for this machine alone."""

import errno
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, final

from paramsched.cli._edit import Editor
from paramsched.cli._output import WrongUsage, problem_text
from paramsched.core.files.text_limits import MOST_BYTES
from paramsched.errors import ParamschedError

_MOST_ASKED: Final = 2 * MOST_BYTES  # bytes of a request: JSON escapes characters
_MOST_DROPPED: Final = 64 * MOST_BYTES
_MOST_DIGITS: Final = 20  # of a length; Python converts at most 4,300

Draw = Callable[[str, str, str], dict[str, Any]]
"""A function of the text, the run facts and the bases, which returns what the page shows."""


@final
class Server(ThreadingHTTPServer):
    """A server on 127.0.0.1 for one editor, below a secret path.

    Raises:
        WrongUsage: the port is in use.
    """

    daemon_threads = True

    def __init__(self, editor: Editor, draw: Draw, port: int) -> None:
        self.editor, self.secret = editor, secrets.token_urlsafe(16)
        self.answers: Mapping[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...]]] = {
            "draw": (draw, ("text", "facts", "bases")),
            "save": (editor.save, ("text", "digest")),
            "save_as": (editor.save_as, ("text", "name")),
            "compare": (editor.compare, ("text",)),
        }
        try:
            ThreadingHTTPServer.__init__(self, ("127.0.0.1", port), _Handler)
        except OSError as error:
            found = str(error.strerror or error)
            raise WrongUsage(f"--port {port}", found, "Leave --port out for a free one") from None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error, unless a browser or a Ctrl-C has closed the connection."""
        error = sys.exception()
        is_closed = isinstance(error, OSError) and error.errno == errno.EBADF  # after a Ctrl-C
        if not is_closed and not isinstance(error, ConnectionError | TimeoutError):
            ThreadingHTTPServer.handle_error(self, request, client_address)


@final
class _Handler(BaseHTTPRequestHandler):
    """The answers of the server. Other sites cannot ask: the path is secret, and `Host` and `Origin` are checked."""

    server: Server
    timeout = 10  # seconds without a byte, after which the standard library closes a connection

    def do_GET(self) -> None:  # the name that the standard library calls
        if not self._is_ours(""):
            return
        try:
            page = self.server.editor.page()
        except (OSError, ParamschedError) as error:
            self._reply(f"{problem_text(error)}\n", "text/plain", HTTPStatus.CONFLICT)
        else:
            self._reply(page, "text/html")

    def do_POST(self) -> None:
        what = self.path.rpartition("/")[2]
        if what not in self.server.answers:
            return self.send_error(HTTPStatus.NOT_FOUND)
        if not self._is_ours(what):
            return None
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        size = int(length) if len(length) <= _MOST_DIGITS else _MOST_DROPPED
        if size > _MOST_ASKED:
            self.close_connection = True
            self.rfile.read(min(size, _MOST_DROPPED))  # a browser reads the answer only after it has sent all
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        answer, names = self.server.answers[what]
        try:
            texts = _texts(self.rfile.read(size), names)
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.send_error(HTTPStatus.BAD_REQUEST, f"expected {', '.join(names)} as texts of whole characters")
        return self._reply(json.dumps(answer(*texts)), "application/json")

    def _is_ours(self, what: str) -> bool:
        """Return whether a request is from the page; otherwise send an error."""
        hosts = {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}
        origin = self.headers.get("Origin", f"http://127.0.0.1:{self.server.server_port}")
        if self.headers.get("Host") not in hosts or origin.removeprefix("http://") not in hosts:
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        if not secrets.compare_digest(self.path.encode(), f"/{self.server.secret}/{what}".encode()):
            self.send_error(HTTPStatus.NOT_FOUND)
            return False
        return True

    def _reply(self, text: str, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = text.encode("utf-8", "backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing for a request."""


def _texts(body: bytes, names: tuple[str, ...]) -> list[str]:
    """Return the values of a JSON object.

    Raises:
        ValueError, TypeError, KeyError, RecursionError: the body is something else, or a value is missing, not a text
            or not valid Unicode.
    """
    asked = json.loads(body)
    texts = [asked[name] for name in names]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError
        text.encode()  # raises a ValueError for half a character
    return texts
