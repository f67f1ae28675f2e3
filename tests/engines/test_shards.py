"""Shards, averaged weights, and trainers of other libraries."""

import copy
import math
import re
import sys
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

import paramsched as ps
from paramsched.engines import accelerate, lightning, pytorch_accelerated
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.reporting import BatchAmounts
from paramsched.engines.transformers import planned as planned_of_trl_verl_olmo_core
from paramsched.errors import InvalidArgument
from support.engine_runs.harness import BATCH, EPOCHS, PLAN, Numbers, Tiny, optimizer_of, planned, recorded

BY_SAMPLES = ps.Plan(lr="cosine()", clock="samples", total="1000 samples")


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def counted(amounts_of):
    """Return the samples of an update whose two batches in this process have 3 and 2 samples."""
    stepped = optimizer()
    scheduler = ps.Scheduler(stepped, BY_SAMPLES)
    amounts = amounts_of(scheduler)
    amounts.count_batch(torch.zeros(3, 2), ends_update=False)
    amounts.count_batch({"x": torch.zeros(2, 2)}, ends_update=True)
    stepped.step()
    return scheduler.amount


@pytest.mark.parametrize(("replicas", "samples"), [(8, 40), (4, 20), (1, 5)])
def test_lightning_counts_a_shard_once(replicas, samples):
    strategy = SimpleNamespace(root_device="cpu", reduce=lambda amount, reduce_op: {"sum": 8 * amount}[reduce_op])
    trainer = SimpleNamespace(distributed_sampler_kwargs={"num_replicas": replicas}, world_size=8, strategy=strategy)

    def amounts(scheduler):
        return BatchAmounts(
            scheduler, PlanOptions(), lightning._replicas(trainer), lambda one: lightning._sum_by_trainer(trainer, one)
        )

    assert counted(amounts) == samples
    trainer.distributed_sampler_kwargs = None
    assert lightning._replicas(trainer) == 1


@pytest.mark.parametrize(("batches", "updates", "accumulation"), [(10, 10, 1), (10, 4, 3), (10, 1, 10), (7, 4, 2)])
def test_the_accumulation_of_pytorch_accelerated_follows_from_its_updates(batches, updates, accumulation):
    made = pytorch_accelerated._attach_to(
        optimizer(), plan='warmup("1 epoch") >> cosine()', options=PlanOptions(), epochs=3, steps_per_epoch=updates,
        batches=batches,
    )  # fmt: skip

    assert (made.facts.accumulation, made.total) == (accumulation, 3 * updates)
    assert str(made.plan.resolve(facts=made.facts).bindings[0].schedule).startswith(f"warmup({updates}) >> ")


class Loader:
    """A prepared loader of ten batches."""

    def __init__(self, **given):
        vars(self).update(given)

    def __len__(self):
        return 10


@pytest.mark.parametrize(
    ("accumulation", "whole", "epochs", "total"),
    [(1, True, 3, 30), (4, True, 3, 9), (4, False, 3, 7), (4, True, None, None), (1, True, 0, None)],
)
def test_the_length_of_a_run_of_accelerate(accumulation, whole, epochs, total):
    pytest.importorskip("accelerate")
    engine = SimpleNamespace(
        num_processes=1,
        gradient_accumulation_steps=accumulation,
        gradient_state=SimpleNamespace(sync_with_dataloader=whole),
    )
    if epochs == 0:
        with pytest.raises(ps.errors.InvalidArgument, match="epochs"):
            accelerate.facts(engine, Loader(), epochs=epochs)
        return

    found = accelerate.facts(engine, Loader(), epochs=epochs)

    assert (found.total, found.batches, found.whole, found.batch_size) == (total, 10, whole, None)
    assert accelerate.facts(engine, iter(()), epochs=3).total is None


@pytest.mark.parametrize(("total", "size"), [(None, 4), (8, 4), (16, 8), (7, 4)])
def test_a_loader_that_splits_its_batches_has_the_size_of_a_part(total, size):
    data_loader = pytest.importorskip("accelerate.data_loader")
    loader_of = type("Prepared", (Loader, data_loader.DataLoaderStateMixin), {})
    engine = SimpleNamespace(
        num_processes=2, gradient_accumulation_steps=1, gradient_state=SimpleNamespace(sync_with_dataloader=True)
    )
    given = {"batch_size": 4} if total is None else {"batch_size": 4, "total_batch_size": total}

    assert accelerate.facts(engine, loader_of(**given)).batch_size == size
    with pytest.raises(ps.errors.InvalidArgument, match="all 2 processes together"):
        accelerate.facts(engine, Loader(**given))


