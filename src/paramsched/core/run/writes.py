"""Every write of a value into a param group: the first one, and the loops that run at each update.

A loop is a generator over a block of entries, for the groups that receive them. Each `next` writes one entry into all
groups. The loop also compares the value in each group with the value written last, and records differences in
`Overwritten`.

A generator keeps its variables between two updates, and `for _ in writer: break` resumes it without a call. The loops
are specialized because a call or a test inside a loop costs as much as the write. Nanoseconds per group, for 100
groups, compared with the general loops `_rows` and `_elements`: `_same` 35 instead of 55, `_scaled` 57 and
`_scaled_in_fours` 47 instead of 75, `_same_pair` 71 instead of 200, `_scaled_pair` 94 instead of 224. See
benchmarks/test_step.py.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import mul
from typing import Any, Literal, TypeAlias

import torch

from paramsched.core.fields import Field
from paramsched.core.run.state import Group

Writer: TypeAlias = Iterator[Any]
"""Each `next` writes the next entry of a block; it is exhausted at the end of the block."""

Overwritten: TypeAlias = list[tuple[Field, Group, Any, Any]]
"""External writes, each as (field, group, value found, value that the plan had written)."""

EntryKind: TypeAlias = Literal["same", "scaled", "rows"]
"""The kind of the entries: one value for all groups, one factor of their bases, or a list of a value for each group."""

# The first entry of a block is in the groups already: the loops start with the second.


def float_writer(
    kind: EntryKind, field: Field, with_base: list[tuple[Group, float]], entries: Any, overwritten: Overwritten
) -> Writer:
    """Return the fastest loop that writes these entries into groups, which are given with their bases.

    A factor is multiplied by the bases when it is written, because Python then reuses the memory of the float that the
    group releases. This is faster than computing a value for each group in advance. The value in the group is compared
    with the recomputed product.
    """
    is_pair = field.index is not None and all(len(group[field.key]) == 2 for group, _ in with_base)
    if kind == "scaled" and is_pair:
        return _scaled_pair(field, with_base, entries, overwritten)
    if kind == "scaled" and field.index is None:
        return (_scaled_in_fours if len(entries) > _LONG else _scaled)(field, with_base, entries, overwritten)
    groups = [group for group, _ in with_base]
    if kind == "same" and field.index is None and len(groups) == 1:
        return _one(field, groups[0], entries, overwritten)
    if kind == "same" and (field.index is None or is_pair):
        return (_same_pair if is_pair else _same)(field, groups, entries, overwritten)
    if kind == "same":
        entries = zip(*[entries] * len(groups), strict=True)
    elif kind == "scaled":
        entries = zip(*[map(mul, repeat(base), entries) for _, base in with_base], strict=True)
    return (_rows if field.index is None else _elements)(field, groups, entries, overwritten)


def write_floats(kind: EntryKind, field: Field, with_base: list[tuple[Group, float]], entry: Any) -> None:
    """Write one entry into all groups, without comparing the previous values."""
    key = field.key
    if kind == "scaled" and field.index is None:  # faster than a row of products
        for group, base in with_base:
            group[key] = base * entry
        return
    row = repeat(entry) if kind == "same" else [base * entry for _, base in with_base] if kind == "scaled" else entry
    for (group, _), value in zip(with_base, row):  # noqa: B905  # `strict=` costs time, and `repeat` has no end
        if field.index is None:
            group[key] = value
        else:
            write_entry(field, group, value)


def combine_writers(writers: Sequence[Writer]) -> Writer:
    """Return a writer whose `next` writes the next entry of all `writers`, which have the same number of entries."""
    if len(writers) == 1:
        return writers[0]
    return zip(*writers, strict=False) if writers else repeat(None)


def _one(field: Field, group: Group, values: Iterable[float], overwritten: Overwritten) -> Writer:
    key, coming = field.key, iter(values)
    last = next(coming)
    for value in coming:
        if group[key] is not last:
            overwritten.append((field, group, group[key], last))
        group[key] = last = value
        yield


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
    field: Field, with_base: list[tuple[Group, float]], factors: Iterable[float], overwritten: Overwritten
) -> Writer:
    key, coming = field.key, iter(factors)
    last = next(coming)
    for factor in coming:
        for group, base in with_base:
            if group[key] != base * last:
                overwritten.append((field, group, group[key], base * last))
            group[key] = base * factor
        last = factor
        yield


_LONG = 64  # entries: with fewer, constructing a loop for each four groups costs more than it saves


def _scaled_in_fours(
    field: Field, with_base: list[tuple[Group, float]], factors: list[float], overwritten: Overwritten
) -> Writer:
    """Return a writer that handles four groups without an inner loop: 47 ns per group instead of 57."""
    rest = len(with_base) - len(with_base) % 4
    writers = [_scaled_four(field, with_base[at : at + 4], factors, overwritten) for at in range(0, rest, 4)]
    if with_base[rest:]:
        writers.append(_scaled(field, with_base[rest:], factors, overwritten))
    return combine_writers(writers)


def _scaled_four(
    field: Field, with_base: list[tuple[Group, float]], factors: list[float], overwritten: Overwritten
) -> Writer:
    (a, base_a), (b, base_b), (c, base_c), (d, base_d) = with_base
    groups = [a, b, c, d]
    key, coming = field.key, iter(factors)
    last = next(coming)
    was_a, was_b, was_c, was_d = base_a * last, base_b * last, base_c * last, base_d * last  # equal to the old values
    for factor in coming:
        if a[key] is not was_a or b[key] is not was_b or c[key] is not was_c or d[key] is not was_d:
            _note_changed(field, groups, (was_a, was_b, was_c, was_d), overwritten)
        a[key] = was_a = base_a * factor
        b[key] = was_b = base_b * factor
        c[key] = was_c = base_c * factor
        d[key] = was_d = base_d * factor
        yield


def _note_changed(field: Field, groups: list[Group], written: tuple[float, ...], overwritten: Overwritten) -> None:
    for group, before in zip(groups, written):  # noqa: B905  # the groups are those of `written`
        if group[field.key] != before:
            overwritten.append((field, group, group[field.key], before))


def _scaled_pair(
    field: Field, with_base: list[tuple[Group, float]], factors: Iterable[float], overwritten: Overwritten
) -> Writer:
    key, is_first, coming = field.key, field.index == 0, iter(factors)
    last = next(coming)
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
    """Copy one row per update into the vector whose elements the groups contain."""
    coming = iter(rows)
    next(coming)
    for row in coming:
        fill(vector, row)
        yield


def target_writer(write: Callable[[float], object] | None, values: Sequence[float]) -> Writer:
    """Pass one value per update to the function of a target."""
    coming = iter(values)
    next(coming)
    for value in coming:
        if write is not None:
            write(value)
        yield


def fill(vector: torch.Tensor, row: torch.Tensor) -> None:
    """Copy a row into the vector whose elements the groups contain."""
    written = vector.detach() if vector.requires_grad else vector  # an lr that is itself learned
    written.copy_(row)


AT_EACH_UPDATE = (
    _one, _same, _same_pair, _scaled, _scaled_four, _note_changed, _scaled_pair, _rows, _elements,
    tensor_writer, target_writer, fill,
)  # fmt: skip
"""The functions that run at every update."""


def write_entry(field: Field, group: Group, entry: Any) -> None:
    """Write a value into a group, as an entry or as an element of a tuple, which is replaced by a new tuple.

    >>> group = {"betas": (0.9, 0.999)}
    >>> write_entry(Field("betas", 0), group, 0.5)
    >>> group["betas"]
    (0.5, 0.999)
    """
    if (index := field.index) is not None:
        whole = group[field.key]
        entry = (*whole[:index], entry, *whole[index + 1 :])
    group[field.key] = entry


def keep_tensors(places: Iterable[tuple[int, Field]], before: Sequence[Group], groups: Sequence[Group]) -> None:
    """Put the tensors of the groups before a load back, filled with what was loaded, which may be on another device.

    Compiled steps and other code have references to these tensors. One of another dtype only changes its device.
    """
    for index, field in places:
        if index >= len(before) or field.key not in before[index]:
            continue
        ours, loaded = field.read(before[index]), field.read(groups[index])
        if not (isinstance(ours, torch.Tensor) and isinstance(loaded, torch.Tensor)) or ours is loaded:
            continue
        if ours.dtype == loaded.dtype and ours.shape == loaded.shape:
            fill(ours, loaded.detach())
            write_entry(field, groups[index], ours)
        elif ours.device != loaded.device:
            write_entry(field, groups[index], loaded.to(ours.device))
