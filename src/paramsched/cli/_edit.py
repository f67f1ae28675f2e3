"""A page that edits a plan's file: its text beside its curves, served on this machine alone."""

import html
import json
import secrets
import shlex
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, final

import click

from paramsched.cli._options import UNIT_FACTS, PlanOptions, WrongUsage, check_numbers_of_bases, problem_text
from paramsched.cli._plan_input import PlanInput, calendar_if_known, read_plan_input
from paramsched.cli._traces import groups_with_bases, refuse_too_long
from paramsched.core.base.diagnostic import DiagnosticWarning
from paramsched.core.base.files import write_whole_file
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.files import PlanText, open_plan
from paramsched.core.files.text_limits import MOST_BYTES
from paramsched.errors import InvalidArgument, ParamschedError

TEMPLATE: Final = """\
horizon: 10000
lr: warmup("5%") >> cosine(to=0.1)
"""
"""The text with which a new file begins."""
_PAGE: Final = Path(__file__).with_name("edit.html")
_MOST_ASKED: Final = 2 * MOST_BYTES  # bytes of a request: JSON escapes characters
_MOST_DROPPED: Final = 64 * MOST_BYTES


@final
class Editor:
    """A plan's file that is edited.

    Args:
        file: the file. It need not exist, for a new plan.
        options: the options of the command, whose run facts and bases the page shows first.
    """

    def __init__(self, file: Path, options: PlanOptions) -> None:
        self.file, self.options = file, options
        self.on_disk = file.read_bytes() if file.exists() else None
        self.source = open_plan(file, options.format) if self.on_disk is not None else None
        self.lock = threading.Lock()  # a browser asks several times at once, and warnings belong to one answer

    def page(self) -> str:
        """Return the page, with the text of the file as it is now."""
        if self.file.exists():
            self.on_disk = self.file.read_bytes()
        text = TEMPLATE if self.on_disk is None else self.on_disk.decode("utf-8-sig", "replace")
        facts = " ".join(f"{name}={value}" for name, value in self.options.facts.items())
        fields = {"FILE": self.file.name, "FACTS": facts, "BASES": ",".join(self.options.bases), "TEXT": text}
        page = _PAGE.read_text(encoding="utf-8")
        head, _, rest = page.partition("TEXT")  # the text of a plan may contain the other words
        for name in ("FILE", "FACTS", "BASES"):
            head = head.replace(name, html.escape(fields[name]))
        return head + html.escape(fields["TEXT"]) + rest

    def draw(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the page with the curves, and the problems of a text; only the problems if it is no plan."""
        from paramsched import show

        try:
            options = replace(self.options, bases=tuple(filter(None, [str(asked["bases"]).strip()])))
            check_numbers_of_bases(options.bases)
            options = options.with_facts(**_facts(str(asked["facts"])))
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                read = self._read(str(asked["text"]), options)
                trace, assumed = _curves(read)
            said = [str(one.message) for one in told if isinstance(one.message, DiagnosticWarning)]
            problems = "\n".join([*_findings(read), *said, assumed])
            return {"page": show.html(trace, title=self.file.stem), "problems": problems}
        except (ParamschedError, click.UsageError, OSError) as error:
            return {"problems": problem_text(error), "wrong": True}

    def save(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Write the text into the file, unless another program has changed it, and return what `draw` returns."""
        data = str(asked["text"]).replace("\r\n", "\n").encode("utf-8", "surrogatepass")
        try:
            written = self._write(data)
        except OSError as error:
            return {"problems": problem_text(error), "wrong": True}
        if not written:
            found = f"{self.file} was changed or removed by another program, and is not written. Reload to see it."
            return {"problems": found, "wrong": True}
        self.on_disk = data
        return {**self.draw(asked), "saved": True}

    def _write(self, data: bytes) -> bool:
        if self.on_disk is None:
            return not self.file.exists() and write_whole_file(self.file, data)
        return self.file.exists() and write_whole_file(self.file, data, over=self.on_disk)

    def _read(self, text: str, options: PlanOptions) -> PlanInput:
        name = str(self.file)
        source = self.source or PlanText(name, text, options.format or "yaml")
        source = replace(source, text=text)
        return read_plan_input(name, options, source=source)


def _facts(text: str) -> dict[str, Any]:
    """Return the run facts of a text such as `total=900 steps_per_epoch=30`."""
    found: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"run facts {text}", str(error).lower(), example="steps_per_epoch=500") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in UNIT_FACTS:
            raise InvalidArgument(f"run facts {word!r}", did_you_mean(name, UNIT_FACTS), example="steps_per_epoch=500")
        found[name] = value
        with suppress(ValueError):  # a length with a unit stays text
            found[name] = value if name == "total" else float(value) if set(value) & set(".eE") else int(value)
    return found


def _curves(read: PlanInput) -> tuple[Any, str]:
    """Return the curves of a plan, and a text with the run facts that were assumed."""
    from paramsched.show.plan_curves import curves_of_plan

    calendar = calendar_if_known(read.known)
    groups, assumed = groups_with_bases(read.loaded, read.options.bases)
    refuse_too_long(read.plan, calendar, len(groups))
    trace, text = curves_of_plan(read.plan, groups, calendar)
    return trace.with_assumed_bases(pair for pair in trace.keys() if pair in assumed), text


def _findings(read: PlanInput) -> list[str]:
    """Return what `paramsched check` reports about a plan, if its door is installed."""
    try:
        from paramsched.tools.check.plan_check import check
    except ModuleNotFoundError:
        return []
    found = read.placed(check(read.plan, calendar_if_known(read.known)))
    return [f"{one.location('')}: {one}".lstrip(":") + f" [{one.code}]" for one in found]


@final
class _Server(ThreadingHTTPServer):
    """A server on 127.0.0.1 for one editor, below a secret path."""

    daemon_threads = True

    def __init__(self, editor: Editor, port: int) -> None:
        self.editor, self.secret = editor, secrets.token_urlsafe(16)
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", port), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"


@final
class _Handler(BaseHTTPRequestHandler):
    """The answers of the server. Other sites cannot ask: the path is secret, and `Host` and `Origin` are checked."""

    server: _Server

    def do_GET(self) -> None:  # the name that the standard library calls
        if self._is_ours(""):
            self._reply(self.server.editor.page(), "text/html")

    def do_POST(self) -> None:
        editor, what = self.server.editor, self.path.rpartition("/")[2]
        answers = {"draw": editor.draw, "save": editor.save}
        if what not in answers or not self._is_ours(what):
            return None if what in answers else self.send_error(HTTPStatus.NOT_FOUND)
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self.send_error(HTTPStatus.LENGTH_REQUIRED)
        if int(length) > _MOST_ASKED:
            self.close_connection = True
            self.rfile.read(min(int(length), _MOST_DROPPED))  # a browser reads the answer only after it has sent all
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            asked = json.loads(self.rfile.read(int(length)))
            with editor.lock:
                answer = answers[what](asked)
        except (ValueError, KeyError, TypeError):
            return self.send_error(HTTPStatus.BAD_REQUEST)
        return self._reply(json.dumps(answer), "application/json")

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

    def _reply(self, text: str, kind: str) -> None:
        body = text.encode("utf-8", "backslashreplace")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing for a request."""


def server_for(editor: Editor, port: int) -> _Server:
    """Return a server that listens already.

    Raises:
        WrongUsage: the port is in use.
    """
    try:
        return _Server(editor, port)
    except OSError as error:
        raise WrongUsage(f"--port {port}", str(error.strerror or error), "Leave --port out for a free one") from None
