"""The dialect of torchtitan: the `lr_scheduler` table of a job, alone or beside `training` and `optimizer`.

- a warmup arrives at base one update before its end; the decay begins at base and would be over behind the last update
- `decay_ratio` is a share of `total_steps`, rounded to the nearest update; without it decay begins behind the warmup
- without `total_steps` it is the number of `training.steps`

Source: torchtitan 0.3.0, `components/optimizer/lr_scheduler.py`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from paramsched import curves
from paramsched._fault_codes import MISSING_FACT, UNKNOWN_FIELD, WRONG_TYPE
from paramsched.config.faults import Faults, child_path, short_json
from paramsched.config.file_formats import read_peer_data
from paramsched.config.known_dialects import NO_BASES, BaseLike, Bases
from paramsched.config.peer_arguments import is_count, is_plain_number, numbers_by_field
from paramsched.config.unused_settings import report_unused_settings
from paramsched.curves import Curve
from paramsched.plan import Plan
from paramsched.schedules import Schedule, anneal, constant, warmup
from paramsched.schedules.sequence import in_order
from paramsched.time import Calendar

scheduler_entries: Final = ("lr_scheduler",)
_ENTRIES: Final[Mapping[str, Any]] = {
    "warmup_steps": 200,
    "total_steps": None,
    "decay_ratio": None,
    "decay_type": "linear",
    "min_lr_factor": 0.0,
}
"""The entries of the table, and what torchtitan takes where one is missing."""

_CURVES_OF_DECAY: Final[Mapping[str, Curve]] = {
    "linear": curves.linear,
    "sqrt": curves.one_minus_sqrt,
    "cosine": curves.cosine,
}
_STEPS: Final = 10_000
_OWN_SIGNS: Final = ("decay_ratio", "min_lr_factor")
_TABLE_OF_TOML: Final = re.compile(r"^\s*(\[[\w.]+\]|\w+\s*=)", re.MULTILINE)


def recognizes(data: Any) -> bool:
    """Whether data looks like a job of torchtitan's, or its table."""
    if not isinstance(data, Mapping):
        return False
    table = data.get("lr_scheduler")
    inside = isinstance(table, Mapping) and any(name in _ENTRIES for name in table)
    return inside or any(name in data for name in _OWN_SIGNS)


def read(text: str, source: str) -> Any:
    """A job as TOML, which is torchtitan's own, or as YAML."""
    return read_peer_data(text, syntax_of(text), source)


def syntax_of(text: str) -> str:
    """The syntax of a job's text.

    >>> syntax_of("[training]"), syntax_of("training: {steps: 10}")
    ('toml', 'yaml')
    """
    return "toml" if _TABLE_OF_TOML.search(text) else "yaml"


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:  # noqa: ARG001  # the contract
    """The optimizer's own values, where the job has them."""
    table = data.get("optimizer") if isinstance(data, Mapping) else None
    if not isinstance(table, Mapping):
        return NO_BASES
    found = numbers_by_field(table, "lr", "weight_decay")
    betas = tuple(numbers_by_field(table, "beta1", "beta2").values())
    return Bases(({**found, **({"betas": betas} if len(betas) == 2 else {})},), "optimizer")


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: BaseLike | None = None,  # noqa: ARG001  # the contract; all its levels are multiples of base
) -> Plan:
    """The plan that gives what torchtitan's scheduler gives.

    Args:
        data: a job, or its `lr_scheduler` table; entries that are missing have torchtitan's defaults.
        calendar: its total stands in for `training.steps`.
        base: is not needed.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> table = {"warmup_steps": 20, "decay_ratio": 0.2, "min_lr_factor": 0.1}
    >>> print(to_plan({"training": {"steps": 1000}, "lr_scheduler": table}))
    horizon: 1000
    lr: warmup(20, index="(t+1)/n") >> constant() >> linear(to=0.1, over=200)
    """
    faults = Faults()
    job, steps, said = _checked_job(data, calendar, faults)
    faults.raise_any("config")
    return Plan(lr=_schedule_of_job(job, steps), horizon=steps if said else None)


