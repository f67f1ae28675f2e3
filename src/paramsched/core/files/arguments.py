r"""Read settings by a table of their types, ranges and defaults.

A table is a dataclass. The annotation of a field is the type of the argument:

>>> @argument_table
... class LoaderSettings:
...     batch_size: int = argument(low=1, example=32)
...     share: float = argument(0.1, above=0)
>>> diagnostics = DiagnosticCollector()
>>> written = located({"batch_size": 2.5, "share": 0, "batch": 1}, "$")
>>> settings, locations, wrong = read_arguments(LoaderSettings, written, "$", diagnostics)
>>> settings, sorted(wrong)
(LoaderSettings(batch_size=32, share=0.1), ['batch_size', 'share'])
>>> print(*diagnostics.problems(), sep="\n")
$.batch: unknown argument; did you mean "batch_size"?
$.batch_size: expected an integer of at least 1, got 2.5. For example: batch_size: 32
$.share: expected a number greater than 0, got 0. For example: share: 0.1
"""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, MISSING, dataclass, field, fields
from types import NoneType
from typing import Any, Literal, TypeVar, dataclass_transform, final, get_args, get_origin

from paramsched.core.base.codes import (
    UNKNOWN_NAME,
    WRONG_ARGUMENT,
    WRONG_TYPE,
)
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.errors import InvalidArgument

_Table = TypeVar("_Table")


def wrong_value(found: str, *, code: str = WRONG_TYPE) -> InvalidArgument:
    """Return the error for an invalid value of an argument, which `read_arguments` reports at its location.

    Args:
        found: the description of the problem.
        code: the code of its rule.
    """
    return InvalidArgument("", found, code=code)


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """The specification of an argument, apart from its type, which is the annotation.

    Args:
        default: the default; `...` if the argument is required.
        low, above, high: the range of a number; `above` is an exclusive lower bound.
        used: a function of a dict of all arguments. It returns False if this argument has no effect with them. The
            argument is then not checked.
        parse: a function that converts a value or raises `wrong_value(…)`, instead of the check of the type.
        example: a value for the advice of a diagnostic, if the default is not suitable.
    """

    default: Any = ...
    _: KW_ONLY
    low: float = -math.inf
    above: float = -math.inf
    high: float = math.inf
    used: Callable[[Mapping[str, Any]], bool] = lambda others: True  # noqa: ARG005
    parse: Callable[[Any], Any] | None = None
    example: Any = None

    def read(self, value: Any, kind: Any) -> Any:
        """Return a value converted to the type `kind`, which may be `X | None`, or raise `wrong_value(…)`."""
        kinds = get_args(kind)
        if NoneType in kinds:
            if value is None:
                return None
            kind = kinds[0]
        if self.parse is not None:
            return self.parse(value)
        origin = get_origin(kind) or kind
        if origin is int or origin is float:
            return self._number(value, origin)
        if origin is Literal:
            choices = get_args(kind)
            if not isinstance(value, str):
                raise wrong_value(f"expected one of {', '.join(choices)}, got {short_json(value)}", code=UNKNOWN_NAME)
            if value not in choices:
                found = f"unknown value {short_json(value)}; {did_you_mean(value, choices)}"
                raise wrong_value(found, code=UNKNOWN_NAME)
        elif origin is tuple:
            if not isinstance(value, (list, tuple)) or not all(map(is_plain_number, value)):
                raise wrong_value(f"expected a list of numbers, got {short_json(value)}")
            return tuple(map(float, value))
        elif origin is list:
            if not isinstance(value, (list, tuple)):
                raise wrong_value(f"expected a list, got {short_json(value)}")
            return list(value)
        elif origin is not Any and not isinstance(value, origin):
            raise wrong_value(f"expected {'text' if origin is str else 'true or false'}, got {short_json(value)}")
        return value

    def _number(self, value: Any, kind: Callable[[Any], Any]) -> Any:
        fits = is_plain_number(value) and (kind is float or value == int(value))
        if fits and self.low <= value <= self.high and value > self.above:
            return kind(value)
        lower = f" greater than {self.above:g}" if self.above > -math.inf else ""
        lower = f" of at least {self.low:g}" if self.low > -math.inf else lower
        if self.high == math.inf:
            bounds = lower
        elif self.low > -math.inf:
            bounds = f" from {self.low:g} to {self.high:,.15g}"
        else:
            bounds = f"{lower} {'and' if lower else 'of'} at most {self.high:,g}"
        raise wrong_value(f"expected {'a number' if kind is float else 'an integer'}{bounds}, got {short_json(value)}")


