"""Calls of schedulers of other libraries as lines with the same values. Each function has the arguments of one of them.

A test compares the names, the order and the defaults with those classes and with the tables in `peers`, and the values
with those classes. A function raises ValueError if no line is known.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from inspect import signature
from itertools import pairwise
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


def _torch_sequence(schedulers: Sequence[Stage], milestones: Sequence[int]) -> str:
    _check(len(schedulers) == len(milestones) + 1, *(isinstance(one, Stage) for one in schedulers))
    lengths = [_count(end - begin) for begin, end in pairwise([0, *milestones])]
    stages = [
        one.text if one.length == length else f"take({one.text}, {length})"
        for one, length in zip(schedulers, lengths, strict=False)
    ]
    last = schedulers[-1].text
    if late := re.match(r"multistep\(\[[^]]*?(\d+)\]", last):  # a stage must reach its last milestone
        last = f"take({last}, {int(late[1]) + 1})"
    return " >> ".join([*stages, last])


def _delayed(line: str, first: float, begin: int) -> str:
    return f"constant({_level(first)}, {_count(begin)}) >> {line}" if begin else line


def _linear(first: float, last: float, steps: int) -> str:
    return f"linear({_level(first)}, {_level(last)}, {_count(steps)})"


def _polynomial(first: float, last: float, power: float, steps: int, begin: int = 0) -> str:
    return _delayed(f"polynomial({_above_0(power)}, {_level(first)}, {_level(last)}, {_count(steps)})", first, begin)


def _cosine(first: float, steps: int, share: float, exponent: float = 1.0) -> str:
    levels = f"{_level(first)}, {_level(_rounded(first * share))}, {_count(steps)}"
    return f"cosine({levels})" if exponent == 1 else f"anneal({levels}, curves.cosine_power({_above_0(exponent)}))"


def _exponential(first: float, count: int, decay: float, begin: int, *, stairs: bool, last: float | None = None) -> str:
    steps, rate = _count(count), _above_0(decay)
    line = f"constant({_level(first)}) * {f'step({steps}, {rate})' if stairs else f'exponential({rate}, {steps})'}"
    if last is not None:
        line = f"clamp({line}, {'low' if decay < 1 else 'high'}={_level(last)})"
        _check(first >= last if decay < 1 else first <= last)
    return _delayed(line, first, begin)


def _optax_stages(shape: str, levels: Sequence[float], ends: Sequence[float]) -> str:
    pairs = zip(pairwise(levels), pairwise([0, *map(int, ends)]), strict=True)
    return " >> ".join(
        f"{shape}({_level(_rounded(a))}, {_level(_rounded(b))}, {_count(end - begin)})"
        for (a, b), (begin, end) in pairs
    )


def _keras_restarts(first: float, steps: int, longer: float, lower: float, alpha: float) -> str:
    cycles = f'cosine_restarts({_count(steps)}, {_number(longer, 1)}, gamma={_above_0(lower)}, lengths="exact")'
    floor = f" + constant({_level(_rounded(first * alpha))})" if alpha else ""
    return f"constant({_level(_rounded(first * (1 - alpha)))}) * {cycles}{floor}"


def _keras_inverse_time(first: float, decay_steps: int, rate: float, *, stairs: bool) -> str:
    steps = _count(decay_steps)
    line = f"inverse_time({_above_0(rate)}, {steps})"
    return f"constant({_level(first)}) * {f'every({line}, {steps})' if stairs else line}"


def _keras_piecewise(boundaries: Sequence[int], values: Sequence[float]) -> str:
    _counts(boundaries)
    begins = [0, *(one + 1 for one in boundaries)]  # a boundary acts one update late
    points = [f"({begin}, {_level(value)})" for begin, value in zip(begins, values, strict=True)]
    return f"piecewise([{', '.join(points)}])"


def _fastai(share: float, start: float, middle: float, end: float) -> str:
    _check(0 < share < 1)
    rising = f'cosine({_level(start)}, {_level(middle)}, "{Fraction(_number(share)) * 100} %")'
    return f"with_lengths({rising} >> cosine({_level(middle)}, {_level(end)}))"


def _rule(rule: str, begin: int = 0, end: int = _ENDLESS, by_epoch: bool = True, **others: Any) -> str:
    """Return a rule of a recurrence, which has the meaning of a scheduler of MMEngine, in its window.

    Args:
        rule: the rule, without its closing bracket.
        begin, end, by_epoch: the window.
        others: arguments without effect; a conversion to iterations needs the length of an epoch.
    """
    _check(others in ({}, {"convert_to_iter_based": False}), begin < end)
    first = f", begin={_count(begin)}" if begin else ""
    by = ', by="epoch"' if by_epoch else ""
    return f"recurrence({rule}{first}, end={_count(end)}{by}))"


# ---- the calls: functions whose signatures are those of the schedulers

# fmt: off
_OPTAX: Final[_Calls] = {
    "constant_schedule": lambda value: f"constant({_level(value)})",
    "linear_schedule": lambda init_value, end_value, transition_steps, transition_begin=0:
        _delayed(_linear(init_value, end_value, transition_steps), init_value, transition_begin),
    "polynomial_schedule": lambda init_value, end_value, power, transition_steps, transition_begin=0:
        _polynomial(init_value, end_value, power, transition_steps, transition_begin),
    "cosine_decay_schedule": lambda init_value, decay_steps, alpha=0.0, exponent=1.0:
        _cosine(init_value, decay_steps, alpha, exponent),
    "exponential_decay": lambda init_value, transition_steps, decay_rate, transition_begin=0, staircase=False,
        end_value=None:
        _exponential(init_value, transition_steps, decay_rate, transition_begin, stairs=staircase, last=end_value),
    "warmup_constant_schedule": lambda init_value, peak_value, warmup_steps:
        _linear(init_value, peak_value, warmup_steps),
    "warmup_cosine_decay_schedule": lambda init_value, peak_value, warmup_steps, decay_steps, end_value=0.0,
        exponent=1.0:
        f"{_linear(init_value, peak_value, warmup_steps)} >> "
        f"{_cosine(peak_value, decay_steps - warmup_steps, end_value / peak_value, exponent)}",
    "warmup_exponential_decay_schedule": lambda init_value, peak_value, warmup_steps, transition_steps, decay_rate,
        transition_begin=0, staircase=False, end_value=None:
        f"{_linear(init_value, peak_value, warmup_steps)} >> "
        + _exponential(peak_value, transition_steps, decay_rate, transition_begin, stairs=staircase, last=end_value),
    "linear_onecycle_schedule": lambda transition_steps, peak_value, pct_start=0.3, pct_final=0.85, div_factor=25.0,
        final_div_factor=1e4:
        _optax_stages(
            "linear",
            [peak_value / div_factor, peak_value, peak_value / div_factor, peak_value / div_factor / final_div_factor],
            [pct_start * transition_steps, pct_final * transition_steps, transition_steps]),
    "cosine_onecycle_schedule": lambda transition_steps, peak_value, pct_start=0.3, div_factor=25.0,
        final_div_factor=1e4:
        _optax_stages(
            "cosine", [peak_value / div_factor, peak_value, peak_value / (div_factor * final_div_factor)],
            [pct_start * transition_steps, transition_steps]),
    "join_schedules": lambda schedules, boundaries: _torch_sequence(schedules, boundaries),
}
_KERAS: Final[_Calls] = {
    "CosineDecay": lambda initial_learning_rate, decay_steps, alpha=0.0, name="", warmup_target=None, warmup_steps=0:
        _cosine(initial_learning_rate if warmup_target is None else warmup_target, decay_steps, alpha)
        if warmup_target is None or not warmup_steps else
        f"{_linear(initial_learning_rate, warmup_target, warmup_steps)} >> "
        + _cosine(warmup_target, decay_steps, alpha),
    "CosineDecayRestarts":
        lambda initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="":
        _keras_restarts(initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha),
    "ExponentialDecay": lambda initial_learning_rate, decay_steps, decay_rate, staircase=False, name="":
        _exponential(initial_learning_rate, decay_steps, decay_rate, 0, stairs=staircase),
    "InverseTimeDecay": lambda initial_learning_rate, decay_steps, decay_rate, staircase=False, name="":
        _keras_inverse_time(initial_learning_rate, decay_steps, decay_rate, stairs=staircase),
    "PolynomialDecay":
        lambda initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False, name="":
        _check(not cycle) + _polynomial(initial_learning_rate, end_learning_rate, power, decay_steps),
    "PiecewiseConstantDecay": lambda boundaries, values, name="": _keras_piecewise(boundaries, values),
}
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
_MMENGINE: Final[_Calls] = {
    "Constant": lambda factor=1.0 / 3, **window: _rule(f"rules.constant({_above_0(factor, 1)}", **window),
    "Linear": lambda start_factor=1.0 / 3, end_factor=1.0, **window:
        _rule(f"rules.linear({_above_0(start_factor, 1)}, {_number(end_factor, 0, 1)}", **window),
    "Exponential": lambda gamma, **window: _rule(f"rules.exponential({_above_0(gamma)}", **window),
    "Step": lambda step_size, gamma=0.1, **window:
        _rule(f"rules.step({_count(step_size)}, {_above_0(gamma)}", **window),
    "MultiStep": lambda milestones, gamma=0.1, **window:
        _rule(f"rules.multistep({_counts(milestones)}, {_above_0(gamma)}", **window),
    "Poly": lambda eta_min=0, power=1.0, **window:
        _rule(f"rules.polynomial({_above_0(power)}, {_level(eta_min)}", **window),
    "CosineAnnealing": lambda T_max=None, eta_min=None, eta_min_ratio=None, **window: _check(
        eta_min is None or eta_min_ratio is None
    ) + _rule(f"rules.cosine({_level(eta_min or 0.0) if eta_min_ratio is None else _number(eta_min_ratio, 0, 1)}"
              f"{f', {_count(T_max)}' if T_max else ''}", **window),
}
# fmt: on
CALLS: Final[dict[str, _Calls]] = {
    "torch": {},  # its calls are in its folder
    "transformers": {},
    "timm": {},
    "optax": _OPTAX,
    "keras": _KERAS,
    "fastai": _FASTAI,
    "mmengine": _MMENGINE,
}
"""A dict from library to a dict from the name of a scheduler to the function with its arguments."""
