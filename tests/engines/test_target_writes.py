"""Targets and optimizers of an engine: what is written, and what is trained."""

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.engines.writes import TargetWrites, TrainedOptimizers
from support.engine_runs.harness import Tiny, optimizer_of
from support.tables import table
from support.updates import probe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PLAN = ps.Plan(
    ps.Binding(ps.Target("entropy", initial=0.1), "linear(1, 0)"),
    ps.Binding(ps.Target("window", initial=100), "stairs(1, 5, rises=4)"),
    lr="cosine()",
    total=36,
)


ENTROPY = [0.1 * (1 - t / 36) for t in range(36)]


def run_of_trainer(folder: Path, write: Any, *, resume: bool = False) -> Any:
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    class WithCoefficients(transformers.Trainer):  # as TRL's GRPOTrainer copies arguments
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.args.entropy_coef = 0.25
            self.args.window = 7
            self.entropy_coef = self.args.entropy_coef
            self.part = SimpleNamespace(window=7)
            self.seen: list[Any] = []

        def compute_loss(self, *args: Any, **options: Any) -> Any:
            self.seen.append((self.entropy_coef, self.part.window))
            return super().compute_loss(*args, **options)

    saving = {"num_train_epochs": 2, "save_strategy": "steps", "save_steps": 10}
    trainer = runs.planned_trainer(PLAN, folder, WithCoefficients, {"write": write}, **saving)
    trainer.train(resume_from_checkpoint=str(folder / "checkpoint-10") if resume else None)
    return trainer


WRITE = {"entropy": ("entropy_coef", "args.entropy_coef"), "window": "part.window"}


def test_the_trainer_uses_the_values_of_each_update_also_after_a_resume(tmp_path: Path) -> None:
    first = run_of_trainer(tmp_path, WRITE)
    again = run_of_trainer(tmp_path, WRITE, resume=True)

    shown = ps.trace(PLAN, optimizer_of(Tiny()))
    expected = [(e, int(w)) for e, w in zip(shown["entropy", ""].tolist(), shown["window", ""].tolist(), strict=True)]
    assert first.seen == expected
    assert again.seen == expected[10:]
    assert all(type(window) is int for _, window in first.seen)
    assert first.args.entropy_coef == first.entropy_coef


