"""The entries that a plan stores in param groups, and the history of the plans in force.

Each group has the same entries for every plan, and each entry is a number, a string or None, because
`torch.distributed.checkpoint` loads exactly the entries of the state dict into which it loads. It loads each entry of a
mapping separately; with `full_state_dict` also each item of a tuple or list.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple, TypeAlias, final

from paramsched.core.fields import BASES, OURS, json_or_none, recorded_bases
from paramsched.core.plan.note import Note, is_note
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.time.amounts import largest_on
from paramsched.core.time.calendar import CLOCKS
from paramsched.errors import StateError, shown

Group: TypeAlias = dict[str, Any]

COUNT = f"{OURS}t"
PLAN = f"{OURS}plan"
NO_PLAN = -1
"""The number in place of a plan's, while an optimizer has values from before the first update of its plan."""
AMOUNT = f"{OURS}amount"
"""The amount before the next update; None if the plan is by updates."""
CLOCK = f"{OURS}clock"
"""The clock of the amount, as its index in `CLOCKS`; None if the plan is by updates."""
REPORTED = f"{OURS}said"
"""A JSON list of the count, the reported consumption that no update has counted yet, True if an engine measured it, and
the number of samples before the next update; None if the plan is by updates and the sizes of its batches are unknown.

If the count in this list differs from that of the group, updates have followed since the list was written.
"""


def count_carried(groups: list[Group]) -> int | None:
    """Return the count of updates in the first group that contains one; None if no group does."""
    for index, group in enumerate(groups):
        if COUNT in group:
            _require_count(group[COUNT], index)
            count: int = group[COUNT]
            return count
    return None


def write_position_entries(
    groups: list[Group],
    count: int,
    plan: int,
    clock: str | None,
    amount: Amount | None,
    reported: Amount | None,
    *,
    is_measured: bool,
    samples: int | None = None,
) -> None:
    """Write the position of the run into every group: the count, the number of the plan, and the amounts."""
    unit = None if clock is None else CLOCKS.index(clock)
    parts = [count, reported] + [True] * is_measured if samples is None else [count, reported, is_measured, samples]
    said = None if clock is None and samples is None else json.dumps(parts)
    entries = {COUNT: count, PLAN: plan, AMOUNT: amount, CLOCK: unit, REPORTED: said}
    for group in groups:
        group.update(entries)


INITIAL_LR = "initial_lr"
"""The entry from which torch's schedulers read the base of lr."""


def write_base_entries(bases: Mapping[tuple[int, str], float], groups: list[Group]) -> None:
    """Write bases, a dict from (group index, flat field name) to base. Groups keep the bases of other fields.

    The base of lr is also the entry `initial_lr`, so that torch's schedulers can continue a run without the library.
    """
    found: list[dict[str, float]] = [{} for _ in groups]
    for (index, slot), base in bases.items():
        found[index][slot] = base
    for group, mine in zip(groups, found, strict=True):
        group[BASES] = json.dumps(recorded_bases(group) | mine)
        if "lr" in mine:
            group[INITIAL_LR] = mine["lr"]


def check_entries(groups: list[Group]) -> None:
    """Raise StateError if an entry of paramsched in a group is invalid."""
    for index, group in enumerate(groups):
        if COUNT in group:
            _require_count(group[COUNT], index)
        if PLAN in group and (isinstance(group[PLAN], bool) or not isinstance(group[PLAN], int)):
            raise StateError(f"param_groups[{index}][{PLAN!r}] is {group[PLAN]!r}, not the number of a plan")
        clock = group.get(CLOCK)
        if clock is not None and not (is_count(clock) and clock < len(CLOCKS)):
            raise StateError(f"param_groups[{index}][{CLOCK!r}] is {shown(clock)}, not the number of a clock")
        reported = group.get(REPORTED)
        if isinstance(parts := json_or_none(reported), list) and len(parts) >= 2 and _may_end(*parts[2:]):
            _require_count(parts[0], index, REPORTED)
            reported = parts[1]
        for key, amount in ((AMOUNT, group.get(AMOUNT)), (REPORTED, reported)):
            if amount is not None and not is_amount(amount, None if clock is None else CLOCKS[clock]):
                raise StateError(f"param_groups[{index}][{key!r}] is {shown(amount)}, not an amount")
        if BASES in group and not isinstance(json_or_none(group[BASES]), dict):
            raise StateError(f"param_groups[{index}][{BASES!r}] is {shown(group[BASES])}, not JSON text of the bases")
        for base in recorded_bases(group).values():
            if not is_finite_number(base):
                raise StateError(f"param_groups[{index}][{BASES!r}] is {shown(base)}, not a finite number")


def _may_end(*rest: Any) -> bool:
    """Return whether a list of `REPORTED` may have these items after the amount."""
    is_measured, *samples = rest or [True]
    return (
        is_measured is True if not samples else isinstance(is_measured, bool) and list(map(is_count, samples)) == [True]
    )


def _require_count(count: Any, index: int, key: str = COUNT) -> None:
    if not is_count(count):
        raise StateError(f"param_groups[{index}][{key!r}] is {shown(count)}, not a number of updates")


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
        for key in [key for key in group if isinstance(key, str) and key.startswith(OURS)]:
            del group[key]


