"""Accelerate: its facts, its checkpoint, its trackers, and the batches that a plan schedules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines.engine_facts import PlanOptions
from paramsched.errors import MissingFact
from support.engine_runs.harness import (
    BATCH,
    BY_TOKENS,
    PLAN,
    Numbers,
    Tiny,
    in_one,
    optimizer_of,
    planned,
    recorded,
    tokens_of_batch,
)
from support.tables import table

accelerate = pytest.importorskip("accelerate")
engine = pytest.importorskip("paramsched.engines.accelerate")

PER_EPOCH = len(Numbers()) // BATCH


class Loop:
    """A run of three epochs that can stop after any epoch and resume with new objects."""

    def __init__(self, plan: ps.Plan = PLAN, accumulation: int = 4, wiring: str = "adapter", **keywords: Any) -> None:
        self.accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulation, **keywords)
        self.counts = plan is BY_TOKENS
        model = Tiny()
        optimizer = optimizer_of(model)
        loader = DataLoader(Numbers(), BATCH)
        if wiring == "unprepared":
            ps.Scheduler(optimizer, plan, total=3 * -(-PER_EPOCH // accumulation))
        self.model, self.optimizer, self.loader = self.accelerator.prepare(model, optimizer, loader)
        if wiring == "adapter":
            self.scheduler = engine.scheduler(self.accelerator, self.optimizer, plan, self.loader, epochs=3)
            self.count = engine.batch_counter(self.accelerator, self.scheduler, amount_of=tokens_of_batch)
        self.used = recorded(self.optimizer.optimizer)

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            for x, y in self.loader:
                with self.accelerator.accumulate(self.model):
                    if self.counts:
                        self.count((x, y))
                    self.accelerator.backward(torch.nn.functional.mse_loss(self.model(x), y))
                    self.optimizer.step()
                    self.optimizer.zero_grad()


@pytest.mark.parametrize("wiring", ["adapter", "unprepared"])
def test_a_run_resumes_from_save_state(wiring: str, tmp_path: Path) -> None:
    first = Loop(wiring=wiring)
    first.train(1)
    first.accelerator.save_state(str(tmp_path))
    again = Loop(wiring=wiring)

    again.accelerator.load_state(str(tmp_path))
    again.train(2)

    assert first.used + again.used == planned(15)


def test_a_run_in_tokens_resumes_from_save_state(tmp_path: Path, check_resumed: Any) -> None:
    first = Loop(BY_TOKENS)
    again = Loop(BY_TOKENS)
    first.train(1)
    first.accelerator.save_state(str(tmp_path))

    again.accelerator.load_state(str(tmp_path))
    again.train(2)

    check_resumed("Accelerate", first.used + again.used, in_one(first.used, again.used), 15)


def test_a_loader_without_a_length_is_reported_with_the_argument_to_pass() -> None:
    class Stream(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(Numbers())

    accelerator = accelerate.Accelerator(cpu=True)
    optimizer, loader = accelerator.prepare(optimizer_of(Tiny()), DataLoader(Stream(), BATCH))

    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        engine.scheduler(accelerator, optimizer, ps.Plan(lr=ps.warmup("1 epochs")), loader, epochs=3)

    assert "the loader has no length" in str(refusal.value)
    assert "accelerate.scheduler(..., steps_per_epoch=100)" in str(refusal.value)


@table("epochs", [0, -1, 2.5, float("nan"), "2", True, 10**30])
def test_epochs_that_are_not_a_count_are_rejected(epochs: Any) -> None:
    with pytest.raises(ps.errors.InvalidArgument, match=r"epochs"):
        engine.facts(accelerate.Accelerator(cpu=True), DataLoader(Numbers(), BATCH), epochs=epochs)


def test_the_values_of_the_next_update_reach_the_trackers(tmp_path: Path) -> None:
    class Kept(accelerate.tracking.GeneralTracker):
        name = "kept"
        requires_logging_directory = False
        tracker = None

        def __init__(self) -> None:
            super().__init__()
            self.rows: list[tuple[Any, Any]] = []

        def store_init_configuration(self, values: Any) -> None: ...

        def log(self, values: Any, step: Any = None, **keywords: Any) -> None:
            self.rows.append((step, values))

    kept = Kept()
    accelerator = accelerate.Accelerator(cpu=True, log_with=kept)
    accelerator.init_trackers("run")
    optimizer, loader = accelerator.prepare(optimizer_of(Tiny()), DataLoader(Numbers(), BATCH))
    scheduler = engine.scheduler(accelerator, optimizer, PLAN, loader, epochs=3)

    engine.log(accelerator, scheduler)

    assert kept.rows[0][0] == 0
    assert kept.rows[0][1]["weight_decay/bias"] == 0.01
    assert kept.rows[0][1]["betas_0/weight"] == 0.85


@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")  # the checkpoint has no count of updates
def test_a_run_started_with_torchs_scheduler_continues_with_a_plan(tmp_path: Path) -> None:
    def prepared(make: Any) -> Any:
        accelerator = accelerate.Accelerator(cpu=True)
        model = Tiny()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        return accelerator, *accelerator.prepare(model, optimizer, make(optimizer))

    def update(accelerator: Any, model: Any, optimizer: Any, scheduler: Any) -> None:
        accelerator.backward(model(torch.ones(1, 2)).sum())
        optimizer.step()
        scheduler.step()

    plan = ps.Plan(lr=ps.linear(1.0, 0.0), total=100)
    first = prepared(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2))
    for _ in range(7):
        update(*first)
    first[0].save_state(str(tmp_path))
    again = prepared(lambda optimizer: ps.Scheduler(optimizer, plan))

    again[0].load_state(str(tmp_path))

    used = ps.trace(plan, {"lr": 0.1})["lr", 0].tolist()
    for t in range(7, 10):
        assert again[2].param_groups[0]["lr"] == used[t]
        update(*again)


class Meshed:
    """The attributes of an Accelerator in a run of eight processes."""

    num_processes = 8
    device = torch.device("cpu")
    sync_gradients = True

    def __init__(self, **sizes: int) -> None:
        self.parallelism_config = accelerate.ParallelismConfig(**sizes) if sizes else None

    def reduce(self, amount: Any, reduction: str) -> Any:
        assert reduction == "sum"
        return amount * self.num_processes


@table(
    ("sizes", "expected"),
    [
        ({}, 8),
        ({"dp_shard_size": 8}, 8),
        ({"dp_replicate_size": 2, "dp_shard_size": 4}, 8),
        ({"dp_shard_size": 4, "tp_size": 2}, 4),
        ({"dp_shard_size": 2, "tp_size": 2, "cp_size": 2}, 2),
        ({"tp_size": 8}, 1),
    ],
)
def test_processes_with_the_same_batches_are_counted_once(sizes: dict[str, int], expected: int) -> None:
    accelerator = Meshed(**sizes)
    optimizer = optimizer_of(Tiny())
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.linear(1.0, 0.0, over="100 samples"), clock="samples"))
    see = engine.batch_counter(accelerator, scheduler)

    see((torch.zeros(3, 2), torch.zeros(3)))
    optimizer.step()

    assert scheduler.amount == 3 * expected


@pytest.mark.parametrize("how", ["helper", "prepared", "before prepare"])
def test_two_optimizers_follow_one_plan_and_resume(how: str, tmp_path: Path) -> None:
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="muon"), lr="linear()", total=24)

    def loop(updates: int, folder: Path | None = None) -> tuple[list[list[float]], Any]:
        accelerator = accelerate.Accelerator(cpu=True)
        nets = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
        raw = [torch.optim.SGD(net.parameters(), lr=base) for net, base in zip(nets, (0.1, 0.2), strict=True)]
        names = ("muon", "adamw")
        scheduler = None
        if how == "before prepare":
            scheduler = ps.Scheduler(dict(zip(names, raw, strict=True)), plan)
        loader = DataLoader(torch.randn(64, 2), batch_size=8)
        *_, loader = prepared = accelerator.prepare(*nets, *raw, loader)
        optimizers = dict(zip(names, prepared[2:4], strict=True))
        if how == "helper":
            scheduler = engine.scheduler(accelerator, optimizers, plan, loader)
        elif how == "prepared":
            scheduler = ps.Scheduler(optimizers, plan)
        assert scheduler is not None
        if how != "helper":
            accelerator.register_for_checkpointing(scheduler)
        if folder is not None:
            accelerator.load_state(str(folder))
        used: list[list[float]] = []
        while scheduler.t < updates:
            for batch in loader:
                if scheduler.t == updates:
                    break
                accelerator.backward(prepared[1](prepared[0](batch)).sum())
                used.append([optimizer.param_groups[0]["lr"] for optimizer in optimizers.values()])
                for optimizer in optimizers.values():
                    optimizer.step()
                    optimizer.zero_grad()
        if folder is None:
            accelerator.save_state(str(tmp_path))
        return used, scheduler

    planned_values = ps.trace(plan, {"muon": {"lr": 0.1}, "adamw": {"lr": 0.2}})
    expected = [[planned_values["lr", name][t] for name in ("muon", "adamw")] for t in range(24)]
    first, _ = loop(10)
    rest, scheduler = loop(24, tmp_path)
    assert first + rest == expected
    assert scheduler.t == 24


@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")  # the plan takes 250 % of the run
@pytest.mark.parametrize(("unit", "arguments"), [("tokens", ", tokens_per_sample=1024"), ("samples", "")])
def test_a_missing_count_suggests_the_counter(unit: str, arguments: str) -> None:
    plan = ps.Plan(lr=ps.linear(over=f"600 {unit}"), clock=unit)
    line = f"For example: count = batch_counter(accelerator, scheduler{arguments}), and count(batch) before the step"
    loop = Loop(plan)
    loop.scheduler.detach()
    facts = replace(engine.facts(loop.accelerator, loop.loader), batch_size=None)
    facts.attach(loop.optimizer, plan, PlanOptions())

    with pytest.raises(MissingFact) as error:
        loop.train(1)
    assert str(error.value).endswith(line)
