"""From a config of MMEngine to plans, and back; with the optimizers' values, the bases its schedulers begin from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from paramsched.base.codes import ASSUMED_ORDER, MISSING_FACT, REFUSED_VALUE
from paramsched.base.diagnostic import Diagnostic, child_path
from paramsched.base.user_warnings import warn_user
from paramsched.config.faults import Faults
from paramsched.config.python_config.values import NeedsRunning
from paramsched.errors import InvalidArgument, PlanError
from paramsched.fields import Field
from paramsched.peers.mmengine.config_run import ConfigRun
from paramsched.peers.mmengine.read_schedulers import SchedulerEntry, SchedulerReader
from paramsched.peers.mmengine.rows.arguments import is_finite
from paramsched.peers.mmengine.to_schedule import Combined, combine_schedulers
from paramsched.plan import Binding, Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import constant
from paramsched.time import Calendar

_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Adadelta": {"lr": 1.0, "weight_decay": 0},
    "Adagrad": {"lr": 0.01, "weight_decay": 0},
    "Adam": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0},
    "AdamW": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0.01},
    "NAdam": {"lr": 0.002, "betas": (0.9, 0.999), "weight_decay": 0},
    "RAdam": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0},
    "RMSprop": {"lr": 0.01, "momentum": 0, "weight_decay": 0},
    "SGD": {"lr": 0.001, "momentum": 0, "weight_decay": 0},
}
"""What torch's optimizers take where a config says nothing."""


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:
    """The optimizers' own values in a config, by the optimizer's name where there are several.

    Args:
        data: the config.
        calendar: `batch_size`, of all processes, is what `auto_scale_lr` scales by.
    """
    wrapper = data.get("optim_wrapper") if isinstance(data, Mapping) else None
    unread = wrapper.get("optimizer") if isinstance(wrapper, Mapping) else wrapper
    if isinstance(unread, NeedsRunning):
        return Bases((), "optim_wrapper", (f"optim_wrapper: {unread}; the optimizer's values are not known",))
    if not isinstance(wrapper, Mapping):
        return NO_BASES
    notes: list[str] = []
    groups: list[dict[str, Any]] = []
    for name, path, config in _configs_of_optimizers(wrapper):
        values = _numbers_of_optimizer(config, path, notes)
        _scale_rate(values, data, calendar, notes)
        if values:
            groups.append({"name": name, **values} if name is not None else values)
    notes += _notes_on_groups(wrapper)
    return Bases(tuple(groups), "optim_wrapper", tuple(dict.fromkeys(notes)))


def _configs_of_optimizers(wrapper: Mapping[str, Any]) -> Iterator[tuple[str | None, str, Mapping[str, Any]]]:
    """Their names where there are several, their places, their configs."""
    own = wrapper.get("optimizer")
    if isinstance(own, Mapping):
        yield None, "optim_wrapper.optimizer", own
        return
    for name, one in wrapper.items():
        optimizer = one.get("optimizer") if isinstance(one, Mapping) else None
        if isinstance(optimizer, Mapping):
            yield str(name), f"optim_wrapper.{name}.optimizer", optimizer


def _numbers_of_optimizer(config: Mapping[str, Any], path: str, notes: list[str]) -> dict[str, Any]:
    """The numbers of one optimizer, as its param groups hold them."""
    kind_of = config.get("type")
    name = kind_of.__name__ if isinstance(kind_of, type) else str(kind_of)
    values = dict(_DEFAULTS.get(name.rpartition(".")[2], {}))
    for field, value in config.items():
        unread = isinstance(value, NeedsRunning)
        if unread or (isinstance(value, (int, float)) and not isinstance(value, bool) and not is_finite(value)):
            values.pop(field, None)
            why = f": {value}" if unread else " is no finite number"
            notes.append(f"{path}.{field}{why}; its base is not known")
        elif is_finite(value):
            values[field] = value
        elif isinstance(value, (list, tuple)) and value and all(map(is_finite, value)):
            values[field] = tuple(value)
    return values


