"""From param schedulers, and from detectron2's `SOLVER`, to a plan; and back, where they say it."""

import ast
import re
from collections.abc import Mapping
from typing import Any, Final

from paramsched._fault_codes import MISSING_FACT, REFUSED_VALUE, UNKNOWN_FIELD, UNKNOWN_NAME, WRONG_TYPE
from paramsched.config.dialects.fvcore.base_files import BASE
from paramsched.config.dialects.fvcore.param_schedulers import fvcore_class_in, param_schedule_of
from paramsched.config.faults import ROOT, Faults, child_path, plain_data, short_json
from paramsched.config.known_dialects import NO_BASES, BaseLike, Bases
from paramsched.config.peer_arguments import is_count, is_plain_number
from paramsched.config.unused_settings import report_unused_settings
from paramsched.plan import Plan
from paramsched.schedules import Schedule, constant, linear, maximum, polynomial, skip, warmup
from paramsched.time import Calendar, Duration

_DEFAULTS: Final[Mapping[str, Any]] = {
    "LR_SCHEDULER_NAME": "WarmupMultiStepLR",
    "MAX_ITER": 40000,
    "BASE_LR": 0.001,
    "BASE_LR_END": 0.0,
    "GAMMA": 0.1,
    "STEPS": (30000,),
    "NUM_DECAYS": 3,
    "WARMUP_FACTOR": 1.0 / 1000,
    "WARMUP_ITERS": 1000,
    "WARMUP_METHOD": "linear",
    "RESCALE_INTERVAL": False,
    "POLY_LR_POWER": 0.9,
    "POLY_LR_CONSTANT_ENDING": 0.0,
}
"""The entries of `SOLVER` that schedule lr, and what detectron2 takes where one is missing."""

_LONGEST_TEXT: Final = 1_000  # a longer one is no list of milestones
_DEEPLAB: Final = "WarmupPolyLR"  # of detectron2's projects DeepLab and Panoptic-DeepLab
_NAMES: Final = ("WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR", _DEEPLAB)
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
            given = _checked_solver(solver, path, faults)
            faults.raise_any("config")
            total = int(given["MAX_ITER"])
            of_deeplab = given["LR_SCHEDULER_NAME"] == _DEEPLAB
            schedule = _deeplab_schedule(given, total) if of_deeplab else _warmed(given, path, total, faults)
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


def _checked_solver(solver: Mapping[str, Any], path: str, faults: Faults) -> dict[str, Any]:
    """The entries that schedule lr; what is wrong with them is noted."""

    def fault(name: str, found: str, instead: str, code: str = WRONG_TYPE) -> None:
        faults.add(child_path(path, name), found, instead, code=code)

    groups = "BASE_LR_MULT"  # with names of parameters, whose rate is this multiple
    scheduled = [name for name in solver if str(name).startswith(_SCHEDULED) and not str(name).startswith(groups)]
    faults.refuse_unknown(scheduled, _DEFAULTS, path, "no such entry", code=UNKNOWN_FIELD)
    own = [str(name) for name in solver if name not in scheduled and not _OF_GROUPS.search(str(name))]
    report_unused_settings({name: child_path(path, name) for name in own}, (), faults, library="detectron2")
    given = {name: _value_of_text(solver.get(name, default)) for name, default in _DEFAULTS.items()}
    if given["LR_SCHEDULER_NAME"] not in _NAMES:
        place = child_path(path, "LR_SCHEDULER_NAME")
        faults.refuse_word(place, given["LR_SCHEDULER_NAME"], _NAMES, "no such scheduler; ")
    if given["WARMUP_METHOD"] not in ("linear", "constant"):
        found = f"{short_json(given['WARMUP_METHOD'])} is neither linear nor constant"
        fault("WARMUP_METHOD", found, "Write linear", UNKNOWN_NAME)
    for name in ("MAX_ITER", "WARMUP_ITERS", "NUM_DECAYS"):
        value = given[name]
        if not is_count(value, least=name == "MAX_ITER"):
            fault(name, f"{short_json(value)} is no whole number", f"Write {name}: 1000")
    for name in ("BASE_LR", "BASE_LR_END", "GAMMA", "WARMUP_FACTOR", "POLY_LR_POWER", "POLY_LR_CONSTANT_ENDING"):
        if not is_plain_number(given[name]) or given[name] < 0 or (name == "BASE_LR" and not given[name]):
            fault(name, f"{short_json(given[name])} is no number in its range", "Write 0.02")
    steps = given["STEPS"]
    if not isinstance(steps, (list, tuple)) or not all(map(is_plain_number, steps)):
        fault("STEPS", f"{short_json(steps)} is no list of iterations", "Write [60000, 80000]")
    if not faults.count and given["BASE_LR_END"] > given["BASE_LR"]:
        fault("BASE_LR_END", "it is above BASE_LR", "Write BASE_LR_END: 0.0", REFUSED_VALUE)
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


