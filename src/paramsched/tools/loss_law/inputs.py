"""The learning rates of a plan, and the losses of a run, as arrays."""

import os
from collections.abc import Mapping
from numbers import Real
from types import NoneType
from typing import Any, TypeAlias

import numpy as np

from paramsched.core.base.diagnostic import names_listed
from paramsched.core.base.files import path_of_file
from paramsched.core.base.problem import Advice, Sentence
from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.feedback.metric_names import metric_word
from paramsched.core.fields import Field
from paramsched.core.plan import Plan, Target
from paramsched.core.plan.forms import FORMS, PlanLike, plan_of
from paramsched.core.plan.trace import Trace, groups_of, trace
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, shown
from paramsched.tools.records.log_to_plan import read_metrics

Rates: TypeAlias = PlanLike | Trace | Any
"""The rates of a run: a plan in any form, a trace, or an array with the rate of each update."""

Curve: TypeAlias = str | os.PathLike[str] | tuple[Any, Any]
"""The losses of a run: the path of a log, or the numbers of the updates and their losses."""


def rates_of(
    site: str, plan: Rates, base: Any, calendar: Calendar | None, group: str | int | None, *, scaled: bool = True
) -> Floats:
    """Return the learning rate of each update. Of several groups with proportional rates, the largest rates are used.

    Args:
        site: the call, for messages.
        plan: a plan, a trace or an array.
        base: the bases of a plan, as in `trace`.
        calendar: the run facts of a plan.
        group: the group of a plan or trace, if the rates of its groups are not proportional.
        scaled: False accepts a plan without base, and returns multiples of base.

    Raises:
        InvalidArgument: the rates are unknown, ambiguous, or not finite numbers of at least 0.
    """
    if isinstance(plan, FORMS):
        plan = plan_of(plan, site.partition("(")[0])
        rates = _rates_of_trace(site, _traced(plan, base, calendar, scaled), group, scaled)
    elif isinstance(plan, Trace):
        rates = _rates_of_trace(site, plan, group, scaled)
    else:
        try:
            rates = np.asarray(plan, dtype=np.float64).copy()
        except (TypeError, ValueError, OverflowError):
            rates = np.zeros(0)
        if rates.ndim != 1 or not rates.size:
            found = f"expected a Plan, a Trace or an array of rates, got {type(plan).__name__}"
            raise InvalidArgument(site, found, 'Write ps.load("plan.yaml")')
    if not isinstance(plan, Plan) and (base is not None or calendar is not None):
        found = f"base and calendar belong to a Plan, got {type(plan).__name__}"
        raise InvalidArgument(site, found, "Omit base and calendar")
    if not (np.isfinite(rates).all() and rates.min() >= 0 and rates.max() > 0):
        found = "every rate must be finite and at least 0, and one must be above 0"
        raise InvalidArgument(site, found, "Pass the rates that the optimizer uses")
    return rates


def _traced(plan: Plan, base: Any, calendar: Calendar | None, scaled: bool) -> Trace:
    """Return the trace of a plan. Of the fields, only lr needs a base; without any base, 1 is assumed."""
    bindings = [one for one in plan.bindings if not isinstance(one.field, Target)]
    if isinstance(base, Mapping) and base and not any(isinstance(one, Real) for one in base.values()):
        return trace(plan, base, calendar)  # several optimizers
    if base is None or isinstance(base, Mapping):
        from paramsched.show.plan_curves import groups_of_selectors

        groups = [{**group, **(base or {})} for group in groups_of_selectors(bindings)]
    else:
        groups = [dict(group) for group in groups_of(base)]
    assumed = any("lr" not in group for group in groups)
    for group in groups:
        for field in (Field.of(one.name) for one in bindings):
            if field.key not in group:
                field.fill(group, 1.0)
    values = trace(plan, groups, calendar)
    keys = [key for key in values.keys() if key[0] == "lr"]
    return values.with_assumed_bases(keys) if scaled and assumed else values


