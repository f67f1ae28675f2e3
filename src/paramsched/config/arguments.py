r"""Read the arguments of a peer's scheduler by its table, with their types, ranges and defaults.

A table is a dataclass; the annotation of a field is the type that its argument takes:

>>> @argument_table
... class StepArguments:
...     step_size: int = argument(low=1, example=30)
...     gamma: float = argument(0.1, above=0, aliases=("decay_rate",))
>>> faults = Faults()
>>> written = located({"step_size": 2.5, "decay_rate": 0, "gama": 1}, "$")
>>> arguments, locations, wrong = read_arguments(StepArguments, written, "$", faults)
>>> arguments, sorted(wrong)
(StepArguments(step_size=30, gamma=0.1), ['gamma', 'step_size'])
>>> print(*faults.problems(), sep="\n")
$.gama: unknown argument; did you mean "gamma"?
$.step_size: expected a whole number of at least 1, got 2.5. Write step_size: 30
$.decay_rate: expected a number above 0, got 0. Write decay_rate: 0.1
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal, TypeVar, dataclass_transform, final, get_args, get_origin

from paramsched.base.codes import UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import closest, did_you_mean
from paramsched.config.command_lines import is_unknown
from paramsched.config.faults import Faults, short_json
from paramsched.config.peer_arguments import is_plain_number

_Table = TypeVar("_Table")
_NO_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class WrongValue(ValueError):
    """Raised for a value that an argument does not take; the message completes "location: …".

    Args:
        code: of the diagnostic.
        example: the value that was probably meant.
    """

    def __init__(self, found: str, *, code: str = WRONG_TYPE, example: Any = None) -> None:
        super().__init__(found)
        self.code, self.example = code, example


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What an argument takes, besides the type that annotates it.

    Args:
        low, above, high: the range of a number.
        used: whether the argument has an effect, given the others that precede it; if not, it is not checked.
        parse: converts a value, or raises `WrongValue`; then the type is not checked.
        aliases: other names of the argument.
        example: a value for the advice of a diagnostic, if the default does not serve.
    """

    low: float = -math.inf
    above: float = -math.inf
    high: float = math.inf
    used: Callable[[Mapping[str, Any]], bool] = lambda others: True  # noqa: ARG005
    parse: Callable[[Any], Any] | None = None
    aliases: tuple[str, ...] = ()
    example: Any = None

    def read(self, value: Any, kind: Any) -> Any:
        """Return the value as its type, which may be `X | None`, or raise `WrongValue`."""
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
                raise WrongValue(f"expected one of {', '.join(choices)}, got {short_json(value)}", code=UNKNOWN_NAME)
            if value not in choices:
                found = f"unknown value {short_json(value)}; {did_you_mean(value, choices)}"
                raise WrongValue(found, code=UNKNOWN_NAME, example=closest(value, choices))
        elif origin is tuple:
            if not isinstance(value, (list, tuple)) or not all(map(is_plain_number, value)):
                raise WrongValue(f"expected a list of numbers, got {short_json(value)}")
            return tuple(map(float, value))
        elif origin is list:
            if not isinstance(value, (list, tuple)):
                raise WrongValue(f"expected a list, got {short_json(value)}")
            return list(value)
        elif origin is not Any and not isinstance(value, origin):
            raise WrongValue(f"expected {'text' if origin is str else 'true or false'}, got {short_json(value)}")
        return value

    def _number(self, value: Any, kind: Callable[[Any], Any]) -> Any:
        fits = is_plain_number(value) and (kind is float or value == int(value))
        if fits and self.low <= value <= self.high and value > self.above:
            return kind(value)
        bounds = f" above {self.above:g}" if self.above > -math.inf else ""
        if self.low > -math.inf:
            bounds = f" of at least {self.low:g}"
        if self.high < math.inf:
            bounds = (
                f" from {self.low:g} to {self.high:,.15g}" if self.low > -math.inf else f"{bounds} up to {self.high:,g}"
            )
        raise WrongValue(f"expected a {'number' if kind is float else 'whole number'}{bounds}, got {short_json(value)}")


def argument(default: Any = MISSING, **row: Any) -> Any:
    """Return the field of an argument; without a default the argument is required and needs an example."""
    return field(default=default, metadata={"argument": Argument(**row)})


@dataclass_transform(kw_only_default=True, frozen_default=True)
def argument_table(cls: type[_Table]) -> type[_Table]:
    """Make a class with fields made by `argument` a table: a frozen dataclass."""
    return dataclass(frozen=True, kw_only=True)(cls)  # without slots, which tables of two bases cannot have


def arguments_of(of: type) -> dict[str, Field[Any]]:
    """Return the fields of a table that are arguments, by name."""
    return {one.name: one for one in fields(of) if "argument" in one.metadata}


def names_of(of: type) -> dict[str, str]:
    """Return the arguments of a table by all their names, aliases included."""
    rows = arguments_of(of).items()
    return {alias: name for name, row in rows for alias in (name, *row.metadata["argument"].aliases)}


def defaults_of(of: type) -> dict[str, Any]:
    """Return the defaults of a table by argument; a required argument has none."""
    return {name: row.default for name, row in arguments_of(of).items() if row.default is not MISSING}


def located(data: Mapping[Any, Any], path: str) -> dict[str, tuple[Any, str]]:
    """Return the entries of a mapping, each with its location."""
    return {str(key): (value, child_path(path, key)) for key, value in data.items()}


def read_arguments(
    into: type[_Table],
    written: Mapping[str, tuple[Any, str]],
    path: str,
    faults: Faults,
    *,
    of: str = "",
    defaults: Mapping[str, Any] = _NO_DEFAULTS,
    aliases: bool = True,
) -> tuple[_Table, dict[str, str], set[str]]:
    """Read the arguments of a table; report every problem.

    Args:
        into: the table.
        written: the values as they are written, each with its location, by name or alias.
        path: the location of the arguments together.
        of: the name of the scheduler, for diagnostics that would not show it.
        defaults: take precedence over those of the table.
        aliases: whether the aliases of arguments are accepted.

    Returns:
        The table, with a default or an example in place of each value that is wrong or missing; the location of each
        argument; and the names of those with another value in place.
    """
    rows = arguments_of(into)
    names = names_of(into) if aliases else {name: name for name in rows}
    faults.refuse_unknown(written, names, path, f"unknown argument of {of}" if of else "unknown argument")
    keys = {names[key]: key for key in written if key in names}
    locations = {name: written[keys[name]][1] if name in keys else child_path(path, name) for name in rows}
    values = {**defaults_of(into), **defaults, **{name: written[key][0] for name, key in keys.items()}}
    wrong = set[str]()
    for name, one in rows.items():
        row: Argument = one.metadata["argument"]
        key, example = keys.get(name, name), one.default if row.example is None else row.example
        if name not in values:
            faults.add(path, f"{name} is missing", code=WRONG_ARGUMENT, entry=(name, example))
            values[name] = example
            wrong.add(name)
        default = example if one.default is MISSING else one.default
        try:
            values[name] = row.read(values[name] if row.used(values) else default, one.type)
        except WrongValue as problem:
            wrong.add(name)
            words = values[name] if isinstance(values[name], list) else [values[name]]
            unknown = next(filter(is_unknown, words), None)
            instead = "" if unknown is None else f"Write the value in place of {unknown}"
            meant = example if problem.example is None else problem.example
            entry = None if instead or meant is None else (key, meant)
            faults.add(locations[name], str(problem), instead, code=problem.code, entry=entry)
            values[name] = row.read(default, one.type)
    return into(**values), locations, wrong
