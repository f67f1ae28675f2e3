# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""A Runner on a clock of samples, tokens, frames or batches counts its real batches."""

from __future__ import annotations

import json
import os
import random
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.mmengine.runner import CheckpointHook, Hook, Runner
from paramsched.tools.audit import AmountColumn, compare_with_plan, read_log
from support.runner_jobs import digits, network
from support.runner_kills import Killer, assert_same_run, killed
from support.spread import spread

KILLS = int(os.environ.get("PARAMSCHED_KILLS", "1"))
SAMPLES = 38
SIZE = 4
EPOCHS = 4  # ten batches, the last one of two samples


def job(folder: Path, plan, *, counts=1, resume=False, hooks=(), **settings) -> Runner:
    runner = Runner(
        model=nn.Sequential(network(), nn.Dropout(0.1)),
        work_dir=folder,
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9, fused=True), accumulative_counts=counts),
        param_scheduler=plan,
        loss=nn.functional.cross_entropy,
        randomness=dict(seed=3),
        default_hooks=dict(checkpoint=CheckpointHook(interval=7, by_epoch=False), progress=None),
        custom_hooks=list(hooks),
        resume=resume,
        **{
            "train_dataloader": DataLoader(digits(SAMPLES), batch_size=SIZE, shuffle=True),
            "train_cfg": dict(max_epochs=EPOCHS),
            **settings,
        },
    )
    runner.train()
    return runner


def lines(runner: Runner) -> list[dict]:
    return [json.loads(line) for line in (runner.work_dir / "values.jsonl").read_text().splitlines()]


def consumed_before_updates(counts: int) -> list[int]:
    """Return the samples before each update and after the last; an epoch ends a cycle of accumulation."""
    batches = [min(SIZE, SAMPLES - begin) for begin in range(0, SAMPLES, SIZE)]
    updates = [sum(batches[begin : begin + counts]) for begin in range(0, len(batches), counts)] * EPOCHS
    return [sum(updates[:t]) for t in range(len(updates) + 1)]


@pytest.mark.parametrize("counts", [1, 4])
def test_samples_are_the_real_batch_sizes_including_the_smaller_last_one(tmp_path, counts):
    runner = job(tmp_path, ps.Plan(lr=ps.linear(1, 0), clock="samples"), counts=counts)

    expected = consumed_before_updates(counts)
    assert [line["samples"] for line in lines(runner)] == expected[:-1]
    assert [line["groups"][0]["lr"] for line in lines(runner)] == pytest.approx(
        [0.1 * (1 - amount / (SAMPLES * EPOCHS)) for amount in expected[:-1]]
    )
    assert runner.schedulers[""][0].amount == SAMPLES * EPOCHS
    assert list(lines(runner)[0]) == ["t", "samples", "groups", "epoch", "iter"]


@pytest.mark.parametrize(
    ("clock", "length", "per_batch", "settings"),
    [
        ("tokens", "1000 tokens", lambda samples: 25 * samples, dict(tokens_per_sample=25)),
        ("tokens", "1000 tokens", lambda samples: 7 * samples, dict(amount_of=lambda batch: 7 * len(batch[1]))),
        ("frames", "1000 frames", lambda samples: 2 * samples, dict(amount_of=lambda batch: 2 * len(batch[0]))),
        ("samples", "100 samples", lambda samples: samples + 1, dict(amount_of=lambda batch: len(batch[0]) + 1)),
        ("batches", "25 batches", lambda _: 1, {}),
    ],
    ids=["tokens-of-a-sample", "tokens-counted", "frames-counted", "samples-counted-otherwise", "batches"],
)
@pytest.mark.filterwarnings("ignore:the plan is over after")  # where amount_of counts more samples
def test_each_clock_counts_its_own_unit(tmp_path, clock, length, per_batch, settings):
    plan = ps.Plan(lr=ps.linear(1, 0, over=length), clock=clock)

    runner = job(tmp_path, plan, counts=3, **settings)

    batches = [per_batch(min(SIZE, SAMPLES - begin)) for begin in range(0, SAMPLES, SIZE)]
    updates = [sum(batches[begin : begin + 3]) for begin in range(0, 10, 3)] * EPOCHS
    amounts = [sum(updates[:t]) for t in range(len(updates))]
    until = float(length.split()[0])
    assert [line[clock] for line in lines(runner)] == amounts
    assert [line["groups"][0]["lr"] for line in lines(runner)] == pytest.approx(
        [0.1 * max(0.0, 1 - amount / until) for amount in amounts]
    )


