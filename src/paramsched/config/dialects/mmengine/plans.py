"""From a config of MMEngine to plans, and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paramsched.config._base_files import read_with_bases
from paramsched.config._plain_data import plain_data
from paramsched.config.data_paths import child_path
from paramsched.config.dialects.mmengine.optimizer_values import bases_in_config as bases_in_config
from paramsched.config.dialects.mmengine.read_schedulers import ConfigRun, SchedulerEntry, SchedulerReader
from paramsched.config.dialects.mmengine.to_schedule import Combined, combine_schedulers
from paramsched.config.dialects.mmengine.write_plan import config_from_plan, python_text
from paramsched.config.faults import Faults
from paramsched.config.python_config.reading import public_names
from paramsched.config.syntaxes.json_text import read_json
from paramsched.config.syntaxes.yaml_text import read_yaml
from paramsched.errors import ConfigError, InvalidArgument, PlanError
from paramsched.feedback.base import MetricRule
from paramsched.feedback.plateau import plateau
from paramsched.fields import Field
from paramsched.plan import Binding, Plan
from paramsched.schedules import constant
from paramsched.time import Calendar
from paramsched.user_warnings import warn_user


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
    reader, entries = _read(data, calendar, base)
    return _plan(entries, reader.run, _Bases(base, data))


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
    reader, entries = _read(data, calendar, base)
    names = [entry.optimizer for entry in entries]
    if None in names:
        raise PlanError("to_plans(…)", "the schedulers are for one optimizer", "Write to_plan(…)")
    by_name: dict[str, list[SchedulerEntry]] = {}
    for entry in entries:
        by_name.setdefault(str(entry.optimizer), []).append(
            SchedulerEntry(entry.path, entry.field, entry.curve, entry.arguments, None)
        )
    return {name: _plan(mine, reader.run, _Bases(base, data, name)) for name, mine in by_name.items()}


def from_plan(plan: Plan) -> dict[str, Any]:
    """What a config of MMEngine says of a plan: `param_scheduler`, and `train_cfg` where the plan has a horizon.

    Raises:
        PlanError: MMEngine has no scheduler for a part of it; the message says which.

    >>> from_plan(Plan(lr="multistep(['8 epochs', '11 epochs'])", horizon="12 epochs"))["param_scheduler"]
    [{'type': 'MultiStepLR', 'milestones': [8, 11], 'gamma': 0.1}]
    """
    return config_from_plan(plan)


def read(text: str, source: str = "config") -> Any:
    """A config from the text of a file: Python, YAML or JSON. `_base_` files are looked for beside `source`."""
    file = Path(source) if Path(source).is_file() else None
    suffix = Path(source).suffix
    if suffix == ".py":
        return public_names(read_with_bases(text, source, file, suffix))
    if suffix in (".yaml", ".yml", ".json"):
        if "_base_" in text or "{{" in text:
            return public_names(read_with_bases(text, source, file, suffix))
        return _settled((read_json if suffix == ".json" else read_yaml)(text, source), source)
    refusal: ConfigError | None = None
    try:
        names = public_names(read_with_bases(text, source, file, ".py"))
        if names or "_base_" in text:
            return names
    except ConfigError as error:
        refusal = error
    # Neither a file's name nor an assignment says that it is Python.
    try:
        data = _settled(read_yaml(text, source), source)
    except ConfigError:
        data = None
    if isinstance(data, (dict, list)) or refusal is None:
        return data
    raise refusal


def write(data: Any) -> str:
    """A config as Python text."""
    return python_text(data)


def _settled(raw: Any, source: str) -> Any:
    faults = Faults()
    data = plain_data(raw, faults)
    faults.raise_any(source)
    return data


def _read(data: Any, calendar: Calendar | None, base: Any) -> tuple[SchedulerReader, list[SchedulerEntry]]:
    faults = Faults()
    reader = SchedulerReader(faults, calendar)
    entries = reader.read(data)
    for entry in entries:
        _refuse_plateau(entry, reader.run, _Bases(base, data), faults)
    _refuse_overrun(entries, reader.run, faults)
    faults.raise_any("config")
    if reader.missing is not None:
        raise reader.missing
    for caution in dict.fromkeys(reader.warnings):
        warn_user(caution)
    return reader, entries


class _Bases:
    """The values schedules are multiples of: given, or the optimizer's own in the config."""

    def __init__(self, base: float | Mapping[str, float] | None, data: Any, optimizer: str | None = None) -> None:
        self.written = bases_in_config(data)
        self.given = base
        self.optimizer = optimizer

    def of(self, field: str, optimizer: str | None = None) -> float | None:
        """The base of a field; None where nothing says it."""
        written = self.written.value(self.written.of(optimizer or self.optimizer), Field.of(field))
        if isinstance(self.given, Mapping):
            return self.given.get(field, written)
        return self.given if self.given is not None and field == "lr" else written


