"""Plateaus in engines that know how often they evaluate, compared with real runs, and the metrics that never came.

A plateau whose patience is not less than this number cannot act.
"""

import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import paramsched as ps
from support.spread import spread

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def plan_with(patience: int, metric: str, line: str = "constant()") -> ps.Plan:
    return ps.Plan(lr=ps.parse(line) * ps.plateau(metric, patience=patience))


def codes_of(call: Any) -> list[str]:
    """Return the codes of the warnings of this library; "" for one without a code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [warning.message.problem.code for warning in caught if isinstance(warning.message, ps.PlanWarning)]


class Count:
    """The number of evaluations of a run."""

    def __init__(self) -> None:
        self.evaluations = 0


def lightning_run(
    patience: int,
    *callbacks: Any,
    observe: str = "validation",
    strict: bool = False,
    line: str = "constant()",
    **how: Any,
) -> Any:
    """Return the codes of the warnings of a run of 54 batches, and its number of evaluations."""
    runs = pytest.importorskip("support.engine_runs.lightning")
    from paramsched.engines.lightning import PlanCallback

    count = Count()

    class Validated(runs.Simple):  # type: ignore[misc,name-defined]  # its module is imported here
        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", 1.0)

        def on_validation_end(self) -> None:
            count.evaluations += observe == "validation" and not self.trainer.sanity_checking

        def on_train_epoch_end(self) -> None:
            count.evaluations += observe == "epoch"

    callback = PlanCallback(plan_with(patience, "val_loss", line), observe=observe, strict=strict)
    return codes_of(lambda: runs.fit(Validated(), *callbacks, callback, **how)), count.evaluations


LIGHTNING: list[tuple[dict[str, Any], int]] = [
    ({}, 3),
    ({"val_check_interval": 0.25}, 12),
    ({"val_check_interval": 5}, 9),
    ({"check_val_every_n_epoch": 2}, 1),
    ({"check_val_every_n_epoch": None, "val_check_interval": 7}, 7),
    ({"max_steps": 25, "val_check_interval": 4}, 5),
    ({"max_steps": 10, "accumulate_grad_batches": 4, "val_check_interval": 4}, 8),
    ({"max_steps": 25, "max_epochs": -1, "check_val_every_n_epoch": 2, "val_check_interval": 3}, 2),
    ({"limit_train_batches": 7, "val_check_interval": 0.5}, 6),
    ({"observe": "epoch", "max_steps": 40}, 3),
]


@pytest.mark.parametrize(("how", "expected"), spread(LIGHTNING, *LIGHTNING[1:6:2]))
def test_a_patience_is_compared_with_the_validations_of_lightning(how: dict[str, Any], expected: int) -> None:
    assert lightning_run(expected, **how) == (["PS502"], expected)
    assert lightning_run(expected - 1, **how) == ([], expected)


def test_lightning_without_a_validation_reports_a_plateau_once() -> None:
    assert lightning_run(0, limit_val_batches=0) == (["PS502"], 0)


def test_a_limit_of_time_is_a_short_run_and_early_stopping_is_none() -> None:
    callbacks = pytest.importorskip("lightning.pytorch.callbacks")
    limit = callbacks.Timer(duration=timedelta(milliseconds=50))
    stopping = callbacks.EarlyStopping("val_loss", patience=2)

    assert lightning_run(5, limit, line="linear()", max_epochs=100_000)[0] == [""]
    assert lightning_run(5, stopping, line="linear()", max_epochs=100_000)[0] == []


def trainer_run(folder: Path, patience: int, metric: str = "eval_loss", **how: Any) -> Any:
    """Return the codes of the warnings of a run of 12 updates in 4 passes, and its number of evaluations."""
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    count = Count()

    class Counted(transformers.Trainer):  # type: ignore[misc,name-defined]  # its module is imported here
        def evaluate(self, *args: Any, **keywords: Any) -> Any:
            count.evaluations += bool(self.state.global_step)  # not that of `eval_on_start`
            return super().evaluate(*args, **keywords)

    options = {"num_train_epochs": 4, "gradient_accumulation_steps": 6, **how}
    strict = {"strict": options.pop("strict", False)}
    plan = plan_with(patience, metric, options.pop("line", "constant()"))
    trainer = runs.planned_trainer(plan, folder, Counted, strict, **options)
    return codes_of(trainer.train), count.evaluations


TRAINER: list[tuple[dict[str, Any], int]] = [
    ({"eval_strategy": "epoch"}, 4),
    ({"eval_strategy": "epoch", "max_steps": 7}, 3),
    ({"eval_strategy": "epoch", "eval_delay": 2}, 3),
    ({"eval_strategy": "steps", "eval_steps": 5}, 3),
    ({"eval_strategy": "steps", "eval_steps": 1}, 12),
    ({"eval_strategy": "steps", "eval_steps": 0.25}, 4),
    ({"eval_strategy": "steps", "eval_steps": 2, "eval_delay": 6}, 4),
    ({"eval_strategy": "steps", "eval_steps": 6, "eval_on_start": True}, 2),
]


@pytest.mark.parametrize(("how", "expected"), spread(TRAINER, *TRAINER[2:8:2]))
def test_a_patience_is_compared_with_the_evaluations_of_the_trainer(
    how: dict[str, Any], expected: int, tmp_path: Path
) -> None:
    assert trainer_run(tmp_path, expected, **how) == (["PS502"], expected)
    assert trainer_run(tmp_path, expected - 1, **how) == ([], expected)


def test_a_trainer_without_evaluations_reports_a_plateau_of_torch_once(tmp_path: Path) -> None:
    assert trainer_run(tmp_path, 3) == (["PS502"], 0)
    assert trainer_run(tmp_path, 100, "loss", logging_strategy="steps", logging_steps=1) == ([], 0)


def test_a_trainer_names_at_the_end_a_metric_that_it_never_logged(tmp_path: Path) -> None:
    assert trainer_run(tmp_path, 3, "kl", logging_strategy="steps", logging_steps=1) == ([""], 0)


def test_a_run_of_the_trainer_that_ends_early_is_short_unless_a_callback_stops_it(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from support.engine_runs.transformers import Rows

    class Stream(torch.utils.data.IterableDataset):  # type: ignore[misc,name-defined]  # its module is imported here
        """The data of one epoch, once."""

        def __init__(self) -> None:
            rows = Rows()
            self.rows = iter([rows[index] for index in range(len(rows))])

        def __iter__(self) -> Any:
            return self.rows

    class Change(transformers.TrainerCallback):  # type: ignore[misc,name-defined]  # as above
        def __init__(self, what: str) -> None:
            self.what = what

        def on_step_end(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            if state.global_step == 2:
                args.gradient_accumulation_steps = 18 if self.what == "accumulation" else 6
                control.should_training_stop |= self.what == "stop"

        def on_evaluate(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            control.should_training_stop |= self.what == "stop after an evaluation"

    def codes(**how: Any) -> list[str]:
        how = {"line": "linear()", "eval_strategy": "epoch", **how}
        actual: list[str] = trainer_run(tmp_path, 1, **how)[0]
        return actual

    stream = {"max_steps": 12, "accelerator_config": {"dispatch_batches": False}}
    assert codes() == []
    assert codes(callbacks=[Change("accumulation")]) == [""]
    assert codes(train_dataset=Stream(), **stream) == [""]
    assert codes(callbacks=[Change("stop")]) == []
    assert codes(callbacks=[Change("stop after an evaluation")]) == []
    assert codes(callbacks=[Change("stop")], train_dataset=Stream(), **stream) == []
    with pytest.raises(ps.PlanWarning, match="the run ended at update 3 of 12 with lr"):
        codes(train_dataset=Stream(), strict=True, **stream)


@pytest.mark.parametrize(
    ("train_cfg", "expected"),
    [
        ({"by_epoch": True, "max_epochs": 6, "val_interval": 2}, 3),
        ({"by_epoch": True, "max_epochs": 5, "val_interval": 2}, 3),
        ({"by_epoch": True, "max_epochs": 6, "val_interval": 2, "val_begin": 4}, 2),
        ({"by_epoch": False, "max_iters": 11, "val_interval": 4}, 3),
        ({"by_epoch": True, "max_epochs": 9, "val_interval": 3, "dynamic_intervals": [(5, 2), (8, 1)]}, 6),
    ],
)
def test_a_patience_is_compared_with_the_validations_of_our_runner(
    train_cfg: dict[str, Any], expected: int, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    torch = pytest.importorskip("torch")
    from paramsched.mmengine.runner import Runner
    from support.runner_jobs import QUIET, loader, network

    class Counted:
        def __init__(self) -> None:
            self.times = 0

        def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
            self.times += 1

    for patience, codes in ((expected, ["PS502"]), (expected - 1, [])):
        hook = Counted()
        runner = Runner(
            model=network(),
            loss=torch.nn.functional.cross_entropy,
            work_dir=tmp_path / str(patience),
            train_dataloader=loader(2),
            train_cfg=train_cfg,
            val_dataloader=loader(1),
            val_cfg={},
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
            param_scheduler=plan_with(patience, "loss"),
            default_hooks=QUIET | {"param_scheduler": {"type": "ParamSchedulerHook"}},
            custom_hooks=[hook],
        )
        assert (codes_of(runner.train), hook.times) == (codes, expected)
