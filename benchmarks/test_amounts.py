"""What an update costs on a clock of tokens, beside the same plan by updates."""

import itertools

import pytest
import torch

import paramsched as ps

UPDATES = 1024
LR = ps.warmup("100 steps") >> ps.cosine(to=0.1)
BY_UPDATES = ps.Plan(lr=LR, horizon=10**7)
CONSTANT = ps.Plan(lr=LR, horizon=10**7, clock="tokens")
TOLD = ps.Plan(lr=ps.warmup("400_000 tokens") >> ps.cosine(to=0.1), horizon="40B tokens", clock="tokens")
RATE = ps.Calendar(tokens_per_step=4096)


class Bare(torch.optim.Optimizer):
    """A step with hooks and no arithmetic."""

    def __init__(self, count):
        groups = [{"params": [torch.zeros(1)], "lr": 0.1 * (1 + i)} for i in range(count)]
        super().__init__(groups, {"weight_decay": 0.01, "betas": (0.9, 0.999)})

    def step(self, closure=None):
        pass


def steps(count, plan, calendar=None):
    optimizer = Bare(count)
    ps.Scheduler(optimizer, plan, calendar=calendar)

    def loop():
        for _ in itertools.repeat(None, UPDATES):
            optimizer.step()

    return loop


def told_steps(count, amounts):
    optimizer = Bare(count)
    scheduler = ps.Scheduler(optimizer, TOLD)

    def loop():
        for tokens in amounts:
            scheduler.consumed(tokens=tokens)
            optimizer.step()

    return loop


@pytest.mark.parametrize("count", [1, 10, 100])
def test_an_update_that_counts_tokens(told, least, count):
    best = least(
        {
            "updates": steps(count, BY_UPDATES),
            "constant": steps(count, CONSTANT, RATE),
            "equal": told_steps(count, [4096] * UPDATES),
            "varying": told_steps(count, [4096 + t % 97 for t in range(UPDATES)]),
        },
        calls=UPDATES,
    )

    told(f"step() at a constant rate, {count} groups", best["constant"], best["updates"], target=1.1)
    more = {name: best[name] - best["updates"] for name in ("equal", "varying")}  # aim: at most 30 µs for one group
    print("".join(f", {name} amounts {micro:.1f} µs more" for name, micro in more.items()), end="")