def test_a_target_with_the_name_of_a_metric_of_the_trainer_stays_in_the_log(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    class WithMetrics(transformers.Trainer):  # as TRL's trainers add their metrics
        def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
            logs.update({"entropy": 7.0})
            super().log(logs, *args, **options)

    logging = {"num_train_epochs": 2, "logging_steps": 1, "logging_strategy": "steps"}
    trainer = runs.planned_trainer(PLAN, tmp_path, WithMetrics, **logging)

    with pytest.warns(UserWarning, match="entropy as planned/entropy"):
        trainer.train()

    rows = [row for row in trainer.state.log_history if "learning_rate" in row]
    assert [row["planned/entropy"] for row in rows] == pytest.approx(ENTROPY[: len(rows)], rel=1e-12)
    assert {row["entropy"] for row in rows} == {7.0}
    assert all("window" in row and "planned/window" not in row for row in rows)


def test_a_copied_argument_is_refused_before_the_first_batch(tmp_path: Path) -> None:
    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        run_of_trainer(tmp_path, {"entropy": "args.entropy_coef"})

    assert "trainer.entropy_coef" in str(refusal.value)
    assert "Write write={'entropy': ('entropy_coef', 'args.entropy_coef')}" in str(refusal.value)
    run_of_trainer(tmp_path, {"entropy": "entropy_coef"})  # the arguments keep their value


def test_a_path_that_does_not_exist_is_answered_with_the_numbers_of_its_owner(tmp_path: Path) -> None:
    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        run_of_trainer(tmp_path, {"entropy": "tmperature"})

    assert refusal.value.problem.site.startswith("transformers.planned(write=")
    assert "entropy_coef" in str(refusal.value)


def test_lightning_writes_into_the_module() -> None:
    pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs import lightning as runs

    class Module(runs.Simple):
        def __init__(self) -> None:
            super().__init__()
            self.entropy_coef = 1
            self.seen = []

        def training_step(self, batch: Any, index: int) -> Any:
            self.seen.append(self.entropy_coef)
            return super().training_step(batch, index)

    module = Module()
    callback = PlanCallback(PLAN, write={"entropy": "entropy_coef"})
    runs.fit(module, callback, max_epochs=4, accumulate_grad_batches=2)

    assert module.seen == pytest.approx([coefficient for coefficient in ENTROPY for _ in range(2)], rel=1e-12)


def test_a_target_with_the_name_of_a_metric_of_the_module_stays_in_the_log_of_lightning() -> None:
    pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers.logger import DummyLogger

    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs import lightning as runs

    class Rows(DummyLogger):
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[dict[str, float]] = []

        def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
            self.rows.append(metrics)

    class Module(runs.Simple):
        window = 1

        def training_step(self, batch: Any, index: int) -> Any:
            self.log_dict({"entropy": 7.0, "window": self.window})  # a float32 of the planned window
            return super().training_step(batch, index)

    rows = Rows()
    callback = PlanCallback(PLAN, write={"window": "window"})
    with pytest.warns(UserWarning, match="PlanCallback: .*: entropy as planned/entropy. Rename"):
        trainer = runs.fit(Module(), callback, max_epochs=2, logger=rows, log_every_n_steps=1)

    planned = [row["planned/entropy"] for row in rows.rows if "planned/entropy" in row]
    assert planned == pytest.approx(ENTROPY[: len(planned)], rel=1e-12)
    assert len(planned) == trainer.global_step
    assert {row["entropy"] for row in rows.rows if "entropy" in row} == {7.0}
    assert not any("planned/window" in row for row in rows.rows)


class Fixed:
    """An object whose attribute cannot be written."""

    @property
    def window(self) -> int:
        return 3


@table(
    ("write", "message"),
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
def test_wrong_writes_are_refused_and_nothing_is_written(write: Any, message: str) -> None:
    trainer = SimpleNamespace(coef=0.5, part=SimpleNamespace(), missing=None, flag=True, fixed=Fixed())
    before = dict(vars(trainer))
    scheduler = ps.Scheduler(probe(lr=0.1), PLAN)

    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        TargetWrites("planned", "trainer", write).begin(trainer, scheduler)

    assert message in str(refusal.value)
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


PLAN_OF_TRAINED_OPTIMIZERS = ps.Plan(lr="linear()", total=100)


def sgd(model: Any = None, lr: float = 0.1) -> Any:
    return torch.optim.SGD((model or Tiny()).parameters(), lr=lr)


def of_plan(optimizer: Any, **choices: Any) -> Any:
    return optimizer, ps.Scheduler(optimizer, PLAN_OF_TRAINED_OPTIMIZERS, **choices)


def wrapped(optimizer: Any) -> Any:
    return SimpleNamespace(optimizer=SimpleNamespace(_optimizer=optimizer))


class SameGroups(torch.optim.SGD):
    """An engine's optimizer with the group dicts of another one."""

    def __init__(self, optimizer: Any) -> None:
        super().__init__([torch.zeros(1)], lr=0.1)
        self.param_groups = optimizer.param_groups


ATTACHED, PLANNED = of_plan(sgd())


BY_HAND, COUNTED = of_plan(sgd(), drive="manual")


OTHER = sgd()
SECOND = of_plan(sgd())


@table(
    ("scheduler", "present", "is_reported"),
    [
        (PLANNED, [[OTHER]], True),
        (PLANNED, [[ATTACHED], [OTHER], [OTHER]], True),
        (PLANNED, [[wrapped(ATTACHED)], [wrapped(OTHER)]], True),
        (PLANNED, [[ATTACHED], [ATTACHED]], False),
        (PLANNED, [[wrapped(ATTACHED)], [ATTACHED]], False),
        (PLANNED, [[OTHER, ATTACHED]], False),  # another one besides it
        (PLANNED, [[SECOND[0]]], False),  # with a plan of its own
        (PLANNED, [[SameGroups(ATTACHED)]], False),
        (PLANNED, [[object()], []], False),  # nothing is known
        (COUNTED, [[OTHER]], False),
    ],
)
def test_another_optimizer_is_reported_once(scheduler: Any, present: Any, is_reported: bool) -> None:
    trained = TrainedOptimizers("PlanCallback", [scheduler])
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        for optimizers in (*present, *present):
            trained.check(optimizers)

    assert [report.category for report in reported] == [ps.PlanWarning] * is_reported


def warned(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        call()
    return [str(report.message) for report in reported if issubclass(report.category, ps.PlanWarning)]


@pytest.mark.parametrize("is_replaced", [True, False])
def test_an_optimizer_that_a_callback_of_lightning_replaces_is_named(is_replaced: bool) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    engine = pytest.importorskip("paramsched.engines.lightning")
    from support.engine_runs import lightning as runs

    class Switch(pl.Callback):  # type: ignore[misc,name-defined]
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 1 and is_replaced:
                trainer.strategy.optimizers = [torch.optim.Adam(module.parameters(), lr=0.5)]

    def train() -> None:
        runs.fit(runs.Simple(), Switch(), engine.PlanCallback("linear()"), max_epochs=2)

    reported = [warning for warning in warned(train) if "ended" not in warning]

    assert [("from update 18 on" in report, "Adam" in report, "t=18" in report) for report in reported] == [
        (True,) * 3
    ] * is_replaced


@pytest.mark.parametrize("is_replaced", [False, True])
def test_an_optimizer_that_the_trainer_trains_in_place_of_the_plans_is_reported(
    is_replaced: bool, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    runs = pytest.importorskip("support.engine_runs.transformers")

    class Replace(transformers.TrainerCallback):  # type: ignore[misc,name-defined]
        def on_train_begin(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            if is_replaced:
                trainer.optimizer = sgd(trainer.model)

    trainer = runs.planned_trainer("linear()", tmp_path, callbacks=[Replace()])

    reported = [warning for warning in warned(trainer.train) if "ended" not in warning]

    text = "from update 0 on the engine trains another optimizer, SGD"
    assert [text in report for report in reported] == [True] * is_replaced


def without_hooks(optimizer: Any) -> Any:
    """Return the optimizer with a step that calls no hooks."""

    def step(closure: Any = None) -> Any:
        result = None if closure is None else closure()
        with torch.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.sub_(group["lr"] * parameter.grad)
        return result

    optimizer.step = step
    return optimizer


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_plan_that_does_not_move_in_lightning_is_reported_at_the_end(is_replaced: bool, is_strict: bool) -> None:
    pytest.importorskip("lightning.pytorch")
    engine = pytest.importorskip("paramsched.engines.lightning")
    from support.engine_runs import lightning as runs

    class Module(runs.Simple):
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            return without_hooks(optimizer) if is_replaced else optimizer

    reported: list[str] = []
    try:
        callback = engine.PlanCallback("linear()", strict=is_strict)
        reported += warned(lambda: runs.fit(Module(), callback, max_epochs=2))
    except ps.PlanWarning as warning:
        reported.append(str(warning))

    assert ["still at update 0" in report for report in reported] == [True] * is_replaced


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_plan_that_does_not_move_in_the_trainer_is_reported_at_the_end(is_replaced: bool, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    runs = pytest.importorskip("support.engine_runs.transformers")

    class Trainer(transformers.Trainer):  # type: ignore[misc,name-defined]
        def create_optimizer(self, *args: Any, **options: Any) -> Any:
            optimizer = super().create_optimizer(*args, **options)
            return without_hooks(optimizer) if is_replaced else optimizer

    reported = warned(runs.planned_trainer("linear()", tmp_path, Trainer).train)

    assert ["still at update 0" in report for report in reported] == [True] * is_replaced
