"""A param scheduler of fvcore as a schedule: each on the clock of a number of updates, its `where` from 0 to 1."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, final

from paramsched import curves
from paramsched.base.codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.arguments import WrongValue, argument, argument_table, located, read_arguments
from paramsched.config.faults import Faults, short_json, type_in_words
from paramsched.config.peer_arguments import cut_to_length, is_plain_number
from paramsched.schedules import (
    Constant,
    Schedule,
    anneal,
    constant,
    cosine,
    linear,
    multistep,
    piecewise,
    polynomial,
    skip,
)
from paramsched.schedules.sequence import in_order

NAME_KEYS: Final = ("_target_", "class", "type", "name")
ENDING: Final = "ParamScheduler"
_EPSILON: Final = 1e-6  # fvcore's tolerance of `where`


@final
@dataclass(frozen=True, slots=True)
class Where:
    """What the `where` of a param scheduler goes over, from 0 to 1.

    Args:
        updates: how many.
        path: where the arguments of the scheduler are.
        faults: where diagnostics are noted.
        sound: whether each argument by itself is right; if not, others stand in for some, and no more is reported.
    """

    updates: int
    path: str
    faults: Faults
    sound: bool = True

    def fault(self, found: str, instead: str, *keys: object, code: str = REFUSED_VALUE) -> None:
        if self.sound:
            self.faults.add(child_path(self.path, *keys), found, instead, code=code)


def _some_numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)) or not value or not all(map(is_plain_number, value)):
        raise WrongValue(f"expected a list of numbers, got {short_json(value)}")
    return tuple(map(float, value))


def first_update(reached: Callable[[float], bool], near: float, updates: int) -> int:
    """The first update at whose `where` something is reached, looked for around a time, in fvcore's arithmetic."""
    latest = max(min(round(near) + 2, updates), 0)
    return bisect_left(range(latest), True, key=lambda t: reached(t / updates))


@argument_table
class _ConstantArguments:
    value: float = argument(example=1.0)

    def schedule(self, where: Where) -> Schedule:  # as of the others
        return constant(self.value)


@argument_table
class _LinearArguments:
    start_value: float = argument(example=1.0)
    end_value: float = argument(example=0.0)

    def schedule(self, where: Where) -> Schedule:
        return linear(self.start_value, self.end_value, where.updates)


@argument_table
class CosineArguments:
    """The arguments of `CosineParamScheduler`."""

    start_value: float = argument(example=1.0)
    end_value: float = argument(example=0.0)

    def schedule(self, where: Where) -> Schedule:
        return cosine(self.start_value, self.end_value, where.updates)


@argument_table
class _ExponentialArguments:
    start_value: float = argument(example=1.0)
    decay: float = argument(above=0, example=0.01)

    def schedule(self, where: Where) -> Schedule:
        start, decay = self.start_value, self.decay
        return constant(start) if decay == 1 else anneal(start, start * decay, where.updates, curves.exponential(decay))


@argument_table
class _PolynomialArguments:
    base_value: float = argument(example=1.0)
    power: float = argument(low=0, example=1.0)

    def schedule(self, where: Where) -> Schedule:
        return polynomial(self.power, self.base_value, 0.0, where.updates) if self.power else constant(self.base_value)


@argument_table
class MultiStepArguments:
    """The arguments of `MultiStepParamScheduler`."""

    values: tuple[float, ...] = argument(parse=_some_numbers, example=(1.0, 0.1))
    num_updates: float | None = argument(None, above=0, example=90)
    milestones: tuple[float, ...] | None = argument(None, example=[30, 60, 90])

    def schedule(self, where: Where) -> Schedule:
        values, whole, times = self.values, self.num_updates, self.milestones
        if whole is None and not times:
            found = "it has neither num_updates nor milestones"
            where.fault(found, "Write milestones: [30, 60, 90]", code=WRONG_ARGUMENT)
            return constant()
        if times is None:
            width = math.ceil((whole or 0.0) / len(values))
            times = tuple(float(width * (index + 1)) for index in range(len(values) - 1))
        if whole is None:
            whole, times = times[-1], times[:-1]
        if len(times) != len(values) - 1 or any(b <= a for a, b in pairwise([0.0, *times, whole])):
            found = "the milestones do not grow from above 0 to below num_updates, one for each change of value"
            where.fault(found, "Write values: [1, 0.1, 0.01], milestones: [30, 60, 90]")
            return constant()
        return _held_values(where, values, [(time, whole) for time in times])


