"""The errors of operators, combinations, sequences and windows: one function for each mistake, which returns it."""

from collections.abc import Iterable, Sequence
from typing import Final

from paramsched.base.words import number_in
from paramsched.core.calls.messages.numbers import number_to_write
from paramsched.errors import AmbiguousLevel, CallSite, InvalidArgument, InvalidCall, PlanError, Unresolved, shown

FUNCTION_AS_SHAPE: Final = "Write @ps.shape above def f(t), and f() in the plan"
"""The advice for a function in place of a schedule."""


def readings_of_number(number: str, quote: str = "") -> str:
    """Return the advice for a number alone: a line for the value, and one for the multiple; `quote` encloses each."""
    value = f"{quote}absolute({number}){quote}"
    multiple = f"{quote}{number} * constant(){quote}"
    return f"Write {value} for the value {number}, or {multiple} for {number} × base"


# ---------------------------------------------------------------- a schedule as an argument


def rule_in_a_part(site: str, schedule: object, rule: object) -> InvalidArgument:
    """Return the error for a metric rule that multiplies a part of a line."""
    advice = f'Multiply the entire line, with brackets: (warmup("5%") >> cosine()) * {rule}'
    return InvalidArgument(site, f"{schedule} contains a metric rule", advice)


def nested_too_deep(site: str, most: int) -> InvalidArgument:
    """Return the error for a schedule inside too many others."""
    return _nested_too_deep(site, most, "Merge nested calls: shift(s, 2), not two shifts by 1")


def absolute_nested_too_deep(site: str, most: int) -> InvalidArgument:
    """Return the error for a schedule inside too many others, the last of which is `absolute`."""
    return _nested_too_deep(site, most, "Merge nested calls")


def _nested_too_deep(site: str, most: int, advice: str) -> InvalidArgument:
    return InvalidArgument(site, f"schedules nested more than {most} deep", advice)


def shape_without_call(site: str, name: str, example: str) -> InvalidArgument:
    """Return the error for the function of a shape in place of its call."""
    return InvalidArgument(site, f"{name} is neither a schedule nor a number", example=example)


def function_in_place_of_schedule(site: str, function: object) -> InvalidArgument:
    """Return the error for a function of the user in place of a schedule."""
    return InvalidArgument(site, f"{shown(function)} is neither a schedule nor a number", FUNCTION_AS_SHAPE)


def not_a_schedule(site: str, value: object) -> InvalidArgument:
    """Return the error for another value in place of a schedule."""
    message = f"{shown(value)} is neither a schedule nor a number"
    return InvalidArgument(site, message, example="warmup(100) >> cosine(to=0.1)")


def number_alone(site: str, number: str) -> InvalidArgument:
    """Return the error for a number as an entire line."""
    message = "a number alone could be a value or a multiple of base"
    return InvalidArgument(site, message, readings_of_number(number))


def schedule_in_place_of_curve(call: str, schedule: object) -> InvalidArgument:
    """Return the error for a schedule in place of a curve."""
    site = CallSite(call, "curve", str(schedule))
    return InvalidArgument(site, "expected a curve, got a schedule", example="curve=curves.cosine", refused=schedule)


def shape_is_not_defined(name: str, module: str | None) -> InvalidArgument:
    """Return the error for a pickle with a shape that is not defined where it is read."""
    message = "the process that reads the pickle has no such shape"
    return InvalidArgument(f"{name}(…)", message, f"Define it with @ps.shape at the top level of {module}")


# ---------------------------------------------------------------- operators of Python


def joined_by_another_operator(first: str, second: str) -> InvalidCall:
    """Return the error for `a | b` or `a & b`, which was meant to be `a >> b`."""
    example = 'ps.warmup("5%") >> ps.cosine()'
    return InvalidCall(f"{first} with {second}", "stages are joined by >>", example=example)


def schedules_compared(first: str, second: str) -> InvalidCall:
    """Return the error for `a > b`, which was meant to be `a >> b`, and `max(b, a)`, which compares them."""
    advice = "Write >> for one after the other, or ps.maximum(…) in place of max"
    return InvalidCall(f"{first} with {second}", "schedules are not compared", advice)


def reciprocal_not_finite(schedule: object, divisor: object) -> InvalidArgument:
    """Return the error for a division by 0, or by nearly 0."""
    advice = "Divide by a number other than 0"
    return InvalidArgument(f"({schedule}) / {shown(divisor)}", "its reciprocal is not finite", advice)


def several_absolute_factors(call: str, count: int, example: str) -> InvalidArgument:
    """Return the error for a product of several values, of which one would be a multiple of the other."""
    message = f"{count} factors have absolute levels; only one factor may have one"
    return InvalidArgument(call, message, example=example)


def power_of_absolute_level(call: str) -> InvalidArgument:
    """Return the error for a power of a value."""
    message = "it has an absolute level; a power needs multiples of base"
    return InvalidArgument(call, message, "Use a multiple of base as the level")


# ---------------------------------------------------------------- combinations


def low_above_high(low: object, high: object, example: str) -> InvalidArgument:
    """Return the error for a range whose lower limit is the upper one."""
    return InvalidArgument(CallSite("clamp", "low", f"{low}, high={high}"), "low is above high", example=example)


def no_operand(call: str, example: str) -> InvalidArgument:
    """Return the error for a combination of nothing."""
    return InvalidArgument(f"{call}()", "expected at least one operand", example=example)


def level_is_a_value_already(schedule: str, level: str, example: str) -> InvalidArgument:
    """Return the error for an absolute level in a schedule whose numbers are all values."""
    message = f"it contains {level}, and every number in absolute(…) is a value already"
    return InvalidArgument(f"absolute({schedule})", message, example=example)


