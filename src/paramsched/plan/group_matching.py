"""Matching selectors with groups, and resolving fields that follow another field, `like(…)`."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, TypeAlias, final

from paramsched.base.near_names import closest, did_you_mean
from paramsched.errors import InvalidArgument, PlanError, UnknownGroup
from paramsched.fields import Field, Group, is_number, recorded_base
from paramsched.plan.binding import Binding, Selector, Target, replace_schedule, selector_text
from paramsched.schedules import Schedule
from paramsched.schedules.base import with_changed_fields
from paramsched.schedules.leaves import Like
from paramsched.schedules.pointwise import Product, Sum

_PATTERN = re.compile(r"[*?\[,=\s]")  # characters in a selector that is not just a name


def is_selected(selector: Selector, group: Group, index: int) -> bool:
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
        return bool(_PATTERN.search(selector)) and any(_matches(one, group) for one in _parts_of(selector))
    if isinstance(selector, int):
        return index == selector
    return bool(selector(group))


def refuse_unmatched(name: str, selector: Selector, groups: Sequence[Group]) -> None:
    """Raise if a selector, or a part of one, selects none of the groups."""
    if any(isinstance(selector, str) and group.get("name") == selector for group in groups):
        return
    site = f"Binding({name!r}, groups={selector!r})"
    names = [group["name"] for group in groups if isinstance(group.get("name"), str)]
    there = "there is 1 group" if len(groups) == 1 else f"there are {len(groups)} groups"
    there += f": {', '.join(names)}" if names else ""
    if isinstance(selector, int) and not 0 <= selector < len(groups):
        raise _unmatched(selector, site, f"no group of that name or index; {there}", _HOW_TO_NAME)
    if isinstance(selector, str):
        parts = _parts_of(selector)
        for part in parts:
            if any(_matches(part, group) for group in groups):
                continue
            if "=" in part:
                entries = [
                    f"{key}={str(entry).lower() if isinstance(entry, bool) else entry}"
                    for group in groups
                    for key, entry in group.items()
                    if isinstance(key, str) and isinstance(entry, (str, bool, int, float))
                ]
                near = closest(part, entries)
                meant = _HOW_TO_NAME if near is None else f'Write "{near}"'
                raise _unmatched(selector, site, f"no group has {part}; {there}", meant)
            which = "of that name or index" if len(parts) == 1 and "*" not in part else f"called {part!r}"
            near = closest(part, names)
            meant = f'Write "{near}"' if near is not None else _HOW_TO_NAME
            raise _unmatched(selector, site, f"no group {which}; {there}", meant)


_HOW_TO_NAME = 'Write names into the groups of the optimizer: {"params": params, "name": "head"}'


def _unmatched(selector: Selector, site: str, found: str, instead: str) -> UnknownGroup:
    """Return the error for a selector that selects no group, with its config path."""
    path = f"$.groups.{selector}" if isinstance(selector, str) and selector.isidentifier() else ""
    return UnknownGroup(site, found, instead, path=path)


def _parts_of(selector: str) -> list[str]:
    return [selector] if "=" in selector else [part.strip() for part in selector.split(",")]


def _matches(part: str, group: Group) -> bool:
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


def overlap_of(selector: Selector, other: Selector) -> Overlap:
    """Return how the groups of a selector overlap with the groups of another.

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
    """Return the overlap of two names or patterns."""
    if part == other:
        return Overlap.INSIDE
    if not set(part) & set("*?["):
        return Overlap.INSIDE if fnmatchcase(part, other) else Overlap.APART
    if not set(other) & set("*?["):
        return Overlap.UNKNOWN if fnmatchcase(other, part) else Overlap.APART
    return Overlap.UNKNOWN


_Line: TypeAlias = tuple[str, Selector]  # the name of a field or target, and the selector of one of its lines


def with_followed_fields(bindings: Sequence[Binding]) -> Sequence[Binding]:
    """Replace each `like(…)` in the bindings by the schedule of the followed field.

    If a default follows a field that has lines for some groups, it gets a separate line for each of these.
    """
    if not any(any(_likes_in(binding.schedule)) for binding in bindings):
        return bindings
    plan = _FollowedPlan(bindings)
    return [line for binding in bindings for line in plan.lines_for(binding)]


def schedule_followed(bindings: Sequence[Binding], binding: Binding) -> Schedule:
    """Return the schedule of one binding, with each `like(…)` replaced by the schedule of the followed field."""
    if not any(_likes_in(binding.schedule)):
        return binding.schedule
    first, *_ = _FollowedPlan(bindings).lines_for(binding)
    return first.schedule


