"""A plan with a target `batch_size` or `accumulation`: an engine refuses sizes that it does not train."""

import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.errors import InvalidArgument
from support.engine_runs.harness import Tiny, optimizer_of
from support.tables import table

GROWS = "stairs(1, 4, 2, over='50%')"
BATCH = 4  # samples in a batch of each engine


def plan(size: float = BATCH, line: str = "constant()", *, name: str = "batch_size", **options: Any) -> ps.Plan:
    return ps.Plan(ps.Binding(ps.Target(name, size), line), **{"lr": "cosine()", "total": 100, **options})


@table(
    ("planned", "sizes"),
    [
        (plan(), None),
        (plan(8), ("8", "4")),
        (plan(4, GROWS), ("4 to 16", "4")),
        (plan(4, GROWS, clock="samples", total="5000 samples"), ("4 to 16", "4")),
        (plan(4, GROWS, clock="tokens", total="5000 tokens"), ("4 to 16", "4")),  # tokens of an update: unknown
        (plan(4, "constant() * plateau('loss')"), ("4", "4")),
        # The size of the last update of a run is compared, and no later one.
        *(
            (plan(4, f"constant(1, over='{count} {unit}') >> constant(2)", **options), sizes)
            for unit, last, options in (
                ("updates", 1, {"total": 1}),
                ("updates", 100, {}),
                ("updates", 65_536, {"total": 65_536}),
                ("updates", 100_000, {"total": 100_000}),
                ("samples", 397, {"clock": "samples"}),
                ("samples", 399_997, {"total": 100_000, "clock": "samples"}),
                ("tokens", 5000, {"total": "5000 tokens", "clock": "tokens"}),
            )
            for count, sizes in ((last, None), (last - 1, ("4 to 8", "4")))
            if count
        ),
        (plan(4, "constant(1, over=65_535) >> constant(2)", total=None, lr="constant()"), ("4 to 8", "4")),
        (plan(4, "linear(1, 1.1)"), None),  # 4 at each update, because sizes are rounded
        (plan(1, "constant()", name="accumulation"), None),
        (plan(2, "constant()", name="accumulation"), ("2", "1")),
        (plan(1, GROWS, name="accumulation"), ("1 to 4", "1")),
        (plan(9, GROWS, name="temperature"), None),
        (plan(9, GROWS, name="sequence_length"), None),  # samples have the length that they have
    ],
)
def test_a_plan_with_other_sizes_than_those_of_the_engine_is_refused_before_the_first_write(planned, sizes):
    optimizer = optimizer_of(Tiny())
    before = optimizer.state_dict()["param_groups"]
    facts = EngineFacts(call="planned", batch_size=BATCH, why={})

    if sizes is None:
        facts.attach(optimizer, planned, PlanOptions())
        return
    with pytest.raises(InvalidArgument) as refusal:
        facts.attach(optimizer, planned, PlanOptions())

    message = str(refusal.value)
    assert all(re.search(rf"={size}(,| until| at every)", message) for size in sizes)
    assert "docs/how-to/growing-batch.md" in message
    assert optimizer.state_dict()["param_groups"] == before


def test_the_sizes_of_a_loader_or_a_loop_of_the_user_are_not_compared():
    unknown = EngineFacts(call="planned", why={})
    manual = EngineFacts(call="planned", batch_size=BATCH, fixed_sizes=("batch_size",), why={})

    unknown.attach(optimizer_of(Tiny()), plan(4, GROWS), PlanOptions())
    manual.attach(optimizer_of(Tiny()), plan(1, GROWS, name="accumulation"), PlanOptions())


@table(
    ("planned", "advice"),
    [
        (plan(8), "Omit the target batch_size, or pass the run fact batch_size=8 if"),
        (plan(4, GROWS), "Omit the target batch_size, or train the planned sizes in a loop"),
        (plan(8, "constant() * plateau('loss')"), "Omit the target batch_size, or train the planned sizes in a loop"),
    ],
)
def test_a_size_that_the_engine_does_not_know_may_be_a_run_fact(planned, advice):
    unknown = EngineFacts(call="planned", fixed_sizes=("batch_size",), why={})

    with pytest.raises(InvalidArgument) as refusal:
        unknown.attach(optimizer_of(Tiny()), planned, PlanOptions())

    assert refusal.value.problem.advice.startswith(advice)


def trainer(folder: Any, planned: ps.Plan) -> None:
    runs = pytest.importorskip("support.engine_runs.transformers")
    runs.planned_trainer(planned, folder, max_steps=4).train()


def lightning(folder: Any, planned: ps.Plan) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from paramsched.engines.lightning import PlanCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Linear(2, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            return self.net(batch).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    loader = torch.utils.data.DataLoader(torch.rand(16, 2), batch_size=BATCH)
    pl.Trainer(
        max_epochs=1, callbacks=[PlanCallback(planned)], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(Module(), loader)  # fmt: skip


def accelerate(folder: Any, planned: ps.Plan) -> None:
    accelerator = pytest.importorskip("accelerate").Accelerator(cpu=True)
    from paramsched.engines import accelerate as engine

    loader = torch.utils.data.DataLoader(torch.rand(16, 2), batch_size=BATCH)
    optimizer, loader = accelerator.prepare(optimizer_of(Tiny()), loader)
    engine.scheduler(accelerator, optimizer, planned, loader)


def pytorch_accelerated(folder: Any, planned: ps.Plan) -> None:
    pytest.importorskip("pytorch_accelerated")
    from paramsched.engines.pytorch_accelerated import _attach_to

    _attach_to(optimizer_of(Tiny()), plan=planned, options=PlanOptions(), epochs=1, steps_per_epoch=4, batches=4)


def scheduler_of_mmengine(folder: Any, planned: ps.Plan) -> None:
    from paramsched.mmengine.engine import _PlanScheduler

    _PlanScheduler(optimizer_of(Tiny()), planned)


def runner(folder: Any, planned: ps.Plan) -> None:
    from paramsched_runner.runner._param_schedulers import RunnerFacts, build_schedulers

    facts = RunnerFacts(epoch_length=4, max_epochs=1, max_iters=None, accumulation={"": 1}, batch_size=BATCH)
    wrapper: Any = SimpleNamespace(optimizer=optimizer_of(Tiny()))
    build_schedulers(planned, {"": wrapper}, facts, {"on_change": "new", "on_base": "checkpoint"})


@pytest.mark.parametrize("engine", [trainer, lightning, accelerate, pytorch_accelerated, scheduler_of_mmengine, runner])
@pytest.mark.parametrize("name", ["batch_size", "accumulation"])
def test_each_engine_refuses_a_plan_whose_batches_it_does_not_train(engine, name, tmp_path):
    with pytest.raises(InvalidArgument) as refusal:
        engine(tmp_path, plan(2, GROWS, name=name, total=4))

    assert f"{name}=2 to 8" in str(refusal.value)
    assert "docs/how-to/growing-batch.md" in str(refusal.value)
