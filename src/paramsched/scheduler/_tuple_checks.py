"""Tuples of which one element is scheduled, such as `betas`: someone may have made another thing of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from paramsched.errors import StateError
from paramsched.fields import label
from paramsched.scheduler._float_slots import FloatSlots
from paramsched.scheduler._group_keys import Group


class ScheduledTuples(NamedTuple):
    """Tuples of one length under one key, and the element that is scheduled in each."""

    key: str
    element: int
    size: int
    indices: list[int]  # of the groups
    groups: list[Group]

    @staticmethod
    def all_in(fields: Sequence[FloatSlots]) -> "tuple[ScheduledTuples, ...]":
        """The scheduled tuples of these fields; those of several lengths are left out."""
        found = []
        for one in fields:
            key, element = one.field.key, one.field.index
            sizes = set() if element is None else {len(group[key]) for group in one.groups}
            if element is not None and len(sizes) == 1:
                found.append(ScheduledTuples(key, element, sizes.pop(), one.indices, one.groups))
        return tuple(found)

    def any_spoiled(self) -> bool:
        """Whether one of them is no tuple of this length any more, or has no float where it had one."""
        key, element, size = self.key, self.element, self.size
        for group in self.groups:
            entry = group[key]
            if len(entry) != size or entry[element].__class__ is not float:
                return True
        return False

    def require_lengths(self, groups: Sequence[Group]) -> None:
        """Refuse groups in which a tuple has lost an element or gained one: the wrong element would be written.

        Raises:
            StateError: with the group.
        """
        for index in self.indices:
            entry: Any = groups[index].get(self.key) if index < len(groups) else None
            if isinstance(entry, (tuple, list)) and len(entry) != self.size:
                name = label(groups[index], index)
                raise StateError(f"{self.key} of group {name!r} is {entry!r}: it had {self.size} elements before")
