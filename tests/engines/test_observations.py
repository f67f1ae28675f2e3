"""A metric rule observes each evaluation of a real training once, also if the metric always has the same value.

The rule is a `hold` whose factor is 1 plus the number of observations. Each case is one of the products of data sets,
frequencies of evaluation, accumulation, and the place that logs the metric.
"""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from support.spread import spread

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def counting(metric: str) -> ps.Plan:
    return ps.Plan(lr=ps.constant() * ps.hold(metric, at=0.5, add=1.0))


def observations(scheduler: ps.Scheduler) -> int:
    (state,) = scheduler.states.values()
    return round(state.multiple) - 1


def sampled(cases: list[Any], count: int) -> list[Any]:
    """Return cases as values of parameters, of which a sample is not marked long."""
    return spread(cases, *random.Random(3).sample(cases, count))


LOGGED_IN = (
    "validation_step",
    "on_validation_epoch_end",
    "callback_metrics",  # written by hand
    "training_step, mean of the epoch",
    "training_step, each step",
    "on_train_epoch_end",
)
FREQUENCIES: tuple[dict[str, Any], ...] = (
    {},
    {"val_check_interval": 0.25},
    {"val_check_interval": 7, "check_val_every_n_epoch": None},
    {"check_val_every_n_epoch": 2},
)


@pytest.mark.parametrize(
    ("place", "observe", "frequency", "accumulation", "sets"),
    sampled([*itertools.product(LOGGED_IN, ("validation", "epoch"), FREQUENCIES, (1, 4), (1, 2))], 12),
)
def test_lightning_counts_what_was_logged_since_the_last_report(
    place: str, observe: Any, frequency: dict[str, Any], accumulation: int, sets: int
) -> None:
    runs = pytest.importorskip("support.engine_runs.lightning")
    from torch.utils.data import DataLoader

    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs.harness import BATCH, Case, Numbers

    class Counted(runs.Simple):  # type: ignore[misc,name-defined]  # its module is imported here
        """Counts the reports before which its metric was logged."""

        expected = 0
        is_new = False

        def note(self) -> None:
            self.is_new = True

        def report(self) -> None:
            self.expected += self.is_new
            self.is_new = False

        def training_step(self, batch: Any, index: int) -> Any:
            if place.startswith("training_step"):
                of_step = place.endswith("each step")
                self.log("loss", 1.0, on_step=of_step, on_epoch=not of_step)
                self.is_new |= of_step
            return super().training_step(batch, index)

        def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> None:
            if place == "validation_step":
                self.log("loss", 1.0)

        def on_validation_epoch_end(self) -> None:
            if place == "on_validation_epoch_end":
                self.log("loss", 1.0)
            elif place == "callback_metrics":
                self.trainer.callback_metrics["loss"] = 1.0
            self.is_new |= not self.trainer.sanity_checking and not place.startswith(("training", "on_train"))

        def on_validation_end(self) -> None:  # after the callback's
            if observe == "validation" and not self.trainer.sanity_checking:
                self.report()

        def on_train_epoch_end(self) -> None:  # after the callback's
            self.is_new |= place.endswith("mean of the epoch")
            if observe == "epoch":
                self.report()
            if place == "on_train_epoch_end":
                self.log("loss", 1.0)
                self.is_new = True

    several = sets > 1 and place == "validation_step"
    callback = PlanCallback(counting("loss/dataloader_idx_1" if several else "loss"), observe=observe)
    module = Counted()
    loader = DataLoader(Numbers(), BATCH)
    how = {"max_epochs": 4, "num_sanity_val_steps": 1, **frequency}
    trainer = runs.trainer(Case("lightning", accumulation), callbacks=[callback], **how)
    trainer.fit(module, loader, [loader] * sets)
    expected = module.expected
    trainer.validate(module, [loader] * sets, verbose=False)

    assert observations(callback.schedulers[0]) == expected > 0


SAVES = ({"every_n_epochs": 1, "save_on_train_epoch_end": True}, {"every_n_train_steps": 5})


