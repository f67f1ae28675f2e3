"""The position of a run, and that at which it resumes."""

from dataclasses import dataclass, replace
from typing import Final, final

from paramsched.core.plan.lines import UpdateRange
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.messages import resumes as messages
from paramsched.core.time.duration import rounded_on
from paramsched.errors import MissingFact


@final
@dataclass(frozen=True, slots=True)
class RunPosition:
    """The position of a run: the next update, the amount before it, and the reported consumption.

    `reported` is consumption that was reported and that no update has counted yet. Both amounts are None if the plan is
    by updates, or if they are unknown. `is_measured` is True if an engine measured all of `reported`.
    """

    t: int
    amount: Amount | None = None
    reported: Amount | None = None
    is_measured: bool = False

    @property
    def times(self) -> UpdateRange:
        return UpdateRange(self.t, self.amount)


BEGIN: Final = RunPosition(0)


TORCH: Final = "torch scheduler"
"""The source of a position that is the count of a state of torch's schedulers."""


def resume_position(
    in_force: ResolvedPlan, saved: RunPosition, whose: str, present: RunPosition | None = None
) -> RunPosition:
    """Return the position of a run that resumes with a plan.

    Args:
        in_force: the plan.
        saved: the position in the checkpoint; its amounts are None if the checkpoint has none on the plan's clock.
        whose: the name of the checkpoint, for messages.
        present: the present position, whose amount is used if it is at the same update.
    """
    unit = in_force.unit
    if unit is None:
        return RunPosition(saved.t)
    if saved.amount is not None:
        return replace(saved, amount=rounded_on(unit, saved.amount))
    if present is not None and present.t == saved.t and present.amount is not None:
        return RunPosition(saved.t, present.amount)
    try:
        return RunPosition(saved.t, in_force.amount_at(saved.t))
    except MissingFact:
        raise messages.no_amount(whose, saved.t, unit) from None
