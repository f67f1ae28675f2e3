"""Shapes that are registered for a while: the tables belong to the process, and so to all tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from paramsched.schedules.registry import BUILDER_OF_CLASS, SHAPES


@contextmanager
def shapes_as_before() -> Iterator[None]:
    """Afterwards the shapes are those of before."""
    kept = [(table, dict(table)) for table in (SHAPES, BUILDER_OF_CLASS)]
    try:
        yield
    finally:
        for table, before in kept:
            table.clear()
            table.update(before)
