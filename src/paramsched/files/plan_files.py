"""Reading and writing plans in files and texts, in every format."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from errno import ENAMETOOLONG, ENOENT
from functools import partial
from pathlib import Path
from typing import Any, Final, final, overload

from paramsched.base.files import near_file, path_of_file, write_whole_file
from paramsched.base.params import readable
from paramsched.base.problem import Problem
from paramsched.base.problem_collector import ProblemCollector
from paramsched.core.calls.checked_calls import answering
from paramsched.core.plan.plan import NO_BASES, Bases, Plan
from paramsched.core.plan.plan_forms import SUFFIXES, PlanLike, is_path, is_plan_text, plan_of
from paramsched.core.time.run_facts import RunFacts
from paramsched.errors import ConfigError
from paramsched.files import plan_data
from paramsched.files.messages import calls as messages
from paramsched.files.plan_data import ShapeLike, ShapeNames
from paramsched.files.reading import (
    TextRange,
    placed_problems,
    plain_data,
    plain_or_bad,
    read_bounded_text,
    refuse_large_plan,
    refuse_long_text,
)
from paramsched.files.yaml_syntax import (
    places_in,
    write_json,
    write_yaml,
)


@readable
@answering
def load(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    shapes: Iterable[ShapeLike] = (),
) -> Plan:
    """Read a plan from a file.

    Reading a file does not execute code.

    Args:
        path: the file, at most 1 MB of UTF-8.
        format: `"yaml"` or `"json"`; by default determined by the suffix.
        shapes: functions that build schedules, which the file may call by their names.

    Raises:
        FileNotFoundError: the file does not exist.
        ConfigError: the file has errors; the exception contains all of them.
        InvalidArgument: the format or the suffix is unknown.

    >>> load("plan.yaml")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] expected the path of a plan file; no file in ...
    """
    try:
        text = _open_file(path_of_file(path), format)
    except OSError as error:
        is_text = isinstance(path, str) and ("\n" in path or ": " in path or path.rstrip().endswith(")"))
        if is_text and error.errno in (ENOENT, ENAMETOOLONG):
            raise messages.text_as_path(str(path)) from None
        raise
    return text.loaded(shapes).plan


@readable
@answering
def loads(
    text: str | Mapping[str, Any],
    format: str = "yaml",
    *,
    shapes: Iterable[ShapeLike] = (),
) -> Plan:
    """Read a plan from a text, as `load` does from a file, or from a mapping with the same entries.

    The text may also be a schedule for lr, or `recipe:NAME`, as in `ps.Scheduler`. `argparse` accepts `type=ps.loads`.

    Raises:
        ConfigError: the text or the mapping has errors; the exception contains all of them.
        InvalidArgument: the schedule or the format is invalid, or the text is a path.

    >>> print(loads("lr: warmup('5%') >> cosine()"))
    lr: warmup("5%") >> cosine()
    >>> loads("cosine()") == Plan(lr="cosine()")
    True
    >>> loads({"lr": "cosine()"}) == Plan(lr="cosine()")
    True
    """
    if isinstance(text, Mapping):
        plan_text = open_plan(text, format)
    elif not isinstance(text, str):
        raise messages.neither_text_nor_mapping(text)
    elif ": " not in text and is_path(text):
        raise messages.path_as_text(text)
    elif format == "yaml" and text.strip() and ": " not in text and not is_plan_text(text):  # a schedule, or a recipe
        if not shapes:
            return plan_of(text, "ps.loads")
        plan_text = PlanText("text", text, format, {"lr": text})
    else:
        plan_text = PlanText(f"{format} text", text, format)
    return plan_text.loaded(shapes).plan


@overload
def dump(plan: PlanLike, path: None = None, format: str | None = None) -> str: ...


@overload
def dump(plan: PlanLike, path: str | os.PathLike[str], format: str | None = None) -> None: ...


@readable
@answering
def dump(plan: PlanLike, path: str | os.PathLike[str] | None = None, format: str | None = None) -> str | None:
    """Write a plan so that reading it back gives an equal one.

    Args:
        plan: the plan.
        path: the file, which is replaced atomically. A pipe or a device is written into. None returns the text.
        format: `"yaml"` or `"json"`; by default determined by the suffix, or YAML without a path.

    Raises:
        PlanError: a line has no text, as one with a function without a name.
        InvalidArgument: the format is unknown.
        OSError: the file cannot be written. It is unchanged.

    >>> from paramsched.core.schedules.anneals import cosine
    >>> print(dump(Plan(lr=cosine(to=0.1), total="20 epochs")))
    total: 20 epochs
    lr: cosine(to=0.1)
    """
    file = None if path is None else path_of_file(path)  # first, because a plan may also be the name of a file
    plan = plan_of(plan, "ps.dump")
    if file is None:
        return text_of(plan, "yaml" if format is None else format)
    write_whole_file(file, text_for_file(plan, file, format).encode())
    return None


def text_for_file(plan: Plan, file: Path, format: str | None) -> str:
    """Return the text of a plan for a file, by default in the format of its suffix."""
    chosen = _format_to_write(file) if format is None else _known_format(format)
    return text_of(plan, chosen)


# Formats by name.

FORMATS: Final = ("yaml", "json")
"""The names of the formats. Each JSON text is also one of YAML."""

WRITERS: Mapping[str, Callable[[Any], str]] = {"yaml": write_yaml, "json": write_json}
"""A dict from each format to the function that writes it."""


def formats() -> tuple[str, ...]:
    """Return the names that `format` may be: `yaml` and `json`."""
    return FORMATS


def _known_format(name: str) -> str:
    """Return the name of a format; raise InvalidArgument with a suggestion if it is unknown."""
    if not isinstance(name, str) or name not in formats():
        raise messages.unknown_format(name, formats())
    return name


def _format_to_write(file: Path) -> str:
    """Return the format that a file's suffix implies, or raise an error with those that can be written."""
    written = [suffix for suffix, syntax in SUFFIXES.items() if syntax in WRITERS]
    suffix = file.suffix.lower()
    if suffix in written:
        return SUFFIXES[suffix]
    has_other_suffix = suffix in SUFFIXES or suffix in _COMMANDS_OF_OTHER_FILES
    raise messages.cannot_be_written(file, written, has_other_suffix=has_other_suffix)


