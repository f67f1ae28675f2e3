"""What a resume says: the plan, the bases and the position of a checkpoint that are not those of the code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.base.problem import Problem
from paramsched.core.plan.differences import Diff
from paramsched.core.plan.messages.amounts import lacking_amount
from paramsched.core.plan.optimizers import ALONE, shown_names
from paramsched.core.run.messages import LogCall
from paramsched.core.time.duration import amount_text
from paramsched.errors import InvalidArgument, PlanChanged, StateError, shown

_NOTHING_WRITTEN: Final = "is 'error', so nothing was written"
_UNKNOWN_PLAN: Final = "the optimizer's checkpoint has a count and no record of the run, so its plan is unknown"


# ---------------------------------------------------------------- another plan


@final
@dataclass(frozen=True, slots=True)
class PlanOfRecord:
    """The plan of a record, as messages name it.

    Args:
        owner: its owner.
        update: the update up to which it was in force.
        unit: the unit of its clock; None for updates.
        amount: the amount up to which it was in force; None on the clock of updates.
    """

    owner: str
    update: int
    unit: str | None
    amount: float | None

    def __str__(self) -> str:
        amount = "" if self.amount is None else f" ({amount_text(str(self.unit), self.amount)})"
        return f"{self.owner}, which was in force up to update {self.update}{amount}"


def plan_is_unknown() -> PlanChanged:
    """Return the error for a checkpoint without a record."""
    return PlanChanged(f"{_UNKNOWN_PLAN}; on_change {_NOTHING_WRITTEN}")


def unknown_plan_is_replaced(count: int) -> LogCall:
    """Return the line about a checkpoint without a record, from whose count the code's plan continues."""
    return f"{_UNKNOWN_PLAN}: the code's plan continues from update %d", count


def plan_cannot_be_compared(reason: str) -> PlanChanged:
    """Return the error for a record whose plan cannot be read."""
    message = f"the plan in the checkpoint cannot be compared with the code's: {reason}"
    return PlanChanged(f"{message}; on_change {_NOTHING_WRITTEN}")


def unread_plan_is_replaced(reason: str) -> LogCall:
    """Return the line about a record whose plan cannot be read, so that the code's is used."""
    return "the plan in the checkpoint cannot be compared with the code's, which is used: %s", reason


def plan_differs(plan: PlanOfRecord, changes: Diff) -> PlanChanged:
    """Return the error for a plan that differs from the code's."""
    advice = 'Write on_change="new" to continue with the code\'s plan, "checkpoint" with the saved one.'
    lines = [f"the plan differs from {plan}; on_change {_NOTHING_WRITTEN}.", *map(str, changes), advice]
    return PlanChanged("\n".join(lines))


def plan_has_changed(plan: PlanOfRecord, changes: Diff, on_change: str) -> LogCall:
    """Return the line about a plan that differs from the code's, and which of them applies."""
    name = f"{plan} and stays in force: the code's is not used" if on_change == "checkpoint" else str(plan)
    return "the plan differs from %s (on_change=%r):\n%s", name, on_change, changes


def epoch_has_changed(updates: int, before: int, t: int) -> LogCall:
    """Return the line about a run whose epochs have another number of updates.

    Args:
        updates: the updates of an epoch.
        before: those in the checkpoint.
        t: the update of the run.
    """
    text = (
        "an epoch has %d updates instead of %d. The plan counts updates, so the run resumes after %.3g epochs, and was "
        'saved after %.3g. A plan with clock="samples" keeps its position in the data if the total batch size of all '
        "processes changes"
    )
    return text, updates, before, t / updates, t / before


# ---------------------------------------------------------------- other bases


def bases_of_code_are_lost(on_base: str) -> InvalidArgument:
    """Return the error for groups that hold a checkpoint already, if the choice needs the bases of the code."""
    message = "the groups hold a checkpoint already, so the bases of the code are lost"
    advice = (
        "Construct the Scheduler before optimizer.load_state_dict(…). If the checkpoint has your base already, "
        "omit on_base"
    )
    return InvalidArgument(f"Scheduler(on_base={on_base!r})", message, advice)


def bases_differ(bases: Iterable[tuple[str, object, str]]) -> PlanChanged:
    """Return the error for bases that differ from the code's: the field, the group, and the words for both numbers."""
    advice = 'Write on_base="code" to continue with those of the code, "checkpoint" with the saved ones.'
    lines = [f"base of {field} in group {group}: {numbers}" for field, group, numbers in bases]
    return PlanChanged("\n".join([f"bases differ from the checkpoint's; on_base {_NOTHING_WRITTEN}.", *lines, advice]))


# ---------------------------------------------------------------- the position


