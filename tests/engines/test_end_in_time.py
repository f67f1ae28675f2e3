"""Each engine ends at its deadline, on a clock that the tests advance: one second per update."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from support.engine_runs.harness import optimizer_of
from support.engine_runs.in_parts import ENGINES, Run
from support.fake_time import FakeTime
from support.ports import free_port
from support.programs import Program
from support.spread import spread

pytestmark = pytest.mark.filterwarnings("ignore")

FALLING = ps.Plan(lr='constant() >> linear(previous, 0, over="8 s")', clock="seconds")
LENGTH = 36  # updates of an engine's own run: two epochs of 18


def by_hand(run: Run) -> None:
    optimizer = run.recorded(optimizer_of(run.model()))
    run.scheduler = ps.Scheduler(optimizer, run.plan, **run.options)
    while not run.scheduler.should_stop:
        optimizer.step()


WITH_STOP = [name for name in ENGINES if name not in ("accelerate", "pytorch_accelerated")]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Run]:
    """Return a function that runs an engine."""
    clock = FakeTime(monkeypatch)

    def started(
        engine: Callable[[Run], None],
        plan: ps.Plan = FALLING,
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


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_ends_before_the_deadline_as_a_loop_does(name: str, start: Any) -> None:
    expected = start(by_hand, deadline="in 18 s", untimed_updates=2)

    run = start(ENGINES[name], deadline="in 20 s", untimed_updates=2, reserve="2 s")

    moments = [[one - made.steps[0] for one in made.steps] for made in (expected, run)]
    assert moments[0] == moments[1]
    assert 15 <= run.scheduler.t <= 17
    assert run.batches in (0, run.scheduler.t)  # none after the end
    assert run.scheduler.should_stop


@pytest.mark.parametrize("name", spread(ENGINES, "transformers", "lightning"))
def test_a_run_that_resumes_after_the_deadline_makes_at_most_one_update(name: str, start: Any) -> None:
    plan = ps.Plan(lr='warmup("2 s") >> constant() >> linear(previous, 0, over="8 s")', clock="seconds")
    first = start(ENGINES[name], plan, deadline="in 5 h", untimed_updates=0, stop=False)
    first.clock.wall += 6 * 3600
    end = ps.Calendar(deadline="in 1 s").deadline
    first.clock.wall += 60

    again = start(ENGINES[name], plan, resumes=True, deadline=end)

    assert len(again.steps) <= 1
    assert again.scheduler.t == first.scheduler.t + len(again.steps)


@pytest.mark.parametrize("name", spread(ENGINES, "transformers", "lightning", "accelerate"))
def test_stages_are_checked_after_loading_and_before_the_first_batch(name: str, start: Any) -> None:
    plan = ps.Plan(lr='warmup("10 s") >> constant() >> linear(previous, 0, over="20 s")', clock="seconds")
    refused = []
    with pytest.raises(ps.InvalidArgument, match=r"need 30 seconds.*a horizon of 25 seconds"):
        start(ENGINES[name], plan, deadline="in 25 s", into=refused)
    assert refused[0].batches == 0
    first = start(ENGINES[name], plan, deadline="in 33 s", untimed_updates=0)

    again = start(ENGINES[name], plan, resumes=True, deadline="in 10 s")

    assert first.scheduler.t == 32
    assert again.steps[0] >= first.steps[-1] + 1
    assert again.scheduler.t == first.scheduler.t + len(again.steps)


@pytest.mark.parametrize("name", spread([by_hand.__name__, *ENGINES], by_hand.__name__, "lightning"))
def test_a_deadline_of_a_plan_in_updates_is_answered_with_the_same_moment(name: str, start: Any) -> None:
    by_updates = ps.Plan(lr="linear(1, 0)", horizon=7)

    with pytest.raises(ps.InvalidArgument, match=r'Use stop_before="in 55 min" in place of deadline'):
        start(ENGINES.get(name, by_hand), by_updates, deadline="in 55 min")


CLOSED = ps.Plan(lr='cosine(over="10 s")', clock="seconds")


@pytest.mark.parametrize("name", spread([by_hand.__name__, *ENGINES], by_hand.__name__, "lightning"))
def test_a_schedule_longer_than_the_time_left_is_refused(name: str, start: Any) -> None:
    with pytest.raises(ps.InvalidArgument, match=r"lasts 10 seconds, and 9 are available"):
        start(ENGINES.get(name, by_hand), CLOSED, deadline="in 9 s")


def test_a_schedule_without_an_open_stage_is_shortened_after_a_slow_start(start: Any) -> None:
    run = start(by_hand, CLOSED, deadline="in 12 s", untimed_updates=5)

    assert 10 <= run.scheduler.t <= 12
    assert run.scheduler.factor("lr") < 0.1


@pytest.mark.parametrize("name", spread(ENGINES, "lightning", "accelerate"))
def test_an_engine_that_ends_early_warns_with_the_time_and_the_values(name: str, start: Any, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "paramsched"):
        start(ENGINES[name], deadline="in 100 s", untimed_updates=0)

    found = [one.getMessage() for one in caplog.records if "by its own length" in one.getMessage()]
    if name == "accelerate":  # it has no event at the end of a run
        assert found == []
    else:
        (line,) = found
        assert f"with {100 - LENGTH} s of 100 s left" in line
        assert "lr/weight 0.1, lr/bias 0.02" in line or "lr/0 0.1, lr/1 0.01" in line


@pytest.mark.parametrize("name", spread(WITH_STOP, "lightning"))
def test_stop_follows_any_clock_and_can_be_off(name: str, start: Any) -> None:
    by_updates = ps.Plan(lr="linear(1, 0)", horizon=7)

    runs = [
        start(ENGINES[name], by_updates, stop=True),
        start(ENGINES[name], by_updates),
        start(ENGINES[name], deadline="in 10 s", stop=False),
    ]

    assert [len(run.steps) for run in runs] == [7, LENGTH, LENGTH]


@pytest.mark.parametrize("name", spread(ENGINES, "lightning"))
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"reserve": "30 s"}, "it needs a deadline"),
        ({"reserve": "3 epochs", "deadline": "in 1 h"}, "not a length in h, min or s"),
        ({"deadline": "in 1 h", "calendar": ps.Calendar(deadline="in 2 h")}, "passed twice"),
        ({"untimed_updates": 3}, "it needs a deadline"),
        ({"deadline": "soon"}, 'expected "in 55 min"'),
    ],
)
def test_wrong_options_are_refused(name: str, options: Any, found: str, start: Any) -> None:
    if name == "mmengine" and "calendar" in options:
        pytest.skip("its facts are keywords")
    with pytest.raises(ps.InvalidArgument, match=found):
        start(ENGINES[name], **options)


@pytest.mark.parametrize(
    "option", [*({"tokens_per_sample": one} for one in (0, -1, float("nan"), "8", True)), {"calendar": {}}]
)
def test_options_of_a_wrong_type_are_refused(option: Any) -> None:
    from paramsched.engines.engine_facts import PlanOptions

    with pytest.raises(ps.InvalidArgument, match=r"expected a number greater than 0|not a Calendar"):
        PlanOptions(**option)


def test_a_reserve_applies_to_a_deadline_of_the_calendar() -> None:
    from paramsched.engines.engine_facts import PlanOptions

    calendar = ps.Calendar(deadline="2030-01-01 18:00")
    options = PlanOptions(calendar=calendar, reserve="1 min")

    assert (options.calendar.end, options.stop) == (ps.Calendar(deadline="2030-01-01 17:59").end, True)


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


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("name", ["transformers", "lightning"])
def test_two_processes_end_after_the_same_update(name: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning.pytorch" if name == "lightning" else name)
    tests = Path(__file__).parents[1]
    shared = os.environ | {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
        "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    started = [
        Program(
            ["-m", "support.engines_until_deadline", name, str(tmp_path / f"{rank}.json")],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]
    said = [one.communicate(timeout=300) for one in started]

    assert [one.returncode for one in started] == [0, 0], said
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    for updates, batches, last, end in ranks:
        assert updates == batches == ranks[0][0] > 10
        assert last < end == ranks[0][3]


@pytest.mark.parametrize("minimum", ["min_steps", "min_epochs"])
def test_lightning_refuses_a_minimum_at_the_start(minimum: str) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.demos.boring_classes import BoringModel

    from paramsched.engines.lightning import PlanCallback

    callback = PlanCallback(FALLING, deadline="in 1 h")
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, callbacks=[callback], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **{minimum: 1},
    )  # fmt: skip

    with pytest.raises(ps.InvalidArgument, match=rf"{minimum}=1.*would train after the end of the plan"):
        trainer.fit(BoringModel())


@pytest.mark.parametrize(("by_epoch", "found"), [(True, "a loop by epochs"), (False, "no hook that ends it")])
def test_mmengine_refuses_a_run_that_cannot_end(by_epoch: bool, found: str, tmp_path: Path) -> None:
    pytest.importorskip("mmengine")
    pytest.importorskip("paramsched.mmengine")
    from paramsched.mmengine.engine import PlanScheduler, StopHook
    from support.mmengine_runs import Runs

    runs = Runs(tmp_path)
    try:
        with pytest.raises(ps.InvalidArgument, match=found):
            runs(
                lambda wrapper: PlanScheduler(wrapper, FALLING, deadline="in 1 h"),
                by_epoch=by_epoch, hooks=[StopHook()] if by_epoch else [],
            )  # fmt: skip
    finally:
        runs.close()
