"""The entries that a plan stores in param groups, and the history of the plans in force.

Each group has two entries, the same ones for every plan, because `torch.distributed.checkpoint` and torch's flattened
states load exactly the entries of the groups into which they load:

- `paramsched`: a JSON object. In every group it has the bases of this group, so that groups can be removed, reordered
  and sharded; in the first group also the record of the run (see `saved_state`). In the live groups the record has only
  what stays the same between two bindings (the plan and its run facts); `state_dict()` returns it complete.
- `paramsched_t`: the number of completed updates. An update writes it into the first group.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple, TypeAlias, final

from paramsched.core.fields import RECORD, entry_of, is_own, recorded_bases
from paramsched.core.plan.extras import Note, is_note
from paramsched.core.time.amounts import largest_on
from paramsched.errors import StateError, shown

Group: TypeAlias = dict[str, Any]

COUNT = f"{RECORD}_t"
INITIAL_LR = "initial_lr"
"""The entry from which torch's schedulers read the base of lr."""


def count_carried(groups: list[Group]) -> int | None:
    """Return the count of updates in the first group that contains one; None if no group does."""
    return next((group[COUNT] for group in groups if COUNT in group), None)


def joined(record: str, more: Mapping[str, Any]) -> str:
    """Return a JSON object with further entries; the text of a plan may be long, so it is not written again.

    >>> joined("", {"bases": {"lr": 0.1}}), joined('{"version": 3}', {"bases": {"lr": 0.1}})
    ('{"bases": {"lr": 0.1}}', '{"version": 3, "bases": {"lr": 0.1}}')
    """
    text = json.dumps(more)
    return f"{record[:-1]}, {text[1:]}" if record else text


def write_entries(bases: Mapping[tuple[int, str], float], groups: list[Group], record: str, count: int) -> None:
    """Write bases, a dict from (group index, flat field name) to base, and the record of the run into its first group.

    Groups keep the bases of other fields. The base of lr is also the entry `initial_lr`, so that torch's schedulers can
    continue a run without the library.
    """
    found: list[dict[str, float]] = [{} for _ in groups]
    for (index, slot), base in bases.items():
        found[index][slot] = base
    for index, (group, mine) in enumerate(zip(groups, found, strict=True)):
        group[RECORD] = joined("" if index else record, {"bases": recorded_bases(group) | mine})
        group[COUNT] = count
        if "lr" in mine:
            group[INITIAL_LR] = mine["lr"]


def note_bases(bases: Mapping[tuple[int, str], float], groups: list[Group]) -> None:
    """Record bases in groups without an entry of paramsched; an initial value takes precedence, as at a start."""
    for index, group in enumerate(groups):
        mine = {slot: group.get(f"initial_{slot}", base) for (at, slot), base in bases.items() if at == index}
        if mine and not any(map(is_own, group)):
            group[RECORD] = joined("", {"bases": mine})


def read_entries(groups: list[Group]) -> tuple[dict[str, Any] | None, dict[tuple[int, str], float]]:
    """Return the record of the run in these groups, or None, and the bases by (group index, flat field name).

    Raises:
        StateError: an entry of paramsched in a group is invalid.
    """
    records: list[dict[str, Any]] = []
    bases: dict[tuple[int, str], float] = {}
    for index, group in enumerate(groups):
        if COUNT in group and not is_count(group[COUNT]):
            raise StateError(f"param_groups[{index}][{COUNT!r}] is {shown(group[COUNT])}, not a number of updates")
        if group.get(RECORD) is None:
            continue
        where = f"param_groups[{index}][{RECORD!r}]"
        found = entry_of(group)
        if not isinstance(found, dict) or not isinstance(found.get("bases"), dict):
            raise StateError(f"{where} is {shown(group[RECORD])}, not the record of a run: the checkpoint is damaged")
        for base in found["bases"].values():
            if not is_finite_number(base):
                raise StateError(f"{where} has the base {shown(base)}, not a finite number")
        bases |= {(index, slot): base for slot, base in found["bases"].items()}
        if len(found) > 1:
            records.append({name: one for name, one in found.items() if name != "bases"})
    return records[0] if records else None, bases


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
        note: the note of the plan's file.
        bases: the bases from that update on, by field and group, if they changed in the run.
        facts: the run facts that resolve the plan; empty if it needs none.
    """

    update: int
    amount: float | None
    text: str | None
    note: Note | None = None
    bases: "Bases" = ()
    facts: tuple[tuple[str, Any], ...] = ()

    @property
    def details(self) -> dict[str, Any]:
        """The note and the bases as a dict; empty if there are none."""
        by_field: dict[str, dict[str, float]] = {}
        for (field, group), base in self.bases:
            by_field.setdefault(field, {})[group] = base
        facts = {"facts": dict(self.facts)} if self.facts else {}
        return dict(self.note or {}) | ({"bases": by_field} if by_field else {}) | facts

    def has_plan_of(self, other: "Entry") -> bool:
        """Return whether another entry has the same plan with the same facts."""
        return (self.text, self.facts) == (other.text, other.facts)


Bases: TypeAlias = tuple[tuple[tuple[str, str], float], ...]
"""Pairs of a place, which is a field and the label of a group, and its base."""


@final
@dataclass(frozen=True, slots=True)
class History:
    """The plans of one run, the earliest first; consecutive plans have different texts.

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
        bases = _last_of((*self.entries[len(kept) :], new))
        if kept and kept[-1].has_plan_of(new) and not bases:
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
        if kept and kept[-1].has_plan_of(now):
            return History((*kept, now._replace(note=None, bases=new)) if new else kept)
        last = self.entries[-1]
        return History((*kept, (last if last.update == now.update else now)._replace(bases=new)))

    def resumed_at(self, update: int, amount: float | None) -> "History":
        """Return the history of a run that resumes at an update, possibly an earlier one, with the current plan."""
        last = self.entries[-1]
        return self if last.update <= update else self.with_plan(last._replace(update=update, amount=amount))

    def as_data(self) -> list[list[Any]]:
        """Return lists of update, amount, text and, if there are any, the note, changed bases and facts as a dict."""
        return [[*entry[:3], *([entry.details] if entry.details else [])] for entry in self.entries]


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
        details = dict(mapping_in(f"the note of history[{index}]", note[0])) if note else {}
        bases = _read_bases(index, details.pop("bases")) if "bases" in details else ()
        given = details.pop("facts", {})
        facts = tuple(mapping_in(f"the facts of history[{index}]", given).items())
        if not is_note(details) and (details or (note and not bases and not facts)):
            raise StateError(
                f"state: the note of history[{index}] is {shown(note[0])}, not texts for who, when and why"
            )
        entries.append(Entry(update, amount, plan, details or None, bases, facts))
    return History(tuple(entries))


def _read_bases(index: int, given: Any) -> Bases:
    """Read the bases of an entry of the history."""
    name = f"bases of history[{index}]"
    found = {
        (field, group): base
        for field, by_group in mapping_in(name, given).items()
        for group, base in mapping_in(name, by_group).items()
    }
    for base in found.values():
        if not is_finite_number(base):
            raise StateError(f"state: {name} has {shown(base)}, which is not a finite number")
    return tuple(found.items())
