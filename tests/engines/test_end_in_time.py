"""Each engine ends where its plan is over, on a clock that the tests advance: one second per update."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from support.engine_runs.in_parts import ENGINES, Run
from support.fake_time import FakeTime
from support.spread import spread

pytestmark = pytest.mark.filterwarnings("ignore")

PLAN = ps.Plan(lr="linear(1, 0)", horizon=7)
LENGTH = 36  # updates of an engine's own run: two epochs of 18


WITH_STOP = [name for name in ENGINES if name not in ("accelerate", "pytorch_accelerated")]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that runs an engine."""
    clock = FakeTime(monkeypatch)

    def started(
        engine: Callable[[Run], None],
        plan: ps.Plan = PLAN,
        *,
        resumes: bool = False,
        into: list[Run] | None = None,
        **options: Any,
    ) -> Run:
        run = Run(clock, tmp_path, plan, options, resumes=resumes)
        if into is not None:
            into.append(run)
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
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"reserve": "30 s"}, "it needs stop_before"),
        ({"reserve": "3 epochs", "stop_before": "in 1 h"}, "not a length in h, min or s"),
        ({"stop_before": "soon"}, 'expected "in 55 min"'),
    ],
)
def test_wrong_options_are_refused(name: str, options: Any, found: str, start: Any) -> None:
    with pytest.raises(ps.errors.InvalidArgument, match=found):
        start(ENGINES[name], **options)


@pytest.mark.parametrize(
    "option", [*({"tokens_per_sample": one} for one in (0, -1, float("nan"), "8", True)), {"calendar": {}}]
)
def test_options_of_a_wrong_type_are_refused(option: Any) -> None:
    from paramsched.engines.engine_facts import PlanOptions

    with pytest.raises(ps.errors.InvalidArgument, match=r"expected a number greater than 0|not a Calendar"):
        PlanOptions(**option)


def test_the_trainer_saves_and_evaluates_once_at_the_end(start: Any, tmp_path: Path) -> None:
    transformers_home = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs

    evaluated = []

    class Watching(transformers_home.TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            evaluated.append(state.global_step)

    def train(strategy: str, delay: int = 0) -> list[str]:
        args = runs.arguments(
            str(tmp_path / strategy), runs.Case("transformers"), save_strategy=strategy, eval_strategy=strategy,
            save_steps=4, eval_steps=7, num_train_epochs=3, eval_delay=delay,
        )  # fmt: skip
        model = runs.Model()
        plan = ps.Plan(lr="linear(1, 0)", horizon=8)
        trainer = planned(runs.Trainer, plan, stop=True)(
            model=model, args=args, train_dataset=runs.Rows(), eval_dataset=runs.Rows(), callbacks=[Watching()]
        )
        trainer.train()
        assert trainer.state.global_step == 8
        return sorted(path.name for path in (tmp_path / strategy).glob("checkpoint-*"))

    assert (train("steps"), evaluated) == (["checkpoint-4", "checkpoint-8"], [7, 8])
    assert (train("no"), evaluated) == ([], [7, 8])
    assert (train("steps", 9), evaluated) == (["checkpoint-4", "checkpoint-8"], [7, 8])
    assert (train("steps", 8), evaluated) == (["checkpoint-4", "checkpoint-8"], [7, 8, 8])


@pytest.mark.parametrize("minimum", ["min_steps", "min_epochs"])
def test_lightning_refuses_a_minimum_at_the_start(minimum: str) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.demos.boring_classes import BoringModel

    from paramsched.engines.lightning import PlanCallback

    callback = PlanCallback(PLAN, stop_before="in 1 h")
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, callbacks=[callback], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **{minimum: 1},
    )  # fmt: skip

    with pytest.raises(ps.errors.InvalidArgument, match=rf"{minimum}=1.*would train after the end of the plan"):
        trainer.fit(BoringModel())


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