def like_has_no_values(schedule: str, like: object) -> InvalidArgument:
    """Return the error for `like` of a field in a schedule whose numbers are all values."""
    message = f"{like} follows another line by multiples of base, so it has no values of its own"
    return InvalidArgument(f"absolute({schedule})", message, f"Multiply instead: absolute(cosine()) * {like}")


def neither_number_nor_schedule(value: object) -> InvalidArgument:
    """Return the error for another value in `absolute`."""
    number = number_in(value) if isinstance(value, str) else None
    advice = number_to_write(value) if number is None else f"Write absolute({number!r})"
    message = f"expected a number or a schedule, got {type(value).__name__}"
    return InvalidArgument(f"absolute({shown(value)})", message, advice, example="absolute(3e-5)")


def not_a_followed_name(value: object) -> InvalidArgument:
    """Return the error for a value that is not the name of a field or a target in `like`."""
    message = "expected the name of a field or a target"
    return InvalidArgument(CallSite("like", "field", shown(value)), message, example='like("lr")')


def like_outside_of_a_plan(call: str, field: str) -> Unresolved:
    """Return the error for `like` in a schedule that is called without a plan."""
    message = f"it follows {field} of a plan, but it is not in a plan"
    return Unresolved(call, message, f"For example: Plan({field}=cosine(), weight_decay={call})")


def target_at_another_time(name: str, line: str, advice: str, *, restarts: bool) -> PlanError:
    """Return the error for `like` of a target in a part whose time does not count from the start of the run."""
    clock = "restarts" if restarts else "does not start with the run"
    message = f"the clock of this part {clock}, but a target has its value at a time of the run"
    return PlanError(f'like("{name}") in {line}', message, advice)


# ---------------------------------------------------------------- sequences


def several_without_length(sequence: str, names: Sequence[str]) -> InvalidArgument:
    """Return the error for stages that would all take the rest of the run."""
    count = "both" if len(names) == 2 else "all"
    message = f"{' and '.join(names)} {count} have no length; only one stage may fill the rest of the run"
    return InvalidArgument(sequence, message, example='cosine(over="60%") >> linear(0.1, 0)')


def no_updates_remain(sequence: str, needed: str, available: str, stage: object) -> InvalidArgument:
    """Return the error for stages that are longer than the run."""
    message = f"the timed stages need {needed}, but only {available} are left; no updates remain for {stage}"
    return InvalidArgument(sequence, message, "Shorten a stage, or increase the total")


def ambiguous_level(sequence: str, stage: str, name: str, held: object, alone: object) -> AmbiguousLevel:
    """Return the error for an open start after a constant, which could be its level or that of the stage alone."""
    message = f"{stage} after a constant could begin at {held} or at {alone}"
    advice = f"Write {name}={held} to continue at that level, or {name}={alone} to begin anew"
    return AmbiguousLevel(sequence, message, advice)


NOT_LINEAR: Final = "is not a multiple of base plus a constant"
NOT_FINITE: Final = "is not finite"
"""The reasons for which the level of a neighbor is unknown."""


def level_before_unknown(stage: str, name: str, neighbor: str, reason: str) -> InvalidArgument:
    """Return the error for an open start after a stage whose last level is no number."""
    message = f"the level at which the stage before it, {neighbor}, ends {reason}"
    return InvalidArgument(stage, message, f"Write the level, for example {name}=0.1")


def level_after_unknown(stage: str, name: str, neighbor: str, reason: str) -> InvalidArgument:
    """Return the error for an open end before a stage whose first level is no number."""
    message = f"the level at which the stage after it, {neighbor}, begins {reason}"
    return InvalidArgument(stage, message, f"Write the level, for example {name}=1.0")


def rule_as_stage(sequence: str, rule: object, rules: Iterable[object]) -> InvalidArgument:
    """Return the error for a metric rule in place of a stage; `rules` are those that multiply the whole line."""
    return _misplaced_rules(sequence, f"{rule} is a metric rule, not a stage", rules)


def rule_in_a_stage(sequence: str, stage: object, rules: Iterable[object]) -> InvalidArgument:
    """Return the error for a metric rule that multiplies a stage."""
    return _misplaced_rules(sequence, f"{stage} contains a metric rule", rules)


def _misplaced_rules(sequence: str, message: str, rules: Iterable[object]) -> InvalidArgument:
    line = f'(warmup("5%") >> constant()) * {" * ".join(map(str, rules))}'
    return InvalidArgument(sequence, message, f"Multiply the entire line, with brackets: {line}")


# ---------------------------------------------------------------- windows


def shifted_beyond_end(call: str) -> InvalidArgument:
    """Return the error for a shift after which no time is left."""
    return InvalidArgument(call, "the shift is longer than the remaining time", "Shorten the shift")


def window_ends_before_begin(call: str, begin: object, end: object, example: str) -> InvalidArgument:
    """Return the error for a window whose end, as written, is before its begin."""
    return InvalidArgument(call, f"it ends at {end}, before it begins at {begin}", example=example)


def window_is_negative(call: str) -> InvalidArgument:
    """Return the error for a window whose end is before its begin in this run."""
    return InvalidArgument(call, "it ends before it begins", "Swap begin and end, or increase the total")


def overlay_without_length(schedule: str) -> InvalidArgument:
    """Return the error for an overlay whose first schedule has no length."""
    message = "expected a schedule with a length"
    return InvalidArgument(CallSite("overlay", "first", schedule), message, example='warmup("5%")')


def overlay_with_end(schedule: str, length: str) -> InvalidArgument:
    """Return the error for an overlay whose first schedule has an `until` as its length."""
    message = 'its length must not be an "until"'
    return InvalidArgument(CallSite("overlay", "first", schedule), message, example=f'"{length}"')
