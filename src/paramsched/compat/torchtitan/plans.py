"""Plans of torchtitan's jobs, and the optimizer's values in them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from paramsched.compat.torchtitan.arguments import Entries, Training
from paramsched.core import curves
from paramsched.core.base.codes import MISSING_FACT, UNKNOWN_FIELD
from paramsched.core.base.diagnostic import Diagnostic, child_path
from paramsched.core.curves import Curve
from paramsched.core.files.arguments import (
    arguments_of,
    defaults_of,
    located,
    numbers_by_field,
    read_arguments,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.files.plan_files import read_peer_data
from paramsched.core.files.unused_settings import has_setting, note_defaults, report_no_settings, report_unused_settings
from paramsched.core.plan import Plan
from paramsched.core.plan.bases import NO_BASES, Bases
from paramsched.core.schedules import Schedule, anneal, constant, warmup
from paramsched.core.schedules.sequence import in_order
from paramsched.core.time import Calendar
from paramsched.errors import ConfigError

scheduler_entries: Final = ("lr_scheduler",)
_CURVES_OF_DECAY: Final[Mapping[str, Curve]] = {
    "linear": curves.linear,
    "sqrt": curves.one_minus_sqrt,
    "cosine": curves.cosine,
}


_OWN_SIGNS: Final = ("decay_ratio", "min_lr_factor")


_TABLE_OF_TOML: Final = re.compile(r"^\s*(\[[\w.]+\]|\w+\s*=)", re.MULTILINE)


def read(text: str, source: str) -> Any:
    """Read a job from TOML or YAML.

    Raises:
        ConfigError: the file is a Python config, which is not read.
    """
    if Path(source).suffix == ".py":
        found = "Python configs of torchtitan are not read. Save its lr_scheduler table as TOML, with training.steps"
        raise ConfigError(source, [found])
    return read_peer_data(text, syntax_of(text), source)


def syntax_of(text: str) -> str:
    """Return the syntax of a job's text.

    >>> syntax_of("[training]"), syntax_of("training: {steps: 10}")
    ('toml', 'yaml')
    """
    return "toml" if _TABLE_OF_TOML.search(text) else "yaml"


def recognizes(data: Any) -> bool:
    """Return whether data looks like a job of torchtitan or an `lr_scheduler` table."""
    if not isinstance(data, Mapping):
        return False
    table = data.get("lr_scheduler")
    inside = isinstance(table, Mapping) and any(name in arguments_of(Entries) for name in table)
    return inside or any(name in data for name in _OWN_SIGNS)


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return the numbers in the `optimizer` table of a job as bases."""
    table = data.get("optimizer") if isinstance(data, Mapping) else None
    if not isinstance(table, Mapping):
        return NO_BASES
    found = numbers_by_field(table, "lr", "weight_decay")
    betas = tuple(numbers_by_field(table, "beta1", "beta2").values())
    return Bases(({**found, **({"betas": betas} if len(betas) == 2 else {})},), "optimizer")


def notes_of(data: Any) -> Iterator[Diagnostic]:
    """Return notes on the defaults of missing entries."""
    table = data.get("lr_scheduler", {}) if _is_job(data) else data
    rows = defaults_of(Entries)
    missing = {name: rows[name] for name in ("warmup_steps", "decay_type") if table.get(name) is None}
    training = data.get("training")
    has_steps = not isinstance(training, Mapping) or training.get("steps") is not None
    yield from note_defaults("torchtitan b5bcd76c", missing | ({} if has_steps else {"steps": _STEPS}))


