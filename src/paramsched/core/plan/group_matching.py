"""Matching selectors with groups."""

import re
from collections.abc import Collection, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from functools import partial

from paramsched.core.base.near_names import closest
from paramsched.core.fields import Group, is_number, recorded_base
from paramsched.core.plan.binding import Selector
from paramsched.errors import UnknownGroup

_PATTERN = re.compile(r"[*?\[,=\s]")  # characters in a selector that is not just a name


def is_selected(selector: Selector, group: Group, index: int | None) -> bool:
    """Return whether a selector selects a group.

    >>> group = {"name": "layer_3", "is_last_layer": False, "weight_decay": 0.0}
    >>> [is_selected(text, group, 0) for text in ("layer_3", "head, layer_*", "weight_decay=0", "is_last_layer=true")]
    [True, True, True, False]
    """
    if selector is None:
        return True
    if isinstance(selector, str):
        if group.get("name") == selector:
            return True
        return not is_only_name(selector) and any(matches_part(one, group) for one in parts_of(selector))
    return index == selector if isinstance(selector, int) else bool(selector(group))


def is_only_name(selector: str) -> bool:
    """Return whether a selector is a name: not a pattern, a list or an entry with its value."""
    return _PATTERN.search(selector) is None


_HOW_TO_NAME = (
    "For a group that is added later, use optional=True (later: in a file). "
    'Name the groups of the optimizer. For example: {"params": params, "name": "head"}'
)


def refuse_unmatched(name: str, selector: Selector, groups: Sequence[Group]) -> None:
    """Raise if a selector, or a part of one, selects none of the groups."""
    names = [group["name"] for group in groups if isinstance(group.get("name"), str)]
    if selector in names:
        return
    parts = parts_of(selector) if isinstance(selector, str) else [selector] if isinstance(selector, int) else []
    for part in parts:
        known: list[str] = []
        if isinstance(part, int):
            if 0 <= part < len(groups):
                continue
            found = "no group of that name or index"
        elif any(matches_part(part, group) for group in groups):
            continue
        elif "=" in part:
            found, known = f"no group has {part}", _entries_of(groups)
        else:
            which = "of that name or index" if len(parts) == 1 and "*" not in part else f"called {part!r}"
            found, known = f"no group {which}", names
        there = "there is 1 group" if len(groups) == 1 else f"there are {len(groups)} groups"
        there += f": {', '.join(names)}" if names else ""
        near = closest(str(part), known)
        meant = "" if near is None else f'; did you mean "{near}"?'
        path = f"$.groups.{selector}" if isinstance(selector, str) and selector.isidentifier() else ""
        site = f"Binding({name!r}, groups={selector!r})"
        raise UnknownGroup(site, f"{found}; {there}{meant}", _HOW_TO_NAME, path=path)


def _entries_of(groups: Sequence[Group]) -> list[str]:
    """Return the entries of groups as selectors: `is_last_layer=true`."""
    return [
        f"{key}={str(entry).lower() if isinstance(entry, bool) else entry}"
        for group in groups
        for key, entry in group.items()
        if isinstance(key, str) and isinstance(entry, (str, bool, int, float))
    ]


def parts_of(selector: str) -> list[str]:
    """Return the parts of a selector, each of which selects groups."""
    return [selector] if "=" in selector else [part.strip() for part in selector.split(",")]


def matches_part(part: str, group: Group) -> bool:
    """Return whether a group matches a name, a pattern, or an entry with its value: `is_last_layer=true`."""
    if "=" not in part:
        name = group.get("name")
        return isinstance(name, str) and (name == part or fnmatchcase(name, part))
    key, _, value = (word.strip() for word in part.partition("="))
    # Compare the base of a scheduled field, because its value in the group changes.
    base = recorded_base(group, key)
    entry = group.get(key) if base is None else base
    if key not in group:
        return False
    if isinstance(entry, str):
        return entry == value
    if isinstance(entry, bool) or entry is None:
        return value.lower() == ("null" if entry is None else str(entry).lower())
    try:
        return is_number(entry) and float(entry) == float(value)
    except ValueError:
        return False


class Overlap(Enum):
    """How the groups of one selector overlap with the groups of another."""

    INSIDE = "all groups of the first selector are groups of the second"
    APART = "no group of the first selector is a group of the second"
    UNKNOWN = "the overlap depends on the groups of the optimizer"


def overlap_of(selector: Selector, other: Selector, optimizers: Collection[str] = ()) -> Overlap:
    """Return how the groups of a selector overlap with the groups of another.

    Args:
        selector: the selector.
        other: the other selector.
        optimizers: the names of the optimizers, if the plan drives several.

    >>> overlap_of("layer_3", "layer_*").name, overlap_of("head", "layer_*").name, overlap_of("layer_*", "layer_3").name
    ('INSIDE', 'APART', 'UNKNOWN')
    """
    if selector == other:
        return Overlap.INSIDE
    if isinstance(selector, int) and isinstance(other, int):
        return Overlap.APART
    if not isinstance(selector, str) or not isinstance(other, str) or "=" in selector or "=" in other:
        return Overlap.UNKNOWN
    overlap = _overlap_of_names if not optimizers else partial(_overlap_in_optimizers, optimizers)
    parts = parts_of(other)
    pairs = [[overlap(part, one) for one in parts] for part in parts_of(selector)]
    if all(Overlap.INSIDE in row for row in pairs):
        return Overlap.INSIDE
    return Overlap.APART if all(set(row) == {Overlap.APART} for row in pairs) else Overlap.UNKNOWN


def _overlap_of_names(part: str, other: str) -> Overlap:
    """Return the overlap of two names or patterns."""
    if part == other:
        return Overlap.INSIDE
    if not set(part) & set("*?["):
        return Overlap.INSIDE if fnmatchcase(part, other) else Overlap.APART
    if not set(other) & set("*?["):
        return Overlap.UNKNOWN if fnmatchcase(other, part) else Overlap.APART
    return Overlap.UNKNOWN


def _overlap_in_optimizers(optimizers: Collection[str], part: str, other: str) -> Overlap:
    """Return the overlap of two names or patterns of groups of several optimizers."""
    first, second = (_place(one, optimizers) for one in (part, other))
    (head, _, name), (other_head, _, other_name) = first.partition("/"), second.partition("/")
    if head == other_head:
        return _overlap_of_names(name, other_name)
    if {head, other_head} <= set(optimizers):
        return Overlap.APART
    return _overlap_of_names(first, second)


def _place(part: str, optimizers: Collection[str]) -> str:
    """Return the pattern `optimizer/group` of a name or pattern."""
    if part in optimizers:
        return f"{part}/*"
    head, slash, _ = part.partition("/")
    return part if slash and any(fnmatchcase(one, head) for one in optimizers) else f"*/{part}"