def _detectron_curve(given: Mapping[str, Any], path: str, updates: int, faults: Faults) -> Schedule:
    """What the warmup is laid over, as detectron2 makes it."""
    total = given["MAX_ITER"]
    match given["LR_SCHEDULER_NAME"]:
        case "WarmupCosineLR":
            end = given["BASE_LR_END"] / given["BASE_LR"]
            spec = {"CosineParamScheduler": {"start_value": 1, "end_value": end}}
        case "WarmupMultiStepLR":
            steps = [one for one in given["STEPS"] if one <= total]
            values = [given["GAMMA"] ** k for k in range(len(steps) + 1)]
            spec = {"MultiStepParamScheduler": {"values": values, "milestones": steps, "num_updates": total}}
        case _:
            arguments = {"base_value": given["BASE_LR"], "gamma": given["GAMMA"], "num_decays": given["NUM_DECAYS"]}
            spec = {"StepWithFixedGammaParamScheduler": {**arguments, "num_updates": total}}
    return param_schedule_of(spec, path, updates, faults)


def _deeplab_schedule(given: Mapping[str, Any], total: int) -> Schedule:
    """A power of what is left, held at a constant ending; times the warmup, as DeepLab does."""
    warm, first = min(int(given["WARMUP_ITERS"]), total), given["WARMUP_FACTOR"]
    curve: Schedule = polynomial(given["POLY_LR_POWER"], over=total)
    if given["POLY_LR_CONSTANT_ENDING"]:
        curve = maximum(curve, constant(given["POLY_LR_CONSTANT_ENDING"]))
    if not warm:
        return curve
    ramp = constant(first, warm) >> constant() if given["WARMUP_METHOD"] == "constant" else warmup(warm, first)
    return ramp * curve


def _warmed(given: Mapping[str, Any], path: str, total: int, faults: Faults) -> Schedule:
    """The warmup, up to where the curve is by then; and the rest of the curve, or all of it rescaled."""
    warm = min(int(given["WARMUP_ITERS"]), total)
    rescaled = bool(given["RESCALE_INTERVAL"])
    if not warm:
        return _detectron_curve(given, path, total, faults)
    if total > 900_000:
        found = f"in a run of {total:,} updates fvcore's tolerance ends the warmup early"
        instead = 'Write a native plan: lr: warmup("1k steps", 0.001) >> cosine()'
        faults.add(child_path(path, "MAX_ITER"), found, instead, code=REFUSED_VALUE)
    whole = _detectron_curve(given, path, total, faults)
    if faults.count:
        return constant()
    first = given["WARMUP_FACTOR"] * whole(0)
    met = whole(0) if rescaled else whole(warm)
    ramp: Schedule = constant(first, warm) if given["WARMUP_METHOD"] == "constant" else linear(first, met, warm)
    if warm == total:
        return ramp
    rest = _detectron_curve(given, path, total - warm, faults) if rescaled else skip(whole, warm)
    return ramp >> rest
