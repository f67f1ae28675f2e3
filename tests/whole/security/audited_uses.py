"""A process that uses every command and public function on hostile inputs under an audit hook.

The hook cannot be removed, so it has its own process:

    python tests/whole/security/audited_uses.py FOLDER EVERY [GENERATED SEED]

FOLDER is made. One of EVERY uses runs, 1 for all. GENERATED is a number of inputs with generated names, in place of
the others. It prints one line of JSON: the number of uses, and each violation of the security policy with the use that
caused it.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

sys.dont_write_bytecode = True

import torch  # noqa: E402

import paramsched as ps  # noqa: E402
from paramsched.cli import main  # noqa: E402
from paramsched.core.files import plan_files  # noqa: E402
from paramsched.core.schedules import SHAPES  # noqa: E402
from paramsched.errors import ParamschedError  # noqa: E402
from paramsched.mmengine.__main__ import main as mmengine_main  # noqa: E402
from paramsched.mmengine.config_file import runs_code  # noqa: E402
from support.pages import public_paths  # noqa: E402
from whole.security.hostile_inputs import MARK, MODULE, write_inputs  # noqa: E402


class Watch:
    """Records what Python reports to audit hooks while a use runs.

    Args:
        folder: the folder of the inputs.
        written: the folder that uses may write into.
    """

    def __init__(self, folder: Path, written: Path) -> None:
        self.folder, self.written = str(folder), str(written)
        self.use: str | None = None
        self.violations: dict[str, str] = {}
        self.thread = threading.get_ident()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.use is None:
            return
        use, self.use = self.use, None  # events of the hook itself are ignored
        try:
            message = self._violation(event, arguments)
            if message is not None:
                self.report(use, message)
                if event in _PROCESSES or event.startswith(_NETWORK):
                    raise RuntimeError(message)
        finally:
            self.use = use

    def report(self, use: str, found: str) -> None:
        self.violations.setdefault(f"{use}: {found}"[:600], found)

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


class Case:
    """A hostile input, and the values that uses derive from it."""

    def __init__(self, path: Path, written: Path) -> None:
        self.path, self.written = path, written
        self._plan: Any = None

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode("utf-8", "surrogateescape") if self.path.is_file() else str(self.path)

    @property
    def plan(self) -> Any:
        if self._plan is None:
            self._plan = ps.load(self.path)
        return self._plan

    @property
    def trace(self) -> Any:
        return ps.trace(self.plan, {"lr": 0.1, "weight_decay": 0.1}, total=20)

    def out(self, suffix: str) -> str:
        return str(self.written / f"out{suffix}")

    @property
    def given(self) -> str:
        return str(self.path)


def _attached(case: Case) -> Any:
    """Attach the plan to an optimizer and make an update, with messages of unknown groups and changed plans."""
    group = {"params": [torch.nn.Parameter(torch.ones(1))], "name": "head"}
    optimizer = torch.optim.SGD([group], lr=0.1, momentum=0.9)
    scheduler = ps.Scheduler(optimizer, case.plan, total=20)
    optimizer.step()
    scheduler.load_state_dict(scheduler.state_dict())
    return [str(scheduler), repr(scheduler), optimizer.param_groups[0]["lr"]]


def _every_format(case: Case) -> Iterator[str]:
    plan = case.plan
    for name in plan_files.formats():
        yield _outcome(lambda name=name: ps.dump(plan, None, name))
    for suffix in plan_files.SUFFIXES:
        yield _outcome(lambda suffix=suffix: ps.dump(plan, case.out(suffix)))


def _shown(case: Case) -> Any:
    whole = [str(case.plan), repr(case.plan), str(case.trace), repr(ps.show.figure(case.trace))]
    return [*whole, ps.show.text(case.trace), repr(ps.show.picture(case.trace)), ps.show.axes(case.trace)]


def _read_logs(case: Case) -> Any:
    read = ps.tools.audit.read_log(case.path, ["lr"])
    return [repr(read)[:5000], str(ps.tools.audit.compare_with_plan(read, "cosine()", total=20))]


_FUNCTIONS: dict[str, Callable[[Case], Any]] = {
    "load": lambda case: ps.load(case.path),
    "loads": lambda case: ps.loads(case.text),
    "loads of every syntax": lambda case: [ps.loads(case.text, "json"), ps.loads(case.text, "toml")],
    "dump": _every_format,
    "check": lambda case: list(map(str, ps.check(case.plan))),
    "Plan.of_text": lambda case: ps.Plan.of_text(case.text),
    "parse": lambda case: ps.parse(case.text[:2000]),
    "to_lambda": lambda case: [ps.to_lambda(case.plan), ps.to_lambda(case.plan, group=MARK)],
    "trace": lambda case: case.trace,
    "diff": lambda case: ps.diff(case.plan, "cosine()", total=20),
    "resolve": lambda case: [ps.resolve(case.plan, total=20), ps.resolve(case.plan)],
    "tools.audit.log_facts": lambda case: ps.tools.audit.log_facts(ps.tools.audit.read_values(case.path)),
    "tools.audit.read_values": lambda case: ps.tools.audit.read_values(case.path),
    "tools.audit.read_log": _read_logs,
    "tools.audit.compare_with_plan": lambda case: ps.tools.audit.compare_with_plan(
        ps.tools.audit.read_log(case.path.parent / "good.csv", ["lr"]), case.plan, total=20
    ),
    "tools.audit.read_metrics": lambda case: ps.tools.audit.read_metrics(case.path),
    "tools.audit.read_plan_history": lambda case: ps.tools.audit.read_plan_history(case.path),
    "show.figure": _shown,
    "show.svg": lambda case: bool(ps.show.svg(case.trace)),
    "show.html": lambda case: bool(ps.show.html(case.trace, title=case.text[:99])),
    "show.text": lambda case: ps.show.text(case.trace),
    "show.mime_bundle": lambda case: bool(ps.show.mime_bundle(case.plan)),
    "show.plan_axes": lambda case: ps.show.plan_axes(case.plan, 0.1, ps.RunFacts(total=20)),
    "mmengine.Runner.from_cfg": lambda case: (
        _is_program(case.path) or _refused(lambda: ps.mmengine.Runner.from_cfg(case.path))
    ),
    "Scheduler": _attached,
}
_ALSO_USED = {
    "show.axes": "show.figure",
    "show.picture": "show.figure",
}
_WITHOUT_INPUT = frozenset(
    (
        *("absolute", "find_lr", "shape"),
        *("extend.curve", "extend.curve_family"),
        *("tools.range_test.find_lr",),
        *(
            "show.format_of_file",
            "show.picture_format",
            "show.simulate",
        ),
        *("show.together", "show.curves_from_values"),
    )
)
"""Functions that read no file and no text of an input."""
_ENGINES = ("compat.", "mmengine.", "engines.", "curves.", "feedback.")
"""Drop-ins and engines, which take values of the running program; properties; and parts of schedules."""


def _refused(build: Callable[[], Any]) -> None:
    """Build a Runner from a config that has problems."""
    build()
    raise AssertionError("the config has problems, but a Runner was built")


_GOOD = "good.yaml"
_COMMANDS: dict[str, Callable[[Case], list[list[str]]]] = {
    "audit": lambda case: [
        [case.given],
        [case.given, "--plan", _GOOD, "--json"],
        ["good.csv", "--plan", case.given, "--total", "20"],
        [case.given, "--html", case.out(".html")],
    ],
    "check": lambda case: [
        [case.given, "--json"],
        [_GOOD, "--checkpoint", case.given],
        [_GOOD, "--log", case.given],
    ],
    "convert": lambda case: [
        [case.given, "-o", case.out(".csv"), "--total", "20"],
        [case.given],
        [case.given, "--to", "toml"],
        [case.given, "--to", "json"],
        [case.given, "--to", "mmengine"],
    ],
    "diff": lambda case: [[case.given, _GOOD, "--total", "20"], [_GOOD, case.given, "--json"]],
    "edit": lambda case: [[case.given, "--new"]],  # refused; a page that is served does not end
    "recipes": lambda case: [[case.path.name]],
    "resume": lambda case: [
        [case.given],
        [case.given, "--plan", _GOOD, "--json"],
        [case.given, "--history"],
        [case.given, "--history", "--json"],
    ],
    "show": lambda case: [
        [case.given],
        [case.given, "--total", "20", "--table"],
        [case.given, "--groups"],
        [case.given, "--total", "20", "--at", "3"],
        [_GOOD, "--used", case.given],
        *([case.given, "-o", case.out(suffix), "--total", "20"] for suffix in (".svg", ".html")),
        [_GOOD, "-o", case.out(".svg"), "--used", case.given],
    ],
}


def _outcome(use: Callable[[], Any]) -> str:
    """Return the text of a result or of an error. An error that is not of the library is raised."""
    try:
        result = use()
        if isinstance(result, Iterator):
            result = list(result)
        return str(result)
    except (ParamschedError, OSError) as error:
        return str(error)


def _unprintable(text: str) -> str | None:
    """Return the first line with a control character."""
    return next((line for line in text.split("\n") if not line.isprintable()), None)


def _unknown_names() -> Iterator[str]:
    """Yield the commands and public functions that no table of this file has."""
    for name in sorted({*main.list_commands(click.Context(main))} ^ _COMMANDS.keys()):
        yield f"command {name}"
    known = {*_FUNCTIONS, *_ALSO_USED, *_WITHOUT_INPUT}
    for path in public_paths():
        holder, _, name = path.rpartition(".")
        short = path.removeprefix("paramsched.")
        if not holder or short.startswith(_ENGINES):
            continue
        try:
            one = getattr(importlib.import_module(holder), name, None)
        except ModuleNotFoundError:  # a method of a class
            module, _, kind = holder.rpartition(".")
            one = getattr(getattr(importlib.import_module(module), kind), name)
        if inspect.isclass(one):
            builders = [key for key, value in vars(one).items() if isinstance(value, classmethod) and key[0] != "_"]
            yield from (f"function {short}.{key}" for key in builders if f"{short}.{key}" not in known | _OF_CLASSES)
        elif inspect.isroutine(one) and name not in SHAPES and short not in known:
            yield f"function {short}"


_OF_CLASSES = frozenset(("Duration.of", "time.Duration.of", "Plan.of_text", "plan.Plan.of_text"))


def _is_program(path: Path) -> bool:
    """Return whether a training of a config runs code: of the file, or of the modules that it imports."""
    return runs_code(path) or (path.is_file() and "custom_imports" in path.read_text("utf-8", errors="replace"))


def _uses_of(case: Case) -> Iterator[tuple[str, Callable[[], Any]]]:
    for name, calls in _COMMANDS.items():
        for number, words in enumerate(calls(case)):
            yield f"{name} {number}", lambda words=[name, *words]: _invoke(words)
    trained = [
        [case.given, "--work-dir", case.out("-run")],
        [case.given, "--plan", case.given, "--load-from", case.given],
    ]
    for number, words in enumerate([] if _is_program(case.path) else trained):
        yield f"mmengine {number}", lambda words=words: _invoke(words, mmengine_main)
    for name, call in _FUNCTIONS.items():
        yield f"ps.{name}", lambda call=call: _outcome(lambda: call(case))


def _invoke(words: list[str], program: click.Command = main) -> str:
    """Run a command as the console script does. Return what it printed."""
    shown = io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogatepass", write_through=True)
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), contextlib.suppress(SystemExit):
        program.main(words, prog_name="paramsched")
    return shown.buffer.getvalue().decode("utf-8", "surrogatepass")


def _warm_up(folder: Path, written: Path) -> None:
    """Import what the uses import, so that the hook does not see the library's own modules."""
    (folder / _GOOD).write_text("total: 20\nlr: cosine()\n")
    (folder / "good.csv").write_text("step,lr\n" + "".join(f"{t},{1 - t / 20}\n" for t in range(20)))
    (folder / "good.json").write_text('{"total": 20, "lr": "step(3)"}')
    for name in (_GOOD, "good.csv", "good.json"):
        case = Case(folder / name, written)
        for _, use in _uses_of(case):
            with contextlib.suppress(Exception):
                use()


