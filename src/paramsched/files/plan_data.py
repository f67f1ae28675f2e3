"""The data of a plan, as YAML and JSON have it: read into a Plan, and made of one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final

from paramsched.base.codes import (
    UNKNOWN_FIELD,
)
from paramsched.base.messages import name_is_taken
from paramsched.base.problem import Problem
from paramsched.base.problem_collector import ProblemCollector, short_json
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
from paramsched.core.calls.builders import SHAPES
from paramsched.core.calls.checked_calls import entry_here, is_foreign_entry
from paramsched.core.calls.number_checks import finite_number
from paramsched.core.groups.fields import ELSEWHERE, KNOWN, PAIRS, Field, is_field_name, known_field
from paramsched.core.plan.binding import (
    Binding,
    Target,
    error_without_text,
    index_in_name,
    is_of_schedule,
)
from paramsched.core.plan.plan import Plan, plan_of_lines
from paramsched.core.schedules.schedule import Schedule, line_of
from paramsched.core.schedules.text import calls_function, named_shapes, read_line
from paramsched.core.time.duration import PROGRESS, UNIT_NAMES, Duration
from paramsched.core.time.run_facts import UPDATES, ClockName, Facts, known_clock
from paramsched.errors import ConfigError, InvalidArgument, shown
from paramsched.files.messages import calls
from paramsched.files.messages import entries as messages
from paramsched.files.reading import BadValue, plain_or_bad


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise messages.too_large_for_float(value)
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
        self.own: dict[str, ShapeLike] = named_shapes(shapes)
        for name, builder in self.own.items():
            if SHAPES.get(name, builder) is not builder:
                raise name_is_taken(f"shapes=[{name}]")


def schedule_from_text(text: str, source: str) -> Schedule:
    """Return the schedule of a line of text that is not in a file.

    Args:
        text: the line.
        source: its name in the error.

    Raises:
        ConfigError: with the column of the problem.
    """
    problems = ProblemCollector()
    with problems.collecting(""):
        return read_line(text)
    line = " ".join(text.splitlines())
    placed = [
        problem.changed(column=problem.span[0] + 1, text=line) if problem.span else problem
        for problem in problems.problems()
    ]
    raise ConfigError(source, placed)


def _schedule(value: Any, names: ShapeNames) -> Schedule:
    """Return the schedule of a field or a target, a line of text, or a number.

    Raises:
        InvalidArgument: the value is not such a line.
    """
    match value:
        case str():
            return read_line(value, names.own)
        case BadValue():
            raise messages.invalid_value(value.problem)
        case int() | float() if not isinstance(value, bool):
            return line_of(within_float(value), lambda: short_json(value))
    raise messages.not_a_schedule(value)


# - a schedule is a line of text, or a number (a constant)
# - under `groups` and `later`, text is the name of a group; an integer key or the text `[0]` is an index
# - a name similar to a field of torch's optimizers is an error; other names are allowed


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
        plan = _PlanReader(plain, problems, names).read_plan()
        if plan is not None and not problems.count:
            return plan
    elif isinstance(plain, BadValue):
        problems.report(ROOT, plain.problem)
    elif plain is None:
        problems.add_problem(messages.file_is_empty())
    else:
        problems.add_problem(messages.not_a_mapping(plain))
    raise problems.error("config")


@final
class _PlanReader:
    """A reader of one plan, which continues after a problem to report all problems."""

    def __init__(self, data: dict[Any, Any], problems: ProblemCollector, names: ShapeNames) -> None:
        self.data = data
        self.problems = problems
        self.names = names
        self.bindings: list[Binding] = []
        self.places: dict[tuple[str, str | int | None], str] = {}

    def read_plan(self) -> Plan | None:
        """Return the plan; None if there is a problem."""
        clock = self.read_clock(self.data["clock"]) if "clock" in self.data else None
        total = None
        with self.problems.collecting(TOTAL):
            total = _total(self.data["total"]) if "total" in self.data else None
        for key, value in self.data.items():
            if key in _READERS:
                _READERS[key](self, value)
            elif key not in ("clock", "total"):
                self.read_field(key, value, entry_path(key), None)
        if self.problems.count:
            return None
        if not self.bindings:
            self.problems.add_problem(messages.no_field())
            return None
        with self.problems.collecting(TOTAL if clock == PROGRESS and total is not None else ROOT):
            return plan_of_lines(self.bindings, total, clock)
        return None

    def read_clock(self, value: Any) -> ClockName | None:
        """Return the clock of the plan; None if it is invalid."""
        with self.problems.collecting(CLOCK):
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
                group_path = child_path(path, key)
                if key in RESERVED:
                    self.problems.add_problem(messages.applies_to_entire_plan(group_path, key))
                else:
                    self.read_field(key, schedule, group_path, selector, optional=root == LATER)

    def entries_of(self, value: Any, path: str, what: str, example: str) -> dict[Any, Any]:
        """Return a mapping that is not empty; otherwise add a problem with an example of the entry."""
        if isinstance(value, dict) and value:
            return value
        if isinstance(value, BadValue):
            problem = messages.invalid_entries(path, value.problem, example)
        elif value == {}:
            problem = messages.empty_entries(path, example)
        else:
            problem = messages.not_entries(path, value, what, example)
        self.problems.add_problem(problem)
        return {}

    def selector_of(self, name: str | int, path: str) -> str | int:
        """Return the name of a group, or its index from an integer or a text such as `[0]`."""
        if name == "" or (isinstance(name, int) and name < 0):
            self.problems.add_problem(messages.not_a_group(path, name))
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
            self.problems.add_problem(messages.group_at_top_level(path, value))
            return
        name = self.name_of_field(key if isinstance(key, str) else shown(key), value, path)
        if name is None and not (isinstance(value, str) and _may_be_field(str(key), value)):
            return
        schedule = self.schedule_at(path, value)
        if name is None:
            return
        first_path = self.places.setdefault((name, selector), path)
        if first_path != path:
            self.problems.add_problem(messages.scheduled_twice(path, name, first_path))
        elif schedule is not None:
            with self.problems.collecting(path):
                self.bindings.append(Binding(name, schedule, selector, optional))

    def schedule_at(self, path: str, value: Any) -> Schedule | None:
        """Return the schedule of a field or a target; None if it is invalid, or if no more problems are listed."""
        if self.problems.full and isinstance(value, str):
            return None
        with self.problems.collecting(path):
            return _schedule(value, self.names)
        return None

    def name_of_field(self, key: str, value: Any, path: str) -> str | None:
        """Return the canonical name of a field; None if it is invalid, misspelled, or a run fact."""
        if key in KNOWN and not (key in PAIRS and isinstance(value, list)):
            return key
        problem = _problem_of_name(key, value, path)
        if problem is not None:
            self.problems.add_problem(problem)
            return None
        with self.problems.collecting(path, at_key=True):
            name = str(Field.of(key))
            field = known_field(name)
            if field is None:
                return name
            self.problems.add_problem(messages.misspelled_field(path, key, field))
        return None

    def read_targets(self, value: Any) -> None:
        """Read the targets, each with its initial value."""
        for name, entries in self.entries_of(value, TARGETS, "targets by name", messages.TARGETS_EXAMPLE).items():
            path = child_path(TARGETS, name)
            if not isinstance(name, str) or not name.isidentifier():
                self.problems.add_problem(messages.not_an_identifier(name))
            target = self.entries_of(entries, path, "a target", f"{name}: {messages.TARGET_EXAMPLE}")
            if target:
                self.read_target(str(name), target, path)

    def read_target(self, name: str, entry: dict[Any, Any], path: str) -> None:
        before = self.problems.count
        self.problems.refuse_unknown(entry, TARGET_ENTRIES, path, messages.UNKNOWN_ENTRY, code=UNKNOWN_FIELD)
        for key in TARGET_ENTRIES:
            if key not in entry:
                self.problems.add_problem(messages.missing_entry(path, key))
        schedule = None
        if "schedule" in entry:
            schedule = self.schedule_at(child_path(path, "schedule"), entry["schedule"])
        with self.problems.collecting(child_path(path, "initial")):
            first = entry.get("initial", 1.0)
            if isinstance(first, bool) or not isinstance(first, (int, float)):
                raise messages.initial_is_not_a_number(first)
            initial = finite_number("initial", first)
            if self.problems.count == before and schedule is not None and name.isidentifier():
                self.bindings.append(Binding(Target(name, initial), schedule))


def _problem_of_name(key: str, value: Any, path: str) -> Problem | None:
    """Return the problem of an entry that is probably not a field; None if it may be one."""
    if key in PAIRS and isinstance(value, list):
        return messages.list_for_a_pair(path, key)
    if is_foreign_entry(key, value):
        return messages.foreign_entry(path, key, entry_here(key, value))
    if key in Facts.__annotations__ and not isinstance(value, (str, dict, list)):
        return messages.run_fact(path, key, value)
    if is_of_schedule(key) and isinstance(value, (int, float)):
        return messages.argument_of_schedule(path, key)
    if key in UNIT_NAMES and not isinstance(value, dict):
        return messages.unit_of_total(path, key)
    near = _near_reserved(key)
    return None if near is None else messages.misspelled_entry(path, key, near)


def _clock(value: Any) -> ClockName:
    """Return the name of a clock.

    Raises:
        InvalidArgument: the value is no such name.
    """
    if not isinstance(value, str):
        raise messages.clock_is_not_text(value)
    return known_clock(value, "")


def _total(value: Any) -> Duration:
    """Return the length of the run, which must be greater than 0 and not a percentage.

    Raises:
        InvalidArgument: the value is not such a length.
    """
    if isinstance(value, BadValue):
        raise messages.total_is_invalid(value.problem)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise messages.total_is_not_a_length(value)
    is_negative = not isinstance(value, str) and value < 0
    try:
        length = Duration.of(0 if is_negative else value)
    except InvalidArgument as error:
        raise messages.total_without_percent(error) from None
    if not length.terms:
        raise messages.total_is_not_positive(value)
    if "percent" in dict(length.terms):
        raise messages.total_in_percent(value)
    if length.until:
        raise messages.total_is_a_position(value)
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
    names = (*KNOWN, *RESERVED, *SHAPES)
    is_like = (not isinstance(name, str) or closest(name, names) is not None for name in (key, *inside))
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
        raise error_without_text("dump(plan)", plan.bindings)
    data: dict[str, Any] = {} if plan.clock == UPDATES else {"clock": plan.clock}
    if plan.total is not None:
        data["total"] = plan.total.updates if plan.total.is_resolved else str(plan.total)
    groups: dict[str, dict[str, Any]] = {}
    later: dict[str, dict[str, Any]] = {}
    targets: dict[str, Any] = {}
    for binding in plan.as_written():
        schedule = str(binding.schedule)
        selected = later if binding.optional else groups
        if isinstance(binding.field, Target):
            targets[binding.name] = {"initial": binding.field.initial, "schedule": schedule}
        elif binding.groups is None:
            if binding.name in RESERVED:
                raise calls.name_is_reserved(binding.name)
            data[binding.name] = schedule
        elif isinstance(binding.groups, int):
            selected.setdefault(f"[{binding.groups}]", {})[binding.name] = schedule
        else:
            selected.setdefault(str(binding.groups), {})[binding.name] = schedule
    parts = {"groups": groups, "later": later, "targets": targets}
    return data | {name: group for name, group in parts.items() if group}
