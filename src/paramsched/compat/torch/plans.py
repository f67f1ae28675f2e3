"""Conversion of a scheduler of torch to a plan."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from math import ceil
from typing import Any, Final, final

from paramsched.compat.codes import UNKNOWN_INTERVAL
from paramsched.compat.torch.arguments import SMOOTH, TABLES, TorchEntry
from paramsched.core.base.codes import REFUSED_VALUE, SAID_TWICE, UNREADABLE, UNUSED_SETTING, WRONG_ARGUMENT
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.feedback import plateau
from paramsched.core.feedback.base import MetricRule
from paramsched.core.files.arguments import (
    arguments_beside,
    cut_to_length,
    given_rate,
    is_count,
    located,
    names_of,
    read_arguments,
    values_of_optimizer,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.files.references import with_monai_references, with_references
from paramsched.core.plan import Plan
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.retimed import chain, every
from paramsched.core.schedules.sequence import in_order
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument

scheduler_entries = ("lr_scheduler", "scheduler")

_BESIDE: Final = ("interval", "monitor", "frequency", "strict", "name", "scheduler", "horizon")
"""The keys next to a scheduler that are not its arguments."""

_FUNCTION_SCHEDULERS: Final = {
    "LambdaLR": "Write @ps.shape above def f(t), and lr: f(), or a native plan, lr: warmup(100) >> cosine()",
    "MultiplicativeLR": "Use a native plan if the factor is constant: lr: exponential(0.95)",
}
_NO_MEMBERS: Final = {
    "ReduceLROnPlateau": ("torch does not accept a plateau here either", 'For example: lr: cosine() * plateau("loss")'),
    "SWALR": ("it continues from the current value", "For example: lr: cosine() >> linear(0.1, 0.05)"),
}
"""The schedulers that cannot be members of a composition, each with the reason and the advice."""

_COMPOSITIONS: Final = ("SequentialLR", "ChainedScheduler")
_SETTERS: Final = ("CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "SWALR", *_COMPOSITIONS)
"""The schedulers that set a value regardless of the current one."""


_IGNORED: Final = ("optimizer", "last_epoch", "verbose", "_partial_", "_convert_", "_recursive_")
"""Arguments that do not affect the schedule, and keys next to a Hydra `_target_`."""
_NAME_KEYS: Final = ("_target_", "class_path", "class", "type", "name", "key")
"""The keys that may contain the name of a class: Hydra's, Lightning's, common ones, and torchdistill's."""

_MODULES: Final = re.compile(
    r"((torch\.)?optim\.)?(lr_scheduler|swa_utils)|torch(\.optim)?|paramsched\.compat\.torch"
    r"|(lightning\.pytorch|pytorch_lightning)(\.utilities)?\.cli"
)

_ARGUMENT_KEYS: Final = ("init_args", "kwargs", "params")


def _torch_class_in(data: Any) -> str | None:
    """Return the class of torch that data names, or None."""
    if not isinstance(data, Mapping):
        return None
    for key in _NAME_KEYS:
        if isinstance(data.get(key), str):
            return _bare_name(data[key])
    named = [_bare_name(str(key)) for key in data]
    return next((name for name in named if name in TABLES), None)


def _bare_name(name: str) -> str:
    """Return the name of a class without its module if that is torch's; MONAI's LinearLR is a different class."""
    module, _, bare = name.rpartition(".")
    return bare if not module or _MODULES.fullmatch(module) else name


def _read_entry(
    data: Any, path: str, diagnostics: DiagnosticCollector, *, by_epoch: bool, run: int | None
) -> TorchEntry | None:
    """Read the scheduler at a path; if it is invalid, report it and return None."""
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind(path, data, "a scheduler", 'For example: {"StepLR": {"step_size": 30}}')
        return None
    name = _torch_class_in(data)
    if name is None or name not in TABLES:
        if name is not None and "." in name:
            why, instead = (
                f"{name} is not a class of torch.optim.lr_scheduler",
                "Use a native plan, such as lr: cosine()",
            )
        else:
            instead = 'For example: {"StepLR": {"step_size": 30}}'
            if name:
                why = f"unknown scheduler {name}; {_meant_class(name, data)}"
            else:
                where = "here, and under scheduler and lr_scheduler at any depth, " if path == ROOT else ""
                why = (
                    f"expected the name of a scheduler of torch: {where}as a key, such as StepLR, or as the value of "
                    f"{', '.join(_NAME_KEYS[:-1])} or {_NAME_KEYS[-1]}"
                )
        diagnostics.add(path, why, instead, code=REFUSED_VALUE)
        return None
    arguments, path = _arguments_in(data, path, name)
    if not isinstance(arguments, Mapping):
        diagnostics.refuse_kind(path, arguments, "arguments", "Use a mapping of arguments")
        return None
    written = located({key: value for key, value in arguments.items() if key not in _IGNORED}, path)
    read, places, _ = read_arguments(TABLES[name], written, path, diagnostics, of=name)
    return TorchEntry(name, path, read, places, diagnostics, by_epoch, run)


