"""The cost of a watched plan file: updates between two looks, and a look at an unchanged file."""

import itertools

import pytest
import torch

import paramsched as ps

UPDATES = 4096
PLAN = ps.Plan(lr=ps.warmup(100) >> ps.cosine(to=0.1), horizon=10**7)


class Bare(torch.optim.Optimizer):
    """A step with hooks and no arithmetic."""

    def __init__(self, count):
        groups = [{"params": [torch.zeros(1)], "lr": 0.1 * (1 + i)} for i in range(count)]
        super().__init__(groups, {"weight_decay": 0.01, "betas": (0.9, 0.999)})

    def step(self, closure=None):
        pass


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    ps.dump(PLAN, path)
    return path


def steps(made, file, **options):
    """Return a loop over the steps of one optimizer, or of several in turn."""
    ps.Scheduler(made, file, **options)
    together = list(made.values()) if isinstance(made, dict) else [made]

    def loop():
        for _ in itertools.repeat(None, UPDATES):
            for one in together:
                one.step()

    return loop


@pytest.mark.parametrize("count", [1, 100])
def test_updates_between_two_looks(report, least, file, count):
    # The only look comes after all measured updates.
    loops = {"today": steps(Bare(count), file), "watched": steps(Bare(count), file, watch=10**9)}
    best = least(loops, calls=UPDATES, rounds=25)

    report(f"update of a watched run, {count} groups, vs not watched", best["watched"], best["today"], target=1.05)


def test_updates_of_two_optimizers_between_two_looks(report, least, file):
    pairs = [{name: Bare(1) for name in "ab"} for _ in range(2)]
    loops = {"today": steps(pairs[0], file), "watched": steps(pairs[1], file, watch=10**9)}
    best = least(loops, calls=UPDATES, rounds=25)

    report("update of 2 watched optimizers, vs not watched", best["watched"], best["today"], target=1.05)


def test_a_look_at_an_unchanged_file(report, least, file):
    optimizer = Bare(1)
    scheduler = ps.Scheduler(optimizer, file, watch=1, drive="manual")
    look = scheduler._run.look

    def looks():
        for _ in range(200):
            scheduler._run.clock.t += 1
            look()

    def stats():
        for _ in range(200):
            file.stat()

    best = least({"look": looks, "stat": stats}, calls=200)

    report("look at an unchanged file, vs stat", best["look"], best["stat"], target=35.0)
