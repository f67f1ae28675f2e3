"""A user's own function of time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched._arrays import Array, Arrays
from paramsched.errors import InvalidArgument, nearest
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.registry import shape

FUNCTIONS: dict[str, Callable[[Any], Any]] = {}
"""Functions of time that were given a name; the table belongs to the process, like that of shapes."""


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FromFunction(Schedule):
    """value(t) = base * function(t)."""

    function: Callable[[Any], Any]
    name: str | None = None

    @property
    def length(self) -> None:
        return None

    @property
    def serializable(self) -> bool:
        return self.name is not None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        if xp.concrete:  # one by one: a function written for a number gives the same values for an array of them
            return base.scaled(np.array([float(self.function(number)) for number in t.tolist()]))
        return base.scaled(self.function(xp.floating(t)))  # torch divides integers in float32

    def __str__(self) -> str:
        return f'from_function("{self.name}")' if self.name is not None else f"from_function({self.function!r})"


@shape
def from_function(function: Callable[[Any], Any] | str) -> FromFunction:
    """A schedule from a function of time: value(t) = base * function(t).

    Args:
        function: takes the number of completed updates and gives a multiple of base; or the name under which one was
            registered with `register_function`, so that the schedule can be written to text.

    Raises:
        InvalidArgument: not callable, or no registered name.

    Source: torch `LambdaLR`.

    >>> from_function(lambda t: 1 / (1 + t))(3)
    0.25
    """
    if isinstance(function, str):
        if function not in FUNCTIONS:
            raise InvalidArgument(
                f'from_function("{function}")',
                f"no function of that name is registered; {nearest(function, FUNCTIONS)}",
                f'Write register_function("{function}", f) first',
            )
        return FromFunction(FUNCTIONS[function], function)
    if not callable(function):
        raise InvalidArgument(f"from_function({function!r})", "not callable", "Write from_function(lambda t: 0.9 ** t)")
    return FromFunction(function)


def register_function(name: str, function: Callable[[Any], Any]) -> FromFunction:
    """Give a function of time a name: `from_function("name")` then says it in text and configs.

    Raises:
        InvalidArgument: the name is taken, or no identifier.

    >>> print(register_function("a_half_of_t", lambda t: t / 2))
    from_function("a_half_of_t")
    >>> parse('from_function("a_half_of_t")')(3)
    1.5
    """
    if not name.isidentifier() or name in FUNCTIONS:
        raise InvalidArgument(f"register_function({name!r})", "taken, or no identifier", "Choose another name")
    FUNCTIONS[name] = function
    return FromFunction(function, name)
