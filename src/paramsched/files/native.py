"""The native form of a plan: data to Plan and back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final

from paramsched.base.codes import (
    NOTHING_PLANNED,
    REFUSED_VALUE,
    SAID_TWICE,
    TOTAL_NOT_POSITIVE,
    UNKNOWN_FIELD,
    WRONG_ARGUMENT,
    WRONG_TYPE,
)
from paramsched.base.problem_collector import ProblemCollector, short_json, type_name_of
from paramsched.base.words import (
    CLOCK,
    GROUPS,
    LATER,
    RESERVED,
    ROOT,
    TARGETS,
    TOTAL,
    child_path,
    closest,
    entry_path,
)
from paramsched.core.answering import entry_here, is_foreign_entry
from paramsched.core.builders import SHAPES
from paramsched.core.fields import ELSEWHERE, KNOWN, PAIRS, Field, is_field_name, known_field
from paramsched.core.number_checks import finite_number
from paramsched.core.plan.binding import (
    Binding,
    Target,
    first_without_text,
    index_in_name,
    is_of_schedule,
)
from paramsched.core.plan.plan import Plan, plan_of_lines
from paramsched.core.schedules.schedule import Schedule, line_of
from paramsched.core.schedules.text import EXAMPLE_LINE, calls_function, read_line
from paramsched.core.time.duration import PROGRESS, UNIT_NAMES, Duration
from paramsched.core.time.run_facts import UPDATES, ClockName, Facts, known_clock
from paramsched.errors import ConfigError, InvalidArgument, PlanError, shown
from paramsched.files.reading import BadValue, plain_or_bad


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(
            f"a number of {len(str(abs(value)))} digits", "it is too large for a float", "For example: 0.1"
        )
    return value  # type: ignore[no-any-return]  # other types are checked by the caller


TARGET_ENTRIES: Final = ("initial", "schedule")
"""The entries of a target."""

ShapeLike = Callable[..., Any]
"""A function that builds a schedule. Files use its name and its annotated parameters."""


@final
class ShapeNames:
    """The names of shapes that one config may use.

    Args:
        shapes: the user's builders, for this config only.
    """

    def __init__(self, shapes: Iterable[ShapeLike] = ()) -> None:
        self.own: dict[str, ShapeLike] = {}
        if not isinstance(shapes, Iterable):
            message = f"expected a list of functions, got {type(shapes).__name__}"
            raise InvalidArgument(f"shapes={shown(shapes)}", message, "For example: shapes=[my_shape]")
        for builder in shapes:
            name = getattr(builder, "__name__", "")  # a partial or an instance has none
            if not callable(builder) or not name.isidentifier():
                message = "expected a function with a name"
                raise InvalidArgument(f"shapes=[{builder!r}]", message, "For example: def my_shape(…): …")
            if SHAPES.get(name, builder) is not builder or self.own.get(name, builder) is not builder:
                raise InvalidArgument(f"shapes=[{name}]", "the name is taken", "Choose another name")
            self.own[name] = builder


def schedule_from_text(text: str, source: str) -> Schedule:
    """Return the schedule of a line of text that is not in a file.

    Args:
        text: the line.
        source: its name in the error.

    Raises:
        ConfigError: with the column of the problem.
    """
    problems = ProblemCollector()
    with problems.at(""):
        return read_line(text)
    line = " ".join(text.splitlines())
    found = problems.found()
    raise ConfigError(
        source,
        [problem.changed(column=problem.span[0] + 1, text=line) if problem.span else problem for problem in found],
    )


def _schedule(value: Any, names: ShapeNames) -> Schedule:
    """Return the schedule of a field or a target, a line of text, or a number.

    Raises:
        InvalidArgument: the value is not such a line.
    """
    match value:
        case str():
            return read_line(value, names.own)
        case BadValue():
            raise _refusal_of(value)
        case int() | float() if not isinstance(value, bool):
            return line_of(within_float(value), lambda: short_json(value))
    raise _wrong_type(value, "a line of text or a number", f"For example: {EXAMPLE_LINE}")


def _refusal(message: str, advice: str = "", *, code: str = REFUSED_VALUE) -> InvalidArgument:
    """Return the error of an entry, to which its place is added."""
    return InvalidArgument("", message, advice, code=code)


def _wrong_type(value: Any, wanted: str, advice: str) -> InvalidArgument:
    return _refusal(f"expected {wanted}, got {short_json(value)}", advice, code=WRONG_TYPE)


def _refusal_of(value: BadValue) -> InvalidArgument:
    """Return the error of a value that a config cannot contain."""
    return _refusal(value.problem.summary, value.problem.advice, code=value.problem.code)


# - a schedule is a line of text, or a number (a constant)
# - under `groups` and `later`, text is the name of a group; an integer key or the text `[0]` is an index
# - a name similar to a field of torch's optimizers is an error; other names are allowed

_A_PLAN: Final = "For example: lr: cosine(to=0.1)"


def to_plan(data: Mapping[str, Any], *, shapes: Iterable[ShapeLike] = ()) -> Plan:
    """Return the plan of a file's data.

    Args:
        data: mappings, lists, text and numbers.
        shapes: functions that build schedules, which the plan may call by their names.

    Raises:
        ConfigError: the plan has errors; the exception contains all of them.

    >>> print(to_plan({"total": "20 epochs", "lr": "warmup('5%') >> cosine(to=0.01)"}))
    total: 20 epochs
    lr: warmup("5%") >> cosine(to=0.01)
    """
    problems = ProblemCollector()
    return plan_of_plain(plain_or_bad(data, problems), problems, ShapeNames(shapes))


def plan_of_plain(plain: Any, problems: ProblemCollector, names: ShapeNames) -> Plan:
    """Return the plan of a file's plain data; raise the problems if there are any."""
    if isinstance(plain, dict):
        reader = _PlanReader(plain, problems, names)
        plan = reader.read_plan()
        problems.raise_any("config")
        assert plan is not None
        return plan
    if isinstance(plain, BadValue):
        problems.report(ROOT, plain.problem)
    else:
        message = "the file is empty" if plain is None else f"expected a plan, got {short_json(plain)}"
        problems.add(ROOT, message, _A_PLAN, code=REFUSED_VALUE)
    problems.raise_any("config")
    raise AssertionError