def _plan(entries: Sequence[SchedulerEntry], run: ConfigRun, bases: _Bases) -> Plan:
    bindings: list[Binding] = []
    places = dict.fromkeys((entry.optimizer, entry.field) for entry in entries)
    for optimizer, field in places:
        mine = [entry for entry in entries if (entry.optimizer, entry.field) == (optimizer, field)]
        groups = _groups(mine)
        for group in range(groups) if groups else (None,):
            found = _scheduled(mine, run, group)
            schedule = found.schedule
            if found.epoch_length > 1:
                warn_user(
                    f"{mine[0].path}: the windows in iterations and in epochs are taken to be one after the other, as "
                    f"they are from {found.epoch_length} iterations an epoch on"
                )
            for entry in mine:
                if entry.curve.rule is None:
                    schedule = schedule * _metric_rule(entry, bases)
            bindings.append(Binding(field, schedule, optimizer if group is None else group))
    return Plan(*bindings, horizon=run.horizon)


def _groups(entries: Sequence[SchedulerEntry]) -> int:
    """How many groups the lists in the arguments are for; 0 without lists."""
    counts = [
        len(value)
        for entry in entries
        for value in (entry.arguments.get("eta_max"),)
        if isinstance(value, (list, tuple))
    ]
    return max(counts, default=0)


def _scheduled(entries: Sequence[SchedulerEntry], run: ConfigRun, group: int | None) -> Combined:
    schedulers = []
    for entry in entries:
        if entry.curve.rule is None:
            continue
        peaks = entry.arguments.get("eta_max")
        one = {"eta_max": peaks[group]} if group is not None and isinstance(peaks, (list, tuple)) else {}
        schedulers.append((entry.curve, {**entry.arguments, **one}))
    return combine_schedulers(schedulers, run.clock) if schedulers else Combined(constant(1.0))


def _metric_rule(entry: SchedulerEntry, bases: _Bases) -> MetricRule[Any]:
    given = entry.arguments
    base = bases.of(entry.field, entry.optimizer)
    return plateau(
        given["monitor"],
        "min" if given["rule"] == "less" else "max",
        float(given["factor"]),
        int(given["patience"]),
        float(given["threshold"]),
        given["threshold_rule"],
        int(given["cooldown"]),
        float(given["min_value"]) / base if base and given["min_value"] else 0.0,
        float(given["eps"]) / base if base else 0.0,
    )


def _refuse_plateau(entry: SchedulerEntry, run: ConfigRun, bases: _Bases, faults: Faults) -> None:
    """What of a plateau a plan cannot say."""
    if entry.curve.rule is not None:
        return
    given = entry.arguments
    last = run.clock.end(True)
    if given["begin"] > 0 or (last is not None and given["end"] < last):
        faults.add(entry.path, "a plan's plateau has no window", "Leave begin and end out, or use the class itself")
    if isinstance(given["min_value"], (list, tuple)):
        faults.add(
            child_path(entry.path, "min_value"), "a list; a plan's floor is a multiple of base", "Write one number"
        )
    elif given["min_value"] and not bases.of(entry.field, entry.optimizer):
        found = "a value, and a plan's floor is a multiple of base, which nothing says"
        faults.add(
            child_path(entry.path, "min_value"), found, f"Give base={{'{entry.field}': …}}, or the optimizer's config"
        )
    try:
        if not isinstance(given["min_value"], (list, tuple)):
            _metric_rule(entry, bases)
    except InvalidArgument as refusal:
        faults.refuse(entry.path, refusal)


def _refuse_overrun(entries: Sequence[SchedulerEntry], run: ConfigRun, faults: Faults) -> None:
    """OneCycle raises when it is stepped past its length; here that is known before."""
    for entry in entries:
        if entry.curve.name != "OneCycle":
            continue
        given = entry.arguments
        last = run.clock.end(bool(given["by_epoch"]))
        stop = given["end"] if last is None else min(given["end"], last)
        if stop - given["begin"] - 1 > given["total_steps"]:
            faults.add(
                child_path(entry.path, "total_steps"),
                f"the window goes on for {stop - given['begin']} steps, and the cycle has {given['total_steps']}",
                f"Write end={given['begin'] + given['total_steps']}",
            )
        peaks = given["eta_max"]
        if isinstance(peaks, (list, tuple)) and entry.optimizer is not None:
            faults.add(
                child_path(entry.path, "eta_max"),
                "a list, and the groups are selected by the optimizer",
                "Write one number",
            )
