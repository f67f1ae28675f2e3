"""Ignite: the handler's facts, metrics and checkpoint; Ignite's own handler for the log."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
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
from support.spread import spread

pytest.importorskip("ignite")
from ignite.engine import Engine, Events, supervised_training_step  # it may be absent
from ignite.handlers import Checkpoint, DiskSaver

from paramsched.engines.ignite import PlanHandler


class Loop:
    """A trainer with all objects of its checkpoint."""

    def __init__(self, plan: ps.Plan = PLAN, accumulation: int = 1, **keywords: Any) -> None:
        self.model = Tiny()
        self.optimizer = optimizer_of(self.model)
        step = supervised_training_step(
            self.model, self.optimizer, torch.nn.functional.mse_loss, gradient_accumulation_steps=accumulation
        )
        self.trainer, self.evaluator = Engine(step), Engine(lambda engine, batch: None)
        self.handler = PlanHandler(self.optimizer, plan, accumulation=accumulation, **keywords)
        self.handler.attach(self.trainer, self.evaluator)
        self.used = recorded(self.optimizer)
        self.saved = {"model": self.model, "optimizer": self.optimizer, "plan": self.handler, "trainer": self.trainer}
        self.loader = DataLoader(Numbers(), BATCH)

    def run(self, epochs: int = 3, **keywords: Any) -> list[list[float]]:
        self.trainer.run(self.loader, max_epochs=epochs, **keywords)
        return self.used


@pytest.mark.parametrize("kept", spread(["everything", "the optimizer alone"], "everything"))
def test_a_run_resumes_from_a_checkpoint(kept: str, tmp_path: Path) -> None:
    first, again = Loop(), Loop()
    stop_and_resume(first, again, kept, tmp_path)

    assert first.used + again.used == planned(54)


@pytest.mark.parametrize("kept", spread(["everything", "the optimizer alone"], "the optimizer alone"))
def test_a_run_in_tokens_resumes_from_a_checkpoint(kept: str, tmp_path: Path, check_resumed: Any) -> None:
    first, again = (Loop(BY_TOKENS, 4, amount_of=tokens_of_batch) for _ in range(2))
    stop_and_resume(first, again, kept, tmp_path)

    check_resumed("Ignite", first.used + again.used, in_one(first.used, again.used), 13)


def stop_and_resume(first: Loop, again: Loop, kept: str, folder: Path) -> None:
    """Train one epoch, save a checkpoint, and train the remaining epochs from it."""
    if kept == "the optimizer alone":
        first.saved.pop("plan")
        again.saved.pop("plan")
    saver = Checkpoint(first.saved, DiskSaver(folder), filename_pattern="run.pt")
    first.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=1), saver)
    first.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=1), first.trainer.terminate)
    first.run()

    Checkpoint.load_objects(again.saved, torch.load(folder / "run.pt", weights_only=True))
    again.run()


@pytest.mark.filterwarnings("ignore:.*never reported")
def test_metric_rules_follow_an_evaluator_and_resume_from_a_checkpoint(tmp_path: Path) -> None:
    plan = ps.Plan(lr=ps.constant() * ps.plateau("loss", patience=0, factor=0.5))
    first, again = Loop(plan), Loop(plan)

    def evaluate() -> None:
        first.evaluator.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: engine.state.metrics.update(loss=1.0))
        first.evaluator.run([0], max_epochs=1)

    first.trainer.add_event_handler(Events.EPOCH_COMPLETED, evaluate)
    first.run()
    again.handler.load_state_dict(first.handler.state_dict())
    again.run(6)

    assert [row[0] for row in first.used[::18]] == [0.1, 0.1, 0.05]
    assert again.used[0][0] == 0.1 * 0.25


@pytest.mark.filterwarnings("ignore:.*never reported")
def test_an_evaluation_before_the_training_reports_no_metric() -> None:
    loop = Loop(ps.Plan(lr=ps.constant() * ps.plateau("loss", patience=0, factor=0.5)))
    loop.evaluator.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: engine.state.metrics.update(loss=1.0))

    loop.evaluator.run([0])
    loop.run(1)
    rates = []
    for _ in range(3):
        loop.evaluator.run([0])
        rates.append(loop.optimizer.param_groups[0]["lr"])

    assert rates == [0.1, 0.05, 0.025]


def test_a_metric_that_is_never_reported_causes_one_warning(caplog: Any) -> None:
    loop = Loop(ps.Plan(lr=ps.constant() * ps.plateau("loss")))

    with pytest.warns(UserWarning, match="watches loss, which was never reported"):
        loop.run(1)
    assert "was ever reported" not in caplog.text


def test_a_metric_rule_without_an_evaluator_is_logged(caplog: Any) -> None:
    optimizer = optimizer_of(Tiny())
    trainer = Engine(lambda engine, batch: optimizer.step())
    PlanHandler(optimizer, ps.Plan(lr=ps.plateau("loss"))).attach(trainer)

    trainer.run(range(40), max_epochs=2)

    assert (
        caplog.text.count("the plan is over after 80 updates, and no value of loss was ever reported for plateau()")
        == 1
    )


def test_a_second_run_of_the_engine_continues_the_plan() -> None:
    loop = Loop(ps.Plan(*PLAN.bindings, horizon=54))

    loop.run(1)
    first = loop.handler.scheduler
    loop.run(3)

    assert loop.used == planned(54)
    assert loop.handler.scheduler is first


def test_a_handler_that_is_attached_during_a_run_begins_with_the_next() -> None:
    handler = PlanHandler(optimizer_of(Tiny()), ps.Plan(lr="linear()", horizon=4))
    trainer, evaluator = (Engine(lambda engine, batch: None) for _ in range(2))
    trainer.add_event_handler(Events.EPOCH_COMPLETED(once=1), lambda: handler.attach(trainer, evaluator))

    trainer.run([0], max_epochs=2)
    before = handler.scheduler
    trainer.run([0], max_epochs=3)

    assert before is None
    assert handler.scheduler is not None


def test_the_state_before_the_first_run_is_the_loaded_one() -> None:
    first, again = Loop(), Loop()
    assert again.handler.state_dict() == {}
    first.run(1)
    state = first.handler.state_dict()

    again.handler.load_state_dict(state)

    assert again.handler.state_dict() == state


def test_a_state_may_be_loaded_between_two_runs() -> None:
    loop = Loop(ps.Plan(*PLAN.bindings, horizon=54))
    loop.run(1)
    state = loop.handler.state_dict()
    loop.run(2)

    loop.handler.load_state_dict(state)
    loop.run(3)

    assert loop.used == planned(54)[:36] + planned(54)[18:36]


def test_an_iteration_limit_is_the_horizon() -> None:
    loop = Loop()

    loop.trainer.run(loop.loader, max_iters=10)

    assert loop.used == planned(10)


def test_the_epoch_length_is_that_of_the_engine() -> None:
    assert [row[0] for row in Loop(ps.Plan(lr=ps.step("1 epochs", gamma=0.5)), accumulation=2).run()] == [
        *[0.1] * 9,
        *[0.05] * 9,
        *[0.025] * 9,
    ]


def test_an_epoch_of_a_fractional_number_of_updates_is_reported_with_the_argument() -> None:
    with pytest.raises(ps.InvalidArgument) as refusal:
        Loop(ps.Plan(lr=ps.step("1 epochs", gamma=0.5)), accumulation=4).run()

    assert "an epoch of 18 batches is not a multiple of accumulation=4" in str(refusal.value)
    assert "PlanHandler(..., calendar=ps.Calendar(steps_per_epoch=100))" in str(refusal.value)


def test_data_without_a_length_is_named_with_the_argument() -> None:
    loop = Loop(ps.Plan(lr="linear(over='2 epochs')"))

    with pytest.raises(MissingFact, match=r"the data has no length and run\(\) got no epoch_length"):
        loop.trainer.run((batch for batch in loop.loader), max_epochs=2)


def test_ignites_own_handler_logs_the_values_of_each_update() -> None:
    from ignite.handlers.base_logger import BaseOptimizerParamsHandler

    loop = Loop()
    rows: list[float] = []

    class Kept(BaseOptimizerParamsHandler):
        def __call__(self, engine: Engine, logger: Any, event_name: Any) -> None:
            rows.append(self.optimizer.param_groups[0][self.param_name])

    handler = Kept(loop.optimizer, "weight_decay")
    loop.trainer.add_event_handler(Events.ITERATION_STARTED, handler, None, Events.ITERATION_STARTED)
    loop.run()

    assert rows == [row[1] for row in planned(54)]


def test_a_missing_token_count_suggests_the_handler() -> None:
    with pytest.raises(MissingFact, match=r"For example: PlanHandler\(…, tokens_per_sample=1024\)$"):
        Loop(BY_TOKENS).run(1)


@pytest.mark.parametrize("accumulation", [1, 2, 3])
def test_the_samples_of_all_batches_of_an_update_are_counted(accumulation: int) -> None:
    loop = Loop(ps.Plan(lr="linear()", clock="samples", horizon="1000 samples"), accumulation=accumulation)
    counted: list[int] = []
    loop.optimizer.register_step_pre_hook(lambda *_: counted.append(loop.handler.scheduler.amount))

    loop.run(1)

    sizes = [len(batch[0]) for batch in loop.loader]
    ends = range(accumulation, len(sizes) + 1, accumulation)
    assert [*counted, loop.handler.scheduler.amount] == [0, *(sum(sizes[:end]) for end in ends)]
