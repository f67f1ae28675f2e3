"""A schedule of optax as a schedule of ours: a row for each constructor."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from paramsched import curves
from paramsched._fault_codes import REFUSED_VALUE, WRONG_TYPE
from paramsched.config.dialects.optax.entries import CONSTRUCTORS, PLATEAU, read_optax_entry
from paramsched.config.faults import child_path, short_json
from paramsched.config.peer_arguments import (
    REQUIRED,
    PeerArguments,
    ReadingNotes,
    arguments_with_defaults,
    cut_to_length,
    is_count,
    is_plain_number,
    product_as_written,
)
from paramsched.errors import InvalidArgument
from paramsched.feedback import plateau
from paramsched.feedback.plateau import Plateau
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
        return _ROWS[given.name](given)
    except InvalidArgument as refusal:
        notes.faults.refuse(given.path, refusal)
        return constant()


def _power_way(given: PeerArguments, power: float) -> Schedule:
    start, to = given.level("init_value"), given.level("end_value")
    steps, begin = given.whole("transition_steps"), given.whole("transition_begin")
    if steps <= 0:
        given.warn_held("transition_steps")
    if steps <= 0 or power == 0:
        return constant(start)
    return _later(polynomial(power, start, to, steps), begin, start)


def _later(schedule: Schedule, begin: int, first: Level) -> Schedule:
    """optax takes a begin below 0 for none."""
    return constant(first, begin) >> schedule if begin > 0 else schedule


def _optax_exponential(given: PeerArguments, first: str = "init_value") -> Schedule:
    steps, rate = given.number("transition_steps"), given.number("decay_rate", 0)
    begin, stairs = given.whole("transition_begin"), given.flag("staircase")
    if steps <= 0:
        given.warn_held("transition_steps")
    if steps <= 0 or rate == 0:
        return constant(given.level(first))
    value = given.number(first)
    end = None if given.given["end_value"] is None else given.number("end_value")
    if value == 0:
        return constant(given.notes.level(0.0 if end is None else max(0.0, end) if rate < 1 else min(0.0, end)))
    period = Duration.of_updates(Fraction(repr(steps)))
    shape = step(period, rate) if stairs else exponential(rate, period)
    decay = _later(given.notes.scaled(value, shape), begin, given.notes.level(value))
    if end is None:
        return decay
    return (maximum if rate < 1 else minimum)(decay, constant(given.notes.level(end)))


def _cosine_way(given: PeerArguments, start: float, to: float, steps: int) -> Schedule:
    exponent, notes = given.number("exponent", 0), given.notes
    if exponent == 0 or start == 0:
        return constant(notes.level(start))
    curve = curves.cosine if exponent == 1 else curves.cosine_power(exponent)
    return anneal(notes.level(start), notes.level(to), steps, curve)


def _ramp_of(given: PeerArguments) -> tuple[Schedule, ...]:
    steps = given.count("warmup_steps", 0)
    return (anneal(given.level("init_value"), given.level("peak_value"), steps),) if steps else ()


def _warmup_constant(given: PeerArguments) -> Schedule:
    if given.whole("warmup_steps") <= 0:
        given.warn_held("warmup_steps")
        return constant(given.level("init_value"))
    return _ramp_of(given)[0]


def _warmup_cosine(given: PeerArguments) -> Schedule:
    before = given.notes.faults.count
    peak, end = given.number("peak_value"), given.number("end_value")
    ramp, steps = _ramp_of(given), given.count("decay_steps", 1) - given.count("warmup_steps", 0)
    if steps <= 0 and given.notes.faults.count == before and REQUIRED not in given.given.values():
        found = f"{given.given['decay_steps']} with the warmup's {given.given['warmup_steps']} updates in it"
        given.refuse("decay_steps", found, "Write the updates of the warmup and of the decay together")
        return constant()
    # optax divides by the peak: an end is nothing where the peak is.
    fall = _cosine_way(given, peak, end if peak else 0.0, max(steps, 1))
    return in_order([*ramp, fall])


def _sgdr(given: PeerArguments) -> Schedule:
    """A warmup and a cosine in each cycle."""
    cycles: Any = given.given["cosine_kwargs"]
    if not isinstance(cycles, (list, tuple)) or not cycles:
        if cycles is not REQUIRED:
            found = f"{short_json(cycles)} is no list of cycles"
            given.refuse("cosine_kwargs", found, "Write a list with the arguments of each cycle", code=WRONG_TYPE)
        return constant()
    name = "warmup_cosine_decay_schedule"
    stages = []
    for index, one in enumerate(cycles):
        path = child_path(given.path, "cosine_kwargs", index)
        cycle = arguments_with_defaults(name, one, path, CONSTRUCTORS[name], given.notes)
        stages.append(cut_to_length(_warmup_cosine(cycle), cycle.count("decay_steps", 1)))
    return in_order(stages)


def _boundaries(given: PeerArguments) -> list[tuple[int, float]]:
    """The updates and the factors in order; JSON has the updates as text."""
    found: Any = given.given["boundaries_and_scales"]
    name, instead = "boundaries_and_scales", "Write {1000: 0.1, 2000: 0.1}"
    if found is None:
        return []
    if not isinstance(found, Mapping):
        given.refuse(name, f"{short_json(found)} is no mapping of updates to factors", instead)
        return []
    pairs = []
    for key, scale in found.items():
        time = int(key) if isinstance(key, str) and key.strip().isdecimal() else key
        path = child_path(given.path, name, str(key))
        if not is_count(time):
            given.notes.faults.add(path, f"{short_json(key)} is no whole number from 0 on", instead, code=WRONG_TYPE)
        elif not is_plain_number(scale) or scale < 0:
            given.notes.faults.add(path, f"{short_json(scale)} is no factor from 0 on", instead, code=REFUSED_VALUE)
        else:
            pairs.append((int(time), float(scale)))
    return sorted(pairs)


def _optax_piecewise_constant(given: PeerArguments) -> Schedule:
    value = given.number("init_value")
    points = {0: value}
    for time, scale in _boundaries(given):
        value = product_as_written(value, scale)
        points[time] = value
    return piecewise(tuple((time, given.notes.level(one)) for time, one in points.items()))


def _ways_between(given: PeerArguments, kind: str, value: float, boundaries: list[tuple[int, float]]) -> Schedule:
    """From each value to the next; the last is held."""
    curve, level = curves.cosine if kind == "cosine" else curves.linear, given.notes.level
    stages: list[Schedule] = []
    for (begin, _), (end, scale) in pairwise([(0, 1.0), *boundaries]):
        reached = product_as_written(value, scale)
        if end > begin:
            stages.append(anneal(level(value), level(reached), end - begin, curve))
        value = reached
    if not stages:
        return constant(level(value))
    return in_order(stages)


def _linear_cycle(given: PeerArguments) -> Schedule:
    steps, first, last = _cycle_facts(given)
    up, down = given.number("pct_start", 0), given.number("pct_final", 0)
    # A dict, as in optax: of two boundaries at one update the later one counts.
    scales = {int(up * steps): first, int(down * steps): 1.0 / first, steps: 1.0 / last}
    return _ways_between(given, "linear", given.number("peak_value") / first, sorted(scales.items()))


def _cosine_cycle(given: PeerArguments) -> Schedule:
    steps, first, last = _cycle_facts(given)
    scales = {int(given.number("pct_start", 0) * steps): first, steps: 1.0 / (first * last)}
    return _ways_between(given, "cosine", given.number("peak_value") / first, sorted(scales.items()))


def _cycle_facts(given: PeerArguments) -> tuple[int, float, float]:
    factors = (given.number(name, above=0) for name in ("div_factor", "final_div_factor"))
    return given.count("transition_steps", 1), *factors  # type: ignore[return-value]  # two of them


def _joined(given: PeerArguments) -> Schedule:
    """A stage for each schedule, on its own clock."""
    found: Any = given.given["schedules"]
    if not isinstance(found, (list, tuple)) or not found:
        if found is not REQUIRED:
            given.refuse(
                "schedules",
                f"{short_json(found)} is no list of schedules",
                "Write a list of schedules",
                code=WRONG_TYPE,
            )
        return constant()
    path = child_path(given.path, "schedules")
    members = [schedule_of_entry(one, child_path(path, index), given.notes) for index, one in enumerate(found)]
    times = _joints(given, len(members))
    if times is None:
        return constant()
    # A stage that ends where it begins is none.
    stages = [
        cut_to_length(member, end - begin)
        for member, (begin, end) in zip(members[:-1], pairwise([0, *times]), strict=True)
        if end > begin
    ]
    return in_order([*stages, members[-1]])


def _joints(given: PeerArguments, members: int) -> list[int] | None:
    """The boundaries; None, and a fault, where they do not fit."""
    times: Any = given.given["boundaries"]
    if times is REQUIRED:
        return None
    whole = isinstance(times, (list, tuple)) and all(map(is_count, times))
    if not whole or list(times) != sorted(times):
        found = f"{short_json(times)} is no list of updates in order"
        given.refuse("boundaries", found, "Write boundaries: [1000] for two schedules", code=REFUSED_VALUE)
        return None
    if len(times) != members - 1:
        found = f"{len(times)} for {members} schedules, and optax leaves out what has no partner"
        given.refuse("boundaries", found, f"Write {members - 1} boundaries", code=REFUSED_VALUE)
        return None
    return [int(one) for one in times]


_ROWS: Final[Mapping[str, Callable[[PeerArguments], Schedule]]] = {
    "constant_schedule": lambda given: constant(given.level("value")),
    "linear_schedule": lambda given: _power_way(given, 1.0),
    "polynomial_schedule": lambda given: _power_way(given, given.number("power", 0)),
    "exponential_decay": _optax_exponential,
    "cosine_decay_schedule": lambda given: _cosine_way(
        given,
        given.number("init_value"),
        product_as_written(given.number("init_value"), given.number("alpha")),
        given.count("decay_steps", 1),
    ),
    "piecewise_constant_schedule": _optax_piecewise_constant,
    "piecewise_interpolate_schedule": lambda given: _ways_between(
        given,
        given.choice("interpolate_type", ("linear", "cosine")),
        given.number("init_value"),
        _boundaries(given),
    ),
    "linear_onecycle_schedule": _linear_cycle,
    "cosine_onecycle_schedule": _cosine_cycle,
    "warmup_constant_schedule": _warmup_constant,
    "warmup_cosine_decay_schedule": _warmup_cosine,
    "warmup_exponential_decay_schedule": lambda given: in_order(
        [*_ramp_of(given), _optax_exponential(given, "peak_value")]
    ),
    "sgdr_schedule": _sgdr,
    "join_schedules": _joined,
}


def rule_of_entry(data: Any, path: str, monitor: str, notes: ReadingNotes) -> Plateau | None:
    """The rule of `reduce_on_plateau`; it reduces at the last value that is put up with, ours at the one after."""
    given = read_optax_entry(data, path, notes)
    if given is None:
        return None
    relative, fixed = given.number("rtol", 0), given.number("atol", 0)
    if relative and fixed:
        given.refuse("atol", "a plan's threshold is relative or a value, not both", "Write atol: 0")
    elif not relative and not fixed:
        given.refuse("rtol", "optax takes no threshold of 0", "Write rtol: 1e-4")
    elif relative >= 1:
        given.refuse("rtol", f"with {relative:g} nothing ever improves", "Write rtol: 1e-4")
    if given.given["accumulation_size"] != 1:
        found = "a plan's rule looks at each value that it is told"
        given.refuse("accumulation_size", found, "Write accumulation_size: 1, and observe means of as many losses")
    least = given.number("min_scale", 0)
    if least > 1:
        given.refuse("min_scale", f"{least:g} would raise the rate", "Write min_scale: 0.01")
    factor, patience = given.number("factor", above=0), given.count("patience", 1) - 1
    cooldown = given.count("cooldown", 0)
    try:
        return plateau(
            monitor,
            factor=factor,
            patience=patience,
            threshold=relative or fixed,
            threshold_mode="rel" if relative else "abs",
            cooldown=cooldown,
            min=least,
        )
    except InvalidArgument as refusal:
        notes.faults.refuse(given.path, refusal)
        return None
