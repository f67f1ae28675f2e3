"""The errors of amounts and clocks: what an update consumes, and lengths on the clock of a plan."""

from typing import Final

from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time.duration import PROGRESS, Duration, DurationLike
from paramsched.core.time.run_facts import SIZES, UPDATES
from paramsched.errors import CallSite, InvalidArgument, MissingFact, PlanError

EXAMPLE_OF_SIZE: Final = "4096"
"""An example of the consumption of an update."""

OF_RUN: Final = "the amounts of the run"
"""The subject of an error about all amounts."""


def usual_size(clock: str) -> str:
    """Return the name of the target that usually plans the consumption of an update on a clock."""
    return SIZES[clock][0][0]


# ---------------------------------------------------------------- the amounts of a run


def missing_progress(site: str) -> MissingFact:
    """Return the error for a run whose progress was not reported."""
    message = "the plan's clock is the progress of the run, which was not reported"
    advice = "For example: scheduler.report(progress=0.0) before optimizer.step()"
    return MissingFact(site, message, advice, fact=PROGRESS, example="0.0")


def missing_amounts(clock: str, site: str | CallSite) -> MissingFact:
    """Return the error for a run whose consumption per update is unknown."""
    fact = SIZES[clock][-1][0]
    message = f"the number of {clock} of an update is unknown"
    advice = f"Plan {usual_size(clock)}, or write {fact}={EXAMPLE_OF_SIZE}"
    return MissingFact(site, message, advice, fact=fact, example=EXAMPLE_OF_SIZE)


def missing_factor(clock: str, size: str, fact: str, site: str | CallSite) -> MissingFact:
    """Return the error for a planned size without the run fact by which it must be multiplied."""
    message = f"{size} is planned, but {fact} is missing; the {clock} of an update are their product"
    return MissingFact(site, message, f"For example: {fact}=2048", fact=fact, example="2048")


def lacking_amount(clock: str) -> tuple[str, str]:
    """Return the text of what a checkpoint without an amount lacks, and an example of the amount in a call."""
    if clock == PROGRESS:
        return "progress, which is the plan's clock", "…"
    return f"amount of {clock}, which the plan's clock counts; the number of {clock} cannot be derived", "n"


def amounts_are_too_large(clock: str, update: int, limit: int) -> InvalidArgument:
    """Return the error for a run whose amounts cannot be counted."""
    message = f"more than {limit} {clock} before update {update}"
    return InvalidArgument(OF_RUN, message, "Plan smaller sizes, or a shorter run")


def too_many_updates(limit: int) -> InvalidArgument:
    """Return the error for a run with more updates than can be computed one after another."""
    message = f"more than {limit} updates, each of which has to be computed"
    return InvalidArgument(OF_RUN, message, "Plan larger sizes, or a shorter run")


# ---------------------------------------------------------------- targets that plan a size


def size_is_below_one(name: str, update: int, size: float, initial: float, schedule: Schedule) -> PlanError:
    """Return the error for a size of an update that is not at least 1.

    Args:
        name: the name of the target.
        update: the update.
        size: its value.
        initial: the base of the target.
        schedule: its schedule as written.
    """
    message = f"at update {update} it is {size:g}; a size must be an integer of at least 1"
    low = 1 / initial if initial else 1
    return PlanError(f"target {name}", message, f"For example: clamp({schedule}, low={low:g})")


def size_determines_itself(name: str, clock: str, clock_of_size: str) -> PlanError:
    """Return the error for a size whose lengths are in a unit of which it determines how many an update has."""
    message = f"its lengths depend on the number of {clock} of an update, which it determines itself"
    return PlanError(f"target {name}", message, f"Give its lengths in {clock_of_size}, or give it another clock")


# ---------------------------------------------------------------- lengths on the clock of a plan


def length_is_not_in_percent(length: str | CallSite) -> PlanError:
    """Return the error for a length in another unit in a plan whose clock is progress."""
    message = "the plan's clock is the progress of the run, so a length must be in percent"
    return PlanError(length, message, 'For example: "5%"')


def missing_amounts_of_length(clock: str, length: str | CallSite) -> MissingFact:
    """Return the error for a length that only the unknown consumption of an update converts to the plan's clock."""
    fact = SIZES[clock][-1][0]
    message = f"the plan's clock counts {clock}, but the number of {clock} of an update is unknown"
    advice = f"Give the length in {clock}, or plan {usual_size(clock)}, or write {fact}={EXAMPLE_OF_SIZE}"
    return MissingFact(length, message, advice, fact=fact, example=EXAMPLE_OF_SIZE)


def named_length(length: Duration) -> str:
    """Return the text by which an error names a length."""
    return f'length "{length}{" steps" if length.is_resolved else ""}"'


def named_total(total: Duration) -> str:
    """Return the text by which an error names the total of a plan."""
    return f'total "{total}"'


def two_lengths(total: Duration, planned: str, run_total: DurationLike | None, passed: str) -> PlanError:
    """Return the error for a plan with a length that is not the total of the run facts.

    >>> print(two_lengths(Duration.of("2 epochs"), "90 updates", 80, "80 updates"))
    total "2 epochs": the plan has 90 updates, but total=80. Omit one of them
    >>> print(two_lengths(Duration.of(90), "90 updates", "2 epochs", "80 updates"))
    total "90": the plan has 90 updates, but total="2 epochs" is 80 updates. Omit one of them
    """
    length = Duration.of(run_total or 0)
    is_passed = "" if length.is_resolved and passed.endswith(UPDATES) else f" is {passed}"
    message = f"the plan has {planned}, but total={length.written()}{is_passed}"
    return PlanError(named_total(total), message, "Omit one of them")