def format_of(file: Path, format: str | None = None) -> str:
    """Return the format of a file: `format`, or the one that its suffix implies if that is None."""
    if format is not None:
        return _known_format(format)
    suffix = file.suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    raise messages.unknown_suffix(file, SUFFIXES, _COMMANDS_OF_OTHER_FILES.get(suffix))


_COMMANDS_OF_OTHER_FILES: Final = {".csv": "audit", ".jsonl": "audit"}
"""A dict from the suffix of a log to the command that reads it."""


@final
@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan with the optimizer's values and the run facts that belong to it, as those of a recipe.

    Args:
        plan: the plan.
        bases: the optimizer's values.
        facts: the run facts; None if there are none.
    """

    plan: Plan
    bases: Bases = NO_BASES
    facts: RunFacts | None = None


@final
@dataclass(frozen=True, slots=True)
class PlanText:
    """The text of a plan with its format.

    Args:
        name: the name in problems, such as the path of the file.
        text: the text.
        format: the format.
        entries: the mapping that was passed in place of a text; None if there is a text.
    """

    name: str
    text: str
    format: str
    entries: Mapping[str, Any] | None = None

    def loaded(self, shapes: Iterable[ShapeLike] = ()) -> Loaded:
        """Return the plan; `shapes` are functions that build schedules, which it may call by their names."""
        _known_format(self.format)
        if self.entries is not None:
            return _loaded_from(self.entries, shapes)
        refuse_long_text(self.text, self.name)
        root: TextRange | None = None
        try:
            root = places_in(self.text, self.name, self.format)
            refuse_large_plan(root.value, self.name)
            return _loaded_from(root.value, shapes)
        except ConfigError as error:
            problems = self.placed(error.problems, root)
            raise ConfigError(self.name, _with_comma_in_braces(problems)) from error.__cause__

    def placed(self, problems: Iterable[Problem], root: TextRange | None = None) -> tuple[Problem, ...]:
        """Return problems with lines and columns if they are known; `root` has the places if they are known."""
        places = partial(places_in, format=self.format) if root is None else partial(_same, root)
        return placed_problems(tuple(problems), self.text, places)


def _with_comma_in_braces(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return one problem in place of all of a line in which a comma inside of braces has ended a text."""
    ended = dict[int | None, Problem]()
    for problem in problems:
        is_ended = problem.found.endswith("the bracket is not closed") and "{" in (problem.text or "")[: problem.column]
        if is_ended and problem.line not in ended:
            ended[problem.line] = messages.comma_in_braces(problem)
    return tuple(dict.fromkeys(ended.get(problem.line, problem) for problem in problems))


