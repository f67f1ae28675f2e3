"""What the diagnosis says of a run that is under way or has ended."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import final

from paramsched.base.codes import BEYOND_THE_PLAN
from paramsched.base.problem import Problem
from paramsched.core.groups.fields import Field
from paramsched.core.plan.optimizers import ALONE
from paramsched.core.run.messages import LogCall

# ---------------------------------------------------------------- updates


def external_write(place: str, value: object, planned: object, t: int) -> Problem:
    """Return the problem of a value that other code wrote, and that update `t` has used.

    Args:
        place: the field and the group.
        value: the value in the group.
        planned: the value that the plan had written.
        t: the update.
    """
    sentence = (
        f"{place} was {value!r} at update {t} instead of the planned "
        f"{planned!r}: other code wrote it, and the update used it. After each update the plan writes the value "
        "of the next one"
    )
    advice = "Remove what writes it, such as the step() of another scheduler. For other values, change the plan"
    return Problem(found=sentence, advice=advice)


def moved_without_step(updates: int) -> LogCall:
    """Return the line about updates by hand after a load, without a step of the optimizer."""
    return "moved %d updates without a step of the optimizer", updates


# ---------------------------------------------------------------- a plan that does not move


def parameter_was_written(optimizer: str, times: int) -> str:
    """Return the words for writes to a parameter of an optimizer."""
    return f"a parameter of {_named(optimizer)} was written {times} times"


def trained_by_other(optimizer: str, steps: int) -> str:
    """Return the words for steps of another optimizer that trained a parameter of an optimizer."""
    return f"another optimizer trained a parameter of {_named(optimizer)} in {steps} steps"


def state_was_filled(optimizer: str) -> str:
    """Return the words for a state that was empty."""
    return f"the state of {_named(optimizer)} was filled"


def state_counts_updates(optimizer: str, updates: int) -> str:
    """Return the words for the updates in the state of an optimizer."""
    return f"the state of {_named(optimizer)} counts {updates} updates"


def _named(optimizer: str) -> str:
    return "the optimizer" if optimizer == ALONE else f"the optimizer {optimizer!r}"


def plan_does_not_move(t: int, measured: str, *, by_hand: bool) -> Problem:
    """Return the problem of a plan that has counted no update although its parameters were trained.

    Args:
        t: the update of the plan.
        measured: the words for what was measured.
        by_hand: True if the user's code counts the updates.
    """
    advice = "Call scheduler.step() once for each update of the plan"
    if not by_hand:
        advice = (
            "If the optimizer was constructed again, write ps.Scheduler(optimizer, plan) after that. If its step was "
            'replaced, or a wrapper has a step of its own, write ps.Scheduler(optimizer, plan, drive="manual") and '
            "call scheduler.step() after each update. If another optimizer trains these parameters first, or if they "
            "were only loaded, nothing is wrong"
        )
    return Problem(found=f"the plan is still at update {t}, although {measured}", advice=advice)


# ---------------------------------------------------------------- the end of a plan


def run_is_over(t: int, total: int) -> Problem:
    """Return the problem of a run that has completed more updates than its plan has: a new run was probably meant."""
    sentence = f"the optimizer has completed {t} updates, but the plan ends after {total}: its last values are kept"
    return Problem(code=BEYOND_THE_PLAN, found=sentence, advice="To restart the plan, call scheduler.seek(0).")


@final
@dataclass(frozen=True, slots=True)
class EndedPlan:
    """A plan that is over in a run that goes on, as messages name it.

    Args:
        length: the words for its length.
        values: the words for the values of the next update.
    """

    length: str
    values: Sequence[str]

    def __str__(self) -> str:
        values = f": {'; '.join(self.values)}" if self.values else ""
        return f"the plan is over after {self.length}, and the run goes on{values}"


def length_text(updates: int, epoch: float | None) -> str:
    """Return the words for a length in updates, and in epochs if these have a known number of updates."""
    return f"{updates} updates" if epoch is None else f"{updates} updates ({updates / epoch:.3g} epochs)"


def present_values(name: str, values: Iterable[str], *, is_held: bool) -> str:
    """Return the words for the values of a field in the next update; `is_held` if they no longer change."""
    return f"{name} {'stays at' if is_held else 'is now'} {', '.join(values)}"


def epochs_were_meant(plan: EndedPlan, length: int) -> Problem:
    """Return the problem of a plan that is shorter than an epoch: its number of updates may be one of epochs."""
    return _goes_on(plan, f'For {length} epochs write total="{length} epochs"')


def sums_were_reported(plan: EndedPlan, t: int, reported: str, call: str) -> Problem:
    """Return the problem of a plan that is over, probably because each report was the sum so far.

    Args:
        plan: the plan.
        t: the update that has reported last.
        reported: the words for its report.
        call: the arguments of the call that reports what an update consumes.
    """
    advice = f"Report what one update consumes, such as scheduler.consumed({call})"
    sentence = f"{plan}; update {t} reported {reported}, as if each report was the sum so far"
    return Problem(code=BEYOND_THE_PLAN, found=sentence, advice=advice)


def total_is_too_short(plan: EndedPlan, *, has_total: bool, unused_accumulation: int | None) -> Problem:
    """Return the problem of a plan that is over.

    Args:
        plan: the plan.
        has_total: True if the plan has a total.
        unused_accumulation: the run fact `accumulation`, if the step may follow each batch; else None.
    """
    advice = f"{'Write' if has_total else 'Pass'} the length of the run as total"
    if unused_accumulation is not None:
        advice += f", and omit accumulation={unused_accumulation} if optimizer.step() follows each batch"
    return _goes_on(plan, advice)


def _goes_on(plan: EndedPlan, advice: str) -> Problem:
    return Problem(code=BEYOND_THE_PLAN, found=str(plan), advice=advice)


# ---------------------------------------------------------------- lines and rules without effect


def plan_is_over(t: int) -> str:
    """Return the beginning of a sentence about a plan that is over."""
    return f"the plan is over after {t} updates"


def run_has_ended(t: int) -> str:
    """Return the beginning of a sentence about a run that has ended."""
    return f"the run ended after {t} updates"


def no_group_added(lines: Iterable[str], t: int) -> Problem:
    """Return the problem of optional lines for which no group was added in a run of `t` updates."""
    sentence = f"the run has completed {t} updates, and it had no group for the optional lines {', '.join(lines)}"
    return Problem(found=sentence, advice='For example: optimizer.add_param_group({"params": params, "name": "head"})')


def metrics_never_reported(begin: str, metrics: Collection[str], rules: Iterable[str]) -> Problem:
    """Return the problem of metric rules that have observed no metric.

    Args:
        begin: the beginning of the sentence.
        metrics: the metrics.
        rules: the texts of the rules.
    """
    call = ", ".join(f"{name}=…" if name.isidentifier() else f"**{{{name!r}: …}}" for name in metrics)
    sentence = f"{begin}, and no value of {', '.join(metrics)} was ever reported for {', '.join(rules)}"
    return Problem(found=f"{sentence}: call scheduler.observe({call})")


# ---------------------------------------------------------------- a run that ends before its plan


def run_is_short(end: str, field: Field, value: float, planned: float) -> str:
    """Return the sentence about a run that ended with another value than that of its plan.

    Args:
        end: the words for its end.
        field: the field.
        value: its value at the end of the run.
        planned: its value at the end of the plan.
    """
    return f"the run ended at {end} with {field} {value:.3g}, the plan ends at {planned:.3g}"
