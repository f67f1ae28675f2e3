"""Columns: how one field's values of one update are written into the groups, as cheaply as Python can.

A block of updates is computed at once; each column keeps it as a list iterator and writes one entry per call. The loop
is chosen once, when the block is filled. What is measured is in benchmarks/test_step.py.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import torch

from paramsched.fields import Field

Groups: TypeAlias = Sequence[dict[str, Any]]

Write: TypeAlias = Callable[[Groups], None]
"""Writes the next entry of a block into the groups; StopIteration where the block is used up."""


def uniform(field: Field, values: list[float], *, pair: bool = False) -> Write:
    """One value for all groups; `pair` where each group's entry is a tuple of two, which is quicker to make anew."""
    key, index, take = field.key, field.index, iter(values).__next__
    if index is None:

        def write(groups: Groups) -> None:
            value = take()
            for group in groups:
                group[key] = value

    elif pair and index == 0:

        def write(groups: Groups) -> None:
            value = take()
            for group in groups:
                group[key] = (value, group[key][1])

    elif pair:

        def write(groups: Groups) -> None:
            value = take()
            for group in groups:
                group[key] = (group[key][0], value)

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            value = take()
            for group in groups:
                entry = group[key]
                group[key] = (*entry[:index], value, *entry[after:])

    return write


def scaled(field: Field, factors: list[float], bases: list[float], *, pair: bool = False) -> Write:
    """One factor for all groups, each with its own base: the freed float is used again; that beats a ready-made row."""
    key, index, take = field.key, field.index, iter(factors).__next__
    if index is None:

        def write(groups: Groups) -> None:
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # `strict=` costs 0.1 µs per update
                group[key] = base * factor

    elif pair and index == 0:

        def write(groups: Groups) -> None:
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                group[key] = (base * factor, group[key][1])

    elif pair:

        def write(groups: Groups) -> None:
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                group[key] = (group[key][0], base * factor)

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            factor = take()
            for group, base in zip(groups, bases):  # noqa: B905  # as above
                entry = group[key]
                group[key] = (*entry[:index], base * factor, *entry[after:])

    return write


def rows(field: Field, block: list[list[float]]) -> Write:
    """A value of its own for each group."""
    key, index, take = field.key, field.index, iter(block).__next__
    if index is None:

        def write(groups: Groups) -> None:
            for group, value in zip(groups, take()):  # noqa: B905  # as above
                group[key] = value

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            for group, value in zip(groups, take()):  # noqa: B905  # as above
                entry = group[key]
                group[key] = (*entry[:index], value, *entry[after:])

    return write


def tensors(rows: Iterable[torch.Tensor], vector: torch.Tensor) -> Write:
    """One copy per update into the vector whose elements the groups hold, for any number of groups."""
    take = iter(rows).__next__
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
    """A value outside the optimizer, told to whoever wants it."""
    take = iter(values).__next__

    def write(groups: Groups) -> None:
        del groups  # a target is in none
        value = take()
        if tell is not None:
            tell(value)

    return write


def one_of_each() -> list[Write]:
    """A loop of each kind. Those of a kind share their code: what is done to one (`_untraced.skip`) is done to all."""
    loops = [rows(field, []) for field in (Field("lr", None), Field("betas", 0))]
    kinds = [("lr", None, False), ("betas", 0, True), ("betas", 1, True), ("betas", 0, False)]
    for key, index, pair in kinds:
        field = Field(key, index)
        loops += [uniform(field, [], pair=pair), scaled(field, [], [], pair=pair)]
    loops += [tensors([], torch.zeros(1, requires_grad=learned)) for learned in (False, True)]
    return [
        *loops,
        target(None, []),
        some(loops[0], []),
        together([]),
        *(together(loops[:count]) for count in (2, 3, 4)),
    ]


def replaced(entry: Any, index: int, value: Any) -> Any:
    """A tuple with one element replaced; always a new one, never one kept from before."""
    return (*entry[:index], value, *entry[index + 1 :])
