"""Tables of optax's schedule constructors: the arguments in order, and the schedule that each constructor becomes."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, Literal

from paramsched import curves
from paramsched.base.codes import REFUSED_VALUE, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.arguments import (
    ReadEntry,
    ReadingNotes,
    argument,
    argument_table,
    arguments_beside,
    arguments_of,
    cut_to_length,
    is_count,
    is_plain_number,
    product_as_written,
    read_entry,
    table_named,
)
from paramsched.config.diagnostic_collector import short_json, type_name_of
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


def _value() -> Any:
    return argument(example=0.1)


CONSTRUCTORS: Final[dict[str, Any]] = {}
"""The table of each constructor by name."""


@table_named(CONSTRUCTORS, "constant_schedule")
class _Constant:
    value: float = _value()

    def schedule(self, at: ReadEntry) -> Schedule:
        return constant(at.notes.level(self.value))


@table_named(CONSTRUCTORS, "linear_schedule")
class _Linear:
    init_value: float = _value()
    end_value: float = _value()
    transition_steps: int = argument(example=1000)
    transition_begin: int = argument(0)

    def schedule(self, at: ReadEntry) -> Schedule:
        return _polynomial_decay(at, self, 1.0)


@table_named(CONSTRUCTORS, "polynomial_schedule")
class _Polynomial:
    init_value: float = _value()
    end_value: float = _value()
    power: float = argument(low=0, example=1.0)
    transition_steps: int = argument(example=1000)
    transition_begin: int = argument(0)

    def schedule(self, at: ReadEntry) -> Schedule:
        return _polynomial_decay(at, self, self.power)


def _polynomial_decay(at: ReadEntry, arguments: _Linear | _Polynomial, power: float) -> Schedule:
    """Return the polynomial from `init_value` to `end_value`."""
    start, to, steps = (
        at.notes.level(arguments.init_value),
        at.notes.level(arguments.end_value),
        arguments.transition_steps,
    )
    if steps <= 0:
        at.warn_held("transition_steps", steps)
    if steps <= 0 or power == 0:
        return constant(start)
    return _delayed(polynomial(power, start, to, steps), arguments.transition_begin, start)


def _delayed(schedule: Schedule, begin: int, first: Level) -> Schedule:
    """Delay a schedule by `begin` updates; optax ignores a negative `transition_begin`."""
    return constant(first, begin) >> schedule if begin > 0 else schedule


@argument_table
class _Decay:
    """The common arguments of the two constructors with an exponential decay."""

    transition_steps: float = argument(example=1000)
    decay_rate: float = argument(low=0, example=0.9)
    transition_begin: int = argument(0)
    staircase: bool = argument(False)
    end_value: float | None = argument(None, example=0.0)

    def from_value(self, at: ReadEntry, value: float) -> Schedule:
        """Return the decay of an initial value."""
        steps, rate, end, notes = self.transition_steps, self.decay_rate, self.end_value, at.notes
        if steps <= 0:
            at.warn_held("transition_steps", steps)
        if steps <= 0 or rate == 0:
            return constant(notes.level(value))
        if value == 0:
            return constant(notes.level(0.0 if end is None else max(0.0, end) if rate < 1 else min(0.0, end)))
        period = Duration.of_updates(Fraction(repr(steps)))
        shape = step(period, rate) if self.staircase else exponential(rate, period)
        decay = _delayed(notes.scaled(value, shape), self.transition_begin, notes.level(value))
        if end is None:
            return decay
        return (maximum if rate < 1 else minimum)(decay, constant(notes.level(end)))


@argument_table
class _InitialValue:
    init_value: float = _value()


@table_named(CONSTRUCTORS, "exponential_decay")
class _ExponentialDecay(_Decay, _InitialValue):
    def schedule(self, at: ReadEntry) -> Schedule:
        return self.from_value(at, self.init_value)


def _cosine_decay(at: ReadEntry, start: float, to: float, steps: int, exponent: float) -> Schedule:
    if exponent == 0 or start == 0:
        return constant(at.notes.level(start))
    curve = curves.cosine if exponent == 1 else curves.cosine_power(exponent)
    return anneal(at.notes.level(start), at.notes.level(to), steps, curve)


@table_named(CONSTRUCTORS, "cosine_decay_schedule")
class _CosineDecay:
    init_value: float = _value()
    decay_steps: int = argument(low=1, example=1000)
    alpha: float = argument(0.0)
    exponent: float = argument(1.0, low=0)

    def schedule(self, at: ReadEntry) -> Schedule:
        to = product_as_written(self.init_value, self.alpha)
        return _cosine_decay(at, self.init_value, to, self.decay_steps, self.exponent)


def _boundaries(at: ReadEntry, found: Any) -> list[tuple[int, float]]:
    """Return the sorted updates with their factors; in JSON the updates are strings."""
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
            found_key = f"expected an integer of at least 0, got {short_json(key)}"
            at.notes.diagnostics.add(path, found_key, instead, code=WRONG_TYPE)
        elif not is_plain_number(scale) or scale < 0:
            found_scale = f"expected a factor of at least 0, got {short_json(scale)}"
            at.notes.diagnostics.add(path, found_scale, instead, code=REFUSED_VALUE)
        else:
            pairs.append((int(time), float(scale)))
    return sorted(pairs)


@table_named(CONSTRUCTORS, "piecewise_constant_schedule")
class _PiecewiseConstant:
    init_value: float = _value()
    boundaries_and_scales: Any = argument(None)

    def schedule(self, at: ReadEntry) -> Schedule:
        value = self.init_value
        points = {0: at.notes.level(value)}
        for time, scale in _boundaries(at, self.boundaries_and_scales):
            value = product_as_written(value, scale)
            points[time] = at.notes.level(value)
        return piecewise(tuple(points.items()))


_Kind = Literal["linear", "cosine"]


def _interpolated(at: ReadEntry, kind: _Kind, value: float, boundaries: list[tuple[int, float]]) -> Schedule:
    """Interpolate from each value to the next; the last one stays constant."""
    curve, level = curves.cosine if kind == "cosine" else curves.linear, at.notes.level
    stages: list[Schedule] = []
    for (begin, _), (end, scale) in pairwise([(0, 1.0), *boundaries]):
        reached = product_as_written(value, scale)
        if end > begin:
            stages.append(anneal(level(value), level(reached), end - begin, curve))
        value = reached
    return in_order(stages) if stages else constant(level(value))


@table_named(CONSTRUCTORS, "piecewise_interpolate_schedule")
class _PiecewiseInterpolate:
    interpolate_type: _Kind = argument(example="linear")
    init_value: float = _value()
    boundaries_and_scales: Any = argument(None)

    def schedule(self, at: ReadEntry) -> Schedule:
        boundaries = _boundaries(at, self.boundaries_and_scales)
        return _interpolated(at, self.interpolate_type, self.init_value, boundaries)


@table_named(CONSTRUCTORS, "cosine_onecycle_schedule")
class _CosineOneCycle:
    transition_steps: int = argument(low=1, example=1000)
    peak_value: float = _value()
    pct_start: float = argument(0.3, low=0)
    div_factor: float = argument(25.0, above=0)
    final_div_factor: float = argument(1e4, above=0)

    def schedule(self, at: ReadEntry) -> Schedule:
        steps, first = self.transition_steps, self.div_factor
        scales = {int(self.pct_start * steps): first, steps: 1.0 / (first * self.final_div_factor)}
        return _interpolated(at, "cosine", self.peak_value / first, sorted(scales.items()))


@table_named(CONSTRUCTORS, "linear_onecycle_schedule")
class _LinearOneCycle:
    transition_steps: int = argument(low=1, example=1000)
    peak_value: float = _value()
    pct_start: float = argument(0.3, low=0)
    pct_final: float = argument(0.85, low=0)
    div_factor: float = argument(25.0, above=0)
    final_div_factor: float = argument(1e4, above=0)

    def schedule(self, at: ReadEntry) -> Schedule:
        steps, first, last = self.transition_steps, self.div_factor, self.final_div_factor
        # A dict, as in optax: of two boundaries at one update the later one is used.
        scales = {int(self.pct_start * steps): first, int(self.pct_final * steps): 1.0 / first, steps: 1.0 / last}
        return _interpolated(at, "linear", self.peak_value / first, sorted(scales.items()))


@table_named(CONSTRUCTORS, "warmup_constant_schedule")
class _WarmupConstant:
    init_value: float = argument(example=0.0)
    peak_value: float = _value()
    warmup_steps: int = argument(example=100)

    def schedule(self, at: ReadEntry) -> Schedule:
        if self.warmup_steps <= 0:
            at.warn_held("warmup_steps", self.warmup_steps)
            return constant(at.notes.level(self.init_value))
        return in_order(self.ramp(at))

    def ramp(self, at: ReadEntry) -> list[Schedule]:
        """Return the warmup as a list of stages, which is empty if `warmup_steps` is 0."""
        first, peak = at.notes.level(self.init_value), at.notes.level(self.peak_value)
        return [anneal(first, peak, self.warmup_steps)] if self.warmup_steps else []


@table_named(CONSTRUCTORS, "warmup_cosine_decay_schedule")
class _WarmupCosine(_WarmupConstant):
    warmup_steps: int = argument(low=0, example=100)
    decay_steps: int = argument(low=1, example=1000)
    end_value: float = argument(0.0)
    exponent: float = argument(1.0, low=0)

    def schedule(self, at: ReadEntry) -> Schedule:
        steps = self.decay_steps - self.warmup_steps
        if steps <= 0:
            found = (
                f"it includes the warmup of {self.warmup_steps} updates, so it must be greater, got {self.decay_steps}"
            )
            at.refuse("decay_steps", found, "Write the sum of the updates of warmup and decay", "warmup_steps")
            return constant()
        # optax divides by the peak, and uses an end of 0 if the peak is 0.
        end = self.end_value if self.peak_value else 0.0
        return in_order([*self.ramp(at), _cosine_decay(at, self.peak_value, end, steps, self.exponent)])


@table_named(CONSTRUCTORS, "warmup_exponential_decay_schedule")
class _WarmupExponential(_Decay, _WarmupConstant):
    warmup_steps: int = argument(low=0, example=100)

    def schedule(self, at: ReadEntry) -> Schedule:
        return in_order([*self.ramp(at), self.from_value(at, self.peak_value)])


@table_named(CONSTRUCTORS, "sgdr_schedule")
class _Sgdr:
    cosine_kwargs: list[Any] = argument(
        example=[{"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 100, "decay_steps": 1000}]
    )

    def schedule(self, at: ReadEntry) -> Schedule:
        """Return cycles of a warmup and a cosine."""
        stages = []
        for index, one in enumerate(self.cosine_kwargs):
            path = child_path(at.path, "cosine_kwargs", index)
            cycle = _read_arguments("warmup_cosine_decay_schedule", one, path, at.notes)
            if cycle is not None:
                stages.append(cut_to_length(cycle.arguments.schedule(cycle), cycle.arguments.decay_steps))
        if not self.cosine_kwargs:
            at.refuse("cosine_kwargs", "expected at least one cycle", "Write a list with the arguments of each cycle")
        return in_order(stages) if stages else constant()


@table_named(CONSTRUCTORS, "join_schedules")
class _Join:
    schedules: list[Any] = argument(example=[{"constant_schedule": {"value": 0.1}}])
    boundaries: Any = argument(example=[])

    def schedule(self, at: ReadEntry) -> Schedule:
        """Return a stage for each of `schedules`; the schedule's time starts at 0 in its stage."""
        if not self.schedules:
            at.refuse("schedules", "expected at least one schedule", "Write a list of schedules")
            return constant()
        path = child_path(at.path, "schedules")
        members = [schedule_of_entry(one, child_path(path, at_), at.notes) for at_, one in enumerate(self.schedules)]
        times = self.boundaries
        if not isinstance(times, (list, tuple)) or not all(map(is_count, times)) or list(times) != sorted(times):
            found = f"expected a sorted list of updates, got {short_json(times)}"
            at.refuse("boundaries", found, "Write boundaries: [1000] for two schedules")
            return constant()
        if len(times) != len(members) - 1:
            found = f"expected {len(members) - 1} boundaries for {len(members)} schedules, got {len(times)}"
            at.refuse("boundaries", found, f"Write {len(members) - 1} boundaries", "schedules")
            return constant()
        # A stage of length 0 is skipped.
        stages = [
            cut_to_length(member, end - begin)
            for member, (begin, end) in zip(members[:-1], pairwise([0, *map(int, times)]), strict=True)
            if end > begin
        ]
        return in_order([*stages, members[-1]])


