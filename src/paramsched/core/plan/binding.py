"""Bindings: one schedule, its target, and the parameter groups that the target selects."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, Literal, TypeAlias, final

from paramsched.base.params import readable, short_name
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.core.calls.builders import SHAPES
from paramsched.core.calls.checked_calls import answering_class
from paramsched.core.calls.number_checks import finite_number
from paramsched.core.curves.curve import Curve
from paramsched.core.groups.fields import PAIRS, Field, Group, is_field_name, is_number, recorded_base
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.messages import bindings as messages
from paramsched.core.schedules.combinators import chain, guided, without_rules
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.schedule import Schedule, durations_in, line_of, schedule_of, values_inside
from paramsched.core.schedules.text import parse, parse_own, read_line
from paramsched.core.time.duration import Duration
from paramsched.core.time.run_facts import UPDATES as UPDATES
from paramsched.core.time.run_facts import ClockName, known_clock
from paramsched.errors import CallSite, InvalidArgument, PlanError, shown

Selector: TypeAlias = str | int | Callable[[Group], bool] | None
"""Selects groups by text, index, or a predicate over the group dict; None selects the groups without their own line.

A text is the name of a group, an entry and its value (`is_last_layer=true`), or names and patterns separated by commas
(`layer_*, head`).
"""

ScheduleLike: TypeAlias = Schedule | MetricRule[Any] | AbsoluteValue | Literal[0, 1] | str
short_name("ScheduleLike", ScheduleLike)
"""A schedule, a metric rule, a finite number, or the text of a schedule."""


@answering_class
@final
@dataclass(frozen=True, slots=True)
class Target:
    """A value outside the optimizer: `scheduler.value("temperature")` reads it.

    Args:
        name: an identifier.
        initial: the base of the target's schedule, a finite number.
        write: a function that is called with each new value; it is not saved with the plan. Default: none.

    >>> Target("temperature", 2).initial
    2.0
    """

    name: str
    initial: float
    write: Callable[[float], object] | None = None

    def __reduce__(self) -> Reduced:
        return pickled("Target", self.name, self.initial, self.write)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise messages.name_is_not_an_identifier(self.name)
        object.__setattr__(self, "initial", finite_number(f"Target({self.name!r}, initial=…)", self.initial))
        if self.write is not None and not callable(self.write):
            raise messages.write_is_not_callable(self.write)


readable(Target, Target.__init__)
restores("Target")(Target)


@answering_class
@final
@dataclass(frozen=True, slots=True)
class Binding:
    """A field (or a target), the groups it is scheduled in, and its schedule.

    Args:
        field: the name of a numeric entry of param groups, such as `"lr"` or `"betas[0]"`; or a `Target`.
        schedule: a schedule, a metric rule, a finite number, or the text of a schedule.
        groups: a group's name, `"layer_*, head"`, `"is_last_layer=true"`, an index such as 0 or `"[0]"`, or a predicate
            over the group dict. Default: all groups that no other binding of the field selects.
        optional: True for groups that are added during the run: the binding may select no group at the start, and
            applies from the update on at which one is added.

    Raises:
        InvalidArgument: an argument has a wrong type or value.

    >>> str(Binding("lr", "cosine(to=0.1)", groups="head"))
    'lr @ head: cosine(to=0.1)'
    """

    field: str | Target
    schedule: Schedule
    groups: Selector = None
    optional: bool = False

    def __init__(
        self, field: str | Target, schedule: ScheduleLike, groups: Selector = None, optional: bool = False
    ) -> None:
        if isinstance(field, str):
            _refuse_name(field, schedule)
        elif isinstance(field, Schedule) and isinstance(schedule, str) and is_field_name(schedule):
            raise messages.field_comes_first(str(field), schedule)
        is_target = isinstance(field, Target)
        name = field.name if isinstance(field, Target) else field
        object.__setattr__(self, "field", field if is_target else str(Field.of(name)))
        object.__setattr__(self, "schedule", _bound_schedule(name, schedule))
        index = index_in_name(groups) if isinstance(groups, str) else None
        object.__setattr__(self, "groups", groups if index is None else index)
        object.__setattr__(self, "optional", optional)
        if groups is not None:
            _check_groups(name, groups, is_target=is_target)
        _check_optional(name, groups, optional, is_target=is_target)

    def __reduce__(self) -> Reduced:
        return pickled("Binding", self.field, self.schedule, self.groups, self.optional)

    def __setstate__(self, state: list[Any]) -> None:
        """Take the state in a pickle of 1.0.0rc6; those of 1.0.0rc5 have no `optional`."""
        for name, value in zip(("field", "schedule", "groups", "optional"), [*state, False], strict=False):
            object.__setattr__(self, name, value)

    @property
    def name(self) -> str:
        """The field's or the target's name."""
        return self.field.name if isinstance(self.field, Target) else self.field

    @property
    def serializable(self) -> bool:
        """True if the binding can be written as text: no predicate and no unregistered function."""
        return self.schedule.serializable and not callable(self.groups)

    def __str__(self) -> str:
        place = "" if self.groups is None else f" @ {selector_text(self.groups)}"
        initial = f" = {self.field.initial!r}" if isinstance(self.field, Target) else ""
        return f"{self.name}{initial}{place}{_OPTIONAL * self.optional}: {self.schedule}"


readable(Binding, Binding.__init__)
restores("Binding")(Binding)


def _refuse_name(field: str, schedule: Any) -> None:
    """Raise for a schedule in place of a field, for an entry of a plan file, and for an argument of a schedule."""
    if "(" in field and isinstance(schedule, str) and is_field_name(schedule):
        raise messages.field_comes_first(repr(field), schedule)
    if field in messages.ENTRIES_IN_CODE:
        raise messages.entry_of_a_file(field, schedule)
    if isinstance(schedule, (int, float)) and is_of_schedule(field):
        raise messages.argument_of_a_schedule(field, schedule)


_OPTIONAL = " (optional)"

_MOST_GROUPS = 2**63


def _check_groups(name: str, groups: Any, *, is_target: bool) -> None:
    """Raise for a selector that is neither text, an index nor a function, and for one of a target."""
    if isinstance(groups, bool) or not (isinstance(groups, (str, int)) or callable(groups)):
        raise messages.selector_has_wrong_type(name, groups, _suggested_groups(groups))
    if groups == "" or (isinstance(groups, int) and not 0 <= groups < _MOST_GROUPS):
        raise messages.neither_name_nor_index(name, groups, _suggested_groups(groups))
    if is_target:
        raise messages.target_has_no_groups(name, groups)


def _check_optional(name: str, groups: Selector, optional: object, *, is_target: bool) -> None:
    """Raise for `optional` that is not a bool, and for True without groups."""
    if isinstance(optional, bool) and (not optional or groups is not None):
        return
    if is_target:
        raise messages.target_is_not_optional(name, optional)
    if not isinstance(optional, bool):
        raise messages.optional_is_not_a_bool(name, optional)
    raise messages.optional_without_groups(name)


_INDEX: Final = re.compile(r"\[(\d{1,9})\]")


def index_in_name(name: str) -> int | None:
    """Return the index that a group's name such as `[0]` means; None for other names.

    >>> index_in_name("[0]"), index_in_name("head")
    (0, None)
    """
    match = _INDEX.fullmatch(name)
    return int(match[1]) if match else None


def _suggested_groups(groups: object) -> str | int:
    """Return a valid selector that is close to an invalid one; several names become one text."""
    if isinstance(groups, (list, tuple, set)) and groups and all(isinstance(group, str) for group in groups):
        selector = ", ".join(groups)
        index = index_in_name(selector)
        return selector if index is None else index
    return 0 if isinstance(groups, (bool, int)) else "head"


def replace_schedule(binding: Binding, schedule: Schedule) -> Binding:
    """Return a copy of the binding with this schedule; its field and groups are not checked again."""
    changed = object.__new__(Binding)
    changed.__setstate__([binding.field, schedule, binding.groups, binding.optional])
    return changed


def selector_text(groups: Selector) -> str:
    """Return the text of a selector for messages."""
    return str(groups) if isinstance(groups, (str, int)) else f"<{getattr(groups, '__name__', 'predicate')}>"


def _bound_schedule(name: str, schedule: ScheduleLike) -> Schedule:
    """Convert the `schedule` argument of a binding to a schedule."""
    if isinstance(schedule, str):
        schedule = read_line(schedule)
    if isinstance(schedule, MetricRule):
        schedule = 1.0 * schedule
    if isinstance(schedule, Schedule) and schedule.kind != "guided":
        return schedule
    site = partial(messages.assignment, name, schedule)  # a function, because formatting a long schedule is slow
    if isinstance(schedule, Schedule):
        schedule_of(schedule.args["schedule"], site)
        return schedule
    if isinstance(schedule, Mapping):
        raise messages.expected_a_schedule(name, schedule, ())
    if isinstance(schedule, (list, tuple)):
        if name in PAIRS and schedule:
            raise messages.elements_are_fields(name, schedule)
        raise messages.expected_a_schedule(name, schedule, _stages_in(schedule))
    return line_of(schedule, site)


def is_of_schedule(name: str) -> bool:
    """Return whether the name of a field is that of a schedule or of an argument of one."""
    return name in SHAPES or name.startswith("warmup_")


def _stages_in(listed: Sequence[Any]) -> list[str]:
    """Return the texts of the stages in a list; none if one is no schedule, or has no length and is not the last."""
    texts = [str(stage) for stage in listed if isinstance(stage, (str, Schedule))]
    if not texts or len(texts) < len(listed):
        return []
    with suppress(InvalidArgument):
        *earlier, _ = map(parse, texts)
        if all(stage.has_length for stage in earlier):
            return texts
    return []


_MAX_NESTED_CHAINS = 40


def normal_bindings(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Merge bindings to one for each field and selector, sorted: lr first, defaults before selections, targets last."""
    several = tuple(bindings)
    if len(several) == 1:
        return several
    merged: dict[tuple[Any, ...], Binding] = {}
    for binding in several:
        key = binding_key(binding)
        before = merged.get(key)
        merged[key] = binding if before is None else _merged(before, binding)
    return tuple(merged[key] for key in sorted(merged, key=_rank))