def _checked_job(data: Any, calendar: Calendar | None, faults: Faults) -> tuple[dict[str, Any], int | None, bool]:
    """The entries of a job, the updates of its run, and whether the job itself says them.

    Of the entries `total_steps` is what the schedule is made for, `warmup_steps` is no longer than that, and
    `decay_ratio` is a number of updates. What is wrong with them is noted.
    """
    if not isinstance(data, Mapping):
        faults.refuse_kind("$", data, "job", "Write [lr_scheduler]")
        data = {}
    whole = any(name in data for name in ("lr_scheduler", "training", "optimizer"))
    table, path = (data.get("lr_scheduler", {}), "$.lr_scheduler") if whole else (data, "$")
    if not isinstance(table, Mapping):
        faults.refuse_kind(path, table, "table", "Write [lr_scheduler]")
        table = {}
    for name in table:
        if name == "lr_min":
            found = "it is of an older torchtitan, whose warmup and decay had other values"
            faults.add(child_path(path, name), found, "Write min_lr_factor", at_key=True, code=UNKNOWN_FIELD)
        elif name not in _ENTRIES:
            faults.refuse_unknown([name], _ENTRIES, path, "no such entry", code=UNKNOWN_FIELD)
    if whole:
        tables = {one: data.get(one) for one in ("training", "optimizer")}
        beside = {
            str(name): child_path("$", one, name)
            for one, entries in tables.items()
            for name in (entries if isinstance(entries, Mapping) else ())
        }
        report_unused_settings(beside, ("lr", "steps"), faults, library="torchtitan")
    given = {**_ENTRIES, **{name: value for name, value in table.items() if value is not None}}
    for name, least, most in (("warmup_steps", 0, math.inf), ("decay_ratio", 0, 1), ("min_lr_factor", 0, math.inf)):
        value = given[name]
        if not (name == "decay_ratio" and value is None) and not (is_plain_number(value) and least <= value <= most):
            bound = f"from {least} to {most:g}" if most < math.inf else f"from {least} on"
            found = f"{short_json(value)} is no number {bound}"
            faults.add(child_path(path, name), found, f"Write {name} = {least}", code=WRONG_TYPE)
            given[name] = _ENTRIES[name]
    if given["decay_type"] not in [*_CURVES_OF_DECAY]:
        faults.refuse_word(child_path(path, "decay_type"), given["decay_type"], _CURVES_OF_DECAY)
        given["decay_type"] = "linear"
    steps, said = _steps_of_job(data, calendar, faults, whole=whole)
    total = _whole_count(given["total_steps"], child_path(path, "total_steps"), faults) or steps
    ramp = int(given["warmup_steps"]) if total is None else min(int(given["warmup_steps"]), total)
    decay = None
    if given["decay_ratio"] is not None and total is None:
        found = "it is a share of total_steps, which nothing says"
        faults.add(child_path(path, "decay_ratio"), found, "Write total_steps = 1000", code=MISSING_FACT)
    elif given["decay_ratio"] is not None and total is not None:
        decay = min(round(total * given["decay_ratio"]), total - ramp)
    if steps is not None and total is not None and steps > total + 1:
        found = f"{total}, and the run goes on to {steps}: there torchtitan leaves the levels of the decay"
        faults.add(child_path(path, "total_steps"), found, f"Write total_steps = {steps}", code=MISSING_FACT)
    # A table by itself says its run by total_steps.
    alone = steps is None or (not whole and given["total_steps"] is not None)
    given |= {"total_steps": total, "warmup_steps": ramp, "decay_ratio": decay}
    return given, total if alone else steps, said or (alone and total is not None)


def _steps_of_job(
    data: Mapping[str, Any], calendar: Calendar | None, faults: Faults, *, whole: bool
) -> tuple[int | None, bool]:
    """The updates of the run, and whether the job itself says them."""
    training = data.get("training") if whole else None
    if isinstance(training, Mapping) and training.get("steps") is not None:
        return _whole_count(training["steps"], "$.training.steps", faults), True
    if calendar is not None and calendar.horizon is not None:
        return calendar.horizon, False
    return (_STEPS, True) if isinstance(training, Mapping) else (None, False)


def _whole_count(value: Any, path: str, faults: Faults) -> int | None:
    """A number of updates, at least one; None where there is none."""
    if value is None:
        return None
    if is_count(value, least=1):
        return int(value)
    instead = f"Write {path.rpartition('.')[2]} = 1000"
    faults.add(path, f"{short_json(value)} is no number of updates", instead, code=WRONG_TYPE)
    return None


def _schedule_of_job(job: Mapping[str, Any], steps: int | None) -> Schedule:
    """The warmup, base, the decay."""
    total, ramp, decay = job["total_steps"], job["warmup_steps"], job["decay_ratio"]
    floor, curve = float(job["min_lr_factor"]), _CURVES_OF_DECAY[job["decay_type"]]
    stages: list[Schedule] = [warmup(ramp, index="(t+1)/n")] if ramp else []
    left = None if total is None else total - ramp
    # Where the schedule is longer than the run its lengths are written out; otherwise one stage takes what is left.
    cut = left is not None and total != steps
    if left == 0:
        return in_order([*stages, constant()] if cut else stages)
    if decay is None or decay == left:
        stages.append(anneal(1.0, floor, left if cut else None, curve))
    elif decay == 0:
        stages.append(constant())
    else:
        over = left - decay if cut and left is not None else None
        stages += [constant(1.0, over), anneal(1.0, floor, decay, curve)]
    return in_order(stages)
