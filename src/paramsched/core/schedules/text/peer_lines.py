"""The schedule with the values of a call of another library's scheduler.

The folder of a library declares the calls that it knows: the mapping `CALLS` in its module `lines`. A library whose
folder is absent has no calls.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from typing import Any, Final, NamedTuple, TypeVar

from paramsched.core.advice.peer_words import meant_by, own_name
from paramsched.core.base.entries import entry_names, load_entry
from paramsched.core.base.near_names import certain_name
from paramsched.core.base.params import params_of
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.text.arguments import fits
from paramsched.errors import ParamschedError

_Function = TypeVar("_Function", bound=Callable[..., Schedule])
STATE: Final = ("optimizer", "last_epoch", "last_step", "verbose", "param_name")
"""Arguments without effect on the values."""


class PeerCall(NamedTuple):
    """A scheduler of another library, as a program calls it.

    Args:
        arguments: the names of its arguments, in the order of its parameters, without the optimizer.
        schedule: returns the schedule with the values of the call; it receives the arguments by name. It raises an
            error of this library, a TypeError, a ValueError or an ArithmeticError if no schedule has these values.
    """

    arguments: tuple[str, ...]
    schedule: Callable[..., Schedule]


def call_named(calls: dict[str, PeerCall], name: str) -> Callable[[_Function], _Function]:
    """Return a decorator that adds a call under its name: of a function with the parameters of the scheduler.

    The arguments are of the annotated types, and in the range of the markers `Ge` and `Gt` of their annotations.
    """

    def keep(function: _Function) -> _Function:
        params = params_of(function)

        @wraps(function)
        def schedule(**arguments: Any) -> Schedule:
            for key, value in arguments.items():
                least, above = params[key].marker("ge"), params[key].marker("gt")
                if not fits(params[key], value) or not _is_within(value, least, above):
                    raise ValueError
            return function(**arguments)

        calls[name] = PeerCall(tuple(params), schedule)
        return function

    return keep


def _is_within(value: Any, least: float | None, above: float | None) -> bool:
    return (least is None or value >= least) and (above is None or value > above)


def computed(value: float) -> float:
    """Return a computed value without the digits that come from rounding: 0.01 for 0.1 * 0.1."""
    return float(f"{value:.15g}")


def calls_named(name: str) -> Iterator[PeerCall]:
    """Return the calls of a scheduler: of the library in its module, else of each library that has the name."""
    spaces, _, last = name.rpartition(".")
    modules = _modules()
    libraries = [one for one in modules if one in spaces]
    likely = (meant_by(name) or ("",))[0]  # a library is imported only if those in front of it have no schedule
    if not libraries and likely in modules:
        libraries = [likely, *(one for one in modules if one != likely)]
    for library in libraries:
        call: PeerCall | None = import_module(modules[library]).CALLS.get(last)
        if call is not None:
            yield call


@cache
def _modules() -> Mapping[str, str]:
    """Return the module with the calls of each library."""
    # By their entries, because their doors are above this package.
    doors = [load_entry("readers", door) for door in entry_names("readers")]
    return {library: module for door in doors for library, module in sorted(door.LINES.items())}


def schedule_of_call(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> Schedule | None:
    """Return the schedule with the values of a call in another library; None if it is unknown.

    Args:
        name: the name of the scheduler, which may contain its module.
        positional, named: the arguments without the optimizer: numbers, text, lists and schedules.
    """
    for call in calls_named(name):
        given = dict(zip(call.arguments, positional, strict=False)) | dict(named)
        is_once = len(given) == len(positional) + len(named)  # not too many arguments, and none of them twice
        if not is_once or not given.keys() <= {*call.arguments, *STATE}:
            continue  # another library may have a scheduler of this name, with these arguments
        try:
            return call.schedule(**{key: one for key, one in given.items() if key not in STATE})
        except (ParamschedError, TypeError, ValueError, ArithmeticError):
            return None
    return None


_OWN_CALLS: Final = {
    "linear": "torch.LinearLR",
    "constant": "torch.ConstantLR",
    "polynomial": "torch.PolynomialLR",
    "inverse_sqrt": "transformers.get_inverse_sqrt_schedule",
}
"""The functions here that have the name, but not the defaults, of a scheduler whose arguments they are called with."""
_WARMUP_STEPS: Final = ("warmup_steps", "warmup_updates", "warmup_iters", "warmup_num_steps")  # in other libraries


def line_of_own_call(name: str, given: Mapping[str, Any], known: Collection[str]) -> str | None:
    """Return the line with the values of a call of a function here with arguments of a scheduler of another library.

    Args:
        name: the function.
        given: its arguments.
        known: its parameters.

    Returns:
        The line; empty if it is unknown; None if no argument is one of a scheduler with other defaults.
    """
    if name not in _OWN_CALLS or all(key in known or certain_name(key, known) for key in given):
        return None  # without an import of the library, because slips are frequent
    theirs = _OWN_CALLS[name]
    words = next((call.arguments for call in calls_named(theirs)), ())
    if "num_warmup_steps" in words:
        given = {"num_warmup_steps" if key in _WARMUP_STEPS else key: one for key, one in given.items()}
    if not any(key in words and key not in known for key in given):
        return None
    renamed = {
        next((one for one in words if own_name(one, [key], name) == key), key): one for key, one in given.items()
    }
    schedule = schedule_of_call(theirs, [], renamed)
    return "" if schedule is None else str(schedule)
