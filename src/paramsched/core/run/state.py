"""What a run holds: its position, its metric rules, and the processes that it is in."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, final

import numpy as np
import torch
import torch.distributed as dist

from paramsched.base.problem import PlanWarning, Problem, warn_user
from paramsched.core.feedback import MetricRule
from paramsched.core.fields import RECORD, entry_of, is_own, recorded_bases
from paramsched.core.plan.lines import UpdateTimes
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import ResolvedPlan, facts_as_data
from paramsched.core.plan.run_amounts import Amount, lacking_amount
from paramsched.core.time.duration import largest_on, rounded_on
from paramsched.errors import MissingFact, StateError, shown

log = logging.getLogger("paramsched")


@final
@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that train together.

    Args:
        strict: True if a warning is raised, in each process that detects its condition.
    """

    strict: bool = False

    def log(self, text: str, *arguments: Any) -> None:
        """Log a condition that every process detects: as a warning in the first one, as information in the others."""
        log.log(logging.WARNING if is_first() else logging.INFO, text, *arguments, stacklevel=2)

    def warn(self, problem: Problem) -> None:
        """Warn of a condition that every process detects, at the user's line; raise the warning if `strict`."""
        if self.strict:
            raise PlanWarning(problem)
        if is_first():
            warn_user(problem)
        else:
            log.info("%s", problem)


WORLD: Final = Processes()


def is_first() -> bool:
    """Return whether this process is the first of those that train together, or trains alone."""
    if not (dist.is_available() and dist.is_initialized()):
        return True
    # torch's fake group has one process, which may have any rank.
    return dist.get_rank() == 0 or dist.get_backend() == "fake"


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
    found: dict[MetricRule[Any], str] = {}
    numbers = Counter[str]()
    for rule in rules:
        text = str(rule if rule.after is None else replace(rule, after=None))
        numbers[text] += 1
        found[rule] = text if numbers[text] == 1 else f"{text} #{numbers[text]}"
    return found


def check_rules(feedback: Mapping[str, Any], plan: Plan) -> None:
    """Raise if a state of a plan has the feedback of other metric rules."""
    rules = {*rule_keys(plan.metric_rules).values()}
    if rules != feedback.keys():
        raise StateError(f"state: rules is that of {sorted(feedback)}, but the rules of its plan are {sorted(rules)}")


Group: TypeAlias = dict[str, Any]

COUNT = f"{RECORD}_t"
INITIAL_LR = "initial_lr"
"""The entry from which torch's schedulers read the base of lr."""


def count_carried(groups: list[Group]) -> int | None:
    """Return the count of updates in the first group that contains one; None if no group does."""
    return next((_plain_number(group[COUNT]) for group in groups if COUNT in group), None)


def write_entries(bases: Mapping[tuple[int, str], float], groups: list[Group], count: int) -> None:
    """Write bases, a dict from (group index, flat field name) to base, and the count into the groups.

    Groups keep the bases of other fields. The base of lr is also the entry `initial_lr`, so that torch's schedulers can
    continue a run without the library.
    """
    found: list[dict[str, float]] = [{} for _ in groups]
    for (index, slot), base in bases.items():
        found[index][slot] = base
    for group, mine in zip(groups, found, strict=True):
        group[RECORD] = json.dumps({"bases": recorded_bases(group) | mine})
        group[COUNT] = count
        if "lr" in mine:
            group[INITIAL_LR] = mine["lr"]


def record_other_bases(bases: Mapping[tuple[int, str], float], groups: list[Group]) -> None:
    """Record bases of a Scheduler's state in groups that are bound next: those of fields that a later plan may have."""
    for (index, slot), base in bases.items():
        if index < len(groups):
            groups[index][RECORD] = json.dumps({"bases": recorded_bases(groups[index]) | {slot: base}})


def read_entries(groups: list[Group]) -> tuple[dict[str, Any] | None, dict[tuple[int, str], float]]:
    """Return the record of the run in these groups, or None, and the bases by (group index, flat field name).

    Raises:
        StateError: an entry of paramsched in a group is invalid.
    """
    records: list[dict[str, Any]] = []
    bases: dict[tuple[int, str], float] = {}
    for index, group in enumerate(groups):
        if COUNT in group and not is_count(_plain_number(group[COUNT])):
            raise StateError(f"param_groups[{index}][{COUNT!r}] is {shown(group[COUNT])}, not a number of updates")
        if group.get(RECORD) is None:
            continue
        where = f"param_groups[{index}][{RECORD!r}]"
        entry = entry_of(group)
        if not isinstance(entry, dict) or not isinstance(entry.get("bases"), dict):
            raise StateError(f"{where} is {shown(group[RECORD])}, not the record of a run: the checkpoint is damaged")
        for base in entry["bases"].values():
            if not is_finite_number(base):
                raise StateError(f"{where} has the base {shown(base)}, not a finite number")
        bases |= {(index, slot): base for slot, base in entry["bases"].items()}
        if len(entry) > 1:
            records.append({name: one for name, one in entry.items() if name != "bases"})
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


