"""Targets of a plan that the Trainer and Lightning write into attributes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines.target_writes import TargetWrites
from support.engine_runs.harness import BATCH, Numbers, Tiny, optimizer_of
from support.tables import table
from support.updates import probe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PLAN = ps.Plan(
    ps.Binding(ps.Target("entropy", initial=0.1), "linear(1, 0)"),
    ps.Binding(ps.Target("window", initial=100), "stairs(1, 5, rises=4)"),
    lr="cosine()",
    horizon=36,
)
ENTROPY = [0.1 * (1 - t / 36) for t in range(36)]


def run_of_trainer(folder: Path, write: Any, *, resume: bool = False, **keywords: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs

    class WithCoefficients(transformers.Trainer):  # as TRL's GRPOTrainer copies arguments
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.args.entropy_coef, self.args.window = 0.25, 7
            self.entropy_coef = self.args.entropy_coef
            self.part = SimpleNamespace(window=7)
            self.used: list[Any] = []

        def compute_loss(self, *args: Any, **options: Any) -> Any:
            self.used.append((self.entropy_coef, self.part.window))
            return super().compute_loss(*args, **options)

    arguments = runs.arguments(
        str(folder), runs.Case("transformers"), num_train_epochs=2, save_strategy="steps", save_steps=10
    )
    model = runs.Model()
    trainer = planned(WithCoefficients, PLAN, write=write)(
        model=model, args=arguments, train_dataset=runs.Rows(), optimizers=(optimizer_of(model), None), **keywords
    )
    trainer.train(resume_from_checkpoint=str(folder / "checkpoint-10") if resume else None)
    return trainer


WRITE = {"entropy": ("entropy_coef", "args.entropy_coef"), "window": "part.window"}


def test_the_trainer_uses_the_values_of_each_update_also_after_a_resume(tmp_path: Path) -> None:
    first = run_of_trainer(tmp_path, WRITE)
    again = run_of_trainer(tmp_path, WRITE, resume=True)

    shown = ps.trace(PLAN, optimizer_of(Tiny()), ps.Calendar())
    expected = [(e, int(w)) for e, w in zip(shown["entropy", ""].tolist(), shown["window", ""].tolist(), strict=True)]
    assert first.used == expected
    assert again.used == expected[10:]
    assert all(type(window) is int for _, window in first.used)
    assert first.args.entropy_coef == first.entropy_coef


def test_a_target_with_the_name_of_a_metric_of_the_trainer_stays_in_the_log(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs

    class WithMetrics(transformers.Trainer):  # as TRL's trainers add their metrics
        def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
            logs.update({"entropy": 7.0})
            super().log(logs, *args, **options)

    arguments = runs.arguments(
        str(tmp_path), runs.Case("transformers"), num_train_epochs=2, logging_steps=1, logging_strategy="steps"
    )
    model = runs.Model()
    trainer = planned(WithMetrics, PLAN)(
        model=model, args=arguments, train_dataset=runs.Rows(), optimizers=(optimizer_of(model), None)
    )

    with pytest.warns(UserWarning, match="entropy as planned/entropy"):
        trainer.train()

    rows = [one for one in trainer.state.log_history if "learning_rate" in one]
    assert [one["planned/entropy"] for one in rows] == pytest.approx(ENTROPY[: len(rows)], rel=1e-12)
    assert {one["entropy"] for one in rows} == {7.0}
    assert all("window" in one and "planned/window" not in one for one in rows)


def test_a_copied_argument_is_refused_before_the_first_batch(tmp_path: Path) -> None:
    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        run_of_trainer(tmp_path, {"entropy": "args.entropy_coef"})

    assert "trainer.entropy_coef" in str(refusal.value)
    assert "Write write={'entropy': ('entropy_coef', 'args.entropy_coef')}" in str(refusal.value)
    run_of_trainer(tmp_path, {"entropy": "entropy_coef"})  # the arguments keep their value


def test_lightning_writes_into_the_module() -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.entropy_coef, self.used = Tiny(), 1, []

        def training_step(self, batch: Any, index: int) -> Any:
            self.used.append(self.entropy_coef)
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return optimizer_of(self)

    module = Module()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=4, callbacks=[PlanCallback(PLAN, write={"entropy": "entropy_coef"})],
        accumulate_grad_batches=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip

    trainer.fit(module, DataLoader(Numbers(), BATCH))

    assert module.used == pytest.approx([one for one in ENTROPY for _ in range(2)], rel=1e-12)


def test_a_target_with_the_name_of_a_metric_of_the_module_stays_in_the_log_of_lightning() -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers.logger import DummyLogger

    from paramsched.engines.lightning import PlanCallback

    class Rows(DummyLogger):
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[dict[str, float]] = []

        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            self.rows.append(metrics)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.window = Tiny(), 1

        def training_step(self, batch: Any, index: int) -> Any:
            self.log_dict({"entropy": 7.0, "window": self.window})  # a float32 of the planned window
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return optimizer_of(self)

    rows = Rows()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[PlanCallback(PLAN, write={"window": "window"})],
        logger=rows, log_every_n_steps=1, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip

    with pytest.warns(UserWarning, match="PlanCallback: .*: entropy as planned/entropy. Rename"):
        trainer.fit(Module(), DataLoader(Numbers(), BATCH))

    planned = [one["planned/entropy"] for one in rows.rows if "planned/entropy" in one]
    assert planned == pytest.approx(ENTROPY[: len(planned)], rel=1e-12)
    assert len(planned) == trainer.global_step
    assert {one["entropy"] for one in rows.rows if "entropy" in one} == {7.0}
    assert not any("planned/window" in one for one in rows.rows)


class Fixed:
    """An object whose attribute cannot be written."""

    @property
    def window(self) -> int:
        return 3


@table(
    ("write", "found"),
    [
        ({"entropi": "coef"}, "'entropi' is not a target of the plan; did you mean \"entropy\"?"),
        ({"lr": "coef"}, "'lr' is not a target of the plan"),
        ({"entropy": "coeff"}, "trainer has no attribute 'coeff'; did you mean \"coef\"?"),
        ({"entropy": "part.inner.coef"}, "trainer.part has no attribute 'inner'"),
        ({"entropy": "missing"}, "expected trainer.missing to be a number, got None"),
        ({"entropy": "flag"}, "expected trainer.flag to be a number, got True"),
        ({"entropy": "part"}, "expected trainer.part to be a number, got namespace"),
        ({"entropy": "fixed.window"}, "trainer.fixed.window cannot be written"),
        ({"entropy": ("coef", "coef")}, "the path is listed twice"),
        ({"entropy": "coef", "window": "missing"}, "got None"),
    ],
)
def test_wrong_writes_are_refused_and_nothing_is_written(write: Any, found: str) -> None:
    trainer = SimpleNamespace(coef=0.5, part=SimpleNamespace(), missing=None, flag=True, fixed=Fixed())
    before = dict(vars(trainer))
    scheduler = ps.Scheduler(probe(lr=0.1), PLAN)

    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        TargetWrites("planned", "trainer", write).begin(trainer, scheduler)

    assert found in str(refusal.value)
    assert vars(trainer) == before


@table("write", ["entropy", {"entropy": 3}, {"entropy": ()}, {1: "coef"}, {"entropy": ["coef", 2]}])
def test_writes_of_another_type_are_refused_in_the_call(write: Any) -> None:
    with pytest.raises(ps.errors.InvalidArgument, match="expected a dict from names of targets to paths"):
        TargetWrites("planned", "trainer", write)


def test_an_attribute_keeps_its_value_if_a_watched_plan_loses_its_target() -> None:
    trainer = SimpleNamespace(coef=1, size=2)
    scheduler = ps.Scheduler(probe(lr=0.1), PLAN)
    writes = TargetWrites("planned", "trainer", {"entropy": "coef", "window": "size"})
    writes.begin(trainer, scheduler)

    writes.write(SimpleNamespace(_values=lambda: {("window", ""): 5.0}))  # type: ignore[arg-type]

    assert vars(trainer) == {"coef": 1, "size": 5}


def test_another_write_in_between_causes_one_warning() -> None:
    trainer = SimpleNamespace(coef=1)
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    writes = TargetWrites("planned", "trainer", {"entropy": "coef"})
    writes.begin(trainer, scheduler)
    used = []

    def train() -> None:
        for _ in range(5):
            writes.write(scheduler)
            used.append(trainer.coef)
            trainer.coef = 9.0
            optimizer.step()

    with pytest.warns(UserWarning, match=r"trainer.coef is 9.0, but the plan has written 0.1") as warned:
        train()

    assert used == pytest.approx(ENTROPY[:5], rel=1e-12)
    assert len(warned) == 1
