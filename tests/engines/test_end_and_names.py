"""The end of an engine's run before that of the plan, and the name of a metric that no evaluation has."""

import warnings

import pytest
import torch

import paramsched as ps

pytestmark = pytest.mark.heavy


def warned(call):
    """Return the texts of the warnings of this library."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(one.message) for one in caught if issubclass(one.category, ps.PlanWarning)]


def lightning_run(plan, *callbacks, epochs=3, stops_at=None, **options):
    pl = pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback

    used = []

    class Line(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, index):
            if self.trainer.global_step == stops_at:
                self.trainer.should_stop = True
            return self.layer(batch[0]).square().mean()

        def validation_step(self, batch, index):
            self.log("val/loss", self.layer(batch[0]).square().mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

        def on_before_optimizer_step(self, optimizer):
            used.append(optimizer.param_groups[0]["lr"])

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(32, 2)), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=epochs, callbacks=[*callbacks, PlanCallback(plan)], accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, **options,
    )  # fmt: skip
    texts = warned(lambda: trainer.fit(Line(), loader, loader))
    return texts, used


def trainer_run(tmp_path, plan, steps=12, stops_at=None, **options):
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x, labels):
            return {"loss": torch.nn.functional.mse_loss(self.layer(x), labels)}

    class Stop(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **keywords):
            control.should_training_stop = state.global_step == stops_at

    data = [{"x": torch.randn(2), "labels": torch.randn(1)} for _ in range(16)]
    arguments = transformers.TrainingArguments(
        str(tmp_path), max_steps=steps, per_device_train_batch_size=4, learning_rate=0.1, use_cpu=True, report_to=[],
        disable_tqdm=True, eval_strategy="steps", eval_steps=3, **options,
    )  # fmt: skip
    trainer = planned(transformers.Trainer, plan)(
        Line(), arguments, train_dataset=data, eval_dataset=data, callbacks=[Stop()]
    )
    return warned(trainer.train)


LONGER = ps.Plan(lr="linear()", horizon=60)


def test_a_plan_that_lightning_ends_early_is_told_once():
    texts, used = lightning_run(LONGER)

    assert len(used) == 24
    assert [("24" in one, "60" in one) for one in texts] == [(True, True)]


@pytest.mark.parametrize(
    ("plan", "options"),
    [("linear()", {}), (LONGER, {"stops_at": 5}), ("linear()", {"stops_at": 5}), ("constant()", {})],
)
def test_a_run_of_lightning_that_reaches_its_end_or_was_stopped_is_silent(plan, options):
    told = lightning_run(plan, **options)[0]

    assert [one for one in told if "the run ended" in one] == []


def test_the_trainer_tells_a_longer_plan_once(tmp_path):
    assert [("12" in one, "60" in one) for one in trainer_run(tmp_path, LONGER)] == [(True, True)]


@pytest.mark.parametrize("options", [{}, {"stops_at": 5}])
def test_a_run_of_the_trainer_that_reaches_its_end_or_was_stopped_is_silent(tmp_path, options):
    assert trainer_run(tmp_path, "linear()", **options) == []


WRONG = 'constant() * plateau("val_loss", patience=1)'


def test_lightning_tells_a_wrong_metric_name_with_those_of_the_first_evaluation():
    (told,) = lightning_run(WRONG, num_sanity_val_steps=0)[0]

    assert all(part in told for part in ("val_loss", "val/loss", "PS504"))


def test_the_trainer_tells_a_wrong_metric_name_with_those_of_the_first_evaluation(tmp_path):
    (told,) = trainer_run(tmp_path, WRONG)

    assert all(part in told for part in ("val_loss", "eval_loss", "PS504"))


def test_a_right_metric_name_is_silent(tmp_path):
    assert lightning_run(WRONG.replace("val_loss", "val/loss"))[0] == []
    assert trainer_run(tmp_path, WRONG.replace("val_loss", "eval_loss")) == []


def test_an_accumulation_that_lightning_changes_has_the_right_number_of_updates():
    pl = pytest.importorskip("lightning.pytorch")
    changing = pl.callbacks.GradientAccumulationScheduler({0: 4, 2: 2, 3: 1})

    texts, used = lightning_run("linear()", changing, epochs=4)

    assert used == pytest.approx([0.1 * (1 - t / 16) for t in range(16)], rel=1e-12)  # 2 + 2 + 4 + 8 updates
    assert texts == []


def test_a_length_in_epochs_is_refused_if_lightning_changes_the_accumulation():
    pl = pytest.importorskip("lightning.pytorch")
    changing = pl.callbacks.GradientAccumulationScheduler({0: 4, 2: 2})

    with pytest.raises(ps.errors.MissingFact, match="GradientAccumulationScheduler"):
        lightning_run('warmup("1 epoch") >> linear()', changing)
