"""Consumption reported by the loop: counted, carried over, saved, and rejected if it is invalid."""

import contextlib
import copy
import itertools

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.core.run import EngineHandle, value_table
from paramsched.errors import InvalidArgument
from support.tables import table
from support.updates import probe, used

PLAN = ps.Plan(lr=ps.warmup("1000 tokens") >> ps.linear(1.0, 0.0), clock="tokens", total="9000 tokens")
AMOUNTS = [100, 100, 100, 640, 7, 0, 100, 2048, 2048, 2048, 2048, 100]


def run_with_amounts(optimizer, scheduler, amounts):
    for tokens in amounts:
        scheduler.consumed(tokens=tokens)
        optimizer.step()
    return optimizer


def built(**options):
    optimizer = probe()
    return optimizer, ps.Scheduler(optimizer, PLAN, **options)


# ---------------------------------------------------------------------- what is used


@pytest.mark.parametrize("mixed", [False, True], ids=["factors", "rows"])
def test_long_runs_of_changing_amounts_have_the_values_of_a_seek_and_notice_a_foreign_write(mixed, monkeypatch):
    monkeypatch.setattr(value_table, "_MAX_ROW_VALUES", 13_000)  # 107 updates in one block
    lr = ps.warmup("1000 tokens") >> ps.cosine(to=ps.absolute(1e-4) if mixed else 0.1)
    seen = [[], []]
    optimizers = [
        torch.optim.Adam([{"params": [torch.zeros(1)], "lr": 0.1 + 0.01 * i, "weight_decay": 0.1} for i in range(60)])
        for _ in seen
    ]
    run, seeking = (
        ps.Scheduler(
            optimizer,
            ps.Plan(
                ps.Binding("betas[0]", ps.linear(1.0, 0.5)),
                ps.Binding(ps.Target("temperature", initial=2.0, write=values.append), ps.linear(1.0, 0.0)),
                lr=lr, weight_decay=ps.linear(), clock="tokens", total="500000 tokens",
            ),
        )
        for optimizer, values in zip(optimizers, seen, strict=True)
    )  # fmt: skip
    amounts = [*range(80), *[500] * 50, *range(600, 720), 7]  # more updates than one block holds
    total = 0
    for t, tokens in enumerate(amounts):
        noticed = contextlib.nullcontext()
        if t == 190:
            optimizers[0].param_groups[3]["lr"] = 5.0
            noticed = pytest.warns(UserWarning, match="of group 3 was 5.0 at update 190 instead of the planned")
        run.consumed(tokens=tokens)
        with noticed:
            optimizers[0].step()
        total += tokens
        if t % 7 == 0 or t in range(78, 132, 3):
            seeking.seek(t + 1, tokens=total)
            assert seen[0][-1] == seen[1][-1]
            for group, sought in zip(*(optimizer.param_groups for optimizer in optimizers), strict=True):
                assert [group[key] == sought[key] for key in ("lr", "weight_decay", "betas")] == [True] * 3


# ---------------------------------------------------------------------- checkpoints

ORDERS = [
    (built_when, state, loads_optimizer)
    for built_when, state, loads_optimizer in itertools.product(
        ("before", "after"), ("none", "first", "last"), (True, False)
    )
    if (built_when, state) != ("after", "first") and (loads_optimizer or state != "none")
]


@table(("when", "state", "loads_optimizer"), ORDERS)
@pytest.mark.parametrize("pending", [None, 33], ids=["nothing pending", "reported and not counted"])
@pytest.mark.filterwarnings("ignore:the plan is over after 9000 tokens")
def test_a_run_resumes_exactly_for_every_load_order(when, state, loads_optimizer, pending):
    optimizer, scheduler = built()
    run_with_amounts(optimizer, scheduler, AMOUNTS[:7])
    if pending:
        scheduler.consumed(tokens=pending)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    run_with_amounts(optimizer, scheduler, AMOUNTS[7:])

    again = probe()
    resumed = ps.Scheduler(again, PLAN) if when == "before" else None
    if state == "first":
        resumed.load_state_dict(saved[1])
    if loads_optimizer:
        again.load_state_dict(saved[0])
    resumed = resumed or ps.Scheduler(again, PLAN)
    if state == "last":
        resumed.load_state_dict(saved[1])
    run_with_amounts(again, resumed, AMOUNTS[7:])

    assert used(again) == used(optimizer)[7:]
    assert (resumed.t, resumed.amount) == (scheduler.t, scheduler.amount)
    assert resumed.state_dict() == scheduler.state_dict()


