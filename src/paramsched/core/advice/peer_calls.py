"""Calls of schedulers of other libraries as lines with the same values. Each function has the arguments of one of them.

A test compares the names, the order and the defaults with those classes and with the tables in `peers`, and the values
with those classes. A function raises ValueError if no line is known.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from inspect import signature
from typing import Any, Final, TypeAlias, final

_STATE: Final = ("optimizer", "last_epoch", "last_step", "verbose", "param_name")  # without effect on the values
_Calls: TypeAlias = dict[str, Callable[..., str]]
_ENDLESS: Final = 1_000_000_000  # MMEngine's `end` of a window without an end


@final
@dataclass(frozen=True, slots=True)
class Stage:
    """A schedule among the arguments of a call.

    Args:
        text: its text.
        length: the text of its length; empty if it has none.
    """

    text: str
    length: str


def line_of_call(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str | None:
    """Return the line with the values of a call in another library; None if it is unknown.

    Args:
        name: the name of the scheduler, which may contain its module.
        positional, named: the arguments without the optimizer: numbers, text, lists, and a `Stage` for a schedule.

    >>> line_of_call("SchedLin", [0.1, 0.2], {})
    'linear(absolute(0.1), absolute(0.2))'
    """
    spaces, _, last = name.rpartition(".")
    libraries = [one for one in CALLS if one in spaces] or [*CALLS]
    for library in libraries:
        kind = re.sub(r"(LR|Momentum|ParamScheduler)\Z", "", last) if library == "mmengine" else last
        if (call := CALLS[library].get(kind)) is None or (kind == last and library == "mmengine"):
            continue
        try:
            given = signature(call).bind(*positional, **{key: one for key, one in named.items() if key not in _STATE})
            return call(*given.args, **given.kwargs)
        except (TypeError, ValueError, LookupError, ArithmeticError):
            continue
    return None


def _check(*conditions: bool, line: str = "") -> str:
    """Return a line. Raise ValueError if a condition of its values is false."""
    if not all(conditions):
        raise ValueError
    return line


def _level(value: float) -> str:
    """Return an absolute level."""
    _check(isinstance(value, (int, float)) and not isinstance(value, bool))
    return f"absolute({float(value)!r})" if value else "0.0"


def _rounded(value: float) -> float:
    """Return a computed value without the digits that come from rounding: 0.01 for 0.1 * 0.1."""
    return float(f"{value:.15g}")


def _number(value: float, low: float = 0.0, high: float = 1e300) -> str:
    _check(isinstance(value, (int, float)) and not isinstance(value, bool), low <= value <= high)
    return repr(float(value))


def _above_0(value: float, high: float = 1e300) -> str:
    return _number(value, 1e-300, high)


def _steps(value: float | Fraction, low: int = 1) -> str:
    """Return a length in updates."""
    _check(isinstance(value, (int, float, Fraction)) and not isinstance(value, bool), value >= low)
    exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    return str(exact) if exact.denominator == 1 else f'"{exact} steps"'


def _count(value: int) -> str:
    _check(isinstance(value, int))
    return _steps(value)


def _counts(values: Sequence[int]) -> str:
    _check(isinstance(values, (list, tuple)), len(values) > 0)
    return f"[{', '.join(map(_count, sorted(values)))}]"


# ---- helpers of one library


def _fastai(share: float, start: float, middle: float, end: float) -> str:
    _check(0 < share < 1)
    rising = f'cosine({_level(start)}, {_level(middle)}, "{Fraction(_number(share)) * 100} %")'
    return f"with_lengths({rising} >> cosine({_level(middle)}, {_level(end)}))"


# ---- the calls: functions whose signatures are those of the schedulers

# fmt: off
_FASTAI: Final[_Calls] = {
    "SchedNo": lambda start, end: f"constant({_level(start)})",
    "SchedLin": lambda start, end: f"linear({_level(start)}, {_level(end)})",
    "SchedCos": lambda start, end: f"cosine({_level(start)}, {_level(end)})",
    "SchedExp": lambda start, end: _check(start > 0, end > 0) + f"geometric({_level(start)}, {_level(end)})",
    "SchedPoly": lambda start, end, power:
        f"anneal({_level(start)}, {_level(end)}, curve=curves.power({_above_0(power)}))",
    "combined_cos": lambda pct, start, middle, end: _fastai(pct, start, middle, end),
    "fit_one_cycle": lambda n_epoch, lr_max, div=25.0, div_final=1e5, pct_start=0.25:
        _fastai(pct_start, _rounded(lr_max / div), lr_max, _rounded(lr_max / div_final)),
    "fit_flat_cos": lambda n_epoch, lr, div_final=1e5, pct_start=0.75:
        _fastai(pct_start, lr, lr, _rounded(lr / div_final)),
}
# fmt: on
CALLS: Final[dict[str, _Calls]] = {
    "torch": {},  # its calls are in its folder
    "transformers": {},
    "timm": {},
    "optax": {},
    "keras": {},
    "fastai": _FASTAI,
    "mmengine": {},
}
"""A dict from library to a dict from the name of a scheduler to the function with its arguments."""
