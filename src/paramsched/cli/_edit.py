"""`paramsched edit`: its page, its drawing and its server."""

import errno
import hashlib
import html
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import SequenceMatcher, unified_diff
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, final

import click

from paramsched.base.files import create_file, rewrite_file
from paramsched.base.problem import PlanWarning
from paramsched.base.words import did_you_mean
from paramsched.cli._input import PlanInput, facts_if_known, read_plan_input, total_from_options
from paramsched.cli._options import UNIT_FACTS, CommandOptions, check_numbers_of_bases
from paramsched.cli._output import WrongUsage, options_of_facts, problem_text
from paramsched.cli._traces import given_bases, groups_to_check, groups_with_bases, refuse_too_long
from paramsched.core.files import MOST_BYTES, PlanText, decoded_text, format_of, open_plan, read_bounded
from paramsched.errors import ConfigError, InvalidArgument, ParamschedError

TEMPLATES: Final = {
    "yaml": 'total: 10000\nlr: warmup("5%") >> cosine(to=0.1)\n',
    "toml": "total = 10000\nlr = 'warmup(\"5%\") >> cosine(to=0.1)'\n",
    "json": '{\n  "total": 10000,\n  "lr": "warmup(\'5%\') >> cosine(to=0.1)"\n}\n',
}
"""The text with which a new file begins, by its format."""
_PAGE: Final = Path(__file__).with_name("edit.html")
_FIELD: Final = re.compile(r"\$(FILE|FACTS|BASES|OTHER|DIGEST|TEXT)\b")
_MARK: Final = b"\xef\xbb\xbf"  # the byte order mark of UTF-8
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@final
class Editor:
    """A plan's file that is edited, in any number of pages.

    A page keeps the digest of the file that it began with and passes it with each save, so no other state is shared.
    An empty digest means that there was no file.

    Args:
        file: the file. It need not exist, for a new plan.
        options: the options of the command, whose run facts and bases the page shows first.

    Raises:
        WrongUsage: the file is new, and the total or a run fact is invalid.
    """

    def __init__(self, file: Path, options: CommandOptions) -> None:
        self.file, self.options = file, options
        self.is_new = not os.path.lexists(file)
        if not self.is_new:
            self.format = open_plan(file, options.format).format
        else:
            self.format = format_of(file, options.format)
            facts_if_known(options)  # a new file begins with the total, so an invalid one is refused before
        self.saving = threading.Lock()  # a save reads and writes; the command ends when it has the lock

    def page(self) -> str:
        """Return the page, with the text of the file as it is now.

        Raises:
            OSError: the file cannot be read, or was removed.
            ConfigError: the file is not a text in UTF-8.
        """
        data = self._data()
        if data is None and not self.is_new:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(self.file))
        facts = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in self.options.facts.items())
        fields = {
            "FILE": self.file.name,
            "FACTS": facts,
            "BASES": ",".join(self.options.bases),
            "OTHER": f"{self.file.stem}-2{self.file.suffix}",
            "DIGEST": _digest(data),
            "TEXT": self._text_of_new_plan() if data is None else self._text(data),
        }
        page = _PAGE.read_text(encoding="utf-8")
        return _FIELD.sub(lambda match: html.escape(fields[match[1]]), page)  # a name or a text may contain $TEXT

    def _text_of_new_plan(self) -> str:
        """Return the text with which a new file begins, with the total of the command, because two totals conflict."""
        text, total = TEMPLATES.get(self.format, ""), total_from_options(self.options)
        if total is None:
            return text
        written = str(total)
        return text.replace("10000", written if written.isdecimal() or self.format == "yaml" else json.dumps(written))

    def save(self, text: str, digest: str) -> dict[str, Any]:
        """Write the text into the file, unless it has another content than the page began with."""
        with self.saving:
            try:
                old = self._data()
                if _digest(old) == digest:
                    data = _data_of(text, like=old or b"")
                    if self._write(data, old):
                        return {"saved": True, "digest": _digest(data)}
            except (OSError, ParamschedError) as error:
                return _problem(error)
        return {"problems": f"{self.file} was changed by another program or page, and is not written.", "wrong": True}

    def save_as(self, text: str, name: str) -> dict[str, Any]:
        """Write the text into a new file of the same folder."""
        other, like = self.file.parent / name, b""
        if not name.strip() or other.parent != self.file.parent or other.name in ("", "..") or "\0" in name:
            return {"problems": f"expected the name of a new file, got {name!r}", "wrong": True}
        with suppress(OSError, ParamschedError):  # line ends like those of the file, if it can still be read
            like = self._data() or b""
        with self.saving:
            try:
                if create_file(other, _data_of(text, like)):
                    return {"saved": True}
            except (OSError, ParamschedError) as error:
                return _problem(error)
        return {"problems": f"{other} exists already, and is not written.", "wrong": True}

    def compare(self, text: str) -> dict[str, Any]:
        """Return the lines that differ between the file as it is now and the text, and the digest of the file."""
        try:
            data = self._data()
            now = "" if data is None else self._text(data)
        except (OSError, ParamschedError) as error:
            return _problem(error)
        names = (f"{self.file.name} now", "your text")
        lines = unified_diff(now.split("\n"), _with_newlines(text).split("\n"), *names, lineterm="")
        return {"difference": "\n".join(lines), "digest": _digest(data)}

    def _data(self) -> bytes | None:
        """Read the file; None if there is none. A link to a missing file is an error."""
        return read_bounded(self.file) if os.path.lexists(self.file) else None

    def _text(self, data: bytes) -> str:
        """Return the text of a content as a page shows it."""
        text = decoded_text(data, self.file)
        if "\0" in text:
            raise ConfigError(str(self.file), ["it contains a null character, which a page cannot show"])
        return _with_newlines(text)

    def _write(self, data: bytes, old: bytes | None) -> bool:
        return create_file(self.file, data) if old is None else rewrite_file(self.file, data, over=old)


