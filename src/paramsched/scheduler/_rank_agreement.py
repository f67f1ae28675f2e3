"""Whether the processes of a run have said the same amounts."""

from typing import final

import torch.distributed as dist

from paramsched.errors import InvalidArgument
from paramsched.plan.run_amounts import Amount

_EVERY = 64  # updates; what was said wrong once is in all later amounts, so it is seen at the next look
_FIRST = 2  # updates behind a beginning, a load or a seek: most mistakes show there


def several_processes() -> bool:
    """Whether this process trains together with others."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@final
class RankAgreement:
    """Looks now and then whether the other processes had consumed as much before the same update.

    Nobody waits for anybody: whoever comes first leaves its amount in the store that the processes met in, and the
    others compare theirs. A collective operation would hang where one process skips an update, saves alone, or has no
    Scheduler at all.

    Args:
        number: of the plan. Schedulers of one plan are told apart by how many of it a process has begun.
        begin: the update from which on amounts are said.
    """

    def __init__(self, number: int, begin: int) -> None:
        self._number, self._begin = number, begin
        self._place: str | None = None  # in the store; asked for at the first look
        self._compared_at = -1

    def is_due(self, t: int) -> bool:
        """Whether to look before update `t`."""
        if t == self._compared_at or not (t - self._begin < _FIRST or t % _EVERY == 0):
            return False
        return several_processes()

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare what has been consumed when update `t` is taken, which is counted in.

        Raises:
            InvalidArgument: another process has consumed another amount.
        """
        if not self.is_due(t):  # another amount was said for the same update: it was skipped
            return
        store = dist.distributed_c10d._get_default_store()  # torch has no public way to it
        rank = dist.get_rank()
        if self._place is None:
            begun = store.add(f"paramsched/{self._number}/begun by {rank}", 1)
            self._place = f"paramsched/{self._number}/{begun}"
        self._compared_at = t
        mine = f"{rank} {amount!r}"
        first = store.compare_set(f"{self._place}/{t}", "", mine).decode()
        other, _, theirs = first.partition(" ")
        if theirs != repr(amount):
            raise InvalidArgument(
                f"scheduler.consumed({clock}=…) before update {t}",
                f"with it rank {rank} has consumed {amount} {clock}, and rank {other} {theirs}",
                f"Say the number of all processes together, the same in each: the sum of their {clock}",
            )
