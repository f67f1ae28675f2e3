"""Runs that are cut short: by a time, by the end of a job, and continued."""

import functools
import logging
import operator
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import paramsched as ps
from support.engine_runs.harness import optimizer_of
from support.engine_runs.in_parts import ENGINES, Run
from support.fake_time import FakeTime
from support.spread import spread

PLAN = ps.Plan(lr="linear(1, 0)", horizon=7)


pytestmark = pytest.mark.filterwarnings("ignore")

LENGTH = 36  # updates of an engine's own run: two epochs of 18


WITH_STOP = [name for name in ENGINES if name not in ("accelerate", "pytorch_accelerated")]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that runs an engine."""
    clock = FakeTime(monkeypatch)

    def started(engine: Callable[[Run], None], plan: ps.Plan = PLAN, *, resumes: bool = False, **options: Any) -> Run:
        run = Run(clock, tmp_path, plan, options, resumes=resumes)
        engine(run)
        return run

    return started


@pytest.mark.parametrize("name", spread(WITH_STOP, "lightning"))
def test_a_plan_ends_an_engine_if_asked_and_a_moment_can_be_ignored(name: str, start: Any) -> None:
    runs = [
        start(ENGINES[name], stop=True),
        start(ENGINES[name]),
        start(ENGINES[name], stop_before="in 10 s", stop=False),
    ]

    assert [len(run.steps) for run in runs] == [7, LENGTH, LENGTH]


@pytest.mark.parametrize("name", spread(ENGINES, "lightning"))
def test_wrong_options_are_refused(name: str, start: Any) -> None:
    with pytest.raises(ps.errors.InvalidArgument, match="it needs stop_before"):
        start(ENGINES[name], reserve="30 s")


def test_the_trainer_saves_and_evaluates_once_at_the_end(start: Any, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    evaluated = []

    class Watching(transformers.TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            evaluated.append(state.global_step)

    def train(strategy: str, delay: int = 0) -> list[str]:
        evaluated.clear()
        times = {"save_strategy": strategy, "eval_strategy": strategy, "save_steps": 4, "eval_steps": 7}
        plan = ps.Plan(lr="linear(1, 0)", horizon=8)
        trainer = runs.planned_trainer(
            plan, tmp_path / strategy, how={"stop": True}, callbacks=[Watching()], eval_delay=delay, **times
        )
        trainer.train()
        assert trainer.state.global_step == 8
        return sorted(path.name for path in (tmp_path / strategy).glob("checkpoint-*"))

    assert (train("steps"), evaluated) == (["checkpoint-4", "checkpoint-8"], [7, 8])
    assert (train("no"), evaluated) == ([], [])
    assert (train("steps", 9), evaluated) == (["checkpoint-4", "checkpoint-8"], [])
    assert (train("steps", 8), evaluated) == (["checkpoint-4", "checkpoint-8"], [8])


@pytest.mark.parametrize("minimum", ["min_steps", "min_epochs"])
def test_lightning_refuses_a_minimum_at_the_start(minimum: str) -> None:
    pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs import lightning as runs

    with pytest.raises(ps.errors.InvalidArgument, match=rf"{minimum}=1.*would train after the end of the plan"):
        runs.fit(runs.Simple(), PlanCallback(PLAN, stop_before="in 1 h"), **{minimum: 1})


@pytest.mark.parametrize(("by_epoch", "found"), [(True, "a loop by epochs"), (False, "no hook that ends it")])
def test_mmengine_refuses_a_run_that_cannot_end(by_epoch: bool, found: str, tmp_path: Path) -> None:
    pytest.importorskip("mmengine")
    pytest.importorskip("paramsched.mmengine")
    from paramsched.mmengine.engine import PlanScheduler, StopHook
    from support.mmengine_runs import Runs

    runs = Runs(tmp_path)
    try:
        with pytest.raises(ps.errors.InvalidArgument, match=found):
            runs(
                lambda wrapper: PlanScheduler(wrapper, PLAN, stop_before="in 1 h"),
                by_epoch=by_epoch, hooks=[StopHook()] if by_epoch else [],
            )  # fmt: skip
    finally:
        runs.close()


JOB = ps.Plan(lr="warmup(4) >> cosine()", horizon=33)


@pytest.mark.parametrize("name", ENGINES)
def test_a_job_that_is_cut_twice_uses_the_values_of_one_run(name: str, start: Any) -> None:
    jobs = [
        start(ENGINES[name], JOB, stop_before="in 14 s", reserve="2 s"),
        start(ENGINES[name], JOB, resumes=True, stop_before="in 11 s - 2 s"),
        start(ENGINES[name], JOB, resumes=True, stop_before="in 1 h"),
    ]

    assert [one.scheduler.stop_reason for one in jobs] == ["stop_before", "stop_before", "plan"]
    assert [len(one.used) for one in jobs[:2]] == [11, 8]
    assert functools.reduce(operator.iadd, (one.used for one in jobs), []) == ps.trace(JOB, {"lr": 0.1})["lr"].tolist()


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

    first = start(interrupt, JOB, stop_on="SIGTERM")
    os.kill(os.getpid(), signal.SIGTERM)  # a repeat, while the run saves
    first.scheduler.detach()
    again = start(ENGINES[name], JOB, resumes=True, stop_on=("SIGTERM", "SIGUSR1"))
    again.scheduler.detach()

    assert first.scheduler.stop_reason == "SIGTERM"
    assert len(first.used) == 6
    assert again.scheduler.stop_reason == "plan"
    assert first.used + again.used == ps.trace(JOB, {"lr": 0.1})["lr"].tolist()


@pytest.mark.parametrize("strategy", spread(["steps", "epoch", "best", "no"], "best", "no"))
def test_the_trainer_saves_with_each_strategy(strategy: str, start: Any, tmp_path: Path, caplog: Any) -> None:
    pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    more: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 5, "metric_for_best_model": "loss"}

    def train(run: Run) -> None:
        trainer = runs.planned_trainer(
            run.plan, tmp_path, how=run.options, save_strategy=strategy, save_steps=1000, num_train_epochs=2,
            **more if strategy == "best" else {},
        )  # fmt: skip
        run.recorded(trainer.optimizer)
        trainer.train()
        run.scheduler = trainer.lr_scheduler

    with caplog.at_level(logging.WARNING, "paramsched"):
        run = start(train, JOB, stop_before="in 11 s")

    assert run.scheduler.stop_reason == "stop_before"
    assert run.scheduler.t == 10  # an evaluation is due
    assert (tmp_path / "checkpoint-10").exists() == (strategy != "no")
    assert ("nothing is saved" in caplog.text) == (strategy == "no")


PLAN_OF_ON_BASE = ps.Plan(lr=ps.warmup(5) >> ps.cosine(to=0.1), horizon=100)


BEFORE, AFTER = 1e-3, 5e-4


def plain(run: Run) -> None:
    optimizer = run.recorded(optimizer_of(run.model()))
    run.scheduler = ps.Scheduler(optimizer, run.plan, **run.options)
    saved = {"optimizer": optimizer, "plan": run.scheduler}
    if run.resumes:
        for name, state in torch.load(run.folder / "run.pt").items():
            saved[name].load_state_dict(state)
    for _ in range(18):
        optimizer.step()
    torch.save({name: one.state_dict() for name, one in saved.items()}, run.folder / "run.pt")


@pytest.mark.parametrize("engine", [plain, *ENGINES.values()], ids=lambda engine: engine.__name__)
def test_a_resumed_run_uses_the_base_that_on_base_chooses_from_its_first_update_on(
    engine: Callable[[Run], None], tmp_path: Path
) -> None:
    first = Run(None, tmp_path / "first", PLAN_OF_ON_BASE, lr=BEFORE, epochs=1)
    first.folder.mkdir()
    engine(first)
    at = len(first.used)
    assert at in (18, 36)

    for options, base in (({}, BEFORE), ({"on_base": "code"}, AFTER)):
        folder = shutil.copytree(first.folder, tmp_path / str(base))
        again = Run(None, folder, PLAN_OF_ON_BASE, options, resumes=True, lr=AFTER)
        engine(again)

        expected = ps.trace(PLAN_OF_ON_BASE, [{"lr": base}], ps.Calendar())["lr", 0].tolist()
        assert len(again.used) >= 18
        assert again.used == expected[at : at + len(again.used)]


@pytest.mark.parametrize(
    "engine",
    spread([plain, *ENGINES.values()], plain, ENGINES["lightning"], ENGINES["transformers"]),
    ids=lambda engine: engine.__name__,
)
def test_the_values_of_an_absolute_schedule_do_not_depend_on_the_base_also_after_a_resume(
    engine: Callable[[Run], None], tmp_path: Path
) -> None:
    line = ps.warmup(5) >> ps.cosine(to=0.1)
    expected = ps.resolve(line, ps.Calendar(total=100))(np.arange(100), base=1.0).tolist()
    plan = ps.Plan(lr=ps.absolute(line), horizon=100)
    first = Run(None, tmp_path / "first", plan, lr=BEFORE, epochs=1)
    first.folder.mkdir()
    engine(first)
    again = Run(None, first.folder, plan, resumes=True, lr=AFTER)
    engine(again)

    at = len(first.used)
    assert at in (18, 36)
    assert len(again.used) >= 18
    assert [*first.used, *again.used] == expected[: at + len(again.used)]
