"""From param schedulers, and from the `SOLVER` of detectron2, to a plan."""

import ast
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, Literal, final

from paramsched import curves
from paramsched.base.codes import MISSING_FACT, REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import ROOT, child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.arguments import (
    ReadingNotes,
    WrongValue,
    argument,
    argument_table,
    cut_to_length,
    is_count,
    is_plain_number,
    located,
    read_arguments,
    read_entry,
    table_named,
)
from paramsched.config.diagnostic_collector import DiagnosticCollector, plain_data, short_json, type_name_of
from paramsched.config.known_dialects import BaseLike
from paramsched.config.unused_settings import report_unused_settings
from paramsched.peers.fvcore.base_files import BASE
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import (
    Constant,
    Schedule,
    anneal,
    constant,
    cosine,
    linear,
    maximum,
    multistep,
    piecewise,
    polynomial,
    skip,
    warmup,
)
from paramsched.schedules.sequence import in_order
from paramsched.time import Calendar, Duration

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
    diagnostics: DiagnosticCollector
    sound: bool = True

    def fault(self, found: str, instead: str, *keys: object, code: str = REFUSED_VALUE) -> None:
        if self.sound:
            self.diagnostics.add(child_path(self.path, *keys), found, instead, code=code)


def _some_numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)) or not value or not all(map(is_plain_number, value)):
        raise WrongValue(f"expected a list of numbers, got {short_json(value)}")
    return tuple(map(float, value))


def first_update(reached: Callable[[float], bool], near: float, updates: int) -> int:
    """The first update at whose `where` something is reached, looked for around a time, in fvcore's arithmetic."""
    latest = max(min(round(near) + 2, updates), 0)
    return bisect_left(range(latest), True, key=lambda t: reached(t / updates))


_TABLES: Final[dict[str, Any]] = {}
"""The table of each class, by its name without its ending."""


@table_named(_TABLES, "Constant")
class _ConstantArguments:
    value: float = argument(example=1.0)

    def schedule(self, where: Where) -> Schedule:  # as of the others
        return constant(self.value)


@table_named(_TABLES, "Linear")
class _LinearArguments:
    start_value: float = argument(example=1.0)
    end_value: float = argument(example=0.0)

    def schedule(self, where: Where) -> Schedule:
        return linear(self.start_value, self.end_value, where.updates)


@table_named(_TABLES, "Cosine")
class CosineArguments:
    """The arguments of `CosineParamScheduler`."""

    start_value: float = argument(example=1.0)
    end_value: float = argument(example=0.0)

    def schedule(self, where: Where) -> Schedule:
        return cosine(self.start_value, self.end_value, where.updates)


@table_named(_TABLES, "Exponential")
class _ExponentialArguments:
    start_value: float = argument(example=1.0)
    decay: float = argument(above=0, example=0.01)

    def schedule(self, where: Where) -> Schedule:
        start, decay = self.start_value, self.decay
        return constant(start) if decay == 1 else anneal(start, start * decay, where.updates, curves.exponential(decay))


@table_named(_TABLES, "PolynomialDecay")
class _PolynomialArguments:
    base_value: float = argument(example=1.0)
    power: float = argument(low=0, example=1.0)

    def schedule(self, where: Where) -> Schedule:
        return polynomial(self.power, self.base_value, 0.0, where.updates) if self.power else constant(self.base_value)


@table_named(_TABLES, "MultiStep")
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


@table_named(_TABLES, "Step")
class _StepArguments:
    num_updates: float = argument(above=0, example=90)
    values: tuple[float, ...] = argument(parse=_some_numbers, example=(1.0, 0.1))

    def schedule(self, where: Where) -> Schedule:
        parts = len(self.values)
        return _held_values(where, self.values, [(float(part), float(parts)) for part in range(1, parts)])


@table_named(_TABLES, "StepWithFixedGamma")
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


@table_named(_TABLES, "Composite")
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
            inner = param_schedule_of(parts[index], path, where.updates if fixed else size, where.diagnostics)
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
        why = f"a part of it ends at update {exact:.6g} of {where.updates:,}, which is not an integer"
        instead = 'Write lengths that are whole updates, or a native plan: lr: linear(0.001, 1, over="5%") >> cosine()'
        if abs(exact - round(exact)) < 1e-6:
            early = round(exact) - found
            why = f"in a run of {where.updates:,} updates fvcore's tolerance ends a part {early} too early"
        where.fault(why, instead, "lengths")
    return found


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


