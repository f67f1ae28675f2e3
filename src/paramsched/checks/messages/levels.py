"""The sentences about the levels of a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base import codes
from paramsched.checks.answer import Answer
from paramsched.core.plan.messages.lines import BELOW_ONE_ADVICE, FLOOR_ADVICE

_MULTIPLES: Final = "numbers are multiples of base"


@final
@dataclass(frozen=True, slots=True)
class FieldBase:
    """A field of a line, and a base of it.

    Args:
        name: the name of the field.
        number: the base; None if it is unknown.
        group: the words for the group that has it; empty if all groups have it.
    """

    name: str
    number: float | None
    group: str = ""

    def clause(self, verb: str, multiples: Sequence[float], because: str = "") -> str:
        """Return a clause with the values of some multiples of the base, or with the multiples alone."""
        written = " to ".join(f"{multiple:.4g}" for multiple in multiples)
        if self.number is None:
            return f"{self.name} {verb} {written} × base, because {because or _MULTIPLES}"
        values = " to ".join(f"{float(f'{multiple:.4g}') * self.number:g}" for multiple in multiples)
        clause = f"{self.name} {verb} {values} ({written} × base {self.number:g})"
        return f"{clause}, because {because}" if because else clause


# ---------------------------------------------------------------- is the base 0?


def initial_is_zero(name: str) -> Answer:
    """Return the answer for multiples of an initial value of 0."""
    return Answer(f"the initial value of {name} is 0, so every multiple of it is 0", "Write initial: 1.0")


def base_is_zero(name: str, fragment: str = "") -> Answer:
    """Return the answer for multiples of a base of 0.

    Args:
        name: the name of the field.
        fragment: what to write for values; empty for a line that has values.
    """
    alternative = f", or write {fragment}" if fragment else ""
    message = f"{name} of the optimizer is 0, so every multiple of it is 0"
    return Answer(message, f"Set it in the optimizer{alternative}")


# ---------------------------------------------------------------- is a number probably a value?


def one_level(base: FieldBase, level: float, fragment: str, *, is_last: bool, is_hint: bool = False) -> Answer:
    """Return the answer for one level that was probably meant as a value.

    Args:
        base: the base whose value the sentence has.
        level: the level.
        fragment: what to write for the value.
        is_last: True if the line ends at the level.
        is_hint: True if the answer is information.
    """
    verb = "ends at" if is_last else "has the level"
    message = f"numbers are multiples of the group's own {base.name}, so the {base.name} {verb} {level:g} × base"
    if base.number is not None:
        message = f"the {base.name}{base.group} {verb} {level * base.number:g} ({level:g} × base {base.number:g})"
    return Answer(message, f"For the value {level:g} write {fragment}", is_hint)


def several_levels(base: FieldBase, ends: Sequence[float], fragments: str, *, is_hint: bool) -> Answer:
    """Return the answer for multiples that were probably meant as values.

    Args:
        base: the base whose values the sentence has.
        ends: the only level, or those at both ends.
        fragments: what to write for the values.
        is_hint: True if the answer is information.
    """
    values = " to ".join(f"{end:.4g}" for end in ends)
    noun = "value" if len(ends) == 1 else "values"
    message = base.clause("is" if len(ends) == 1 else "goes from", ends)
    return Answer(message, f"For the {noun} {values} write {fragments}", is_hint)


def low_start(base: FieldBase, start: float, top: float) -> Answer:
    """Return the answer for a decay to 0 whose start is below the level before it, `top`."""
    higher = "base" if top == 1 else f"{top:g} × base"
    message = base.clause("falls from", (start, 0.0), because=f"start is {start:g}")
    return Answer(message, f"To fall from {higher} to {start:g} × base write start={top!r}, to={start!r}")


def sum_above_base(base: FieldBase, highest: float | None) -> Answer:
    """Return the answer for a sum that exceeds base; `highest` is its multiple, or None if that is unknown."""
    because = "a sum adds all of its schedules"
    message = f"{base.name} rises above base, because {because}"
    if highest is not None:
        message = base.clause("rises to", (float(f"{highest:.3g}"),), because=because)
    advice = "For one after the other write >>, such as warmup(500) >> cosine()"
    return Answer(message, f"{advice}; for the largest of them write maximum(cosine(), linear())")


def target_at_its_own_number(name: str, initial: float, fragment: str) -> Answer:
    """Return the answer for a level of a target that is its initial value."""
    message = f"{name} has the level {initial:g}, which is {initial**2:.6g}: {initial:g} × initial {initial:g}"
    return Answer(message, f"For values write {fragment}")


# ---------------------------------------------------------------- is it far above base?


def far_above_base(name: str, peak: float, base: float) -> Answer:
    """Return the answer for an absolute value far above the optimizer's own one."""
    message = f"{name} is {peak:g}, {peak / base:.3g} times the optimizer's own {base:g}"
    return Answer(message, f"Set {name} in the optimizer, or for multiples of {base:g} omit absolute(…)")