def _scale_rate(values: dict[str, Any], data: Mapping[str, Any], calendar: Calendar | None, notes: list[str]) -> None:
    """`auto_scale_lr`: lr times the batch size of all processes over the one it was found with."""
    scaling = data.get("auto_scale_lr")
    if not isinstance(scaling, Mapping) or scaling.get("enable") is not True or "lr" not in values:
        return
    base, size = scaling.get("base_batch_size"), None if calendar is None else calendar.batch_size
    if not isinstance(base, (int, float)) or base <= 0:
        return
    if size is None:
        notes.append(
            f"auto_scale_lr multiplies lr by the batch size of all processes over {base}; without a batch size "
            "the rate is as written"
        )
        return
    values["lr"] *= size / base
    notes.append(f"auto_scale_lr: lr is times {size} / {base}")


def _notes_on_groups(wrapper: Mapping[str, Any]) -> Iterator[str]:
    """What gives some parameters other values than those written."""
    for part in (wrapper, *wrapper.values()):
        if not isinstance(part, Mapping):
            continue
        paramwise, constructor = part.get("paramwise_cfg"), part.get("constructor")
        if isinstance(paramwise, Mapping) and paramwise:
            keys = paramwise.get("custom_keys")
            names = [
                *(name for name in paramwise if name != "custom_keys"),
                *(keys if isinstance(keys, Mapping) else ()),
            ]
            said = ", ".join(map(str, names[:4])) + (", …" if len(names) > 4 else "")
            yield f"paramwise_cfg ({said}) gives some parameters other multiples of these values; they are not drawn"
        elif isinstance(constructor, str) and not constructor.endswith(
            ("DefaultOptimWrapperConstructor", "MultiOptimWrapperConstructor")
        ):
            yield f"{constructor} may give some parameters other values; they are not drawn"


def to_plan(
    data: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    calendar: Calendar | None = None,
    base: float | Mapping[str, float] | None = None,
) -> Plan:
    """The plan that gives what MMEngine's schedulers give.

    Args:
        data: what stands at `param_scheduler`, or a config that has it.
        calendar: `total` and `steps_per_epoch`, where they are known and the config does not say them. Without the
            latter what `convert_to_iter_based` converts stays in epochs.
        base: lr's value, or values by field: the floor of a plateau is written as a value.

    Returns:
        A plan. Schedulers of several optimizers select the groups by the optimizer's name; `to_plans` keeps them apart.

    Raises:
        ConfigError: every fault at once, each with its path.
        MissingFact: what a part means hangs on the iterations of an epoch, which nothing says.

    >>> facts = Calendar(total="12 epochs", steps_per_epoch=10)
    >>> print(to_plan({"type": "MultiStepLR", "milestones": [8, 11]}, calendar=facts))
    horizon: 12 epochs
    lr: multistep(["8 epochs", "11 epochs"])
    """
    run, entries = _checked_entries(data, calendar, base)
    return _plan_of_entries(entries, run, _KnownBases(base, data))


def to_plans(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: float | Mapping[str, float] | None = None,
) -> dict[str, Plan]:
    """The plans of several optimizers, by their names.

    Raises:
        ConfigError: as `to_plan`.
        PlanError: the schedulers are not by optimizers' names.
    """
    run, entries = _checked_entries(data, calendar, base)
    names = [entry.optimizer for entry in entries]
    if None in names:
        raise PlanError("to_plans(…)", "the schedulers are for one optimizer", "Write to_plan(…)")
    by_name: dict[str, list[SchedulerEntry]] = {}
    for entry in entries:
        by_name.setdefault(str(entry.optimizer), []).append(replace(entry, optimizer=None))
    return {name: _plan_of_entries(mine, run, _KnownBases(base, data, name)) for name, mine in by_name.items()}


class _KnownBases:
    """The values schedules are multiples of: given, or the optimizer's own in the config."""

    def __init__(self, base: float | Mapping[str, float] | None, data: Any, optimizer: str | None = None) -> None:
        self.written = bases_of(data)
        self.given = base
        self.optimizer = optimizer

    def base_of(self, field: str, optimizer: str | None = None) -> float | None:
        written = self.written.value(self.written.of(optimizer or self.optimizer), Field.of(field))
        if isinstance(self.given, Mapping):
            return self.given.get(field, written)
        return self.given if self.given is not None and field == "lr" else written


def _checked_entries(data: Any, calendar: Calendar | None, base: Any) -> tuple[ConfigRun, list[SchedulerEntry]]:
    """All faults raised and all warnings given."""
    faults = Faults()
    reader = SchedulerReader(faults, calendar)
    entries = reader.read_config(data)
    for entry in entries:
        _refuse_plateau(entry, reader.run, _KnownBases(base, data), faults)
    for entry in entries:
        _refuse_in_run(entry, reader.run, faults)
    faults.raise_any("config")
    if reader.missing is not None:
        raise reader.missing
    for caution in {str(one): one for one in reader.warnings}.values():
        warn_user(caution)
    return reader.run, entries