def test_the_log_of_a_plan_in_updates_has_no_amount(tmp_path):
    runner = job(tmp_path, ps.Plan(lr=ps.linear(1, 0)), tokens_per_sample=3)

    assert list(lines(runner)[0]) == ["t", "groups", "epoch", "iter"]


class ReportAmount(Hook):
    """Report an amount before some batches."""

    def __init__(self, iterations, amount):
        self.iterations = iterations
        self.amount = amount

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter in self.iterations:
            runner.schedulers[""][0].consumed(samples=self.amount)


@pytest.mark.filterwarnings("ignore:the plan is over after")  # more samples than the loader has
def test_an_amount_reported_by_a_hook_takes_precedence(tmp_path):
    plan = ps.Plan(lr=ps.constant(), clock="samples")

    runner = job(tmp_path, plan, hooks=[ReportAmount({0, 2}, 11)], train_cfg=dict(by_epoch=False, max_iters=5))

    assert [line["samples"] for line in lines(runner)] == [0, 11, 15, 26, 30]


class Overflows(Hook):
    """Report an overflow to the optimizer, as a scaler does for a fused one: these steps are not updates."""

    def __init__(self, *iterations):
        self.iterations = iterations

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter in self.iterations:
            runner.optim_wrapper.optimizer.found_inf = torch.ones(1)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        vars(runner.optim_wrapper.optimizer).pop("found_inf", None)


def test_the_samples_of_a_skipped_update_are_counted_by_the_next(tmp_path):
    plan = ps.Plan(lr=ps.linear(1, 0), clock="samples")

    runner = job(tmp_path, plan, hooks=[Overflows(1, 2)], train_cfg=dict(by_epoch=False, max_iters=6))

    assert [line["samples"] for line in lines(runner)] == [0, 4, 16, 20]
    assert runner.schedulers[""][0].amount == 24


BATCHES_GROW = """
clock: samples
lr: linear(1, 0, over="200 samples")
targets: {batch_size: {initial: 1, schedule: 'stairs(4, 8, 2, over="40 samples")'}}
"""


class PlannedBatches(torch.utils.data.Sampler):
    """Batches of the size that is planned for the next update."""

    def __init__(self):
        self.size = lambda: 4

    def __iter__(self):
        begin = 0
        while True:
            size = int(self.size())
            yield [index % SAMPLES for index in range(begin, begin + size)]
            begin += size

    def __len__(self):
        return 100


class Follow(Hook):
    def __init__(self, sampler):
        self.sampler = sampler

    def before_train(self, runner):
        self.sampler.size = lambda: runner.schedulers[""][0].value("batch_size")


def test_planned_sizes_are_not_reported_and_the_first_difference_is_warned_of(tmp_path):
    loader = DataLoader(digits(SAMPLES), batch_sampler=PlannedBatches())  # of 4 samples
    with pytest.warns(UserWarning, match="the plan schedules") as warned:
        runner = job(tmp_path, BATCHES_GROW, train_dataloader=loader, train_cfg=dict(by_epoch=False, max_iters=10))

    assert [line["samples"] for line in lines(runner)] == [0, 4, 8, 12, 16, 20, 26, 32, 38, 44]
    (said,) = [str(warning.message) for warning in warned if "the plan schedules" in str(warning.message)]
    assert said.startswith("update 5: the plan schedules 6 samples for it, but the engine's batches contain 4")


