"""Messages from rank 0 to the other ranks, without a collective operation."""

import json
from typing import Any, final

import torch.distributed as dist

from paramsched.errors import StateError


def several_processes() -> bool:
    """Return whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def default_store() -> Any:
    """Return the store that all processes of the default group share."""
    return dist.distributed_c10d._get_default_store()  # torch has no public function for it


@final
class RankMessages:
    """Numbered messages of rank 0, which each of the other ranks reads in order from the store of the process group.

    Rank 0 never waits. Another rank waits if it reads a message that is not sent yet. So rank 0 sends each message
    before the update at which the other ranks read it.

    The n-th object for a topic in one process belongs to the n-th object for it in every other process.

    Args:
        topic: the subject of the messages.
    """

    def __init__(self, topic: str) -> None:
        self._store, rank = default_store(), dist.get_rank()
        self.is_sender = rank == 0
        order = self._store.add(f"paramsched/{topic}/opened by {rank}", 1)
        self._topic, self._prefix, self._count = topic, f"paramsched/{topic}/{order}", 0

    def send(self, message: Any) -> None:
        """Send JSON data; floats keep all bits."""
        self._store.set(f"{self._prefix}/{self._count}", json.dumps(message))
        self._count += 1

    def receive(self) -> Any:
        """Return the next message.

        Raises:
            StateError: rank 0 does not send it before the timeout of the store.
        """
        try:
            text = self._store.get(f"{self._prefix}/{self._count}")
        except RuntimeError as error:  # a timeout, or a store whose process has ended
            raise StateError(
                f"rank {dist.get_rank()} waits for message {self._count} of rank 0 about {self._topic}, and the store "
                "of the process group has none. Rank 0 has ended, or it has not constructed or loaded a Scheduler at "
                "the same place as the other ranks"
            ) from error
        self._count += 1
        return json.loads(text)