def _rates_of_trace(site: str, values: Trace, group: str | int | None, scaled: bool) -> Floats:
    if values.metric_rules:
        found = f"{values.metric_rules[0]} reacts to a metric, so the rates are unknown before the run"
        raise InvalidArgument(site, found, 'Remove the rule, or pass ps.plan_from_log("log.csv") of an earlier run')
    known = [key for key in values.keys() if key[0] == "lr"]
    keys = known if group is None else [("lr", group)]
    if not known:
        raise InvalidArgument(
            site, "the plan has no schedule for lr", 'For example: ps.Plan(lr="cosine()", horizon=24000)'
        )
    if not isinstance(group, (str, int, NoneType)) or keys[0] not in values:
        found = f"unknown group {shown(group)}; the plan has {', '.join(repr(one) for _, one in known)}"
        raise InvalidArgument(site, found, f"Write group={known[0][1]!r}")
    for key in keys:
        if scaled and values.base(*key).value is None and values.base(*key).share != "none":
            found = "the plan has no base, and the loss depends on the rates that the optimizer uses"
            advice = Advice(Sentence('For example: base={"lr": 3e-4}', "For example: --base lr=3e-4"))
            raise InvalidArgument(site, found, advice)
    columns = [values[key] for key in keys]
    largest = max(columns, key=lambda one: float(one.max()))
    for key, column in zip(keys, columns, strict=True):
        if not np.allclose(column * largest.max(), largest * column.max(), rtol=1e-9, atol=0):
            found = f"the rates of group {key[1]!r} are not proportional to those of another group"
            advice = Advice(Sentence(f"Write group={key[1]!r}", "Pass a plan for one of the groups"))
            raise InvalidArgument(site, found, advice)
    return largest


def read(
    path: str | os.PathLike[str], column: str | None = None, *, time: str | None = None
) -> tuple[Integers, Floats]:
    """Read the losses of a run from a log: CSV, JSONL, TensorBoard's, or transformers' `trainer_state.json`.

    Args:
        path: the log.
        column: the column with the losses. Default: the only column with a name such as `loss`.
        time: the column that counts the updates, from 0. Default: a column with a common name, else the number of the
            row.

    Returns:
        The updates and their losses, for `fit`.

    Raises:
        InvalidArgument: no column, or more than one, is named like a loss.
        UnreadableLog: the log or its column cannot be read.
        OSError: the file cannot be read.
    """
    named = read_metrics(path_of_file(path), names=() if column is None else (column,), time=time)
    found = [one for one in named if column is not None or metric_word(one.name) == "loss"]
    if len(found) != 1:
        columns = names_listed([one.name for one in found or named]) or "none"
        example = (found or named)[0].name if found or named else "loss"
        problem = f"expected one column of losses, got {columns}"
        raise InvalidArgument(str(path), problem, f"Write ps.loss_law.read({str(path)!r}, {example!r})")
    return found[0].t, found[0].values


def losses_of(site: str, curve: Curve, rates: Floats) -> tuple[Integers, Floats]:
    """Return the updates after the warmup that have a loss, and their losses.

    A loss at the end of the run, after its last update, is dropped.

    Raises:
        InvalidArgument: the losses cannot be fitted.
    """
    if isinstance(curve, (str, os.PathLike)):
        curve = read(curve)
    try:
        at, losses = (np.asarray(one, dtype=np.float64) for one in curve)
    except (TypeError, ValueError, OverflowError):
        found = f"expected the path of a log, or a pair of updates and losses, got {shown(curve)}"
        raise InvalidArgument(site, found, 'For example: "run.csv", or ([0, 128], [3.7, 3.5])') from None
    if at.ndim != 1 or at.shape != losses.shape:
        found = f"expected as many losses as updates, got shapes {losses.shape} and {at.shape}"
        raise InvalidArgument(site, found, "Pass one loss for each update")
    if (bad := np.flatnonzero(~((losses > 1e-100) & (losses < 1e100)))).size:
        found = f"every loss must be between 1e-100 and 1e100, got {float(losses[bad[0]])} at update {at[bad[0]]:g}"
        raise InvalidArgument(site, found, "Remove these losses")
    if not (np.isfinite(at).all() and (at == np.floor(at)).all() and (np.diff(at) > 0).all() and (at >= 0).all()):
        found = "the updates must be different integers of at least 0, in order"
        raise InvalidArgument(site, found, "Sort the losses by update, and count updates from 0")
    if at.size and at[-1] > rates.size:
        found = f"the loss of update {at[-1]:,.0f} is after the end of the plan, which has {rates.size:,} updates"
        raise InvalidArgument(site, found, "Pass the plan of this run")
    first = first_fitted(rates)
    kept = (at >= first) & (at < rates.size)
    if kept.sum() < 10:
        found = f"expected at least 10 losses after the warmup, from update {first:,} on, got {kept.sum()}"
        raise InvalidArgument(site, found, "Log the loss more often, or pass a longer run")
    return at[kept].astype(np.int64), losses[kept]


def first_fitted(rates: Floats) -> int:
    """Return the first update that the law describes: the first one whose rate the next one does not exceed.

    >>> first_fitted(np.array([0.0, 0.5, 1.0, 1.0, 0.5]))
    2
    """
    return int(np.argmax(np.append(np.diff(rates) <= 0, True)))
