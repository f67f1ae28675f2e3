"""From param schedulers, and from detectron2's `SOLVER`, to a plan; and back, where they say it."""

import ast
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, final

from paramsched.base.codes import MISSING_FACT, REFUSED_VALUE
from paramsched.base.diagnostic import ROOT, child_path
from paramsched.config.arguments import argument, argument_table, located, read_arguments
from paramsched.config.faults import Faults, plain_data, short_json
from paramsched.config.known_dialects import BaseLike
from paramsched.config.peer_arguments import is_count, is_plain_number
from paramsched.config.unused_settings import report_unused_settings
from paramsched.peers.fvcore.base_files import BASE
from paramsched.peers.fvcore.param_schedulers import (
    CosineArguments,
    MultiStepArguments,
    StepWithFixedGammaArguments,
    Where,
    fvcore_class_in,
    param_schedule_of,
)
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import Schedule, constant, linear, maximum, polynomial, skip, warmup
from paramsched.time import Calendar, Duration


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
    faults = Faults()
    if not isinstance(data, Mapping):
        faults.refuse_kind(ROOT, data, "config", "Write SOLVER: {LR_SCHEDULER_NAME: WarmupCosineLR}")
    elif BASE in data:
        found = f"{short_json(data[BASE])} is another file, and its entries are not here"
        faults.add(child_path(ROOT, BASE), found, "Load the config from its file", code=REFUSED_VALUE)
    faults.raise_any("config")
    with faults.told_at(ROOT):
        solver, path = _solver_in(data)
        if solver is not None:
            given = _read_solver(solver, path, faults)
            faults.raise_any("config")
            total, of_deeplab = given.MAX_ITER, given.LR_SCHEDULER_NAME == "WarmupPolyLR"
            schedule = _deeplab_schedule(given) if of_deeplab else _warmed(given, path, faults)
        else:
            total = _updates_of(data, calendar, faults)
            schedule = param_schedule_of(data, ROOT, total, faults, _BESIDE)
        return Plan(lr=schedule, horizon=total)


def _updates_of(data: Mapping[str, Any], calendar: Calendar | None, faults: Faults) -> int:
    """The updates that `where` goes over."""
    total = data.get("max_iter", data.get("horizon"))
    if total is None and calendar is not None and calendar.total is not None:
        terms = Duration.of(calendar.total).terms
        total = int(terms[0][1]) if len(terms) == 1 and terms[0][0] == "updates" else None
    if not is_count(total, least=1):
        found = (
            "nothing says how many updates the run has" if total is None else f"{short_json(total)} is no whole number"
        )
        faults.add(child_path(ROOT, "max_iter"), found, "Write max_iter: 90000", code=MISSING_FACT)
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


def _read_solver(solver: Mapping[str, Any], path: str, faults: Faults) -> _SolverArguments:
    """Read the entries that schedule lr."""
    scheduled = {
        str(name): _value_of_text(value)
        for name, value in solver.items()
        if str(name).startswith(_SCHEDULED) and not str(name).startswith("BASE_LR_MULT")  # the rates of some groups
    }
    own = [str(name) for name in solver if str(name) not in scheduled and not _OF_GROUPS.search(str(name))]
    report_unused_settings({name: child_path(path, name) for name in own}, (), faults, library="detectron2")
    given, places, _ = read_arguments(_SolverArguments, located(scheduled, path), path, faults)
    if given.BASE_LR_END > given.BASE_LR:
        faults.add(places["BASE_LR_END"], "it is above BASE_LR", "Write BASE_LR_END: 0.0", code=REFUSED_VALUE)
    return given


def _value_of_text(value: Any) -> Any:
    """What detectron2 reads in a text: `STEPS: (60000, 80000)` is a text to YAML, and a literal of Python to it."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return value
    faults = Faults()
    try:
        literal = plain_data(ast.literal_eval(value), faults)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value
    return value if faults.count else literal


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


def _warmed(given: _SolverArguments, path: str, faults: Faults) -> Schedule:
    """The warmup, up to where the curve is by then; and the rest of the curve, or all of it rescaled."""
    total, rescaled, warm = given.MAX_ITER, given.RESCALE_INTERVAL, min(given.WARMUP_ITERS, given.MAX_ITER)
    if not warm:
        return _detectron_curve(given, Where(total, path, faults))
    if total > 900_000:
        found = f"in a run of {total:,} updates fvcore's tolerance ends the warmup early"
        instead = 'Write a native plan: lr: warmup("1k steps", 0.001) >> cosine()'
        faults.add(child_path(path, "MAX_ITER"), found, instead, code=REFUSED_VALUE)
    whole = _detectron_curve(given, Where(total, path, faults))
    if faults.count:
        return constant()
    first = given.WARMUP_FACTOR * whole(0)
    met = whole(0) if rescaled else whole(warm)
    ramp: Schedule = constant(first, warm) if given.WARMUP_METHOD == "constant" else linear(first, met, warm)
    if warm == total:
        return ramp
    rest = _detectron_curve(given, Where(total - warm, path, faults)) if rescaled else skip(whole, warm)
    return ramp >> rest
