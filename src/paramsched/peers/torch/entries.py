"""What stands in the data: the class of a scheduler and its arguments, however they are written; and back."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from paramsched.base.codes import REFUSED_VALUE
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.arguments import arguments_of, located, names_of, read_arguments
from paramsched.config.faults import Faults
from paramsched.config.peer_arguments import (
    PeerWords,
    arguments_beside,
    begins_of_stages,
    schedules_lr_alone,
    value_of_level,
)
from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.peers.torch.shapes import CYCLIC_STATE, TABLES, TorchEntry
from paramsched.plan import Plan
from paramsched.schedules import Absolute, Anneal, Constant, Exponential, Schedule
from paramsched.schedules.cuts import Take
from paramsched.schedules.cyclic import CosineRestarts, Cyclic
from paramsched.schedules.pointwise import Product
from paramsched.schedules.retimed import Chain, Every
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Duration

IGNORED: Final = ("optimizer", "last_epoch", "verbose", "_partial_", "_convert_", "_recursive_")
"""Arguments that schedule nothing, and entries beside a Hydra `_target_`."""
NAME_KEYS: Final = ("_target_", "class_path", "class", "type", "name")
"""The keys that name a class: Hydra's, Lightning's, and what people write."""

_MODULES: Final = re.compile(
    r"((torch\.)?optim\.)?(lr_scheduler|swa_utils)|torch(\.optim)?|paramsched\.compat\.torch"
    r"|(lightning\.pytorch|pytorch_lightning)(\.utilities)?\.cli"
)

ARGUMENT_KEYS: Final = ("init_args", "kwargs", "params")

_STATE_MARKS: Final = {
    "step_size": "StepLR",
    "milestones": "MultiStepLR",
    "factor": "ConstantLR",
    "start_factor": "LinearLR",
    "power": "PolynomialLR",
    "T_max": "CosineAnnealingLR",
    "T_0": "CosineAnnealingWarmRestarts",
    "step_ratio": "CyclicLR",
    "_schedule_phases": "OneCycleLR",
    "anneal_epochs": "SWALR",
    "patience": "ReduceLROnPlateau",
    "_milestones": "SequentialLR",
    "_schedulers": "ChainedScheduler",
    "lr_lambdas": "LambdaLR",
    "gamma": "ExponentialLR",
}
"""What only the state of one class holds; asked in this order, but for the plateau, which has a factor too."""


def is_state(data: Any) -> bool:
    """Whether data is the `state_dict()` of a scheduler."""
    return isinstance(data, Mapping) and "_last_lr" in data and not any(key in data for key in NAME_KEYS)


def torch_class_in(data: Any) -> str | None:
    """The class of torch's that data names; None where it names none."""
    if is_state(data):
        return class_of_state(data)
    if not isinstance(data, Mapping):
        return None
    for key in NAME_KEYS:
        if isinstance(data.get(key), str):
            return _bare_name(data[key])
    named = [_bare_name(str(key)) for key in data]
    return next((name for name in named if name in TABLES), None)


def _bare_name(name: str) -> str:
    """The name of a class without its module, if the module can be torch's; MONAI's LinearLR is another one."""
    module, _, bare = name.rpartition(".")
    return bare if not module or _MODULES.fullmatch(module) else name


def class_of_state(state: Mapping[str, Any]) -> str | None:
    """The class a state belongs to, by what it holds."""
    if "patience" in state:
        return "ReduceLROnPlateau"
    return next((name for mark, name in _STATE_MARKS.items() if mark in state), None)


def read_entry(data: Any, path: str, faults: Faults, besides: tuple[str, ...] = ()) -> TorchEntry | None:
    """The scheduler that stands at a path; None, and a fault, where there is none."""
    if not isinstance(data, Mapping):
        faults.refuse_kind(path, data, "scheduler", 'Write {"StepLR": {"step_size": 30}}')
        return None
    name = torch_class_in(data)
    if name is None or name not in TABLES:
        if name is not None and "." in name:
            why, instead = f"{name} is not a class of torch.optim.lr_scheduler", "Write a native plan: lr: cosine()"
        else:
            meant = "" if name is None else did_you_mean(name, TABLES)
            why = f"torch has no scheduler {name}; {meant}" if name else "it names no class of torch's"
            instead = 'Write {"StepLR": {"step_size": 30}}'
        faults.add(path, why, instead, code=REFUSED_VALUE)
        return None
    if is_state(data):
        return _read_state(data, name, path, faults)
    given, where = _torch_arguments(data, name, path, besides)
    if not isinstance(given, Mapping):
        faults.refuse_kind(where, given, "arguments", "Write a mapping of arguments")
        return None
    written = located({key: value for key, value in given.items() if key not in IGNORED}, where)
    arguments, _, wrong = read_arguments(TABLES[name], written, where, faults, aliases=False, of=name)
    return TorchEntry(name, where, arguments, frozenset(wrong))


