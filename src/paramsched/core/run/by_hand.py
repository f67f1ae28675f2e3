"""Updates that are counted by hand, without the hooks of an optimizer."""

from contextlib import suppress
from typing import Any, final

from paramsched.core.fields import RECORD
from paramsched.core.run.external_writes import refuse_spoiled, warn_overwritten
from paramsched.core.run.group_keys import COUNT, Group
from paramsched.core.run.groups import Groups
from paramsched.core.run.rebinding import require_attached, sync
from paramsched.core.run.steps import Steps, write_next_block
from paramsched.core.run.updates import run_uncompiled
from paramsched.errors import PlanError


@final
class ByHand:
    """Counts the updates of one optimizer before which no hook runs.

    Args:
        planned: the groups of the optimizer.
        optimizer: the optimizer.
    """

    __slots__ = ("optimizer", "planned", "steps")

    def __init__(self, planned: Groups, optimizer: Any) -> None:
        self.planned, self.optimizer, self.steps = planned, optimizer, Steps(planned)

    def advance(self) -> None:
        """Count one update: the groups are checked once, after the write.

        This is safe because the writers write only into their own groups, and removed groups are not used. It is not
        safe for writes that cannot be repeated: with tensors and targets the groups are checked first. They are also
        checked first if the plan's clock counts an amount, because the consumption must be known before the update.
        """
        planned = self.planned
        if not planned.is_plain:
            self._advance_checked()
            return
        groups: list[Group] = self.optimizer.param_groups
        clock, block = planned.clock, planned.block
        t = clock.t
        try:
            for _ in block.writer:
                break
            else:
                run_uncompiled(write_next_block)(planned, t + 1)
            first = groups[0]
            if first[COUNT] is t and first[RECORD] is planned.record and groups == planned.bound:
                first[COUNT] = clock.t = clock.acknowledged_at = t + 1
            else:
                run_uncompiled(_rebind_and_advance)(planned, groups, None)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(_rebind_and_advance)(planned, groups, error)
        if block.overwritten:
            run_uncompiled(warn_overwritten)(planned, groups)

    def _advance_checked(self) -> None:
        planned, optimizer, steps = self.planned, self.optimizer, self.steps
        require_attached(planned.run, "step")
        if not steps.is_unchanged(optimizer):
            steps.before_update(optimizer)
        steps.advance(optimizer)
        if not steps.is_unchanged(optimizer):  # a copied group contains another tensor than the one just written
            sync(planned, optimizer.param_groups)
        planned.clock.acknowledged_at = planned.clock.t


def _rebind_and_advance(planned: Groups, groups: list[Group], error: Exception | None) -> None:
    """Bind the groups at this update, then advance: the slow path of `ByHand`."""
    overwritten = list(planned.block.overwritten)  # before a new block or other values take its place
    try:
        bound_anew = sync(planned, groups)
    except PlanError:  # a late group is refused, after the writers have written the values of the next update
        with suppress(LookupError, TypeError, ValueError, RuntimeError):  # of a group that is spoiled itself
            planned.rewrite()
        raise
    planned.clock.t += 1
    if error is not None and not bound_anew:
        refuse_spoiled(planned, groups, error)
    planned.rewrite()
    planned.clock.acknowledged_at = planned.clock.t
    planned.block.overwritten.extend(overwritten)
