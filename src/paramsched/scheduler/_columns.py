"""Columns: how one field's values of one update are written into the groups, as cheaply as Python can.

A block of updates is computed at once; each column keeps it as a list iterator and writes one entry per call. The loop
is chosen once, when the block is filled. What is measured is in benchmarks/test_step.py.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

from paramsched.fields import Field

Groups: TypeAlias = Sequence[dict[str, Any]]

Write: TypeAlias = Callable[[Groups], None]
"""Writes the next entry of a block into the groups; StopIteration where the block is used up."""


def uniform(field: Field, values: list[float]) -> Write:
    """One value for all groups."""
    key, index, take = field.key, field.index, iter(values).__next__
    if index is None:

        def write(groups: Groups) -> None:
            value = take()
            for group in groups:
                group[key] = value

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            value = take()
            for group in groups:
                entry = group[key]
                group[key] = (*entry[:index], value, *entry[after:])

    return write


def scaled(field: Field, factors: list[float], bases: list[float]) -> Write:
    """One factor for all groups, each with its own base: the freed float is used again, which beats a ready-made row."""
    key, index, take = field.key, field.index, iter(factors).__next__
    if index is None:

        def write(groups: Groups) -> None:
            factor = take()
            for group, base in zip(groups, bases, strict=False):
                group[key] = base * factor

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            factor = take()
            for group, base in zip(groups, bases, strict=False):
                entry = group[key]
                group[key] = (*entry[:index], base * factor, *entry[after:])

    return write


def rows(field: Field, columns: list[list[float]]) -> Write:
    """A value of its own for each group."""
    key, index, take = field.key, field.index, iter(list(zip(*columns, strict=True))).__next__
    if index is None:

        def write(groups: Groups) -> None:
            for group, value in zip(groups, take(), strict=False):
                group[key] = value

    else:
        after = index + 1

        def write(groups: Groups) -> None:
            for group, value in zip(groups, take(), strict=False):
                entry = group[key]
                group[key] = (*entry[:index], value, *entry[after:])

    return write


def tensors(block: torch.Tensor, vector: torch.Tensor) -> Write:
    """One copy per update into the vector whose elements the groups hold, for any number of groups."""
    take = iter(range(len(block))).__next__

    def write(groups: Groups) -> None:
        del groups  # they hold views of the vector
        with torch.no_grad():
            vector.copy_(block[take()])

    return torch.compiler.disable(write)  # type: ignore[no-any-return,no-untyped-call]  # torch's annotation is Any


def some(write: Write, indices: list[int]) -> Write:
    """A column for some of the groups only."""

    def write_some(groups: Groups) -> None:
        write([groups[index] for index in indices])

    return write_some


def together(writes: list[Write]) -> Write:
    """Several columns, one after another."""
    if len(writes) == 1:
        return writes[0]

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
    """A loop of each kind that is not kept from tracing by itself. Loops of a kind share their code, so what is done to it (`_untraced.skip`) is done to all."""
    fields = (Field("lr", None), Field("betas", 0))
    loops = [loop for field in fields for loop in (uniform(field, []), scaled(field, [], []), rows(field, []))]
    return [*loops, target(None, []), some(loops[0], []), together(loops)]


def replaced(entry: Any, index: int, value: Any) -> Any:
    """A tuple with one element replaced; always a new one, never one kept from before."""
    return (*entry[:index], value, *entry[index + 1 :])
