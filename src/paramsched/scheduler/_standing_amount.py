"""The amount at which a run goes on: carried by a checkpoint, or said by the rate, or by the Scheduler itself."""

from paramsched.errors import MissingFact, StateError
from paramsched.scheduler._clock import Clock, Standing
from paramsched.scheduler._plan_in_force import PlanInForce


def standing_in(in_force: PlanInForce, found: Standing, whose: str, clock: Clock | None = None) -> Standing:
    """Where a run stands that goes on with a plan.

    Args:
        in_force: the plan.
        found: as it was carried; its amounts are None where they are of another clock, or of none.
        whose: what carried it, for the error.
        clock: of a Scheduler that may stand there already, and know the amount.

    Raises:
        StateError: nothing says the amount.
    """
    unit = in_force.unit
    if unit is None:
        return Standing(found.t)
    if found.amount is not None:
        return found
    if clock is not None and clock.t == found.t and clock.amount is not None:
        return Standing(found.t, clock.amount)
    try:
        return Standing(found.t, in_force.amount_at(found.t))
    except MissingFact:
        raise StateError(
            f"{whose} is at update {found.t} and carries no amount of {unit}, which the plan's clock counts; nothing "
            f"else says how many {unit} it took. Write ps.Scheduler(optimizer, plan) on an optimizer without a count, "
            f"then scheduler.seek({found.t}, {unit}=n), and load it then"
        ) from None