@argument_table
class _StepArguments:
    num_updates: float = argument(above=0, example=90)
    values: tuple[float, ...] = argument(parse=_some_numbers, example=(1.0, 0.1))

    def schedule(self, where: Where) -> Schedule:
        parts = len(self.values)
        return _held_values(where, self.values, [(float(part), float(parts)) for part in range(1, parts)])


@argument_table
class StepWithFixedGammaArguments:
    """The arguments of `StepWithFixedGammaParamScheduler`."""

    base_value: float = argument(example=1.0)
    num_decays: float = argument(low=1, high=10_000, example=3)
    gamma: float = argument(low=0, example=0.1)
    num_updates: float = argument(above=0, example=90)

    def schedule(self, where: Where) -> Schedule:
        values = [self.base_value]
        for _ in range(int(self.num_decays)):
            values.append(values[-1] * self.gamma)
        return _StepArguments(num_updates=self.num_updates, values=tuple(values)).schedule(where)


@argument_table
class _CompositeArguments:
    schedulers: list[Any] = argument(example=[{"CosineParamScheduler": {"start_value": 1, "end_value": 0}}])
    lengths: tuple[float, ...] = argument(parse=_some_numbers, example=(0.1, 0.9))
    interval_scaling: list[Any] | None = argument(None, example=["rescaled", "fixed"])

    def schedule(self, where: Where) -> Schedule:
        """Parts one after the other, each from begin to end in its share, or fixed to the clock of the whole."""
        parts, shares, scaling = self.schedulers, list(self.lengths), self.interval_scaling
        scaling = ["rescaled"] * len(shares) if scaling is None else scaling
        if not len(parts) == len(shares) == len(scaling):
            where.fault("schedulers, lengths and interval_scaling differ in length", "Write them so", code=WRONG_TYPE)
            return constant()
        for index, one in enumerate(scaling):
            if one not in ("rescaled", "fixed"):
                found = f"expected rescaled or fixed, got {short_json(one)}"
                where.fault(found, "Write rescaled", "interval_scaling", index)
        if abs(sum(shares) - 1.0) >= 1e-3 or min(shares) < 0:
            where.fault("they do not sum up to 1", "Write lengths: [0.1, 0.9]", "lengths")
            return constant()
        shares[-1] = 1.0 - sum(shares[:-1])
        bounds = [0, *(_bound(where, end) for end in accumulate(shares[:-1])), where.updates]
        stages: list[Schedule] = []
        for index, (begin, end) in enumerate(pairwise(bounds)):
            path = child_path(where.path, "schedulers", index)
            fixed, size = scaling[index] == "fixed", end - begin
            if size <= 0:
                continue
            inner = param_schedule_of(parts[index], path, where.updates if fixed else size, where.faults)
            if fixed and begin and not isinstance(inner, Constant):
                inner = skip(inner, begin)
            stages.append(cut_to_length(inner, size))
        return in_order(stages)


