"""Conversion of param schedulers and of detectron2's `SOLVER` to a plan."""

import ast
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final, Literal, final

from paramsched import curves
from paramsched.base.codes import MISSING_FACT, REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.arguments import (
    ReadingNotes,
    WrongValue,
    argument,
    argument_table,
    arguments_of,
    cut_to_length,
    defaults_of,
    is_count,
    is_plain_number,
    located,
    read_arguments,
    read_entry,
    table_named,
)
from paramsched.config.diagnostic_collector import DiagnosticCollector, plain_data, short_json, type_name_of
from paramsched.config.known_dialects import BaseLike
from paramsched.config.unused_settings import has_setting, note_defaults, report_no_settings, report_unused_settings
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
    """The updates over which fvcore's `where`, the completed fraction of the run, goes from 0 to 1.

    Args:
        updates: the number of updates.
        path: the config path of the scheduler's arguments.
        diagnostics: receives the errors.
        sound: True if each argument alone is valid. If False, placeholders replace the invalid arguments and no further
            error is reported.
    """

    updates: int
    path: str
    diagnostics: DiagnosticCollector
    sound: bool = True

    def report(self, found: str, instead: str, *keys: object, code: str = REFUSED_VALUE) -> None:
        if self.sound:
            self.diagnostics.add(child_path(self.path, *keys), found, instead, code=code)


def _some_numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)) or not value or not all(map(is_plain_number, value)):
        raise WrongValue(f"expected a list of numbers, got {short_json(value)}")
    return tuple(map(float, value))


def first_update(reached: Callable[[float], bool], near: float, updates: int) -> int:
    """Return the first update at which the predicate is true for fvcore's `where`, the completed fraction of the run.

    Args:
        reached: the predicate, in fvcore's arithmetic.
        near: the approximate update, which bounds the search.
        updates: the number of updates.
    """
    latest = max(min(round(near) + 2, updates), 0)
    return bisect_left(range(latest), True, key=lambda t: reached(t / updates))


_TABLES: Final[dict[str, Any]] = {}
"""The table of each class by its name without the suffix `ParamScheduler`."""


@table_named(_TABLES, "Constant")
class _ConstantArguments:
    value: float = argument(example=1.0)

    def schedule(self, where: Where) -> Schedule:
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
            found = "either num_updates or milestones is required"
            where.report(found, "Write milestones: [30, 60, 90]", code=WRONG_ARGUMENT)
            return constant()
        if times is None:
            width = math.ceil((whole or 0.0) / len(values))
            times = tuple(float(width * (index + 1)) for index in range(len(values) - 1))
        if whole is None:
            whole, times = times[-1], times[:-1]
        if len(times) != len(values) - 1 or any(b <= a for a, b in pairwise([0.0, *times, whole])):
            found = (
                "expected one milestone for each change of value, in increasing order, greater than 0 and less than "
                "num_updates"
            )
            where.report(found, "Write values: [1, 0.1, 0.01], milestones: [30, 60, 90]")
            return constant()
        return _piecewise_values(where, values, [(time, whole) for time in times])


@table_named(_TABLES, "Step")
class _StepArguments:
    num_updates: float = argument(above=0, example=90)
    values: tuple[float, ...] = argument(parse=_some_numbers, example=(1.0, 0.1))

    def schedule(self, where: Where) -> Schedule:
        parts = len(self.values)
        return _piecewise_values(where, self.values, [(float(part), float(parts)) for part in range(1, parts)])


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
        """Return a stage for each scheduler, which is rescaled to the stage or keeps the time of the entire run."""
        parts, shares, scaling = self.schedulers, list(self.lengths), self.interval_scaling
        scaling = ["rescaled"] * len(shares) if scaling is None else scaling
        if not len(parts) == len(shares) == len(scaling):
            found = "schedulers, lengths and interval_scaling must have the same number of entries"
            where.report(found, "Write one entry of each for every part", code=WRONG_TYPE)
            return constant()
        for index, one in enumerate(scaling):
            if one not in ("rescaled", "fixed"):
                found = f"expected rescaled or fixed, got {short_json(one)}"
                where.report(found, "Write rescaled", "interval_scaling", index)
        if abs(sum(shares) - 1.0) >= 1e-3 or min(shares) < 0:
            where.report("the lengths must not be negative and must sum to 1", "Write lengths: [0.1, 0.9]", "lengths")
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


