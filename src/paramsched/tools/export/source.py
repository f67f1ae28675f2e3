"""Plans as Python source code that needs neither this library nor NumPy."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from paramsched.core import files as config
from paramsched.core.advice.calls import explain_wrong_keywords
from paramsched.core.advice.number_checks import finite_number
from paramsched.core.base import VERSION
from paramsched.core.base.diagnostic import names_listed, printable
from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.files.syntaxes.yaml_folding import folded_yaml
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.common_factor import likes_in
from paramsched.core.plan.forms import PlanLike, plan_of
from paramsched.core.schedules.as_factor import AsFactor
from paramsched.core.schedules.base import Schedule, with_changed_fields
from paramsched.core.schedules.cuts import with_unit
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.table import MOST_WRITTEN
from paramsched.core.schedules.text.writing import short_line
from paramsched.core.time import Calendar
from paramsched.core.time.progress import PROGRESS, WHOLE
from paramsched.errors import InvalidArgument, PlanError, Unresolved, shown
from paramsched.tools.export.companions import TORCH_IMPORT, require_torch_lines, torch_function
from paramsched.tools.export.formulas import Call, formulas_of, joined_formulas
from paramsched.tools.export.module_tree import functions_of
from paramsched.tools.export.plan_lines import (
    MOST_CHECKED,
    Exported,
    Line,
    Refusal,
    exported_plan,
    key_of,
    refuse_lines,
)
from paramsched.tools.export.writing import (
    WIDTH,
    FunctionWriter,
    constant_lines,
    in_docstring,
    literal,
    number_text,
    wrapped,
)

_TOLERANCE = 4e-15  # of the largest value of the run: 18 units in the last place, for products of several functions


@explain_wrong_keywords
def to_python(plan: PlanLike, calendar: Calendar | None = None, *, bases: Any = None, torch: bool = False) -> str:
    """Return the source code of a Python module with a function for each line of a plan.

    The module needs only `math`. Its functions have the signature `(t, base=1.0)`, where `t` counts updates from 0, or
    `(tokens, base=1.0)` on another clock, with the amount so far. `SCHEDULES` maps the names of the lines,
    such as `lr`, `betas[0]` or `lr/head`, to the functions. Values are equal to those of `ps.trace`, bit for bit for
    lines, steps and roots. Sines, powers and exponentials of `math` depend on the machine; values differ by at most
    4e-15 of the largest one. Each export is
    compared with the plan before it is returned.

    Args:
        plan: the plan, in any form (`PlanLike`).
        calendar: the run facts that convert units.
        bases: the defaults of `base`, otherwise 1.0: a dict from a field or a line to a number, such as
            `{"lr": 3e-4, "lr/head": 1e-3}`, or a list of parameter groups. That of a target is its initial value.
        torch: also write `make_scheduler(optimizer, last_epoch=-1)`, which returns an LRScheduler of torch.

    Raises:
        PlanError: a line has a metric rule, random numbers, a function, a table of more than 10,000 values, or groups
            that a function selects; or `torch` is True and a line does not schedule lr by updates.
        MissingFact: the run facts do not convert a unit of the plan.

    >>> to_python(Plan(lr=linear(1.0, 0.0), horizon=4)).splitlines()[-6:-3]
    ['    if t < 4:', '        return base * ((4 - t) / 4)', '    return base * 0.0']
    """
    plan = plan_of(plan, "ps.to_python")
    if bases is None or isinstance(bases, Mapping):
        named = {
            name: finite_number(f"to_python(…, bases={{{name!r}: …}})", one) for name, one in (bases or {}).items()
        }
        exported = exported_plan("to_python", plan, calendar, bases=named)
    elif isinstance(bases, Sequence) and all(isinstance(group, Mapping) for group in bases):
        exported = exported_plan("to_python", plan, calendar, groups=bases)
    else:
        found = f"expected a dict from field to base, or a list of groups, got {shown(bases)}"
        raise InvalidArgument("to_python(…, bases=…)", found, 'For example: bases={"lr": 0.1}')
    return source_of(exported, torch=torch)


def source_of(exported: Exported, *, torch: bool = False) -> str:
    """Write the module, evaluate its functions, and compare their values with the plan.

    The module is not executed, because its text contains names of the plan.

    Raises:
        PlanError: the values differ by more than rounding.
    """
    if torch:
        require_torch_lines(exported.lines)
    schedules = _with_calls(exported)
    written = [_function_of(line, schedule, exported) for line, schedule in zip(exported.lines, schedules, strict=True)]
    refuse_lines("to_python(…)", [one for one in written if isinstance(one, Refusal)])
    functions = [one for one in written if isinstance(one, str)]
    names = _names_of(exported.lines)
    checked = _checked(exported, functions_of(ast.parse("\n".join([*functions, names]))))
    parts = [*functions, names, *([torch_function(exported.lines)] if torch else [])]
    imports = [*(["import math"] if any("math." in one for one in parts) else []), *([TORCH_IMPORT] if torch else [])]
    docstring = f'"""{_module_docstring(exported, checked, torch=torch)}\n"""'
    space = "\n\n\n" if parts[0].startswith("def ") else "\n\n"
    return "\n\n".join([docstring, *imports]) + space + "\n\n\n".join(parts) + "\n"


def _function_of(line: Line, schedule: Schedule, exported: Exported) -> str | Refusal:
    """Return the source code of the function of a line, or why it has none.

    Args:
        line: the line.
        schedule: its schedule, with calls of other functions.
        exported: the plan.
    """
    whole = line.clock != "seconds"
    functions = (one.function for one in exported.lines)
    writer = FunctionWriter(line.function, frozenset((line.parameter, "base", "t", *functions)))
    time = "t" if line.clock in (UPDATES, PROGRESS) else line.clock
    try:
        formulas = formulas_of(schedule, time, exported.end_of(line), whole=whole)
    except (AttributeError, KeyError, TypeError) as error:  # a shape of the user may use any function
        return Refusal(line.key, f"{short_line(line.schedule)} cannot be written as a formula: {error}")
    except Unresolved as error:
        return Refusal(line.key, error.found)
    pieces = joined_formulas(formulas, time, lambda value: writer.text(value, {})[0])
    lines = [f"    t = round(progress * {WHOLE})"] if line.clock == PROGRESS else []
    lines += [f"    seconds = round(seconds * {WHOLE}) / {WHOLE}"] if line.clock == "seconds" else []
    for piece, value in pieces[:-1]:
        end, included = piece.end
        lines.append(f"    if {time} {'<=' if included else '<'} {number_text(end)}:")
        lines += writer.statements(value, 8)
    lines += writer.statements(pieces[-1][1], 4)
    if any(len(table.values) > MOST_WRITTEN for table in writer.constants.values()):
        return Refusal(line.key, f"it would need a table of more than {MOST_WRITTEN:,} values")
    head = f"def {line.function}({line.parameter}, base={number_text(float(line.base))}):"
    constants = [text for name, table in writer.constants.items() for text in constant_lines(name, table)]
    return "\n".join([*constants, *(["", ""] if constants else []), head, *_docstring_of(line), *lines])


def _docstring_of(line: Line) -> list[str]:
    when = "update t, from 0" if line.clock == UPDATES else f"{line.clock} consumed so far"
    if line.clock == PROGRESS:
        when = "progress, from 0 to 1"
    text = in_docstring(short_line(with_unit(line.schedule, line.clock)))
    first = f'    """Return {in_docstring(printable(line.key))} {"of" if line.clock == UPDATES else "at"} {when}'
    if len(whole := f'{first}: {text}."""') <= WIDTH:
        return [whole]
    return [f"{first}.", "", *wrapped(text.split(" "), "    "), '    """']


