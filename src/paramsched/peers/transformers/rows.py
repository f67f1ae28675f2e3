"""The schedulers of transformers, a row each: its arguments, and its plan."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, final

from paramsched import curves
from paramsched.base.codes import MISSING_FACT, REFUSED_VALUE, WRONG_ARGUMENT
from paramsched.config.peer_arguments import level_of_value
from paramsched.curves import Curve
from paramsched.feedback import greedy, plateau
from paramsched.feedback.base import Mode, ThresholdMode
from paramsched.peers.transformers.run_arguments import RunArguments
from paramsched.schedules import (
    Level,
    Schedule,
    anneal,
    constant,
    cosine,
    cosine_wave,
    inverse_sqrt,
    linear,
    polynomial,
    restarts,
    skip,
    warmup,
)
from paramsched.time import Duration

_PLATEAU: Final = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps")
_GREEDY: Final = (*_PLATEAU, "warmup", "max_lr", "verbose", "smooth", "window_size", "reset_start")


def _reduce_on_plateau(run: RunArguments) -> Iterator[Schedule]:
    """torch's plateau, whose floor and smallest change are values."""
    own = run.keywords
    least, change = own.number("min_lr", 0.0, least=0), own.number("eps", 1e-8, least=0)
    if run.lr is None and change and own.given("eps"):
        _ask_for_rate(run, "a plateau's eps is a value")
    # Both are multiples of one rate, or the floor is the value that it is: a smallest change hangs on both.
    relative = run.lr is not None and change > 0
    base = run.lr or 1.0
    yield constant() * plateau(
        run.metric,
        _mode(run),
        factor=own.number("factor", 0.1, above=0),
        patience=own.count("patience", 10),
        threshold=own.number("threshold", 1e-4, least=0),
        threshold_mode=_threshold_mode(run, "rel"),
        cooldown=own.count("cooldown", 0),
        min=least / base if relative else level_of_value(least),
        eps=change / base if relative else 0.0,
    )


def _raise_or_reduce(run: RunArguments) -> Iterator[Schedule]:
    """GreedyLR, whose bounds and smallest change are values."""
    own = run.keywords
    if run.lr is None:
        _ask_for_rate(run, "the bounds of greedy are values")
    base = run.lr or 1.0
    window = own.count("window_size", 50, least=1)
    yield constant() * greedy(
        run.metric,
        _mode(run),
        factor=own.number("factor", 0.95, above=0),
        patience=own.count("patience", 10),
        threshold=own.number("threshold", 1e-6, least=0),
        threshold_mode=_threshold_mode(run, "abs"),
        cooldown=own.count("cooldown", 0),
        warmup=own.count("warmup", 0),
        min=own.number("min_lr", 1e-3, least=0) / base,
        max=own.number("max_lr", 1.0, above=0) / base,
        eps=own.number("eps", 1e-8, least=0) / base,
        window=window if own.flag("smooth") else 1,
        reset=max(own.count("reset_start", 500), 1),
    )


def _mode(run: RunArguments) -> Mode:
    return "max" if run.keywords.choice("mode", "min", ("min", "max")) == "max" else "min"


def _threshold_mode(run: RunArguments, default: ThresholdMode) -> ThresholdMode:
    return "abs" if run.keywords.choice("threshold_mode", default, ("rel", "abs")) == "abs" else "rel"


def _ask_for_rate(run: RunArguments, why: str) -> None:
    run.keywords.faults.add(
        "$.learning_rate", f"it is missing, and {why}", "Write learning_rate: 5e-5", code=WRONG_ARGUMENT
    )


_MOST_CYCLES: Final = 100_000


@final
@dataclass(frozen=True, slots=True)
class _SchedulerRow:
    """One scheduler.

    Args:
        stages: what a run of it is, one stage behind the other.
        ramp: its warmup; None where it has none.
        ignores: whether `get_scheduler` hands it none of the arguments it is given.
    """

    function: str
    keywords: tuple[str, ...]
    stages: Callable[[RunArguments], Iterable[Schedule]]
    ramp: Callable[[RunArguments], Schedule] | None = None
    ignores: bool = False


def schedule_of_run(row: _SchedulerRow, run: RunArguments) -> Schedule:
    """The schedule of a run; what is wrong with its arguments is noted."""
    whole = None if row.ramp is None or not run.warmup.terms else row.ramp(run)
    for stage in row.stages(run):
        if whole is None:
            whole = stage
        elif not run.all_warmup:
            whole = whole >> stage
    return constant() if whole is None else whole


