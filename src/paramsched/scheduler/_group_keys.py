"""What a plan leaves in param groups, and which plans were in force since when.

Each group has the same entries whatever the plan is, and each is a number, a text or None:
`torch.distributed.checkpoint` loads exactly the entries that its template has. Of mappings it takes each entry by
itself, with `full_state_dict` of tuples and lists too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple, TypeAlias, final

from paramsched.errors import InvalidArgument, StateError, shown
from paramsched.fields import BASE, BASES, OURS, json_or_none, recorded_bases
from paramsched.plan import Plan
from paramsched.plan.run_amounts import Amount
from paramsched.time import Calendar
from paramsched.time.calendar import CLOCKS

Group: TypeAlias = dict[str, Any]

COUNT = f"{OURS}t"
PLAN = f"{OURS}plan"
AMOUNT = f"{OURS}amount"
"""What has been consumed before the coming update; None where the plan is by updates."""
CLOCK = f"{OURS}clock"
"""What the amount counts, as its index in `CLOCKS`; None where the plan is by updates."""
REPORTED = f"{OURS}said"
"""The count, and what the loop reported and no update has counted yet, in JSON; None where the plan is by updates.

Another count than that of the group shows that this entry was not loaded: the checkpoint is older and has no such entry
if nothing was reported. Otherwise its first group has the reported amount alone.
"""


def plan_number(plan: Plan, resolved: Plan) -> int:
    """The number of a plan in param groups; 0 for one that has no fingerprint.

    It is the plan's own where the plan says everything. Where a fact of the calendar went into its lengths it is that
    of the resolved plan, so that another `steps_per_epoch` is noticed by an optimizer's checkpoint too.
    """
    if not plan.serializable:
        return 0
    try:
        complete = plan.resolve(Calendar()).bindings == resolved.bindings
    except InvalidArgument:  # a unit, or a horizon, that only the calendar knows
        complete = False
    # 60 bits: they fit where a checkpoint keeps integers in 64.
    return int((plan if complete else resolved).fingerprint[:15], 16)


def count_carried(groups: list[Group]) -> int | None:
    """The count that groups carry: that of the first one that has any."""
    for index, group in enumerate(groups):
        if COUNT in group:
            _require_count(group[COUNT], index)
            count: int = group[COUNT]
            return count
    return None


def write_position_entries(
    groups: list[Group], count: int, plan: int, clock: str | None, amount: Amount | None, reported: Amount | None
) -> None:
    """Write into every group where the run is: the count, the number of the plan, and the amounts on its clock."""
    entries = {
        COUNT: count,
        PLAN: plan,
        AMOUNT: amount,
        CLOCK: None if clock is None else CLOCKS.index(clock),
        REPORTED: None if clock is None else json.dumps([count, reported]),
    }
    for group in groups:
        group.update(entries)


def write_base_entries(bases: Mapping[tuple[int, str], float], groups: list[Group]) -> None:
    """Write bases, by group and flat name of the field, beside those of fields of earlier plans."""
    found: list[dict[str, float]] = [{} for _ in groups]
    for (index, slot), base in bases.items():
        found[index][slot] = base
    for group, mine in zip(groups, found, strict=True):
        # Older checkpoints have an entry for each base, which counts; what someone spoiled is left out.
        old = {key: group.pop(key) for key in _keys_of_bases(group)}
        before = recorded_bases(group) | {key.removeprefix(BASE): base for key, base in old.items()}
        group[BASES] = json.dumps({slot: base for slot, base in before.items() if is_finite_number(base)} | mine)


def _keys_of_bases(group: Group) -> list[str]:
    """The entries of older checkpoints, one for each base."""
    return [key for key in group if isinstance(key, str) and key.startswith(BASE)]


def amount_carried(groups: list[Group], clock: str | None) -> tuple[Amount | None, Amount | None]:
    """The amount that groups carry on this clock, and what is still to be counted."""
    group = next((group for group in groups if COUNT in group), {})
    if clock is None or group.get(CLOCK) != CLOCKS.index(clock):
        return None, None
    found = group.get(REPORTED)
    at, reported = json.loads(found) if isinstance(found, str) else (group[COUNT], found)
    if at == group[COUNT]:
        return group.get(AMOUNT), reported
    # The checkpoint is older: if it is of a plan by updates, the amount is still that of the new optimizer.
    return group.get(AMOUNT) or None, None


def check_entries(groups: list[Group]) -> None:
    """Refuse groups whose entries of ours were spoiled."""
    for index, group in enumerate(groups):
        if COUNT in group:
            _require_count(group[COUNT], index)
        if PLAN in group and (isinstance(group[PLAN], bool) or not isinstance(group[PLAN], int)):
            raise StateError(f"param_groups[{index}][{PLAN!r}] is {group[PLAN]!r}, not the number of a plan")
        if group.get(CLOCK) is not None and group[CLOCK] not in range(len(CLOCKS)):
            raise StateError(f"param_groups[{index}][{CLOCK!r}] is {shown(group[CLOCK])}, not the number of a clock")
        reported = group.get(REPORTED)
        if isinstance(pair := json_or_none(reported), list) and len(pair) == 2:
            _require_count(pair[0], index, REPORTED)
            reported = pair[1]
        for key, amount in ((AMOUNT, group.get(AMOUNT)), (REPORTED, reported)):
            if amount is not None and not is_amount(amount):
                raise StateError(f"param_groups[{index}][{key!r}] is {shown(amount)}, not an amount")
        if BASES in group and not isinstance(json_or_none(group[BASES]), dict):
            raise StateError(f"param_groups[{index}][{BASES!r}] is {shown(group[BASES])}, not JSON text of the bases")
        old = [(key, group[key]) for key in _keys_of_bases(group)]
        for key, base in [*old, *((BASES, base) for base in recorded_bases(group).values())]:
            if not is_finite_number(base):
                raise StateError(f"param_groups[{index}][{key!r}] is {shown(base)}, not a finite number")


def _require_count(count: Any, index: int, key: str = COUNT) -> None:
    if not is_count(count):
        raise StateError(f"param_groups[{index}][{key!r}] is {shown(count)}, not a number of updates")


def is_count(value: Any) -> bool:
    """Whether a saved value is a number of updates."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def is_amount(value: Any) -> bool:
    """Whether a saved value is an amount: a number from 0 on."""
    return is_finite_number(value) and bool(0 <= value < 2**62)


