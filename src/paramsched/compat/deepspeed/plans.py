"""Conversion of a DeepSpeed config to a plan, alone or with the arguments of transformers' Trainer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from paramsched.compat.codes import (
    DEEPSPEED_ARGUMENT,
    DEEPSPEED_DIFFERS,
    DEEPSPEED_LATE,
    DEEPSPEED_NOTE,
    DEEPSPEED_WINS,
)
from paramsched.compat.deepspeed.arguments import TABLES, RunOfConfig
from paramsched.core.base.codes import MISSING_FACT, REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import ROOT, child_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.files.arguments import (
    arguments_of,
    given_rate,
    is_plain_number,
    read_entry,
    values_of_optimizer,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.files.known_dialects import BaseLike, GroupOfFile, dialect_named
from paramsched.core.files.unused_settings import note_defaults, report_no_settings
from paramsched.core.plan import Plan
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.time import Calendar, DurationLike
from paramsched.errors import ConfigError

scheduler_entries = ("scheduler",)
is_hjson = True

_MARKS: Final = frozenset(
    {"zero_optimization", "train_micro_batch_size_per_gpu", "train_batch_size", "zero_allow_untested_optimizer"}
)
"""Keys of a DeepSpeed config that no other config has."""

_RATES: Final = ("lr", "muon_lr", "adam_lr")
"""The learning rates of an optimizer; Muon has one for each of its two kinds of groups."""
_BETAS: Final = ("adam", "lamb", "lion")
_AUTO: Final = "auto"
_BESIDE: Final = "paramsched check args.yaml ds_config.json"


@final
@dataclass(frozen=True, slots=True)
class TrainerRun:
    """The values of a Trainer that a DeepSpeed config refers to by "auto".

    Args:
        lr: the learning rate; None if unknown.
        warmup: the length of the warmup in updates; None if unknown.
        total: the length of the run in updates; None if unknown.
        horizon: the length of the run as a plan specifies it; None to take that of the scheduler.
        arguments: the values that transformers compares, by their path in the config: the name of the argument, and its
            value.
        scheduler: the `lr_scheduler_type` of the arguments; None without arguments.
        is_default: True if the arguments do not contain it.
    """

    lr: float | None
    warmup: int | None = None
    total: int | None = None
    horizon: DurationLike | None = None
    arguments: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    scheduler: str | None = None
    is_default: bool = False

    @property
    def warmup_num_steps(self) -> int | None:
        """The length of the warmup that transformers writes into the config, at least 1; None if unknown."""
        return None if self.warmup is None else max(1, self.warmup)

    @property
    def filled(self) -> dict[str, tuple[Any, str]]:
        """For each argument of a scheduler that may be "auto": its value, and the advice if it is None."""
        beside = f"Read it with the arguments of the Trainer: {_BESIDE}"
        return {
            "warmup_min_lr": (0.0, ""),
            "warmup_max_lr": (self.lr, f"Pass base=5e-5. {beside}"),
            "warmup_num_steps": (self.warmup_num_steps, beside),
            "total_num_steps": (self.total, f"Pass Calendar(total=1000). {beside}"),
        }


def recognizes(data: Any) -> bool:
    """Return whether data looks like a DeepSpeed config."""
    if not isinstance(data, Mapping):
        return False
    scheduler = data.get("scheduler")
    return bool(_MARKS & data.keys()) or (isinstance(scheduler, Mapping) and str(scheduler.get("type")) in TABLES)


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the values of the config's optimizer, for each of the two groups of Muon."""
    groups = tuple(one.values for one in groups_of(data))
    return Bases(groups, "optimizer") if groups and all("lr" in one for one in groups) else NO_BASES


def groups_of(
    data: Any,
    calendar: Calendar | None = None,  # noqa: ARG001  # as in each peer
    path: str = ROOT,
    rate: tuple[float | None, str] = (None, ""),
) -> Iterator[GroupOfFile]:
    """Yield the groups of the config at `path`, with the lr and its path in `rate` if the config has none."""
    optimizer = data.get("optimizer") if isinstance(data, Mapping) else None
    params = optimizer.get("params") if isinstance(optimizer, Mapping) else None
    name = str(optimizer.get("type", "")) if isinstance(optimizer, Mapping) else ""
    scheduler, schedule = data.get("scheduler") if isinstance(data, Mapping) else None, child_path(path, "scheduler")
    inner = scheduler.get("params") if isinstance(scheduler, Mapping) else None
    bound = _bound_of(scheduler.get("type")) if isinstance(scheduler, Mapping) else None
    if isinstance(inner, Mapping) and bound in inner:
        schedule = child_path(schedule, "params", bound)
    found = values_of_optimizer(params)
    for own in ("muon", "adam") if name.lower() == "muon" else ("",):
        used = [key for key in (f"{own}_lr", "lr") if isinstance(params, Mapping) and is_plain_number(params.get(key))]
        base = child_path(path, "optimizer", "params", used[0]) if used else rate[1]
        lr = params[used[0]] if used and isinstance(params, Mapping) else rate[0]
        named = {"name": f"{own}-params"} if own else {}  # the names in the engine
        values = {**named, **found, **({} if lr is None else {"lr": float(lr)})}
        yield GroupOfFile(values, base, schedule, name)