def _ramp_that_arrives(run: RunArguments) -> Schedule:
    """That of `cosine_warmup_with_min_lr`, at base one update earlier than the others."""
    if not run.keywords.given("warmup_lr_rate"):
        return warmup(run.warmup, index="(t+1)/n")
    start = run.keywords.number("warmup_lr_rate", 0.0, least=0)
    if run.warmup == Duration.of(1):
        return constant(start, 1)
    return anneal(start, 1.0, run.warmup, index="t/(n-1)")


RAMPS: Final[dict[str, Curve]] = {
    "linear": curves.linear,
    "cosine": curves.cosine,
    "1-sqrt": curves.polynomial(0.5),
}
DESCENTS: Final = {**RAMPS, "1-sqrt": curves.one_minus_sqrt}
"""The curves of `warmup_stable_decay`, up and down."""


def _ramp_from_floor(run: RunArguments) -> Schedule:
    """That of `warmup_stable_decay`, from its floor on."""
    kind = run.keywords.choice("warmup_type", "linear", RAMPS)
    return anneal(run.keywords.number("min_lr_ratio", 0.0, least=0), 1.0, run.warmup, RAMPS[kind])


def _cosine_early(run: RunArguments) -> Iterator[Schedule]:
    """Every value comes one update earlier."""
    floor, cycles = run.keywords.floor(), run.keywords.number("num_cycles", 0.5)
    if cycles == 0.5:
        yield cosine(to=floor, index="(t+1)/n")
    elif run.left is None:
        _ask_for_total(run, "num_cycles", "waves that begin one update early need")
    elif run.left > 0:
        yield skip(_wave_over(cycles, floor, run.left), 1)


def _waves_of_run(run: RunArguments, floor: Level) -> Schedule:
    return _wave_over(run.keywords.number("num_cycles", 0.5), floor, None)


def _wave_over(cycles: float, floor: Level, over: int | None) -> Schedule:
    """So many cosine waves; half a wave is a descent."""
    if cycles == 0:
        return constant(1.0, over)
    return cosine(to=floor, over=over) if abs(cycles) == 0.5 else cosine_wave(abs(cycles), to=floor, over=over)


def _hard_restarts(run: RunArguments) -> Iterator[Schedule]:
    """Cosine descents, so many in what the warmup leaves."""
    cycles = run.keywords.number("num_cycles", 1.0, above=0)
    if cycles == 1:
        yield cosine()
    elif run.left is None:
        _ask_for_total(run, "num_cycles", "its cycles are shares of what is left behind the warmup, which needs")
    elif run.left > 0:
        period = Fraction(run.left) / Fraction(repr(cycles))
        _refuse_rounded_begin(run, cycles, period)
        times = int(cycles) if cycles.is_integer() else None
        yield restarts(cosine(), Duration.of_updates(period), times) if period >= 1 else cosine()


def _refuse_rounded_begin(run: RunArguments, cycles: float, period: Fraction) -> None:
    """transformers itself rounds: where a cycle begins it then has the floor, where the peak should be."""
    left = run.left or 1
    if period < 1 or cycles > _MOST_CYCLES:
        run.keywords.fault("num_cycles", f"{cycles:g} cycles in {left} updates", "Write num_cycles: 4")
        return
    for index in range(1, math.ceil(cycles)):
        begin = index * period
        if begin.denominator == 1 and (cycles * (float(begin) / float(left))) % 1.0 > 0.5:
            native = f'lr: warmup({run.warmup}) >> restarts(cosine(), "{Duration.of_updates(period)}")'
            found = f"transformers itself rounds the begin of cycle {index}, update {begin}, into the one before"
            run.keywords.fault("num_cycles", found, f"Write a native plan, {native}")
            return


def _power_decay(run: RunArguments) -> Iterator[Schedule]:
    end = run.keywords.number("lr_end", 1e-7, least=0)
    if run.lr is not None and run.lr <= end:
        run.keywords.fault("lr_end", f"{end:g} is not below the rate, {run.lr:g}", "Write lr_end: 0")
    yield polynomial(run.keywords.number("power", 1.0, above=0), to=level_of_value(end))


def _inverse_root(run: RunArguments) -> Iterator[Schedule]:
    given = run.keywords.count("timescale", 0, least=0 if not run.keywords.given("timescale") else 1)
    yield inverse_sqrt(Duration.of(given) if given else run.warmup if run.warmup.terms else 10_000)