def argument(default: Any = ..., **row: Any) -> Any:
    """Return the field of a table for an argument. An argument without a default is required and needs an example."""
    return field(default=MISSING if default is ... else default, metadata={"argument": Argument(default, **row)})


@dataclass_transform(kw_only_default=True, frozen_default=True)
def argument_table(cls: type[_Table]) -> type[_Table]:
    """Convert a class with fields from `argument` to a table, which is a frozen dataclass."""
    return dataclass(frozen=True, kw_only=True)(cls)  # without slots, which tables of two bases cannot have


def arguments_of(of: type) -> dict[str, Argument]:
    """Return a dict from the name of each argument of a table to its specification."""
    return {one.name: one.metadata["argument"] for one in fields(of) if "argument" in one.metadata}


def defaults_of(of: type) -> dict[str, Any]:
    """Return a dict from the arguments of a table to their defaults, without the required arguments."""
    return {name: row.default for name, row in arguments_of(of).items() if row.default is not ...}


def located(data: Mapping[Any, Any], path: str) -> dict[str, tuple[Any, str]]:
    """Return a dict from each key of a mapping, as text, to the pair (value, config path)."""
    return {str(key): (value, child_path(path, key)) for key, value in data.items()}


def read_arguments(
    into: type[_Table],
    written: Mapping[str, tuple[Any, str]],
    path: str,
    diagnostics: DiagnosticCollector,
) -> tuple[_Table, dict[str, str], set[str]]:
    """Read the arguments that a table specifies, and report every problem.

    Args:
        into: the table.
        written: a dict from name to the pair (value as it is written, config path).
        path: the location of the arguments together.

    Returns:
        The table, with a default or an example in place of each value that is wrong or missing; the location of each
        argument; and the names of the arguments whose value was replaced.
    """
    table: type = into
    rows, kinds = arguments_of(table), {one.name: one.type for one in fields(table)}
    diagnostics.refuse_unknown(written, rows, path, "unknown argument")
    meant_names = {closest(name, rows) for name in written if name not in rows}
    locations = {name: written[name][1] if name in written else child_path(path, name) for name in rows}
    values = {**defaults_of(into), **{name: written[name][0] for name in rows if name in written}}
    wrong = set[str]()
    for name, row in rows.items():
        example = row.default if row.example is None else row.example
        if name not in values:
            if name not in meant_names:
                found = f"{name} is missing"
                diagnostics.add(path, found, code=WRONG_ARGUMENT)
            values[name] = example
            wrong.add(name)
        default = example if row.default is ... else row.default
        try:
            values[name] = row.read(values[name] if row.used(values) else default, kinds[name])
        except InvalidArgument as error:
            wrong.add(name)
            problem = error.problem
            instead = f"For example: {name}: {short_json(example)}" if example is not None else ""
            diagnostics.add(locations[name], problem.summary, instead, code=problem.code)
            values[name] = row.read(default, kinds[name])
    return into(**values), locations, wrong


# ---- checks of values


def is_count(value: Any, least: int = 0) -> bool:
    """Return whether a value is an integer of at least `least`; 3.0 counts as an integer."""
    return is_plain_number(value) and value == int(value) and value >= least


def is_plain_number(value: Any) -> bool:
    """Return whether a value is a finite number and not a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
