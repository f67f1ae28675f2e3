"""Entry points of installed packages: in one order, and as a message names them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points_of(group: str) -> list["EntryPoint"]:
    """Every entry point of a group, by its name; looking for them reads every installed package."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def entry_point_in_words(point: "EntryPoint") -> str:
    """An entry point as its package writes it, and the package."""
    return f'"{point.name} = {point.value}"' + (f" of {point.dist.name}" if point.dist else "")
