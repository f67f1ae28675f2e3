"""Plain runs of the engines have a schedule that is found, and nothing to note."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import paramsched as ps

UPDATES, BASE = 60, 1e-3


class Numbers(Dataset[dict[str, torch.Tensor]]):
    """Rows of one number, which is also the label."""

    def __len__(self) -> int:
        return UPDATES

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        value = torch.tensor([float(index % 7)])
        return {"x": value, "labels": value}


class Line(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        made = self.line(x)
        return {"loss": ((made - labels) ** 2).mean(), "logits": made}


def assert_silent(log: Path, text: str) -> None:
    found = ps.recognize(log)

    assert found.complete
    assert str(found["lr"].plan.bindings[0].schedule) == text
    assert found["lr"].base == pytest.approx(BASE)
    assert [one.code for one in found.notes] == []


@pytest.mark.parametrize(
    ("kind", "text"), [("linear", "linear(over=60)"), ("cosine", "cosine(over=60)"), ("constant", "constant()")]
)
def test_a_run_of_the_trainer(kind: str, text: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=1, num_train_epochs=1, learning_rate=BASE,
        lr_scheduler_type=kind, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model=Line(), args=arguments, train_dataset=Numbers())
    trainer.train()
    trainer.save_state()

    assert_silent(tmp_path / "trainer_state.json", text)


def test_a_run_of_lightning(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = Line()

        def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
            return self.model(**batch)["loss"]

        def configure_optimizers(self) -> dict[str, Any]:
            optimizer = torch.optim.AdamW(self.parameters(), lr=BASE)
            cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES, BASE / 10)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    logger = pl.loggers.CSVLogger(str(tmp_path), name="", version="run")
    monitor = pl.callbacks.LearningRateMonitor("step")
    pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=logger, callbacks=[monitor], log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    ).fit(Module(), DataLoader(Numbers(), batch_size=1))  # fmt: skip

    assert_silent(tmp_path / "run" / "metrics.csv", "cosine(to=0.1, over=60)")


def test_a_run_with_accelerate(tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    model = Line()
    optimizer = torch.optim.AdamW(model.parameters(), lr=BASE)
    decay = torch.optim.lr_scheduler.PolynomialLR(optimizer, UPDATES, 2.0)
    model, optimizer, rows, scheduler = accelerator.prepare(
        model, optimizer, DataLoader(Numbers(), batch_size=1), decay
    )
    log = tmp_path / "log.jsonl"
    with log.open("w") as file:
        for step, batch in enumerate(rows):
            accelerator.backward(model(**batch)["loss"])
            print(json.dumps({"step": step, "lr": scheduler.get_last_lr()[0]}), file=file)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()

    assert_silent(log, "anneal(over=60, curve=curves.polynomial(2.0))")