@final
class _PlanReader:
    """A reader of one plan, which continues after a problem to report all problems."""

    def __init__(self, data: dict[Any, Any], problems: ProblemCollector, names: ShapeNames) -> None:
        self.data, self.problems, self.names = data, problems, names
        self.bindings: list[Binding] = []
        self.places: dict[tuple[str, str | int | None], str] = {}

    def read_plan(self) -> Plan | None:
        """Return the plan; None if there is a problem."""
        clock = self.read_clock(self.data["clock"]) if "clock" in self.data else None
        total = None
        with self.problems.at(TOTAL):
            total = _total(self.data["total"]) if "total" in self.data else None
        for key, value in self.data.items():
            if read := _READERS.get(key):
                read(self, value)
            elif key not in ("clock", "total"):
                self.read_field(key, value, entry_path(key), None)
        if self.problems.count:
            return None
        if not self.bindings:
            self.problems.add(ROOT, "a plan without a field", _A_PLAN, code=NOTHING_PLANNED)
            return None
        with self.problems.at(TOTAL if clock == PROGRESS and total is not None else ROOT):
            return plan_of_lines(self.bindings, total, clock)
        return None

    def read_clock(self, value: Any) -> ClockName | None:
        """Return the clock of the plan; None if it is invalid."""
        with self.problems.at(CLOCK):
            return _clock(value)
        return None

    def read_groups(self, value: Any, root: str = GROUPS) -> None:
        """Read the fields of each group; below `LATER`, of groups that may be added during the run."""
        example = f"{root.removeprefix('$.')}: {{head: {{lr: cosine()}}}}"
        for name, fields in self.entries_of(value, root, "groups by name", example).items():
            path = child_path(root, name)
            selector = self.selector_of(name, path)
            example = f"{name}: {{lr: cosine()}}"
            for key, schedule in self.entries_of(fields, path, "fields", example).items():
                place = child_path(path, key)
                if key in RESERVED:
                    once = f"{key} applies to the entire plan; it belongs to the top level"
                    self.problems.add(place, once, at_key=True, code=WRONG_ARGUMENT)
                else:
                    self.read_field(key, schedule, place, selector, optional=root == LATER)

    def entries_of(self, value: Any, path: str, what: str, example: str) -> dict[Any, Any]:
        """Return a mapping that is not empty; otherwise add a problem with an example of the entry."""
        if isinstance(value, dict) and value:
            return value
        message, code = f"{short_json(value)} is {type_name_of(value)}, not {what}", WRONG_TYPE
        if isinstance(value, BadValue):
            message, code = value.problem.found, REFUSED_VALUE
        elif value == {}:
            message, code = "it is empty", NOTHING_PLANNED
        self.problems.add(path, message, f"For example: {example}", code=code)
        return {}

    def selector_of(self, name: str | int, path: str) -> str | int:
        """Return the name of a group, or its index from an integer or a text such as `[0]`."""
        if name == "" or (isinstance(name, int) and name < 0):
            message = f"expected the name of a group or its index, got {shown(name)}"
            self.problems.add(path, message, at_key=True, code=WRONG_ARGUMENT)
            return f"[{name}]"  # the name of no group, so that its fields are read without another problem
        index = name if isinstance(name, int) else index_in_name(name)
        return name if index is None else index

    def read_later(self, value: Any) -> None:
        """Read the fields of each group that may be added during the run."""
        self.read_groups(value, LATER)

    def read_field(
        self, key: str | int, value: Any, path: str, selector: str | int | None, *, optional: bool = False
    ) -> None:
        """Read the schedule of a field, for all groups or for a selected group."""
        if selector is None and _is_group(key, value):
            message = f"it has fields, as a group has: {', '.join(value)}"
            self.problems.add(path, message, "Write it under groups", at_key=True, code=WRONG_TYPE)
            return
        name = self.name_of_field(key if isinstance(key, str) else shown(key), value, path)
        if name is None and not (isinstance(value, str) and _may_be_field(str(key), value)):
            return
        is_second = name is not None and (before := self.places.setdefault((name, selector), path)) != path
        schedule = self.schedule_at(path, value)
        if name is not None and schedule is not None and not is_second:
            with self.problems.at(path):
                self.bindings.append(Binding(name, schedule, selector, optional))
        if is_second:
            message = f"{name} of the same groups is scheduled at {before} too"
            self.problems.add(path, message, at_key=True, code=SAID_TWICE)

    def schedule_at(self, path: str, value: Any) -> Schedule | None:
        """Return the schedule of a field or a target; None if it is invalid, or if no more problems are listed."""
        if self.problems.full and isinstance(value, str):
            return None
        with self.problems.at(path):
            return _schedule(value, self.names)
        return None

    def name_of_field(self, key: str, value: Any, path: str) -> str | None:
        """Return the canonical name of a field; None if it is invalid, misspelled, or a run fact."""
        if key in PAIRS and isinstance(value, list):
            message = f'each element of "{key}" is a field of its own: "{key}[0]"'
            self.problems.add(path, message, at_key=True, code=WRONG_TYPE)
            return None
        if key in KNOWN:
            return key
        if is_foreign_entry(key, value):
            message = f'"{key}" is not a field'
            self.problems.add(path, message, entry_here(key, value), at_key=True, code=UNKNOWN_FIELD)
            return None
        message = advice = ""
        if key in Facts.__annotations__ and not isinstance(value, (str, dict, list)):
            message = f'"{key}" is a run fact, not a field'
            option = f"--{key.replace('_', '-')} {shown(value)}"
            advice = f"Pass {key}={shown(value)} to the Scheduler, or {option} to a command"
        elif is_of_schedule(key) and isinstance(value, (int, float)):
            message = f'"{key}" is not a field; it belongs to a schedule, such as lr: warmup(100) >> cosine()'
        elif key in UNIT_NAMES and not isinstance(value, dict):
            message = f'"{key}" is not a field; the length of the run is total, such as total: 90 {key}'
        elif (near := _near_reserved(key)) is not None:
            message = f'unknown field "{key}"; did you mean "{near}"?'
        if message:
            self.problems.add(path, message, advice, at_key=True, code=UNKNOWN_FIELD)
            return None
        name = None
        with self.problems.at(path, at_key=True):
            name = str(Field.of(key))
        if name is None:
            return None
        if (slip := known_field(name)) is not None:
            message = f'"{key}" is not an optimizer field; did you mean "{slip}"?'
            self.problems.add(path, message, at_key=True, code=UNKNOWN_FIELD)
            return None
        return name

    def read_targets(self, value: Any) -> None:
        """Read the targets, each with its initial value."""
        example = "targets: {temperature: {initial: 1.0, schedule: cosine()}}"
        for name, entries in self.entries_of(value, TARGETS, "targets by name", example).items():
            path = child_path(TARGETS, name)
            if not isinstance(name, str) or not name.isidentifier():
                message = f"expected an identifier, got {short_json(name)}"
                self.problems.add(path, message, at_key=True, code=WRONG_ARGUMENT)
            given = self.entries_of(entries, path, "a target", f"{name}: {{initial: 1.0, schedule: cosine()}}")
            if given:
                self.read_target(str(name), given, path)

    def read_target(self, name: str, entry: dict[Any, Any], path: str) -> None:
        before = self.problems.count
        self.problems.refuse_unknown(entry, TARGET_ENTRIES, path, "unknown entry of a target", code=UNKNOWN_FIELD)
        for key in TARGET_ENTRIES:
            if key not in entry:
                self.problems.add(path, f'"{key}" is missing', code=WRONG_ARGUMENT)
        schedule = None
        if "schedule" in entry:
            schedule = self.schedule_at(child_path(path, "schedule"), entry["schedule"])
        with self.problems.at(child_path(path, "initial")):
            first = entry.get("initial", 1.0)
            if isinstance(first, bool) or not isinstance(first, (int, float)):
                raise _wrong_type(first, "a number", "For example: 1.0")
            initial = finite_number("initial", first)
            if self.problems.count == before and schedule is not None and name.isidentifier():
                self.bindings.append(Binding(Target(name, initial), schedule))