def _piecewise_values(where: Where, values: Sequence[float], marks: list[tuple[float, float]]) -> Schedule:
    """Return values that are constant between `marks`: pairs (a, b), each for the fraction a / b of the run."""
    n = where.updates
    times = [
        first_update(lambda share, m=mark, w=whole: int((share + _EPSILON) * w) >= m, mark / whole * n, n)  # type: ignore[misc]
        for mark, whole in marks
    ]
    if len(values) > 1 and all(value == values[1] ** k for k, value in enumerate(values)) and values[1] > 0:
        reached = tuple(time for time in times if time < n)
        return multistep(reached, values[1]) if reached else constant()
    # If several marks fall into one update, the last one is used.
    points = {0: values[0], **dict(zip(times, values[1:], strict=True))}
    points = {time: value for time, value in points.items() if time < n}
    return piecewise(tuple(points.items())) if len(points) > 1 else constant(points[0])


def _bound(where: Where, end: float) -> int:
    """Return the update that corresponds to the fraction `end` of the run; report an error if it is not an integer."""
    exact = end * where.updates
    found = first_update(lambda share: share + _EPSILON > end, exact, where.updates)
    if abs(exact - found) > 1e-6 * max(1.0, where.updates * 1e-6):
        why = f"a part ends at update {exact:.6g} of {where.updates:,}, which is not an integer"
        instead = (
            "Write lengths that give integer numbers of updates, or a native plan: "
            'lr: linear(0.001, 1, over="5%") >> cosine()'
        )
        if abs(exact - round(exact)) < 1e-6:
            early = round(exact) - found
            why = f"in a run of {where.updates:,} updates fvcore's tolerance ends a part {early} too early"
        where.report(why, instead, "lengths")
    return found


def fvcore_class_in(data: Any) -> str | None:
    """Return the class of fvcore that data names, without the suffix `ParamScheduler`; None if it names none."""
    if not isinstance(data, Mapping):
        return None
    names: list[str] = [data[key] for key in NAME_KEYS if isinstance(data.get(key), str)]
    names += [str(key) for key in data if str(key).endswith(ENDING)]
    for name in names:
        bare = name.rpartition(".")[2]
        if bare.endswith(ENDING):
            return bare.removesuffix(ENDING)
        if bare in _TABLES:
            return bare
    return None


def param_schedule_of(
    data: Any, path: str, updates: int, diagnostics: DiagnosticCollector, beside: tuple[str, ...] = ()
) -> Schedule:
    """Read a param scheduler over a number of updates; if it has an error, report it and return `constant()`."""
    name = fvcore_class_in(data)
    if name is None or name not in _TABLES:
        known = [one + ENDING for one in _TABLES]
        kind = "a mapping that names none" if isinstance(data, Mapping) else type_name_of(data)
        missing = f"expected a param scheduler of fvcore, got {kind}"
        found = missing if name is None else f"unknown scheduler {name}{ENDING}; {did_you_mean(name + ENDING, known)}"
        diagnostics.add(
            path, found, 'Write {"CosineParamScheduler": {"start_value": 1, "end_value": 0}}', code=UNKNOWN_NAME
        )
        return constant()
    key = next((key for key in data if str(key).endswith(ENDING) and key not in NAME_KEYS), None)
    arguments, where = {key: value for key, value in data.items() if key not in (*NAME_KEYS, *beside)}, path
    if key is not None:
        arguments, where = data[key], child_path(path, key)
    entry = read_entry(name + ENDING, _TABLES[name], arguments, where, ReadingNotes(diagnostics))
    if entry is None:
        return constant()
    schedule: Schedule = entry.arguments.schedule(Where(updates, where, diagnostics, sound=not entry.wrong))
    return schedule


