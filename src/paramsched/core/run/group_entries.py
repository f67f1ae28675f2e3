"""The entries of paramsched in the groups of an optimizer, and the states of metric rules in a record."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
import torch

from paramsched.core.groups.fields import RECORD, entry_of, is_own, recorded_bases
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.plan import Plan
from paramsched.core.run.messages import records as messages
from paramsched.core.time.duration import largest_on


def saved_states(states: Mapping[MetricRule[Any], Any]) -> dict[str, dict[str, Any]]:
    """Return a dict from the key of each metric rule to its state, a dict of JSON scalars."""
    return {
        key: {field.name: getattr(states[rule], field.name) for field in fields(states[rule])}
        for rule, key in rule_keys(states).items()
    }


def restored_states(
    feedback: Mapping[str, dict[str, Any]], rules: tuple[MetricRule[Any], ...]
) -> dict[MetricRule[Any], Any]:
    """Return a dict from each rule to its state: the saved state if there is one, else the initial one."""
    return {
        rule: rule.restore(feedback[key]) if key in feedback else rule.init() for rule, key in rule_keys(rules).items()
    }


def rule_keys(rules: Iterable[MetricRule[Any]]) -> dict[MetricRule[Any], str]:
    """Return the keys of the states of some metric rules in a record: their texts without `after`.

    The time from which on a rule counts is another number of updates in a run of other facts, and its state continues.
    Rules that differ only in this time are numbered.
    """
    keys: dict[MetricRule[Any], str] = {}
    numbers = Counter[str]()
    for rule in rules:
        text = str(rule if rule.after is None else replace(rule, after=None))
        numbers[text] += 1
        keys[rule] = text if numbers[text] == 1 else f"{text} #{numbers[text]}"
    return keys


def check_rules(feedback: Mapping[str, Any], plan: Plan) -> None:
    """Raise if a state of a plan has the feedback of other metric rules."""
    rules = {*rule_keys(plan.metric_rules).values()}
    if rules != feedback.keys():
        raise messages.rules_are_of_other_plan(feedback, rules)


GroupDict: TypeAlias = dict[str, Any]

COUNT = f"{RECORD}_t"
INITIAL_LR = "initial_lr"
"""The entry from which torch's schedulers read the base of lr."""


def count_carried(groups: list[GroupDict]) -> int | None:
    """Return the count of updates in the first group that contains one; None if no group does."""
    return next((_plain_number(group[COUNT]) for group in groups if COUNT in group), None)


def write_entries(bases: Mapping[tuple[int, str], float], groups: list[GroupDict], count: int) -> None:
    """Write bases, a dict from (group index, flat field name) to base, and the count into the groups.

    Groups keep the bases of other fields. The base of lr is also the entry `initial_lr`, so that torch's schedulers can
    continue a run without the library.
    """
    bases_of_groups: list[dict[str, float]] = [{} for _ in groups]
    for (index, slot), base in bases.items():
        bases_of_groups[index][slot] = base
    for group, own_bases in zip(groups, bases_of_groups, strict=True):
        group[RECORD] = json.dumps({"bases": recorded_bases(group) | own_bases})
        group[COUNT] = count
        if "lr" in own_bases:
            group[INITIAL_LR] = own_bases["lr"]


def record_other_bases(bases: Mapping[tuple[int, str], float], groups: list[GroupDict]) -> None:
    """Record bases of a Scheduler's state in groups that are bound next: those of fields that a later plan may have."""
    for (index, slot), base in bases.items():
        if index < len(groups):
            groups[index][RECORD] = json.dumps({"bases": recorded_bases(groups[index]) | {slot: base}})


def read_entries(groups: list[GroupDict]) -> tuple[dict[str, Any] | None, dict[tuple[int, str], float]]:
    """Return the record of the run in these groups, or None, and the bases by (group index, flat field name).

    Raises:
        StateError: an entry of paramsched in a group is invalid.
    """
    records: list[dict[str, Any]] = []
    bases: dict[tuple[int, str], float] = {}
    for index, group in enumerate(groups):
        if COUNT in group and not is_count(_plain_number(group[COUNT])):
            raise messages.count_of_group(index, COUNT, group[COUNT])
        if group.get(RECORD) is None:
            continue
        record = entry_of(group)
        if not isinstance(record, dict) or not isinstance(record.get("bases"), dict):
            raise messages.record_of_group(index, group[RECORD])
        for base in record["bases"].values():
            if not is_finite_number(base):
                raise messages.base_of_group(index, base)
        bases |= {(index, slot): base for slot, base in record["bases"].items()}
        if len(record) > 1:
            records.append({name: entry for name, entry in record.items() if name != "bases"})
    return records[0] if records else None, bases


def _plain_number(value: Any) -> Any:
    """Return a number that a library has stored as another type as an int, and any other value as it is.

    Some libraries save the entries of groups as arrays or tensors, and NumPy converts integers to floats.

    >>> _plain_number(np.int64(30)), _plain_number(30.0), _plain_number(torch.tensor(30)), _plain_number(30.5)
    (30, 30, 30, 30.5)
    """
    if isinstance(value, (np.generic, np.ndarray, torch.Tensor)) and value.ndim == 0 and not _is_on_meta(value):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_on_meta(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_meta


def is_count(value: Any) -> bool:
    """Return whether a saved value is a number of updates."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def is_amount(value: Any, clock: str | None = None) -> bool:
    """Return whether a saved value is an amount: a finite number from 0 to the largest one on its clock."""
    return is_finite_number(value) and bool(0 <= value < 2**62) and bool(value <= largest_on(clock))


def is_finite_number(value: Any) -> bool:
    """Return whether a saved value is a finite float, or an integer that converts to one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False


def remove_entries(groups: list[GroupDict]) -> None:
    """Remove all entries of paramsched from the groups; `initial_lr`, which is torch's, remains."""
    for group in groups:
        for key in [key for key in group if is_own(key)]:
            del group[key]


def mapping_in(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping in a state.

    Raises:
        StateError: it is not one.
    """
    if not isinstance(value, dict):
        raise messages.not_a_mapping(name, value)
    return value