def _stable_then_decay(run: RunArguments) -> Iterator[Schedule]:
    """Base, a descent of known length, the floor."""
    own = run.keywords
    if not own.given("num_decay_steps"):
        own.faults.add(own.path, "num_decay_steps is missing", "Write num_decay_steps: 100", code=WRONG_ARGUMENT)
    decay, floor = own.count("num_decay_steps", 1), own.number("min_lr_ratio", 0.0, least=0)
    kind, cycles = own.choice("decay_type", "cosine", DESCENTS), own.number("num_cycles", 0.5)
    waves = kind == "cosine" and cycles != 0.5
    way = _wave_over(cycles, floor, decay) if waves else anneal(1.0, floor, decay, DESCENTS[kind])
    # Without a descent down to it the floor is a stage of its own, where the run is long enough.
    last = [constant(floor)] if waves or not decay else []
    if own.given("num_stable_steps"):
        stable = own.count("num_stable_steps", 0)
        yield constant(1.0, stable)
        last = last if run.left is None or stable + decay <= run.left else []
    elif run.total is None and run.horizon is None:
        own.faults.add(
            "$",
            f"of {run.total_name} and num_stable_steps neither is there",
            "Write num_stable_steps: 100",
            code=REFUSED_VALUE,
        )
    elif run.left is not None and run.left < decay:
        way = skip(way, decay - run.left)
    elif last and run.left is not None:
        yield constant(1.0, run.left - decay)
    else:
        yield constant()
        last = []
    yield from ([way] if decay else []) + last


def _ask_for_total(run: RunArguments, name: str, why: str) -> None:
    instead = f"Write {run.total_name}: 1000, or give a calendar with steps_per_epoch"
    run.keywords.fault(name, f"{why} the number of updates of the run", instead, code=MISSING_FACT)


def _straight_ramp(run: RunArguments) -> Schedule:
    return warmup(run.warmup)


_FLOOR: Final = ("num_cycles", "min_lr", "min_lr_rate")
_WSD: Final = ("num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio", "num_cycles")

SCHEDULERS: Final[dict[str, _SchedulerRow]] = {
    "linear": _SchedulerRow("get_linear_schedule_with_warmup", (), lambda _: [linear()], _straight_ramp),
    "cosine": _SchedulerRow(
        "get_cosine_schedule_with_warmup", ("num_cycles",), lambda run: [_waves_of_run(run, 0.0)], _straight_ramp
    ),
    "cosine_with_restarts": _SchedulerRow(
        "get_cosine_with_hard_restarts_schedule_with_warmup", ("num_cycles",), _hard_restarts, _straight_ramp
    ),
    "polynomial": _SchedulerRow(
        "get_polynomial_decay_schedule_with_warmup", ("lr_end", "power"), _power_decay, _straight_ramp
    ),
    "constant": _SchedulerRow("get_constant_schedule", (), lambda _: [constant()], ignores=True),
    "constant_with_warmup": _SchedulerRow(
        "get_constant_schedule_with_warmup", (), lambda _: [constant()], _straight_ramp, ignores=True
    ),
    "inverse_sqrt": _SchedulerRow("get_inverse_sqrt_schedule", ("timescale",), _inverse_root, _straight_ramp),
    "reduce_lr_on_plateau": _SchedulerRow("get_reduce_on_plateau_schedule", _PLATEAU, _reduce_on_plateau),
    "cosine_with_min_lr": _SchedulerRow(
        "get_cosine_with_min_lr_schedule_with_warmup",
        _FLOOR,
        lambda run: [_waves_of_run(run, run.keywords.floor())],
        _straight_ramp,
    ),
    "cosine_warmup_with_min_lr": _SchedulerRow(
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        (*_FLOOR, "warmup_lr_rate"),
        _cosine_early,
        _ramp_that_arrives,
    ),
    "warmup_stable_decay": _SchedulerRow("get_wsd_schedule", _WSD, _stable_then_decay, _ramp_from_floor),
    "greedy": _SchedulerRow("get_greedy_schedule", _GREEDY, _raise_or_reduce),
}
"""All names of `SchedulerType`."""


def row_named(name: str) -> _SchedulerRow | None:
    """The row of a scheduler's name, or of the function that makes it."""
    return SCHEDULERS.get(name) or next((row for row in SCHEDULERS.values() if row.function == name), None)