def _plan_of_entries(entries: Sequence[SchedulerEntry], run: ConfigRun, bases: _KnownBases) -> Plan:
    """A binding for each field of each optimizer, and of each group where an argument is a list."""
    bindings: list[Binding] = []
    for optimizer, field in dict.fromkeys((entry.optimizer, entry.field) for entry in entries):
        mine = [entry for entry in entries if (entry.optimizer, entry.field) == (optimizer, field)]
        groups = _groups_in_lists(mine)
        for group in range(groups) if groups else (None,):
            found = _combined_for_group(mine, run, group)
            schedule = found.schedule
            if found.epoch_length > 1:
                assumed = (
                    "the windows in iterations and in epochs are taken to be one after the other, as they are from "
                    f"{found.epoch_length} iterations an epoch on"
                )
                warn_user(Diagnostic(mine[0].path, assumed, code=ASSUMED_ORDER))
            for entry in mine:
                if entry.row.metric_rule is not None:
                    base = bases.base_of(entry.field, entry.optimizer)
                    schedule = schedule * entry.row.metric_rule(entry.arguments, base)
            bindings.append(Binding(field, schedule, optimizer if group is None else group))
    return Plan(*bindings, horizon=run.horizon)


def _groups_in_lists(entries: Sequence[SchedulerEntry]) -> int:
    """How many groups lists are for; 0 without lists."""
    peaks = [entry.arguments.get("eta_max") for entry in entries]
    return max((len(one) for one in peaks if isinstance(one, (list, tuple))), default=0)


def _combined_for_group(entries: Sequence[SchedulerEntry], run: ConfigRun, group: int | None) -> Combined:
    """Plateaus aside."""
    schedulers = []
    for entry in entries:
        if entry.row.rule is None:
            continue
        peaks = entry.arguments.get("eta_max")
        one = {"eta_max": peaks[group]} if group is not None and isinstance(peaks, (list, tuple)) else {}
        schedulers.append((entry.row, {**entry.arguments, **one}))
    return combine_schedulers(schedulers, run.length) if schedulers else Combined(constant(1.0))


def _refuse_plateau(entry: SchedulerEntry, run: ConfigRun, bases: _KnownBases, faults: Faults) -> None:
    """Note what of a plateau a plan cannot say."""
    metric_rule, given = entry.row.metric_rule, entry.arguments
    if metric_rule is None:
        return
    last = run.length.end(True)
    base = bases.base_of(entry.field, entry.optimizer)
    at_floor = child_path(entry.path, "min_value")
    if given["begin"] > 0 or (last is not None and given["end"] < last):
        faults.add(
            entry.path,
            "a plan's plateau has no window",
            "Leave begin and end out, or use the class itself",
            code=REFUSED_VALUE,
        )
    if isinstance(given["min_value"], (list, tuple)):
        faults.add(at_floor, "a list; a plan's floor is a multiple of base", "Write one number", code=REFUSED_VALUE)
        return
    if given["min_value"] and not base:
        found = "a value, and a plan's floor is a multiple of base, which nothing says"
        faults.add(at_floor, found, f"Give base={{'{entry.field}': …}}, or the optimizer's config", code=MISSING_FACT)
    try:
        metric_rule(given, base)
    except InvalidArgument as refusal:
        faults.refuse(entry.path, refusal)


def _refuse_in_run(entry: SchedulerEntry, run: ConfigRun, faults: Faults) -> None:
    """What is wrong in a run of this length, and lists for groups that an optimizer's name selects."""
    given = entry.arguments
    last = run.length.end(bool(given["by_epoch"]))
    stop = given["end"] if last is None else min(given["end"], last)
    for fault in entry.row.run_faults(given, stop):
        faults.add(child_path(entry.path, fault.argument), fault.message, fault.instead, code=REFUSED_VALUE)
    if isinstance(given.get("eta_max"), (list, tuple)) and entry.optimizer is not None:
        found = "a list, and the groups are selected by the optimizer"
        faults.add(child_path(entry.path, "eta_max"), found, "Write one number", code=REFUSED_VALUE)
