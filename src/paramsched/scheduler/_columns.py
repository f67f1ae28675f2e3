"""Columns: how one field's values of one update are written into the groups, as cheaply as Python can.

A block of updates is computed at once; each column keeps it as a list iterator and writes one entry per call. On its
way it looks whether every group still holds what was written last, and notes what is not: `Foreign`. The loop is chosen
once, when the block is filled. What is measured is in benchmarks/test_step.py.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import torch

from paramsched.fields import Field

Groups: TypeAlias = Sequence[dict[str, Any]]

Write: TypeAlias = Callable[[Groups], None]
"""Writes the next entry of a block into the groups; StopIteration where the block is used up."""

Foreign: TypeAlias = list[tuple[Field, dict[str, Any], Any, Any]]
"""What someone else wrote: field, group, what was found there, and what had been written (another object)."""


def put(field: Field, groups: Groups, values: Sequence[float]) -> None:
    """Write a value into each group, whatever is there."""
    key, index = field.key, field.index
    if index is None:
        for group, value in zip(groups, values):  # noqa: B905  # `strict=` costs 0.1 µs per update
            group[key] = value
    else:
        for group, value in zip(groups, values):  # noqa: B905  # as above
            group[key] = replaced(group[key], index, value)


def uniform(field: Field, values: list[float], foreign: Foreign, *, pair: bool = False) -> Write:
    """One value for all groups; `pair` where each group's entry is a tuple of two, which is quicker to make anew.

    The first of the values is in the groups already.
    """
    key, index, take = field.key, field.index, iter(values).__next__
    last = take()
    if index is None:

        def write(groups: Groups) -> None:
            nonlocal last
            value = take()
            for group in groups:
                if group[key] is not last:
                    foreign.append((field, group, group[key], last))
                group[key] = value
            last = value

    elif pair and index == 0:

        def write(groups: Groups) -> None:
            nonlocal last
            value = take()
            for group in groups:
                found, second = group[key]
                if found is not last:
                    foreign.append((field, group, found, last))
                group[key] = (value, second)
            last = value

    elif pair:

        def write(groups: Groups) -> None:
            nonlocal last
            value = take()
            for group in groups:
                first, found = group[key]
                if found is not last:
                    foreign.append((field, group, found, last))
                group[key] = (first, value)
            last = value

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            nonlocal last
            value = take()
            for group in groups:
                entry = group[key]
                if entry[index] is not last:
                    foreign.append((field, group, entry[index], last))
                group[key] = (*entry[:index], value, *entry[after:])
            last = value

    return write


def scaled(field: Field, factors: list[float], bases: list[float], foreign: Foreign, *, pair: bool = False) -> Write:
    """One factor for all groups, each with its own base: the freed float is used again; that beats a ready-made row.

    The first of the factors is in the groups already. What stands there is compared with the same product again.
    """
    key, index, take = field.key, field.index, iter(factors).__next__
    last = take()
    if index is None:

        def write(groups: Groups) -> None:
            nonlocal last
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                if group[key] != base * last:
                    foreign.append((field, group, group[key], base * last))
                group[key] = base * factor
            last = factor

    elif pair and index == 0:

        def write(groups: Groups) -> None:
            nonlocal last
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                found, second = group[key]
                if found != base * last:
                    foreign.append((field, group, found, base * last))
                group[key] = (base * factor, second)
            last = factor

    elif pair:

        def write(groups: Groups) -> None:
            nonlocal last
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                first, found = group[key]
                if found != base * last:
                    foreign.append((field, group, found, base * last))
                group[key] = (first, base * factor)
            last = factor

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            nonlocal last
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                entry = group[key]
                if entry[index] != base * last:
                    foreign.append((field, group, entry[index], base * last))
                group[key] = (*entry[:index], base * factor, *entry[after:])
            last = factor

    return write


def rows(field: Field, block: list[list[float]], foreign: Foreign) -> Write:
    """A value of its own for each group; the first row is in the groups already."""
    key, index, take = field.key, field.index, iter(block).__next__
    last = take()
    if index is None:

        def write(groups: Groups) -> None:
            nonlocal last
            row = take()
            for group, before, value in zip(groups, last, row):  # noqa: B905  # as above
                if group[key] is not before:
                    foreign.append((field, group, group[key], before))
                group[key] = value
            last = row

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            nonlocal last
            row = take()
            for group, before, value in zip(groups, last, row):  # noqa: B905  # as above
                entry = group[key]
                if entry[index] is not before:
                    foreign.append((field, group, entry[index], before))
                group[key] = (*entry[:index], value, *entry[after:])
            last = row

    return write


def tensors(rows: Iterable[torch.Tensor], vector: torch.Tensor) -> Write:
    """One copy per update into the vector whose elements the groups hold, for any number of groups."""
    take = iter(rows).__next__
    take()  # it is in the vector already
    if not vector.requires_grad:

        def write(groups: Groups) -> None:
            del groups  # they hold views of the vector
            vector.copy_(take())

    else:  # an lr that is learned by itself

        def write(groups: Groups) -> None:
            del groups
            with torch.no_grad():
                vector.copy_(take())

    return write


def some(write: Write, indices: list[int]) -> Write:
    """A column for some of the groups only."""

    def write_some(groups: Groups) -> None:
        write([groups[index] for index in indices])

    return write_some


def together(writes: list[Write]) -> Write:
    """Several columns, one after another; they are of one length, so it is the first that is used up."""
    if len(writes) == 1:
        return writes[0]
    if len(writes) == 2:
        first, second = writes

        def write_both(groups: Groups) -> None:
            first(groups)
            second(groups)

        return write_both
    if len(writes) == 3:
        one, two, three = writes

        def write_three(groups: Groups) -> None:
            one(groups)
            two(groups)
            three(groups)

        return write_three

    def write_all(groups: Groups) -> None:
        for write in writes:
            write(groups)

    return write_all


def target(tell: Callable[[float], object] | None, values: list[float]) -> Write:
    """A value outside the optimizer, told to whoever wants it; the first has been told."""
    take = iter(values).__next__
    take()

    def write(groups: Groups) -> None:
        del groups  # a target is in none
        value = take()
        if tell is not None:
            tell(value)

    return write


def one_of_each() -> list[Write]:
    """A loop of each kind. Those of a kind share their code: what is done to one (`_untraced.skip`) is done to all."""
    loops = [rows(field, [[]], []) for field in (Field("lr", None), Field("betas", 0))]
    kinds = [("lr", None, False), ("betas", 0, True), ("betas", 1, True), ("betas", 0, False)]
    for key, index, pair in kinds:
        field = Field(key, index)
        loops += [uniform(field, [0.0], [], pair=pair), scaled(field, [0.0], [], [], pair=pair)]
    vectors = [torch.zeros(1, requires_grad=learned) for learned in (False, True)]
    loops += [tensors([vector], vector) for vector in vectors]
    return [
        *loops,
        target(None, [0.0]),
        some(loops[0], []),
        together([]),
        *(together(loops[:count]) for count in (2, 3, 4)),
    ]


def replaced(entry: Any, index: int, value: Any) -> Any:
    """A tuple with one element replaced; always a new one, never one kept from before."""
    return (*entry[:index], value, *entry[index + 1 :])
