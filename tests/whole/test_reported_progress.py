"""A loop in each engine reports its progress through the Scheduler; the updates use the values at the last report."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.errors import MissingFact
from paramsched.tools.audit import AmountColumn, compare_with_plan, read_log
from support.engine_runs.harness import BASES, BATCH, PLAN, Numbers, Tiny, optimizer_of, recorded, rows_of

BY_PROGRESS = ps.Plan(*PLAN.as_written(), clock="progress")
BATCHES = len(Numbers()) // BATCH

pytestmark = pytest.mark.filterwarnings("ignore")


def values_at(*places: float) -> list[list[float]]:
    """Return the planned values at each progress."""
    return rows_of(ps.trace(BY_PROGRESS, BASES, amounts=places))


class AccelerateLoop:
    """A loop that reports after every second update."""

    def __init__(self) -> None:
        accelerate = pytest.importorskip("accelerate")
        engine = pytest.importorskip("paramsched.engines.accelerate")
        self.accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=3)
        model = Tiny()
        self.model, self.optimizer, self.loader = self.accelerator.prepare(
            model, optimizer_of(model), DataLoader(Numbers(), BATCH)
        )
        self.scheduler = engine.scheduler(self.accelerator, self.optimizer, BY_PROGRESS, self.loader, epochs=3)
        self.count = engine.batch_counter(self.accelerator, self.scheduler)
        self.used = recorded(self.optimizer.optimizer)

    def epoch(self, first: float | None) -> None:
        for index, (x, y) in enumerate(self.loader):
            if first is not None and index % 6 == 0:
                self.scheduler.report(progress=first + index / 100)
            with self.accelerator.accumulate(self.model):
                self.count((x, y))  # has no effect: a progress is not consumed
                self.accelerator.backward(torch.nn.functional.mse_loss(self.model(x), y))
                self.optimizer.step()
                self.optimizer.zero_grad()


def test_accelerate(tmp_path: Path) -> None:
    first = AccelerateLoop()
    first.epoch(0.1)
    first.accelerator.save_state(str(tmp_path))
    again = AccelerateLoop()
    again.accelerator.load_state(str(tmp_path))
    again.epoch(None)  # the checkpoint has the position

    assert first.used == values_at(0.1, 0.1, 0.16, 0.16, 0.22, 0.22)
    assert again.used == values_at(*[0.22] * 6)


def test_hugging_face_trainer(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    runs = pytest.importorskip("support.engine_runs.transformers")
    engine = pytest.importorskip("paramsched.engines.transformers")
    from support.engine_runs.harness import Case

    class Report(transformers.TrainerCallback):  # type: ignore[misc]  # its type is Any
        def on_step_begin(self, args: Any, state: Any, control: Any, lr_scheduler: Any, **keywords: Any) -> None:
            if not resumes:
                lr_scheduler.report(progress=state.global_step / 50)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            control.should_training_stop = not resumes

    used = []
    resumes = False
    for resumes in (False, True):
        model = runs.Model()
        optimizer = optimizer_of(model)
        arguments = runs.arguments(str(tmp_path), Case("transformers", 4), save_strategy="epoch")
        trainer = engine.planned(transformers.Trainer, BY_PROGRESS)(
            model, arguments, train_dataset=runs.Rows(), optimizers=(optimizer, None), callbacks=[Report()]
        )
        used.append(recorded(optimizer))
        trainer.train(resume_from_checkpoint=resumes)

    assert used[0] == values_at(*[t / 50 for t in range(5)])
    assert used[1] == values_at(*[4 / 50] * 10)


@pytest.mark.parametrize("manual", [False, True])
def test_lightning(manual: bool, tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    runs = pytest.importorskip("support.engine_runs.lightning")
    engine = pytest.importorskip("paramsched.engines.lightning")
    from support.engine_runs.harness import Case

    class Report(pl.Callback):  # type: ignore[misc]  # its type is Any
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
            if trainer.current_epoch == 0:
                plan.schedulers[0].report(progress=trainer.global_step / 100)

    case = Case("lightning", 4, variant="manual" if manual else "")
    module = runs.Module(case, 15)
    plan = engine.PlanCallback(BY_PROGRESS)
    saving = pl.callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    trainer = runs.trainer(case, callbacks=[plan, Report(), saving], enable_checkpointing=True, max_epochs=1)
    trainer.fit(module, DataLoader(Numbers(), BATCH))
    first = list(module.used)
    module = runs.Module(case, 15)
    plan = engine.PlanCallback(BY_PROGRESS)
    trainer = runs.trainer(case, callbacks=[plan, Report()], max_epochs=2)
    trainer.fit(module, DataLoader(Numbers(), BATCH), ckpt_path=tmp_path / "epoch=0.ckpt")

    assert first == values_at(*[t / 100 for t in range(5)])
    assert module.used == values_at(*[4 / 100] * 5)


def test_the_runner(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from paramsched.mmengine.runner import CheckpointHook, Hook, Runner

    class Report(Hook):
        def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            if runner.epoch == 0:
                runner.schedulers[""][0].report(progress=runner.iter / 100)

    plan = ps.Plan(lr="linear(1, 0)", clock="progress")

    def run(epochs: int) -> Any:
        runner = Runner(
            model=Tiny(),
            work_dir=tmp_path,
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
            param_scheduler=plan,
            loss=torch.nn.functional.mse_loss,
            train_dataloader=DataLoader(Numbers(), BATCH),
            train_cfg={"max_epochs": epochs},
            default_hooks={"checkpoint": CheckpointHook(interval=1), "progress": None},
            custom_hooks=[Report()],
            resume=epochs > 1,
        )
        runner.train()
        return runner

    run(1)
    scheduler = run(2).schedulers[""][0]
    logged = read_log(tmp_path / "values.jsonl", ["lr"], columns={}, amount=AmountColumn("progress"))

    assert (scheduler.t, scheduler.amount) == (2 * BATCHES, (BATCHES - 1) / 100)
    assert logged.amounts.amounts.tolist() == [min(t, BATCHES - 1) / 100 for t in range(2 * BATCHES)]
    report = compare_with_plan(logged, plan, bases={("lr", None): 0.1})
    assert (report.exact, report.values) == (2 * BATCHES, 2 * BATCHES)
    scaled = compare_with_plan(logged, plan.scale("10%", lr=0.5), bases={("lr", None): 0.1})
    assert "at update 10 (progress 0.1)" in str(scaled)
    assert scaled.first is not None


def test_without_a_report_the_first_update_of_the_runner_shows_the_call(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from paramsched.mmengine.runner import Runner

    runner = Runner(
        model=Tiny(),
        work_dir=tmp_path,
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        param_scheduler="clock: progress\nlr: linear(1, 0)",
        loss=torch.nn.functional.mse_loss,
        train_dataloader=DataLoader(Numbers(), BATCH),
        train_cfg={"max_epochs": 1},
        default_hooks={"progress": None, "logger": None},
    )
    with pytest.raises(MissingFact, match=r"For example: scheduler\.report\(progress=0\.0\)"):
        runner.train()
