"""Lines that follow another line: `like("lr")` is the multiple of base of a field, or the value of a target."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, final

from paramsched.core.groups.fields import Field
from paramsched.core.plan.binding import (
    Binding,
    OverlapOfGroups,
    Selector,
    Target,
    overlap_of,
    replace_schedule,
    selector_text,
)
from paramsched.core.plan.messages import followed as messages
from paramsched.core.schedules.anneals import constant
from paramsched.core.schedules.combinators import followed_target, without_rules
from paramsched.core.schedules.schedule import OPERATORS, Schedule
from paramsched.core.schedules.sequence import sequence_of, stages_of, with_own_ends
from paramsched.errors import InvalidArgument


def likes_in(schedule: Schedule) -> Iterator[Schedule]:
    """Yield every `like(…)` in a schedule."""
    if schedule.kind == "like":
        yield schedule
    for inner in schedule.parts():
        yield from likes_in(inner)


_RETIMING = (
    "sequence",
    "shift",
    "restarts",
    "window",
    "every",
    "take",
    "skip",
)  # a common factor may be outside of these


def advice_to_factor_out(schedule: Schedule) -> str:
    """Return the advice to multiply an entire line by a target, because `*` takes precedence over `>>`.

    >>> from paramsched.core.schedules import parse
    >>> advice_to_factor_out(parse('warmup(10) >> cosine() * like("batch_size") ** 0.5'))
    'Write (warmup(10) >> cosine()) * like("batch_size") ** 0.5'
    """
    if schedule.kind == "guided":
        rules = " * ".join(map(str, schedule.metric_rules))
        return f"{advice_to_factor_out(without_rules(schedule))} * {rules}"
    factors: dict[Schedule, None] = {}

    def without_factors(value: Any) -> Any:
        if not isinstance(value, Schedule):
            return value
        if value.kind == "product" or _is_factor(value):
            operands = value.args["operands"] if value.kind == "product" else (value,)
            factors.update(dict.fromkeys(filter(_is_factor, operands)))
            others = tuple(without_factors(operand) for operand in operands if not _is_factor(operand))
            if len(others) > 1:
                return _product(others)
            return others[0] if others else constant()
        return value.changed(without_factors) if value.kind in _RETIMING else value

    rest = without_factors(schedule)
    if len(factors) != 1 or any(likes_in(rest)):
        return messages.ENTIRE_LINE
    return messages.entire_line(_product((rest, *factors)))


def _product(operands: tuple[Schedule, ...]) -> Schedule:
    return OPERATORS["product"].call(operands=operands)


def _is_factor(value: Schedule) -> bool:
    """Return whether a value consists of `like(…)`, numbers and powers: `(like("batch_size") / 256) ** 0.5`."""
    if value.kind == "power":
        return _is_factor(value.args["schedule"])
    if value.kind == "product":
        operands = value.args["operands"]
        return any(map(_is_factor, operands)) and all(
            operand.kind == "constant" or _is_factor(operand) for operand in operands
        )
    return value.kind == "like"


def with_followed_lines(bindings: Sequence[Binding], optimizers: Collection[str] = ()) -> Sequence[Binding]:
    """Replace each `like(…)` in the bindings by the schedule of the followed field, or by the target.

    If the default line of a field follows another field that has lines for some groups, the result has a line of the
    first field for each of these selectors.
    """
    if not any(binding.schedule.has_likes for binding in bindings):
        return bindings
    plan = _FollowedPlan(bindings, optimizers)
    return [line for binding in bindings for line in plan.lines_for(binding)]


def schedules_followed(bindings: Sequence[Binding]) -> Callable[[Binding], Schedule]:
    """Return a function of a binding that returns its schedule, with each `like(…)` replaced by the followed one."""
    if not any(binding.schedule.has_likes for binding in bindings):
        return lambda binding: binding.schedule
    plan = _FollowedPlan(bindings)

    def followed(binding: Binding) -> Schedule:
        if not binding.schedule.has_likes:
            return binding.schedule
        first, *_ = plan.lines_for(binding)
        return first.schedule

    return followed


def targets_followed(schedule: Schedule) -> Iterator[Schedule]:
    """Yield the targets that a schedule of `with_followed_lines` follows, but not those that these follow in turn."""
    if schedule.kind == "followed_target":
        yield schedule
    else:
        for inner in schedule.parts():
            yield from targets_followed(inner)


def target_names(bindings: Sequence[Binding]) -> frozenset[str]:
    """Return the names of the targets that `like(…)` can follow: those that are not also names of fields."""
    fields = {binding.name for binding in bindings if not isinstance(binding.field, Target)}
    return frozenset(binding.name for binding in bindings) - fields


def replace_likes(value: Any, replaced: Callable[[Schedule], Schedule]) -> Any:
    """Return a schedule, or an argument, with each `like(…)` in it replaced."""
    if not isinstance(value, Schedule) or not value.has_likes:
        return value
    if value.kind == "like":
        return replaced(value)
    if value.kind == "sequence":  # the followed line has its own levels, whatever is beside it here
        stages = stages_of(value)
        value = sequence_of(with_own_ends(replaced(stage)) if stage.kind == "like" else stage for stage in stages)
    return value.changed(lambda inner: replace_likes(inner, replaced))


def name_followed(like: Schedule) -> str:
    """Return the name of the field or the target that `like(…)` follows, as it is spelled in a plan."""
    try:
        return str(Field.of(like.args["field"]))
    except InvalidArgument:
        return str(like.args["field"])


class _FollowedLine(NamedTuple):
    """A line of a plan: the name of its field or target, and its selector."""

    name: str
    groups: Selector
    is_target: bool = False

    def __str__(self) -> str:
        return self.name if self.groups is None else f"{self.name} @ {selector_text(self.groups)}"


_MOST_FOLLOWERS = 40
"""The lines of a chain, because each of them substitutes all lines after it."""


@final
class _FollowedPlan:
    """The lines of a plan: those of fields by field and selector, and those of targets."""

    def __init__(self, bindings: Sequence[Binding], optimizers: Collection[str] = ()) -> None:
        self.optimizers = optimizers
        self.lines: dict[str, dict[Selector, Schedule]] = {}
        self.targets: dict[str, Schedule] = {}
        self.initial: dict[str, float] = {}
        self.required = {binding.groups for binding in bindings if not binding.optional}
        for binding in bindings:
            if isinstance(binding.field, Target):
                self.targets[binding.name] = binding.schedule
                self.initial[binding.name] = binding.field.initial
            else:
                self.lines.setdefault(binding.name, {})[binding.groups] = binding.schedule

    def lines_for(self, binding: Binding) -> Iterator[Binding]:
        """Yield a binding with every `like(…)` replaced.

        For a default line, also yield a line for each selector that the followed fields have.
        """
        line = _FollowedLine(binding.name, binding.groups, isinstance(binding.field, Target))
        yield replace_schedule(binding, self.substitute(binding.schedule, line, binding.groups, (), line))
        if binding.groups is not None or line.is_target:
            return
        selectors = [groups for groups in self.lines[binding.name] if groups is not None]
        for groups in self.groups_followed(binding.schedule, {binding.name}):
            overlaps = (overlap_of(groups, selector, self.optimizers) for selector in selectors)
            if OverlapOfGroups.INSIDE not in overlaps:
                schedule = self.substitute(binding.schedule, line, groups, (), line)
                yield Binding(binding.field, schedule, groups, optional=groups not in self.required)

    def groups_followed(self, schedule: Schedule, seen: set[str]) -> dict[Selector, None]:
        """Return the selectors of the lines of all fields that a default line follows, in order."""
        selectors: dict[Selector, None] = {}
        for name in dict.fromkeys(map(name_followed, likes_in(schedule))):
            if name in seen or name not in self.lines:
                continue
            lines = self.lines[name]
            selectors |= dict.fromkeys(groups for groups in lines if groups is not None)
            for line in lines.values():
                selectors |= self.groups_followed(line, {*seen, name})
        return selectors

    def substitute(
        self,
        schedule: Schedule,
        line: _FollowedLine,
        groups: Selector,
        followers: tuple[_FollowedLine, ...],
        resolved_as: _FollowedLine,
    ) -> Schedule:
        """Replace each `like(…)` in the schedule of a line by the schedule of the followed line.

        Args:
            schedule: the schedule, or the part of it to replace.
            line: the line of the schedule.
            groups: the groups for which it is evaluated.
            followers: the lines that follow this one, directly or indirectly.
            resolved_as: the line on whose clock the schedule is resolved.
        """
        if line in followers:
            circle = [follower.name for follower in (*followers[followers.index(line) :], line)]
            raise messages.circular_reference(str(line), schedule, circle)
        if len(followers) > _MOST_FOLLOWERS:
            first = str(followers[0])
            last = followers[-1].name
            raise messages.too_many_followers(str(line), schedule, _MOST_FOLLOWERS, first, last)

        def followed(like: Schedule) -> Schedule:
            name = name_followed(like)
            if name not in self.lines and name in self.targets:
                return self.target_followed(like, line, (*followers, line), resolved_as)
            other = self.line_followed(like, line, groups)
            schedule = self.lines[other.name][other.groups]
            if schedule.metric_rules:
                raise messages.followed_line_has_a_rule(_following(like, line), str(other))
            if schedule.has_absolute:
                raise messages.followed_line_has_values(_following(like, line), str(other))
            return self.substitute(schedule, other, groups, (*followers, line), resolved_as)

        substituted: Schedule = replace_likes(schedule, followed)
        return substituted

    def target_followed(
        self, like: Schedule, line: _FollowedLine, followers: tuple[_FollowedLine, ...], resolved_as: _FollowedLine
    ) -> Schedule:
        """Return the target that `like(…)` follows."""
        target = _FollowedLine(name_followed(like), None, is_target=True)
        schedule = self.targets[target.name]
        if schedule.metric_rules:
            raise messages.followed_line_has_a_rule(_following(like, line), str(target))
        inner = self.substitute(schedule, target, None, followers, target)
        written = self.targets if resolved_as.is_target else self.lines[resolved_as.name]
        key: Any = resolved_as.name if resolved_as.is_target else resolved_as.groups
        return followed_target(
            target.name, inner, self.initial[target.name], str(resolved_as), advice_to_factor_out(written[key])
        )

    def line_followed(self, like: Schedule, line: _FollowedLine, groups: Selector) -> _FollowedLine:
        """Return the line that `like(…)` follows in some groups."""
        name = name_followed(like)
        if name not in self.lines:
            raise messages.followed_name_is_unknown(_following(like, line), name, self.lines, list(self.targets))
        lines = self.lines[name]
        # In a line for some groups, its own field means the default line.
        if groups is not None and (name != line.name or line.is_target):
            overlaps = {other: overlap_of(groups, other, self.optimizers) for other in lines if other is not None}
            for other, overlap in overlaps.items():
                if overlap is OverlapOfGroups.INSIDE:
                    return _FollowedLine(name, other)
            for other, overlap in overlaps.items():
                if overlap is OverlapOfGroups.UNKNOWN:
                    following = _following(like, line)
                    raise messages.groups_may_overlap(following, name, selector_text(groups), selector_text(other))
        if None not in lines:
            raise messages.followed_in_some_groups(_following(like, line), name, map(selector_text, lines))
        return _FollowedLine(name, None)


def _following(like: Schedule, line: _FollowedLine) -> messages.FollowingLine:
    return messages.FollowingLine(like, str(line), line.name)
