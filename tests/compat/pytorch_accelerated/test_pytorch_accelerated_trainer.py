"""The drop-ins in pytorch-accelerated's own Trainer, which trains for real."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_accelerated
import torch
from pytorch_accelerated import callbacks

from paramsched.compat.pytorch_accelerated import (
    CosineLrScheduler,
    SchedulerBase,
    StatefulSchedulerBase,
    TrainerPlaceholderValues,
    WSDLrScheduler,
)
from support.recording_trainer import BASE, RecordingTrainer
from support.spread import spread


def curve(scheduler: Any, times: range) -> list[float]:
    return [scheduler.get_updated_values(n)[0] for n in times]


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=BASE)


class DocumentedCosine(CosineLrScheduler):
    first_update = 1


def test_the_trainers_numbers_define_the_cosine() -> None:
    expected = curve(CosineLrScheduler(optimizer(), 4, 5, num_warmup_epochs=1), range(20))
    trainer = RecordingTrainer()

    used = trainer.fit(CosineLrScheduler.create_scheduler_fn(num_warmup_epochs=1), epochs=4)

    assert used == [expected[0], *expected[:-1]]  # the library's count: the first step is update 0
    assert trainer.run_history.get_metric_values("train_loss_epoch")[-1] < 0.5


def test_with_the_documented_count_update_n_uses_f_of_n() -> None:
    expected = curve(CosineLrScheduler(optimizer(), 4, 5, num_warmup_epochs=1), range(20))

    used = RecordingTrainer().fit(DocumentedCosine.create_scheduler_fn(num_warmup_epochs=1), epochs=4)

    assert used == expected


def test_accumulated_batches_are_one_update() -> None:
    expected = curve(CosineLrScheduler(optimizer(), 2, 3), range(6))

    used = RecordingTrainer().fit(DocumentedCosine.create_scheduler_fn(), epochs=2, gradient_accumulation_steps=2)

    assert used == expected


def test_placeholders_calculate_inside_the_trainer() -> None:
    epochs = TrainerPlaceholderValues.NUM_EPOCHS
    batches = TrainerPlaceholderValues.TRAIN_DATALOADER_LEN
    scheduler = type("Documented", (WSDLrScheduler,), {"first_update": 1})
    create = partial(scheduler, total_steps=(epochs + 1 - 1) * batches, num_warmup_steps=batches // 2, lr_min=0.1)

    used = RecordingTrainer().fit(create, epochs=4)

    assert used == curve(WSDLrScheduler(optimizer(), total_steps=20, num_warmup_steps=2, lr_min=0.1), range(20))


def test_torchs_own_schedulers_accept_the_placeholders() -> None:
    total = TrainerPlaceholderValues.NUM_EPOCHS * TrainerPlaceholderValues.NUM_UPDATE_STEPS_PER_EPOCH
    create = partial(torch.optim.lr_scheduler.PolynomialLR, total_iters=total)

    used = RecordingTrainer().fit(create, epochs=2)

    assert used == pytest.approx([BASE * (1 - n / 10) for n in range(10)])


class Stepping(StatefulSchedulerBase):
    """A scheduler that multiplies the current value, so only its state determines the next one."""

    def get_updated_values(self, num_updates: int) -> list[float] | None:
        if num_updates % 3 != 2:
            return None
        return [group["lr"] * 0.5 for group in self.optimizer.param_groups]


CREATE = {
    "stepping": Stepping,
    "cosine": partial(CosineLrScheduler, total_num_epochs=4, num_update_steps_per_epoch=5, num_warmup_epochs=1),
    "wsd": partial(WSDLrScheduler, total_steps=20, num_warmup_steps=4, decay_phase_ratio=0.5),
}


@pytest.mark.parametrize(
    ("saved_as", "name"),
    spread(
        itertools.product(["checkpoint", "training state"], CREATE),
        ("checkpoint", "stepping"),
        ("training state", "cosine"),
        ("checkpoint", "wsd"),
    ),
)
def test_a_run_resumed_from_the_trainers_files_equals_a_full_run(saved_as: str, name: str, tmp_path: Path) -> None:
    create: Any = CREATE[name]
    whole = RecordingTrainer().fit(create, epochs=4)
    begun = RecordingTrainer()
    begun.fit(create, epochs=2)
    resumed = RecordingTrainer()

    if saved_as == "checkpoint":
        begun.save_checkpoint(tmp_path / "run.pt")
        resumed.train = partial(_train_from, resumed, tmp_path / "run.pt")  # type: ignore[method-assign]
        resumed.fit(create, epochs=2)
    else:
        begun.save_training_state(tmp_path / "run")
        resumed.fit(create, epochs=4, resume_from=tmp_path / "run")

    assert (begun.used + resumed.used)[: len(whole)] == whole  # the Trainer itself adds an update to what it resumes


def _train_from(trainer: RecordingTrainer, path: Path, *arguments: Any, **keywords: Any) -> None:
    """Train after loading an exported checkpoint, at the moment the scheduler is there."""
    run = trainer._run_training
    trainer._run_training = lambda: (trainer.load_checkpoint(path), run())  # type: ignore[method-assign]
    pytorch_accelerated.Trainer.train(trainer, *arguments, **keywords)


@pytest.mark.parametrize("first_update", [0, 1])
def test_the_wsd_callback_saves_before_and_after_the_decay_and_a_run_resumes(first_update: int, tmp_path: Path) -> None:
    scheduler = type("Counted", (WSDLrScheduler,), {"first_update": first_update})
    create = scheduler.create_scheduler_fn(num_warmup_epochs=1, decay_phase_ratio=0.2, lr_min=0.1)
    first = RecordingTrainer(callbacks.WSDCheckpointCallback(str(tmp_path)))
    first.fit(create, epochs=4)
    saved = sorted(path.name for path in tmp_path.iterdir())
    again = RecordingTrainer(
        callbacks.WSDCheckpointCallback(
            str(tmp_path / "2"), initial_checkpoint=tmp_path / "checkpoint_16_wsd_pre_decay"
        )
    )

    used = again.fit(scheduler.create_scheduler_fn(is_continuation_from_checkpoint=True), epochs=2)

    assert saved == ["checkpoint_16_wsd_pre_decay", "checkpoint_20_wsd_post_decay.pt"]
    late = 1 - first_update
    assert used[: 8 + late] == [BASE] * (8 + late)  # stable from the start, no warm-up; the last fifth decays
    assert used[9 + late :] == pytest.approx([BASE * (1 - 0.9 * 0.5**0.5)] * (1 - late))


class StatelessTrainer(RecordingTrainer):
    """A trainer with the `scheduler_step` that the documentation requires for stateless schedulers."""

    def scheduler_step(self) -> None:
        self.scheduler.step_update(len(self.used))


class Halving(SchedulerBase):
    def get_updated_values(self, num_updates: int) -> float:
        return 0.5**num_updates


def test_a_stateless_scheduler_receives_the_count() -> None:
    assert StatelessTrainer().fit(Halving, epochs=1) == [BASE, 0.5, 0.25, 0.125, 0.0625]
