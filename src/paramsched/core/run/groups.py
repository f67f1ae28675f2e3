"""The groups of an optimizer: as they were bound, and the bases that they have in the code."""

from collections.abc import Callable, Mapping
from operator import is_
from typing import Any, final

from paramsched.core.groups.fields import RECORD, entry_of
from paramsched.core.plan.lines import BoundLine, GroupValues, bases_of
from paramsched.core.run.group_entries import COUNT, GroupDict
from paramsched.core.run.messages import values as messages
from paramsched.core.run.value_table import LR, ValueTable, initial_value


@final
class BoundGroups:
    """The groups of an optimizer, the same dicts in the same order, and marks of the last write into the first one.

    Attributes:
        groups: the dicts; none if the optimizer must be bound again before the next update.
        first: the first one.
        record: its entry with the bases.
        lr_key: the key of its lr; that of the count if it has none.
        first_lr: the lr that the plan wrote, because torch's distributed checkpoint temporarily writes another one.

    Args:
        groups: the groups, in which the values and the count are written already.
    """

    record = ""
    first_lr: Any = None

    def __init__(self, groups: list[GroupDict]) -> None:
        self.groups = list(groups)
        self.first: GroupDict = groups[0] if groups else {}
        self.lr_key = "lr" if "lr" in self.first else COUNT

    def __bool__(self) -> bool:
        return bool(self.groups)

    def mark(self) -> None:
        """Note what was written into the first group."""
        self.record = self.first[RECORD]
        self.first_lr = self.first[self.lr_key]

    def are_unchanged(self, groups: list[GroupDict], t: int) -> bool:
        """Return whether some groups are the bound ones, and the entries of the first one are those of update `t`.

        Scheduled fields are not compared, because the writes detect external ones. Runs at every update.
        """
        first = groups[0]
        return (
            first[COUNT] is t
            and first[RECORD] is self.record
            and first[self.lr_key] is self.first_lr
            and groups == self.groups  # compares only addresses if the dicts are the same
        )

    def has_own_lr(self, groups: list[GroupDict]) -> bool:
        """Return whether the lr of the first group is the object that the plan wrote."""
        return not groups or groups[0].get(self.lr_key) is self.first_lr

    def differ_from(self, groups: list[GroupDict]) -> bool:
        """Return whether some groups are not the bound dicts themselves; equal copies count as changed."""
        return len(groups) != len(self.groups) or not all(map(is_, groups, self.groups))

    def are_replaced(self, groups: list[GroupDict], t: int) -> bool:
        """Return whether other code changed the count or the record in the first group, such as a checkpoint."""
        first = groups[0]
        count = first.get(COUNT)
        record = first.get(RECORD)
        if count is t and record is self.record:
            return False
        is_bound = bool(self.groups) and first is self.groups[0]
        return is_bound and not (isinstance(count, int) and count == t and record == self.record)

    def have_state(self, groups: list[GroupDict]) -> bool:
        """Return whether other code wrote the state of a checkpoint into some groups: a live record has no position."""
        if groups[0].get(RECORD) is self.record:
            return False
        return any("t" in entry for group in groups if isinstance(entry := entry_of(group), dict))

    def are_counted_at(self, t: int) -> bool:
        """Return whether an update is under way: the entry of the first group is written last."""
        return self.first.get(COUNT) == t - 1 and self.first.get(RECORD) is self.record

    def require(self, groups: list[GroupDict], table: ValueTable) -> None:
        """Raise if there are no groups, or if a tuple such as `betas` has another length than when it was bound."""
        if not groups:
            raise messages.no_groups()
        if table.tuples:
            bound = {id(group) for group in self.groups}
            table.require_lengths([group if id(group) in bound else {} for group in groups])

    def write_count(self, t: int) -> None:
        """Write the count into every group; an update writes it into the first group only."""
        for group in self.groups:
            group[COUNT] = t


@final
class CodeBases:
    """The bases of the code, which those of a checkpoint may replace.

    Attributes:
        values: the bases, by group index and flat field name.
        initial: by id, the groups whose `initial_lr` is of an earlier scheduler, or of the code.
        has_added: False if a callback adds groups with the lr of an update, which is not a base.
    """

    has_added = True

    def __init__(self) -> None:
        self.values: GroupValues = {}
        self.initial: dict[int, GroupDict] = {}

    def note_initial(self, groups: list[GroupDict]) -> None:
        """Note the groups with an initial value, before their entries are written."""
        self.initial = {
            id(group): group for group in groups if id(group) in self.initial or initial_value(LR, group) is not None
        }

    def rebind(
        self, bound: list[GroupDict], groups: list[GroupDict], lines: Callable[[], tuple[BoundLine, ...]]
    ) -> None:
        """Note the bases of groups that were added, and the present indices of the others.

        Args:
            bound: the groups that were bound.
            groups: those that replace them.
            lines: returns the lines of the plan in these.
        """
        before = {id(group): index for index, group in enumerate(bound)}
        of_group: dict[int, dict[str, float]] = {}
        for (index, slot), base in self.values.items():
            of_group.setdefault(index, {})[slot] = base
        values: dict[tuple[int, str], float] = {}
        added: set[int] = set()
        for index, group in enumerate(groups):
            earlier = before.get(id(group), index if COUNT in group else None)
            if earlier is None:
                added.add(index)
            else:
                values |= {(index, slot): base for slot, base in of_group.get(earlier, {}).items()}
        if added and self.has_added:
            values |= {place: base for place, base in bases_of(lines()).items() if place[0] in added}
        self.values = values

    def add(self, bases: Mapping[tuple[int, str], float], places: set[tuple[int, str]]) -> None:
        """Note the bases of some places that have none so far."""
        self.values = {**self.values, **{place: bases[place] for place in places & bases.keys()}}