def length_or_value(multiple: float) -> Answer:
    """Return the answer for a level far above base, of a stage without a length."""
    return _rises_to(multiple, "For a length write over=…; for an absolute value write absolute(…)")


def level_beside_length(multiple: float, argument: str, level: float) -> Answer:
    """Return the answer for a level far above base, of a stage with a length."""
    value = f"{argument}=absolute({level:g})"
    return _rises_to(multiple, f"{argument}={level:g} is a level, not a length; for an absolute value write {value}")


def multiple_of_rate(multiple: float) -> Answer:
    """Return the answer for a number far above base, such as one of a table."""
    return _rises_to(multiple, "For an absolute value write absolute(…)")


def _rises_to(multiple: float, advice: str) -> Answer:
    return Answer(f"numbers are multiples of the group's own lr, so the lr rises to {multiple:.4g} × base", advice)


def grows(multiple: str, time: str) -> Answer:
    """Return the answer for a rate that grows to many times its base."""
    return Answer(f"it grows to {multiple} × base at {time}", "Use a ratio below 1, or a smaller multiple of base")


# ---------------------------------------------------------------- do absolute values erase groups?


def groups_made_equal(name: str, groups: Sequence[tuple[str | int, float]]) -> Answer:
    """Return the answer for an absolute line of groups whose own values differ."""
    bases = ", ".join(f"{base:g} in group {label!r}" for label, base in groups[:3])
    message = f"{name} is {bases} of the optimizer, and an absolute value has no base: the plan makes them equal"
    return Answer(message, "To keep their ratio write multiples of base: cosine(to=0.01)")


def decay_of_group_without(group: str | int, value: float) -> Answer:
    """Return the answer for a group without weight decay to which an absolute value gives one."""
    message = f"weight_decay of group {group!r} is 0 in the optimizer, and an absolute value has no base"
    advice = f'To keep 0, add a line for this group: ps.Binding("weight_decay", 0, groups={group!r})'
    return Answer(f"{message}: the plan gives it {value:g}", advice)


# ---------------------------------------------------------------- can the optimizer use the values?


def not_finite(group: str, value: float, time: str, advice: str) -> Answer:
    """Return the answer for a value of a group that is infinite or not a number."""
    return Answer(f"the value{group} is {value} at {time}", advice, code=codes.NOT_FINITE)


def may_reach_one(name: str, peak: float) -> Answer:
    """Return the answer for a multiple above 1 of a momentum whose base is unknown."""
    message = f"{name} reaches {peak:.3g} × base, which is 1 or more for a base of {1 / peak:.3g} or more"
    return Answer(message, BELOW_ONE_ADVICE)


def outside_range(field: str, problem: str, value: float, unit: str, time: str) -> Answer:
    """Return the answer for a value that a field cannot have.

    Args:
        field: the name of the field with the words for the group.
        problem: what the value breaks, such as `must not be negative`.
        value: the value.
        unit: what follows it: empty, or ` × base`.
        time: the words for its time.
    """
    message = f"{field} {problem}: it is {value:.3g}{unit} at {time}"
    if value < 0:
        return Answer(message, FLOOR_ADVICE, code=codes.NEGATIVE)
    return Answer(message, BELOW_ONE_ADVICE)