@final
@argument_table
class _SolverArguments:
    """The entries of `SOLVER` that schedule lr."""

    LR_SCHEDULER_NAME: Literal[
        "WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR", "WarmupPolyLR"  # WarmupPolyLR is DeepLab's
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


_MAX_LITERAL_LENGTH: Final = 1_000  # a longer string is not a list of milestones
_SCHEDULED: Final = ("LR_SCHED", "BASE_LR", "WARMUP", "STEPS", "GAMMA", "NUM_DECAYS", "RESCALE", "MAX_ITER", "POLY")
_GROUP_SETTINGS: Final = re.compile("FACTOR|MULT|BIAS|CLIP")  # BIAS_LR_FACTOR is a multiple of lr for some parameters
_BESIDE: Final = ("max_iter", "horizon")


def recognizes(data: Any) -> bool:
    """Return whether data looks like a param scheduler or a config of detectron2."""
    if not isinstance(data, Mapping):
        return False
    named = fvcore_class_in(data) is not None and any("ParamScheduler" in str(one) for one in [*data, *data.values()])
    return named or isinstance(data.get("SOLVER"), Mapping) or "LR_SCHEDULER_NAME" in data


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return `BASE_LR` as the base of lr, if a config of detectron2 contains it."""
    solver, path = _solver_in(data)
    rate: Any = None if solver is None else _value_of_text(solver.get("BASE_LR"))
    return Bases(({"lr": float(rate)},), child_path(path, "BASE_LR")) if is_plain_number(rate) else NO_BASES


def notes_of(data: Any) -> Iterator[Diagnostic]:
    """Return notes on detectron2's defaults of missing settings that affect the schedule."""
    solver, _ = _solver_in(data)
    if solver is not None:
        written = {name: _value_of_text(value) for name, value in solver.items() if value is not None}
        values = {**defaults_of(_SolverArguments), **written}
        names = ["LR_SCHEDULER_NAME", "MAX_ITER", *_USED_BY.get(str(values["LR_SCHEDULER_NAME"]), ())]
        names += ["WARMUP_ITERS", *(("WARMUP_FACTOR", "WARMUP_METHOD") if values["WARMUP_ITERS"] else ())]
        yield from note_defaults("detectron2 0.6", {name: values[name] for name in names if name not in written})


_USED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "WarmupMultiStepLR": ("STEPS", "GAMMA"),
    "WarmupCosineLR": ("BASE_LR_END",),
    "WarmupStepWithFixedGammaLR": ("NUM_DECAYS", "GAMMA"),
    "WarmupPolyLR": ("POLY_LR_POWER", "POLY_LR_CONSTANT_ENDING"),
}


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: BaseLike | None = None,  # noqa: ARG001  # values are multiples of it
) -> Plan:
    """Return the plan with the values of fvcore's scheduler, as multiples of base.

    Args:
        data: a param scheduler with an entry `max_iter`, a config of detectron2, or its `SOLVER`.
        calendar: run facts; `total` in updates is used if `max_iter` is missing.
        base: not used.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> print(to_plan({"SOLVER": {"STEPS": [60000, 80000], "MAX_ITER": 90000}}))
    horizon: 90000
    lr: warmup(1000, 0.001) >> skip(multistep([60000, 80000]), 1000)
    """
    diagnostics = DiagnosticCollector()
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind(ROOT, data, "a config", "Write SOLVER: {LR_SCHEDULER_NAME: WarmupCosineLR}")
    elif BASE in data:
        found = f"the entries of {short_json(data[BASE])} are missing, because the config was not loaded from its file"
        diagnostics.add(child_path(ROOT, BASE), found, "Load the config from its file", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        solver, path = _solver_in(data)
        is_scheduler = solver is None and (fvcore_class_in(data) is not None or "max_iter" in data)
        if not is_scheduler and not has_setting(solver or (), arguments_of(_SolverArguments)):
            names, instead = arguments_of(_SolverArguments), "For example SOLVER: {MAX_ITER: 90000}"
            found = "expected settings of detectron2's SOLVER"
            report_no_settings(data, names, diagnostics, library="detectron2", found=found, instead=instead)
            diagnostics.raise_any("config")
        if solver is not None:
            arguments = _read_solver(solver, path, diagnostics)
            diagnostics.raise_any("config")
            total, of_deeplab = arguments.MAX_ITER, arguments.LR_SCHEDULER_NAME == "WarmupPolyLR"
            schedule = _deeplab_schedule(arguments) if of_deeplab else _with_warmup(arguments, path, diagnostics)
        else:
            total = _updates_of(data, calendar, diagnostics)
            schedule = param_schedule_of(data, ROOT, total, diagnostics, _BESIDE)
        return Plan(lr=schedule, horizon=total)


def _updates_of(data: Mapping[str, Any], calendar: Calendar | None, diagnostics: DiagnosticCollector) -> int:
    """Return the length of the run in updates."""
    total = data.get("max_iter", data.get("horizon"))
    if total is None and calendar is not None and calendar.total is not None:
        terms = Duration.of(calendar.total).terms
        total = int(terms[0][1]) if len(terms) == 1 and terms[0][0] == "updates" else None
    if not is_count(total, least=1):
        found = (
            "the length of the run is unknown"
            if total is None
            else f"expected an integer of at least 1, got {short_json(total)}"
        )
        diagnostics.add(child_path(ROOT, "max_iter"), found, "Write max_iter: 90000", code=MISSING_FACT)
        return 1_000
    return int(total)


def _solver_in(data: Any) -> tuple[Mapping[str, Any] | None, str]:
    """Return the `SOLVER` section and its path; None if there is none."""
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
        if str(name).startswith(_SCHEDULED) and not str(name).startswith("BASE_LR_MULT")  # lr of some groups
    }
    own = [str(name) for name in solver if str(name) not in scheduled and not _GROUP_SETTINGS.search(str(name))]
    report_unused_settings({name: child_path(path, name) for name in own}, (), diagnostics, library="detectron2")
    arguments, places, _ = read_arguments(_SolverArguments, located(scheduled, path), path, diagnostics)
    if arguments.BASE_LR_END > arguments.BASE_LR:
        found = "BASE_LR_END must not be greater than BASE_LR"
        diagnostics.add(places["BASE_LR_END"], found, "Write BASE_LR_END: 0.0", code=REFUSED_VALUE)
    return arguments


