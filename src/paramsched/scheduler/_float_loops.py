"""The innermost loops: each writes one field's floats of one update into the groups, as cheaply as Python can.

A loop is made for a block of coming entries and the groups that take them. Each call writes the next entry. On its way
it looks whether every group still holds what was written last, and notes what differs: `Overwritten`. Which loop is
quickest for which groups is measured in benchmarks/test_step.py.

The loops are alike, and each is written out: a call or a test inside a loop would cost as much as the write.
What looks odd here saves time, and is measured. `for value in coming: …; return` takes one entry in 10 ns, where
`next(coming)` takes 50. What the inner loop reads is copied from the closure first: that saves 2 ns a group.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from paramsched.fields import Field
from paramsched.scheduler._group_keys import Group

Write: TypeAlias = Callable[[], None]
"""Writes the next entry of a block; StopIteration where the block is used up, before anything is written."""

Overwritten: TypeAlias = list[tuple[Field, Group, Any, Any]]
"""What someone else wrote: field, group, what was found there, and what we had written (another object)."""

WithBase: TypeAlias = list[tuple[Group, float]]
"""Groups and their bases. A list of pairs that is kept is quicker to walk than a `zip` made anew."""


def same_writer(
    field: Field, groups: list[Group], values: list[float], overwritten: Overwritten, *, pair: bool = False
) -> Write:
    """One value for all groups; `pair` where each group's entry is a tuple of two, which is quicker to make anew.

    The first of the values is in the groups already.
    """
    coming = iter(values)
    last = next(coming)
    if field.index is None:
        return _write_same(field, groups, coming, last, overwritten)
    if pair and field.index == 0:
        return _write_same_first(field, groups, coming, last, overwritten)
    if pair:
        return _write_same_second(field, groups, coming, last, overwritten)
    return _write_same_element(field, groups, coming, last, overwritten)


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
    with_base, coming = list(zip(groups, bases, strict=True)), iter(factors)
    last = next(coming)
    if field.index is None:
        return _write_scaled(field, with_base, coming, last, overwritten)
    if pair and field.index == 0:
        return _write_scaled_first(field, with_base, coming, last, overwritten)
    if pair:
        return _write_scaled_second(field, with_base, coming, last, overwritten)
    return _write_scaled_element(field, with_base, coming, last, overwritten)


def row_writer(field: Field, groups: list[Group], rows: list[list[float]], overwritten: Overwritten) -> Write:
    """A value of its own for each group; the first row is in the groups already."""
    coming = iter(rows)
    last = next(coming)
    if field.index is None:
        return _write_rows(field, groups, coming, last, overwritten)
    return _write_row_elements(field, groups, coming, last, overwritten)


def _write_same(
    field: Field, groups: list[Group], coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key = field.key

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

    return write


def _write_same_first(
    field: Field, groups: list[Group], coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key = field.key

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

    return write


def _write_same_second(
    field: Field, groups: list[Group], coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key = field.key

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

    return write


def _write_same_element(
    field: Field, groups: list[Group], coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key, index = field.key, element_index(field)
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


def _write_scaled(
    field: Field, with_base: WithBase, coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key = field.key

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

    return write


def _write_scaled_first(
    field: Field, with_base: WithBase, coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key = field.key

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

    return write


def _write_scaled_second(
    field: Field, with_base: WithBase, coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key = field.key

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

    return write


def _write_scaled_element(
    field: Field, with_base: WithBase, coming: Iterator[float], last: float, overwritten: Overwritten
) -> Write:
    key, index = field.key, element_index(field)
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


def _write_rows(
    field: Field, groups: list[Group], coming: Iterator[list[float]], last: list[float], overwritten: Overwritten
) -> Write:
    key = field.key

    def write() -> None:
        nonlocal last
        for row in coming:
            for group, before, value in zip(groups, last, row):  # noqa: B905  # `strict=` costs 0.1 µs per update
                if group[key] is not before:
                    overwritten.append((field, group, group[key], before))
                group[key] = value
            last = row
            return
        raise StopIteration

    return write


def _write_row_elements(
    field: Field, groups: list[Group], coming: Iterator[list[float]], last: list[float], overwritten: Overwritten
) -> Write:
    key, index = field.key, element_index(field)
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


def element_index(field: Field) -> int:
    """The index of a field that is an element of a tuple."""
    assert field.index is not None
    return field.index
