"""Ignite with the plain Scheduler: its page, checkpoints, and Ignite's own handler for the log."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
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
    tokens_in,
)
from support.pages import run_section

pytest.importorskip("ignite")
from ignite.engine import Engine, Events, supervised_training_step  # it may be absent
from ignite.handlers import Checkpoint, DiskSaver


class Loop:
    """A trainer with all objects of its checkpoint."""

    def __init__(self, plan: ps.Plan = PLAN, accumulation: int = 1, **facts: Any) -> None:
        model = Tiny()
        self.optimizer = optimizer_of(model)
        loss = torch.nn.functional.mse_loss
        self.trainer = Engine(
            supervised_training_step(model, self.optimizer, loss, gradient_accumulation_steps=accumulation)
        )
        self.scheduler = ps.Scheduler(self.optimizer, plan, accumulation=accumulation, **facts)
        self.used = recorded(self.optimizer)
        self.saved = {"model": model, "optimizer": self.optimizer, "trainer": self.trainer}

    def run(self) -> None:
        self.trainer.run(DataLoader(Numbers(), BATCH), max_epochs=3)


def test_a_run_in_tokens_resumes_from_the_optimizers_state(tmp_path: Path, check_resumed: Any) -> None:
    first = Loop(BY_TOKENS, 4)
    again = Loop(BY_TOKENS, 4)
    for loop in (first, again):
        count_tokens(loop)
    saver = Checkpoint(first.saved, DiskSaver(tmp_path), filename_pattern="run.pt")
    first.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=1), saver)
    first.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=1), first.trainer.terminate)
    first.run()

    Checkpoint.load_objects(again.saved, torch.load(tmp_path / "run.pt", weights_only=True))
    again.run()

    check_resumed("Ignite", first.used + again.used, in_one(first.used, again.used), 13)


def count_tokens(loop: Loop) -> None:
    def count() -> None:
        loop.scheduler.consumed(tokens=tokens_in(loop.trainer.state.batch[0]))

    loop.trainer.add_event_handler(Events.ITERATION_STARTED, count)


def test_ignites_own_handler_logs_the_values_of_each_update() -> None:
    from ignite.handlers.base_logger import BaseOptimizerParamsHandler

    loop = Loop(total=54)
    rows: list[float] = []

    class Kept(BaseOptimizerParamsHandler):
        def __call__(self, engine: Engine, logger: Any, event_name: Any) -> None:
            rows.append(self.optimizer.param_groups[0][self.param_name])

    handler = Kept(loop.optimizer, "weight_decay")
    loop.trainer.add_event_handler(Events.ITERATION_STARTED, handler, None, Events.ITERATION_STARTED)
    loop.run()

    assert rows == [row[1] for row in planned(54)]


@pytest.mark.filterwarnings("ignore")
def test_handlers_report_amounts_and_metrics_and_end_the_run(tmp_path: Path) -> None:
    names, _ = run_section("engines/ignite_skorch.md", "Amounts, metrics and an early end", tmp_path, level=3)

    scheduler = names["scheduler"]
    trainer = names["trainer"]
    assert (scheduler.t, scheduler.should_stop, trainer.state.iteration) == (100, True, 100)
    assert trainer.state.epoch == 7  # of 20, with the 16 batches of the loader of the pages