# Its loader is one batch ahead, so a change of size may be noticed. The amounts are the planned ones anyway.
@pytest.mark.filterwarnings("ignore:update 5. the plan schedules 6 samples")
def test_a_loader_whose_batches_follow_the_plan_is_as_planned(tmp_path):
    sampler = PlannedBatches()
    loader = DataLoader(digits(SAMPLES), batch_sampler=sampler)

    runner = job(
        tmp_path,
        BATCHES_GROW,
        hooks=[Follow(sampler)],
        train_dataloader=loader,
        train_cfg=dict(by_epoch=False, max_iters=12),
    )

    planned = ps.trace(ps.loads(BATCHES_GROW), {"lr": 0.1}, total=12).amounts
    assert [line["samples"] for line in lines(runner)] == planned.tolist()


def test_a_clock_of_uncounted_tokens_raises_before_the_update(tmp_path):
    plan = ps.Plan(lr=ps.linear(1, 0, over="1000 tokens"), clock="tokens")

    with pytest.raises(
        MissingFact, match=r"the number of tokens of this update is unknown\. Use Runner\(\.\.\., tokens_per_sample="
    ):
        job(tmp_path, plan)

    assert (tmp_path / "values.jsonl").read_text() == ""


def test_an_invalid_amount_is_rejected_before_the_batch(tmp_path):
    plan = ps.Plan(lr=ps.linear(1, 0, over="100 frames"), clock="frames")

    with pytest.raises(InvalidArgument, match="frames"):
        job(tmp_path, plan, amount_of=lambda _: 1.5)

    assert (tmp_path / "values.jsonl").read_text() == ""


PLANS = {
    "samples": (ps.Plan(lr=ps.warmup("20%") >> ps.cosine(to=0.1), clock="samples"), {}),
    "tokens": (
        ps.Plan(lr=ps.linear(1, 0), momentum=ps.linear(0.5, 1, over="700 tokens"), clock="tokens"),
        dict(tokens_per_sample=9),
    ),
}


@pytest.mark.heavy
@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize(("name", "counts"), spread(product(PLANS, [1, 4]), ("samples", 4), ("tokens", 1)))
def test_a_run_killed_at_any_moment_resumes_with_the_same_amounts_values_and_weights(tmp_path, name, counts, number):
    plan, settings = PLANS[name]
    hooks = [Overflows(5, 6, 7, 20, 21)]
    rng = random.Random(f"{name} {counts} {number}")
    points = ["before_train_iter", "after_train_iter", "before_save_checkpoint"]
    point = rng.choice(points)
    iteration = rng.randrange(1, 10 * EPOCHS)
    if point == "before_save_checkpoint":
        iteration = 7 * rng.randrange(1, 5) - 1
    killer = Killer(point, iteration, rng.choice(["VERY_HIGH", "LOWEST"]))

    whole = job(tmp_path / "whole", plan, counts=counts, hooks=hooks, **settings)
    killed(lambda: job(tmp_path / "killed", plan, counts=counts, hooks=[*hooks, killer], **settings))
    resumed = job(tmp_path / "killed", plan, counts=counts, hooks=hooks, resume=True, **settings)

    assert_same_run(resumed, whole)
    assert resumed.schedulers[""][0].amount == whole.schedulers[""][0].amount


def test_a_checkpoint_of_a_plan_in_updates_contains_no_amounts(tmp_path):
    job(tmp_path, ps.Plan(lr=ps.linear(1, 0)), counts=4)

    saved = torch.load(tmp_path / "iter_7" / "runner.pt", weights_only=True)

    assert saved["optimizers"] == {"": {"updates": 1, "base_param_settings": None}}


@pytest.mark.parametrize("counts", spread([1, 4], 4))
def test_an_audit_of_the_log_finds_every_value_as_planned(tmp_path, counts):
    plan = ps.Plan(
        lr=ps.warmup("30 samples") >> ps.cosine(to=0.1), momentum=ps.linear(0.5, 1, over="100 samples"),
        clock="samples", total=f"{SAMPLES * EPOCHS} samples",
    )  # fmt: skip
    job(tmp_path, plan, counts=counts)

    logged = read_log(tmp_path / "values.jsonl", ["lr", "momentum"], amount=AmountColumn("samples"))
    report = compare_with_plan(logged, plan, bases={("lr", None): 0.1, ("momentum", None): 0.9})

    assert (report.exact, report.first) == (report.values, None)
