"""A process that uses every command and public function on hostile inputs under an audit hook.

The hook cannot be removed, so it has its own process:

    python tests/whole/hostile/audited_uses.py FOLDER EVERY [GENERATED SEED]

FOLDER is made. One of EVERY uses runs, 1 for all. GENERATED is a number of inputs with generated names, in place of
the others. It prints one line of JSON: the number of uses, and each violation of the security policy with the use that
caused it.
"""

import contextlib
import json
import os
import sys
import tempfile
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True

from whole.hostile.code_files import MARK, MODULE, write_inputs  # noqa: E402
from whole.hostile.uses import Case, unknown_names, unprintable, uses_of, write_good_files  # noqa: E402


class Watch:
    """Records what Python reports to audit hooks while a use runs.

    Args:
        folder: the folder of the inputs.
        written: the folder that uses may write into.
    """

    def __init__(self, folder: Path, written: Path) -> None:
        self.folder = str(folder)
        self.written = str(written)
        self.use: str | None = None
        self.violations: dict[str, str] = {}

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.use is None:
            return
        use = self.use
        self.use = None  # events of the hook itself are ignored
        try:
            message = self._violation(event, arguments)
            if message is not None:
                self.report(use, message)
                if event in _PROCESSES or event.startswith(_NETWORK):
                    raise RuntimeError(message)
        finally:
            self.use = use

    def report(self, use: str, event: str) -> None:
        self.violations.setdefault(f"{use}: {event}"[:600], event)

    def _violation(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        if event == "exec":
            return self._of_code(arguments[0])
        if event == "compile":
            return self._of_compiled(*arguments)
        if event == "import":
            return f"imports {arguments[0]}" if str(arguments[0]).split(".")[0] == MODULE else None
        if event == "open":
            path, mode, flags = arguments
            writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else flags & _WRITING
            return self._of_written("opens", path) if writes else None
        if event in _CHANGES:
            return next(
                filter(None, (self._of_written(event, argument) for argument in arguments[: _CHANGES[event]])), None
            )
        if event == "pickle.find_class" and arguments[0] in ("os", "posix", "builtins", MODULE):
            return f"unpickles {arguments}"
        if event in _PROCESSES or event.startswith(_NETWORK):
            return f"{event} {arguments!r}"
        return None

    def _of_code(self, code: types.CodeType) -> str | None:
        if code.co_filename.startswith(self.folder):
            return f"runs {code.co_filename}"
        return f"runs code of an input, {code.co_filename}: {_text_of(code)[:200]}" if MARK in _text_of(code) else None

    def _of_compiled(self, source: object, filename: object) -> str | None:
        if _is_parsed_only():
            return None
        if not isinstance(source, (str, bytes, type(None))):
            return f"compiles a syntax tree, {filename!r}"
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source or ""
        if MARK in text or MODULE in text:
            return f"compiles text of an input: {text[:200]!r}"
        return f"compiles {filename!r}" if os.fsdecode(_path(filename)).startswith(self.folder) else None

    def _of_written(self, event: str, path: object) -> str | None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None
        place = os.path.realpath(os.fsdecode(path))
        if place.startswith(self.written) or place == os.devnull:
            return None
        return f"{event} {place}"


def _path(value: object) -> str | bytes:
    return value if isinstance(value, (str, bytes)) else str(value)


def _text_of(code: types.CodeType) -> str:
    """Return the names and constants of code, which the hook searches for text of an input."""
    parts = [repr((code.co_names, code.co_varnames, code.co_filename, code.co_name))]
    parts += [_text_of(const) if isinstance(const, types.CodeType) else repr(const) for const in code.co_consts]
    return " ".join(parts)


def _is_parsed_only() -> bool:
    """Return whether `ast.parse` or `ast.literal_eval` compiles, which does not make code."""
    frame: types.FrameType | None = sys._getframe(4)
    return frame is not None and frame.f_code.co_filename == _AST and frame.f_code.co_name == "parse"


_AST = sys.modules["ast"].__file__
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    **dict.fromkeys(("os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.utime", "os.chown"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink", "shutil.move", "shutil.copyfile"), 2),
    **dict.fromkeys(("shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp", "os.setxattr"), 1),
}
_PROCESSES = (
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill"),
    *("subprocess.Popen", "pty.spawn", "webbrowser.open", "code.__new__", "ctypes.dlopen"),
)
_NETWORK = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "ssl.")


def violations_in(folder: Path, every: int, generated: int, seed: int) -> dict[str, Any]:
    """Use every command and function on the inputs. Return what the hook saw."""
    folder.mkdir()
    inputs = folder / "inputs"
    written = folder / "written"
    written.mkdir()
    paths = write_inputs(inputs, generated, seed)
    os.chdir(inputs)
    path = sys.path[:]
    for good_path in write_good_files(inputs):  # so that the hook does not see the library's own imports
        for _, use in uses_of(Case(good_path, written)):
            with contextlib.suppress(Exception):
                use()
    before = {*inputs.rglob("*")}
    watch = Watch(inputs, written)
    sys.addaudithook(watch)
    count = 0
    for number, input_path in enumerate(paths):
        for place, (use, call) in enumerate(uses_of(Case(input_path, written))):
            if (number + place) % every:
                continue
            count += 1
            _watched(watch, f"{use} {input_path.name!r}", call)
            if sys.path != path:
                sys.path[:] = path
                watch.report(f"{use} {input_path.name!r}", "changes sys.path")
    for written_path in sorted({*inputs.rglob("*")} - before):
        watch.report("all", f"made {written_path.name!r}")
    return {"uses": count, "unknown": [*unknown_names()], "violations": [*watch.violations]}


def _watched(watch: Watch, use: str, call: Callable[[], str]) -> None:
    """Use an input, and report what the hook, the error or the shown text reveals."""
    watch.use = use
    text = ""
    messages = []
    try:
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            text = call()
        watch.use = None
    except Exception as error:  # noqa: BLE001  # only errors of the library are texts of a use
        watch.use = None
        watch.report(use, f"raises {type(error).__name__}: {str(error)[:200]!r}")
    finally:
        watch.use = None
    for shown in [text, *(str(message.message) for message in messages)]:
        if (line := unprintable(shown)) is not None:
            watch.report(use, f"prints {line[:200]!r}")


if __name__ == "__main__":
    tempfile.gettempdir()  # it writes a file when it is first called
    every, generated, seed = (*map(int, sys.argv[2:]), 0, 0)[:3]
    print(json.dumps(violations_in(Path(sys.argv[1]).resolve(), every, generated, seed)))