def _with_calls(exported: Exported) -> list[Schedule]:
    """Return the schedule of each line, in which calls of functions replace the schedules that the line follows."""
    calls: dict[str, set[str]] = {}  # of each function, the functions that it calls
    return [_calling(line, exported, calls) for line in exported.lines]


def _calling(line: Line, exported: Exported, calls: dict[str, set[str]]) -> Schedule:
    """Return the schedule of a line with calls. Its function calls no function that calls it, directly or not."""
    written = next((one for one in exported.plan.bindings if key_of(one) == line.key), None)
    source = written or next(one for one in exported.plan.bindings if one.name == line.field and one.groups is None)
    followed = {like.field for like in likes_in(source.schedule)}
    others = [one for one in exported.lines if one.field in followed and line.function not in _reached(one, calls)]
    others.sort(key=lambda one: one.groups != line.groups)

    def called(value: Any) -> Any:
        for other in others:
            found = None
            if isinstance(value, AsFactor) and other.is_target and value == AsFactor(other.schedule, other.base):
                found = Call(value, other.function, other.base, other.clock == PROGRESS)
            elif not other.is_target and value == other.schedule:
                found = Call(value, other.function, None, other.clock == PROGRESS)
            if found is not None:
                calls.setdefault(line.function, set()).add(other.function)
                return found
        return with_changed_fields(value, called) if isinstance(value, (Schedule, tuple)) else value

    made: Schedule = called(line.schedule) if others else line.schedule
    return made