@argument_table
class _ReduceOnPlateau:
    factor: float = argument(0.1, above=0)
    patience: int = argument(10, low=1)
    rtol: float = argument(1e-4, low=0)
    atol: float = argument(0.0, low=0)
    cooldown: int = argument(0, low=0)
    accumulation_size: Any = argument(1)
    min_scale: float = argument(0.0, low=0)


PLATEAU: Final = "reduce_on_plateau"

_NAME_KEYS: Final = (
    "_target_", "schedule", "schedule_type", "class_name", "class_path", "target", "func", "type", "name",
)  # fmt: skip
"""The keys that may contain the name of a constructor: Hydra's, and common ones."""

ARGUMENT_KEYS: Final = ("kwargs", "params", "parameters", "init_args", "config")
POSITIONAL: Final = "_args_"
_BESIDE: Final = ("_partial_", "_convert_", "_recursive_", "horizon", "monitor")


def optax_name_in(data: Any) -> str | None:
    """Return the constructor of optax that data names, or None."""
    if not isinstance(data, Mapping):
        return None
    written_name = _written_name(data)
    if written_name is not None:
        return known_constructor(written_name)
    return known_constructor(str(next(iter(data)))) if len(data) == 1 else None


def is_named_in_full(data: Mapping[str, Any]) -> bool:
    """Return whether the name of the constructor is unique to optax."""
    written_name = _written_name(data) or str(next(iter(data)))
    return written_name.startswith("optax.") or written_name in CONSTRUCTORS or written_name == PLATEAU


