"""pytorch-accelerated: the adapter's facts and the Trainer's two kinds of checkpoint."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

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

pytest.importorskip("pytorch_accelerated")
from pytorch_accelerated import Trainer  # it may be absent
from pytorch_accelerated.callbacks import MoveModulesToDeviceCallback

from paramsched.engines import pytorch_accelerated as engine

FIXED = ps.Plan(*PLAN.bindings, total=15)


class Recording(Trainer):
    """Keeps the values its optimizer uses."""

    def __init__(self) -> None:
        model = Tiny()
        optimizer = optimizer_of(model)
        self.used = recorded(optimizer)
        counting = engine.AmountCallback(amount_of=tokens_of_batch)
        super().__init__(model, torch.nn.MSELoss(), optimizer, callbacks=(MoveModulesToDeviceCallback, counting))

    def fit(self, plan: ps.Plan = PLAN, *, epochs: int = 3, **keywords: Any) -> list[list[float]]:
        options = {"create_scheduler_fn": engine.scheduler(plan), "gradient_accumulation_steps": 4} | keywords
        self.train(
            Numbers(),
            num_epochs=epochs,
            per_device_batch_size=BATCH,
            train_dataloader_kwargs={"num_workers": 0},
            **options,
        )
        return self.used


@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")  # the first job ends before the plan
@pytest.mark.parametrize("saved_as", ["checkpoint", "training state"])
def test_a_run_resumes_from_the_trainers_files(saved_as: str, tmp_path: Path) -> None:
    first = Recording()
    again = Recording()
    first.fit(FIXED, epochs=1)

    if saved_as == "checkpoint":
        first.save_checkpoint(tmp_path / "run.pt")
        again._run_training = partial(_after_loading, again, tmp_path / "run.pt")
        again.fit(FIXED, epochs=2)
    else:
        first.save_training_state(tmp_path / "run")
        again.fit(FIXED, epochs=3, resume_from=tmp_path / "run")

    assert (first.used + again.used)[:15] == planned(15)  # the Trainer itself adds an update to a run it resumes


def test_a_run_in_tokens_resumes_from_a_training_state(tmp_path: Path, check_resumed: Any) -> None:
    first = Recording()
    again = Recording()
    first.fit(BY_TOKENS, epochs=1)
    first.save_training_state(tmp_path / "run")

    again.fit(BY_TOKENS, epochs=3, resume_from=tmp_path / "run")

    check_resumed(
        "pytorch-accelerated", first.used + again.used, in_one(first.used, again.used), 16
    )  # as above: one more


def _after_loading(trainer: Recording, path: Path) -> None:
    trainer.load_checkpoint(path)
    Trainer._run_training(trainer)


def test_a_step_limit_is_passed_as_run_facts() -> None:
    short = engine.scheduler(PLAN, total=10)

    assert Recording().fit(create_scheduler_fn=short, max_num_train_steps=10)[:10] == planned(10)


def test_a_plan_in_samples_names_the_fact_and_the_argument() -> None:
    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        Recording().fit(ps.Plan(lr=ps.warmup("100 samples")))

    assert "the Trainer has no placeholder for its batch size" in str(refusal.value)
    assert "pytorch_accelerated.scheduler(..., batch_size=256)" in str(refusal.value)


@pytest.mark.parametrize(("unit", "arguments"), [("tokens", "tokens_per_sample=1024"), ("samples", "")])
def test_a_missing_count_suggests_the_callback(unit: str, arguments: str) -> None:
    model = Tiny()
    trainer = Trainer(model, torch.nn.MSELoss(), optimizer_of(model), callbacks=(MoveModulesToDeviceCallback,))
    plan = ps.Plan(lr=ps.linear(over=f"600 {unit}"), clock=unit)

    with pytest.raises(MissingFact) as error:
        trainer.train(
            Numbers(), num_epochs=1, per_device_batch_size=BATCH, train_dataloader_kwargs={"num_workers": 0},
            create_scheduler_fn=engine.scheduler(plan),
        )  # fmt: skip
    assert str(error.value).endswith(f"For example: Trainer(…, callbacks=[AmountCallback({arguments})])")


def _amounts(window: int) -> list[int]:
    """Return the tokens before each update of an epoch, and those after the last one."""
    trainer = Recording()
    counted: list[int] = []
    trainer.optimizer.register_step_pre_hook(lambda *_: counted.append(trainer.scheduler.amount))
    trainer.fit(BY_TOKENS, epochs=1, gradient_accumulation_steps=window)
    return [*counted, trainer.scheduler.amount]


@pytest.mark.parametrize("window", spread([2, 3, 4], 4))
def test_all_batches_of_an_update_are_counted(window: int) -> None:
    *before, whole = _amounts(1)

    assert _amounts(window) == [*before[::window], whole]