def _read_state(data: Mapping[str, Any], name: str, path: str, faults: Faults) -> TorchEntry | None:
    """The scheduler of a saved state, which holds all arguments, and more."""
    if name in ("OneCycleLR", "SWALR"):
        found = f"its state does not say {'max_lr' if name == 'OneCycleLR' else 'swa_lr'}: the optimizer's groups do"
        faults.add(path, found, f'Write {{"{name}": {{…}}}} with its arguments', code=REFUSED_VALUE)
        return None
    table = CYCLIC_STATE if name == "CyclicLR" else TABLES[name]
    written = located({key: value for key, value in data.items() if key in names_of(table)}, path)
    missing = dict.fromkeys(arguments_of(table))
    arguments, _, wrong = read_arguments(table, written, path, faults, defaults=missing)
    return TorchEntry(name, path, arguments, frozenset(wrong), state=True)


def _torch_arguments(data: Mapping[str, Any], name: str, path: str, besides: tuple[str, ...]) -> tuple[Any, str]:
    """The arguments beside a class, and where they stand."""
    for key, value in data.items():
        if _bare_name(str(key)) == name and key not in NAME_KEYS:
            return ({} if value is None else value), child_path(path, key)
    return arguments_beside(data, path, NAME_KEYS, ARGUMENT_KEYS, besides)


_WORDS: Final = PeerWords("torch")
_ENDLESS: Final = 1_000_000_000  # steps
_EPOCH: Final = Duration.of("1 epoch")


def from_plan(plan: Plan) -> dict[str, Any]:
    """The class and the arguments that give what the plan gives.

    Raises:
        PlanError: torch has no scheduler that does.

    >>> from paramsched import cosine, warmup
    >>> from_plan(Plan(lr=warmup(5, 0.1) >> cosine(over=45), horizon=50))["SequentialLR"]["milestones"]
    [5]
    """
    if not schedules_lr_alone(plan) or plan.clock != "updates":
        _WORDS.refuse(plan, "torch's schedulers drive lr of all groups, by updates or epochs")
    schedule = plan.bindings[0].schedule
    by_epoch = "epoch" in str(schedule)
    if by_epoch and isinstance(schedule, Every) and schedule.period == _EPOCH and schedule.phase == 0:
        schedule = schedule.schedule
    elif by_epoch and not _only_stairs(schedule):
        _WORDS.refuse(schedule, 'by epochs it changes between epochs only; write every(…, "epoch")')
    unit = "epochs" if by_epoch else "updates"
    run = None if plan.horizon is None else _steps(plan.horizon, unit)
    written = _torch_written(schedule, unit, run)
    beside: dict[str, Any] = {"interval": "epoch"} if by_epoch else {}
    if plan.horizon is not None:
        beside["horizon"] = run if not by_epoch else str(plan.horizon)
    return {**written, **beside}


def _only_stairs(schedule: Schedule) -> bool:
    return isinstance(schedule, (Step, MultiStep)) or (
        isinstance(schedule, (Sequence, Product, Chain))
        and all(_only_stairs(one) or isinstance(one, Constant) for one in _parts(schedule))
    )


def _parts(schedule: Sequence | Product | Chain) -> tuple[Schedule, ...]:
    return tuple(schedule.stages if isinstance(schedule, Sequence) else schedule.operands)


def _steps(length: Duration, unit: str) -> int:
    terms = length.terms or ((unit, Fraction(0)),)
    if len(terms) != 1 or terms[0][0] != unit or terms[0][1].denominator != 1:
        _WORDS.refuse(length, f"it is no whole number of {unit}; ps.resolve(plan, calendar) makes it updates")
    return int(terms[0][1])