def _written_name(data: Mapping[str, Any]) -> str | None:
    return next((str(data[key]) for key in _NAME_KEYS if isinstance(data.get(key), str)), None)


def known_constructor(written_name: str) -> str | None:
    """Return the constructor for a name with or without its module and the suffix `_schedule`, or None."""
    last = written_name.rpartition(".")[2]
    return next((one for one in (last, f"{last}_schedule") if one in CONSTRUCTORS or one == PLATEAU), None)


def read_optax_entry(data: Any, path: str, notes: ReadingNotes) -> ReadEntry | None:
    """Read the constructor at a path with its arguments; if there is none, report it and return None."""
    name = optax_name_in(data)
    written_name = _written_name(data) if isinstance(data, Mapping) else None
    if name is None:
        kind = "a mapping that names none" if isinstance(data, Mapping) else type_name_of(data)
        found = f"expected a schedule of optax, got {kind}"
        if written_name is not None:
            nearest = did_you_mean(written_name.rpartition(".")[2], CONSTRUCTORS)
            found = f"unknown schedule {written_name} of optax; {nearest}"
        instead = 'Write {"_target_": "optax.cosine_decay_schedule", "init_value": 0.001, "decay_steps": 10000}'
        notes.diagnostics.add(path, found, instead, code=WRONG_TYPE)
        return None
    if written_name is not None:
        return _read_arguments(name, *arguments_beside(data, path, _NAME_KEYS, ARGUMENT_KEYS), notes)
    ((key, inner),) = data.items()
    return _read_arguments(name, {} if inner is None else inner, child_path(path, key), notes)


