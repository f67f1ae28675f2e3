"""When the amounts of several processes are compared; a process that trains alone compares nothing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.messages import COMPARED_EVERY, INITIAL, MOST_AT_ONCE, WORLD, Processes

if TYPE_CHECKING:
    from paramsched.core.run.rank_agreement import AmountAgreement


@final
class AmountComparison:
    """Compares amounts at some updates as `AmountAgreement` does, once there are several processes.

    An amount that differs, perhaps from that of a dry run, is compared again before each update until this is decided.

    Many processes note an amount at the same update, and compare it at different ones, so that they do not use the
    store at the same time.

    Args:
        number: the number that identifies the plan.
        start: the update from which on amounts are compared.
        groups: the groups of the optimizer.
        processes: the processes that train together.
    """

    def __init__(
        self, number: int, start: int, groups: Sequence[Mapping[str, Any]], processes: Processes = WORLD
    ) -> None:
        self._processes = processes
        self._number, self._start, self._groups = number, start, groups
        self._compared_at = -1
        self._turn: int | None = None  # the distance from the update of an amount to that of its comparison
        self._noted: tuple[int, Amount] = start, 0  # an update, and the amount before it
        self._agreement: AmountAgreement | None = None

    def is_due(self, t: int) -> bool:
        """Return whether amounts are compared before update `t`."""
        if t == self._compared_at:
            return False
        if self._agreement is not None and self._agreement.is_waiting:
            return True
        if not (t - self._start < INITIAL or t % COMPARED_EVERY in (0, self._turn)):
            return False
        if not self._processes.several:
            return False
        if self._turn is None:
            self._turn = self._processes.index % COMPARED_EVERY if self._processes.size > MOST_AT_ONCE else 0
        return True

    @property
    def _is_waiting(self) -> bool:
        return self._agreement is not None and self._agreement.is_waiting

    def updates_until_due(self, t: int) -> int:
        """Return the number of updates from `t` until the next comparison."""
        if self._is_waiting:
            return 1
        return min((turn - t - 1) % COMPARED_EVERY + 1 for turn in (0, self._turn or 0))

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare the amount before update `t` with that of the other processes.

        Raises:
            InvalidArgument: another process has consumed another amount.
        """
        if not self.is_due(t):  # the update was skipped and got another report
            return
        self._compared_at = t
        if t - self._start < INITIAL or t % COMPARED_EVERY == 0:
            self._noted = t, amount
        if self._turn and t % COMPARED_EVERY != self._turn and not self._is_waiting:
            return
        if self._agreement is None:
            from paramsched.core.run.rank_agreement import AmountAgreement

            self._agreement = AmountAgreement(self._number, self._groups, self._processes)
        self._agreement.compare(*self._noted, clock)
