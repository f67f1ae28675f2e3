"""Ignite: the Scheduler alone, the adapter's handler, or Ignite's own wrapper for schedulers."""

import logging

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events, supervised_training_step, supervised_training_step_amp
from ignite.handlers import LRScheduler
from torch.utils.data.distributed import DistributedSampler

import paramsched as ps
from paramsched.engines.ignite import PlanHandler
from support.engine_runs.harness import (
    PLAN,
    Case,
    Numbers,
    Run,
    Tiny,
    batches_of_a_process,
    epochs_of,
    loader_of,
    optimizer_of,
    plan_of,
    recorded,
    result,
    scaler,
    tokens_of_batch,
    updates,
    world_size,
)

logging.getLogger("ignite").setLevel(logging.ERROR)


def train(case: Case) -> Run:
    sampler = None
    model: torch.nn.Module = Tiny()
    optimizer = optimizer_of(model)
    data = Numbers(case.overflow)
    if world_size() > 1:
        if not torch.distributed.is_initialized():
            idist.initialize("gloo")
        model = torch.nn.parallel.DistributedDataParallel(model)
        sampler = DistributedSampler(data, shuffle=False)
    total = updates(batches_of_a_process(), case, whole=False)
    step = supervised_training_step_amp if case.overflow else supervised_training_step
    more = {"scaler": scaler()} if case.overflow else {}
    trainer = Engine(
        step(
            model,
            optimizer,
            torch.nn.functional.mse_loss,
            device="cpu",
            gradient_accumulation_steps=case.accumulation,
            **more,
        )
    )
    if case.variant == "":
        PlanHandler(
            optimizer,
            plan_of(case),
            accumulation=case.accumulation,
            amount_of=tokens_of_batch if case.clock == "tokens" else None,
        ).attach(trainer)
    else:
        scheduler = ps.Scheduler(optimizer, PLAN, total=total)
        if case.variant == "wrapped":
            trainer.add_event_handler(Events.ITERATION_STARTED, LRScheduler(scheduler))
    used = recorded(optimizer)

    trainer.run(loader_of(case, data, sampler=sampler), max_epochs=epochs_of(case))

    return result(used, case, total)