def _loaded_from(data: Any, shapes: Iterable[ShapeLike]) -> Loaded:
    """Return the plan in the entries of a file."""
    problems = ProblemCollector()
    plain = plain_or_bad(data, problems)
    try:
        return Loaded(plan_data.plan_of_plain(plain, problems, ShapeNames(shapes)))
    except ConfigError:
        if _has_no_entry_of_a_plan(plain):
            raise ConfigError("config", [messages.no_entry_of_a_plan(plain)]) from None
        raise


def open_plan(
    source: str | os.PathLike[str] | Mapping[str, Any],
    format: str | None = None,
) -> PlanText:
    """Return the text of a plan with its format, from a file, a text or a mapping.

    Args:
        source: the path of a file, the text of a plan, or a mapping with the entries of a plan file.
        format: the format; by default determined by the suffix or the content of a file, else YAML.

    Raises:
        FileNotFoundError: the file does not exist.
        InvalidArgument: the format or the suffix is unknown.

    >>> print(open_plan("lr: constant(0.5)").loaded().plan)
    lr: constant(0.5)
    """
    chosen = None if format is None else _known_format(format)
    if isinstance(source, Mapping):
        return PlanText("a mapping", "", chosen or "yaml", entries=source)
    if not is_path(source):
        return PlanText(f"{chosen or 'yaml'} text", str(source), chosen or "yaml")
    return _open_file(path_of_file(source), chosen)


def _open_file(file: Path, format: str | None) -> PlanText:
    try:
        text = read_bounded_text(file)
    except FileNotFoundError:
        raise messages.no_such_file(file, near_file(file)) from None
    return PlanText(str(file), text, format_of(file, format))


def _has_no_entry_of_a_plan(plain: Any) -> bool:
    """Return whether data are not a plan with a mistake, but something else."""
    if not isinstance(plain, Mapping) or not plain:
        return False
    return not plan_data.has_schedule(plain) and not plan_data.may_be_plan(plain)


def read_data(text: str, format: str, source: str) -> Any:
    """Return the data of a text in a format, such as "yaml", as plain values with unique keys."""
    problems = ProblemCollector()
    data = plain_data(places_in(text, source, format).value, problems)
    problems.raise_any(source)
    return data


def text_of(plan: Plan, format: str) -> str:
    """Return the text of a plan, from which an equal plan can be read."""
    text = WRITERS[_known_format(format)](plan_data.from_plan(plan))
    written = PlanText("the plan as text", text, format)
    try:
        same = written.loaded().plan == plan
    except ConfigError as error:
        raise messages.text_cannot_be_read(error.lines) from None
    if not same:
        raise messages.text_gives_another_plan()
    return text


def _same(root: TextRange, _: str) -> TextRange:
    return root
