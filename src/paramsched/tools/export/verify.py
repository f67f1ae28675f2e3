"""Comparison of an exported module with a plan."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from paramsched.core.curves.arrays import equal_up_to_rounding
from paramsched.core.files.plan_files import PlanText
from paramsched.core.files.text_limits import read_bounded_text
from paramsched.core.plan import Plan
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError, ParamschedError
from paramsched.mmengine.python_config.source import PythonSource
from paramsched.tools.export.module_tree import AnotherForm, ModuleFunction, functions_of
from paramsched.tools.export.plan_lines import exported_plan
from paramsched.tools.export.source import exported_values

_DOCSTRING = re.compile(
    r"[^\n]*exported by paramsched.*?\n\n(?P<plan>.*?)\n\nfingerprint: .*?\nfacts:(?P<facts>.*?)\nchecked: ", re.DOTALL
)


@final
class NotExported(ParamschedError, ValueError):
    """A file is not a module that paramsched exported."""


_MOST_OPERATIONS = 2_000_000_000


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference between an exported module and a plan.

    Args:
        name: the name of the function in `SCHEDULES`.
        parameter: `t`, or the name of the clock.
        at: the first update, or amount, at which the values differ.
        value: the value of the module.
        planned: the value of the plan.
        base: the argument `base`.
    """

    name: str
    parameter: str
    at: float
    value: float
    planned: float
    base: float

    def __str__(self) -> str:
        place = f"{self.name} at {self.parameter}={self.at}, base={self.base!r}"
        return f"{place}: {self.value!r} in the file, {self.planned!r} in the plan"


@final
@dataclass(frozen=True, slots=True)
class Missing:
    """A function that only the module or only the plan has."""

    name: str
    in_file: bool

    def __str__(self) -> str:
        return (
            f"{self.name}: {'in the file, but not in the plan' if self.in_file else 'in the plan, but not in the file'}"
        )


@final
@dataclass(frozen=True, slots=True)
class ExportedFile:
    """An exported module.

    Args:
        plan: the plan in its docstring.
        calendar: the run facts in its docstring.
        functions: its functions by name.
    """

    plan: Plan
    calendar: Calendar
    functions: Mapping[str, ModuleFunction]

    def compare(self, plan: Plan, calendar: Calendar) -> tuple[int, Difference | Missing | None]:
        """Return the number of compared values, and the first difference from a plan."""
        exported = exported_plan("audit", plan, calendar)
        planned = {line.key: line for line in exported.lines}
        for name in {**planned, **self.functions}:
            if name not in planned or name not in self.functions:
                return 0, Missing(name, in_file=name in self.functions)
        count = 0
        for name, line in planned.items():
            function = self.functions[name]
            if function.parameter != line.parameter:
                raise NotExported(f"{name} is a function of {function.parameter}, not of {line.parameter}")
            for base in (function.base, 0.5 * function.base or 1.0):
                places = np.unique(exported.places(line))
                if len(places) * function.cost > _MOST_OPERATIONS:
                    raise NotExported(f"{name} needs more than {_MOST_OPERATIONS:,} operations")
                try:
                    values = exported_values(function, places, base)
                except (ArithmeticError, ValueError, LookupError, TypeError, RecursionError) as error:
                    raise NotExported(f"{name} cannot be evaluated: {type(error).__name__}: {error}") from None
                expected = evaluate(line.schedule, line.times(places), base)
                wrong = np.flatnonzero(~equal_up_to_rounding(values, expected))
                count += len(places)
                if wrong.size:
                    first = int(wrong[0])
                    at, value, one = (column[first].item() for column in (places, values, expected))
                    return count, Difference(name, line.parameter, at, value, one, base)
        return count, None


def _facts_in(text: str) -> Calendar:
    """Read `steps_per_epoch=500, batch_size=32`, or `none`."""
    try:
        call = ast.parse(f"dict({'' if text.strip() == 'none' else text})", mode="eval").body
        return Calendar(**{one.arg: ast.literal_eval(one.value) for one in call.keywords})  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, AttributeError, TypeError, MemoryError, RecursionError) as error:
        raise NotExported(f"its facts cannot be read: {error}") from None


def read_exported(path: Path) -> ExportedFile:
    """Read an exported module and the plan in its docstring. The module is not executed.

    Raises:
        NotExported: the file does not have the docstring or the functions of an export, or it has other code.
    """
    try:
        tree = PythonSource(read_bounded_text(path), str(path)).tree
    except ConfigError as error:
        raise NotExported("; ".join(error.problems)) from None
    found = _DOCSTRING.match(ast.get_docstring(tree, clean=False) or "")
    if found is None:
        raise NotExported("its docstring is not that of a file that paramsched exported")
    plan = PlanText(str(path), found["plan"], "yaml", folder=path.parent).loaded().plan
    facts = _facts_in(found["facts"])
    try:
        functions = functions_of(tree)
    except AnotherForm as error:
        raise NotExported(f"{error}. It is not executed; convert the plan to Python again") from None
    except RecursionError:
        raise NotExported("it is nested too deeply") from None
    if not functions:
        raise NotExported("it has no SCHEDULES")
    return ExportedFile(plan, facts, functions)
