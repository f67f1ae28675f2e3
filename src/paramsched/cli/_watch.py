"""Redrawing a picture when a file that it was made from changes: the option `--watch`."""

import io
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final, TypeAlias, final

import click

from paramsched.cli._options import STANDARD_OUTPUT, WrongUsage, echo, is_terminal, problem_text, write_output
from paramsched.core.base.files import report_opened_files
from paramsched.errors import ParamschedError

_POLL = 0.1  # seconds between two checks of the files
_SETTLE = 1.0  # seconds to wait at most for a file that an editor is still replacing or writing
_RETRY = 1.0  # seconds between two attempts after an error: the missing file may not be among those watched

Signature: TypeAlias = tuple[int, int, int] | None
"""Time of change, size and inode of a file; None if there is no such file. An editor's rename changes the inode."""


@final
class _Files:
    """The files that a picture is made from, each with its signature from before it was read."""

    def __init__(self, inputs: Iterable[str]) -> None:
        self._seen: dict[str, Signature] = {os.path.abspath(name): _signature(name) for name in inputs}  # noqa: PTH100  # takes any text
        self._size = shutil.get_terminal_size()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note the current state of all known files, and add the files that are opened within this context."""
        self._seen = {name: _signature(name) for name in self._seen}
        self._size = shutil.get_terminal_size()
        with report_opened_files(lambda file: self._seen.setdefault(str(file.absolute()), _signature(file))):
            yield

    def changed(self) -> bool:
        """Return whether a file or the size of the terminal has changed since they were recorded."""
        return self._size != shutil.get_terminal_size() or any(
            _signature(name) != seen for name, seen in self._seen.items()
        )

    def wait_until_settled(self) -> None:
        """Wait until no file changes and every file that existed exists again, but at most `_SETTLE` seconds."""
        deadline, before = time.monotonic() + _SETTLE, None
        while time.monotonic() < deadline:
            now = {name: _signature(name) for name in self._seen}
            missing = any(now[name] is None and seen is not None for name, seen in self._seen.items())
            if now == before and not missing:
                return
            before = now
            time.sleep(_POLL / 2)


def _signature(file: str | Path) -> Signature:
    try:
        found = os.stat(file)  # noqa: PTH116  # Path.stat raises an error for a long text
    except (OSError, ValueError):  # ValueError: no file can have this name
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def watch(draw: Callable[[], str | bytes], inputs: Iterable[str], output: str | None = None) -> None:
    """Draw a picture, and draw it again whenever one of its files changes, until Ctrl-C.

    An error is shown in place of the picture. After the next change of a file, the picture is drawn again.

    Args:
        draw: returns the picture; it may raise the same errors as a command.
        inputs: arguments of the command that may be files. Files that `draw` opens are watched too.
        output: the file to write; None for the terminal.
    """
    if output == STANDARD_OUTPUT:
        raise WrongUsage("", "--watch cannot update standard output", "Write --output plan.html")
    show = _print_picture if output is None else partial(_write_picture, output)
    files, shown = _Files(inputs), None
    picture: str | bytes | None = None
    try:
        while True:
            with files.recording():
                found = _drawn(draw)
            if found != shown:  # after an error, the next attempt often gives the same error
                show(*found)
                shown = found
            picture = found[0] if found[0] is not None else picture
            _wait(files, retry=found[0] is None)
    except KeyboardInterrupt:
        click.echo(err=True)  # the shell's prompt starts on a line of its own, after "^C"
    finally:
        if output is not None and picture is not None and _is_page(output):
            write_output(output, picture)  # without the script that reloads the page


def _wait(files: _Files, *, retry: bool) -> None:
    started = time.monotonic()
    while not files.changed():
        if retry and time.monotonic() - started > _RETRY:
            return
        time.sleep(_POLL)
    files.wait_until_settled()


def _drawn(draw: Callable[[], str | bytes]) -> tuple[str | bytes | None, str]:
    """Return the picture (None after an error), and the text of the notes, warnings and error printed meanwhile."""
    notes = io.StringIO()
    with redirect_stderr(notes), warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: echo(f"warning: {message}", err=True)
        try:
            return draw(), notes.getvalue()
        except (ParamschedError, OSError, click.UsageError) as error:
            echo(problem_text(error), err=True)
    return None, notes.getvalue()


def _print_picture(picture: str | bytes | None, notes: str) -> None:
    """Print a picture in the cleared terminal, or below the previous one if the output is not a terminal."""
    if is_terminal():
        click.clear()
    if picture is not None:
        click.echo(picture, color=True)  # `draw` has decided on colors
    echo(notes, nl=False, err=not is_terminal())
    if is_terminal():
        click.echo(f"{time.strftime('%H:%M:%S')}  Watching for changes; Ctrl-C ends")


def _write_picture(output: str, picture: str | bytes | None, notes: str) -> None:
    """Write a picture to its file. After an error, an HTML file shows the error, and other files stay."""
    if _is_page(output):
        page = _error_page(Path(output).name, notes) if picture is None else picture
        write_output(output, _reloading(page if isinstance(page, str) else page.decode()))
    elif picture is not None:
        write_output(output, picture)
    echo(notes, nl=False, err=True)
    if picture is not None:
        echo(f"{time.strftime('%H:%M:%S')}  {output}: written. Watching for changes; Ctrl-C ends")


def _is_page(output: str) -> bool:
    return Path(output).suffix.lower() in (".html", ".htm")


# Browsers do not let a page that was opened from a file read files. So once a second, the page loads its own file in a
# hidden frame, and the frame posts the version of the file to the page.
_SCRIPT: Final = """\
<script>
(() => {
  const version = "VERSION", probe = "?paramsched-watch";
  if (location.search === probe) {
    parent.postMessage({paramsched: version}, "*");
    window.stop();
    return;
  }
  addEventListener("message", event => {
    const found = event.data && event.data.paramsched;
    if (found && found !== version) location.reload();
  });
  setInterval(() => {
    if (document.hidden) return;
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.src = location.href.split(/[?#]/)[0] + probe;
    document.body.append(frame);
    setTimeout(() => frame.remove(), 900);
  }, 1000);
})();
</script>
"""


def _reloading(page: str) -> str:
    """Return the page with a script that reloads it when the content of its file has changed."""
    version = sha256(page.encode("utf-8", "replace")).hexdigest()[:16]
    return page.replace("</head>", _SCRIPT.replace("VERSION", version) + "</head>", 1)


def _error_page(title: str, problem: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        "<style>:root{color-scheme:light dark}body{font-family:system-ui,sans-serif;margin:2em}"
        "pre{white-space:pre-wrap}</style>\n</head>\n"
        f"<body><h1>{escape(title)}</h1>\n<pre>{escape(problem)}</pre>\n</body></html>\n"
    )