_STEPS: Final = 10_000
"""torchtitan's default of `training.steps`."""


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: BaseLike | None = None,  # noqa: ARG001  # each peer has this parameter; all its levels are multiples of base
) -> Plan:
    """Return the plan with the values of torchtitan's scheduler.

    Args:
        data: a job, or its `lr_scheduler` table; missing entries have torchtitan's defaults.
        calendar: run facts; its horizon is used if `training.steps` is missing.
        base: not used.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> table = {"warmup_steps": 20, "decay_ratio": 0.2, "min_lr_factor": 0.1}
    >>> print(to_plan({"training": {"steps": 1000}, "lr_scheduler": table}))
    horizon: 1000
    lr: warmup(20, index="(t+1)/n") >> constant() >> linear(to=0.1, over=200)
    """
    diagnostics = DiagnosticCollector()
    if not isinstance(data, Mapping):
        diagnostics.refuse_kind("$", data, "a job", "Use [lr_scheduler]")
        data = {}
    elif not _has_settings(data):
        found, instead = "expected a job, or its table lr_scheduler", "For example total_steps = 1000"
        names = (*arguments_of(Entries), "lr_scheduler", "lr_min")
        report_no_settings(data, names, diagnostics, library="torchtitan", found=found, instead=instead)
        diagnostics.raise_any("config")
    arguments, path = _read_table(data, diagnostics)
    training = data.get("training")
    steps = None if calendar is None else calendar.horizon
    written = isinstance(training, Mapping)
    if isinstance(training, Mapping) and training.get("steps") is not None:
        entries = located({"steps": training["steps"]}, "$.training")
        steps = read_arguments(Training, entries, "$.training", diagnostics)[0].steps
    elif written and steps is None:
        steps = _STEPS
    else:
        written = False
    total = arguments.total_steps or steps
    if arguments.decay_ratio is not None and total is None:
        found = "it is a fraction of total_steps, which is unknown"
        diagnostics.add(child_path(path, "decay_ratio"), found, "For example: total_steps = 1000", code=MISSING_FACT)
    if steps is not None and total is not None and steps > total + 1:
        found = f"the run has {steps} updates, and torchtitan's decay is undefined after {total}"
        diagnostics.add(child_path(path, "total_steps"), found, f"Write total_steps = {steps}", code=MISSING_FACT)
    diagnostics.raise_any("config")
    # If the config is only an lr_scheduler table, total_steps is the length of the run.
    alone = steps is None or (path == "$" and arguments.total_steps is not None)
    horizon = total if alone else steps
    return Plan(lr=_schedule_of_job(arguments, total, horizon), horizon=horizon if written or alone else None)


def _has_settings(data: Mapping[str, Any]) -> bool:
    """Return whether data has an entry of torchtitan that affects the schedule."""
    if not _is_job(data):
        return has_setting(data, (*arguments_of(Entries), "lr_min"))
    training = data.get("training")
    return "lr_scheduler" in data or (isinstance(training, Mapping) and "steps" in training)


def _is_job(data: Mapping[str, Any]) -> bool:
    return any(name in data for name in ("lr_scheduler", "training", "optimizer"))


def _read_table(data: Mapping[str, Any], diagnostics: DiagnosticCollector) -> tuple[Entries, str]:
    """Read the `lr_scheduler` table; return its entries and its config path."""
    table, path = (data.get("lr_scheduler", {}), "$.lr_scheduler") if _is_job(data) else (data, "$")
    if not isinstance(table, Mapping):
        diagnostics.refuse_kind(path, table, "a table", "Use [lr_scheduler]")
        table = {}
    if "lr_min" in table:
        found = "it is an entry of an older torchtitan, whose warmup and decay had other values than now"
        diagnostics.add(child_path(path, "lr_min"), found, "Write min_lr_factor", at_key=True, code=UNKNOWN_FIELD)
    missing = {"lr_min", *(name for name in arguments_of(Entries) if table.get(name) is None)}
    written = {name: value for name, value in table.items() if name not in missing}
    tables = {one: data.get(one) for one in ("training", "optimizer")}
    beside = {
        str(name): child_path("$", one, name)
        for one, entries in tables.items()
        for name in (entries if isinstance(entries, Mapping) else ())
    }
    report_unused_settings(beside, ("lr", "steps"), diagnostics, library="torchtitan")
    return read_arguments(Entries, located(written, path), path, diagnostics)[0], path


def _schedule_of_job(arguments: Entries, total: int | None, steps: int | None) -> Schedule:
    """Return the schedule of lr: a warmup, a constant stage at base, and a decay.

    Args:
        arguments: the entries of the `lr_scheduler` table.
        total: the number of updates that the schedule is planned for.
        steps: the number of updates of the run.
    """
    ramp = int(arguments.warmup_steps) if total is None else min(int(arguments.warmup_steps), total)
    floor, curve = arguments.min_lr_factor, _CURVES_OF_DECAY[arguments.decay_type]
    stages: list[Schedule] = [warmup(ramp, index="(t+1)/n")] if ramp else []
    left = None if total is None else total - ramp
    decay = left
    if total is not None and left is not None and arguments.decay_ratio is not None:
        decay = min(round(total * arguments.decay_ratio), left)
    # If the schedule and the run have different lengths, all stages have explicit lengths; otherwise one stage
    # takes the remaining updates.
    cut = left is not None and total != steps
    if left == 0:
        return in_order([*stages, constant()] if cut else stages)
    if decay == left:
        stages.append(anneal(1.0, floor, left if cut else None, curve))
    elif decay == 0:
        stages.append(constant())
    else:
        over = left - decay if cut and left is not None and decay is not None else None
        stages += [constant(1.0, over), anneal(1.0, floor, decay, curve)]
    return in_order(stages)