def _clock(value: Any) -> ClockName:
    """Return the name of a clock.

    Raises:
        InvalidArgument: the value is no such name.
    """
    if not isinstance(value, str):
        raise _wrong_type(value, "the name of one clock for all fields", "For example: tokens")
    return known_clock(value, "")


def _total(value: Any) -> Duration:
    """Return the length of the run, which must be greater than 0 and not a percentage.

    Raises:
        InvalidArgument: the value is not such a length.
    """
    example = "For example: 90 epochs"
    if isinstance(value, BadValue):
        raise _refusal(value.problem.found, example)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _wrong_type(value, "a length", example)
    is_negative = not isinstance(value, str) and value < 0
    try:
        length = Duration.of(0 if is_negative else value)
    except InvalidArgument as error:
        raise error.changed(advice=example) if "%" in error.problem.advice else error from None  # "5%" is no total
    if not length.terms:
        message = f"the total must be greater than 0, got {short_json(value)}"
        raise _refusal(message, "For example: 1000", code=TOTAL_NOT_POSITIVE)
    if "percent" in dict(length.terms):
        raise _refusal(f"{short_json(value)} would refer to the total itself")
    if length.until:
        raise _refusal(f"{short_json(value)} is a position, but the total is a length")
    return length


def _near_reserved(key: str) -> str | None:
    """Return the entry of a plan besides its fields that a key misspells; None if it resembles none."""
    return closest(key.lower(), RESERVED)


