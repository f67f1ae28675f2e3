"""`strict=True` in engines."""

import warnings

import pytest
import torch

import paramsched as ps

LEVELS_AS_RATES = "linear(1e-3, 1e-5)"


def sgd(lr=0.001):
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)


@pytest.fixture(autouse=True)
def script_that_ignores_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_accelerate_passes_strict_on():
    accelerate = pytest.importorskip("accelerate")
    from paramsched.engines import accelerate as engine

    accelerator = accelerate.Accelerator(cpu=True)
    loader = accelerator.prepare(torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=2))

    with pytest.raises(ps.PlanWarning, match="PS301"):
        engine.scheduler(accelerator, sgd(), LEVELS_AS_RATES, loader, epochs=9, strict=True)


def test_the_trainer_passes_strict_on(tmp_path):
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x, labels):
            return {"loss": (self.layer(x) - labels).square().mean()}

    data = [{"x": torch.ones(1), "labels": torch.ones(1)}] * 16
    arguments = transformers.TrainingArguments(
        str(tmp_path), max_steps=9, learning_rate=0.001, use_cpu=True, report_to=[], disable_tqdm=True
    )
    trainer = planned(transformers.Trainer, LEVELS_AS_RATES, strict=True)(Line(), arguments, train_dataset=data)

    with pytest.raises(ps.PlanWarning, match="PS301"):
        trainer.train()


def test_lightning_passes_strict_on():
    lightning = pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback

    class Line(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch, _):
            return self.layer(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.001)

    trainer = lightning.Trainer(
        max_epochs=9, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[PlanCallback(LEVELS_AS_RATES, strict=True)],
    )  # fmt: skip

    with pytest.raises(ps.PlanWarning, match="PS301"):
        trainer.fit(Line(), torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=2))


def test_the_scheduler_of_mmengine_passes_strict_on():
    optim = pytest.importorskip("mmengine.optim")
    from paramsched.mmengine.engine import PlanScheduler

    with pytest.raises(ps.PlanWarning, match="PS301"):
        PlanScheduler(optim.OptimWrapper(sgd()), f"lr: {LEVELS_AS_RATES}", total=100, strict=True)


def test_a_metric_that_was_never_observed_raises_at_the_end_of_the_plan():
    def run(*metrics):
        optimizer = sgd()
        scheduler = ps.Scheduler(optimizer, "cosine() * plateau('val')", total=3, strict=True)
        for metric in (*metrics, *[None] * (3 - len(metrics))):
            if metric is not None:
                scheduler.observe(val=metric)
            optimizer.step()
        return scheduler

    assert run(0.5).t == 3
    with pytest.raises(ps.PlanWarning, match="no value of val was ever reported"):
        run()
