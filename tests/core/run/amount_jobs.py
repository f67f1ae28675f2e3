"""The jobs of two processes that report the same numbers. Arguments: address of the group, rank, folder."""

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import paramsched as ps
from support.updates import probe, used

PLAN = ps.Plan(lr=ps.warmup("1000 tokens") >> ps.linear(1.0, 0.0), clock="tokens", total="90000 tokens")
UPDATES = 150


def local_tokens(rank: int, t: int) -> int:
    """Return a number of tokens that varies by rank and update."""
    return 100 + 37 * ((3 * t + 5 * rank) % 11)


def summed(tokens: int) -> int:
    number = torch.tensor(tokens)
    dist.all_reduce(number)
    return int(number)


def mean_of_ranks(value: float) -> float:
    number = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(number)
    return float(number) / 2


def of_rank_0(value: float) -> float:
    number = torch.tensor(value, dtype=torch.float64)
    dist.broadcast(number, src=0)
    return float(number)


def same_sums(rank: int) -> dict[str, Any]:
    """Report each update in two parts; both processes skip some updates and load a checkpoint during the run."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    for t in range(UPDATES):
        scheduler.consumed(tokens=summed(local_tokens(rank, t)))
        scheduler.consumed(tokens=1)
        if t % 50 == 13:  # as a scaler marks a step that a fused optimizer must skip
            optimizer.found_inf = torch.ones(1)
            optimizer.step()
            del optimizer.found_inf
            scheduler.consumed(tokens=3)
        optimizer.step()
        if t == 69:
            saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            for _ in range(10):  # lost: the run continues from the checkpoint
                scheduler.consumed(tokens=5)
                optimizer.step()
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
            del optimizer.used[-10:]
    return {"t": scheduler.t, "amount": scheduler.amount, "used": used(optimizer)}


def same_progress(rank: int) -> dict[str, Any]:
    """Report the progress of rank 0 before every tenth update."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.linear(1.0, 0.0), clock="progress"))
    for t in range(UPDATES):
        if t % 10 == 0:
            scheduler.report(progress=of_rank_0(t // 10 / (20 + rank)))
        optimizer.step()
    return {"t": scheduler.t, "used": used(optimizer)}


def local_kl(rank: int, t: int) -> float:
    return 6.0 + (rank + 0.5) * ((7 * t) % 5 - 1.5)


def hold_of_the_mean(rank: int) -> dict[str, Any]:
    """Observe the mean of a metric before each update."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr='constant() * hold("kl", at=6.0, gain=0.1)', total=UPDATES))
    for t in range(UPDATES):
        scheduler.observe(kl=mean_of_ranks(local_kl(rank, t)))
        optimizer.step()
    return {"used": used(optimizer)}


LINE = 'linear(1, 0.1) * plateau("loss", factor=0.5, patience=1, threshold=0.2)'
REDUCED = {
    "tokens": ps.Plan(lr=LINE, clock="tokens", total="15000 tokens"),
    "progress": ps.Plan(lr=LINE, clock="progress"),
}
SHORT = 24  # updates


class Training:
    """A model on two ranks with a plan that counts tokens or follows the progress, and with a plateau."""

    def __init__(self, clock: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.clock = clock
        self.model = DistributedDataParallel(torch.nn.Linear(3, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.1)
        self.scheduler = ps.Scheduler(self.optimizer, REDUCED[clock])
        self.rates: list[float] = []

    def train(self, rank: int, until: int) -> None:
        while self.scheduler.t < until:
            t = self.scheduler.t
            x = torch.randn(4, 3, generator=torch.Generator().manual_seed(2 * t + rank))
            if self.clock == "tokens":
                self.scheduler.consumed(tokens=summed(local_tokens(rank, t)))
            else:
                self.scheduler.report(progress=of_rank_0(min(1.0, t / (SHORT + 5 * rank))))
            loss = (self.model(x) - x.sum(dim=1, keepdim=True)).square().mean()
            self.rates.append(self.optimizer.param_groups[0]["lr"])
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.scheduler.observe(loss=mean_of_ranks(loss.item()))

    def results(self) -> dict[str, Any]:
        weights = {name: tensor.tolist() for name, tensor in self.model.state_dict().items()}
        return {"rates": self.rates, "weights": weights, "amount": self.scheduler.amount}


def trained_and_resumed(clock: str, rank: int, folder: Path) -> dict[str, Any]:
    """Train once without an interruption, and once with a checkpoint of rank 0 that new processes would load."""
    whole = Training(clock, seed=0)
    whole.train(rank, SHORT)
    first = Training(clock, seed=0)
    file = folder / f"{clock}.pt"
    first.train(rank, SHORT // 2)
    if rank == 0:
        torch.save({"model": first.model.state_dict(), "optimizer": first.optimizer.state_dict()}, file)
    dist.barrier()
    again = Training(clock, seed=1)
    saved = torch.load(file)
    again.model.load_state_dict(saved["model"])
    again.optimizer.load_state_dict(saved["optimizer"])
    again.rates += first.rates
    again.train(rank, SHORT)
    return {"whole": whole.results(), "resumed": again.results()}


JOBS: dict[str, Callable[[int], dict[str, Any]]] = {
    job.__name__: job for job in (same_sums, same_progress, hold_of_the_mean)
}


def main() -> None:
    address = sys.argv[1]
    rank = int(sys.argv[2])
    folder = Path(sys.argv[3])
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    actual = {name: job(rank) for name, job in JOBS.items()}
    actual |= {clock: trained_and_resumed(clock, rank, folder) for clock in REDUCED}
    (folder / f"{rank}.json").write_text(json.dumps(actual), encoding="utf-8")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
