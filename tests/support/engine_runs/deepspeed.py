"""DeepSpeed: its engine, the loop, or the Hugging Face Trainer steps the Scheduler."""

import tempfile
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DeepSpeedPlugin
from torch.utils.data.distributed import DistributedSampler
from transformers import TrainingArguments

import paramsched as ps
from paramsched.engines import accelerate as engine_of_accelerate
from paramsched.engines.transformers import planned
from support.engine_runs.harness import (
    BATCH,
    EPOCHS,
    Case,
    Numbers,
    Run,
    Seen,
    Tiny,
    Used,
    batches_of_a_process,
    loader_of,
    optimizer_of,
    plan_of,
    result,
    tokens_in,
    tokens_of_batch,
    updates,
)
from support.engine_runs.plain import summed
from support.engine_runs.transformers import Model, Ordered, Rows

deepspeed = pytest.importorskip("deepspeed")
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # compiling this takes a minute; gloo replaces it
STAGES = {"": 2, "by hand": 1, "stage 0": 0, "stage 3": 3, "trainer": 2, "accelerate": 1}


def recorded(optimizer: torch.optim.Optimizer) -> Used:
    """Return a list that records the values of each update, which ZeRO makes in one step for each group."""
    used = Used()
    Seen.tokens = Seen.samples = 0
    row: dict[str, list[float]] = {}

    def before_step(inner: Any, args: Any, keywords: Any) -> None:
        for group in inner.param_groups:
            if group["params"]:  # stage 3 empties the other groups
                assert group["name"] not in row
                row[group["name"]] = [float(group["lr"]), group["weight_decay"], group["betas"][0]]

    def after_step(inner: Any, args: Any, keywords: Any) -> None:
        if len(row) == 2:
            used.append(row["weight"] + row["bias"])
            used.amounts.append((Seen.tokens, Seen.samples))
            Seen.tokens = Seen.samples = 0
            row.clear()

    optimizer.register_step_pre_hook(before_step)
    optimizer.register_step_post_hook(after_step)
    return used


def config_of(case: Case) -> dict[str, Any]:
    """Return the JSON of DeepSpeed."""
    return {
        "train_micro_batch_size_per_gpu": BATCH,
        "gradient_accumulation_steps": case.accumulation,
        "zero_optimization": {"stage": STAGES[case.variant]},
        "zero_allow_untested_optimizer": True,
    }


def train(case: Case) -> Run:
    if not torch.distributed.is_initialized():
        deepspeed.init_distributed("gloo", verbose=False)
    return {"trainer": with_trainer, "accelerate": with_accelerate}.get(case.variant, in_a_loop)(case)


def in_a_loop(case: Case) -> Run:
    """Train in a loop of the user. A window of accumulation continues in the next epoch."""
    total = updates(batches_of_a_process(), case, whole=False)
    facts = {"total": total} if case.clock == "updates" else {}
    model = Tiny()
    optimizer = optimizer_of(model)
    by_hand = case.variant == "by hand"
    engine, wrapped, _, scheduler = deepspeed.initialize(
        model=model,
        optimizer=optimizer,
        config=config_of(case),
        lr_scheduler=None if by_hand else lambda inner: ps.Scheduler(inner, plan_of(case), drive="manual", **facts),
    )
    if by_hand:
        scheduler = ps.Scheduler(wrapped, plan_of(case), drive="manual", **facts)
    used = recorded(optimizer)
    data = Numbers()
    loader = loader_of(case, data, sampler=DistributedSampler(data, shuffle=False))
    for _ in range(EPOCHS):
        for x, y in loader:
            if case.clock == "tokens":
                scheduler.consumed(tokens=summed(tokens_in(x)))
            engine.backward(torch.nn.functional.mse_loss(engine(x), y))
            ends_update = engine.is_gradient_accumulation_boundary()
            engine.step()
            if by_hand and ends_update:
                scheduler.step()
    return result(used, case, total)


class WithOwnOptimizer(Ordered):
    """A Trainer that creates the optimizer of the task. DeepSpeed ignores the one that is passed."""

    def create_optimizer(self, *args: Any, **keywords: Any) -> Any:
        if self.optimizer is None:
            self.optimizer = optimizer_of(self.model)
            self.used = recorded(self.optimizer)
        return self.optimizer


def with_trainer(case: Case) -> Run:
    total = updates(batches_of_a_process(), case)
    trainer_class = planned(
        WithOwnOptimizer, plan_of(case), amount_of=tokens_of_batch if case.clock == "tokens" else None
    )
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder,
            deepspeed=config_of(case),
            gradient_accumulation_steps=case.accumulation,
            per_device_train_batch_size=BATCH,
            max_grad_norm=0.0,
            num_train_epochs=EPOCHS,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = trainer_class(model=Model(), args=args, train_dataset=Rows())
        trainer.train()
    return result(trainer.used, case, total)


def with_accelerate(case: Case) -> Run:
    plugin = DeepSpeedPlugin(zero_stage=STAGES[case.variant])
    accelerator = Accelerator(gradient_accumulation_steps=case.accumulation, deepspeed_plugin=plugin)
    model = Tiny()
    optimizer = optimizer_of(model)
    model, wrapped, loader = accelerator.prepare(model, optimizer, loader_of(case, Numbers()))
    scheduler = engine_of_accelerate.scheduler(
        accelerator, wrapped, plan_of(case), loader, epochs=EPOCHS, drive="manual"
    )
    used = recorded(optimizer)
    for _ in range(EPOCHS):
        for x, y in loader:
            with accelerator.accumulate(model):
                accelerator.backward(torch.nn.functional.mse_loss(model(x), y))
                wrapped.step()
                if accelerator.sync_gradients:
                    scheduler.step()
                wrapped.zero_grad()
    total = updates(batches_of_a_process(), case)
    accelerator.free_memory()
    return result(used, case, total)