def remove_entries(groups: list[Group]) -> None:
    """Remove all entries of paramsched from the groups; `initial_lr`, which is torch's, remains."""
    for group in groups:
        for key in [key for key in group if is_own(key)]:
            del group[key]


@final
class Entry(NamedTuple):
    """A plan with the bases that changed, and the update from which it was in force.

    Args:
        update: the first update of the plan.
        amount: the amount before that update; None on the clock of updates.
        text: the plan's canonical text; None if the plan has no text or is unknown.
        bases: the bases from that update on, by field and group, if they changed in the run.
    """

    update: int
    amount: float | None
    text: str | None
    bases: "Bases" = ()

    def as_data(self) -> list[Any]:
        """Return update, amount, text and, if bases have changed, these in a dict."""
        by_field: dict[str, dict[str, float]] = {}
        for (name, group), base in self.bases:
            by_field.setdefault(name, {})[group] = base
        return [self.update, self.amount, self.text, *([{"bases": by_field}] if by_field else [])]


Bases: TypeAlias = tuple[tuple[tuple[str, str], float], ...]
"""Pairs of a place, which is a field and the label of a group, and its base."""


@final
@dataclass(frozen=True, slots=True)
class History:
    """The plans of one run, the earliest first; consecutive plans have different texts.

    A job that resumes with another plan each time would add an entry to each of its checkpoints, without an end.
    Therefore only the first 10 and the last 90 plans are kept.

    >>> history = History((Entry(0, None, "a"),)).with_plan(Entry(8000, None, "b"))
    >>> history.as_data(), history.resumed_at(7000, None).as_data()
    ([[0, None, 'a'], [8000, None, 'b']], [[0, None, 'a'], [7000, None, 'b']])
    """

    entries: tuple[Entry, ...]

    def with_plan(self, new: Entry) -> "History":
        """Return the history with a new plan. Entries from its update on are dropped, because the run was rewound.

        Their bases remain in force.
        """
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        dropped = self.entries[len(kept) :]
        bases = _last_of((*dropped, new))
        if kept and kept[-1].text == new.text and not bases:
            return History(kept)
        return History(_bounded((*kept, new._replace(bases=tuple(bases.items())))))

    def with_bases(
        self, now: Entry, bases: Mapping[tuple[str, str], float], before: Mapping[tuple[str, str], float]
    ) -> "History":
        """Return the history of a run whose bases may change at the update of `now`, the last one of the history.

        Args:
            now: the plan in force.
            bases: the bases from that update on, by field and group.
            before: the bases that were replaced.
        """
        replaced = {**before, **_last_of(self.entries)}
        if not replaced:
            return self
        first, *rest = self.entries
        first = first._replace(bases=tuple({**before, **dict(first.bases)}.items()))
        kept = tuple(entry for entry in (first, *rest) if entry.update < now.update)
        known = _last_of(kept)
        new = tuple((at, bases[at]) for at in replaced if at in bases and known.get(at) != bases[at])
        if kept and kept[-1].text == now.text:
            return History(_bounded((*kept, now._replace(bases=new))) if new else kept)
        last = self.entries[-1]
        return History(_bounded((*kept, (last if last.update == now.update else now)._replace(bases=new))))

    def resumed_at(self, update: int, amount: float | None) -> "History":
        """Return the history of a run that resumes at an update, possibly an earlier one, with the current plan."""
        last = self.entries[-1]
        return self if last.update <= update else self.with_plan(last._replace(update=update, amount=amount))

    def as_data(self) -> list[list[Any]]:
        """Return a list for each entry."""
        return [entry.as_data() for entry in self.entries]


_FIRST, _LAST = 10, 90  # plans that a history keeps


