"""A run of each engine in parts: it saves its checkpoint into a folder, and new objects resume it from there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
from support.engine_runs.harness import BATCH, Numbers, Tiny, optimizer_of


@dataclass
class Run:
    """A run of an engine, in a folder that has the checkpoint of the run before.

    `lr` is the lr of all groups in the code, if given. `used` is the lr of the first group in each update.
    """

    folder: Path
    plan: ps.Plan
    options: dict[str, Any] = field(default_factory=dict)
    resumes: bool = False
    lr: float | None = None
    epochs: int = 2
    used: list[float] = field(default_factory=list)
    scheduler: Any = None

    def recorded(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        def before(*_: Any) -> None:
            self.used.append(float(optimizer.param_groups[0]["lr"]))

        for group in optimizer.param_groups if self.lr is not None else []:
            group["lr"] = self.lr
        optimizer.register_step_pre_hook(before)
        return optimizer


def transformers(run: Run) -> None:
    pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs

    model = runs.Model()
    model.net = Tiny()
    case = runs.Case("transformers")
    args = runs.arguments(str(run.folder), case, save_strategy="steps", save_steps=1000, num_train_epochs=run.epochs)
    trainer = planned(runs.Trainer, run.plan, **run.options)(
        model=model, args=args, train_dataset=runs.Rows(), optimizers=(run.recorded(optimizer_of(model)), None)
    )
    trainer.train(resume_from_checkpoint=run.resumes or None)
    run.scheduler = trainer.lr_scheduler


def lightning(run: Run) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = Tiny()

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return run.recorded(optimizer_of(self))

    callback = PlanCallback(run.plan, **run.options)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=run.epochs + run.resumes, callbacks=[callback], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    file = run.folder / "run.ckpt"
    trainer.fit(Module(), DataLoader(Numbers(), BATCH), ckpt_path=file if run.resumes else None, weights_only=False)
    trainer.save_checkpoint(file)
    run.scheduler = callback.schedulers[0]


def pytorch_accelerated(run: Run) -> None:
    home = pytest.importorskip("pytorch_accelerated")
    from pytorch_accelerated.callbacks import MoveModulesToDeviceCallback

    from paramsched.engines import pytorch_accelerated as engine

    model = Tiny()
    callbacks = [MoveModulesToDeviceCallback, engine.ResumeCallback()]
    trainer = home.Trainer(model, torch.nn.MSELoss(), run.recorded(optimizer_of(model)), callbacks=callbacks)
    trainer.train(
        Numbers(), num_epochs=run.epochs, per_device_batch_size=BATCH, train_dataloader_kwargs={"num_workers": 0},
        create_scheduler_fn=engine.scheduler(run.plan, **run.options),
        resume_from=run.folder / "state" if run.resumes else None,
    )  # fmt: skip
    trainer.save_training_state(run.folder / "state")
    run.scheduler = trainer.scheduler


def mmengine(run: Run) -> None:
    pytest.importorskip("mmengine")
    pytest.importorskip("paramsched.mmengine")
    from paramsched.mmengine.engine import PlanScheduler
    from support.mmengine_runs import Runs

    runs = Runs(run.folder)
    schedulers: list[Any] = []

    def scheduler(wrapper: Any) -> Any:
        run.recorded(wrapper.optimizer)
        schedulers.append(PlanScheduler(wrapper, run.plan, **run.options))
        return schedulers[0]

    more = {"resume": True} if run.resumes else {}
    try:
        _, runner = runs(scheduler, by_epoch=False, epochs=3 * run.epochs, **more)
        runner.save_checkpoint(str(run.folder / "run"), "iter_1.pth")
        (run.folder / "run" / "last_checkpoint").write_text(str(run.folder / "run" / "iter_1.pth"))
    finally:
        runs.close()
    run.scheduler = schedulers[0].scheduler


def accelerate(run: Run) -> None:
    home = pytest.importorskip("accelerate")
    from paramsched.engines import accelerate as engine

    accelerator = home.Accelerator(cpu=True)
    model = Tiny()
    unprepared = run.recorded(optimizer_of(model))
    model, optimizer, loader = accelerator.prepare(model, unprepared, DataLoader(Numbers(), BATCH))
    run.scheduler = engine.scheduler(accelerator, optimizer, run.plan, loader, epochs=run.epochs, **run.options)
    if run.resumes:
        accelerator.load_state(str(run.folder / "state"))
    for _ in range(run.epochs):
        for _ in loader:
            optimizer.step()
    accelerator.save_state(str(run.folder / "state"))


ENGINES: dict[str, Callable[[Run], None]] = {
    engine_run.__name__: engine_run
    for engine_run in (transformers, lightning, pytorch_accelerated, mmengine, accelerate)
}