def _may_be_field(key: str, text: str) -> bool:
    """Return whether an entry that is no field was meant as one, so that its text is read as a schedule."""
    return not is_foreign_entry(key, text) and _near_reserved(key) is None


def _is_group(key: object, value: Any) -> bool:
    """Return whether an entry is a mapping from fields of optimizers to schedules, as a group has."""
    return (
        isinstance(value, dict)
        and bool(value)
        and not is_foreign_entry(str(key), value)
        and all(isinstance(name, str) and is_field_name(name) and Field.of(name).key in KNOWN for name in value)
        and all(isinstance(line, (str, int, float)) and not isinstance(line, bool) for line in value.values())
    )


_READERS: Final[Mapping[object, Callable[[_PlanReader, Any], None]]] = {
    "groups": _PlanReader.read_groups,
    "later": _PlanReader.read_later,
    "targets": _PlanReader.read_targets,
}


def has_schedule(data: Any) -> bool:
    """Return whether a config has a schedule of this library. A number is not one, because each library has numbers.

    >>> has_schedule({"lr": "cosine()"}), has_schedule({"lr": 0.1, "lr_scheduler_type": "cosine"})
    (True, False)
    """
    return isinstance(data, dict) and any(
        (isinstance(value, str) and "(" in value and calls_function(value))
        or (key in ("groups", "later") and isinstance(value, dict) and any(map(has_schedule, value.values())))
        for key, value in data.items()
    )


