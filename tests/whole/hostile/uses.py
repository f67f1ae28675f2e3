"""Every command and public function that reads a file, and what must hold for any file."""

import contextlib
import importlib
import inspect
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

import paramsched as ps
from paramsched.cli import main
from paramsched.core.schedules import SHAPES
from paramsched.errors import ParamschedError
from paramsched.files import plan_files
from paramsched.mmengine.__main__ import main as mmengine_main
from paramsched_runner.config_file import runs_code
from support.pages import public_paths
from whole.hostile.code_files import MARK

GOOD = "good.yaml"


class Case:
    """An input, and the values that uses derive from it."""

    def __init__(self, path: Path, written: Path) -> None:
        self.path = path
        self.written = written
        self.name = str(path)
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
        yield outcome(lambda name=name: ps.dump(plan, None, name))
    for suffix in plan_files.SUFFIXES:
        yield outcome(lambda suffix=suffix: ps.dump(plan, case.out(suffix)))


def _shown(case: Case) -> Any:
    whole = [str(case.plan), repr(case.plan), str(case.trace), repr(ps.show.figure(case.trace))]
    return [*whole, ps.show.text(case.trace), repr(ps.show.picture(case.trace)), ps.show.axes(case.trace)]


def _read_logs(case: Case) -> Any:
    read = ps.tools.audit.read_log(case.path, ["lr"])
    return [repr(read)[:5000], str(ps.tools.audit.compare_with_plan(read, "cosine()", total=20))]


def _runner(case: Case) -> None:
    if not is_program(case.path):
        ps.mmengine.Runner.from_cfg(case.path)
        raise AssertionError("the config has problems, but a Runner was built")


FUNCTIONS: dict[str, Callable[[Case], Any]] = {
    "load": lambda case: ps.load(case.path),
    "loads": lambda case: ps.loads(case.text),
    "loads of every syntax": lambda case: [ps.loads(case.text, "json")],
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
    "show.figure": _shown,
    "show.svg": lambda case: bool(ps.show.svg(case.trace)),
    "show.html": lambda case: bool(ps.show.html(case.trace, title=case.text[:99])),
    "show.text": lambda case: ps.show.text(case.trace),
    "show.mime_bundle": lambda case: bool(ps.show.mime_bundle(case.plan)),
    "show.plan_axes": lambda case: ps.show.plan_axes(case.plan, 0.1, ps.RunFacts(total=20)),
    "mmengine.Runner.from_cfg": _runner,
    "Scheduler": _attached,
}
_NOT_USED = frozenset(
    (
        *("show.axes", "show.picture"),  # used with show.figure
        *("Duration.of", "time.Duration.of", "plan.Plan.of_text"),
        # They read no file and no text of an input.
        *("absolute", "find_lr", "shape", "extend.curve", "extend.curve_family", "tools.range_test.find_lr"),
        *("show.format_of_file", "show.picture_format", "show.simulate", "show.together", "show.curves_from_values"),
    )
)
_ENGINES = ("compat.", "mmengine.", "engines.", "curves.", "feedback.")
"""Drop-ins and engines, which take values of the running program; properties; and parts of schedules."""

# `edit` is refused, because a page that is served does not end.
COMMANDS: dict[str, tuple[str, ...]] = {
    "audit": ("{}", "{} --plan good.yaml --json", "good.csv --plan {} --total 20", "{} --html {out}.html"),
    "check": ("{} --json", "good.yaml --log {}"),
    "diff": ("{} good.yaml --total 20", "good.yaml {} --json"),
    "recipes": ("{name}",),
    "show": (
        *("{}", "{} --groups", "{} --total 20 --at 3", "good.yaml --used {}"),
        *("{} -o {out}.svg --total 20", "{} -o {out}.html --total 20", "good.yaml -o {out}.svg --used {}"),
    ),
}
TRAINED = ("{} --work-dir {out}-run", "{} --plan {} --load-from {}")
"""Arguments of `python -m paramsched.mmengine`."""


def words_of(line: str, case: Case) -> list[str]:
    named = {"{}": case.name, "{name}": case.path.name}
    return [named.get(word, word.replace("{out}", case.out(""))) for word in line.split()]


def uses_of(case: Case) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the name of each use of an input, and a function that returns the text that it shows."""
    for name, lines in COMMANDS.items():
        for line in lines:
            yield f"{name} {line}", partial(invoked, [name, *words_of(line, case)])
    for line in () if is_program(case.path) else TRAINED:
        yield f"mmengine {line}", partial(invoked, words_of(line, case), mmengine_main)
    for name, call in FUNCTIONS.items():
        yield f"ps.{name}", partial(outcome, partial(call, case))


def is_program(path: Path) -> bool:
    """Return whether a training of a config runs code: of the file, or of the modules that it imports."""
    return runs_code(path) or (path.is_file() and "custom_imports" in path.read_text("utf-8", errors="replace"))


def write_good_files(folder: Path) -> list[Path]:
    """Write the files that a use needs besides its input."""
    texts = {
        GOOD: "total: 20\nlr: cosine()\n",
        "good.csv": "step,lr\n" + "".join(f"{t},{1 - t / 20}\n" for t in range(20)),
        "good.json": '{"total": 20, "lr": "step(3)"}',
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def invoked(words: list[str], program: click.Command = main) -> str:
    """Run a command as the console script does. Return what it printed."""
    shown = io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogatepass", write_through=True)
    code: object = 0
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            program.main(words, prog_name="paramsched")
        except SystemExit as ended:
            code = ended.code
    assert code in (None, 0, 1, 2), code
    return shown.buffer.getvalue().decode("utf-8", "surrogatepass")  # type: ignore[attr-defined]


def outcome(use: Callable[[], Any]) -> str:
    """Return the text of a result or of an error. An error that is not of the library is raised."""
    try:
        result = use()
        return str(list(result) if isinstance(result, Iterator) else result)
    except ParamschedError as error:
        return refusal(error)
    except OSError as error:
        return str(error)


def refusal(error: ParamschedError, file: Path | None = None) -> str:
    """Return the message of an error; check that it can be printed, and that it names the file."""
    said = str(error)
    assert 0 < len(said) < 40_000, len(said)
    assert unprintable(said) is None, repr(unprintable(said))
    assert file is None or file.name in said, said
    said.encode("utf-8")
    return said


def unprintable(text: str) -> str | None:
    """Return the first line with a control character."""
    return next((line for line in text.split("\n") if not line.isprintable()), None)


def unknown_names() -> Iterator[str]:
    """Yield the commands and public functions that no table of this file has."""
    for name in sorted({*main.list_commands(click.Context(main))} ^ COMMANDS.keys()):
        yield f"command {name}"
    listed = FUNCTIONS.keys() | _NOT_USED
    for path in public_paths():
        holder, _, name = path.rpartition(".")
        short = path.removeprefix("paramsched.")
        if not holder or short.startswith(_ENGINES):
            continue
        try:
            member = getattr(importlib.import_module(holder), name, None)
        except ModuleNotFoundError:  # a method of a class
            module, _, class_name = holder.rpartition(".")
            member = getattr(getattr(importlib.import_module(module), class_name), name)
        if inspect.isclass(member):
            builders = [key for key, value in vars(member).items() if isinstance(value, classmethod) and key[0] != "_"]
            yield from (f"function {short}.{key}" for key in builders if f"{short}.{key}" not in listed)
        elif inspect.isroutine(member) and name not in SHAPES and short not in listed:
            yield f"function {short}"