def _arguments_in(data: Mapping[str, Any], path: str, name: str) -> tuple[Any, str]:
    """Return the arguments of the class that a mapping names, and their config path."""
    key = next((one for one in data if _bare_name(str(one)) == name), None)
    if key is None:
        return arguments_beside(data, path, _NAME_KEYS, _ARGUMENT_KEYS, _BESIDE)
    return {} if data[key] is None else data[key], child_path(path, key)


def _meant_class(name: str, data: Mapping[str, Any]) -> str:
    """Return the clause that suggests a class; a similar one only if it has the arguments, else all are named.

    >>> _meant_class("MultiStageLR", {"type": "MultiStageLR", "stages": [1, 2]})
    'no class of torch.optim.lr_scheduler has this name and these arguments'
    """
    given, _ = _arguments_in(data, ROOT, name)
    near = closest(name, TABLES)
    if near is None or (isinstance(given, Mapping) and {*given} <= {*names_of(TABLES[near]), *_IGNORED}):
        return did_you_mean(name, TABLES)
    return "no class of torch.optim.lr_scheduler has this name and these arguments"


@final
@dataclass(frozen=True, slots=True)
class _FoundScheduler:
    """A scheduler in a config.

    Args:
        data: the scheduler.
        path: its config path.
        around: the mapping that contains it and the optimizer.
        around_path: the config path of that mapping.
        beside: the entries next to it that specify when it is stepped, each with its config path.
        interval: the interval that the form of the config implies; None if that is unknown.
        key: its key in that mapping.
    """

    data: Any
    path: str = ROOT
    around: Mapping[str, Any] = field(default_factory=dict)
    around_path: str = ROOT
    beside: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    interval: str | None = "step"
    key: str = ""

    def entry(self, name: str, default: Any = None) -> Any:
        """Return an entry next to the scheduler."""
        return self.beside[name][0] if name in self.beside else default


_SCHEDULER_KEYS: Final = ("lr_scheduler", "scheduler")


def _find_scheduler(data: Any, diagnostics: DiagnosticCollector) -> _FoundScheduler:
    """Find the scheduler of a config: at the root, or the only nested `scheduler` or `lr_scheduler`."""
    if not isinstance(data, Mapping):
        return _FoundScheduler(data)
    if not any(isinstance(data.get(key), Mapping) for key in _SCHEDULER_KEYS):
        unclear = _torch_class_in(data) not in TABLES  # a name at the root may be that of the run
        places = list(_places_of_schedulers(data, ROOT, TABLES.__contains__)) if unclear else []
        if unclear and not places:
            places = list(islice(_places_of_schedulers(data, ROOT, bool), 1))
        if not places:
            return _FoundScheduler(data, beside=_entries_beside((data, ROOT)))
        if len(places) > 1:
            others = ", ".join(child_path(path, key) for _, path, key in places[1:4])
            found = f"the config has {len(places)} schedulers, also at {others}"
            diagnostics.add(child_path(*places[0][1:]), found, "Keep one of them", code=SAID_TWICE)
        around, around_path, key = places[0]
    else:
        around, around_path = data, ROOT
        key = next(key for key in _SCHEDULER_KEYS if isinstance(data.get(key), Mapping))
    inner, path = around[key], child_path(around_path, key)
    beside = _entries_beside((around, around_path), (inner, path))
    is_nested = around is not data or any(name in data for name in ("trainer", "model", "data", "optimizer"))
    interval: str | None = "epoch" if key == "lr_scheduler" and "class_path" in inner and is_nested else None
    is_alone = all(name in (*_SCHEDULER_KEYS, *_BESIDE, "optimizer") for name in data)
    is_own = any(_bare_name(str(name)) in TABLES for name in inner)  # the form {StepLR: {…}} is of this reader
    if interval is None and around is data and (is_alone or is_own) and "_partial_" not in inner:
        interval = "step" if "trainer" not in data else None
    if isinstance(inner.get("scheduler"), Mapping):  # the dict that `configure_optimizers` of Lightning returns
        interval = "epoch" if key == "lr_scheduler" else interval
        inner, path = inner["scheduler"], child_path(path, "scheduler")
    return _FoundScheduler(inner, path, around, around_path, beside, interval, key)