def _held_values(where: Where, values: Sequence[float], marks: list[tuple[float, float]]) -> Schedule:
    """Values that are held from a mark, in parts of a whole, to the next."""
    n = where.updates
    times = [
        first_update(lambda share, m=mark, w=whole: int((share + _EPSILON) * w) >= m, mark / whole * n, n)  # type: ignore[misc]
        for mark, whole in marks
    ]
    if len(values) > 1 and all(value == values[1] ** k for k, value in enumerate(values)) and values[1] > 0:
        reached = tuple(time for time in times if time < n)
        return multistep(reached, values[1]) if reached else constant()
    # Several marks may fall into one update: the last one counts.
    points = {0: values[0], **dict(zip(times, values[1:], strict=True))}
    points = {time: value for time, value in points.items() if time < n}
    return piecewise(tuple(points.items())) if len(points) > 1 else constant(points[0])


def _bound(where: Where, end: float) -> int:
    """The update at which a part ends; a part of an update is refused."""
    exact = end * where.updates
    found = first_update(lambda share: share + _EPSILON > end, exact, where.updates)
    if abs(exact - found) > 1e-6 * max(1.0, where.updates * 1e-6):
        why = f"a part of it ends at update {exact:.6g} of {where.updates:,}, which is no whole number"
        instead = 'Write lengths that are whole updates, or a native plan: lr: linear(0.001, 1, over="5%") >> cosine()'
        if abs(exact - round(exact)) < 1e-6:
            early = round(exact) - found
            why = f"in a run of {where.updates:,} updates fvcore's tolerance ends a part {early} too early"
        where.fault(why, instead, "lengths")
    return found


_TABLES: Final[Mapping[str, Any]] = {
    "Constant": _ConstantArguments,
    "Linear": _LinearArguments,
    "Cosine": CosineArguments,
    "Exponential": _ExponentialArguments,
    "PolynomialDecay": _PolynomialArguments,
    "MultiStep": MultiStepArguments,
    "Step": _StepArguments,
    "StepWithFixedGamma": StepWithFixedGammaArguments,
    "Composite": _CompositeArguments,
}
"""The arguments of each class, which make its schedule."""


def fvcore_class_in(data: Any) -> str | None:
    """The class that data names, without its ending; None where it names none of fvcore's."""
    if not isinstance(data, Mapping):
        return None
    words: list[str] = [data[key] for key in NAME_KEYS if isinstance(data.get(key), str)]
    words += [str(key) for key in data if str(key).endswith(ENDING)]
    for word in words:
        bare = word.rpartition(".")[2]
        if bare.endswith(ENDING):
            return bare.removesuffix(ENDING)
        if bare in _TABLES:
            return bare
    return None


def param_schedule_of(data: Any, path: str, updates: int, faults: Faults, beside: tuple[str, ...] = ()) -> Schedule:
    """The schedule of a param scheduler over a number of updates; `constant()` stands in where a fault was noted."""
    name = fvcore_class_in(data)
    if name is None or name not in _TABLES:
        known = [one + ENDING for one in _TABLES]
        kind = type_in_words(data) if not isinstance(data, Mapping) else "it names no class of fvcore's"
        found = kind if name is None else f"fvcore has no {name}{ENDING}; {did_you_mean(name + ENDING, known)}"
        faults.add(path, found, 'Write {"CosineParamScheduler": {"start_value": 1, "end_value": 0}}', code=UNKNOWN_NAME)
        return constant()
    given, where = _fvcore_arguments(data, path, beside)
    if not isinstance(given, Mapping):
        faults.refuse_kind(where, given, "arguments", "Write a mapping of arguments")
        return constant()
    arguments, _, wrong = read_arguments(_TABLES[name], located(given, where), where, faults, of=name + ENDING)
    schedule: Schedule = arguments.schedule(Where(updates, where, faults, sound=not wrong))
    return schedule


def _fvcore_arguments(data: Mapping[str, Any], path: str, beside: tuple[str, ...]) -> tuple[Any, str]:
    for key, value in data.items():
        if str(key).endswith(ENDING) and key not in NAME_KEYS:
            return value, child_path(path, key)
    return {key: value for key, value in data.items() if key not in (*NAME_KEYS, *beside)}, path
