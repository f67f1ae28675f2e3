"""An engine that trains another optimizer than the plan's is told once, and only then."""

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.engines.trained_optimizers import TrainedOptimizers
from support.engine_runs.harness import BATCH, Numbers, Tiny
from support.tables import table

PLAN = ps.Plan(lr="linear()", horizon=100)


def sgd(model: Any = None, lr: float = 0.1) -> Any:
    return torch.optim.SGD((model or Tiny()).parameters(), lr=lr)


def of_plan(optimizer: Any, **choices: Any) -> Any:
    return optimizer, ps.Scheduler(optimizer, PLAN, **choices)


def wrapped(optimizer: Any) -> Any:
    return SimpleNamespace(optimizer=SimpleNamespace(_optimizer=optimizer))


class SameGroups(torch.optim.SGD):
    """An engine's optimizer with the group dicts of another one."""

    def __init__(self, other: Any) -> None:
        super().__init__([torch.zeros(1)], lr=0.1)
        self.param_groups = other.param_groups


MINE, PLANNED = of_plan(sgd())
BY_HAND, COUNTED = of_plan(sgd(), drive="manual")
OTHER, SECOND = sgd(), of_plan(sgd())


@table(
    ("scheduler", "present", "is_told"),
    [
        (PLANNED, [[OTHER]], True),
        (PLANNED, [[MINE], [OTHER], [OTHER]], True),
        (PLANNED, [[wrapped(MINE)], [wrapped(OTHER)]], True),
        (PLANNED, [[MINE], [MINE]], False),
        (PLANNED, [[wrapped(MINE)], [MINE]], False),
        (PLANNED, [[OTHER, MINE]], False),  # another one besides it
        (PLANNED, [[SECOND[0]]], False),  # with a plan of its own
        (PLANNED, [[SameGroups(MINE)]], False),
        (PLANNED, [[object()], []], False),  # nothing is known
        (COUNTED, [[OTHER]], False),
    ],
)
def test_another_optimizer_is_told_once(scheduler: Any, present: Any, is_told: bool) -> None:
    trained = TrainedOptimizers("PlanCallback", [scheduler])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for optimizers in (*present, *present):
            trained.check(optimizers)
    scheduler._run.clock.warned_of_unseen = False

    assert [one.category for one in told] == [ps.PlanWarning] * is_told


def warned(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    return [str(one.message) for one in told if issubclass(one.category, ps.PlanWarning)]


@pytest.mark.parametrize("is_replaced", [True, False])
def test_an_optimizer_that_a_callback_of_lightning_replaces_is_named(is_replaced: bool) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    engine = pytest.importorskip("paramsched.engines.lightning")

    class Module(pl.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = Tiny()

        def training_step(self, batch: Any, index: int) -> Any:
            return self.net(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            return sgd(self)

    class Switch(pl.Callback):  # type: ignore[misc,name-defined]
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 1 and is_replaced:
                trainer.strategy.optimizers = [torch.optim.Adam(module.parameters(), lr=0.5)]

    loader = torch.utils.data.DataLoader(Numbers(), BATCH)
    trainer = pl.Trainer(
        max_epochs=2, callbacks=[Switch(), engine.PlanCallback("linear()")], accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip

    told = [one for one in warned(lambda: trainer.fit(Module(), loader)) if "ended" not in one]

    assert [("from update 18 on" in one, "Adam" in one, "t=18" in one) for one in told] == [(True,) * 3] * is_replaced


@pytest.mark.parametrize("how", ["planned", "replaced", "given", "given both"])
def test_an_optimizer_that_the_trainer_trains_in_place_of_the_plans_is_told(how: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    engine = pytest.importorskip("paramsched.engines.transformers")
    runs = pytest.importorskip("support.engine_runs.transformers")

    class Replace(transformers.TrainerCallback):  # type: ignore[misc,name-defined]
        def on_train_begin(self, args: Any, state: Any, control: Any, **keywords: Any) -> None:
            if how == "replaced":
                trainer.optimizer = sgd(trainer.model)

    case = runs.Case("transformers")
    model, args = runs.Model(), runs.arguments(str(tmp_path), case)
    optimizer = sgd(model)
    pair: Any = (optimizer if how == "given both" else None, ps.Scheduler(optimizer, "linear()", total=54))
    kind = engine.planned(transformers.Trainer, "linear()") if how in ("planned", "replaced") else transformers.Trainer
    more = {} if how in ("planned", "replaced") else {"optimizers": pair}
    trainer = kind(model=model, args=args, train_dataset=runs.Rows(), callbacks=[Replace()], **more)

    told = [one for one in warned(trainer.train) if "ended" not in one]

    expected = {
        "replaced": "from update 0 on the engine trains another optimizer, SGD",
        "given": "parameters change without an update of this optimizer: 3 calls of scheduler.step() at update 0",
    }
    assert len(told) == (how in expected)
    assert expected.get(how, "") in "".join(told)


@pytest.mark.parametrize("is_rebuilt", [True, False])
def test_a_loop_with_accelerate_that_logs_is_told_of_another_optimizer(is_rebuilt: bool) -> None:
    accelerate = pytest.importorskip("accelerate")
    engine = pytest.importorskip("paramsched.engines.accelerate")
    accelerator, model = accelerate.Accelerator(cpu=True), Tiny()
    optimizer = sgd(model)
    loader = accelerator.prepare(torch.utils.data.DataLoader(Numbers(), BATCH))
    scheduler = engine.scheduler(accelerator, optimizer, "linear()", loader, epochs=1)
    model, optimizer = accelerator.prepare(model, sgd(model) if is_rebuilt else optimizer)

    def train() -> None:
        for x, _ in loader:
            accelerator.backward(model(x).square().mean())
            optimizer.step()
            optimizer.zero_grad()
            engine.log(accelerator, scheduler)

    told = warned(train)

    assert ["parameters change without an update" in one for one in told] == [True] * is_rebuilt