@pytest.mark.parametrize("copies", [1, 2])
def test_the_shards_of_accelerate_divide_the_batches_of_one_process(copies):
    size = ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over=8)")
    plan, parts = ps.Plan(size, lr="linear()", total=9), []
    for rank in range(2 * copies):
        sampler = ps.BatchSampler(plan, 37, seed=7)
        loader = torch.utils.data.DataLoader(range(37), batch_sampler=sampler)
        engine = SimpleNamespace(
            num_processes=2 * copies, process_index=rank, gradient_accumulation_steps=1,
            prepare_scheduler=lambda made: made, parallelism_config=SimpleNamespace(non_data_parallel_size=copies),
        )  # fmt: skip
        accelerate.scheduler(engine, optimizer(), plan, loader)
        parts.append(list(sampler))

    whole = list(ps.BatchSampler(plan, 37, seed=7))
    assert all(parts[rank] == parts[rank // copies * copies] for rank in range(2 * copies))
    assert [sorted(a + b) for a, b in zip(parts[0], parts[copies], strict=True)] == [sorted(one) for one in whole]


def loader() -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(Numbers(), BATCH)


def epoch(model: Tiny, optimizer: torch.optim.Optimizer) -> None:
    for x, y in loader():
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_the_constant_lr_of_weight_averaging_is_a_stage_of_the_plan() -> None:
    plan = ps.Plan(lr=ps.cosine(to=0.5) >> ps.linear(0.5, 0.05, over="5%") >> ps.constant(0.05, over="30%"), total=54)
    model = Tiny()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    rates = []
    optimizer.register_step_pre_hook(lambda inner, args, keywords: rates.append(inner.param_groups[0]["lr"]))

    for number in range(EPOCHS):
        epoch(model, optimizer)
        if number == EPOCHS - 1:
            averaged.update_parameters(model)
    torch.optim.swa_utils.update_bn(loader(), averaged)

    assert rates == ps.trace(plan, {"lr": 0.1})["lr"].tolist()
    assert scheduler.last_epoch == 54
    assert rates[-1] == 0.1 * 0.05


def test_a_run_with_averaged_weights_resumes() -> None:
    def objects() -> tuple[Tiny, torch.optim.Optimizer, torch.optim.swa_utils.AveragedModel]:
        model = Tiny()
        optimizer = optimizer_of(model)
        ps.Scheduler(optimizer, PLAN, total=54)
        return model, optimizer, torch.optim.swa_utils.AveragedModel(model)

    first, again = objects(), objects()
    used = recorded(first[1])
    epoch(*first[:2])
    first[2].update_parameters(first[0])
    state = copy.deepcopy([one.state_dict() for one in first])

    for one, saved in zip(again, state, strict=True):
        one.load_state_dict(saved)
    used_too = recorded(again[1])
    for _ in range(2):
        epoch(*again[:2])
        again[2].update_parameters(again[0])

    assert used + used_too == planned(54)


def test_swalr_in_addition_to_a_plan_causes_a_warning() -> None:
    model = Tiny()
    optimizer = optimizer_of(model)
    ps.Scheduler(optimizer, PLAN, total=54)
    swa = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05)
    epoch(model, optimizer)

    swa.step()
    with pytest.warns(UserWarning, match="other code wrote it"):
        epoch(model, optimizer)


PAGE = (Path(__file__).parents[2] / "docs" / "engines" / "transformers.md").read_text(encoding="utf-8")


BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE[PAGE.index("## TRL") :], re.MULTILINE | re.DOTALL)


def provide(monkeypatch, name, **contents):
    module = ModuleType(name)
    vars(module).update(contents)
    parts = name.split(".")
    for end in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
    monkeypatch.setitem(sys.modules, name, module)


class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, labels):
        return {"loss": torch.nn.functional.mse_loss(self.layer(x), labels)}


