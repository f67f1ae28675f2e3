"""The cost of an update on a token clock, compared with the same plan on the update clock."""

import itertools

import pytest
import torch

import paramsched as ps

UPDATES = 1024
LR = ps.warmup("100 steps") >> ps.cosine(to=0.1)
BY_UPDATES = ps.Plan(lr=LR, total=10**7)
CONSTANT = ps.Plan(lr=LR, total=10**7, clock="tokens")
REPORTED = ps.Plan(lr=ps.warmup("400_000 tokens") >> ps.cosine(to=0.1), total="40B tokens", clock="tokens")
RATE = ps.RunFacts(tokens_per_step=4096)
VARYING = [4096 + t % 97 for t in range(UPDATES)]


class Bare(torch.optim.Optimizer):
    """A step with hooks and no arithmetic."""

    def __init__(self, count):
        groups = [{"params": [torch.zeros(1)], "lr": 0.1 * (1 + i)} for i in range(count)]
        super().__init__(groups, {"weight_decay": 0.01, "betas": (0.9, 0.999)})

    def step(self, closure=None):
        pass


def steps(count, plan, facts=None):
    optimizer = Bare(count)
    ps.Scheduler(optimizer, plan, facts=facts)

    def loop():
        for _ in itertools.repeat(None, UPDATES):
            optimizer.step()

    return loop


def bare_steps(count):
    optimizer = Bare(count)

    def loop():
        for _ in itertools.repeat(None, UPDATES):
            optimizer.step()

    return loop


def reported_steps(count, amounts):
    optimizer = Bare(count)
    scheduler = ps.Scheduler(optimizer, REPORTED)

    def loop():
        for tokens in amounts:
            scheduler.consumed(tokens=tokens)
            optimizer.step()

    return loop


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_constant_number_of_tokens_costs_as_much_as_updates(report, least, count):
    best = least({"updates": steps(count, BY_UPDATES), "constant": steps(count, CONSTANT, RATE)}, calls=UPDATES)

    report(f"step() with constant tokens per update, {count} groups", best["constant"], best["updates"], target=1.1)


@pytest.mark.parametrize(("which", "target"), [("equal", 3.0), ("varying", 5.0)])
def test_reported_amounts(report, least, which, target):
    amounts = [4096] * UPDATES if which == "equal" else VARYING
    optimizer = Bare(1)
    optimizer.step()
    original = torch.optim.lr_scheduler.StepLR(optimizer, 100)
    optimizer.step()

    def originals():
        for _ in itertools.repeat(None, UPDATES):
            original.step()

    loops = {"bare": bare_steps(1), "reported": reported_steps(1, amounts), "StepLR": originals}
    best = least(loops, calls=UPDATES)

    added = best["reported"] - best["bare"]
    report(f"{which} reported amounts added to step(), vs StepLR", added, best["StepLR"], target=target)


PROGRESS = ps.Plan(lr=ps.warmup("1%") >> ps.cosine(to=0.1), clock="progress")


def steps_with_progress(count, *, moves):
    optimizer = Bare(count)
    scheduler = ps.Scheduler(optimizer, PROGRESS)
    places = itertools.count(1) if moves else itertools.repeat(1)
    scheduler.report(progress=1e-7)

    def loop():
        for _, place in zip(range(UPDATES), places, strict=False):
            scheduler.report(progress=place * 1e-7)
            optimizer.step()

    return loop


@pytest.mark.parametrize(("count", "target", "aim"), [(2, 3.6, 3.0), (100, 0.5, 0.5)])
def test_changing_amounts_against_the_cosine_of_torch(report, least, count, target, aim):
    optimizer = Bare(count)
    optimizer.step()
    original = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10**6)
    optimizer.step()

    def originals():
        for _ in itertools.repeat(None, UPDATES):
            original.step()

    loops = {
        "bare": bare_steps(count),
        "tokens": reported_steps(count, VARYING),
        "progress": steps_with_progress(count, moves=True),
        "cosine": originals,
    }
    best = least(loops, calls=UPDATES)

    added = max(best["tokens"], best["progress"]) - best["bare"]
    report(f"changing tokens or progress, {count} groups, vs cosine", added, best["cosine"], target=target, aim=aim)


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_report_that_moves(report, least, count):
    best = least(
        {"consumed": reported_steps(count, VARYING), "report": steps_with_progress(count, moves=True)}, calls=UPDATES
    )

    report(f"report of a new progress with step(), {count} groups", best["report"], best["consumed"], target=2.0)


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_report_that_repeats(report, least, count):
    best = least({"plain": steps(count, BY_UPDATES), "report": steps_with_progress(count, moves=False)}, calls=UPDATES)

    report(f"report of the same progress with step(), {count} groups", best["report"], best["plain"], target=1.5)
