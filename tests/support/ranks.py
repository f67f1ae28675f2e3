"""Several ranks, one after another in this process, with a store that they share."""

from typing import Any

import torch.distributed as dist

from paramsched.core.run.ranks import Ranks


class RanksInTurn:
    """Lets the code of this process run as one of several ranks.

    Args:
        patch: pytest's monkeypatch.
        store: the store. Default: a new one.
    """

    def __init__(self, patch: Any, store: Any = None) -> None:
        self.patch, self.store = patch, store or dist.HashStore()
        self.run_as(0)

    def run_as(self, rank: int) -> Ranks:
        """Run as a rank from now on."""
        ranks = Ranks(rank, self.store, "paramsched")
        run_as_one_of_several(self.patch, ranks)
        return ranks


def run_as_one_of_several(patch: Any, ranks: Ranks, size: int = 2) -> None:
    """Let the code of this process run as one of several processes."""
    patch.setattr(Ranks, "here", staticmethod(lambda: ranks))
    for name, value in {
        "is_initialized": True,
        "get_world_size": size,
        "get_backend": "",
        "get_rank": ranks.own,
    }.items():
        patch.setattr(dist, name, lambda *_, found=value: found)