_OF_RATES: Final = re.compile(r"(lr|rate|warm).*sched|sched.*(lr|rate|warm)")


def _report_other_schedulers(read: _FoundScheduler, diagnostics: DiagnosticCollector) -> None:
    """Report the schedulers next to the one that is read, because their effect is unknown.

    A scheduler of another kind, such as one of noise, is only a warning.
    """
    for name, one in read.around.items():
        if name == read.key or "sched" not in str(name).lower() or not isinstance(one, (Mapping, list)) or not one:
            continue
        found = f"the config has another scheduler next to {read.key}, which is not read"
        path, advice = (
            child_path(read.around_path, name),
            "Use a native plan for both, such as lr: warmup(2000) >> cosine()",
        )
        if _OF_RATES.search(str(name).lower()) or _torch_class_in(one) in TABLES:
            diagnostics.add(path, found, advice, at_key=True, code=SAID_TWICE)
        else:
            warn_user(Problem(path, found, at_key=True, code=UNUSED_SETTING))


def _entries_beside(*parts: tuple[Mapping[str, Any], str]) -> dict[str, tuple[Any, str]]:
    return {
        name: (one, child_path(path, name)) for part, path in parts for name, one in part.items() if name in _BESIDE
    }


def _places_of_schedulers(
    data: Any, path: str, counts: Callable[[str | None], bool]
) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Yield each mapping that contains a scheduler whose name counts, its config path, and the scheduler's key."""
    if isinstance(data, list):
        for index, one in enumerate(data):
            yield from _places_of_schedulers(one, child_path(path, index), counts)
    if not isinstance(data, Mapping):
        return
    key = next((key for key in _SCHEDULER_KEYS if counts(_torch_class_in(data.get(key)))), None)
    if key is not None:
        yield data, path, key
        return
    for name, one in data.items():
        yield from _places_of_schedulers(one, child_path(path, name), counts)


