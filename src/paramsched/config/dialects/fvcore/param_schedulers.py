"""A param scheduler of fvcore as a schedule: each on the clock of a number of updates, its `where` from 0 to 1."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, Final, final

from paramsched import curves
from paramsched._fault_codes import REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.config.faults import Faults, child_path, short_json, type_in_words
from paramsched.config.peer_arguments import cut_to_length, is_plain_number
from paramsched.near_names import did_you_mean
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
class ParamSpec:
    """One param scheduler.

    Args:
        given: its arguments.
        path: where they stand.
        updates: how many its `where` goes over.
        faults: where faults are noted.
    """

    given: Mapping[str, Any]
    path: str
    updates: int
    faults: Faults

    def fault(self, name: str, found: str, instead: str, *, code: str = REFUSED_VALUE) -> None:
        self.faults.add(child_path(self.path, name), found, instead, code=code)

    def number(self, name: str, least: float = -math.inf) -> float:
        """A finite number; a fault, and 1, where there is none."""
        value: Any = self.given.get(name)
        if not is_plain_number(value) or value < least:
            found = "it is missing" if value is None else f"{short_json(value)} is no number"
            more = f" from {least:g} on" if least > -math.inf else ""
            self.fault(name, found + more, f"Write {name}: 1.0", code=WRONG_TYPE)
            return 1.0
        return float(value)

    def numbers(self, name: str) -> list[float]:
        """A list of numbers; a fault, and [1], where there is none."""
        value = self.given.get(name)
        if not isinstance(value, (list, tuple)) or not value or not all(map(is_plain_number, value)):
            self.fault(name, f"{short_json(value)} is no list of numbers", "Write [1.0, 0.1]", code=WRONG_TYPE)
            return [1.0]
        return [float(one) for one in value]


def first_update(reached: Callable[[float], bool], near: float, updates: int) -> int:
    """The first update at whose `where` something is reached, looked for around a time, in fvcore's arithmetic."""
    latest = max(min(round(near) + 2, updates), 0)
    return bisect_left(range(latest), True, key=lambda t: reached(t / updates))


def _fvcore_exponential(spec: ParamSpec) -> Schedule:
    start, decay = spec.number("start_value"), spec.number("decay")
    if decay <= 0:
        spec.fault("decay", f"{decay!r} is not above 0", "Write decay: 0.01")
        return constant(start)
    return constant(start) if decay == 1 else anneal(start, start * decay, spec.updates, curves.exponential(decay))


def _fvcore_polynomial(spec: ParamSpec) -> Schedule:
    power = spec.number("power", 0)
    base = spec.number("base_value")
    return polynomial(power, base, 0.0, spec.updates) if power else constant(base)


def _fvcore_multistep(spec: ParamSpec) -> Schedule:
    values = spec.numbers("values")
    whole: Any = spec.given.get("num_updates")
    times: Any = spec.given.get("milestones")
    if whole is None and times is None:
        found = "it has neither num_updates nor milestones"
        spec.faults.add(spec.path, found, "Write milestones: [30, 60, 90]", code=WRONG_ARGUMENT)
        return constant()
    if whole is not None and not (is_plain_number(whole) and whole > 0):
        spec.fault("num_updates", f"{short_json(whole)} is no number above 0", "Write 90", code=WRONG_TYPE)
        return constant()
    if times is None:
        width = math.ceil(whole / len(values))
        marks = [float(width * (index + 1)) for index in range(len(values) - 1)]
    else:
        marks = spec.numbers("milestones") if times else []
    if whole is None:
        whole, marks = marks[-1], marks[:-1]
    if len(marks) != len(values) - 1 or any(b <= a for a, b in pairwise([0.0, *marks, whole])):
        found = "the milestones do not grow from above 0 to below num_updates, one for each change of value"
        spec.faults.add(spec.path, found, "Write values: [1, 0.1, 0.01], milestones: [30, 60, 90]", code=REFUSED_VALUE)
        return constant()
    return _held_values(spec, values, [(mark, float(whole)) for mark in marks])


def _held_values(spec: ParamSpec, values: list[float], marks: list[tuple[float, float]]) -> Schedule:
    """Values that are held from a mark, in parts of a whole, to the next."""
    n = spec.updates
    times = [
        first_update(lambda where, m=mark, w=whole: int((where + _EPSILON) * w) >= m, mark / whole * n, n)  # type: ignore[misc]
        for mark, whole in marks
    ]
    if len(values) > 1 and all(value == values[1] ** k for k, value in enumerate(values)) and values[1] > 0:
        reached = tuple(time for time in times if time < n)
        return multistep(reached, values[1]) if reached else constant()
    # Several marks may fall into one update: the last one counts.
    points = {0: values[0], **dict(zip(times, values[1:], strict=True))}
    points = {time: value for time, value in points.items() if time < n}
    return piecewise(tuple(points.items())) if len(points) > 1 else constant(points[0])


def _fvcore_step(spec: ParamSpec) -> Schedule:
    values = spec.numbers("values")
    if not is_plain_number(spec.given.get("num_updates")) or spec.given["num_updates"] <= 0:
        spec.fault("num_updates", "it is no number above 0", "Write num_updates: 90", code=WRONG_TYPE)
    return _held_values(spec, values, [(float(k), float(len(values))) for k in range(1, len(values))])


_MOST_DECAYS: Final = 10_000


