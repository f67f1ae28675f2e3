"""Plans as Python source code that needs neither this library nor NumPy."""

import keyword
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Final, final

import numpy as np

import paramsched
from paramsched import config
from paramsched.base.arrays import Array, Floats
from paramsched.base.calls import explain_wrong_keywords
from paramsched.curves.registry import Custom
from paramsched.errors import InvalidArgument, PlanError, shown
from paramsched.export.formulas import Call, formulas_of, joined_formulas
from paramsched.export.writing import WIDTH, FunctionWriter, constant_lines, number_text, wrapped
from paramsched.fields import Field
from paramsched.plan import Binding, Plan, Target, selector_text
from paramsched.plan.bases import Bases
from paramsched.plan.binding import UPDATES, clock_of_field
from paramsched.plan.common_factor import likes_in
from paramsched.plan.plan import require_calendar, require_plan
from paramsched.plan.resolve import counted_plan, planned_amounts, updates_of_horizon
from paramsched.schedules.as_factor import AsFactor
from paramsched.schedules.base import Schedule, leaves_of_fields, with_changed_fields
from paramsched.schedules.cuts import with_unit
from paramsched.schedules.evaluation import evaluate
from paramsched.schedules.leaves import FromFunction
from paramsched.schedules.noise import Noise
from paramsched.schedules.table import MOST_WRITTEN, Table
from paramsched.schedules.text.writing import short_line
from paramsched.time import Calendar
from paramsched.time.progress import PROGRESS, WHOLE, times_on

MOST_CHECKED: Final = 100_000
"""The number of updates at which all values are compared; of a longer run, as many places are."""

