"""Callbacks and facts of adapters with stand-ins for the engines, and trainers of other libraries."""

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


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def begun(callback, plan, *, step=0):
    """Begin a run of Lightning with a new optimizer, and return the optimizer, its Scheduler and the engine's parts."""
    stepped = optimizer()
    scheduler = ps.Scheduler(stepped, plan)
    trainer = SimpleNamespace(
        global_step=step, optimizers=[stepped], distributed_sampler_kwargs=None, accumulate_grad_batches=2,
        is_last_batch=False, should_stop=False,
    )  # fmt: skip
    module = SimpleNamespace(automatic_optimization=True)
    callback.schedulers = [scheduler]
    callback.on_train_start(trainer, module)
    return stepped, scheduler, trainer, module


def test_a_state_that_was_loaded_into_one_run_is_not_loaded_into_the_next():
    plan = ps.Plan(lr="linear()", total=10)
    callback = lightning._LightningPlan(plan)
    saved = ps.Scheduler(optimizer(), plan)
    saved.seek(4)
    callback.load_state_dict({"schedulers": [saved.state_dict()]})

    assert begun(callback, plan)[1].t == 4
    assert begun(callback, plan)[1].t == 0
    assert begun(callback, plan, step=3)[1].t == 3  # the checkpoint of a run without a plan


@pytest.mark.parametrize(("number", "names"), [(1, ["lr"]), (2, ["optimizer_0/lr", "optimizer_1/lr"])])
def test_the_values_of_several_optimizers_are_logged_with_their_numbers(number, names):
    callback = lightning._LightningPlan(ps.Plan(lr="linear()", total=10))
    callback.schedulers = [ps.Scheduler(optimizer(), ps.Plan(lr="linear()", total=10)) for _ in range(number)]
    logged = []
    logger = SimpleNamespace(log_metrics=lambda values, step: logged.append((values, step)))
    trainer = SimpleNamespace(global_step=6, log_every_n_steps=3, loggers=[logger], logged_metrics={})

    for scheduler in callback.schedulers:
        callback.on_before_optimizer_step(trainer, None, scheduler.optimizer)
    trainer.global_step = 7
    callback.on_before_optimizer_step(trainer, None, callback.schedulers[0].optimizer)

    assert logged == [({name: 0.1}, 6) for name in names]


def test_the_values_of_named_optimizers_are_logged_once_for_each_update_of_all():
    optimizers = {"critic": optimizer(), "generator": optimizer()}
    callback = lightning._LightningPlan(ps.Plan(lr="linear()", total=10), optimizers=optimizers)
    callback.schedulers = [ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=10))]
    logged = []
    logger = SimpleNamespace(log_metrics=lambda values, step: logged.append(step))
    trainer = SimpleNamespace(global_step=0, log_every_n_steps=3, loggers=[logger], logged_metrics={})

    for _ in range(7):
        for one in optimizers.values():
            callback.on_before_optimizer_step(trainer, None, one)
            one.step()
            trainer.global_step += 1  # of all optimizers

    assert logged == [0, 3, 6]


def test_with_manual_optimization_each_batch_is_counted_for_the_next_step_of_each_process():
    plan = ps.Plan(lr="linear()", clock="samples", total="100 samples")
    callback = lightning._LightningPlan(plan)
    stepped, scheduler, trainer, module = begun(callback, plan)
    callback._amounts = [BatchAmounts(scheduler, PlanOptions(), 2, lambda amount: amount * 2)]
    module.automatic_optimization = False
    amounts = []

    for index, size in enumerate((3, 4, 5)):
        callback.on_train_batch_start(trainer, module, torch.zeros(size, 1), index)
        stepped.step()
        amounts.append(scheduler.amount)

    assert amounts == [6, 14, 24]


BY_SAMPLES = ps.Plan(lr="cosine()", clock="samples", total="1000 samples")


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
            scheduler,
            PlanOptions(),
            lightning._replicas(trainer),
            lambda value: lightning._sum_by_trainer(trainer, value),
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


class PreparedLoader:
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
            accelerate.facts(engine, PreparedLoader(), epochs=epochs)
        return

    facts = accelerate.facts(engine, PreparedLoader(), epochs=epochs)

    assert (facts.total, facts.batches, facts.whole, facts.batch_size) == (total, 10, whole, None)
    assert accelerate.facts(engine, iter(()), epochs=3).total is None


@pytest.mark.parametrize(("total", "size"), [(None, 4), (8, 4), (16, 8), (7, 4)])
def test_a_loader_that_splits_its_batches_has_the_size_of_a_part(total, size):
    data_loader = pytest.importorskip("accelerate.data_loader")
    loader_of = type("Prepared", (PreparedLoader, data_loader.DataLoaderStateMixin), {})
    engine = SimpleNamespace(
        num_processes=2, gradient_accumulation_steps=1, gradient_state=SimpleNamespace(sync_with_dataloader=True)
    )
    given = {"batch_size": 4} if total is None else {"batch_size": 4, "total_batch_size": total}

    assert accelerate.facts(engine, loader_of(**given)).batch_size == size
    with pytest.raises(ps.errors.InvalidArgument, match="all 2 processes together"):
        accelerate.facts(engine, PreparedLoader(**given))


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
    with pytest.warns(ps.PlanWarning, match="kl is nan after 5 updates"):
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