@final
class Entry(NamedTuple):
    """A plan with the bases that changed, and the update from which it was in force.

    Args:
        update: the first update of the plan.
        amount: the amount before that update; None on the clock of updates.
        text: the plan's canonical text; None if the plan has no text or is unknown.
        note: the note of the plan's file.
        bases: the bases from that update on, by field and group, if they changed in the run.
    """

    update: int
    amount: float | None
    text: str | None
    note: Note | None = None
    bases: "Bases" = ()

    @property
    def details(self) -> dict[str, Any]:
        """The note and the bases as a dict; empty if there are none."""
        by_field: dict[str, dict[str, float]] = {}
        for (field, group), base in self.bases:
            by_field.setdefault(field, {})[group] = base
        return dict(self.note or {}) | ({"bases": by_field} if by_field else {})


Bases: TypeAlias = tuple[tuple[tuple[str, str], float], ...]
"""Pairs of a place, which is a field and the label of a group, and its base."""


@final
@dataclass(frozen=True, slots=True)
class History:
    """The plans of one run, the earliest first; consecutive plans have different texts.

    >>> history = History.starting_with("a").with_plan(Entry(8000, None, "b"))
    >>> history.as_data(), history.resumed_at(7000, None).as_data()
    ([[0, None, 'a'], [8000, None, 'b']], [[0, None, 'a'], [7000, None, 'b']])
    """

    entries: tuple[Entry, ...]

    @staticmethod
    def starting_with(text: str | None, amount: float | None = None) -> "History":
        return History((Entry(0, amount, text),))

    def with_plan(self, new: Entry) -> "History":
        """Return the history with a new plan. Entries from its update on are dropped, because the run was rewound.

        Their bases remain in force.
        """
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        bases = _last_of((*self.entries[len(kept) :], new))
        if kept and kept[-1].text == new.text and not bases:
            return History(kept)
        return History((*kept, new._replace(bases=tuple(bases.items()))))

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
            return History((*kept, now._replace(note=None, bases=new)) if new else kept)
        last = self.entries[-1]
        return History((*kept, (last if last.update == now.update else now)._replace(bases=new)))

    def with_plan_after_unknown(self, new: Entry) -> "History":
        """Return the history with a new plan that replaces a different plan, of which only the number is known."""
        kept = tuple(entry for entry in self.entries if entry.update < new.update)
        if kept and kept[-1].text == new.text:
            kept = (*kept[:-1], kept[-1]._replace(text=None, note=None))
        before = History(kept) if kept else History.starting_with(None, None if new.amount is None else 0)
        return before.with_plan(new)

    def resumed_at(self, update: int, amount: float | None) -> "History":
        """Return the history of a run that resumes at an update, possibly an earlier one, with the current plan."""
        last = self.entries[-1]
        return self if last.update <= update else self.with_plan(last._replace(update=update, amount=amount))

    def as_data(self) -> list[list[Any]]:
        """Return lists of update, amount, text and, if there are any, the note and changed bases as a dict."""
        return [[*entry[:3], *([entry.details] if entry.details else [])] for entry in self.entries]

    def as_state(self) -> list[list[Any]]:
        """Return the lists as a state contains them, with tuples of pairs in place of mappings."""
        return [[*entry[:3], *map(_as_pairs, entry[3:])] for entry in self.as_data()]


def _last_of(entries: Iterable[Entry]) -> dict[tuple[str, str], float]:
    """Return the last base of each place in some entries."""
    return {place: base for entry in entries for place, base in entry.bases}


def _as_pairs(value: Any) -> Any:
    return tuple((key, _as_pairs(one)) for key, one in value.items()) if isinstance(value, Mapping) else value


def read_pairs(name: str, value: Any) -> dict[str, Any]:
    """Read the pairs of name and value in a state."""
    if not isinstance(value, (tuple, list)):
        raise StateError(f"state: {name} is {shown(value)}, not pairs of name and value")
    found: dict[str, Any] = {}
    for pair in value:
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], str)) or pair[0] in found:
            raise StateError(f"state: {name} has {shown(pair)}, not a pair of a unique name and a value")
        found[pair[0]] = pair[1]
    return found


def read_history(data: Any) -> History:
    """Validate the history in a scheduler's state."""
    if not isinstance(data, (list, tuple)) or not data:
        raise StateError(f"state: history is {shown(data)}, not a list of [update, amount, plan]")
    entries: list[Entry] = []
    for index, found in enumerate(data):
        if not isinstance(found, (list, tuple)) or len(found) not in (3, 4):
            raise StateError(f"state: history[{index}] is {shown(found)}, not [update, amount, plan]")
        update, amount, plan, *note = found
        if not is_count(update) or (entries and update <= entries[-1].update):
            raise StateError(f"state: history[{index}] has update {shown(update)}, which is not after the previous one")
        if amount is not None and not is_amount(amount):
            raise StateError(f"state: history[{index}] has amount {shown(amount)}, not a number of at least 0")
        if plan is not None and not isinstance(plan, str):
            raise StateError(f"state: the plan of history[{index}] is a {type(plan).__name__}, not a str")
        details = read_pairs(f"the note of history[{index}]", note[0]) if note else {}
        bases = _read_bases(index, details.pop("bases")) if "bases" in details else ()
        if not is_note(details) and (details or (note and not bases)):
            raise StateError(
                f"state: the note of history[{index}] is {shown(note[0])}, not texts for who, when and why"
            )
        entries.append(Entry(update, amount, plan, details or None, bases))
    return History(tuple(entries))


def _read_bases(index: int, given: Any) -> Bases:
    """Read the bases of an entry of the history."""
    name = f"bases of history[{index}]"
    found = {
        (field, group): base
        for field, by_group in read_pairs(name, given).items()
        for group, base in read_pairs(name, by_group).items()
    }
    for base in found.values():
        if not is_finite_number(base):
            raise StateError(f"state: {name} has {shown(base)}, which is not a finite number")
    return tuple(found.items())
