"""Ignite: the Scheduler alone, or also in Ignite's own wrapper for schedulers."""

import logging

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events, supervised_training_step, supervised_training_step_amp
from ignite.handlers import LRScheduler
from torch.utils.data.distributed import DistributedSampler

import paramsched as ps
from support.engine_runs.harness import (
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
    tokens_in,
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
    scheduler = ps.Scheduler(optimizer, plan_of(case), total=total if case.clock == "updates" else None)
    if case.variant == "wrapped":
        trainer.add_event_handler(Events.ITERATION_STARTED, LRScheduler(scheduler))
    if case.clock == "tokens":

        def count() -> None:
            scheduler.consumed(tokens=int(idist.all_reduce(tokens_in(trainer.state.batch[0]))))

        trainer.add_event_handler(Events.ITERATION_STARTED, count)
    used = recorded(optimizer)

    trainer.run(loader_of(case, data, sampler=sampler), max_epochs=epochs_of(case))

    return result(used, case, total)