def _bound_of(scheduler: Any) -> str | None:
    """Return the argument of a scheduler that replaces the lr of the groups; None if none does."""
    rows = arguments_of(TABLES[scheduler]) if isinstance(scheduler, str) and scheduler in TABLES else {}
    return next((one for one in ("warmup_max_lr", "cycle_max_lr", "lr_range_test_min_lr") if one in rows), None)


def notes_of(data: Any) -> Iterator[Problem]:
    """Return notes on the defaults of missing arguments, and on values that have no effect."""
    scheduler = data.get("scheduler") if isinstance(data, Mapping) else None
    name = scheduler.get("type") if isinstance(scheduler, Mapping) else None
    if not isinstance(scheduler, Mapping) or name not in TABLES:
        return
    params, path = scheduler.get("params") or {}, child_path(ROOT, "scheduler", "params")
    rows = arguments_of(TABLES[name])
    missing = [one for one in ("warmup_type", "warmup_num_steps") if one in rows and one not in params]
    yield from note_defaults("DeepSpeed 0.19.8", {one: rows[one].default for one in missing})
    if name == "WarmupLR" and "warmup_max_lr" not in params:
        found = (
            "warmup_max_lr is missing: DeepSpeed uses the lr of each group; that of the first group before 6c58fb75 "
            "(2026-07-29), and 0.001 before 22cf1a44 (2025-06-19)"
        )
        yield Problem(path, found, code=DEEPSPEED_NOTE)
    for one in ("cycle_first_stair_count", "cycle_second_stair_count"):
        if params.get(one):
            found = "stairs have no effect in DeepSpeed before 3169c2dc (2026-07-29)"
            yield Problem(child_path(path, one), found, code=DEEPSPEED_NOTE)
    bound = _bound_of(name)
    rate = None if bound is None else params.get(bound, rows[bound].default)
    optimizer = data.get("optimizer")
    own = optimizer.get("params") if isinstance(optimizer, Mapping) else None
    if rate in (None, _AUTO) or not isinstance(own, Mapping):
        return
    for key in _RATES:
        if is_plain_number(own.get(key)) and own[key] != rate:
            found = f"it has no effect, because {name} sets the lr from {bound}"
            yield Problem(child_path(ROOT, "optimizer", "params", key), found, code=DEEPSPEED_NOTE)