@final
class _FollowedPlan:
    """The lines of a plan by field and selector, without targets, which no field can follow."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self.lines: dict[str, dict[Selector, Schedule]] = {}
        for binding in bindings:
            if not isinstance(binding.field, Target):
                self.lines.setdefault(binding.name, {})[binding.groups] = binding.schedule

    def lines_for(self, binding: Binding) -> Iterator[Binding]:
        """Yield a binding with every `like(…)` replaced; for a default also lines for the groups of followed fields."""
        line = (binding.name, binding.groups)
        yield replace_schedule(binding, self.substitute(binding.schedule, line, binding.groups, ()))
        if binding.groups is not None or isinstance(binding.field, Target):
            return
        own = self.lines[binding.name]
        for groups in self.groups_followed(binding.schedule, {binding.name}):
            if not any(overlap_of(groups, mine) is Overlap.INSIDE for mine in own if mine is not None):
                yield Binding(binding.field, self.substitute(binding.schedule, line, groups, ()), groups)

    def groups_followed(self, schedule: Schedule, seen: set[str]) -> dict[Selector, None]:
        """Return the selectors in the lines of every field that a default follows, in order."""
        found: dict[Selector, None] = {}
        for name in dict.fromkeys(map(_name_of_field, _likes_in(schedule))):
            if name in seen or name not in self.lines:
                continue
            lines = self.lines[name]
            found |= dict.fromkeys(groups for groups in lines if groups is not None)
            for one in lines.values():
                found |= self.groups_followed(one, {*seen, name})
        return found

    def substitute(self, schedule: Schedule, line: _Line, groups: Selector, followers: tuple[_Line, ...]) -> Schedule:
        """Replace each `like(…)` in the schedule of a line by the schedule of the followed line.

        Args:
            schedule: the schedule, or the part of it to replace.
            line: the line of the schedule.
            groups: the groups for which it is evaluated.
            followers: the lines that follow this one, directly or indirectly.
        """
        if line in followers:
            cycle = " -> ".join(name for name, _ in (*followers[followers.index(line) :], line))
            raise PlanError(f"{_line_text(line)}: {schedule}", f"it follows itself: {cycle}", "Remove one of them")

        def followed(like: Like) -> Schedule:
            other = self.line_followed(like, line, groups)
            found = self.lines[other[0]][other[1]]
            if found.metric_rules:
                raise _refusal(like, line, f"{_line_text(other)} has a metric rule", "Write its schedule here")
            if found.has_absolute:
                why = f"{_line_text(other)} has absolute levels, which are values of that field"
                raise _refusal(like, line, why, "Write its schedule here, with multiples of base")
            return self.substitute(found, other, groups, (*followers, line))

        made: Schedule = _replaced(schedule, followed)
        return made

    def line_followed(self, like: Like, line: _Line, groups: Selector) -> _Line:
        """Return the line that `like(…)` follows in some groups."""
        name = _name_of_field(like)
        if name not in self.lines:
            why = f"{name} is not a field of this plan; {did_you_mean(name, self.lines)}"
            raise _refusal(like, line, why, f"Schedule {name}, or follow one of {', '.join(self.lines)}")
        lines = self.lines[name]
        if name == line[0]:  # in a line for some groups, its own field means the default line
            if line[1] is None:
                raise _refusal(like, line, "it follows itself", "Write its schedule here")
        elif groups is not None:
            overlaps = {one: overlap_of(groups, one) for one in lines if one is not None}
            around = next((one for one in overlaps if overlaps[one] is Overlap.INSIDE), None)
            if around is not None:
                return name, around
            unknown = next((one for one in overlaps if overlaps[one] is Overlap.UNKNOWN), None)
            if unknown is not None:
                why = (
                    f"{name} has a line for {selector_text(unknown)}, and it is unknown whether this line selects the "
                    f"groups of {selector_text(groups)}"
                )
                raise _refusal(
                    like,
                    line,
                    why,
                    f"Write a line of {line[0]} for {selector_text(unknown)} too, or write its schedule here",
                )
        if None not in lines:
            why = f"{name} is scheduled in some groups only: {', '.join(map(selector_text, lines))}"
            raise _refusal(like, line, why, f"Schedule {name} for all groups, or follow it only in these groups")
        return name, None


def _likes_in(schedule: Schedule) -> Iterator[Like]:
    if isinstance(schedule, Like):
        yield schedule
    for part in schedule.parts():
        yield from _likes_in(part)


def _name_of_field(like: Like) -> str:
    try:
        return str(Field.of(like.field))
    except InvalidArgument:
        return like.field


def _replaced(value: Any, followed: Any) -> Any:
    """Return a value with each `like(…)` in it replaced."""
    if isinstance(value, Like):
        return followed(value)
    if not isinstance(value, (Schedule, tuple)):
        return value
    made = with_changed_fields(value, lambda one: _replaced(one, followed))
    if made is not value and isinstance(made, (Product, Sum)):  # flat, as the text is parsed
        flat = (one.operands if type(one) is type(made) else (one,) for one in made.operands)
        return type(made)(tuple(operand for operands in flat for operand in operands))
    return made


def _line_text(line: _Line) -> str:
    name, groups = line
    return name if groups is None else f"{name} @ {selector_text(groups)}"


def _refusal(like: Like, line: _Line, found: str, instead: str) -> PlanError:
    return PlanError(f"{like} in {_line_text(line)}", found, instead)