def _merged(before: Binding, binding: Binding) -> Binding:
    """Return two bindings of one field and selector as one: the first, then the second."""
    if isinstance(binding.field, Target):
        raise messages.target_has_two_bindings(binding.name)
    if before.optional != binding.optional:
        raise messages.two_lines_of_one_selector(f"{binding.name} @ {selector_text(binding.groups)}")
    rules = (*before.schedule.metric_rules, *binding.schedule.metric_rules)
    first = without_rules(before.schedule)
    second = without_rules(binding.schedule)
    # Nest the chains, as earlier versions write them, unless that is too deep: then use one long chain.
    is_deep = first.depth >= _MAX_NESTED_CHAINS and first.kind == "chain"
    both = chain(*first.args["operands"], second) if is_deep else chain(first, second)
    return replace_schedule(binding, guided(both, rules) if rules else both)


def _rank(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the place of a line among those of a plan: by index, then by text, then by function."""
    is_target, name, groups = key
    rank: tuple[int, Any] = (3, 0)
    if groups is None:
        rank = (0, 0)
    elif isinstance(groups, int):
        rank = (1, groups)
    elif isinstance(groups, str):
        rank = (2, groups)
    return is_target, name != "lr", name, *rank


def checked_binding(value: object) -> Binding:
    """Validate a positional argument of a plan."""
    if isinstance(value, Binding):
        return value
    raise messages.not_a_binding(value)


def binding_key(binding: Binding) -> tuple[Any, ...]:
    """Return the key by which a plan merges its bindings."""
    return isinstance(binding.field, Target), binding.name, binding.groups


def lengths_of_line(binding: Binding) -> Iterator[Duration]:
    """Yield every length in a line: those of its schedule, and the times from which on its metric rules count."""
    yield from durations_in(binding.schedule)
    for rule in binding.schedule.metric_rules:
        if rule.begin is not None:
            yield rule.begin


def checked_plan_clock(clock: Any) -> ClockName:
    """Validate a plan's clock: its name, or None for updates.

    Raises:
        InvalidArgument: the clock is unknown.

    >>> checked_plan_clock("images"), checked_plan_clock(None)
    ('samples', 'updates')
    """
    return UPDATES if clock is None else known_clock(clock, CallSite("Plan", "clock", shown(clock)))


def amount_clock(clock: ClockName) -> str | None:
    """Return the clock of a plan if it counts an amount; None if it counts updates."""
    return None if clock == UPDATES else clock


def write_canonical_text(bindings: Iterable[Binding], total: Duration | None, clock: ClockName) -> str:
    """Return a plan as JSON text. Two plans are equal if and only if their texts are equal."""
    lines = [
        [
            [binding.field.name, binding.field.initial] if isinstance(binding.field, Target) else binding.field,
            binding.groups,
            str(binding.schedule),
            *([True] if binding.optional else []),
        ]
        for binding in bindings
    ]
    length: int | str | None = None
    if total is not None:
        length = total.updates if total.is_resolved else str(total)
    data: dict[str, Any] = {"total": length, "bindings": lines}
    if clock != UPDATES:
        data["clock"] = clock
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True)


def read_canonical_text(text: str) -> tuple[list[Binding], int | str | None, ClockName | None]:
    """Read the arguments of a plan from its canonical text: bindings, total and clock.

    Raises:
        ValueError, TypeError, LookupError, RecursionError: the text is not the canonical text of a plan.
    """
    data = json.loads(text)
    bindings = [
        Binding(Target(*field) if isinstance(field, list) else field, parse_own(line), groups, *optional)
        for field, groups, line, *optional in data["bindings"]
    ]
    return bindings, data["total"], data.get("clock")


def error_without_text(site: str, bindings: Iterable[Binding]) -> PlanError:
    """Return the error for the first line without a text.

    >>> print(error_without_text("dump(plan)", [Binding("lr", "cosine()", groups=lambda group: True)]))
    dump(plan): the groups of lr are chosen by a function. Select them by name
    """
    line = next(binding for binding in bindings if not binding.serializable)
    if callable(line.groups):
        return messages.groups_chosen_by_a_function(site, line.name)
    inner_parts = [inner for inner in values_inside(line.schedule) if isinstance(inner, Schedule | Curve)]
    innermost = [inner for inner in inner_parts if not inner.serializable][-1]
    if isinstance(innermost, Curve):
        return messages.curve_without_a_name(site, line.name)
    return messages.shape_defined_again(site, line.name, innermost.kind)


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
        return not is_only_name(selector) and any(matches_part(text, group) for text in parts_of(selector))
    return index == selector if isinstance(selector, int) else bool(selector(group))


def is_only_name(selector: str) -> bool:
    """Return whether a selector is a name: not a pattern, a list or an entry with its value."""
    return _PATTERN.search(selector) is None


def refuse_unmatched(name: str, selector: Selector, groups: Sequence[Group]) -> None:
    """Raise if a selector, or a part of one, selects none of the groups."""
    names = [group["name"] for group in groups if isinstance(group.get("name"), str)]
    if selector in names or not isinstance(selector, (str, int)):
        return
    selection = messages.SelectedGroups(name, selector, len(groups), names)
    if isinstance(selector, int):
        if not 0 <= selector < len(groups):
            raise messages.no_group_with_index(selection)
        return
    patterns = parts_of(selector)
    for pattern in patterns:
        if any(matches_part(pattern, group) for group in groups):
            continue
        if "=" in pattern:
            raise messages.no_group_with_entry(selection, pattern, _entries_of(groups))
        if len(patterns) == 1 and "*" not in pattern:
            raise messages.no_group_with_name(selection, pattern)
        raise messages.no_group_matches(selection, pattern)


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
    return [selector] if "=" in selector else [pattern.strip() for pattern in selector.split(",")]


def matches_part(pattern: str, group: Group) -> bool:
    """Return whether a group matches a name, a pattern, or an entry with its value: `is_last_layer=true`."""
    if "=" not in pattern:
        name = group.get("name")
        return isinstance(name, str) and (name == pattern or fnmatchcase(name, pattern))
    key, _, value = (word.strip() for word in pattern.partition("="))
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


class OverlapOfGroups(Enum):
    """How the groups of one selector overlap with the groups of another."""

    INSIDE = "all groups of the first selector are groups of the second"
    APART = "no group of the first selector is a group of the second"
    UNKNOWN = "the overlap depends on the groups of the optimizer"


def overlap_of(selector: Selector, second: Selector, optimizers: Collection[str] = ()) -> OverlapOfGroups:
    """Return how the groups of a selector overlap with the groups of another.

    Args:
        selector: the selector.
        second: the other selector.
        optimizers: the names of the optimizers, if the plan drives several.

    >>> overlap_of("layer_3", "layer_*").name, overlap_of("head", "layer_*").name, overlap_of("layer_*", "layer_3").name
    ('INSIDE', 'APART', 'UNKNOWN')
    """
    if selector == second:
        return OverlapOfGroups.INSIDE
    if isinstance(selector, int) and isinstance(second, int):
        return OverlapOfGroups.APART
    if not isinstance(selector, str) or not isinstance(second, str) or "=" in selector or "=" in second:
        return OverlapOfGroups.UNKNOWN
    overlap = _overlap_of_names if not optimizers else partial(_overlap_in_optimizers, optimizers)
    other_patterns = parts_of(second)
    pairs = [[overlap(pattern, other_pattern) for other_pattern in other_patterns] for pattern in parts_of(selector)]
    if all(OverlapOfGroups.INSIDE in row for row in pairs):
        return OverlapOfGroups.INSIDE
    is_apart = all(set(row) == {OverlapOfGroups.APART} for row in pairs)
    return OverlapOfGroups.APART if is_apart else OverlapOfGroups.UNKNOWN


def _overlap_of_names(pattern: str, second: str) -> OverlapOfGroups:
    """Return the overlap of two names or patterns."""
    if pattern == second:
        return OverlapOfGroups.INSIDE
    if not set(pattern) & set("*?["):
        return OverlapOfGroups.INSIDE if fnmatchcase(pattern, second) else OverlapOfGroups.APART
    if not set(second) & set("*?["):
        return OverlapOfGroups.UNKNOWN if fnmatchcase(second, pattern) else OverlapOfGroups.APART
    return OverlapOfGroups.UNKNOWN


def _overlap_in_optimizers(optimizers: Collection[str], pattern: str, second_pattern: str) -> OverlapOfGroups:
    """Return the overlap of two names or patterns of groups of several optimizers."""
    first = _place(pattern, optimizers)
    second = _place(second_pattern, optimizers)
    head, _, name = first.partition("/")
    other_head, _, other_name = second.partition("/")
    if head == other_head:
        return _overlap_of_names(name, other_name)
    if {head, other_head} <= set(optimizers):
        return OverlapOfGroups.APART
    return _overlap_of_names(first, second)


def _place(pattern: str, optimizers: Collection[str]) -> str:
    """Return the pattern `optimizer/group` of a name or pattern."""
    if pattern in optimizers:
        return f"{pattern}/*"
    head, slash, _ = pattern.partition("/")
    return pattern if slash and any(fnmatchcase(optimizer, head) for optimizer in optimizers) else f"*/{pattern}"