def _step_with_gamma(spec: ParamSpec) -> Schedule:
    decays, gamma = spec.number("num_decays", 1), spec.number("gamma", 0)
    if decays > _MOST_DECAYS:
        spec.fault("num_decays", f"more than {_MOST_DECAYS:,} steps", "Write an exponential decay")
        return constant()
    values = [spec.number("base_value")]
    for _ in range(int(decays)):
        values.append(values[-1] * gamma)
    return _fvcore_step(replace(spec, given={"values": values, "num_updates": spec.given.get("num_updates")}))


def _composite(spec: ParamSpec) -> Schedule:
    """Parts one after the other, each from begin to end in its share, or fixed to the clock of the whole."""
    parts: Any = spec.given.get("schedulers")
    shares = spec.numbers("lengths")
    scaling: Any = spec.given.get("interval_scaling", ["rescaled"] * len(shares))
    alike = isinstance(parts, (list, tuple)) and isinstance(scaling, (list, tuple))
    if not alike or not len(parts) == len(shares) == len(scaling):
        found = "schedulers, lengths and interval_scaling are no lists of one length"
        spec.faults.add(spec.path, found, "Write them so", code=WRONG_TYPE)
        return constant()
    for index, one in enumerate(scaling):
        if one not in ("rescaled", "fixed"):
            path = child_path(spec.path, "interval_scaling", index)
            found = f"{short_json(one)} is neither rescaled nor fixed"
            spec.faults.add(path, found, "Write rescaled", code=REFUSED_VALUE)
    if abs(sum(shares) - 1.0) >= 1e-3 or min(shares) < 0:
        spec.fault("lengths", "they do not sum up to 1", "Write lengths: [0.1, 0.9]")
        return constant()
    shares[-1] = 1.0 - sum(shares[:-1])
    bounds = [0, *(_bound(spec, end) for end in accumulate(shares[:-1])), spec.updates]
    stages: list[Schedule] = []
    for index, (begin, end) in enumerate(pairwise(bounds)):
        path = child_path(spec.path, "schedulers", index)
        fixed, size = scaling[index] == "fixed", end - begin
        if size <= 0:
            continue
        inner = param_schedule_of(parts[index], path, spec.updates if fixed else size, spec.faults)
        if fixed and begin and not isinstance(inner, Constant):
            inner = skip(inner, begin)
        stages.append(cut_to_length(inner, size))
    return in_order(stages)


def _bound(spec: ParamSpec, end: float) -> int:
    """The update at which a part ends; a part of an update is refused."""
    exact = end * spec.updates
    found = first_update(lambda where: where + _EPSILON > end, exact, spec.updates)
    if abs(exact - found) > 1e-6 * max(1.0, spec.updates * 1e-6):
        why = f"a part of it ends at update {exact:.6g} of {spec.updates:,}, which is no whole number"
        instead = 'Write lengths that are whole updates, or a native plan: lr: linear(0.001, 1, over="5%") >> cosine()'
        if abs(exact - round(exact)) < 1e-6:
            early = round(exact) - found
            why = f"in a run of {spec.updates:,} updates fvcore's tolerance ends a part {early} too early"
        spec.fault("lengths", why, instead)
    return found


_ROWS: Final[Mapping[str, tuple[Callable[[ParamSpec], Schedule], tuple[str, ...]]]] = {
    "Constant": (lambda spec: constant(spec.number("value")), ("value",)),
    "Linear": (
        lambda spec: linear(spec.number("start_value"), spec.number("end_value"), spec.updates),
        ("start_value", "end_value"),
    ),
    "Cosine": (
        lambda spec: cosine(spec.number("start_value"), spec.number("end_value"), spec.updates),
        ("start_value", "end_value"),
    ),
    "Exponential": (_fvcore_exponential, ("start_value", "decay")),
    "PolynomialDecay": (_fvcore_polynomial, ("base_value", "power")),
    "MultiStep": (_fvcore_multistep, ("values", "num_updates", "milestones")),
    "Step": (_fvcore_step, ("num_updates", "values")),
    "StepWithFixedGamma": (_step_with_gamma, ("base_value", "num_decays", "gamma", "num_updates")),
    "Composite": (_composite, ("schedulers", "lengths", "interval_scaling")),
}
"""What each class is, and its arguments."""


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
        if bare in _ROWS:
            return bare
    return None


def param_schedule_of(data: Any, path: str, updates: int, faults: Faults, beside: tuple[str, ...] = ()) -> Schedule:
    """The schedule of a param scheduler over a number of updates; `constant()` stands in where a fault was noted."""
    name = fvcore_class_in(data)
    if name is None or name not in _ROWS:
        known = [one + ENDING for one in _ROWS]
        kind = type_in_words(data) if not isinstance(data, Mapping) else "it names no class of fvcore's"
        found = kind if name is None else f"fvcore has no {name}{ENDING}; {did_you_mean(name + ENDING, known)}"
        faults.add(path, found, 'Write {"CosineParamScheduler": {"start_value": 1, "end_value": 0}}', code=UNKNOWN_NAME)
        return constant()
    given, where = _fvcore_arguments(data, path, beside)
    if not isinstance(given, Mapping):
        faults.refuse_kind(where, given, "arguments", "Write a mapping of arguments")
        return constant()
    build, arguments = _ROWS[name]
    faults.refuse_unknown(given, arguments, where, f"{name}{ENDING} has no such argument")
    return build(ParamSpec(given, where, updates, faults))


def _fvcore_arguments(data: Mapping[str, Any], path: str, beside: tuple[str, ...]) -> tuple[Any, str]:
    for key, value in data.items():
        if str(key).endswith(ENDING) and key not in NAME_KEYS:
            return value, child_path(path, key)
    return {key: value for key, value in data.items() if key not in (*NAME_KEYS, *beside)}, path