def may_be_plan(data: Mapping[Any, Any]) -> bool:
    """Return whether an entry of a config calls a function, or has the name of a known field and is no number.

    Each library has numbers such as a momentum: only in a config of few entries is such a name, or one like it, enough.
    A single entry may be a misspelled one, unless it contains other names than those of fields and schedules.

    >>> may_be_plan({"model": "a", "weight_decy": 1}), may_be_plan({"model": "a", "training": {"epochs": 9}})
    (True, False)
    >>> may_be_plan({"grouqs": {"head": {}}}), may_be_plan({"SOLVER": {"BASE_LR": 0.1}})
    (True, False)
    """
    if len(data) == 1:
        return not _has_other_names(*data.items())
    fields = {key: value for key, value in data.items() if isinstance(key, str) and is_field_name(key)}
    return any(
        key in RESERVED
        or (isinstance(value, str) and "(" in value)
        or (key in fields and Field.of(key).key in KNOWN and not isinstance(value, int | float | None))
        for key, value in data.items()
    ) or (
        len(data) <= _FEW_ENTRIES
        and any(Field.of(key).key in KNOWN or key in ELSEWHERE or known_field(key) is not None for key in fields)
    )


_FEW_ENTRIES = 3


def _has_other_names(entry: tuple[Any, Any]) -> bool:
    """Return whether an entry contains names, and neither they nor its own is like one of a field or a schedule."""
    key, inside = entry
    if not isinstance(key, str) or not isinstance(inside, dict) or not inside:
        return False
    known = (*KNOWN, *RESERVED, *SHAPES)
    is_like = (not isinstance(one, str) or closest(one, known) is not None for one in (key, *inside))
    return not any(is_like) and not calls_function(str(inside))


def from_plan(plan: Plan) -> dict[str, Any]:
    """Return the data of a plan file: numbers, text, lists and mappings. `to_plan` returns an equal plan from it.

    Raises:
        PlanError: a line has no text, as one with a function without a name, or a group's name looks like an index.

    >>> from paramsched.core.plan import Binding
    >>> from_plan(Plan(Binding("lr", "constant(0.1)", groups=0), lr="cosine()", total=100))
    {'total': 100, 'lr': 'cosine()', 'groups': {'[0]': {'lr': 'constant(0.1)'}}}
    """
    if not plan.serializable:
        raise PlanError("dump(plan)", *first_without_text(plan.bindings))
    data: dict[str, Any] = {} if plan.clock == UPDATES else {"clock": plan.clock}
    if plan.total is not None:
        data["total"] = plan.total.updates if plan.total.is_resolved else str(plan.total)
    groups: dict[str, dict[str, Any]] = {}
    later: dict[str, dict[str, Any]] = {}
    targets: dict[str, Any] = {}
    for binding in plan.as_written():
        schedule, selected = str(binding.schedule), later if binding.optional else groups
        if isinstance(binding.field, Target):
            targets[binding.name] = {"initial": binding.field.initial, "schedule": schedule}
        elif binding.groups is None:
            if binding.name in RESERVED:
                raise PlanError(
                    f"dump(plan): field {binding.name!r}", "plan files reserve this name", "Schedule it in code"
                )
            data[binding.name] = schedule
        elif isinstance(binding.groups, int):
            selected.setdefault(f"[{binding.groups}]", {})[binding.name] = schedule
        else:
            selected.setdefault(str(binding.groups), {})[binding.name] = schedule
    parts = {"groups": groups, "later": later, "targets": targets}
    return data | {name: group for name, group in parts.items() if group}