def no_amount(source: str, t: int, unit: str) -> StateError:
    """Return the error for a checkpoint without the amount that the plan's clock counts.

    Args:
        source: the checkpoint.
        t: its update.
        unit: the unit of the clock.
    """
    lacks, value = lacking_amount(unit)
    return StateError(
        f"{source} is at update {t} and carries no {lacks}. Use ps.Scheduler(optimizer, plan) on an "
        f"optimizer without a count, then scheduler.seek({t}, {unit}={value}), then load the checkpoint"
    )


def moved(before: int, t: int) -> LogCall:
    """Return the line about a load that moves a run back."""
    return "update %d -> %d, from the loaded state", before, t


def checkpoints_differ(before: str, count: int, source: str, t: int) -> LogCall:
    """Return the line about a load of another update than the load before.

    Args:
        before: the name of the checkpoint that was loaded before.
        count: its update.
        source: the name of the one that is loaded.
        t: its update.
    """
    text = "the %s checkpoint is of update %d, the %s checkpoint of update %d; the one loaded last takes precedence: %d"
    return text, before, count, source, t, t


def resumed_from_torch(count: int, t: int) -> LogCall:
    """Return the line about a state of torch's schedulers.

    Args:
        count: the count in the state.
        t: the update from which the plan resumes.
    """
    text = (
        "the state is one of torch's schedulers, at %d: the plan resumes from %s. If the run has completed another "
        "number of updates (for example, if torch's scheduler was stepped once per epoch), call scheduler.seek(n)"
    )
    resumed = f"{t}" if t == count else f"{t} updates, the count in the optimizer's own state"
    return text, count, resumed


# ---------------------------------------------------------------- several optimizers


def state_of_other_scheduler(names: Sequence[str]) -> StateError:
    """Return the error for the state of several optimizers and a Scheduler of one, or the reverse.

    Args:
        names: the names of the optimizers in the state; empty for one.
    """
    saved_for = f"the optimizers {shown(','.join(names))}" if names else "one optimizer"
    return StateError(
        f"this is the state of a Scheduler for {saved_for}, and this Scheduler has "
        f"{'one' if names else 'several'}. If the run has completed n updates, call scheduler.seek(n)"
    )


def other_optimizers(saved: Iterable[str], present: Iterable[str]) -> LogCall:
    """Return the line about a state of other optimizers than those of the run."""
    text = "the scheduler's state is of the optimizers %s, the run has %s: those in both use the saved bases"
    return text, shown_names(saved), shown_names(present)


def other_number_of_groups(optimizer: str, saved: int, present: int) -> LogCall:
    """Return the line about a state with another number of groups than the optimizer has."""
    text = "the scheduler's state has %d groups%s, the optimizer has %d: the groups in both use the saved bases"
    return text, saved, "" if optimizer == ALONE else f" of {optimizer}", present


def starting_counts_differ(first: str, first_count: int, last: str, last_count: int) -> StateError:
    """Return the error for optimizers whose checkpoints are of different updates: the first and the last of them."""
    return StateError(
        f"the checkpoint of {first} is of update {first_count}, that of {last} of update {last_count}: "
        "the optimizers of one run differ by at most 1. Load checkpoints saved at the same update, or write "
        "ps.Scheduler(optimizers, plan, t=n)"
    )


def checkpoint_is_behind(optimizer: str, count: int, t: int) -> Problem:
    """Return the problem of an optimizer whose checkpoint is of an earlier update than that of the run."""
    sentence = f"the checkpoint of {optimizer} is of update {count}, and the run is at update {t}"
    return Problem(found=sentence, advice=_load_same_update(optimizer, t))


def without_checkpoint(names: Iterable[str], sources: Iterable[str], t: int) -> Problem:
    """Return the problem of optimizers that have loaded nothing.

    Args:
        names: the optimizers.
        sources: those that have loaded a checkpoint.
        t: the update of the run.
    """
    left = shown_names(names)
    sentence = f"the run is at update {t}, from the checkpoint of {shown_names(sources)}, and {left} loaded none"
    return Problem(found=sentence, advice=_load_same_update(left, t))


def _load_same_update(optimizers: str, t: int) -> str:
    return f"Load checkpoints of the same update. {optimizers} continues at update {t}."


# ---------------------------------------------------------------- shared updates


def ended_without_step(names: Iterable[str], t: int) -> str:
    """Return the words for optimizers that have not stepped in the update before `t`."""
    return f"update {t - 1} ended without a step of {shown_names(names)}"


def other_starter(starter: str, before: str, t: int) -> str:
    """Return the words for another optimizer that starts the updates before `t` than the one of the update before."""
    return f"a step of {starter} has started the updates from {t - 1} on, and one of {before} the update before"


def missed_step(message: str, choices: Iterable[str]) -> LogCall:
    """Return the line about an optimizer that misses updates; `choices` are those whose steps may be the updates."""
    text = (
        "%s. On the shared clock, an optimizer that misses an update may use values that are one update old. "
        "drive= names the optimizer whose steps are the updates: %s"
    )
    return text, message, ", ".join(f'drive="{name}" for those of {name}' for name in choices)