def recognizes(data: Any) -> bool:
    """Return whether data looks like a scheduler of torch."""
    inner = _find_scheduler(data, DiagnosticCollector()).data
    if not isinstance(inner, Mapping) or "param_scheduler" in inner:
        return False
    named = any(isinstance(inner.get(key), str) for key in _NAME_KEYS)
    alone = all(key in _BESIDE or key in _ARGUMENT_KEYS or str(key).rpartition(".")[2] in TABLES for key in inner)
    return (named or alone) and _torch_class_in(inner) in TABLES


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the values of the optimizer next to the scheduler as bases."""
    found = _find_scheduler(with_references(with_monai_references(data)), DiagnosticCollector())
    written = values_of_optimizer(found.around.get("optimizer"))
    return Bases((written,), child_path(found.around_path, "optimizer")) if written else NO_BASES


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Plan:
    """Return the plan with the values of torch's scheduler.

    Args:
        data: a class with its arguments; entries `interval`, `monitor` and `horizon` are optional.
        calendar: run facts; a cosine that `total` ends at `T_max` does not rise again. Default: unknown.
        base: the base of lr, which is required for `min_lr` of a plateau. Default: lr of the config's optimizer.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> print(to_plan({"LinearLR": {"start_factor": 0.01, "total_iters": 10}}))
    lr: warmup(10, 0.01)
    """
    diagnostics = DiagnosticCollector()
    data = with_references(with_monai_references(data))
    found = _find_scheduler(data, diagnostics)
    _report_other_schedulers(found, diagnostics)
    by_epoch = _is_by_epoch(found, diagnostics)
    horizon = found.entry("horizon", _horizon_of_trainer(data, by_epoch=by_epoch))
    entry = _read_entry(found.data, found.path, diagnostics, by_epoch=by_epoch, run=None)
    diagnostics.raise_any("config")
    assert entry is not None
    rate = values_of_optimizer(found.around.get("optimizer")).get("lr") if base is None else base
    with diagnostics.reported_at(found.path):
        total = calendar.total if horizon is None and calendar is not None else horizon
        terms = () if total is None else Duration.of(total).terms
        counted = len(terms) == 1 and terms[0][0] == ("epochs" if by_epoch else "updates")
        entry = replace(entry, run=int(terms[0][1]) if counted else None)
        if entry.name == "ReduceLROnPlateau":
            fields: dict[str, Any] = {"lr": _plateau(entry, found.entry("monitor"), rate)}
        else:
            fields = {"lr": _between_epochs(entry, _schedule_of(entry))}
            cycles = getattr(entry.arguments, "cycle_momentum", False) and not diagnostics.count
            momentum = entry.arguments.momentum(entry) if cycles else None
            if momentum is not None:
                fields["momentum"] = _between_epochs(entry, momentum)
        diagnostics.raise_any("config")
        plan = Plan(**fields, horizon=horizon)
    if found.interval is None and "interval" not in found.beside and entry.name != "ReduceLROnPlateau":
        unknown = (
            "the config does not specify whether it steps after each update or once per epoch; updates are assumed. "
            "Add interval: epoch, or interval: step, next to it"
        )
        warn_user(Problem(found.path, unknown, code=UNKNOWN_INTERVAL))
    return plan


def _is_by_epoch(found: _FoundScheduler, diagnostics: DiagnosticCollector) -> bool:
    interval: str = found.entry("interval", found.interval or "step")
    if interval not in ("step", "epoch"):
        refused = f"expected step or epoch, got {short_json(interval)}"
        diagnostics.add(found.beside["interval"][1], refused, "Write interval: epoch", code=REFUSED_VALUE)
    if found.entry("frequency", 1) != 1:
        refused, instead = "expected 1, because a plan steps it each time", "Use a native plan with every(…, 5)"
        diagnostics.add(found.beside["frequency"][1], refused, instead, code=REFUSED_VALUE)
    return interval == "epoch"


def _horizon_of_trainer(data: Any, *, by_epoch: bool) -> str | int | None:
    """Return the length of the run of Lightning's Trainer, or None if it is not in the unit of the scheduler."""
    trainer = data.get("trainer") if isinstance(data, Mapping) else None
    if not isinstance(trainer, Mapping):
        return None
    epochs, steps = (
        trainer[name] if is_count(trainer.get(name), least=1) else None for name in ("max_epochs", "max_steps")
    )
    if epochs is not None and steps is not None:
        return None  # the run ends with the first of the two
    if by_epoch:
        return None if epochs is None else f"{epochs} epochs"
    return steps


def _between_epochs(scheduler: TorchEntry, schedule: Schedule) -> Schedule:
    """Make a scheduler that steps once per epoch change between epochs only."""
    return every(schedule, "epoch") if scheduler.by_epoch and _is_smooth(scheduler) else schedule


def _is_smooth(entry: TorchEntry) -> bool:
    """Return whether a scheduler, or one of its members, changes at each step."""
    members = entry.arguments.schedulers if entry.name in _COMPOSITIONS else ()
    read = (_read_entry(one, entry.path, DiagnosticCollector(), by_epoch=True, run=None) for one in members)
    return entry.name in SMOOTH or any(_is_smooth(one) for one in read if one is not None)


def _schedule_of(scheduler: TorchEntry) -> Schedule:
    """Return the schedule of a scheduler, or `constant()` if it has an error."""
    name = scheduler.name
    if name in _FUNCTION_SCHEDULERS:
        found = f"{name}: a config cannot contain a function"
        scheduler.diagnostics.add(scheduler.path, found, _FUNCTION_SCHEDULERS[name], code=UNREADABLE)
        return constant()
    if name == "SequentialLR":
        return _torch_stages(scheduler)
    if name == "ChainedScheduler":
        return _chained(scheduler)
    try:
        schedule: Schedule = scheduler.arguments.schedule(scheduler)
    except InvalidArgument as refusal:
        scheduler.diagnostics.refuse(scheduler.path, refusal)
        return constant()
    return schedule