def param_schedule_of(
    data: Any, path: str, updates: int, diagnostics: DiagnosticCollector, beside: tuple[str, ...] = ()
) -> Schedule:
    """The schedule of a param scheduler over a number of updates; `constant()` stands in where a fault was noted."""
    name = fvcore_class_in(data)
    if name is None or name not in _TABLES:
        known = [one + ENDING for one in _TABLES]
        kind = type_name_of(data) if not isinstance(data, Mapping) else "it names no class of fvcore's"
        found = kind if name is None else f"unknown scheduler {name}{ENDING}; {did_you_mean(name + ENDING, known)}"
        diagnostics.add(
            path, found, 'Write {"CosineParamScheduler": {"start_value": 1, "end_value": 0}}', code=UNKNOWN_NAME
        )
        return constant()
    key = next((key for key in data if str(key).endswith(ENDING) and key not in NAME_KEYS), None)
    given, where = {key: value for key, value in data.items() if key not in (*NAME_KEYS, *beside)}, path
    if key is not None:
        given, where = data[key], child_path(path, key)
    entry = read_entry(name + ENDING, _TABLES[name], given, where, ReadingNotes(diagnostics))
    if entry is None:
        return constant()
    schedule: Schedule = entry.arguments.schedule(Where(updates, where, diagnostics, sound=not entry.wrong))
    return schedule


@final
@argument_table
class _SolverArguments:
    """The entries of `SOLVER` that schedule lr."""

    LR_SCHEDULER_NAME: Literal[
        "WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR", "WarmupPolyLR"  # the last one of DeepLab
    ] = argument("WarmupMultiStepLR")
    MAX_ITER: int = argument(40000, low=1)
    BASE_LR: float = argument(0.001, above=0)
    BASE_LR_END: float = argument(0.0, low=0)
    GAMMA: float = argument(0.1, low=0)
    STEPS: tuple[float, ...] = argument((30000,), example=[60000, 80000])
    NUM_DECAYS: int = argument(3, low=0, high=10_000)
    WARMUP_FACTOR: float = argument(1.0 / 1000, low=0)
    WARMUP_ITERS: int = argument(1000, low=0)
    WARMUP_METHOD: Literal["linear", "constant"] = argument("linear")
    RESCALE_INTERVAL: bool = argument(False)
    POLY_LR_POWER: float = argument(0.9, low=0)
    POLY_LR_CONSTANT_ENDING: float = argument(0.0, low=0)


_LONGEST_TEXT: Final = 1_000  # a longer one is no list of milestones
_SCHEDULED: Final = ("LR_SCHED", "BASE_LR", "WARMUP", "STEPS", "GAMMA", "NUM_DECAYS", "RESCALE", "MAX_ITER", "POLY")
_OF_GROUPS: Final = re.compile("FACTOR|MULT|BIAS|CLIP")  # BIAS_LR_FACTOR is a multiple of lr for some parameters
_BESIDE: Final = ("max_iter", "horizon")