def _problem(error: OSError | ParamschedError) -> dict[str, Any]:
    return {"problems": problem_text(error), "wrong": True}


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _with_newlines(text: str) -> str:
    """Return the text as a browser has it: each line ends with a line feed."""
    return _LINE_END.sub("\n", text)


def _data_of(text: str, like: bytes) -> bytes:
    r"""Return the content of a file for the text of a page, with the byte order mark and the line ends of an old one.

    An added line ends like the line above it.

    >>> _data_of("a\nb\nc\n", like=b"\xef\xbb\xbfa\r\nc\n")
    b'\xef\xbb\xbfa\r\nb\r\nc\n'
    """
    lines, old = _with_newlines(text).split("\n"), like.decode("utf-8-sig", "replace")
    ends = _LINE_END.findall(old)
    usual = Counter(ends).most_common(1)[0][0] if ends else "\n"
    line_ends = [usual] * len(lines)
    if len(set(ends)) > 1:
        line_ends = [""] * len(lines)
        matcher = SequenceMatcher(None, _LINE_END.split(old), lines)
        for _, begin, end, first, last in matcher.get_opcodes():
            size = min(end - begin, last - first)
            line_ends[first : first + size] = [*ends, ""][begin : begin + size]
        for i, one in enumerate(line_ends):
            line_ends[i] = one or (line_ends[i - 1] if i else usual)
    written = "".join(line + end for line, end in zip(lines, [*line_ends[:-1], ""], strict=True))
    data = like[: len(_MARK)] * like.startswith(_MARK) + written.encode()
    if len(data) > MOST_BYTES:
        raise ConfigError("the text", [f"{len(data):,} bytes, more than {MOST_BYTES:,}; a plan is a short text"])
    if b"\0" in data:
        raise ConfigError("the text", ["it contains a null character, which a plan cannot contain"])
    return data