def _members(scheduler: TorchEntry) -> list[TorchEntry] | None:
    """Read the schedulers that a scheduler combines; return None if there are none or they have errors."""
    found, path = scheduler.arguments.schedulers, scheduler.places["schedulers"]
    if not found:
        scheduler.refuse(
            "schedulers", "expected at least one scheduler", 'For example: [{"StepLR": {"step_size": 30}}]'
        )
        return None
    read = [
        _read_entry(one, child_path(path, index), scheduler.diagnostics, by_epoch=scheduler.by_epoch, run=scheduler.run)
        for index, one in enumerate(found)
    ]
    entries = [one for one in read if one is not None]
    for entry in entries:
        if entry.name in _NO_MEMBERS:
            scheduler.diagnostics.add(entry.path, *_NO_MEMBERS[entry.name], code=REFUSED_VALUE)
        elif getattr(entry.arguments, "cycle_momentum", False):
            why = "cycle_momentum is not supported in a composition"
            scheduler.diagnostics.add(entry.path, why, "Use cycle_momentum: false", code=REFUSED_VALUE)
    return entries if len(entries) == len(found) and not scheduler.diagnostics.count else None


def _torch_stages(scheduler: TorchEntry) -> Schedule:
    """Return a stage for each member of a `SequentialLR`; the member's time starts at 0 in its stage."""
    entries = _members(scheduler)
    times = scheduler.arguments.milestones
    are_counts = isinstance(times, (list, tuple)) and all(map(is_count, times))
    if not are_counts or list(times) != sorted(times) or (entries is not None and len(times) != len(entries) - 1):
        found = f"expected a sorted list of steps, one fewer than the schedulers, got {short_json(times)}"
        scheduler.refuse("milestones", found, "For example: milestones: [5] for two schedulers")
        return constant()
    if entries is None:
        return constant()
    bounds = [0, *map(int, times)]
    stages: list[Schedule] = []
    for entry, (begin, end) in zip(entries, pairwise([*bounds, None]), strict=True):
        assert begin is not None
        run = end - begin if end is not None else None if scheduler.run is None else scheduler.run - begin
        if run is not None and run <= 0 and (end is not None or stages):
            continue  # torch never reaches this stage
        member = _schedule_of(replace(entry, run=run, staged=True))
        stages.append(member if end is None else cut_to_length(member, scheduler.length(end - begin)))
    return in_order(stages)


def _chained(scheduler: TorchEntry) -> Schedule:
    """Return the product of the members of a `ChainedScheduler`, or a recurrence if a member has a floor."""
    entries = _members(scheduler)
    if entries is None:
        return constant()
    if len(entries) == 1:
        return _schedule_of(entries[0])
    for entry in entries:
        if entry.name in _SETTERS:
            instead = "Use a native plan with a product: lr: 0.5 * cosine_restarts(10)"
            scheduler.diagnostics.add(
                entry.path, "in a chain it overwrites the value of the earlier schedulers", instead, code=REFUSED_VALUE
            )
    if scheduler.diagnostics.count:
        return constant()
    floors = any(entry.name == "CosineAnnealingLR" and entry.arguments.eta_min for entry in entries)
    if not floors or not all(hasattr(entry.arguments, "rule") for entry in entries):
        return chain(*map(_schedule_of, entries))
    made = [entry.arguments.rule() for entry in entries]
    return recurrence(*(replace(rule, by="epoch") for rule in made) if scheduler.by_epoch else made)


def _plateau(scheduler: TorchEntry, metric: Any, base: BaseLike | None) -> MetricRule[Any] | None:
    """Return the rule of a plateau; `monitor` is an entry next to it, or an argument as in LightningCLI's class."""
    arguments = scheduler.arguments
    metric = arguments.monitor if metric is None else metric
    if not isinstance(metric, str):
        why = "the name of the metric of the plateau is missing"
        scheduler.diagnostics.add(scheduler.path, why, "Use monitor: loss", code=WRONG_ARGUMENT)
        return None
    rate = given_rate(base)
    if arguments.min_lr and not rate:
        found = "a plan's floor is a multiple of lr, whose base is unknown"
        scheduler.refuse("min_lr", found, "Pass base=0.1, the base of lr")
        return None
    return plateau(
        metric,
        arguments.mode,
        factor=arguments.factor,
        patience=int(arguments.patience),
        threshold=arguments.threshold,
        threshold_mode=arguments.threshold_mode,
        cooldown=ceil(arguments.cooldown),
        min=arguments.min_lr / rate if rate else 0.0,
        eps=arguments.eps / rate if rate else 0.0,
    )