# ---------------------------------------------------------------------- seek


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("calls", list(itertools.product(["consumed", "measured"], repeat=2)))
def test_a_resume_between_two_reports_of_an_update_counts_as_the_uninterrupted_run(calls, several):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0, over="1000 tokens"), clock="tokens")

    def new():
        optimizers = {name: probe(lr=1.0) for name in ("ab" if several else "a")}
        return optimizers, ps.Scheduler(optimizers if several else optimizers["a"], plan)

    def from_state(optimizers, scheduler):
        again = new()
        again[1].load_state_dict(scheduler.state_dict())
        return again

    def from_optimizers(optimizers, scheduler):
        again = new()
        for name, optimizer in optimizers.items():
            again[0][name].load_state_dict(optimizer.state_dict())
        return again

    def copied(*run):
        return copy.deepcopy(run)

    def uninterrupted(*run):
        return run

    actual = set()
    for resume in (uninterrupted, from_state, from_optimizers, copied):
        optimizers, scheduler = new()
        for amount, call in zip((30, 20), calls, strict=True):
            getattr(scheduler if call == "consumed" else EngineHandle(scheduler), call)(tokens=amount)
            optimizers, scheduler = resume(optimizers, scheduler)
        for optimizer in optimizers.values():
            optimizer.step()
        actual.add(scheduler.amount)
        assert optimizers["a"].param_groups[0]["lr"] == scheduler.value("lr")
        EngineHandle(scheduler).measured(tokens=3)
        EngineHandle(scheduler).measured(tokens=4)
        for optimizer in optimizers.values():
            optimizer.step()
        actual.add(scheduler.amount - 7)

    loop = [amount for amount, call in zip((30, 20), calls, strict=True) if call == "consumed"]
    assert actual == {sum(loop) if loop else 50}


@table(
    "tokens",
    [-1, 2.5, True, None, "5", float("nan"), float("inf"), 2**62, torch.ones(2), torch.tensor(True), np.True_],
)
def test_a_consumption_that_is_not_a_count_is_refused_and_changes_nothing(tokens):
    optimizer, scheduler = built()
    run_with_amounts(optimizer, scheduler, [100])
    rate = optimizer.param_groups[0]["lr"]

    with pytest.raises(InvalidArgument, match=r"scheduler\.consumed\(tokens=4096\)"):
        scheduler.consumed(tokens=tokens)

    assert (scheduler.t, scheduler.amount, optimizer.param_groups[0]["lr"]) == (1, 100, rate)


@table(("reported", "each"), [(range(100, 3000, 100), "100"), ([100] * 29, ""), ([100, 900, 50] * 9, "")])
def test_a_report_of_the_sum_so_far_is_answered_with_the_consumption_of_an_update(reported, each):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", clock="tokens", total="1500 tokens"))
    with pytest.warns(ps.PlanWarning, match="PS406") as caught:
        run_with_amounts(optimizer, scheduler, reported)

    (warned,) = caught
    assert warned.message.problem.advice.partition("consumed(tokens=")[2].removesuffix(")") == each


def test_steps_at_each_batch_are_answered_with_the_plan_of_all_batches():
    facts = {"total": "2 epochs", "batches_per_epoch": 8}
    optimizer = probe()
    ps.Scheduler(optimizer, "linear()", **facts, accumulation=4)
    for _ in range(4):
        optimizer.step()
    with pytest.warns(ps.PlanWarning, match="omit accumulation=4"):
        optimizer.step()

    assert ps.Scheduler(probe(), "linear()", **facts).total == 16


def test_an_optimizer_that_computes_its_own_rate_is_answered_with_its_arguments():
    group = {"params": [torch.nn.Parameter(torch.ones(1))], "relative_step": True, "warmup_init": False}
    optimizer = torch.optim.SGD([group], lr=0.1)
    optimizer.param_groups[0]["lr"] = None
    with pytest.raises(ps.errors.PlanError) as refused:
        ps.Scheduler(optimizer, "linear()", total=9)

    assert refused.value.problem.advice.endswith(": lr=1e-3, relative_step=False")