def is_finite_number(value: Any) -> bool:
    """Whether a saved value is one: a float, or an integer that is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False


def remove_entries(groups: list[Group]) -> None:
    """Take every trace out again."""
    for group in groups:
        for key in [key for key in group if isinstance(key, str) and key.startswith(OURS)]:
            del group[key]


@final
class Entry(NamedTuple):
    """A plan and when it came into force.

    Args:
        amount: what had been consumed before that update; None on the clock of updates.
        text: the plan's canonical text; None for one that has none, or that nobody knows.
    """

    update: int
    amount: float | None
    text: str | None


@final
@dataclass(frozen=True, slots=True)
class History:
    """The plans of one run, the earliest first; each has another text than the one before it.

    >>> history = History.begun("a").entered(Entry(8000, None, "b"))
    >>> history.as_data(), history.resumed_at(7000, None).as_data()
    ([[0, None, 'a'], [8000, None, 'b']], [[0, None, 'a'], [7000, None, 'b']])
    """

    entries: tuple[Entry, ...]

    @staticmethod
    def starting_with(text: str | None, update: int = 0, amount: float | None = None) -> "History":
        return History((Entry(update, amount, text),))

    def with_plan(self, new: Entry) -> "History":
        """A plan comes into force; later entries are of a run that went on differently."""
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        if kept and kept[-1].text == new.text:
            return History(kept)
        return History((*kept, new))

    def with_plan_after_unknown(self, new: Entry) -> "History":
        """The same where the plan before is another, unknown one."""
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        if kept and kept[-1].text == new.text:
            kept = (*kept[:-1], kept[-1]._replace(text=None))
        before = History(kept) if kept else History.starting_with(None, 0, None if new.amount is None else 0)
        return before if new.update == 0 else before.with_plan(new)

    def resumed_at(self, update: int, amount: float | None) -> "History":
        """The run goes on from an update, maybe an earlier one, with the present plan."""
        last = self.entries[-1]
        return self if last.update <= update else self.with_plan(Entry(update, amount, last.text))

    def as_data(self) -> list[list[Any]]:
        """Lists of update, amount and text, for a state."""
        return [list(entry) for entry in self.entries]


def read_history(data: Any, text: str | None) -> History:
    """Check the history of a state whose plan has this text."""
    if not isinstance(data, (list, tuple)) or not data:
        raise StateError(f"state: history is {shown(data)}, not a list of [update, amount, plan]")
    entries: list[Entry] = []
    for index, found in enumerate(data):
        if not isinstance(found, (list, tuple)) or len(found) != 3:
            raise StateError(f"state: history[{index}] is {shown(found)}, not [update, amount, plan]")
        update, amount, plan = found
        if not is_count(update) or (entries and update <= entries[-1].update):
            raise StateError(f"state: history[{index}] is of update {shown(update)}, not a later one")
        if amount is not None and not is_amount(amount):
            raise StateError(f"state: history[{index}] is of amount {shown(amount)}, not a number from 0 on")
        if plan is not None and not isinstance(plan, str):
            raise StateError(f"state: the plan of history[{index}] is a {type(plan).__name__}, not text")
        entries.append(Entry(update, amount, plan))
    if entries[-1].text != text:
        raise StateError("state: history ends with another plan than that of the state")
    return History(tuple(entries))