MOST_SECONDS: Final = 20.0
_ANSWER_MARK: Final = b"\x1e"  # begins an answer, because a module of the user may print something else
_START: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from paramsched.cli import main
main()
"""


@final
class DrawingProcess:
    """A process that draws one text at a time. A process that takes too long is ended, and another is started.

    A process, because a thread cannot be ended, and because warnings are collected per process.

    Args:
        arguments: those of `paramsched edit`, so that the process reads texts with the same options.
        seconds: the most that a drawing may take.
    """

    def __init__(self, arguments: Sequence[str], seconds: float = MOST_SECONDS) -> None:
        program = [sys.executable, "-P", "-c", _START, json.dumps(sys.path)]
        self.line, self.seconds = [*program, "edit", "--draw", *arguments], seconds
        self.lock = threading.Lock()
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        # In a group of its own, which a Ctrl-C in the terminal does not reach.
        pipe = subprocess.PIPE
        return subprocess.Popen(self.line, stdin=pipe, stdout=pipe, process_group=0)  # noqa: S603  # this program

    def draw(self, text: str, facts: str, bases: str) -> dict[str, Any]:
        """Return what the function `draw` returns, or a problem if there is no answer in time."""
        with self.lock:
            begun = time.monotonic()
            limit = threading.Timer(self.seconds, self.process.kill)
            limit.start()
            answer = _answer(self.process, json.dumps([text, facts, bases]))
            limit.cancel()
            is_late = time.monotonic() - begun >= self.seconds
            if answer is None or is_late:
                _close(self.process)
                self.process = self._started()
        if answer is not None:
            return answer
        found = f"it took more than {self.seconds:g} seconds" if is_late else "its process ended"
        return {"problems": f"The text was not drawn: {found}. It can be saved.", "wrong": True}

    def end(self) -> None:
        """End the process, also during a drawing."""
        self.process.kill()
        with self.lock:
            _close(self.process)


def _answer(process: subprocess.Popen[bytes], asked: str) -> dict[str, Any] | None:
    """Return the answer of a process; None if it ends first."""
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    with suppress(OSError, ValueError):  # its pipes are closed
        process.stdin.write(f"{asked}\n".encode())
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith(_ANSWER_MARK) and line.endswith(b"\n"):
                data: dict[str, Any] = json.loads(line.removeprefix(_ANSWER_MARK))
                return data
    return None


def _close(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with suppress(OSError), process:  # closes the pipes, and waits for the end
        pass


def answer_drawings(file: Path, options: CommandOptions) -> None:
    """Draw the texts of standard input, each in a line, until it is closed: the program of a `DrawingProcess`."""
    for line in sys.stdin.buffer:
        answer = draw(file, options, *json.loads(line))
        sys.stdout.buffer.write(_ANSWER_MARK + json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def draw(file: Path, options: CommandOptions, text: str, facts: str, bases: str) -> dict[str, Any]:
    """Return the page with the curves, and the problems of a text; only the problems if it is not a plan."""
    from paramsched import show

    try:
        options = replace(options, bases=tuple(part for part in bases.split(",") if part.strip()))
        check_numbers_of_bases(options.bases)
        options = options.with_facts(**_facts(facts))
        with warnings.catch_warnings(record=True) as reported:
            warnings.simplefilter("always")
            syntax = format_of(file, options.format)
            source = PlanText(str(file), text, syntax)
            read = read_plan_input(source.name, options, source=source)
            used, unused = _used_bases(read)
            read = replace(read, options=replace(read.options, bases=used))
            trace, assumed = _curves(read)
        said = [
            str(report.message)
            for report in reported
            if isinstance(report.message, PlanWarning) and report.message.problem.path
        ]
        problems = "\n".join([*_problems_of(read), *said, *unused, assumed])
        return {"page": show.html(trace, title=file.name), "problems": problems}
    except (ParamschedError, click.UsageError, OSError) as error:
        return {"problems": _text_for_page(problem_text(error)), "wrong": True}


def _facts(text: str) -> Mapping[str, Any]:
    """Return the run facts of a text such as `total=900 steps_per_epoch=30`."""
    facts: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"run facts {text}", str(error).lower(), example="steps_per_epoch=500") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in UNIT_FACTS:
            raise InvalidArgument(f"run facts {word!r}", did_you_mean(name, UNIT_FACTS), example="steps_per_epoch=500")
        facts[name] = value
        with suppress(ValueError):  # a length with a unit stays text
            facts[name] = value if name == "total" else float(value) if set(value) & set(".eE") else int(value)
    return facts


def _text_for_page(text: str) -> str:
    """Return a message with what the fields of the page contain in place of the command's options."""
    for fact, option in options_of_facts().items():
        text = text.replace(f"{option} ", f"{fact}=")
    return text.replace("--base ", "bases ")


def _used_bases(read: PlanInput) -> tuple[tuple[str, ...], list[str]]:
    """Return the bases that the plan uses, and a text for each other one: its line may be about to be written."""
    used, unused = list[str](), list[str]()
    for entry in read.options.bases:
        try:
            given_bases(read.plan, (entry,))
        except WrongUsage as error:
            unused.append(f"ignored: {_text_for_page(error.format_message())}")
        else:
            used.append(entry)
    return tuple(used), unused


def _curves(read: PlanInput) -> tuple[Any, str]:
    """Return the curves of a plan, and a text with the run facts that were assumed."""
    from paramsched.show.plan_curves import curves_of_plan

    facts = facts_if_known(read.known)
    groups, assumed = groups_with_bases(read.loaded, read.options.bases)
    refuse_too_long(read.plan, facts, len(groups))
    trace, text = curves_of_plan(read.plan, groups, facts)
    return trace.with_assumed_bases(pair for pair in trace.keys() if pair in assumed), text


def _problems_of(read: PlanInput) -> list[str]:
    """Return what `paramsched check` reports about a plan, if its package is installed."""
    try:
        from paramsched.core.rules import check
    except ModuleNotFoundError:
        return []
    groups = groups_to_check(read.loaded, read.options.bases)
    problems = read.placed(check(read.plan, facts=facts_if_known(read.known), groups=groups))
    return [f"{problem.location('')}: {problem}".lstrip(":") + f" [{problem.code}]" for problem in problems]


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
            message = str(error.strerror or error)
            raise WrongUsage(f"--port {port}", message, "Leave --port out for a free one") from None

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
        if not self._is_own_class(""):
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
        if not self._is_own_class(what):
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

    def _is_own_class(self, what: str) -> bool:
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