# After a save in the last validation of an epoch Lightning ends this epoch without the mean of a training metric.
@pytest.mark.parametrize(
    ("observe", "metric", "saves"),
    sampled(
        [
            (observe, *rest)
            for observe in ("validation", "epoch")
            for rest in (*itertools.product(("train_loss", "val_loss"), SAVES), ("val_loss", "before the plan"))
        ],
        5,
    ),
)
def test_a_resumed_run_of_lightning_observes_what_the_whole_run_does(
    metric: str, observe: Any, saves: Any, tmp_path: Path
) -> None:
    callbacks = pytest.importorskip("lightning.pytorch.callbacks")
    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs import lightning as runs

    class Logging(runs.Simple):
        def training_step(self, batch: Any, index: int) -> Any:
            self.log("train_loss", 1.0, on_step=False, on_epoch=True)
            return super().training_step(batch, index)

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", 1.0)

    class Saving(callbacks.Callback):  # type: ignore[misc,name-defined]  # its type is Any
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"step={trainer.global_step}.ckpt")

    def observed(saving: Any = None, path: Path | None = None) -> int:
        callback = PlanCallback(counting(metric), observe=observe)
        present = [used_callback for used_callback in (saving, callback) if used_callback is not None]
        how = {"enable_checkpointing": saves != "before the plan" and path is None, "val_check_interval": 6}
        runs.fit(Logging(), *present, path=path, max_epochs=4, **how)
        return observations(callback.schedulers[0])

    if saves == "before the plan":
        whole = observed(Saving())
    else:
        whole = observed(callbacks.ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, **saves))
    files = sorted(tmp_path.glob("*.ckpt"))

    assert [observed(path=path) for path in files[:4]] == [whole] * 4


TRAINER = (
    "one set",
    "a dict of sets",
    "sets in a subclass",
    "sets in a subclass of the planned class",
    "log",
    "log that calls itself",
)
STEPS: tuple[dict[str, Any], ...] = (
    {"eval_strategy": "epoch"},
    {"eval_strategy": "steps", "eval_steps": 2},
    {"eval_strategy": "steps", "eval_steps": 5, "eval_on_start": True},
)


