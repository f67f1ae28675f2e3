"""Trainers of other libraries, as on the page: TRL, verl and OLMo-core."""

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
from paramsched.engines.transformers import planned
from paramsched.errors import InvalidArgument

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
    with pytest.warns(ps.PlanWarning, match="ended at update"):  # long before its budget of time
        names["trainer"].train()
    scheduler = names["trainer"].lr_scheduler
    assert (scheduler.plan.clock, set(scheduler.get_last_lr())) == ("progress", {1e-6})
    assert 0 < scheduler.amount < 0.1


def test_the_kl_coefficient_of_trl_follows_the_logged_kl(monkeypatch, tmp_path):
    transformers = pytest.importorskip("transformers")
    kls = [0.0, 0.03, 0.02, 0.1, math.nan, None, 0.01, 0.02, 0.02, 0.02, 0.02, 0.02]
    used = []

    def config(beta, **options):
        arguments = transformers.TrainingArguments(
            **options, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no"
        )
        arguments.beta = beta
        return arguments

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
        "planned": planned,
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
    scheduler = names["PlanScheduler"](line=line)
    warm = 200
    total = 1000

    for step in (1, 2, 199, 200, 201, 600, 999, 1000):  # CosWithWarmup of OLMo-core
        cosine = 0.1 + 0.9 * (1 + cos(pi * (step - warm) / (total - warm))) / 2
        expected = 3e-4 * (step / warm if step < warm else cosine)
        assert scheduler.get_lr(3e-4, step, total) == pytest.approx(expected, rel=1e-12)
