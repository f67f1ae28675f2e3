"""Each engine ends before the end of its job or at a signal, and the next jobs continue the plan."""

import functools
import logging
import operator
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from support.engine_runs.in_parts import ENGINES, Run
from support.fake_time import FakeTime
from support.spread import spread

pytestmark = pytest.mark.filterwarnings("ignore")

PLAN = ps.Plan(lr="warmup(4) >> cosine()", horizon=33)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that runs an engine, whose updates take a second, in a folder."""
    clock = FakeTime(monkeypatch)

    def started(engine: Callable[[Run], None], *, resumes: bool = False, **options: Any) -> Run:
        run = Run(clock, tmp_path, PLAN, options, resumes=resumes)
        engine(run)
        return run

    return started


@pytest.mark.parametrize("name", ENGINES)
def test_a_job_that_is_cut_twice_uses_the_values_of_one_run(name: str, start: Any) -> None:
    jobs = [
        start(ENGINES[name], stop_before="in 14 s", reserve="2 s"),
        start(ENGINES[name], resumes=True, stop_before="in 11 s - 2 s"),
        start(ENGINES[name], resumes=True, stop_before="in 1 h"),
    ]

    assert [one.scheduler.stop_reason for one in jobs] == ["stop_before", "stop_before", "plan"]
    assert [len(one.used) for one in jobs[:2]] == [11, 8]
    assert functools.reduce(operator.iadd, (one.used for one in jobs), []) == ps.trace(PLAN, {"lr": 0.1})["lr"].tolist()


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_ends_after_the_update_in_which_a_signal_arrives(name: str, start: Any) -> None:
    def interrupt(run: Run) -> None:
        recorded = run.recorded

        def with_signal(optimizer: Any) -> Any:
            optimizer.register_step_pre_hook(
                lambda *_: os.kill(os.getpid(), signal.SIGTERM) if len(run.used) == 5 else None
            )
            return recorded(optimizer)

        run.recorded = with_signal  # type: ignore[method-assign]
        ENGINES[name](run)

    first = start(interrupt, stop_on="SIGTERM")
    os.kill(os.getpid(), signal.SIGTERM)  # a repeat, while the run saves
    first.scheduler.detach()
    again = start(ENGINES[name], resumes=True, stop_on=("SIGTERM", "SIGUSR1"))
    again.scheduler.detach()

    assert first.scheduler.stop_reason == "SIGTERM"
    assert len(first.used) == 6
    assert again.scheduler.stop_reason == "plan"
    assert first.used + again.used == ps.trace(PLAN, {"lr": 0.1})["lr"].tolist()


@pytest.mark.parametrize("strategy", spread(["steps", "epoch", "best", "no"], "best", "no"))
def test_the_trainer_saves_with_each_strategy(strategy: str, start: Any, tmp_path: Path, caplog: Any) -> None:
    pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs
    from support.engine_runs.harness import optimizer_of

    more: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 5, "metric_for_best_model": "loss"}
    model, case = runs.Model(), runs.Case("transformers")

    def train(run: Run) -> None:
        args = runs.arguments(
            str(tmp_path), case, save_strategy=strategy, save_steps=1000, num_train_epochs=2,
            **more if strategy == "best" else {},
        )  # fmt: skip
        trainer = planned(runs.Trainer, PLAN, **run.options)(
            model=model, args=args, train_dataset=runs.Rows(), eval_dataset=runs.Rows(),
            optimizers=(run.recorded(optimizer_of(model)), None),
        )  # fmt: skip
        trainer.train()
        run.scheduler = trainer.lr_scheduler

    with caplog.at_level(logging.WARNING, "paramsched"):
        run = start(train, stop_before="in 11 s")

    assert run.scheduler.stop_reason == "stop_before"
    assert run.scheduler.t == 10  # an evaluation is due
    assert (tmp_path / "checkpoint-10").exists() == (strategy != "no")
    assert ("nothing is saved" in caplog.text) == (strategy == "no")


def test_a_callback_of_lightning_has_the_reason(start: Any) -> None:
    pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback

    callback = PlanCallback(PLAN, stop_before="in 9 s")
    assert callback.stop_reason is None
