"""Temporary registration of shapes, because the tables are shared by all tests of the process."""

from collections.abc import Iterator
from contextlib import contextmanager

from paramsched.core.schedules import SHAPES
from paramsched.core.schedules.schedule import SHAPE_OF_BUILDER


@contextmanager
def shapes_as_before() -> Iterator[None]:
    """Restore the registered shapes at the end of the block."""
    kept = [(table, dict(table)) for table in (SHAPES, SHAPE_OF_BUILDER)]
    try:
        yield
    finally:
        for table, before in kept:
            table.clear()
            table.update(before)