@pytest.mark.parametrize(
    ("case", "frequency", "accumulation"), sampled([*itertools.product(TRAINER, STEPS, (1, 6))], 6)
)
def test_the_trainer_counts_each_evaluation_and_each_row_of_its_log(
    case: str, frequency: dict[str, Any], accumulation: int, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    class Base(transformers.Trainer):  # type: ignore[misc,name-defined]  # its module is imported here
        """A Trainer whose metrics are always 1."""

        steps: tuple[int, ...] = ()  # at which it evaluated

        def evaluate(self, *args: Any, **keywords: Any) -> Any:
            if (
                self.is_in_train and self.state.global_step
            ):  # transformers passes no earlier evaluation to its scheduler
                self.steps += (self.state.global_step,)
            return dict.fromkeys(super().evaluate(*args, **keywords), 1.0)

        def log(self, logs: dict[str, Any], *args: Any, **keywords: Any) -> None:
            super().log({name: 1.0 if name == "loss" else value for name, value in logs.items()}, *args, **keywords)

    def with_sets(base: Any) -> Any:
        class Several(base):  # type: ignore[misc]  # its type is Any
            def evaluate(self, *args: Any, **keywords: Any) -> Any:
                return [super(Several, self).evaluate(*args, **keywords) for _ in range(3)][-1]

        return Several

    class Twice(Base):
        def log(self, logs: dict[str, Any], *args: Any, **keywords: Any) -> None:
            if "learning_rate" in logs and "again" not in logs:
                self.log({**logs, "again": 1.0})
            super().log(logs, *args, **keywords)

    base = {"sets in a subclass": with_sets(Base), "log that calls itself": Twice}.get(case, Base)
    metric = "eval_b_loss" if case == "a dict of sets" else "loss" if case.startswith("log") else "eval_loss"
    logging = {"logging_strategy": "steps", "logging_steps": 3}
    options = {"num_train_epochs": 3, "gradient_accumulation_steps": accumulation, **logging, **frequency}
    trainer = runs.planned_trainer(counting(metric), tmp_path, base, **options)
    if case == "a dict of sets":
        trainer.eval_dataset = {"a": runs.Rows(), "b": runs.Rows()}
    if case == "sets in a subclass of the planned class":
        trainer.__class__ = with_sets(type(trainer))
    trainer.train()
    evaluations = len(set(trainer.steps))
    rows = sum("learning_rate" in row and "again" not in row for row in trainer.state.log_history)
    scheduler = trainer.lr_scheduler
    trainer.evaluate()

    assert observations(scheduler) == (rows if case.startswith("log") else evaluations) > 0


def test_a_trainer_that_evaluates_at_its_start_has_the_rates_of_the_plateau_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    class Same(transformers.Trainer):  # type: ignore[misc,name-defined]  # its module is imported here
        """A Trainer whose metrics never improve."""

        def evaluate(self, *args: Any, **keywords: Any) -> Any:
            return dict.fromkeys(super().evaluate(*args, **keywords), 1.0)

    options = {"max_steps": 9, "eval_strategy": "steps", "eval_steps": 2, "eval_on_start": True, "logging_steps": 1}
    plateau = {
        "lr_scheduler_type": "reduce_lr_on_plateau",
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
    }
    how = {"lr_scheduler_kwargs": {"factor": 0.5, "patience": 0, "eps": 0}}

    def rates(trainer: Any) -> list[Any]:
        trainer.train()
        return [row["learning_rate"] for row in trainer.state.log_history if "learning_rate" in row]

    plan = 'constant() * plateau("eval_loss", factor=0.5, patience=0)'
    planned = runs.planned_trainer(ps.Plan(lr=plan), tmp_path, Same, logging_strategy="steps", **options)
    model = runs.Model()
    args = runs.arguments(
        str(tmp_path), runs.Case("transformers"), logging_strategy="steps", **options, **plateau, **how
    )
    parts = {"train_dataset": runs.Rows(), "eval_dataset": runs.Rows(), "optimizers": (runs.optimizer_of(model), None)}
    trainer_with_plateau = Same(model=model, args=args, **parts)

    assert rates(planned) == rates(trainer_with_plateau)
    assert (
        planned.lr_scheduler.optimizer.param_groups[0]["lr"]
        == trainer_with_plateau.optimizer.param_groups[0]["lr"]
        < 0.05
    )


def test_a_resumed_run_of_the_trainer_does_not_count_its_evaluation_at_the_start(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    def observed(checkpoint: Any = None) -> int:
        options = {"eval_strategy": "steps", "eval_steps": 4, "eval_on_start": True, "logging_strategy": "steps"}
        saves = {"save_strategy": "steps", "save_steps": 3}
        trainer = runs.planned_trainer(counting("eval_loss"), tmp_path, max_steps=14, **options, **saves)
        trainer.train(resume_from_checkpoint=checkpoint)
        return observations(trainer.lr_scheduler)

    whole = observed()
    assert [observed(tmp_path / f"checkpoint-{step}") for step in (3, 12)] == [whole, whole]


def test_our_runner_counts_the_validations_of_its_training(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    torch = pytest.importorskip("torch")
    from paramsched.mmengine.runner import Runner
    from support.runner_jobs import QUIET, loader, network

    runner = Runner(
        model=network(),
        loss=torch.nn.functional.cross_entropy,
        work_dir=tmp_path,
        train_dataloader=loader(2),
        train_cfg={"by_epoch": True, "max_epochs": 5, "val_interval": 2},
        val_dataloader=loader(1),
        val_cfg={},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        param_scheduler=counting("loss"),
        default_hooks=QUIET | {"param_scheduler": {"type": "ParamSchedulerHook"}},
    )
    runner.train()
    runner.val()
    (scheduler,) = runner.param_schedulers

    assert observations(scheduler) == 3
