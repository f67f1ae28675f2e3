"""Conversion of detectron2's `SOLVER` to a plan."""

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise, repeat
from operator import mul
from typing import Any, Final

from paramsched.compat.fvcore.arguments import SolverArguments
from paramsched.compat.fvcore.base_files import BASE
from paramsched.compat.fvcore.base_files import read as read
from paramsched.core.base.codes import REFUSED_VALUE
from paramsched.core.base.diagnostic import ROOT, Diagnostic, child_path
from paramsched.core.curves.elementary import power_of_number
from paramsched.core.files.arguments import (
    arguments_of,
    defaults_of,
    is_plain_number,
    located,
    read_arguments,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, plain_data, short_json
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.files.unused_settings import has_setting, note_defaults, report_no_settings, report_unused_settings
from paramsched.core.plan import Plan
from paramsched.core.plan.bases import NO_BASES, Bases
from paramsched.core.schedules import (
    Schedule,
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
from paramsched.core.time import Calendar

scheduler_entries = ("SOLVER",)
"""The config keys that contain the schedule; `paramsched check` reports their location."""

_EPSILON: Final = 1e-6  # fvcore's tolerance of `where`, the completed fraction of the run


def _piecewise_values(updates: int, values: Sequence[float], marks: Sequence[float], whole: float) -> Schedule:
    """Return values that are constant between `marks`, each for the fraction mark / whole of the run."""

    def first_update(mark: float) -> int:
        """Return the first update at which fvcore has reached the mark, in its arithmetic."""
        latest = max(min(round(mark / whole * updates) + 2, updates), 0)
        return bisect_left(range(latest), True, key=lambda t: int((t / updates + _EPSILON) * whole) >= mark)

    times = list(map(first_update, marks))
    if len(values) > 1 and all(value == values[1] ** k for k, value in enumerate(values)) and values[1] > 0:
        reached = tuple(time for time in times if time < updates)
        return multistep(reached, values[1]) if reached else constant()
    # If several marks fall into one update, the last one is used.
    points = {0: values[0], **dict(zip(times, values[1:], strict=True))}
    points = {time: value for time, value in points.items() if time < updates}
    return piecewise(tuple(points.items())) if len(points) > 1 else constant(points[0])


_MAX_LITERAL_LENGTH: Final = 1_000  # a longer string is not a list of milestones
_SCHEDULED: Final = ("LR_SCHED", "BASE_LR", "WARMUP", "STEPS", "GAMMA", "NUM_DECAYS", "RESCALE", "MAX_ITER", "POLY")
_GROUP_SETTINGS: Final = re.compile("FACTOR|MULT|BIAS|CLIP")  # BIAS_LR_FACTOR is a multiple of lr for some parameters


def recognizes(data: Any) -> bool:
    """Return whether data looks like a config of detectron2."""
    return isinstance(data, Mapping) and (isinstance(data.get("SOLVER"), Mapping) or "LR_SCHEDULER_NAME" in data)


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
        values = {**defaults_of(SolverArguments), **written}
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
    calendar: Calendar | None = None,  # noqa: ARG001  # each peer has these two parameters
    base: BaseLike | None = None,  # noqa: ARG001
) -> Plan:
    """Return the plan with the values of detectron2's scheduler, as multiples of base.

    Args:
        data: a config of detectron2, or its `SOLVER`.
        calendar: not used.
        base: not used.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> print(to_plan({"SOLVER": {"STEPS": [60000, 80000], "MAX_ITER": 90000}}))
    horizon: 90000
    lr: warmup(1000, 0.001) >> skip(multistep([60000, 80000]), 1000)
    """
    diagnostics = DiagnosticCollector()
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind(ROOT, data, "a config", "Use SOLVER: {LR_SCHEDULER_NAME: WarmupCosineLR}")
    elif BASE in data:
        found = f"the entries of {short_json(data[BASE])} are missing, because the config was not loaded from its file"
        diagnostics.add(child_path(ROOT, BASE), found, "Load the config from its file", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        solver, path = _solver_in(data)
        if solver is None or not has_setting(solver, arguments_of(SolverArguments)):
            names, instead = arguments_of(SolverArguments), "For example SOLVER: {MAX_ITER: 90000}"
            found = "expected settings of detectron2's SOLVER"
            report_no_settings(data, names, diagnostics, library="detectron2", found=found, instead=instead)
            diagnostics.raise_any("config")
        arguments = _read_solver(solver or {}, path, diagnostics)
        diagnostics.raise_any("config")
        of_deeplab = arguments.LR_SCHEDULER_NAME == "WarmupPolyLR"
        schedule = _deeplab_schedule(arguments) if of_deeplab else _with_warmup(arguments, path, diagnostics)
        return Plan(lr=schedule, horizon=arguments.MAX_ITER)


def _solver_in(data: Any) -> tuple[Mapping[str, Any] | None, str]:
    """Return the `SOLVER` section and its path; None if there is none."""
    if isinstance(data, Mapping):
        inner = data.get("SOLVER")
        if isinstance(inner, Mapping):
            return inner, child_path(ROOT, "SOLVER")
        if "LR_SCHEDULER_NAME" in data or "MAX_ITER" in data:
            return data, ROOT
    return None, ROOT


def _read_solver(solver: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector) -> SolverArguments:
    """Read the entries that schedule lr."""
    scheduled = {
        str(name): _value_of_text(value)
        for name, value in solver.items()
        if str(name).startswith(_SCHEDULED) and not str(name).startswith("BASE_LR_MULT")  # lr of some groups
    }
    own = [str(name) for name in solver if str(name) not in scheduled and not _GROUP_SETTINGS.search(str(name))]
    report_unused_settings({name: child_path(path, name) for name in own}, (), diagnostics, library="detectron2")
    arguments, places, wrong = read_arguments(SolverArguments, located(scheduled, path), path, diagnostics)
    if arguments.BASE_LR_END > arguments.BASE_LR:
        found = "BASE_LR_END must not be greater than BASE_LR"
        diagnostics.add(places["BASE_LR_END"], found, "For example: BASE_LR_END: 0.0", code=REFUSED_VALUE)
    times = [0.0, *_steps_in_run(arguments), arguments.MAX_ITER]
    if arguments.LR_SCHEDULER_NAME == "WarmupMultiStepLR" and not wrong and any(b <= a for a, b in pairwise(times)):
        found = "the milestones must be in increasing order, greater than 0 and less than MAX_ITER"
        instead = "For example STEPS: (60000, 80000), MAX_ITER: 90000"
        diagnostics.add(places.get("STEPS", path), found, instead, code=REFUSED_VALUE)
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


def _detectron_curve(arguments: SolverArguments, updates: int) -> Schedule:
    """Return the schedule without its warmup, over a number of updates."""
    total, gamma = arguments.MAX_ITER, arguments.GAMMA
    match arguments.LR_SCHEDULER_NAME:
        case "WarmupCosineLR":
            return cosine(1.0, arguments.BASE_LR_END / arguments.BASE_LR, updates)
        case "WarmupMultiStepLR":
            steps = _steps_in_run(arguments)
            values = [power_of_number(float(gamma), float(k)) for k in range(len(steps) + 1)]
            return _piecewise_values(updates, values, steps, total)
    parts = arguments.NUM_DECAYS + 1
    values = list(accumulate(repeat(gamma, arguments.NUM_DECAYS), mul, initial=arguments.BASE_LR))
    return _piecewise_values(updates, values, range(1, parts), parts)


def _steps_in_run(arguments: SolverArguments) -> Sequence[float]:
    return [step for step in arguments.STEPS if step <= arguments.MAX_ITER]


def _deeplab_schedule(arguments: SolverArguments) -> Schedule:
    """Return DeepLab's polynomial decay to a constant ending, multiplied by the warmup."""
    warm, first = min(arguments.WARMUP_ITERS, arguments.MAX_ITER), arguments.WARMUP_FACTOR
    curve: Schedule = polynomial(arguments.POLY_LR_POWER, over=arguments.MAX_ITER)
    if arguments.POLY_LR_CONSTANT_ENDING:
        curve = maximum(curve, constant(arguments.POLY_LR_CONSTANT_ENDING))
    if not warm:
        return curve
    ramp = constant(first, warm) >> constant() if arguments.WARMUP_METHOD == "constant" else warmup(warm, first)
    return ramp * curve


def _with_warmup(arguments: SolverArguments, path: str, diagnostics: DiagnosticCollector) -> Schedule:
    """Return the warmup, which ends at the level of the curve, then the rest of the curve or all of it rescaled."""
    total, rescaled, warm = (
        arguments.MAX_ITER,
        arguments.RESCALE_INTERVAL,
        min(arguments.WARMUP_ITERS, arguments.MAX_ITER),
    )
    if not warm:
        return _detectron_curve(arguments, total)
    if total > 900_000:
        found = f"in a run of {total:,} updates fvcore's tolerance ends the warmup early"
        instead = 'Use a native plan, such as lr: warmup("1k steps", 0.001) >> cosine()'
        diagnostics.add(child_path(path, "MAX_ITER"), found, instead, code=REFUSED_VALUE)
    whole = _detectron_curve(arguments, total)
    first = arguments.WARMUP_FACTOR * whole(0)
    met = whole(0) if rescaled else whole(warm)
    ramp: Schedule = constant(first, warm) if arguments.WARMUP_METHOD == "constant" else linear(first, met, warm)
    if warm == total:
        return ramp
    rest = _detectron_curve(arguments, total - warm) if rescaled else skip(whole, warm)
    return ramp >> rest
