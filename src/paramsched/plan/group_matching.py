"""Which groups a selector means: by name, by an entry of the group, by patterns of names, by index, by a predicate."""

from collections.abc import Sequence
from enum import Enum
from fnmatch import fnmatchcase

from paramsched.errors import UnknownGroup
from paramsched.fields import OURS, Group, is_number
from paramsched.near_names import closest
from paramsched.plan.binding import Selector


def is_selected(selector: Selector, group: Group, index: int) -> bool:
    """Whether a selector means a group.

    >>> group = {"name": "layer_3", "is_last_layer": False, "weight_decay": 0.0}
    >>> [is_selected(text, group, 0) for text in ("layer_3", "head, layer_*", "weight_decay=0", "is_last_layer=true")]
    [True, True, True, False]
    """
    if selector is None:
        return True
    if isinstance(selector, str):
        return group.get("name") == selector or any(_is_meant(one, group) for one in _parts_of(selector))
    if isinstance(selector, int):
        return index == selector
    return bool(selector(group))


def refuse_unmatched(name: str, selector: Selector, groups: Sequence[Group]) -> None:
    """Refuse a selector of a field, or a name or a pattern of one, that means none of the groups.

    Raises:
        UnknownGroup: there is no such group.
    """
    if any(isinstance(selector, str) and group.get("name") == selector for group in groups):
        return
    asked = f"Binding({name!r}, groups={selector!r})"
    names = [group["name"] for group in groups if isinstance(group.get("name"), str)]
    there = f"there are {len(groups)} groups" + (f": {', '.join(names)}" if names else "")
    if isinstance(selector, int) and not 0 <= selector < len(groups):
        raise UnknownGroup(asked, f"no group of that name or index; {there}", _HOW_TO_NAME)
    if isinstance(selector, str):
        parts = _parts_of(selector)
        for part in parts:
            if any(_is_meant(part, group) for group in groups):
                continue
            if "=" in part:
                raise UnknownGroup(asked, f"no group has {part}; {there}", _HOW_TO_NAME)
            which = "of that name or index" if len(parts) == 1 and "*" not in part else f"called {part!r}"
            near = closest(part, names)
            meant = f'Write "{near}"' if near is not None else _HOW_TO_NAME
            raise UnknownGroup(asked, f"no group {which}; {there}", meant)


_HOW_TO_NAME = 'Name groups in the optimizer: {"params": …, "name": "head"}'


def _parts_of(selector: str) -> list[str]:
    """An entry and its value, or names and patterns of names."""
    return [selector] if "=" in selector else [part.strip() for part in selector.split(",")]


def _is_meant(part: str, group: Group) -> bool:
    """Whether a group has a name like this, or this entry."""
    if "=" not in part:
        name = group.get("name")
        return isinstance(name, str) and (name == part or fnmatchcase(name, part))
    key, _, value = (word.strip() for word in part.partition("="))
    # A field that is scheduled is known by its base: what stands in the group changes.
    entry = group.get(f"{OURS}base_{key}", group.get(key))
    return key in group and _is_said(entry, value)


def _is_said(entry: object, value: str) -> bool:
    """Whether a text says an entry: `true`, `0.05`, `bias`."""
    if isinstance(entry, str):
        return entry == value
    if isinstance(entry, bool) or entry is None:
        return value.lower() == ("null" if entry is None else str(entry).lower())
    if not is_number(entry):
        return False
    try:
        return float(entry) == float(value)  # type: ignore[arg-type]  # a number, or a tensor of one
    except ValueError:
        return False


class Overlap(Enum):
    """How the groups of one selector lie to those of another."""

    INSIDE = "all of them are among the others"
    APART = "none of them is"
    UNKNOWN = "only the groups could say"


def overlap_of(selector: Selector, other: Selector) -> Overlap:
    """How the groups of a selector lie to those of another, before the groups are known.

    >>> overlap_of("layer_3", "layer_*").name, overlap_of("head", "layer_*").name, overlap_of("layer_*", "layer_3").name
    ('INSIDE', 'APART', 'UNKNOWN')
    """
    if selector == other:
        return Overlap.INSIDE
    if isinstance(selector, int) and isinstance(other, int):
        return Overlap.APART
    if not isinstance(selector, str) or not isinstance(other, str) or "=" in selector or "=" in other:
        return Overlap.UNKNOWN
    theirs = _parts_of(other)
    pairs = [[_overlap_of_names(part, one) for one in theirs] for part in _parts_of(selector)]
    if all(Overlap.INSIDE in row for row in pairs):
        return Overlap.INSIDE
    return Overlap.APART if all(set(row) == {Overlap.APART} for row in pairs) else Overlap.UNKNOWN


def _overlap_of_names(part: str, other: str) -> Overlap:
    """The same for two names, or patterns of names."""
    if part == other:
        return Overlap.INSIDE
    if not set(part) & set("*?["):
        return Overlap.INSIDE if fnmatchcase(part, other) else Overlap.APART
    if not set(other) & set("*?["):
        return Overlap.UNKNOWN if fnmatchcase(other, part) else Overlap.APART
    return Overlap.UNKNOWN
