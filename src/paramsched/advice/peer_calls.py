"""Calls of schedulers of other libraries as lines with the same values. Each function has the arguments of one of them.

A test compares the names, the order and the defaults with those classes and with the tables in `peers`, and the values
with those classes. A function raises ValueError if no line is known.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from inspect import signature
from itertools import pairwise
from typing import Any, Final, final

from paramsched.advice.peer_words import own_name

CALLS: Final[dict[str, dict[str, Callable[..., str]]]] = {}
"""A dict from library to a dict from the name of a scheduler to the function with its arguments."""

_STATE: Final = ("optimizer", "last_epoch", "last_step", "verbose", "param_name")  # without effect on the values
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

    >>> line_of_call("LinearLR", [], {"start_factor": 0.1, "total_iters": 10})
    'linear(0.1, 1.0, 10)'
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
        except (TypeError, ValueError, ArithmeticError):
            continue
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

    >>> line_of_own_call("linear", {"start_factor": 0.1, "over": 10}, ["start", "to", "over"])
    'linear(0.1, 1.0, 10)'
    """
    if name not in _OWN_CALLS:
        return None
    library, _, theirs = _OWN_CALLS[name].partition(".")
    words = [*signature(CALLS[library][theirs]).parameters]
    if "num_warmup_steps" in words:
        given = {"num_warmup_steps" if key in _WARMUP_STEPS else key: one for key, one in given.items()}
    if not any(key in words and key not in known for key in given):
        return None
    renamed = {
        next((one for one in words if own_name(one, [key], name) == key), key): one for key, one in given.items()
    }
    return line_of_call(_OWN_CALLS[name], [], renamed) or ""


