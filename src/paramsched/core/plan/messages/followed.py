"""The errors of lines that follow another line by `like(…)`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.words import did_you_mean
from paramsched.core.schedules.schedule import Schedule
from paramsched.errors import PlanError


@final
@dataclass(frozen=True, slots=True)
class FollowingLine:
    """A `like(…)`, and the line in which it stands.

    Args:
        like: the `like(…)`.
        line: the name of the line, with its selector: `lr @ head`.
        field: the name of the field or target of the line.
    """

    like: Schedule
    line: str
    field: str


# ---------------------------------------------------------------- lines that follow each other


def circular_reference(line: str, schedule: Schedule, names: Iterable[str]) -> PlanError:
    """Return the error for a line that follows itself; `names` are those of the lines of the circle."""
    return PlanError(f"{line}: {schedule}", f"circular reference: {' → '.join(names)}", "Remove one of them")


def too_many_followers(line: str, schedule: Schedule, limit: int, first: str, last_field: str) -> PlanError:
    """Return the error for a chain of too many lines.

    Args:
        line: the last line.
        schedule: its schedule.
        limit: the largest number of lines.
        first: the first line of the chain.
        last_field: the field of the line before the last one.
    """
    message = f"more than {limit} lines follow each other, from {first} on"
    return PlanError(f"{line}: {schedule}", message, f'Follow one line: like("{last_field}")')


# ---------------------------------------------------------------- a line that cannot be followed


def followed_line_has_a_rule(following: FollowingLine, followed: str) -> PlanError:
    """Return the error for a line that follows one with a metric rule."""
    return _refusal(following, f"{followed} has a metric rule", _REPEAT)


def followed_line_has_values(following: FollowingLine, followed: str) -> PlanError:
    """Return the error for a line that follows one with absolute levels."""
    message = f"{followed} has absolute levels, which are values of that field"
    return _refusal(following, message, f"{_REPEAT}, with multiples of base")


def followed_name_is_unknown(
    following: FollowingLine, name: str, fields: Iterable[str], targets: Sequence[str]
) -> PlanError:
    """Return the error for a name that the plan does not schedule.

    Args:
        following: the `like(…)`.
        name: the name that it follows.
        fields: the fields of the plan.
        targets: the targets of the plan.
    """
    names = list(dict.fromkeys([*fields, *targets]))
    kind = "a field or target" if targets else "a field"
    message = f"{name} is not {kind} of this plan; {did_you_mean(name, names)}"
    return _refusal(following, message, f"Schedule {name}, or follow one of {', '.join(names)}")


def groups_may_overlap(following: FollowingLine, name: str, groups: str, other_groups: str) -> PlanError:
    """Return the error for a line whose groups the followed field may schedule by a line of their own.

    Args:
        following: the `like(…)`.
        name: the name of the followed field.
        groups: the text of the selector of the line.
        other_groups: the text of the selector of the followed field.
    """
    message = (
        f"{name} has a line for {other_groups}, and it is unknown whether this line selects the groups of {groups}"
    )
    advice = f"Add a line of {following.field} for {other_groups} too, or repeat its schedule here"
    return _refusal(following, message, advice)


def followed_in_some_groups(following: FollowingLine, name: str, selectors: Iterable[str]) -> PlanError:
    """Return the error for a line of all groups that follows a field of some groups; `selectors` are their texts."""
    message = f"{name} is scheduled in some groups only: {', '.join(selectors)}"
    advice = f"Schedule {name} for all groups, or follow it only in these groups"
    return _refusal(following, message, advice)


_REPEAT: Final = "Repeat its schedule here"


def _refusal(following: FollowingLine, message: str, advice: str) -> PlanError:
    return PlanError(f"{following.like} in {following.line}", message, advice)


# ---------------------------------------------------------------- the advice of a `like(…)` inside of a sequence

ENTIRE_LINE: Final = 'Multiply the entire line, with brackets: (warmup("5%") >> cosine()) * like("batch_size")'


def entire_line(product: Schedule) -> str:
    """Return the advice to multiply an entire line; `product` is that line."""
    return f"Write {product}"