def violations_in(folder: Path, every: int, generated: int, seed: int) -> dict[str, Any]:
    """Use every command and function on the inputs. Return what the hook saw."""
    folder.mkdir()
    inputs, written = folder / "inputs", folder / "written"
    written.mkdir()
    paths = write_inputs(inputs, generated, seed)
    os.chdir(inputs)
    path = sys.path[:]
    _warm_up(inputs, written)
    before = {*inputs.rglob("*")}
    watch = Watch(inputs, written)
    sys.addaudithook(watch)
    count = 0
    for number, given in enumerate(paths):
        for place, (use, call) in enumerate(_uses_of(Case(given, written))):
            if (number + place) % every:
                continue
            count += 1
            _watched(watch, f"{use} {given.name!r}", call)
            if sys.path != path:
                sys.path[:] = path
                watch.report(f"{use} {given.name!r}", "changes sys.path")
    for one in sorted({*inputs.rglob("*")} - before):
        watch.report("all", f"made {one.name!r}")
    return {"uses": count, "unknown": [*_unknown_names()], "violations": [*watch.violations]}


def _watched(watch: Watch, use: str, call: Callable[[], str]) -> None:
    """Use an input, and report what the hook, the error or the shown text reveals."""
    watch.use = use
    text, messages = "", []
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
        if (line := _unprintable(shown)) is not None:
            watch.report(use, f"prints {line[:200]!r}")


if __name__ == "__main__":
    tempfile.gettempdir()  # it writes a file when it is first called
    every, generated, seed = (*map(int, sys.argv[2:]), 0, 0)[:3]
    print(json.dumps(violations_in(Path(sys.argv[1]).resolve(), every, generated, seed)))
