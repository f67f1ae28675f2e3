"""The errors of plans: their fields, total, clock and text."""

from paramsched.base.words import shortened_text
from paramsched.core.time.duration import Duration, DurationLike
from paramsched.errors import InvalidArgument, InvalidCall, PlanError, Unresolved, shown

# ---------------------------------------------------------------- the fields of a plan


def plan_without_field(total: DurationLike | None) -> PlanError:
    """Return the error for a plan that schedules nothing."""
    length = "20 epochs" if total is None else total
    example = f"Plan(lr=cosine(to=0.1), total={length!r})"
    return PlanError("Plan()", "a plan needs at least one field", example=example)


def run_fact_in_plan(name: str) -> InvalidCall:
    """Return the error for a run fact in place of a field."""
    return _invalid_keyword(name, f'"{name}" is a run fact; pass it to ps.Scheduler')


def misspelled_argument(name: str, argument: str) -> InvalidCall:
    """Return the error for a misspelled argument of a plan."""
    return _invalid_keyword(name, f'unknown argument "{name}"; did you mean "{argument}"?')


def _invalid_keyword(name: str, message: str) -> InvalidCall:
    return InvalidCall(f"Plan({name}=…)", message, example='Plan(lr="cosine()", total=100)')


def bases_are_not_numbers(call: str, bases: object) -> InvalidArgument:
    """Return the error for a value in place of the bases by field."""
    message = f"expected numbers by field, got {type(bases).__name__}"
    return InvalidArgument(f"{call}(bases={shown(bases)})", message, example='bases={"lr": 0.1}')


# ---------------------------------------------------------------- the total of a plan


def total_is_not_a_length(refusal: InvalidArgument) -> InvalidArgument:
    """Return the error for a total that is no length, with a total as advice."""
    return refusal.changed(example="total=10_000")


def total_in_percent(total: Duration) -> InvalidArgument:
    """Return the error for a total that would be a part of itself."""
    return _invalid_total(f'"{total}"', "percent would refer to the total itself")


def total_is_zero() -> InvalidArgument:
    """Return the error for a total of no updates."""
    return _invalid_total("0", "the total must be greater than 0")


def total_is_a_position(total: Duration) -> InvalidArgument:
    """Return the error for a total with "until", which counts from the start of a sequence."""
    return _invalid_total(f'"{total}"', "the total is a length, not a position")


def _invalid_total(total: str, message: str) -> InvalidArgument:
    return InvalidArgument(f"Plan(total={total})", message, example='total="20 epochs"')


def total_of_progress(total: Duration) -> PlanError:
    """Return the error for a total of a plan whose clock is progress."""
    return ends_at_progress_1(f'Plan(total="{total}", clock="progress")', "Omit total")


def ends_at_progress_1(site: str, advice: str) -> PlanError:
    """Return the error for a length of a run whose clock is progress."""
    return PlanError(site, "progress 1 is the end of the run, so the plan has no total", advice)


def total_is_missing(refusal: Unresolved, unit: str | None) -> Unresolved:
    """Return the error for a stage that depends on the length of the run, with the total of the plan as advice.

    Args:
        refusal: the error of the stage.
        unit: the amount that the plan counts; None if it counts updates.
    """
    total = "10_000" if unit is None else f'"10_000 {unit}"'
    return refusal.changed(advice=f"Add the total to the plan, for example total={total}")


# ---------------------------------------------------------------- the text of a plan, and its attributes


def not_the_text_of_a_plan(error: Exception) -> InvalidArgument:
    """Return the error for a text that is not the canonical text of a plan."""
    message = f"not the text of a plan ({error})"
    return InvalidArgument("Plan.of_text(…)", message, "Pass the value of plan.text")


def too_many_words(name: str, schedule: str, limit: int) -> InvalidArgument:
    """Return the error for a line whose text no file could contain, because reading it would take seconds."""
    message = f"more than {limit:,} names and operators in its schedules, so no file could contain it"
    example = "piecewise([(0, 1.0), (100, 0.5)])"
    return InvalidArgument(f"Plan({name}={shortened_text(schedule)})", message, example=example)


def plan_is_frozen(name: str, action: str) -> AttributeError:
    """Return the error for an attribute of a plan that is set or deleted."""
    return AttributeError(f"a Plan is frozen: {name} cannot be {action}")
