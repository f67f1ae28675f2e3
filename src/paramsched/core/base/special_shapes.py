"""The shapes of single papers and libraries. Python has them in `ps.shapes`; in text and files their name is enough."""

from typing import Final

SPECIAL_SHAPES: Final = frozenset({"jagged", "noam"})


def name_in_code(name: str) -> str:
    """Return the name of a shape in Python.

    >>> name_in_code("cosine"), name_in_code("noam")
    ('ps.cosine', 'ps.shapes.noam')
    """
    return f"ps.shapes.{name}" if name in SPECIAL_SHAPES else f"ps.{name}"
