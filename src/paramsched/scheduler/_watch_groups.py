"""Watching groups: whether they are still as the last update left them, or others came, went or were changed."""

from operator import is_
from typing import Any, final

from paramsched.errors import StateError
from paramsched.scheduler._clock import Clock
from paramsched.scheduler._group_keys import COUNT, PLAN, Group
from paramsched.scheduler._tuple_checks import ScheduledTuples
from paramsched.scheduler._value_block import ValueBlock


@final
class GroupWatch:
    """The groups of one optimizer as they were bound, and what the first of them was left with.

    What others wrote into a scheduled field is not looked for here: the writers see it on their way.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bound: list[Group] = []
        self.first: Group = {}
        self.number = 0  # of the plan in force
        # Torch's distributed checkpoint puts an lr of its own into the groups: so this is looked at too.
        self.first_lr: Any = None
        self.lr_key = COUNT  # "lr" where the first group has it
        self._tuples: tuple[ScheduledTuples, ...] = ()

    def bind(self, groups: list[Group], block: ValueBlock, number: int) -> None:
        """Take these groups, as they are now, for those that are written."""
        self.bound, self.first, self.number = list(groups), groups[0], number
        self.lr_key = "lr" if "lr" in groups[0] else COUNT
        self._tuples = ScheduledTuples.all_in(block.floats)
        self.first_lr = self.first[self.lr_key]

    def as_left(self, optimizer: Any) -> bool:
        """Whether the groups are those that were bound, and the first holds what it was left with. At every update.

        False too where the amount of the coming update has to be looked at.
        """
        try:
            groups = optimizer.param_groups
            first = groups[0]
            return (
                first[COUNT] is self.clock.t
                and first[PLAN] is self.number
                and first[self.lr_key] is self.first_lr
                and groups == self.bound  # of the same dicts this compares nothing but addresses
                and not self.clock.unsettled
                and not (self._tuples and self.any_tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is gone, or tensors of unlike shapes stand where others stood

    def any_change(self, groups: list[Group]) -> bool:
        """The same without haste: equal copies are seen too, and a field that others wrote is no change.

        Raises:
            StateError: there are no groups left, or a tuple has lost an element or gained one.
        """
        self.require_groups(groups, self.bound)
        changed = self.entries_replaced(groups) or self.groups_changed(groups)
        return changed or (bool(self._tuples) and self.any_tuple_spoiled())

    def groups_changed(self, groups: list[Group]) -> bool:
        """Whether they are other dicts than those that were bound, equal ones too."""
        return len(groups) != len(self.bound) or not all(map(is_, groups, self.bound))

    def entries_replaced(self, groups: list[Group]) -> bool:
        """Whether someone put other entries of ours into the first group, say those of a checkpoint."""
        first = groups[0]
        count, number = first.get(COUNT), first.get(PLAN)
        ours = bool(self.bound) and first is self.bound[0]
        return ours and not (equals_number(count, self.clock.t) and equals_number(number, self.number))

    def any_tuple_spoiled(self) -> bool:
        """Whether one of the tuples of which an element is scheduled is another thing now."""
        try:
            for tuples in self._tuples:
                if tuples.any_spoiled():
                    return True
        except (LookupError, TypeError):
            return True
        return False

    def require_groups(self, groups: list[Group], bound: list[Group]) -> None:
        """Refuse groups that are gone, and tuples that have lost an element or gained one."""
        if not groups:
            raise StateError("optimizer.param_groups is empty: the groups that the plan writes have been taken out")
        if self._tuples:
            ours = {id(group) for group in bound}
            self.require_lengths([group if id(group) in ours else {} for group in groups])

    def require_lengths(self, groups: list[Group]) -> None:
        """Refuse groups, of a checkpoint say, in which a tuple is longer or shorter than it was when it was bound."""
        for tuples in self._tuples:
            tuples.require_lengths(groups)


def equals_number(found: Any, number: int) -> bool:
    """Whether an entry is that number; it may be anything.

    >>> equals_number(3, 3), equals_number(3.0, 3), equals_number("three", 3)
    (True, False, False)
    """
    return isinstance(found, int) and found == number