def recognizes(data: Any) -> bool:
    """Whether data looks like a param scheduler, or like a config of detectron2."""
    if not isinstance(data, Mapping):
        return False
    named = fvcore_class_in(data) is not None and any("ParamScheduler" in str(one) for one in [*data, *data.values()])
    return named or isinstance(data.get("SOLVER"), Mapping) or "LR_SCHEDULER_NAME" in data


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # the contract
    """`BASE_LR`, where a config of detectron2 says it."""
    solver, path = _solver_in(data)
    rate: Any = None if solver is None else _value_of_text(solver.get("BASE_LR"))
    return Bases(({"lr": float(rate)},), child_path(path, "BASE_LR")) if is_plain_number(rate) else NO_BASES


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: BaseLike | None = None,  # noqa: ARG001  # values are multiples of it
) -> Plan:
    """The plan that gives what fvcore's scheduler gives, as multiples of base.

    Args:
        data: a param scheduler, with `max_iter` beside it; or a config of detectron2, or its `SOLVER`.
        calendar: its `total` stands in for `max_iter`.
        base: is not needed.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> print(to_plan({"SOLVER": {"STEPS": [60000, 80000], "MAX_ITER": 90000}}))
    horizon: 90000
    lr: warmup(1000, 0.001) >> skip(multistep([60000, 80000]), 1000)
    """
    diagnostics = DiagnosticCollector()
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind(ROOT, data, "a config", "Write SOLVER: {LR_SCHEDULER_NAME: WarmupCosineLR}")
    elif BASE in data:
        found = f"{short_json(data[BASE])} is another file, and its entries are not here"
        diagnostics.add(child_path(ROOT, BASE), found, "Load the config from its file", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        solver, path = _solver_in(data)
        if solver is not None:
            given = _read_solver(solver, path, diagnostics)
            diagnostics.raise_any("config")
            total, of_deeplab = given.MAX_ITER, given.LR_SCHEDULER_NAME == "WarmupPolyLR"
            schedule = _deeplab_schedule(given) if of_deeplab else _warmed(given, path, diagnostics)
        else:
            total = _updates_of(data, calendar, diagnostics)
            schedule = param_schedule_of(data, ROOT, total, diagnostics, _BESIDE)
        return Plan(lr=schedule, horizon=total)


def _updates_of(data: Mapping[str, Any], calendar: Calendar | None, diagnostics: DiagnosticCollector) -> int:
    """The updates that `where` goes over."""
    total = data.get("max_iter", data.get("horizon"))
    if total is None and calendar is not None and calendar.total is not None:
        terms = Duration.of(calendar.total).terms
        total = int(terms[0][1]) if len(terms) == 1 and terms[0][0] == "updates" else None
    if not is_count(total, least=1):
        found = (
            "nothing says how many updates the run has"
            if total is None
            else f"expected an integer, got {short_json(total)}"
        )
        diagnostics.add(child_path(ROOT, "max_iter"), found, "Write max_iter: 90000", code=MISSING_FACT)
        return 1_000
    return int(total)


def _solver_in(data: Any) -> tuple[Mapping[str, Any] | None, str]:
    """The `SOLVER` section; None where there is none."""
    if isinstance(data, Mapping):
        inner = data.get("SOLVER")
        if isinstance(inner, Mapping):
            return inner, child_path(ROOT, "SOLVER")
        if "LR_SCHEDULER_NAME" in data or "MAX_ITER" in data:
            return data, ROOT
    return None, ROOT


def _read_solver(solver: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector) -> _SolverArguments:
    """Read the entries that schedule lr."""
    scheduled = {
        str(name): _value_of_text(value)
        for name, value in solver.items()
        if str(name).startswith(_SCHEDULED) and not str(name).startswith("BASE_LR_MULT")  # the rates of some groups
    }
    own = [str(name) for name in solver if str(name) not in scheduled and not _OF_GROUPS.search(str(name))]
    report_unused_settings({name: child_path(path, name) for name in own}, (), diagnostics, library="detectron2")
    given, places, _ = read_arguments(_SolverArguments, located(scheduled, path), path, diagnostics)
    if given.BASE_LR_END > given.BASE_LR:
        diagnostics.add(places["BASE_LR_END"], "it is above BASE_LR", "Write BASE_LR_END: 0.0", code=REFUSED_VALUE)
    return given


def _value_of_text(value: Any) -> Any:
    """What detectron2 reads in a text: `STEPS: (60000, 80000)` is a text to YAML, and a literal of Python to it."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return value
    diagnostics = DiagnosticCollector()
    try:
        literal = plain_data(ast.literal_eval(value), diagnostics)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value
    return value if diagnostics.count else literal


def _detectron_curve(given: _SolverArguments, where: Where) -> Schedule:
    """What the warmup is laid over, as detectron2 makes it."""
    match given.LR_SCHEDULER_NAME:
        case "WarmupCosineLR":
            return CosineArguments(start_value=1.0, end_value=given.BASE_LR_END / given.BASE_LR).schedule(where)
        case "WarmupMultiStepLR":
            steps = tuple(one for one in given.STEPS if one <= given.MAX_ITER)
            values = tuple(given.GAMMA**k for k in range(len(steps) + 1))
            return MultiStepArguments(values=values, milestones=steps, num_updates=given.MAX_ITER).schedule(where)
    return StepWithFixedGammaArguments(
        base_value=given.BASE_LR, gamma=given.GAMMA, num_decays=given.NUM_DECAYS, num_updates=given.MAX_ITER
    ).schedule(where)


def _deeplab_schedule(given: _SolverArguments) -> Schedule:
    """A power of what is left, held at a constant ending; times the warmup, as DeepLab does."""
    warm, first = min(given.WARMUP_ITERS, given.MAX_ITER), given.WARMUP_FACTOR
    curve: Schedule = polynomial(given.POLY_LR_POWER, over=given.MAX_ITER)
    if given.POLY_LR_CONSTANT_ENDING:
        curve = maximum(curve, constant(given.POLY_LR_CONSTANT_ENDING))
    if not warm:
        return curve
    ramp = constant(first, warm) >> constant() if given.WARMUP_METHOD == "constant" else warmup(warm, first)
    return ramp * curve


def _warmed(given: _SolverArguments, path: str, diagnostics: DiagnosticCollector) -> Schedule:
    """The warmup, up to where the curve is by then; and the rest of the curve, or all of it rescaled."""
    total, rescaled, warm = given.MAX_ITER, given.RESCALE_INTERVAL, min(given.WARMUP_ITERS, given.MAX_ITER)
    if not warm:
        return _detectron_curve(given, Where(total, path, diagnostics))
    if total > 900_000:
        found = f"in a run of {total:,} updates fvcore's tolerance ends the warmup early"
        instead = 'Write a native plan: lr: warmup("1k steps", 0.001) >> cosine()'
        diagnostics.add(child_path(path, "MAX_ITER"), found, instead, code=REFUSED_VALUE)
    whole = _detectron_curve(given, Where(total, path, diagnostics))
    if diagnostics.count:
        return constant()
    first = given.WARMUP_FACTOR * whole(0)
    met = whole(0) if rescaled else whole(warm)
    ramp: Schedule = constant(first, warm) if given.WARMUP_METHOD == "constant" else linear(first, met, warm)
    if warm == total:
        return ramp
    rest = _detectron_curve(given, Where(total - warm, path, diagnostics)) if rescaled else skip(whole, warm)
    return ramp >> rest