def test_trl(monkeypatch, tmp_path):
    transformers = pytest.importorskip("transformers")

    def config(**options):
        return transformers.TrainingArguments(
            **options, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no", logging_steps=1
        )

    data = [{"x": torch.randn(2), "labels": torch.randn(1)} for _ in range(64)]

    class AsyncGRPOTrainer(transformers.Trainer):
        def __init__(self, model, reward_funcs=None, args=None, train_dataset=None, callbacks=None):
            super().__init__(model, args, train_dataset=train_dataset, callbacks=callbacks)

    provide(monkeypatch, "trl.experimental.async_grpo", AsyncGRPOTrainer=AsyncGRPOTrainer, AsyncGRPOConfig=config)
    provide(monkeypatch, "trl", SFTConfig=config, SFTTrainer=transformers.Trainer)
    names = {"folder": str(tmp_path), "model": Line(), "dataset": data, "reward": None}
    exec(BLOCKS[0], names)
    logged = [row["learning_rate"] for row in names["trainer"].state.log_history if "learning_rate" in row]

    assert logged == ps.trace(names["plan"], {"lr": 2e-5}, total=16)["lr"].tolist()

    exec(BLOCKS[1], names)
    names["trainer"].train()
    scheduler = names["trainer"].lr_scheduler
    assert (scheduler.plan.clock, set(scheduler.get_last_lr())) == ("progress", {1e-6})
    assert 0 < scheduler.amount < 0.1


def test_the_kl_coefficient_of_trl_follows_the_logged_kl(monkeypatch, tmp_path):
    transformers = pytest.importorskip("transformers")
    kls, used = [0.0, 0.03, 0.02, 0.1, math.nan, None, 0.01, 0.02, 0.02, 0.02, 0.02, 0.02], []

    def config(beta, **options):
        made = transformers.TrainingArguments(
            **options, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no"
        )
        made.beta = beta
        return made

    class GRPOTrainer(transformers.Trainer):
        def __init__(self, model, reward_funcs=None, args=None, train_dataset=None):
            super().__init__(model, args, train_dataset=train_dataset)
            self.beta = args.beta

        def compute_loss(self, *args, **options):
            used.append(self.beta)
            return super().compute_loss(*args, **options)

        def log(self, logs, *args):
            if "loss" in logs:
                logs["kl"] = kls[self.state.global_step - 1]
            super().log(logs, *args)

    provide(monkeypatch, "trl", GRPOTrainer=GRPOTrainer, GRPOConfig=config)
    data = [{"x": torch.randn(2), "labels": torch.randn(1)} for _ in range(64)]
    names = {
        "folder": str(tmp_path),
        "model": Line(),
        "dataset": data,
        "reward": None,
        "planned": planned_of_trl_verl_olmo_core,
    }
    exec(BLOCKS[2], names)

    expected = [0.04]
    for kl in kls[:-1]:
        error = 0.0 if kl is None or math.isnan(kl) else min(max(kl / 0.02 - 1, -0.2), 0.2)
        expected.append(expected[-1] * (1 + 0.1 * error))
    assert used == pytest.approx(expected, rel=1e-12)


def test_verl(monkeypatch):
    class FSDPEngine:
        pass

    class FSDPEngineWithLMHead(FSDPEngine):
        optimizer_config = SimpleNamespace(total_training_steps=50)

    provide(monkeypatch, "verl.workers.engine.fsdp.transformer_impl", FSDPEngine=FSDPEngine)
    exec(BLOCKS[3], {})
    engine = FSDPEngineWithLMHead()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = engine._build_lr_scheduler(optimizer)
    rates = []
    for _ in range(50):
        for _ in range(3):  # PPO updates of a batch
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        scheduler.step()

    plan = ps.Plan(lr='warmup("3%") >> cosine(to=0.1)')
    assert rates[::3] == ps.trace(plan, {"lr": 0.1}, total=50)["lr"].tolist()
    assert rates[::3] == rates[2::3]

    engine.optimizer_config.total_training_steps = -1
    with pytest.raises(InvalidArgument):
        engine._build_lr_scheduler(optimizer)


def test_olmo_core(monkeypatch):
    @dataclass
    class Scheduler:
        units: str = "steps"

        @staticmethod
        def register(name):
            return lambda scheduler: scheduler

    provide(monkeypatch, "olmo_core.optim.scheduler", Scheduler=Scheduler)
    names = {}
    exec(BLOCKS[4], names)
    line = 'warmup("200 steps", index="(t+1)/n") >> cosine(to=0.1, index="(t+1)/n")'
    scheduler, warm, total = names["PlanScheduler"](line=line), 200, 1000

    for step in (1, 2, 199, 200, 201, 600, 999, 1000):  # CosWithWarmup of OLMo-core
        cosine = 0.1 + 0.9 * (1 + cos(pi * (step - warm) / (total - warm))) / 2
        expected = 3e-4 * (step / warm if step < warm else cosine)
        assert scheduler.get_lr(3e-4, step, total) == pytest.approx(expected, rel=1e-12)
