"""Reading and writing plans: files and texts, every format."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from paramsched.base.calls import explain_wrong_keywords
from paramsched.base.diagnostic import Diagnostic
from paramsched.base.files import is_replaced, path_of_file, write_whole_file
from paramsched.config.file_formats import (
    SUFFIXES,
    SYNTAXES,
    format_of,
    known_format,
    loaded_from,
    placed,
    plan_of_data,
    text_of,
)
from paramsched.config.known_dialects import BaseLike, Loaded
from paramsched.config.schedule_text import ShapeLike
from paramsched.config.syntaxes.yaml_text import has_comments
from paramsched.config.text_limits import read_bounded_text
from paramsched.errors import InvalidArgument, shown
from paramsched.plan import Plan
from paramsched.time import Calendar


@explain_wrong_keywords
def load(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
    run_config: bool = False,
) -> Plan:
    """Read a plan from a file.

    Nothing in a file can run code, unless `run_config=True` asks for it.

    Args:
        path: the file, at most 1 MB of UTF-8.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name; None: what the suffix says.
        shapes: functions that build schedules, known by their names in this file.
        calendar, base: facts that some dialects need; native files need none.
        run_config: execute a config of MMEngine in MMEngine, for values that cannot be read; only for files you trust.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: every fault of the file at once, each with its path.
        InvalidArgument: an unknown format, or a suffix that says none.
        MissingDependency: `run_config=True`, and MMEngine is not installed.

    >>> load("no such plan.yaml")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'no such plan.yaml'
    """
    return load_with_bases(path, format=format, shapes=shapes, calendar=calendar, base=base, run_config=run_config).plan


def load_with_bases(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
    run_config: bool = False,
) -> Loaded:
    """Read a plan from a file as `load` does, and the optimizer's values that stand beside it.

    A config of MMEngine says them at `optim_wrapper`: `ps.trace(found.plan, found.bases.groups, …)` are the values its
    run uses. Native files say none.
    """
    text = read_plan_text(path, format, run_config=run_config)
    return text.loaded(shapes=shapes, calendar=calendar, base=base)


@explain_wrong_keywords
def loads(
    text: str | Mapping[str, Any],
    format: str = "yaml",
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Plan:
    """Read a plan from a text, as `load` does from a file; or from what such a text holds, a mapping.

    >>> print(loads("lr: warmup('5%') >> cosine()"))
    lr: warmup("5%") >> cosine()
    >>> loads({"lr": 0.5}) == Plan(lr=0.5)
    True
    """
    if isinstance(text, Mapping):
        return plan_of_data(text, format, shapes=shapes, calendar=calendar, base=base)
    return loads_with_bases(text, format, shapes=shapes, calendar=calendar, base=base).plan


def loads_with_bases(
    text: str,
    format: str = "yaml",
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Loaded:
    """Read a plan from a text, and the optimizer's values that stand beside it, as `load_with_bases` from a file."""
    if not isinstance(text, str):
        raise InvalidArgument(
            f"loads({text!r:.40})",
            f"a {type(text).__name__} is neither text nor a mapping",
            "Write ps.load(path)",
        )
    return loaded_from(text, format, f"{format} text", shapes=shapes, calendar=calendar, base=base)


def plan_from(given: Plan | Mapping[str, Any] | str | os.PathLike[str]) -> Plan:
    """The plan itself, or the plan that a native mapping, a text or a file says.

    Args:
        given: a plan, a mapping as in a native file, its YAML text, or the path of a file. A text in one line that ends
            in `.yaml`, `.yml`, `.toml` or `.json` is a path.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: every fault at once, each with its path.
        InvalidArgument: it is none of these.

    >>> print(plan_from("lr: warmup('5%') >> cosine()"))
    lr: warmup("5%") >> cosine()
    >>> plan_from({"lr": 0.5}) == plan_from(Plan(lr=0.5))
    True
    """
    if isinstance(given, Plan):
        return given
    if isinstance(given, Mapping):
        return loads(given)
    if isinstance(given, str):
        is_file = "\n" not in given and syntax_of_suffix(Path(given)) is not None
        return load(given) if is_file else loads(given)
    if isinstance(given, os.PathLike):
        return load(given)
    raise InvalidArgument(f"plan_from({shown(given)})", "no Plan", "Write ps.Plan(lr=ps.cosine(to=0.1), horizon=1000)")