def to_plan(data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
    """Return the plan with the values that DeepSpeed's engine uses.

    Args:
        data: a DeepSpeed config.
        calendar: the run facts; `total` replaces "auto" of `total_num_steps`.
        base: the base of lr, which replaces "auto" of `warmup_max_lr`. Default: lr of the config's optimizer.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> params = {"warmup_num_steps": 4, "warmup_type": "linear"}
    >>> print(to_plan({"scheduler": {"type": "WarmupLR", "params": params}}))
    lr: constant(0.0, 1) >> warmup(4) >> constant()
    """
    diagnostics = DiagnosticCollector()
    run = TrainerRun(given_rate(base), total=None if calendar is None else calendar.horizon)
    plan = plan_of_config(data, ROOT, run, diagnostics, calendar)
    diagnostics.raise_any("config")
    assert plan is not None
    return plan


def plan_of_config(
    data: Any, path: str, run: TrainerRun, diagnostics: DiagnosticCollector, calendar: Calendar | None
) -> Plan | None:
    """Return the plan of the config at `path`. Errors are added to `diagnostics`, and None is returned."""
    scheduler = data.get("scheduler") if isinstance(data, Mapping) else None
    if not isinstance(scheduler, Mapping):
        report_no_settings(
            data,
            ("scheduler",),
            diagnostics,
            library="DeepSpeed",
            found="the config has no scheduler, so it does not schedule lr",
            instead="Read the scheduler of the program",
            path=path,
            least=1,
        )
        return None
    name, params, path = scheduler.get("type"), scheduler.get("params") or {}, child_path(path, "scheduler")
    inner = child_path(path, "params")
    if run.scheduler is not None:
        found = f"{name} will be used; lr_scheduler_type: {run.scheduler} of the arguments has no effect"
        instead = "Remove scheduler from the DeepSpeed config to use the arguments"
        place = child_path(path, "type")
        warn_user(Problem(place, found, instead, code=DEEPSPEED_WINS, as_warning=run.is_default))
    if not isinstance(params, Mapping):
        diagnostics.refuse_kind(inner, params, "a mapping of arguments", "Use params: {}")
        return None
    if not isinstance(name, str) or name not in TABLES:
        return _plan_of_torch(name, params, path, diagnostics, calendar)
    rows = arguments_of(TABLES[name])
    _report_unknown(name, params, inner, diagnostics)
    given = {key: _given_value(key, value, inner, run, diagnostics) for key, value in params.items() if key in rows}
    optimizer = data.get("optimizer") if isinstance(data.get("optimizer"), Mapping) else {}
    kind = str(optimizer.get("type", "adam")).lower()
    # Muon has two rates, so an argument that equals one of them is not a multiple of the other.
    rate = None if kind == "muon" else values_of_optimizer(optimizer.get("params")).get("lr", run.lr)
    entry = read_entry(name, TABLES[name], given, inner, diagnostics)
    if entry is None or diagnostics.count:  # with placeholder values, warnings would be wrong
        return None
    if name == "WarmupDecayLR" and "warmup_max_lr" not in params and rate != 0.001:
        found = f"warmup_max_lr is missing; DeepSpeed uses 0.001, not lr{'' if rate is None else f' {rate:g}'}"
        warn_user(Problem(inner, found, f"Write warmup_max_lr: {rate or 'auto'}", code=DEEPSPEED_ARGUMENT))
    if "warmup_num_steps" in rows:
        found = "the first value is used twice, so that the curve is one update late and its last value is not used"
        warn_user(Problem(path, found, code=DEEPSPEED_LATE))
    facts = RunOfConfig(rate, run.total, any(one in kind for one in _BETAS))
    with diagnostics.reported_at(path):
        lines = entry.arguments.lines(entry, facts)
    total = getattr(entry.arguments, "total_num_steps", None)
    horizon = run.horizon if run.scheduler is not None else None if run.total is not None else total
    return Plan(**lines, horizon=horizon)


def report_mismatches(config: Mapping[str, Any], path: str, run: TrainerRun, diagnostics: DiagnosticCollector) -> None:
    """Report each value of the config at `path` that differs from the Trainer's, which transformers refuses."""
    compared = {**run.arguments, "scheduler.params.warmup_max_lr": ("learning_rate", run.lr)}
    if run.warmup is not None:
        compared["scheduler.params.warmup_num_steps"] = "warmup_steps", run.warmup_num_steps
    if run.total is not None:
        compared["scheduler.params.total_num_steps"] = "the number of updates", run.total
    for place, (name, own) in compared.items():
        *parents, key = place.split(".")
        node: Any = config
        for parent in parents:
            node = node.get(parent) if isinstance(node, Mapping) else None
        value = node.get(key) if isinstance(node, Mapping) else None
        if value not in (None, _AUTO, own):
            found = f"transformers refuses {short_json(value)}, because {name} is {short_json(own)}"
            diagnostics.add(child_path(path, *parents, key), found, f'Write "{_AUTO}"', code=DEEPSPEED_DIFFERS)


def _given_value(key: str, value: Any, path: str, run: TrainerRun, diagnostics: DiagnosticCollector) -> Any:
    """Return the value of an argument, with the Trainer's value in place of "auto"."""
    if isinstance(value, list):
        found = "a list has one value for each group, which a plan selects by name"
        first = value[0] if value and is_plain_number(value[0]) else 1
        diagnostics.add(child_path(path, key), found, f"For example: {key}: {first}", code=REFUSED_VALUE)
        return first
    if value != _AUTO:
        return value
    found, advice = run.filled.get(key, (None, "Use a number"))
    if found is None:
        text = f'"{_AUTO}" is unknown: the Trainer or accelerate replaces it by a value of the run'
        if key not in run.filled:
            text = f'neither transformers nor accelerate replaces "{_AUTO}" of {key}'
        diagnostics.add(child_path(path, key), text, advice, code=MISSING_FACT)
        return 1
    return found


def _report_unknown(name: str, params: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector) -> None:
    """Report arguments that the scheduler does not have, with the scheduler that has them."""
    for key in params:
        if key not in arguments_of(TABLES[name]):
            owners = [one for one, table in TABLES.items() if key in arguments_of(table)]
            meant = (
                f"it is one of {' and '.join(owners)}" if owners else did_you_mean(str(key), arguments_of(TABLES[name]))
            )
            found = f"unknown argument of {name}; {meant}"
            diagnostics.add(child_path(path, key), found, at_key=True, code=WRONG_ARGUMENT)


def _plan_of_torch(
    name: Any, params: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector, calendar: Calendar | None
) -> Plan | None:
    """Return the plan of a scheduler of torch, which the engine steps after each update."""
    if name == "ReduceLROnPlateau":
        found = "DeepSpeed passes the batch size to it as the metric, so that lr falls whatever the loss"
        diagnostics.add(child_path(path, "type"), found, "Write another scheduler", code=REFUSED_VALUE)
        return None
    torch = dialect_named("torch")
    if not isinstance(name, str) or torch.recognizes is None or not torch.recognizes({"type": name}):
        found = f"unknown scheduler {short_json(name)}; {did_you_mean(str(name), TABLES)}"
        diagnostics.add(child_path(path, "type"), found, code=UNKNOWN_NAME)
        return None
    try:
        return torch.plan_of({name: dict(params), "interval": "step"}, calendar=calendar, base=None)
    except ConfigError as error:
        for one in error.diagnostics:
            inner = one.path.replace(child_path(ROOT, name), child_path(path, "params"), 1)
            diagnostics.add(inner, one.found, one.advice, code=one.code)
        return None