def _value_of_text(value: Any) -> Any:
    """Evaluate a string as a Python literal, as detectron2 does: YAML reads `STEPS: (60000, 80000)` as a string."""
    if not isinstance(value, str) or len(value) > _MAX_LITERAL_LENGTH:
        return value
    diagnostics = DiagnosticCollector()
    try:
        literal = plain_data(ast.literal_eval(value), diagnostics)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value
    return value if diagnostics.count else literal


def _detectron_curve(arguments: _SolverArguments, where: Where) -> Schedule:
    """Return the schedule without its warmup."""
    match arguments.LR_SCHEDULER_NAME:
        case "WarmupCosineLR":
            return CosineArguments(start_value=1.0, end_value=arguments.BASE_LR_END / arguments.BASE_LR).schedule(where)
        case "WarmupMultiStepLR":
            steps = tuple(one for one in arguments.STEPS if one <= arguments.MAX_ITER)
            values = tuple(arguments.GAMMA**k for k in range(len(steps) + 1))
            return MultiStepArguments(values=values, milestones=steps, num_updates=arguments.MAX_ITER).schedule(where)
    return StepWithFixedGammaArguments(
        base_value=arguments.BASE_LR,
        gamma=arguments.GAMMA,
        num_decays=arguments.NUM_DECAYS,
        num_updates=arguments.MAX_ITER,
    ).schedule(where)


def _deeplab_schedule(arguments: _SolverArguments) -> Schedule:
    """Return DeepLab's polynomial decay to a constant ending, multiplied by the warmup."""
    warm, first = min(arguments.WARMUP_ITERS, arguments.MAX_ITER), arguments.WARMUP_FACTOR
    curve: Schedule = polynomial(arguments.POLY_LR_POWER, over=arguments.MAX_ITER)
    if arguments.POLY_LR_CONSTANT_ENDING:
        curve = maximum(curve, constant(arguments.POLY_LR_CONSTANT_ENDING))
    if not warm:
        return curve
    ramp = constant(first, warm) >> constant() if arguments.WARMUP_METHOD == "constant" else warmup(warm, first)
    return ramp * curve


def _with_warmup(arguments: _SolverArguments, path: str, diagnostics: DiagnosticCollector) -> Schedule:
    """Return the warmup, which ends at the level of the curve, then the rest of the curve or all of it rescaled."""
    total, rescaled, warm = (
        arguments.MAX_ITER,
        arguments.RESCALE_INTERVAL,
        min(arguments.WARMUP_ITERS, arguments.MAX_ITER),
    )
    if not warm:
        return _detectron_curve(arguments, Where(total, path, diagnostics))
    if total > 900_000:
        found = f"in a run of {total:,} updates fvcore's tolerance ends the warmup early"
        instead = 'Write a native plan: lr: warmup("1k steps", 0.001) >> cosine()'
        diagnostics.add(child_path(path, "MAX_ITER"), found, instead, code=REFUSED_VALUE)
    whole = _detectron_curve(arguments, Where(total, path, diagnostics))
    if diagnostics.count:
        return constant()
    first = arguments.WARMUP_FACTOR * whole(0)
    met = whole(0) if rescaled else whole(warm)
    ramp: Schedule = constant(first, warm) if arguments.WARMUP_METHOD == "constant" else linear(first, met, warm)
    if warm == total:
        return ramp
    rest = _detectron_curve(arguments, Where(total - warm, path, diagnostics)) if rescaled else skip(whole, warm)
    return ramp >> rest