@explain_wrong_keywords
def dump(plan: Plan, path: str | os.PathLike[str] | None = None, format: str | None = None) -> str | None:
    """Write a plan so that reading it back gives an equal one.

    Args:
        plan: what is written.
        path: the file; written beside and renamed, so there is never half of one. A pipe or a device is written into.
            None: the text is returned.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name; None: what the suffix says, YAML without a path.

    Raises:
        PlanError: a predicate or a function without a name is in the plan.
        InvalidArgument: an unknown format, or one that cannot say this plan.
        OSError: the file cannot be written; it is as it was.

    >>> from paramsched.schedules import cosine
    >>> print(dump(Plan(lr=cosine(to=0.1), horizon="20 epochs")))
    horizon: 20 epochs
    lr: cosine(to=0.1)
    """
    if not isinstance(plan, Plan):
        raise InvalidArgument(f"dump({plan!r:.40})", "no Plan", "Write ps.dump(ps.Plan(lr=cosine()))")
    if path is None:
        return text_of(plan, format or "yaml")
    file = path_of_file(path)
    folder = file.parent if is_replaced(file) else None
    text = text_of(plan, format or format_of(file), syntax=syntax_of_suffix(file), folder=folder)
    write_whole_file(file, text.encode())
    return None


@explain_wrong_keywords
def convert(
    text: str,
    format: str,
    to: str,
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> str:
    """Say in one format what a text says in another. Fields keep their order; comments are not kept.

    Args:
        text: what is read.
        format, to: `"yaml"`, `"toml"`, `"json"`, or a dialect's name.
        shapes: as in `load`.
        calendar, base: facts that some dialects need.

    Raises:
        ConfigError: every fault of the text.
        InvalidArgument: an unknown format, or one that cannot say this plan.

    >>> print(convert("lr: 0.5", "yaml", "toml"))
    lr = "constant(0.5)"
    """
    known_format(to)
    return text_of(loads(text, format, shapes=shapes, calendar=calendar, base=base), to)


@final
@dataclass(frozen=True, slots=True)
class PlanText:
    """A text that says a plan, and how it is to be read.

    Args:
        name: what faults call it.
        syntax: what the file's suffix says, where the format is a dialect.
        folder: from which paths in it count; None: from where the process stands.
        run_config: whether the file is executed in MMEngine.
    """

    name: str
    text: str
    format: str
    syntax: str | None = None
    folder: Path | None = None
    run_config: bool = False

    def loaded(
        self,
        *,
        shapes: Iterable[ShapeLike] = (),
        calendar: Calendar | None = None,
        base: BaseLike | None = None,
    ) -> Loaded:
        """The plan it says, and the optimizer's values that stand beside it."""
        return loaded_from(
            self.text,
            self.format,
            self.name,
            syntax=self.syntax,
            folder=self.folder,
            shapes=shapes,
            calendar=calendar,
            base=base,
            run_config=self.run_config,
        )

    @property
    def has_comments(self) -> bool:
        """Whether it has comments, which no plan keeps."""
        own = self.format if self.format in SYNTAXES else self.syntax
        return has_comments(self.text, "yaml" if own is None and self.format == "native" else own)

    def placed(self, faults: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        """Faults by their paths, each with its line and column."""
        return placed(faults, self.text, self.format, self.syntax)


def read_plan_text(path: str | os.PathLike[str], format: str | None = None, *, run_config: bool = False) -> PlanText:
    """What a file says, and how it is to be read."""
    file = path_of_file(path)
    text = read_bounded_text(file)
    chosen = format_of(file) if format is None else known_format(format)
    return PlanText(str(file), text, chosen, syntax_of_suffix(file), file.parent, run_config)


def syntax_of_suffix(file: Path) -> str | None:
    """What the suffix says of the syntax, where the format is a dialect."""
    found = SUFFIXES.get(file.suffix.lower())
    return found if found in SYNTAXES else None
