"""A schedule of optax as a schedule of ours: a row for each constructor."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from paramsched import curves
from paramsched.base.codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.base.diagnostic import child_path
from paramsched.config.faults import short_json
from paramsched.config.peer_arguments import (
    ReadEntry,
    ReadingNotes,
    cut_to_length,
    is_count,
    is_plain_number,
    product_as_written,
)
from paramsched.errors import InvalidArgument
from paramsched.feedback import plateau
from paramsched.feedback.plateau import Plateau
from paramsched.peers.optax.entries import read_arguments_of, read_optax_entry
from paramsched.peers.optax.tables import (
    PLATEAU,
    CosineDecay,
    CosineOneCycle,
    ExponentialDecay,
    Join,
    Linear,
    LinearOneCycle,
    PiecewiseConstant,
    Polynomial,
    ReduceOnPlateau,
    Sgdr,
    WarmupConstant,
    WarmupCosine,
    WarmupExponential,
)
from paramsched.schedules import (
    Level,
    Schedule,
    anneal,
    constant,
    exponential,
    maximum,
    minimum,
    piecewise,
    polynomial,
    step,
)
from paramsched.schedules.sequence import in_order
from paramsched.time import Duration


def schedule_of_entry(data: Any, path: str, notes: ReadingNotes) -> Schedule:
    """The schedule that stands at a path; `constant()` stands in where a fault was noted."""
    given = read_optax_entry(data, path, notes)
    if given is None:
        return constant()
    if given.name == PLATEAU:
        found = "it reacts to a metric, and no schedule is made of it"
        notes.faults.add(
            path, found, "Put it beside the schedule: {schedule: {…}, reduce_on_plateau: {…}}", code=REFUSED_VALUE
        )
        return constant()
    try:
        return _ROWS[given.name](given, given.arguments)
    except InvalidArgument as refusal:
        notes.faults.refuse(given.path, refusal)
        return constant()


def _power_way(at: ReadEntry, given: Linear | Polynomial, power: float) -> Schedule:
    start, to, steps = at.notes.level(given.init_value), at.notes.level(given.end_value), given.transition_steps
    if steps <= 0:
        at.warn_held("transition_steps", steps)
    if steps <= 0 or power == 0:
        return constant(start)
    return _later(polynomial(power, start, to, steps), given.transition_begin, start)


def _later(schedule: Schedule, begin: int, first: Level) -> Schedule:
    """optax takes a begin below 0 for none."""
    return constant(first, begin) >> schedule if begin > 0 else schedule


def _optax_exponential(at: ReadEntry, given: ExponentialDecay | WarmupExponential, value: float) -> Schedule:
    steps, rate, end, notes = given.transition_steps, given.decay_rate, given.end_value, at.notes
    if steps <= 0:
        at.warn_held("transition_steps", steps)
    if steps <= 0 or rate == 0:
        return constant(notes.level(value))
    if value == 0:
        return constant(notes.level(0.0 if end is None else max(0.0, end) if rate < 1 else min(0.0, end)))
    period = Duration.of_updates(Fraction(repr(steps)))
    shape = step(period, rate) if given.staircase else exponential(rate, period)
    decay = _later(notes.scaled(value, shape), given.transition_begin, notes.level(value))
    if end is None:
        return decay
    return (maximum if rate < 1 else minimum)(decay, constant(notes.level(end)))


def _warmup_exponential(at: ReadEntry, given: WarmupExponential) -> Schedule:
    return in_order([*_ramp_of(at, given), _optax_exponential(at, given, given.peak_value)])


def _cosine_way(at: ReadEntry, start: float, to: float, steps: int, exponent: float) -> Schedule:
    if exponent == 0 or start == 0:
        return constant(at.notes.level(start))
    curve = curves.cosine if exponent == 1 else curves.cosine_power(exponent)
    return anneal(at.notes.level(start), at.notes.level(to), steps, curve)


def _cosine_decay(at: ReadEntry, given: CosineDecay) -> Schedule:
    to = product_as_written(given.init_value, given.alpha)
    return _cosine_way(at, given.init_value, to, given.decay_steps, given.exponent)


def _ramp_of(at: ReadEntry, given: WarmupConstant) -> tuple[Schedule, ...]:
    first, peak = at.notes.level(given.init_value), at.notes.level(given.peak_value)
    return (anneal(first, peak, given.warmup_steps),) if given.warmup_steps else ()


def _warmup_constant(at: ReadEntry, given: WarmupConstant) -> Schedule:
    if given.warmup_steps <= 0:
        at.warn_held("warmup_steps", given.warmup_steps)
        return constant(at.notes.level(given.init_value))
    return _ramp_of(at, given)[0]


def _warmup_cosine(at: ReadEntry, given: WarmupCosine) -> Schedule:
    steps = given.decay_steps - given.warmup_steps
    if steps <= 0:
        found = f"{given.decay_steps} with the warmup's {given.warmup_steps} updates in it"
        at.refuse("decay_steps", found, "Write the updates of the warmup and of the decay together", "warmup_steps")
        return constant()
    # optax divides by the peak: an end is nothing where the peak is.
    end = given.end_value if given.peak_value else 0.0
    return in_order([*_ramp_of(at, given), _cosine_way(at, given.peak_value, end, steps, given.exponent)])


def _sgdr(at: ReadEntry, given: Sgdr) -> Schedule:
    """A warmup and a cosine in each cycle."""
    stages = []
    for index, one in enumerate(given.cosine_kwargs):
        path = child_path(at.path, "cosine_kwargs", index)
        cycle = read_arguments_of("warmup_cosine_decay_schedule", one, path, at.notes)
        if cycle is not None:
            stages.append(cut_to_length(_warmup_cosine(cycle, cycle.arguments), cycle.arguments.decay_steps))
    if not given.cosine_kwargs:
        at.refuse("cosine_kwargs", "expected a cycle at least", "Write a list with the arguments of each cycle")
    return in_order(stages) if stages else constant()


def _boundaries(at: ReadEntry, found: Any) -> list[tuple[int, float]]:
    """The updates and the factors in order; JSON has the updates as text."""
    name, instead = "boundaries_and_scales", "Write {1000: 0.1, 2000: 0.1}"
    if found is None:
        return []
    if not isinstance(found, Mapping):
        at.refuse(name, f"expected a mapping of updates to factors, got {short_json(found)}", instead)
        return []
    pairs = []
    for key, scale in found.items():
        time = int(key) if isinstance(key, str) and key.strip().isdecimal() else key
        path = child_path(at.path, name, str(key))
        if not is_count(time):
            found_key = f"expected a whole number of at least 0, got {short_json(key)}"
            at.notes.faults.add(path, found_key, instead, code=WRONG_TYPE)
        elif not is_plain_number(scale) or scale < 0:
            found_scale = f"expected a factor of at least 0, got {short_json(scale)}"
            at.notes.faults.add(path, found_scale, instead, code=REFUSED_VALUE)
        else:
            pairs.append((int(time), float(scale)))
    return sorted(pairs)


def _optax_piecewise_constant(at: ReadEntry, given: PiecewiseConstant) -> Schedule:
    value = given.init_value
    points = {0: value}
    for time, scale in _boundaries(at, given.boundaries_and_scales):
        value = product_as_written(value, scale)
        points[time] = value
    return piecewise(tuple((time, at.notes.level(one)) for time, one in points.items()))


def _ways_between(at: ReadEntry, kind: str, value: float, boundaries: list[tuple[int, float]]) -> Schedule:
    """From each value to the next; the last is held."""
    curve, level = curves.cosine if kind == "cosine" else curves.linear, at.notes.level
    stages: list[Schedule] = []
    for (begin, _), (end, scale) in pairwise([(0, 1.0), *boundaries]):
        reached = product_as_written(value, scale)
        if end > begin:
            stages.append(anneal(level(value), level(reached), end - begin, curve))
        value = reached
    if not stages:
        return constant(level(value))
    return in_order(stages)


def _linear_cycle(at: ReadEntry, given: LinearOneCycle) -> Schedule:
    steps, first, last = given.transition_steps, given.div_factor, given.final_div_factor
    # A dict, as in optax: of two boundaries at one update the later one counts.
    scales = {int(given.pct_start * steps): first, int(given.pct_final * steps): 1.0 / first, steps: 1.0 / last}
    return _ways_between(at, "linear", given.peak_value / first, sorted(scales.items()))


def _cosine_cycle(at: ReadEntry, given: CosineOneCycle) -> Schedule:
    steps, first = given.transition_steps, given.div_factor
    scales = {int(given.pct_start * steps): first, steps: 1.0 / (first * given.final_div_factor)}
    return _ways_between(at, "cosine", given.peak_value / first, sorted(scales.items()))


def _joined(at: ReadEntry, given: Join) -> Schedule:
    """A stage for each schedule, on its own clock."""
    if not given.schedules:
        at.refuse("schedules", "expected a schedule at least", "Write a list of schedules")
        return constant()
    path = child_path(at.path, "schedules")
    members = [schedule_of_entry(one, child_path(path, index), at.notes) for index, one in enumerate(given.schedules)]
    times = _joints(at, given.boundaries, len(members))
    if times is None:
        return constant()
    # A stage that ends where it begins is none.
    stages = [
        cut_to_length(member, end - begin)
        for member, (begin, end) in zip(members[:-1], pairwise([0, *times]), strict=True)
        if end > begin
    ]
    return in_order([*stages, members[-1]])


def _joints(at: ReadEntry, times: Any, members: int) -> list[int] | None:
    """The boundaries; None, and a fault, where they do not fit."""
    whole = isinstance(times, (list, tuple)) and all(map(is_count, times))
    if not whole or list(times) != sorted(times):
        found = f"expected a list of updates in order, got {short_json(times)}"
        at.refuse("boundaries", found, "Write boundaries: [1000] for two schedules")
        return None
    if len(times) != members - 1:
        found = f"{len(times)} for {members} schedules, and optax leaves out what has no partner"
        at.refuse("boundaries", found, f"Write {members - 1} boundaries", "schedules")
        return None
    return [int(one) for one in times]


_ROWS: Final[Mapping[str, Callable[[ReadEntry, Any], Schedule]]] = {
    "constant_schedule": lambda at, given: constant(at.notes.level(given.value)),
    "linear_schedule": lambda at, given: _power_way(at, given, 1.0),
    "polynomial_schedule": lambda at, given: _power_way(at, given, given.power),
    "exponential_decay": lambda at, given: _optax_exponential(at, given, given.init_value),
    "cosine_decay_schedule": _cosine_decay,
    "piecewise_constant_schedule": _optax_piecewise_constant,
    "piecewise_interpolate_schedule": lambda at, given: _ways_between(
        at, given.interpolate_type, given.init_value, _boundaries(at, given.boundaries_and_scales)
    ),
    "linear_onecycle_schedule": _linear_cycle,
    "cosine_onecycle_schedule": _cosine_cycle,
    "warmup_constant_schedule": _warmup_constant,
    "warmup_cosine_decay_schedule": _warmup_cosine,
    "warmup_exponential_decay_schedule": _warmup_exponential,
    "sgdr_schedule": _sgdr,
    "join_schedules": _joined,
}


def rule_of_entry(data: Any, path: str, monitor: str, notes: ReadingNotes) -> Plateau | None:
    """The rule of `reduce_on_plateau`; it reduces at the last value that is put up with, ours at the one after."""
    at = read_optax_entry(data, path, notes)
    if at is None:
        return None
    given: ReduceOnPlateau = at.arguments
    relative, fixed = given.rtol, given.atol
    if relative and fixed:
        at.refuse("atol", "a plan's threshold is relative or a value, not both", "Write atol: 0", "rtol")
    elif not relative and not fixed:
        at.refuse("rtol", "optax takes no threshold of 0", "Write rtol: 1e-4", "atol")
    elif relative >= 1:
        at.refuse("rtol", f"with {relative:g} nothing ever improves", "Write rtol: 1e-4")
    if given.accumulation_size != 1:
        found = "a plan's rule looks at each value that it is told"
        at.refuse("accumulation_size", found, "Write accumulation_size: 1, and observe means of as many losses")
    if given.min_scale > 1:
        at.refuse("min_scale", f"{given.min_scale:g} would raise the rate", "Write min_scale: 0.01")
    try:
        return plateau(
            monitor,
            factor=given.factor,
            patience=given.patience - 1,
            threshold=relative or fixed,
            threshold_mode="rel" if relative else "abs",
            cooldown=given.cooldown,
            min=given.min_scale,
        )
    except InvalidArgument as refusal:
        notes.faults.refuse(at.path, refusal)
        return None
