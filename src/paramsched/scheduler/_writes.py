"""Every write of a value into a param group: the first one, and the loops that run at each update.

A loop is a generator made for a block of entries and the groups that take them. Each `next` writes one entry into all
groups. On its way the loop compares what each group holds with what was written last, and notes what differs:
`Overwritten`.

A generator keeps its variables between two updates, so an update costs no call and no closure. The loops are written
out because a call or a test inside one costs as much as the write. Nanoseconds per group, for 100 groups, of the
specialized loop and of the general one (`_rows`, `_elements`) on the same entries: same 35 and 75, scaled 57 and 75,
same pair 50 and 165, scaled pair 80 and 165. benchmarks/test_step.py compares them with the bare writes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import mul
from typing import Any, TypeAlias

import torch

from paramsched.fields import Field
from paramsched.scheduler._group_keys import Group

Writer: TypeAlias = Iterator[object]
"""Each `next` writes the next entry of a block; it is exhausted where the block is used up."""

Overwritten: TypeAlias = list[tuple[Field, Group, Any, Any]]
"""What someone else wrote: field, group, what was found there, and what we had written (another object)."""

# The first entry of a block is in the groups already: the loops begin with the second.


def same_writer(field: Field, groups: list[Group], values: list[float], overwritten: Overwritten) -> Writer:
    """Write one value into all groups."""
    if field.index is None:
        return _same(field, groups, values, overwritten)
    if _all_pairs(field, groups):
        return _same_pair(field, groups, values, overwritten)
    return _elements(field, groups, zip(*[values] * len(groups), strict=True), overwritten)


def scaled_writer(
    field: Field, groups: list[Group], bases: list[float], factors: list[float], overwritten: Overwritten
) -> Writer:
    """Write one factor times the base of each group.

    Python uses the memory of the float that the group drops for the product: quicker than a row made before. What the
    group holds is compared with the same product, computed again.
    """
    if field.index is None:
        return _scaled(field, groups, bases, factors, overwritten)
    if _all_pairs(field, groups):
        return _scaled_pair(field, groups, bases, factors, overwritten)
    products = [map(mul, repeat(base), factors) for base in bases]
    return _elements(field, groups, zip(*products, strict=True), overwritten)


def row_writer(field: Field, groups: list[Group], rows: list[list[float]], overwritten: Overwritten) -> Writer:
    """Write a value of its own into each group."""
    return (_rows if field.index is None else _elements)(field, groups, rows, overwritten)


def in_step(writers: Sequence[Writer]) -> Callable[[], object]:
    """Return what writes the next entry of each writer; their blocks are of one length."""
    together: Iterator[object] = zip(*writers, strict=False) if writers else repeat(None)
    return together.__next__


def _same(field: Field, groups: list[Group], values: Iterable[float], overwritten: Overwritten) -> Writer:
    key, coming = field.key, iter(values)
    last = next(coming)
    for value in coming:
        for group in groups:
            if group[key] is not last:
                overwritten.append((field, group, group[key], last))
            group[key] = value
        last = value
        yield


def _same_pair(field: Field, groups: list[Group], values: Iterable[float], overwritten: Overwritten) -> Writer:
    key, is_first, coming = field.key, field.index == 0, iter(values)
    last = next(coming)
    for value in coming:
        for group in groups:
            first, second = group[key]
            if (first if is_first else second) is not last:
                overwritten.append((field, group, first if is_first else second, last))
            group[key] = (value, second) if is_first else (first, value)
        last = value
        yield


def _scaled(
    field: Field, groups: list[Group], bases: list[float], factors: Iterable[float], overwritten: Overwritten
) -> Writer:
    key, coming = field.key, iter(factors)
    last = next(coming)
    with_base = list(zip(groups, bases, strict=True))  # quicker to walk than a `zip` made at each update
    for factor in coming:
        for group, base in with_base:
            if group[key] != base * last:
                overwritten.append((field, group, group[key], base * last))
            group[key] = base * factor
        last = factor
        yield


def _scaled_pair(
    field: Field, groups: list[Group], bases: list[float], factors: Iterable[float], overwritten: Overwritten
) -> Writer:
    key, is_first, coming = field.key, field.index == 0, iter(factors)
    last = next(coming)
    with_base = list(zip(groups, bases, strict=True))
    for factor in coming:
        for group, base in with_base:
            first, second = group[key]
            if (first if is_first else second) != base * last:
                overwritten.append((field, group, first if is_first else second, base * last))
            group[key] = (base * factor, second) if is_first else (first, base * factor)
        last = factor
        yield


def _rows(field: Field, groups: list[Group], rows: Iterable[list[float]], overwritten: Overwritten) -> Writer:
    key, coming = field.key, iter(rows)
    last = next(coming)
    for row in coming:
        for group, before, value in zip(groups, last, row):  # noqa: B905  # `strict=` costs 0.1 µs per update
            if group[key] is not before:
                overwritten.append((field, group, group[key], before))
            group[key] = value
        last = row
        yield


def _elements(field: Field, groups: list[Group], rows: Iterable[Sequence[float]], overwritten: Overwritten) -> Writer:
    key, index, coming = field.key, field.index, iter(rows)
    assert index is not None
    last = next(coming)
    for row in coming:
        for group, before, value in zip(groups, last, row):  # noqa: B905  # as above
            entry = group[key]
            if entry[index] is not before:
                overwritten.append((field, group, entry[index], before))
            group[key] = (*entry[:index], value, *entry[index + 1 :])
        last = row
        yield


def tensor_writer(vector: torch.Tensor, rows: Sequence[torch.Tensor]) -> Writer:
    """Copy one row per update into the vector whose elements the groups hold."""
    coming = iter(rows)
    next(coming)
    for row in coming:
        fill(vector, row)
        yield


def target_writer(write: Callable[[float], object] | None, values: Sequence[float]) -> Writer:
    """Pass a value per update to what takes it outside of the optimizer."""
    coming = iter(values)
    next(coming)
    for value in coming:
        if write is not None:
            write(value)
        yield


def fill(vector: torch.Tensor, row: torch.Tensor) -> None:
    """Copy a row into the vector whose elements the groups hold."""
    if vector.requires_grad:  # an lr that is learned by itself
        with torch.no_grad():
            vector.copy_(row)
    else:
        vector.copy_(row)


AT_EACH_UPDATE = (_same, _same_pair, _scaled, _scaled_pair, _rows, _elements, tensor_writer, target_writer, fill)
"""What runs at every update."""


def write_row(field: Field, groups: Sequence[Group], values: Sequence[float]) -> None:
    """Write a value into each group, whatever is there."""
    key = field.key
    if field.index is None:
        for group, value in zip(groups, values):  # noqa: B905  # as above
            group[key] = value
    else:
        for group, value in zip(groups, values):  # noqa: B905  # as above
            write_entry(field, group, value)


def write_products(key: str, groups: Sequence[Group], bases: Sequence[float], factor: float) -> None:
    """Write base times factor into each group: a row made first would take half as long again."""
    for group, base in zip(groups, bases):  # noqa: B905  # as above
        group[key] = base * factor


def write_entry(field: Field, group: Group, entry: Any) -> None:
    """Put an entry, or an element of one, into a group; a tuple is always a new one, never one kept from before.

    >>> group = {"betas": (0.9, 0.999)}
    >>> write_entry(Field("betas", 0), group, 0.5)
    >>> group["betas"]
    (0.5, 0.999)
    """
    if (index := field.index) is not None:
        whole = group[field.key]
        entry = (*whole[:index], entry, *whole[index + 1 :])
    group[field.key] = entry


def _all_pairs(field: Field, groups: list[Group]) -> bool:
    """Whether the tuples of all groups are pairs, which are quicker to make anew."""
    return all(len(group[field.key]) == 2 for group in groups)