def _bounded(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Leave out the middle of a long history; the bases that were changed there remain in force."""
    more = len(entries) - _FIRST - _LAST
    if more <= 0:
        return entries
    first, dropped, (after, *last) = entries[:_FIRST], entries[_FIRST:-_LAST], entries[-_LAST:]
    return (*first, after._replace(bases=tuple(_last_of((*dropped, after)).items())), *last)


def _last_of(entries: Iterable[Entry]) -> dict[tuple[str, str], float]:
    """Return the last base of each place in some entries."""
    return {place: base for entry in entries for place, base in entry.bases}


def mapping_in(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping in a state.

    Raises:
        StateError: it is not one.
    """
    if not isinstance(value, dict):
        raise StateError(f"state: {name} is {shown(value)}, not a mapping")
    return value


_DETAILS: Final = {"bases", "facts", "left_out"}
"""The details of an entry. 1.0.0rc6 wrote the last two, which nothing reads."""


def read_history(data: Any) -> History:
    """Validate the history in a scheduler's state."""
    if not isinstance(data, (list, tuple)) or not data:
        raise StateError(f"state: history is {shown(data)}, not a list of [update, amount, plan]")
    entries: list[Entry] = []
    for index, found in enumerate(data):
        if not isinstance(found, (list, tuple)) or len(found) not in (3, 4):
            raise StateError(f"state: history[{index}] is {shown(found)}, not [update, amount, plan]")
        update, amount, plan, *more = found
        if not is_count(update) or (entries and update <= entries[-1].update):
            raise StateError(f"state: history[{index}] has update {shown(update)}, which is not after the previous one")
        if amount is not None and not is_amount(amount):
            raise StateError(f"state: history[{index}] has amount {shown(amount)}, not a number of at least 0")
        if plan is not None and not isinstance(plan, str):
            raise StateError(f"state: the plan of history[{index}] is a {type(plan).__name__}, not a str")
        details = mapping_in(f"the fourth element of history[{index}]", more[0]) if more else {}
        if not details.keys() <= _DETAILS:
            raise StateError(f"state: history[{index}] has {shown(more[0])}, not bases")
        bases = _read_bases(index, details["bases"]) if "bases" in details else ()
        entries.append(Entry(update, amount, plan, bases))
    return History(_bounded(tuple(entries)))


def _read_bases(index: int, data: Any) -> Bases:
    """Read the bases of an entry of the history."""
    name = f"bases of history[{index}]"
    found = {
        (field, group): base
        for field, by_group in mapping_in(name, data).items()
        for group, base in mapping_in(name, by_group).items()
    }
    for base in found.values():
        if not is_finite_number(base):
            raise StateError(f"state: {name} has {shown(base)}, which is not a finite number")
    return tuple(found.items())


@final
@dataclass(frozen=True, slots=True)
class RunPosition:
    """The position of a run: the next update, the amount before it, and the reported consumption.

    `reported` is consumption that was reported and that no update has counted yet. Both amounts are None if the plan is
    by updates, or if they are unknown. `is_measured` is True if an engine measured all of `reported`.
    """

    t: int
    amount: Amount | None = None
    reported: Amount | None = None
    is_measured: bool = False

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes(self.t, self.amount)


@final
@dataclass(frozen=True, slots=True)
class SavedRun:
    """The run in a state that one of its optimizers has loaded, or had when another one loaded a state.

    Args:
        count: the update of the next step of the optimizer; None if its state has no count.
        position: the position of the run: at this update, or at the next one if the optimizer was behind.
        last_amount: the amount before the last update.
        feedback: the states of the metric rules, as in a record; None if they are unknown.
        history: the plans that were in force; None if the state has no record.
        is_loaded: False for the present run.
        replaced: pairs of (field, label of a group) and the base in the state, for which that of the code applies.
    """

    count: int | None
    position: RunPosition
    last_amount: Amount | None = None
    feedback: Mapping[str, dict[str, Any]] | None = None
    history: History | None = None
    is_loaded: bool = True
    replaced: tuple[tuple[tuple[str, str], float], ...] = ()

    def position_at(self, t: int) -> RunPosition:
        """Return the position at the update of the run, or at the previous one."""
        return self.position if self.position.t == t else RunPosition(t, self.last_amount)


class LoadedStates(Protocol):
    """The states that several optimizers have loaded since the last update of their run: `several.Loads`."""

    saved: dict[str, SavedRun]

    def counts(self, run: Any) -> dict[str, int]:
        """Return the count of each optimizer."""

    def forget(self, name: str) -> None:
        """Forget the state of an optimizer that has stepped."""

    def end(self, run: Any) -> None:
        """Warn of what differs in the checkpoints, before the next update."""


BEGIN: Final = RunPosition(0)
TORCH: Final = "torch scheduler"
"""The source of a position that is the count of a state of torch's schedulers."""


VERSION: Final = 5
"""The version of a record."""


def record_of_plan(in_force: ResolvedPlan) -> dict[str, Any]:
    """Return the part of a record that has the plan."""
    record = {"version": VERSION, "plan": in_force.plan.text, "facts": facts_as_data(in_force.facts)}
    return record | ({"optimizers": list(in_force.optimizers)} if in_force.optimizers else {})


def resume_position(
    in_force: ResolvedPlan, saved: RunPosition, whose: str, present: RunPosition | None = None
) -> RunPosition:
    """Return the position of a run that resumes with a plan.

    Args:
        in_force: the plan.
        saved: the position in the checkpoint; its amounts are None if the checkpoint has none on the plan's clock.
        whose: the name of the checkpoint, for messages.
        present: the present position, whose amount is used if it is at the same update.
    """
    unit = in_force.unit
    if unit is None:
        return RunPosition(saved.t)
    if saved.amount is not None:
        return replace(saved, amount=rounded_on(unit, saved.amount))
    if present is not None and present.t == saved.t and present.amount is not None:
        return RunPosition(saved.t, present.amount)
    try:
        return RunPosition(saved.t, in_force.amount_at(saved.t))
    except MissingFact:
        lacks, value = lacking_amount(unit)
        raise StateError(
            f"{whose} is at update {saved.t} and carries no {lacks}. Use ps.Scheduler(optimizer, plan) on an "
            f"optimizer without a count, then scheduler.seek({saved.t}, {unit}={value}), then load the checkpoint"
        ) from None
