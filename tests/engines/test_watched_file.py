"""Each engine that accepts the path of a plan file can watch it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from support.engine_runs.harness import BATCH, Case, Numbers, Tiny, optimizer_of
from support.runner_jobs import QUIET, loader, network


class Edited:
    """An optimizer whose plan file is written before its fifth update; records the lr of each update."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, file: Path, text: str = "lr: constant(0.25)\nhorizon: 1000\n"
    ) -> None:
        self.lrs: list[float] = []
        self._file, self._text = file, text
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        optimizer.register_step_pre_hook(self.before_step)

    def before_step(self, optimizer: Any, args: Any, keywords: Any) -> None:
        if len(self.lrs) == 4:
            self._file.write_text(self._text)
        self.lrs.append(optimizer.param_groups[0]["lr"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text("lr: constant(0.5)\n")  # the length of the run is that of the engine
    return path


def check(edited: Edited) -> None:
    """Check that the plan changed after the second look at the new file."""
    assert edited.lrs == [0.05] * 6 + [0.025] * (len(edited.lrs) - 6)
    assert len(edited.lrs) > 6


def test_accelerate(file: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    engine = pytest.importorskip("paramsched.engines.accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    model = Tiny()
    optimizer = optimizer_of(model)
    edited = Edited(optimizer, file)
    model, prepared, batches = accelerator.prepare(model, optimizer, DataLoader(Numbers(), BATCH))
    engine.scheduler(accelerator, prepared, str(file), batches, epochs=1, watch=1)

    for x, y in batches:
        accelerator.backward(torch.nn.functional.mse_loss(model(x), y))
        prepared.step()

    check(edited)


def test_lightning(file: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs import lightning as runs

    class Module(pl.LightningModule):  # type: ignore[misc,name-defined]  # its type is Any
        def __init__(self) -> None:
            super().__init__()
            self.net = Tiny()

        def configure_optimizers(self) -> Any:
            optimizer = optimizer_of(self.net)
            self.edited = Edited(optimizer, file)
            return optimizer

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])

    module = Module()
    runs.trainer(Case("lightning"), callbacks=[PlanCallback(file, watch=1)]).fit(module, DataLoader(Numbers(), BATCH))

    check(module.edited)


def test_transformers(file: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs

    model = runs.Model()
    optimizer = optimizer_of(model)
    edited = Edited(optimizer, file)
    trainer = planned(transformers.Trainer, file, watch=1)(
        model=model,
        args=runs.arguments(str(tmp_path), Case("transformers")),
        train_dataset=runs.Rows(),
        optimizers=(optimizer, None),
    )

    trainer.train()

    check(edited)


def test_the_runner(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    pytest.importorskip("paramsched.mmengine")
    from paramsched.mmengine.runner import Runner

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    # A horizon would have to agree with the length of the run in the Runner.
    edited = Edited(optimizer, file, "lr: constant(0.25)\n")
    runner = Runner(
        model=model,
        work_dir=tmp_path / "work",
        train_dataloader=loader(10),
        train_cfg={"by_epoch": True, "max_epochs": 1},
        default_hooks=QUIET,
        optim_wrapper=optimizer,
        loss=torch.nn.functional.cross_entropy,
        param_scheduler=str(file),
        watch=1,
    )

    runner.train()

    check(edited)