def _read_arguments(name: str, arguments: Any, path: str, notes: ReadingNotes) -> ReadEntry | None:
    """Read the arguments of a constructor; if they are not a mapping, report it and return None."""
    table = _ReduceOnPlateau if name == PLATEAU else CONSTRUCTORS[name]
    if not isinstance(arguments, Mapping) or POSITIONAL not in arguments:
        return read_entry(name, table, arguments, path, notes, _BESIDE)
    positional, names = arguments[POSITIONAL], list(arguments_of(table))
    if not isinstance(positional, (list, tuple)) or len(positional) > len(names):
        found, where = f"{name} takes at most {len(names)} arguments", child_path(path, POSITIONAL)
        notes.diagnostics.add(where, found, f"Write {names[0]}: 0.001", code=WRONG_ARGUMENT)
        positional = ()
    arguments = {**dict(zip(names, positional, strict=False)), **arguments}
    return read_entry(name, table, arguments, path, notes, (*_BESIDE, POSITIONAL))


def schedule_of_entry(data: Any, path: str, notes: ReadingNotes) -> Schedule:
    """Read the schedule at a path; if it has an error, report it and return `constant()`."""
    entry = read_optax_entry(data, path, notes)
    if entry is None:
        return constant()
    if entry.name == PLATEAU:
        found = "it is a metric rule, not a schedule"
        instead = "Write it next to the schedule: {schedule: {…}, reduce_on_plateau: {…}}"
        notes.diagnostics.add(path, found, instead, code=REFUSED_VALUE)
        return constant()
    schedule: Schedule | None = entry.schedule()
    return constant() if schedule is None else schedule


def rule_of_entry(data: Any, path: str, monitor: str, notes: ReadingNotes) -> Plateau | None:
    """Return the rule of `reduce_on_plateau`.

    optax reduces after `patience` observations without improvement, and a plan's plateau after `patience` + 1.
    """
    at = read_optax_entry(data, path, notes)
    if at is None:
        return None
    arguments: _ReduceOnPlateau = at.arguments
    relative, fixed = arguments.rtol, arguments.atol
    if relative and fixed:
        at.refuse("atol", "a plan's threshold is either relative or absolute", "Write atol: 0", "rtol")
    elif not relative and not fixed:
        at.refuse("rtol", "optax requires a threshold greater than 0", "Write rtol: 1e-4", "atol")
    elif relative >= 1:
        at.refuse("rtol", f"with {relative:g} no metric ever improves", "Write rtol: 1e-4")
    if arguments.accumulation_size != 1:
        found = "a plan's rule uses each observation separately"
        at.refuse("accumulation_size", found, "Write accumulation_size: 1, and observe the mean of that many losses")
    if arguments.min_scale > 1:
        at.refuse("min_scale", f"{arguments.min_scale:g} would increase lr", "Write min_scale: 0.01")
    try:
        return plateau(
            monitor,
            factor=arguments.factor,
            patience=arguments.patience - 1,
            threshold=relative or fixed,
            threshold_mode="rel" if relative else "abs",
            cooldown=arguments.cooldown,
            min=arguments.min_scale,
        )
    except InvalidArgument as refusal:
        notes.diagnostics.refuse(at.path, refusal)
        return None