def _torch_written(schedule: Schedule, unit: str, run: int | None) -> dict[str, Any]:
    """`run` is how many steps of it are seen."""
    match schedule:
        case Step():
            return {"StepLR": {"step_size": _steps(schedule.every, unit), "gamma": schedule.gamma}}
        case MultiStep():
            times = [_steps(one, unit) for one in schedule.milestones]
            return {"MultiStepLR": {"milestones": times, "gamma": schedule.gamma}}
        case Exponential() if _steps(schedule.per, unit) == 1:
            return {"ExponentialLR": {"gamma": schedule.gamma}}
        case Constant() if isinstance(schedule.value, float) and 0 < schedule.value <= 1:
            return {"ConstantLR": {"factor": schedule.value, "total_iters": _ENDLESS}}
        case Anneal():
            return _written_descent(schedule, unit, run)
        case CosineRestarts() if schedule.gamma == 1 and schedule.mult == int(schedule.mult):
            periods = {"T_0": _steps(schedule.first, unit), "T_mult": int(schedule.mult)}
            return {"CosineAnnealingWarmRestarts": {**periods, "eta_min": _floor(schedule, schedule.to)}}
        case Cyclic(start=Absolute(low), to=Absolute(high)):
            sizes = {"step_size_up": _steps(schedule.up, unit), "step_size_down": _steps(schedule.down, unit)}
            arguments = {"base_lr": low, "max_lr": high, **sizes, "mode": schedule.mode, "gamma": schedule.gamma}
            return {"CyclicLR": {**arguments, "cycle_momentum": False}}
        case Take():
            return _torch_written(schedule.schedule, unit, _steps(schedule.over, unit))
        case Sequence():
            return _torch_stages_written(schedule, unit, run)
        case Product() | Chain():
            members = [_torch_written(one, unit, run) for one in _parts(schedule)]
            if all(_is_factor(one) for one in _parts(schedule)):
                return {"ChainedScheduler": {"schedulers": members}}
    return _WORDS.refuse(schedule, "it has no such scheduler")


def _is_factor(schedule: Schedule) -> bool:
    """Whether torch's chain multiplies by it: steps, exponentials and straight lines that never reach 0."""
    line = isinstance(schedule, Anneal) and schedule.to not in (0, 0.0) and isinstance(schedule.to, float)
    return line or isinstance(schedule, (Step, MultiStep, Exponential, Constant))


def _written_descent(schedule: Anneal, unit: str, run: int | None) -> dict[str, Any]:
    """Over its length, or over the run."""
    if schedule.index != "t/n":
        _WORDS.refuse(schedule, 'its schedulers follow index="t/n"')
    length = run if schedule.over is None else _steps(schedule.over, unit)
    if length is None:
        _WORDS.refuse(schedule, "it takes the time it is given, and the plan has no horizon")
    start, to = schedule.start, schedule.to
    if length < 1 or not isinstance(start, float):
        _WORDS.refuse(schedule, "it starts from a multiple of base, and takes at least one step")
    if isinstance(schedule.curve, Linear) and isinstance(to, float) and 0 < start <= 1 and 0 <= to <= 1:
        return {"LinearLR": {"start_factor": start, "end_factor": to, "total_iters": length}}
    if isinstance(schedule.curve, Polynomial) and start == 1 and to == 0:
        return {"PolynomialLR": {"total_iters": length, "power": schedule.curve.exponent}}
    if isinstance(schedule.curve, Cosine) and start == 1:
        if run is None or run > length + 1:
            _WORDS.refuse(schedule, f"torch's cosine climbs again after {length} steps, and the plan holds its end")
        return {"CosineAnnealingLR": {"T_max": length, "eta_min": _floor(schedule, to)}}
    return _WORDS.refuse(schedule, "it has no such curve between such levels")


def _floor(schedule: Schedule, to: Any) -> float:
    value = value_of_level(to)
    if value is None:
        _WORDS.refuse(schedule, "eta_min is a value, not a multiple of base; write to=absolute(…)")
    return value


def _torch_stages_written(schedule: Sequence, unit: str, run: int | None) -> dict[str, Any]:
    """A scheduler for each stage."""
    lengths = [None if stage.length is None else _steps(stage.length, unit) for stage in schedule.stages]
    if None in lengths[:-1]:
        if lengths.count(None) > 1 or run is None:
            _WORDS.refuse(schedule, "a stage takes the time it is given; ps.resolve(plan, calendar) says how much")
        lengths = [run - sum(one or 0 for one in lengths) if one is None else one for one in lengths]
    times = begins_of_stages(lengths)
    rest = None if run is None else run - (times[-1] if times else 0)
    seen = [*lengths[:-1], rest]
    members = [_torch_written(one, unit, size) for one, size in zip(schedule.stages, seen, strict=True)]
    return {"SequentialLR": {"schedulers": members, "milestones": times}}
