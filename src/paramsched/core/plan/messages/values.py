"""The errors and warnings of `ps.Values`: one function for each mistake, which returns the error or the problem."""

from collections.abc import Iterable, Mapping

from paramsched.base.codes import BEYOND_THE_PLAN
from paramsched.base.problem import Problem
from paramsched.base.words import did_you_mean
from paramsched.errors import InvalidArgument, PlanError, StateError, UnknownField, shown

_SCHEDULER = "Use ps.Scheduler(optimizer, plan), which has groups and clocks"


# ---------------------------------------------------------------- the plan and the bases


def clock_counts_an_amount() -> PlanError:
    """Return the error for a plan whose clock does not count updates."""
    return PlanError("ps.Values(plan)", "the clock counts an amount", _SCHEDULER)


def line_for_some_groups() -> PlanError:
    """Return the error for a plan with a line that selects groups."""
    return PlanError("ps.Values(plan)", "a line is for some groups", _SCHEDULER)


def base_is_missing(name: str) -> PlanError:
    """Return the error for a field of an optimizer without the base that its line multiplies."""
    message = f"the base of {name}, which its line multiplies, is missing"
    return PlanError("ps.Values(plan)", message, f'For example: ps.Values(plan, bases={{"{name}": 0.1}})')


def bases_without_lines(bases: Mapping[str, object], names: Iterable[str]) -> InvalidArgument:
    """Return the error for bases of names that the plan does not schedule."""
    meant = did_you_mean(str(next(iter(bases))), names)
    return InvalidArgument(f"ps.Values(plan, bases={shown(bases)})", f"the plan has no such line; {meant}")


def base_of_zero(name: str) -> str:
    """Return the advice for a base of 0, which is no `initial` of a file here."""
    return f'For example: ps.Values(plan, bases={{"{name}": 1.0}})'


# ---------------------------------------------------------------- the values


def value_is_not_finite(name: str, update: int, value: float, advice: str) -> PlanError:
    """Return the error for a value of an update that is NaN or infinite."""
    return PlanError(f"ps.Values(plan): {name}", f"it is not finite: it is {value:g} at update {update}", advice)


def unknown_field(name: object, names: Iterable[str]) -> UnknownField:
    """Return the error for a name that the plan does not schedule."""
    fields = list(names)
    message = f"unknown field; {did_you_mean(str(name), fields)}"
    return UnknownField(f"values[{shown(name)}]", message, f"For example: values[{fields[0]!r}]")


def plan_is_over(end: int, updates: int) -> Problem:
    """Return the warning about a run that goes on after the end of the plan."""
    message = f"the plan is over after {end} updates, and the run goes on: it has completed {updates}"
    advice = "Pass the length of the run as total"
    return Problem(code=BEYOND_THE_PLAN, site="ps.Values", found=message, advice=advice)


# ---------------------------------------------------------------- metrics


def no_rule_watches(name: str, value: object, watched: Iterable[str]) -> InvalidArgument:
    """Return the error for an observed metric that no rule of the plan watches."""
    names = list(watched)
    meant = did_you_mean(name, names) if names else "the plan has no metric rule"
    return InvalidArgument(f"values.observe({name}={shown(value)})", f"no rule watches it; {meant}")


def metric_is_not_a_number(name: str, value: object) -> InvalidArgument:
    """Return the error for an observed value that is not a number."""
    return InvalidArgument(f"values.observe({name}={shown(value)})", f"expected a number, got {type(value).__name__}")


# ---------------------------------------------------------------- saved states


def not_a_saved_state() -> StateError:
    """Return the error for a value that `values.state_dict()` does not return."""
    return StateError("expected the dict that values.state_dict() returns")


def damaged_state(error: Exception) -> StateError:
    """Return the error for a state with an invalid entry."""
    return StateError(f"state: {error}")


def differs_from_saved(difference: str, update: int) -> Problem:
    """Return the warning about a plan or a base of the code that differs from the saved one."""
    return Problem(site="ps.Values", found=f"{difference} (from update {update} on)")