def _reached(line: Line, calls: Mapping[str, set[str]]) -> set[str]:
    """Return the functions that a call of the function of a line runs."""
    found, waiting = {line.function}, [line.function]
    while waiting:
        new = calls.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _names_of(lines: Sequence[Line]) -> str:
    entries = [f"{literal(one.key)}: {one.function}" for one in lines]
    if len(text := f"SCHEDULES = {{{', '.join(entries)}}}") <= WIDTH:
        return text
    return "\n".join(["SCHEDULES = {", *(f"    {entry}," for entry in entries), "}"])


def _module_docstring(exported: Exported, checked: str, *, torch: bool) -> str:
    keys = names_listed(one.key for one in exported.lines)
    one = len(exported.lines) == 1
    origin = f"exported by paramsched {VERSION}."
    needs = f"only {'PyTorch' if torch else 'Python'}."
    title = (
        f"Schedule of {keys}, {origin} It needs {needs}" if one else f"Schedules of {keys}, {origin} They need {needs}"
    )
    if len(title) > WIDTH - 3:
        title = f"Schedules, {origin} They need {needs}"
    plan = config.dump(exported.plan, None, "yaml")
    facts = {one.name: value for one in fields(Calendar) if (value := getattr(exported.calendar, one.name)) is not None}
    if exported.plan.horizon is not None:
        facts.pop("total", None)  # because it equals the horizon
    text = ", ".join(
        f"{name}={value if isinstance(value, (int, float)) else str(value)!r}" for name, value in facts.items()
    )
    lines = [
        title,
        "",
        *folded_yaml(plan.rstrip("\n"), WIDTH).split("\n"),
        "",
        f"fingerprint: {exported.plan.fingerprint}",
        *wrapped((text or "none").split(" "), "    ", "facts:"),
        f"checked: {checked}",
    ]
    return in_docstring("\n".join(lines))


def _checked(exported: Exported, functions: Mapping[str, Callable[..., float]]) -> str:
    """Compare the functions with the plan. Return how many updates were compared, and the largest difference."""
    largest = 0.0
    compared = [exported.places(line) for line in exported.lines]
    for line, places in zip(exported.lines, compared, strict=True):
        for base, at in ((line.base, places), (0.3 * line.base or 1.0, places[:: max(len(places) // 2000, 1)])):
            values = exported_values(functions[line.key], at, base)
            planned = evaluate(line.schedule, line.times(at), base)
            wrong = np.flatnonzero(~((values == planned) | (np.isnan(values) & np.isnan(planned))))
            if not wrong.size:
                continue
            off = np.abs(values[wrong] - planned[wrong])
            if not off.max() <= _TOLERANCE * np.abs(planned).max():
                worst = wrong[int(np.argmax(np.where(np.isnan(off), np.inf, off)))]
                value, one = float(values[worst]), float(planned[worst])
                found = f"the exported code differs at {line.parameter}={at[worst]}: {value!r}, planned {one!r}"
                raise PlanError(f"to_python(…): {line.key}", found, "Use ps.Scheduler")
            largest = max(largest, float(off.max()))
    total = exported.total
    of_run = f" of {total}" if total is not None and total > MOST_CHECKED else ""
    count = max(map(len, compared)) if of_run or total is None else total
    return f"{count}{of_run} updates, largest difference {largest!r}"


def exported_values(function: Callable[..., float], places: Array, *base: float) -> Floats:
    """Call an exported function at updates or amounts."""
    return np.array([function(place, *base) for place in places.tolist()], dtype=np.float64)