def _calls(library: str, *names: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    def add(call: Callable[..., str]) -> Callable[..., str]:
        CALLS.setdefault(library, {}).update(dict.fromkeys(names, call))
        return call

    return add


def _check(*conditions: bool) -> None:
    if not all(conditions):
        raise ValueError


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


def _above_0(value: float) -> str:
    return _number(value, 1e-300)


def _steps(value: float | Fraction, low: int = 1) -> str:
    """Return a length in updates."""
    _check(isinstance(value, (int, float, Fraction)) and not isinstance(value, bool), value >= low)
    exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    return str(exact) if exact.denominator == 1 else f'"{exact} steps"'


def _count(value: int, low: int = 1) -> str:
    _check(isinstance(value, int))
    return _steps(value, low)


def _counts(values: Sequence[int]) -> str:
    _check(isinstance(values, (list, tuple)), len(values) > 0)
    return f"[{', '.join(map(_count, sorted(values)))}]"


def _curve(name: str) -> str:
    _check(name in ("cos", "linear"))
    return "cosine" if name == "cos" else "linear"


# ---- torch


@_calls("torch", "ConstantLR")
def _constant_lr(factor: float = 1.0 / 3, total_iters: int = 5) -> str:
    return f"constant({_number(factor, 1e-300, 1)}, {_count(total_iters)}) >> constant()"


@_calls("torch", "LinearLR")
def _linear_lr(start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5) -> str:
    return f"linear({_number(start_factor, 1e-300, 1)}, {_number(end_factor, 0, 1)}, {_count(total_iters)})"


@_calls("torch", "ExponentialLR")
def _exponential_lr(gamma: float) -> str:
    return f"exponential({_above_0(gamma)})"


@_calls("torch", "PolynomialLR")
def _polynomial_lr(total_iters: int = 5, power: float = 1.0) -> str:
    return f"polynomial({_above_0(power)}, over={_count(total_iters)})"


@_calls("torch", "StepLR")
def _step_lr(step_size: int, gamma: float = 0.1) -> str:
    return f"step({_count(step_size)}, {_above_0(gamma)})"


@_calls("torch", "MultiStepLR")
def _multi_step_lr(milestones: Sequence[int], gamma: float = 0.1) -> str:
    return f"multistep({_counts(milestones)}, {_above_0(gamma)})"


@_calls("torch", "CosineAnnealingLR")
def _cosine_annealing_lr(T_max: int, eta_min: float = 0.0) -> str:
    return _waves(Fraction(int(_count(T_max))), 0.5, _level(eta_min))


@_calls("torch", "CosineAnnealingWarmRestarts")
def _warm_restarts(T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> str:
    return f"cosine_restarts({_count(T_0)}, {_count(T_mult)}, {_level(eta_min)})"


@_calls("torch", "CyclicLR")
def _cyclic_lr(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: None = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
    base_momentum: float = 0.8,
    max_momentum: float = 0.9,
) -> str:
    _check(scale_fn is None, mode in ("triangular", "triangular2", "exp_range"))
    up, down = _count(step_size_up), _count(step_size_up if step_size_down is None else step_size_down)
    shape = "" if mode == "triangular" else f', "{mode}"' + (f", {_above_0(gamma)}" if mode == "exp_range" else "")
    return f"cyclic({up}, {down}, {_level(base_lr)}, {_level(max_lr)}{shape})"


@_calls("torch", "OneCycleLR")
def _one_cycle_lr(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> str:
    total = (epochs or 0) * (steps_per_epoch or 0) if total_steps is None else total_steps
    _curve(anneal_strategy)
    _check(pct_start * total > 1, pct_start < (0.5 if three_phase else 1))
    shape = f'{_number(pct_start)}, "{anneal_strategy}", {_above_0(div_factor)}, {_above_0(final_div_factor)}'
    return f"recurrence(rules.one_cycle({_above_0(max_lr)}, {_count(total)}, {shape}, {bool(three_phase)}))"


@_calls("torch", "SWALR")
def _swa_lr(swa_lr: float, anneal_epochs: int = 10, anneal_strategy: str = "cos") -> str:
    return f"{_curve(anneal_strategy)}(1.0, {_level(swa_lr)}, {_count(anneal_epochs)})"


@_calls("torch", "SequentialLR")
def _sequential_lr(schedulers: Sequence[Stage], milestones: Sequence[int]) -> str:
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


@_calls("torch", "ChainedScheduler")
def _chained_scheduler(schedulers: Sequence[Stage]) -> str:
    # Each of these multiplies by a factor. The cosine of torch, which has another name here, does not after its end.
    factors = r"(?!.*absolute)(linear|warmup|constant|exponential|step|multistep|polynomial|cosine)\("
    _check(*(isinstance(one, Stage) and re.match(factors, one.text) is not None for one in schedulers))
    return " * ".join(f"({one.text})" if ">>" in one.text else one.text for one in schedulers)


def _waves(decay: Fraction | None, waves: float, floor: str = "0.0") -> str:
    """Return cosine waves without an end.

    Args:
        decay: the updates of `waves` waves; None for the entire run.
        waves: the number of waves; 0.5 is a decay.
        floor: the level between two waves.
    """
    _above_0(waves)
    to = "" if floor == "0.0" else f"to={floor}"
    if decay is None:
        return f"cosine({to})" if waves == 0.5 else f"cosine_wave({waves!r}{to and f', {to}'})"
    return f"restarts(cosine_wave({to}), {_steps(decay / Fraction(repr(waves)))})"


# ---- transformers: num_training_steps is the length of the run, so a schedule without it lasts to the horizon


def _warmed(warmup: int, *stages: str) -> str:
    return " >> ".join([f"warmup({_count(warmup)})", *stages] if warmup else stages)


def _left(warmup: int, total: int | None) -> Fraction | None:
    """Return the updates after the warmup; None for the entire run."""
    _count(warmup, 0)
    return None if total is None else Fraction(int(_count(total - warmup)))


def _over(left: Fraction | None) -> str:
    return "" if left is None else f"over={left}"


@_calls("transformers", "get_constant_schedule")
def _hf_constant() -> str:
    return "constant()"


@_calls("transformers", "get_constant_schedule_with_warmup", "constant_with_warmup")
def _hf_constant_with_warmup(num_warmup_steps: int) -> str:
    return _warmed(num_warmup_steps, "constant()")


@_calls("transformers", "get_linear_schedule_with_warmup")
def _hf_linear(num_warmup_steps: int, num_training_steps: int | None = None) -> str:
    return _warmed(num_warmup_steps, f"linear({_over(_left(num_warmup_steps, num_training_steps))})")


@_calls("transformers", "get_cosine_schedule_with_warmup")
def _hf_cosine(num_warmup_steps: int, num_training_steps: int | None = None, num_cycles: float = 0.5) -> str:
    return _warmed(num_warmup_steps, _waves(_left(num_warmup_steps, num_training_steps), num_cycles))


@_calls("transformers", "get_cosine_with_hard_restarts_schedule_with_warmup", "cosine_with_restarts")
def _hf_restarts(num_warmup_steps: int, num_training_steps: int | None = None, num_cycles: int = 1) -> str:
    left = _left(num_warmup_steps, num_training_steps)
    if num_cycles == 1:
        return _warmed(num_warmup_steps, f"cosine({_over(left)})")
    _check(isinstance(num_cycles, int), 1 < num_cycles < 1000)
    if left is None:
        return _warmed(num_warmup_steps, f"restarts(cosine(), times={num_cycles})")
    for begin in (cycle * left / num_cycles for cycle in range(1, num_cycles)):
        # Because of rounding, the first value of a cycle in transformers may be 0 instead of the peak.
        _check(begin.denominator > 1 or (num_cycles * (float(begin) / float(left))) % 1.0 < 0.5)
    return _warmed(num_warmup_steps, f"restarts(cosine(), {_steps(left / num_cycles)}, {num_cycles})")


@_calls("transformers", "get_polynomial_decay_schedule_with_warmup")
def _hf_polynomial(
    num_warmup_steps: int, num_training_steps: int | None = None, lr_end: float = 1e-7, power: float = 1.0
) -> str:
    over = _over(_left(num_warmup_steps, num_training_steps))
    end = f"to={_level(lr_end)}{over and f', {over}'}"
    return _warmed(num_warmup_steps, f"polynomial({_above_0(power)}, {end})")


@_calls("transformers", "get_inverse_sqrt_schedule")
def _hf_inverse_sqrt(num_warmup_steps: int, timescale: int | None = None) -> str:
    return _warmed(num_warmup_steps, f"inverse_sqrt({_count(timescale or num_warmup_steps or 10_000)})")


@_calls("transformers", "get_cosine_with_min_lr_schedule_with_warmup", "cosine_with_min_lr")
def _hf_cosine_with_floor(
    num_warmup_steps: int,
    num_training_steps: int | None = None,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> str:
    _check((min_lr is None) != (min_lr_rate is None))
    floor = _number(min_lr_rate, 0, 1) if min_lr_rate is not None else _level(min_lr or 0.0)
    return _warmed(num_warmup_steps, _waves(_left(num_warmup_steps, num_training_steps), num_cycles, floor))


@_calls("transformers", "get_wsd_schedule", "warmup_stable_decay")
def _hf_wsd(
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
) -> str:
    stable = num_stable_steps
    if stable is None:
        _check(num_training_steps is not None)
        stable = int(num_training_steps or 0) - num_warmup_steps - num_decay_steps
    floor = _number(min_lr_ratio, 0, 1)
    rising, curves = ("linear", "cosine"), ("linear", "cosine", "1-sqrt")
    _check(warmup_type in rising, decay_type in curves, num_cycles == 0.5)
    stages = [f"{warmup_type}({floor}, 1.0, {_count(num_warmup_steps)})"] if num_warmup_steps else []
    stages += [f"constant(1.0, {_count(stable)})"] if stable else []
    levels = f"(1.0, {floor}, {_count(num_decay_steps)}"
    last = f"anneal{levels}, curves.one_minus_sqrt)" if decay_type == "1-sqrt" else f"{decay_type}{levels})"
    return " >> ".join([*stages, last])


# ---- timm: a warmup replaces the start of the curve unless warmup_prefix is true

_TIMM: Final[Mapping[str, Any]] = {
    "cycle_mul": 1.0, "cycle_decay": 1.0, "cycle_limit": 1, "warmup_t": 0, "warmup_lr_init": 0.0,
    "t_in_epochs": True, "noise_range_t": None, "noise_pct": 0.67, "noise_std": 1.0, "noise_seed": 42,
    "k_decay": 1.0, "initialize": True,
}  # fmt: skip
"""The arguments of each scheduler of timm besides those of its curve, with their defaults."""


def _timm(line: Callable[[Callable[[int], str]], str], others: Mapping[str, Any], *, prefix: bool) -> str:
    """Return a curve with its warmup.

    Args:
        line: returns the curve; it receives the function that writes a length.
        others: the arguments besides those of the curve.
        prefix: the default of `warmup_prefix`.
    """
    given = {**_TIMM, "warmup_prefix": prefix, **others}
    # `cycle_mul` and the like have no effect with one cycle and without noise.
    _check(len(given) == len(_TIMM) + 1, *(given[name] == _TIMM[name] for name in ("noise_range_t", "cycle_limit")))
    _check(given["k_decay"] == 1, given["initialize"] is True)
    by_epoch = given["t_in_epochs"]

    def length(count: int) -> str:
        return f'"{_count(count)} epochs"' if by_epoch else _count(count)

    whole = line(length)
    if given["warmup_t"]:
        ramp = f"warmup({length(given['warmup_t'])}, {_level(given['warmup_lr_init'])})"
        if given["warmup_prefix"] and whole.startswith("multistep("):  # a stage must reach its last milestone
            whole = f"overlay({ramp}, shift({whole}, {length(given['warmup_t'])}))"
        else:
            whole = f"{ramp} >> {whole}" if given["warmup_prefix"] else f"overlay({ramp}, {whole})"
    return f'every({whole}, "epoch")' if by_epoch else whole


@_calls("timm", "CosineLRScheduler")
def _timm_cosine(t_initial: int, lr_min: float = 0.0, **others: Any) -> str:
    return _timm(lambda length: f"cosine(1.0, {_level(lr_min)}, {length(t_initial)})", others, prefix=False)


@_calls("timm", "PolyLRScheduler")
def _timm_poly(t_initial: int, power: float = 0.5, lr_min: float = 0.0, **others: Any) -> str:
    levels = f"{_above_0(power)}, 1.0, {_level(lr_min)}"
    return _timm(lambda length: f"polynomial({levels}, {length(t_initial)})", others, prefix=False)


@_calls("timm", "StepLRScheduler")
def _timm_step(decay_t: int, decay_rate: float = 1.0, **others: Any) -> str:
    return _timm(lambda length: f"step({length(decay_t)}, {_above_0(decay_rate)})", others, prefix=True)


@_calls("timm", "MultiStepLRScheduler")
def _timm_multi_step(decay_t: Sequence[int], decay_rate: float = 1.0, **others: Any) -> str:
    counts = [one - 1 for one in sorted(decay_t)]  # timm acts one count before a milestone
    return _timm(
        lambda length: f"multistep([{', '.join(map(length, counts))}], {_above_0(decay_rate)})", others, prefix=True
    )


# ---- optax and Keras: values are absolute


@_calls("optax", "constant_schedule")
def _optax_constant(value: float) -> str:
    return f"constant({_level(value)})"


@_calls("optax", "linear_schedule")
def _optax_linear(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> str:
    line = f"linear({_level(init_value)}, {_level(end_value)}, {_count(transition_steps)})"
    return _delayed(line, init_value, transition_begin)


def _delayed(line: str, first: float, begin: int) -> str:
    return f"constant({_level(first)}, {_count(begin)}) >> {line}" if begin else line


@_calls("optax", "polynomial_schedule")
def _optax_polynomial(
    init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0
) -> str:
    levels = f"{_level(init_value)}, {_level(end_value)}"
    line = f"polynomial({_above_0(power)}, {levels}, {_count(transition_steps)})"
    return _delayed(line, init_value, transition_begin)


@_calls("optax", "cosine_decay_schedule")
def _optax_cosine(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> str:
    levels = f"{_level(init_value)}, {_level(_rounded(init_value * alpha))}, {_count(decay_steps)}"
    return f"cosine({levels})" if exponent == 1 else f"anneal({levels}, curves.cosine_power({_above_0(exponent)}))"


@_calls("optax", "exponential_decay")
def _optax_exponential(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> str:
    steps, rate = _count(transition_steps), _above_0(decay_rate)
    line = f"constant({_level(init_value)}) * " + (
        f"step({steps}, {rate})" if staircase else f"exponential({rate}, {steps})"
    )
    if end_value is not None:
        line = f"clamp({line}, {'low' if decay_rate < 1 else 'high'}={_level(end_value)})"
        _check(init_value >= end_value if decay_rate < 1 else init_value <= end_value)
    return _delayed(line, init_value, transition_begin)


@_calls("optax", "warmup_constant_schedule")
def _optax_warmup(init_value: float, peak_value: float, warmup_steps: int) -> str:
    return f"linear({_level(init_value)}, {_level(peak_value)}, {_count(warmup_steps)})"


@_calls("optax", "warmup_cosine_decay_schedule")
def _optax_warmup_cosine(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> str:
    rising = _optax_warmup(init_value, peak_value, warmup_steps)
    _above_0(peak_value)
    return f"{rising} >> {_optax_cosine(peak_value, decay_steps - warmup_steps, end_value / peak_value, exponent)}"


@_calls("optax", "warmup_exponential_decay_schedule")
def _optax_warmup_exponential(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> str:
    falling = _optax_exponential(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return f"{_optax_warmup(init_value, peak_value, warmup_steps)} >> {falling}"


@_calls("optax", "linear_onecycle_schedule")
def _optax_linear_cycle(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> str:
    low = peak_value / div_factor
    ends = [int(pct_start * transition_steps), int(pct_final * transition_steps), transition_steps]
    return _optax_stages("linear", [low, peak_value, low, low / final_div_factor], ends)


@_calls("optax", "cosine_onecycle_schedule")
def _optax_cosine_cycle(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> str:
    levels = [peak_value / div_factor, peak_value, peak_value / (div_factor * final_div_factor)]
    return _optax_stages("cosine", levels, [int(pct_start * transition_steps), int(transition_steps)])


def _optax_stages(shape: str, levels: Sequence[float], ends: Sequence[int]) -> str:
    pairs = zip(pairwise(levels), pairwise([0, *ends]), strict=True)
    return " >> ".join(
        f"{shape}({_level(_rounded(a))}, {_level(_rounded(b))}, {_count(end - begin)})"
        for (a, b), (begin, end) in pairs
    )


@_calls("optax", "join_schedules")
def _join_schedules(schedules: Sequence[Stage], boundaries: Sequence[int]) -> str:
    return _sequential_lr(schedules, boundaries)


@_calls("keras", "CosineDecay")
def _keras_cosine(
    initial_learning_rate: float,
    decay_steps: int,
    alpha: float = 0.0,
    name: str = "",
    warmup_target: float | None = None,
    warmup_steps: int = 0,
) -> str:
    if warmup_target is None or not warmup_steps:
        first = initial_learning_rate if warmup_target is None else warmup_target
        return _optax_cosine(first, decay_steps, alpha)
    rising = _optax_warmup(initial_learning_rate, warmup_target, warmup_steps)
    return f"{rising} >> {_optax_cosine(warmup_target, decay_steps, alpha)}"


@_calls("keras", "CosineDecayRestarts")
def _keras_restarts(
    initial_learning_rate: float,
    first_decay_steps: int,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: str = "",
) -> str:
    cycles = (
        f'cosine_restarts({_count(first_decay_steps)}, {_number(t_mul, 1)}, gamma={_above_0(m_mul)}, lengths="exact")'
    )
    floor = f" + constant({_level(_rounded(initial_learning_rate * alpha))})" if alpha else ""
    return f"constant({_level(_rounded(initial_learning_rate * (1 - alpha)))}) * {cycles}{floor}"


@_calls("keras", "ExponentialDecay")
def _keras_exponential(
    initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False, name: str = ""
) -> str:
    return _optax_exponential(initial_learning_rate, decay_steps, decay_rate, 0, staircase)


@_calls("keras", "InverseTimeDecay")
def _keras_inverse_time(
    initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False, name: str = ""
) -> str:
    steps = _count(decay_steps)
    line = f"inverse_time({_above_0(decay_rate)}, {steps})"
    return f"constant({_level(initial_learning_rate)}) * {f'every({line}, {steps})' if staircase else line}"


@_calls("keras", "PolynomialDecay")
def _keras_polynomial(
    initial_learning_rate: float,
    decay_steps: int,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
    name: str = "",
) -> str:
    _check(not cycle)
    return _optax_polynomial(initial_learning_rate, end_learning_rate, power, decay_steps)


@_calls("keras", "PiecewiseConstantDecay")
def _keras_piecewise(boundaries: Sequence[int], values: Sequence[float], name: str = "") -> str:
    _counts(boundaries)
    begins = [0, *(one + 1 for one in boundaries)]  # a boundary acts one update late
    points = [f"({begin}, {_level(value)})" for begin, value in zip(begins, values, strict=True)]
    return f"piecewise([{', '.join(points)}])"


# ---- fastai: fractions of the run


@_calls("fastai", "SchedNo")
def _fastai_no(start: float, end: float) -> str:
    return f"constant({_level(start)})"


@_calls("fastai", "SchedLin")
def _fastai_linear(start: float, end: float) -> str:
    return f"linear({_level(start)}, {_level(end)})"


@_calls("fastai", "SchedCos")
def _fastai_cosine(start: float, end: float) -> str:
    return f"cosine({_level(start)}, {_level(end)})"


@_calls("fastai", "SchedExp")
def _fastai_exponential(start: float, end: float) -> str:
    _check(start > 0, end > 0)
    return f"geometric({_level(start)}, {_level(end)})"


@_calls("fastai", "SchedPoly")
def _fastai_polynomial(start: float, end: float, power: float) -> str:
    return f"anneal({_level(start)}, {_level(end)}, curve=curves.power({_above_0(power)}))"


@_calls("fastai", "combined_cos")
def _fastai_combined(pct: float, start: float, middle: float, end: float) -> str:
    share = f'"{Fraction(_number(pct)) * 100} %"'
    _check(0 < pct < 1)
    rising = f"cosine({_level(start)}, {_level(middle)}, {share})"
    return f"with_lengths({rising} >> cosine({_level(middle)}, {_level(end)}))"


@_calls("fastai", "fit_one_cycle")
def _fastai_one_cycle(
    n_epoch: int, lr_max: float, div: float = 25.0, div_final: float = 1e5, pct_start: float = 0.25
) -> str:
    return _fastai_combined(pct_start, _rounded(lr_max / div), lr_max, _rounded(lr_max / div_final))


@_calls("fastai", "fit_flat_cos")
def _fastai_flat(n_epoch: int, lr: float, div_final: float = 1e5, pct_start: float = 0.75) -> str:
    return _fastai_combined(pct_start, lr, lr, _rounded(lr / div_final))


# ---- MMEngine: the rules of a recurrence have the meaning of its schedulers


def _rule(rule: str, begin: int = 0, end: int = _ENDLESS, by_epoch: bool = True, **others: Any) -> str:
    """Return a rule in the window of a scheduler.

    Args:
        rule: the rule, without its closing bracket.
        begin, end, by_epoch: the window.
        others: arguments without effect; a conversion to iterations needs the length of an epoch.
    """
    _check(others in ({}, {"convert_to_iter_based": False}), begin < end)
    first = f", begin={_count(begin)}" if begin else ""
    last = f", end={_count(end)}"
    by = ', by="epoch"' if by_epoch else ""
    return f"recurrence({rule}{first}{last}{by}))"


@_calls("mmengine", "Constant")
def _mm_constant(factor: float = 1.0 / 3, **window: Any) -> str:
    return _rule(f"rules.constant({_number(factor, 1e-300, 1)}", **window)


@_calls("mmengine", "Linear")
def _mm_linear(start_factor: float = 1.0 / 3, end_factor: float = 1.0, **window: Any) -> str:
    return _rule(f"rules.linear({_number(start_factor, 1e-300, 1)}, {_number(end_factor, 0, 1)}", **window)


@_calls("mmengine", "Exponential")
def _mm_exponential(gamma: float, **window: Any) -> str:
    return _rule(f"rules.exponential({_above_0(gamma)}", **window)


@_calls("mmengine", "Step")
def _mm_step(step_size: int, gamma: float = 0.1, **window: Any) -> str:
    return _rule(f"rules.step({_count(step_size)}, {_above_0(gamma)}", **window)


@_calls("mmengine", "MultiStep")
def _mm_multi_step(milestones: Sequence[int], gamma: float = 0.1, **window: Any) -> str:
    return _rule(f"rules.multistep({_counts(milestones)}, {_above_0(gamma)}", **window)


@_calls("mmengine", "Poly")
def _mm_poly(eta_min: float = 0, power: float = 1.0, **window: Any) -> str:
    return _rule(f"rules.polynomial({_above_0(power)}, {_level(eta_min)}", **window)


@_calls("mmengine", "CosineAnnealing")
def _mm_cosine(
    T_max: int | None = None,
    eta_min: float | None = None,
    eta_min_ratio: float | None = None,
    **window: Any,
) -> str:
    _check(eta_min is None or eta_min_ratio is None)
    floor = _level(eta_min or 0.0) if eta_min_ratio is None else _number(eta_min_ratio, 0, 1)
    return _rule(f"rules.cosine({floor}{f', {_count(T_max)}' if T_max else ''}", **window)