_TOLERANCE = 1e-14  # of the largest value of the run
_RESERVED = frozenset(
    ("math", "min", "max", "abs", "round", "int", "float", "sum", "len", "range", "t", "base", "SCHEDULES")
    + ("LRScheduler", "make_scheduler", "tokens", "samples", "frames", "batches", "seconds", "progress", "zip", "super")
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of a plan and its function.

    Args:
        key: its name in `SCHEDULES`: `lr`, `lr/head`, `betas[0]`, or the name of a target.
        function: the name of the function.
        schedule: the resolved schedule, with lengths in the unit of the clock.
        clock: the clock of the line.
        base: the default of the argument `base`.
        field: the name of the field.
        groups: the selector of the groups; None for all groups without their own line, and for targets.
        is_target: True for a target.
    """

    key: str
    function: str
    schedule: Schedule
    clock: str
    base: float
    field: str
    groups: Any
    is_target: bool

    @property
    def parameter(self) -> str:
        return "t" if self.clock == UPDATES else self.clock

    def times(self, amounts: Array) -> Array:
        """Return the times at which the schedule is evaluated for amounts on the clock."""
        return times_on(self.clock, amounts)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A plan, resolved for export.

    Args:
        plan: the plan as it was written.
        calendar: the run facts.
        resolved: the plan with lengths in updates, or in the unit of its clock.
        lines: the lines, in the order of the plan.
    """

    plan: Plan
    calendar: Calendar
    resolved: Plan
    lines: tuple[Line, ...]

    @property
    def total(self) -> int | None:
        """The number of updates of the run; None if the plan has no horizon."""
        if self.resolved.clock == PROGRESS:
            return self.calendar.horizon
        run = planned_amounts(self.resolved, self.calendar)
        return updates_of_horizon(self.resolved, run)

    def end_of(self, line: Line) -> float:
        """Return the end of the run, in the times of a schedule."""
        if line.clock == PROGRESS:
            return WHOLE
        if line.clock == UPDATES:
            total = self.total
            return MOST_CHECKED if total is None else total
        horizon = self.resolved.horizon
        if horizon is None:
            return MOST_CHECKED
        ((unit, count),) = horizon.terms
        if unit == line.clock:
            return math.ceil(count)
        run = planned_amounts(self.resolved, self.calendar)
        assert run is not None
        return math.ceil(run.amount_at(int(count)))

    def places(self, line: Line, most: int = MOST_CHECKED) -> Array:
        """Return the updates or amounts at which a line is compared: all of a short run, else boundaries and `most`."""
        total, end = self.total, self.end_of(line)
        if line.clock == UPDATES and end <= most:
            return np.arange(int(end))
        bounds = np.array(line.schedule.breakpoints(math.ceil(end)), dtype=np.float64)
        near = np.concatenate([bounds - 1, bounds, bounds + 1, np.linspace(0, end, most)])
        near = np.unique(np.clip(near if line.clock == "seconds" else np.rint(near), 0, end))
        near = near if line.clock == "seconds" else near.astype(np.int64)
        if line.clock == UPDATES:
            return near[near < end]
        found = near / WHOLE if line.clock == PROGRESS else near
        if total is not None and total <= most and (run := planned_amounts(self.resolved, self.calendar)) is not None:
            return np.concatenate([run.amounts_from(0, 0, total), found])
        return found


def exported_plan(
    call: str, plan: Plan, calendar: Calendar | None, bases: Any, field: str | None = None
) -> Exported:
    """Resolve a plan for export.

    Raises:
        PlanError: some lines cannot be exported. The error names all of them.
    """
    require_plan(call, plan)
    facts = Calendar() if calendar is None else calendar
    if facts.deadline is not None:
        raise PlanError(f"{call}(…, {shown(facts)})", "the end of the run is a deadline", "Write Calendar(total=…)")
    require_calendar(f"{call}(…, {shown(facts)})", facts)
    if field is not None:
        plan = _lines_of_field(plan, field)
    refused = [f"{_key_of(one)}: {why}" for one in plan.as_written() if (why := _refusal(one)) is not None]
    if refused:
        raise PlanError(f"{call}(…)", "lines that cannot be exported: " + "; ".join(refused), "Use ps.Scheduler")
    resolved = plan.resolve(facts)
    defaults = _default_bases(call, resolved, bases)
    taken = set(_RESERVED)
    lines = []
    for binding in counted_plan(resolved).as_written():
        key = _key_of(binding)
        lines.append(
            Line(
                key,
                _function_name(key, taken),
                binding.schedule,
                clock_of_field(resolved.clock, binding.name),
                binding.field.initial if isinstance(binding.field, Target) else defaults(binding),
                binding.name,
                binding.groups,
                isinstance(binding.field, Target),
            )
        )
    return Exported(plan, facts, resolved, tuple(lines))


def _lines_of_field(plan: Plan, field: str) -> Plan:
    known = dict.fromkeys(one.name for one in plan.bindings)
    if field not in known:
        raise PlanError(f"field={field!r}", f"the plan schedules {', '.join(known)}", f'Write field="{next(iter(known))}"')
    clock = plan.clock if isinstance(plan.clock, str) else {field: clock_of_field(plan.clock, field)}
    return Plan(*(one for one in plan.as_written() if one.name == field), horizon=plan.horizon, clock=clock)


def _key_of(binding: Binding) -> str:
    return binding.name if binding.groups is None else f"{binding.name}/{selector_text(binding.groups)}"


def _function_name(key: str, taken: set[str]) -> str:
    """Return an unused Python name for a line.

    >>> _function_name("betas[0]", set()), _function_name("lr/head", {"lr_head"})
    ('betas_0', 'lr_head_2')
    """
    name = re.sub(r"\W", "_", key.removesuffix("]"))
    name = f"_{name}" if name[0].isdigit() else f"{name}_" if keyword.iskeyword(name) else name
    tried, number = name, 2
    while tried in taken or tried.upper() in taken:
        tried, number = f"{name}_{number}", number + 1
    taken.add(tried)
    return tried


def _refusal(binding: Binding) -> str | None:
    """Return why a line cannot be exported, or None."""
    if callable(binding.groups):
        return "its groups are selected by a function"
    rules = binding.schedule.metric_rules
    if rules:
        return f"{rules[0]} reacts to a metric"
    return next(_refusals(binding.schedule), None)


def _refusals(value: object) -> Iterator[str]:
    match value:
        case Noise():
            yield f"{short_line(value)} draws random numbers"
        case FromFunction() | Custom():
            yield f"{value} is a function of yours"
        case Table() if len(value.values) > MOST_WRITTEN:
            yield f"its table has {len(value.values):,} values, more than {MOST_WRITTEN:,}"
        case Schedule():
            for leaf in leaves_of_fields(value):
                yield from _refusals(leaf)
        case _ if hasattr(value, "__dataclass_fields__"):
            for field in fields(value):  # type: ignore[arg-type]
                yield from _refusals(getattr(value, field.name))


def _default_bases(call: str, plan: Plan, bases: Any) -> Callable[[Binding], float]:
    """Return the default base of a line: from a dict of fields, or from the only group or the group of its name."""
    named = dict(bases) if isinstance(bases, Mapping) else {}
    groups = (named,) if isinstance(bases, Mapping) else tuple(bases or ())
    if not all(isinstance(group, Mapping) for group in groups):
        found = f"expected a dict from field to base, or a list of groups, got {shown(bases)}"
        raise InvalidArgument(f"{call}(…, bases=…)", found, 'Write bases={"lr": 0.1}')
    known = {_key_of(one) for one in plan.bindings} | {one.name for one in plan.bindings}
    for name in named:
        if not any(name in (one, Field.of(one).key if "/" not in one else one) for one in known) and name != "name":
            raise PlanError(f"{call}(…, bases={{{name!r}: …}})", f"the plan has no line {name!r}; known: {', '.join(sorted(known))}")
    found_bases = Bases(tuple({key: tuple(value) if isinstance(value, list) else value for key, value in group.items()} for group in groups))

    def base(binding: Binding) -> float:
        value = named.get(_key_of(binding), named.get(binding.name))
        if value is None:
            group = found_bases.of(binding.groups if isinstance(binding.groups, str) else None)
            value = Bases.value(group, Field.of(binding.name))
        return 1.0 if value is None else float(value)

    return base


@explain_wrong_keywords
def to_python(plan: Plan, calendar: Calendar | None = None, *, bases: Any = None, torch: bool = False) -> str:
    """Return the source code of a Python module with a function for each line of a plan.

    The module needs only `math`. Its functions have the signature `(t, base=1.0)`, where `t` counts updates from 0, or
    `(tokens, base=1.0)` on another clock, with the amount consumed so far. `SCHEDULES` maps the names of the lines,
    such as `lr`, `betas[0]` or `lr/head`, to the functions. Values are equal to those of `ps.trace`, bit for bit for
    lines, steps, cosines and roots, and within 1e-14 of the largest value for powers and exponentials. Each export is
    compared with the plan before it is returned.

    Args:
        plan: the plan.
        calendar: the run facts that convert units.
        bases: the defaults of `base`: a dict from field to number, or a list of parameter groups.
        torch: also write `make_scheduler(optimizer, last_epoch=-1)`, which returns an LRScheduler of torch.

    Raises:
        PlanError: a line has a metric rule, random numbers, a function, a table of more than 10,000 values, or groups
            that a function selects; or `torch` is True and a line does not schedule lr by updates.
        MissingFact: the run facts do not convert a unit of the plan.

    >>> print(to_python(Plan(lr=linear(1.0, 0.0), horizon=4)).partition("import math")[0].splitlines()[-1])
    SCHEDULES = {"lr": lr}
    """
    return source_of(exported_plan("to_python", plan, calendar, bases), torch=torch)


def source_of(exported: Exported, *, torch: bool = False) -> str:
    """Write the module, run it, and compare its values with the plan.

    Raises:
        PlanError: the values differ by more than rounding.
    """
    if torch:
        _require_torch_lines(exported.lines)
    functions = [_function_of(line, exported) for line in exported.lines]
    names = _names_of(exported.lines)
    namespace: dict[str, Any] = {"math": math}
    exec(compile("\n".join([*functions, names]), "<exported>", "exec"), namespace)  # noqa: S102  # our own text
    checked = _checked(exported, namespace["SCHEDULES"])
    parts = [*functions, names, *([_torch_function(exported.lines)] if torch else [])]
    imports = [*(["import math"] if any("math." in one for one in parts) else []), *([_TORCH_IMPORT] if torch else [])]
    docstring = f'"""{_module_docstring(exported, checked, torch=torch)}\n"""'
    space = "\n\n\n" if parts[0].startswith("def ") else "\n\n"
    return "\n\n".join([docstring, *imports]) + space + "\n\n\n".join(parts) + "\n"


def _function_of(line: Line, exported: Exported) -> str:
    """Return the source code of the function of a line."""
    whole = line.clock != "seconds"
    schedule = _with_calls(line, exported)
    writer = FunctionWriter(line.function, frozenset((line.parameter, "base", "t")))
    time = "t" if line.clock in (UPDATES, PROGRESS) else line.clock
    pieces = joined_formulas(
        formulas_of(schedule, time, exported.end_of(line), whole=whole), time, lambda value: writer.text(value, {})[0]
    )
    lines = [f"    t = round(progress * {WHOLE})"] if line.clock == PROGRESS else []
    for piece, value in pieces[:-1]:
        end, included = piece.end
        lines.append(f"    if {time} {'<=' if included else '<'} {number_text(end)}:")
        lines += [f"        {one}" for one in writer.statements(value, 8)]
    lines += [f"    {one}" for one in writer.statements(pieces[-1][1], 4)]
    head = f"def {line.function}({line.parameter}, base={number_text(float(line.base))}):"
    constants = [text for name, table in writer.constants.items() for text in constant_lines(name, table)]
    return "\n".join([*constants, *(["", ""] if constants else []), head, *_docstring_of(line), *lines])


def _docstring_of(line: Line) -> list[str]:
    when = "update t, from 0" if line.clock == UPDATES else f"{line.clock} consumed so far"
    if line.clock == PROGRESS:
        when = "progress, from 0 to 1"
    text = short_line(line.schedule if line.clock == UPDATES else with_unit(line.schedule, line.clock))
    text = _escaped(text)
    first = f'    """Return {_escaped(line.key)} {"of" if line.clock == UPDATES else "at"} {when}'
    if len(whole := f'{first}: {text}."""') <= WIDTH:
        return [whole]
    return [f"{first}.", "", *wrapped(text.split(" "), "    "), '    """']


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _with_calls(line: Line, exported: Exported) -> Schedule:
    """Replace the schedules that the line follows by calls of their functions."""
    written = next((one for one in exported.plan.bindings if _key_of(one) == line.key), None)
    source = written or next(one for one in exported.plan.bindings if one.name == line.field and one.groups is None)
    followed = {like.field for like in likes_in(source.schedule)}
    others = [one for one in exported.lines if one.field in followed and one is not line]
    others.sort(key=lambda one: one.groups != line.groups)

    def called(value: Any) -> Any:
        for other in others:
            if isinstance(value, AsFactor) and other.is_target and value == AsFactor(other.schedule, other.base):
                return Call(value, other.function, other.base)
            if not other.is_target and value == other.schedule:
                return Call(value, other.function, None)
        return with_changed_fields(value, called) if isinstance(value, (Schedule, tuple)) else value

    made: Schedule = called(line.schedule) if others else line.schedule
    return made


def _names_of(lines: Sequence[Line]) -> str:
    entries = [f'"{_escaped(one.key)}": {one.function}'.replace("\\\\", "\\\\") for one in lines]
    if len(text := f"SCHEDULES = {{{', '.join(entries)}}}") <= WIDTH:
        return text
    return "\n".join(["SCHEDULES = {", *(f"    {entry}," for entry in entries), "}"])


def _module_docstring(exported: Exported, checked: str, *, torch: bool) -> str:
    keys = ", ".join(one.key for one in exported.lines)
    one = len(exported.lines) == 1
    ending = f"exported by paramsched {paramsched.__version__}. {'It needs' if one else 'They need'} only {'PyTorch' if torch else 'Python'}."
    title = f"Schedule{'' if one else 's'} of {keys}, {ending}"
    if len(title) > WIDTH - 3:
        title = f"Schedules, {ending.replace('It needs', 'They need')}"
    plan = config.dump(exported.plan, None, "yaml") or ""
    facts = {one.name: value for one in fields(Calendar) if (value := getattr(exported.calendar, one.name)) is not None}
    text = ", ".join(f"{name}={value if isinstance(value, (int, float)) else str(value)!r}" for name, value in facts.items())
    lines = [
        title,
        "",
        *(line for row in plan.rstrip("\n").split("\n") for line in _folded(row)),
        "",
        f"fingerprint: {exported.plan.fingerprint}",
        *wrapped((text or "none").split(" "), "    ", "facts:"),
        f"checked: {checked}",
    ]
    return _escaped("\n".join(lines))


def _folded(row: str) -> list[str]:
    """Break a line of YAML at spaces; YAML reads the break as a space."""
    indent = len(row) - len(row.lstrip(" "))
    if len(row) <= WIDTH:
        return [row]
    first, *words = row.lstrip(" ").split(" ")
    return wrapped(words, " " * (indent + 4), " " * indent + first)


def _checked(exported: Exported, functions: Mapping[str, Callable[..., float]]) -> str:
    """Compare the functions with the plan. Return how many updates were compared, and the largest difference."""
    largest, count = 0.0, 0
    for line in exported.lines:
        places = exported.places(line)
        count = max(count, len(places))
        for base, at in ((line.base, places), (0.3 * line.base or 1.0, places[:: max(len(places) // 2000, 1)])):
            values, planned = exported_values(functions[line.key], at, base), evaluate(line.schedule, line.times(at), base)
            wrong = ~((values == planned) | (np.isnan(values) & np.isnan(planned)))
            if not wrong.any():
                continue
            off = np.where(wrong, np.abs(values - planned), 0.0)
            if not off.max() <= _TOLERANCE * np.abs(planned).max():
                worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
                found = f"the exported code differs at {line.parameter}={at[worst]}: {values[worst]!r}, planned {planned[worst]!r}"
                raise PlanError(f"to_python(…): {line.key}", found, "Use ps.Scheduler")
            largest = max(largest, float(off.max()))
    total = exported.total
    of_run = f" of {total}" if total is not None and total > MOST_CHECKED else ""
    return f"{count if of_run or total is None else total}{of_run} updates, largest difference {largest!r}"


def exported_values(function: Callable[..., float], places: Array, *base: float) -> Floats:
    """Call an exported function at updates or amounts."""
    return np.array([function(place, *base) for place in places.tolist()], dtype=np.float64)


# ---------------------------------------------------------------- torch

_TORCH_IMPORT = "from torch.optim.lr_scheduler import LRScheduler"


def _require_torch_lines(lines: Sequence[Line]) -> None:
    for line in lines:
        why = None
        if line.field != "lr" or line.is_target:
            why = "an LRScheduler sets only lr"
        elif line.clock != UPDATES:
            why = f"an LRScheduler counts updates, but the line counts {line.clock}"
        elif isinstance(line.groups, str) and re.search(r"[*?\[,=]", line.groups):
            why = "its groups are selected by a pattern; make_scheduler finds groups by name or index"
        if why is not None:
            raise PlanError(f"torch=True: {line.key}", why, 'Export lr alone: paramsched convert --field lr')


def _torch_function(lines: Sequence[Line]) -> str:
    named = [one for one in lines if one.groups is not None]
    default = next((one.function for one in lines if one.groups is None), None)
    rates = [f"    rates = [{default} for _ in optimizer.param_groups]"]
    if named:
        label = "group.get('name')" if all(isinstance(one.groups, str) for one in named) else "index"
        other = "lambda t, base: base" if default is None else default
        loop = "group in optimizer.param_groups" if label != "index" else "index in range(len(optimizer.param_groups))"
        rates = [
            f"    other = {other}" if default else "",
            "    rates = [",
            f'        SCHEDULES.get(f"lr/{{{label}}}", {default or "_keep"})',
            f"        for {loop}",
            "    ]",
        ]
        rates = [one for one in rates if one and not one.startswith("    other")]
    return "\n".join(
        [
            *(["def _keep(t, base):", "    return base", "", ""] if named and default is None else []),
            "def make_scheduler(optimizer, last_epoch=-1):",
            '    """Return a scheduler of torch that sets lr. Call its step() after each update."""',
            *rates,
            "",
            "    class Exported(LRScheduler):",
            "        def get_lr(self):",
            "            pairs = zip(rates, self.base_lrs)",
            "            return [rate(self.last_epoch, base) for rate, base in pairs]",
            "",
            "    return Exported(optimizer, last_epoch)",
        ]
    )


# ---------------------------------------------------------------- tests


def test_of(exported: Exported, module: str) -> str:
    """Return the source code of a pytest file with values at boundaries and 50 even places.

    Args:
        exported: the plan.
        module: the path of the exported module, from the folder of the test.
    """
    rows = []
    for line in exported.lines:
        places = exported.places(line, 50) if exported.end_of(line) > 50 else exported.places(line)
        values = evaluate(line.schedule, line.times(places), line.base)
        rows += [f'    "{_escaped(line.key)}": [']
        rows += [f"        ({t!r}, {number_text(value)})," for t, value in zip(places.tolist(), values.tolist(), strict=True)]
        rows += ["    ],"]
    return "\n".join(
        [
            f'"""Values of {module}, planned by paramsched {paramsched.__version__}."""',
            "",
            "import math" if any("math." in row for row in rows) else "",
            "import runpy",
            "from pathlib import Path",
            "",
            "import pytest",
            "",
            f'MODULE = Path(__file__).parent / "{module}"',
            "VALUES = {",
            *rows,
            "}",
            "",
            "",
            '@pytest.mark.parametrize("name", VALUES)',
            "def test_values(name):",
            '    schedule = runpy.run_path(str(MODULE))["SCHEDULES"][name]',
            "    for t, value in VALUES[name]:",
            "        assert schedule(t) == pytest.approx(value, rel=1e-9, abs=1e-12 * abs(value))",
            "",
        ]
    )
