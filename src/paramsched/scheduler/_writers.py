"""The innermost loops: each writes one field's values of one update into the groups, as cheaply as Python can.

A writer is made for a block of coming entries and the groups that take them. Each call writes the next entry. On its
way it looks whether every group still holds what was written last, and notes what differs: `Overwritten`. The loop is
chosen once, when the block is computed. Which one is quickest is measured in benchmarks/test_step.py.

The loops are alike, and each is written out: a call or a test inside a loop would cost as much as the write.
What looks odd here saves time, and is measured. `for value in coming: …; return` takes one entry in 10 ns, where
`next(coming)` takes 50. What the inner loop reads is copied from the closure first: that saves 2 ns a group.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import torch

from paramsched.fields import Field
from paramsched.scheduler._group_keys import Group

Write: TypeAlias = Callable[[], None]
"""Writes the next entry of a block; StopIteration where the block is used up, before anything is written."""

Overwritten: TypeAlias = list[tuple[Field, Group, Any, Any]]
"""What someone else wrote: field, group, what was found there, and what we had written (another object)."""


def write_row(field: Field, groups: Sequence[Group], values: Sequence[float]) -> None:
    """Write a value into each group, whatever is there."""
    key, index = field.key, field.index
    if index is None:
        for group, value in zip(groups, values):  # noqa: B905  # `strict=` costs 0.1 µs per update
            group[key] = value
    else:
        for group, value in zip(groups, values):  # noqa: B905  # as above
            group[key] = with_element(group[key], index, value)


def same_writer(
    field: Field, groups: list[Group], values: list[float], overwritten: Overwritten, *, pair: bool = False
) -> Write:
    """One value for all groups; `pair` where each group's entry is a tuple of two, which is quicker to make anew.

    The first of the values is in the groups already.
    """
    key, index, coming = field.key, field.index, iter(values)
    last = next(coming)
    if index is None:

        def write() -> None:
            nonlocal last
            for value in coming:
                before = last
                for group in groups:
                    if group[key] is not before:
                        overwritten.append((field, group, group[key], before))
                    group[key] = value
                last = value
                return
            raise StopIteration

    elif pair and index == 0:

        def write() -> None:
            nonlocal last
            for value in coming:
                before = last
                for group in groups:
                    found, second = group[key]
                    if found is not before:
                        overwritten.append((field, group, found, before))
                    group[key] = (value, second)
                last = value
                return
            raise StopIteration

    elif pair:

        def write() -> None:
            nonlocal last
            for value in coming:
                before = last
                for group in groups:
                    first, found = group[key]
                    if found is not before:
                        overwritten.append((field, group, found, before))
                    group[key] = (first, value)
                last = value
                return
            raise StopIteration

    else:
        after = index + 1

        def write() -> None:
            nonlocal last
            for value in coming:
                before = last
                for group in groups:
                    entry = group[key]
                    if entry[index] is not before:
                        overwritten.append((field, group, entry[index], before))
                    group[key] = (*entry[:index], value, *entry[after:])
                last = value
                return
            raise StopIteration

    return write


def scaled_writer(
    field: Field,
    groups: list[Group],
    bases: list[float],
    factors: list[float],
    overwritten: Overwritten,
    *,
    pair: bool = False,
) -> Write:
    """One factor for all groups, each with its own base.

    Python uses the memory of the float that the group drops for the product: quicker than a row made before. The first
    of the factors is in the groups already. What stands there is compared with the same product, computed again.
    """
    key, index, coming = field.key, field.index, iter(factors)
    with_base = list(zip(groups, bases, strict=True))  # quicker to walk than a zip made anew
    last = next(coming)
    if index is None:

        def write() -> None:
            nonlocal last
            for factor in coming:
                before = last
                for group, base in with_base:
                    if group[key] != base * before:
                        overwritten.append((field, group, group[key], base * before))
                    group[key] = base * factor
                last = factor
                return
            raise StopIteration

    elif pair and index == 0:

        def write() -> None:
            nonlocal last
            for factor in coming:
                before = last
                for group, base in with_base:
                    found, second = group[key]
                    if found != base * before:
                        overwritten.append((field, group, found, base * before))
                    group[key] = (base * factor, second)
                last = factor
                return
            raise StopIteration

    elif pair:

        def write() -> None:
            nonlocal last
            for factor in coming:
                before = last
                for group, base in with_base:
                    first, found = group[key]
                    if found != base * before:
                        overwritten.append((field, group, found, base * before))
                    group[key] = (first, base * factor)
                last = factor
                return
            raise StopIteration

    else:
        after = index + 1

        def write() -> None:
            nonlocal last
            for factor in coming:
                before = last
                for group, base in with_base:
                    entry = group[key]
                    if entry[index] != base * before:
                        overwritten.append((field, group, entry[index], base * before))
                    group[key] = (*entry[:index], base * factor, *entry[after:])
                last = factor
                return
            raise StopIteration

    return write


def row_writer(field: Field, groups: list[Group], rows: list[list[float]], overwritten: Overwritten) -> Write:
    """A value of its own for each group; the first row is in the groups already."""
    key, index, coming = field.key, field.index, iter(rows)
    last = next(coming)
    if index is None:

        def write() -> None:
            nonlocal last
            for row in coming:
                for group, before, value in zip(groups, last, row):  # noqa: B905  # as above
                    if group[key] is not before:
                        overwritten.append((field, group, group[key], before))
                    group[key] = value
                last = row
                return
            raise StopIteration

    else:
        after = index + 1

        def write() -> None:
            nonlocal last
            for row in coming:
                for group, before, value in zip(groups, last, row):  # noqa: B905  # as above
                    entry = group[key]
                    if entry[index] is not before:
                        overwritten.append((field, group, entry[index], before))
                    group[key] = (*entry[:index], value, *entry[after:])
                last = row
                return
            raise StopIteration

    return write


def tensor_writer(vector: torch.Tensor, rows: Iterable[torch.Tensor]) -> Write:
    """One copy per update into the vector whose elements the groups hold, for any number of groups."""
    take = iter(rows).__next__
    take()  # it is in the vector already
    if not vector.requires_grad:

        def write() -> None:
            vector.copy_(take())

    else:  # an lr that is learned by itself

        def write() -> None:
            with torch.no_grad():
                vector.copy_(take())

    return write


def target_writer(tell: Callable[[float], object] | None, values: list[float]) -> Write:
    """A value outside the optimizer, told to whoever wants it; the first has been told."""
    take = iter(values).__next__
    take()

    def write() -> None:
        value = take()
        if tell is not None:
            tell(value)

    return write


def all_of(writers: list[Write]) -> Write:
    """Several writers, one after another; their blocks are of one length, so it is the first that is used up."""
    if len(writers) == 1:
        return writers[0]
    if len(writers) == 2:
        first, second = writers

        def write_two() -> None:
            first()
            second()

        return write_two
    if len(writers) == 3:
        one, two, three = writers

        def write_three() -> None:
            one()
            two()
            three()

        return write_three

    def write_each() -> None:
        for write in writers:
            write()

    return write_each


def nothing_left() -> None:
    """The writer of a block that is used up."""
    raise StopIteration


def one_of_each() -> list[Write]:
    """A writer of each kind. Those of a kind share their code: `mark_uncompiled` of one marks all."""
    writers = [row_writer(field, [], [[]], []) for field in (Field("lr", None), Field("betas", 0))]
    kinds = [("lr", None, False), ("betas", 0, True), ("betas", 1, True), ("betas", 0, False)]
    for key, index, pair in kinds:
        field = Field(key, index)
        writers += [same_writer(field, [], [0.0], [], pair=pair), scaled_writer(field, [], [], [0.0], [], pair=pair)]
    vectors = [torch.zeros(1, requires_grad=learned) for learned in (False, True)]
    writers += [tensor_writer(vector, [vector]) for vector in vectors]
    several = [all_of(writers[:count]) for count in (2, 3, 4)]
    return [*writers, target_writer(None, [0.0]), nothing_left, *several]


def with_element(entry: Any, index: int, value: Any) -> Any:
    """A tuple with one element replaced; always a new one, never one kept from before."""
    return (*entry[:index], value, *entry[index + 1 :])


def write_entry(field: Field, group: Group, entry: Any) -> None:
    """Put an entry, or an element of one, into a group."""
    group[field.key] = entry if field.index is None else with_element(group[field.key], field.index, entry)
