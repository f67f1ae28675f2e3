"""What writes one update: the loop of each field, the copy of each vector of tensors, the call of each target."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from paramsched.fields import Field
from paramsched.scheduler._float_loops import Write, row_writer, same_writer, scaled_writer
from paramsched.scheduler._group_keys import Group


def write_row(field: Field, groups: Sequence[Group], values: Sequence[float]) -> None:
    """Write a value into each group, whatever is there."""
    key, index = field.key, field.index
    if index is None:
        for group, value in zip(groups, values):  # noqa: B905  # `strict=` costs 0.1 µs per update
            group[key] = value
    else:
        for group, value in zip(groups, values):  # noqa: B905  # as above
            group[key] = with_element(group[key], index, value)


def write_products(key: str, groups: Sequence[Group], bases: Sequence[float], factor: float) -> None:
    """Write base times factor into each group: a row made first would take half as long again."""
    for group, base in zip(groups, bases):  # noqa: B905  # as above
        group[key] = base * factor


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
    """A tuple with one element replaced; always a new one, never one kept from before.

    >>> with_element((0.9, 0.999), 0, 0.5)
    (0.5, 0.999)
    """
    return (*entry[:index], value, *entry[index + 1 :])


def write_entry(field: Field, group: Group, entry: Any) -> None:
    """Put an entry, or an element of one, into a group."""
    group[field.key] = entry if field.index is None else with_element(group[field.key], field.index, entry)
