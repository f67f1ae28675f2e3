"""Wrong calls of every engine: the error, and nothing is changed."""

import inspect
import re
import warnings
from dataclasses import fields
from importlib import import_module
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.writes import warn_of_other_schedulers
from paramsched.errors import InvalidArgument, ParamschedError
from support.engine_runs import harness
from support.tables import table
from support.updates import probe

MODULES = (
    "engines.accelerate", "engines.lightning",
    "engines.pytorch_accelerated", "engines.transformers", "mmengine.engine",
)  # fmt: skip


PLAN = "linear()"


def accelerator() -> Any:
    return pytest.importorskip("accelerate").Accelerator(cpu=True)


def loader() -> Any:
    return torch.utils.data.DataLoader([0.0, 1.0])  # type: ignore[arg-type]  # a list has items and a length


def trainer() -> Any:
    return pytest.importorskip("transformers").Trainer


def scheduler() -> Any:
    return ps.Scheduler(probe(), ps.Plan(lr=PLAN, total=9))


def plan() -> Any:
    return PLAN


CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "engines.accelerate.scheduler": ((accelerator, probe, plan, loader), {"epochs": 2}),
    "engines.accelerate.facts": ((accelerator, loader), {}),
    "engines.accelerate.batch_counter": ((accelerator, scheduler), {}),
    "engines.accelerate.log": ((accelerator, scheduler), {}),
    "engines.lightning.PlanCallback": ((plan,), {}),
    "engines.pytorch_accelerated.scheduler": ((plan,), {}),
    "engines.pytorch_accelerated.AmountCallback": ((), {}),
    "engines.transformers.planned": ((trainer, plan), {}),
    "mmengine.engine.AmountHook": ((), {}),
    "mmengine.engine.PlanScheduler": ((probe, plan), {"total": 9}),
    "mmengine.engine.register": ((), {}),
}


"""The positional arguments, as functions that make them, and the keywords of a valid call."""


OTHERS = {
    "engines.pytorch_accelerated": {"ResumeCallback"},  # without arguments, like the two hooks
    "mmengine.engine": {"ValuesHook"},
}


def names_of(module: str) -> set[str]:
    """Return the names of the functions of a module, and of the classes that it makes on demand."""
    home = import_module(f"paramsched.{module}")
    defined = {
        name
        for name, var in vars(home).items()
        if not name.startswith("_") and isinstance(var, (type, FunctionType)) and var.__module__ == home.__name__
    }
    return defined | set(re.findall(r"^    ([A-Z]\w+) = _\w+$", inspect.getsource(home), re.MULTILINE))


@pytest.mark.parametrize("module", MODULES)
def test_each_public_function_of_an_adapter_has_a_call_here(module: str) -> None:
    listed = {name.rpartition(".")[2] for name in CALLS if name.rpartition(".")[0] == module}

    assert names_of(module) - OTHERS.get(module, set()) - listed - _HELPERS == set()


_HELPERS = {"batch_amounts", "replicas", "allow_checkpoints"}


"""Functions that other modules of the library call."""


def called(name: str) -> Any:
    module, _, function = name.rpartition(".")
    try:
        return getattr(import_module(f"paramsched.{module}"), function)
    except ImportError as error:  # of the engine, or of this library, which names the engine
        pytest.skip(str(error))


def wrong_calls(name: str) -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Return the wrong calls: what is wrong, and their arguments."""
    makers, keywords = CALLS[name]
    arguments = [make() for make in makers]
    wrong: list[tuple[str, list[Any], dict[str, Any]]] = []
    if name != "mmengine.engine.PlanScheduler":  # whose other keywords are facts
        wrong.append(("unknown keyword", arguments, {**keywords, "total_stepps": 10}))
    if arguments:
        wrong.append(("too few", arguments[:-1], keywords))
    wrong += [
        ("swapped", [*arguments[:i], arguments[i + 1], arguments[i], *arguments[i + 2 :]], keywords)
        for i in range(len(arguments) - 1)
    ]
    if plan in makers:
        wrong.append(("misspelt", ["linearr()" if element is PLAN else element for element in arguments], keywords))
        wrong.append(("not a plan", [3 if element is PLAN else element for element in arguments], keywords))
        wrong.append(
            ("with errors", [{"lrr": "linear("} if element is PLAN else element for element in arguments], keywords)
        )
    return wrong


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_call_is_refused_when_it_is_made(name: str, subtests: Any) -> None:
    function = called(name)
    makers, keywords = CALLS[name]
    function(*(make() for make in makers), **keywords)

    for what, positional, named in wrong_calls(name):
        with subtests.test(what=what), pytest.raises((ParamschedError, TypeError)) as refusal:
            function(*positional, **named)
        if isinstance(refusal.value, InvalidArgument):
            with subtests.test(what=f"site of {what}"):
                assert refusal.value.problem.site


WITH_OPTIONS = (
    "accelerate.scheduler",
    "lightning.PlanCallback",
    "pytorch_accelerated.scheduler",
    "transformers.planned",
)


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_misspelled_option_is_refused_with_the_nearest_name(name: str) -> None:
    function = called(f"engines.{name}")
    makers, keywords = CALLS[f"engines.{name}"]

    with pytest.raises(TypeError, match=rf'{name.split(".")[1]}\(strct=…\): .*; did you mean "strict"'):
        function(*(make() for make in makers), **keywords, strct=True)


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_signature_shows_each_option_with_its_default(name: str) -> None:
    shown = inspect.signature(called(f"engines.{name}")).parameters
    by_itself = {"amount_of"} if name.endswith("scheduler") else set()  # the loop is the user's

    expected = {field.name: field.default for field in fields(PlanOptions) if field.name not in by_itself}
    assert {option: shown[option].default for option in expected} == expected
    assert not by_itself & set(shown)


LR = ps.Plan(lr="cosine()", total=54)


DECAY = ps.Plan(weight_decay="cosine()", total=54)


def step_of(optimizer: Any) -> Any:
    return lr_scheduler.StepLR(optimizer, 9)


def chain_of(optimizer: Any) -> Any:
    return lr_scheduler.SequentialLR(optimizer, [lr_scheduler.LinearLR(optimizer), step_of(optimizer)], [5])


def plateau_of(optimizer: Any) -> Any:
    return lr_scheduler.ReduceLROnPlateau(optimizer)


def plan_of(optimizer: Any) -> Any:
    return ps.Scheduler(optimizer, LR)


CASES = [(LR, step_of, "StepLR"), (LR, chain_of, "SequentialLR"), (LR, plan_of, None), (DECAY, step_of, None)]


def named(reported: list[Any], site: str) -> list[str]:
    """Return the classes of the schedulers that were warned of at a place."""
    actual = (re.match(rf"{site}: (\w+) also writes", str(report.message)) for report in reported)
    return [match[1] for match in actual if match is not None]


@table(("plan", "make", "name"), [*CASES, (LR, plateau_of, "ReduceLROnPlateau")])
def test_a_scheduler_of_accelerate_is_named_when_the_plan_is_attached(plan, make, name):
    accelerate = pytest.importorskip("accelerate")
    engine = pytest.importorskip("paramsched.engines.accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    optimizer = harness.optimizer_of(harness.Tiny())
    unplanned = harness.optimizer_of(harness.Tiny())  # the other phase of a GAN, without a plan
    loader = DataLoader(harness.Numbers(), harness.BATCH)
    optimizer, unplanned, loader, *_ = accelerator.prepare(
        optimizer, unplanned, loader, make(optimizer), step_of(unplanned)
    )

    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        engine.scheduler(accelerator, optimizer, plan, loader)

    assert named(reported, "accelerator.prepare") == [name] * (name is not None)


@table(("plan", "make", "name"), [case for case in CASES if case[1] is not plan_of])
def test_a_scheduler_of_lightning_is_named_before_the_first_update(plan, make, name):
    lightning = pytest.importorskip("paramsched.engines.lightning")
    runs = pytest.importorskip("support.engine_runs.lightning")

    class Module(runs.Simple):  # type: ignore[misc,name-defined]  # imported only if it is installed
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            return [optimizer], [make(optimizer)]

        def on_train_batch_start(self, batch: Any, index: int) -> None:
            at_start.extend(reported)

    at_start = list[Any]()
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        runs.fit(Module(), lightning.PlanCallback(plan), max_steps=1)

    assert named(at_start, "configure_optimizers") == [name] * (name is not None)


def test_only_the_optimizers_whose_lr_is_planned_count():
    critic = harness.optimizer_of(harness.Tiny())
    generator = harness.optimizer_of(harness.Tiny())
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="critic"), total=9)
    scheduler = ps.Scheduler({"critic": critic, "generator": generator}, plan)

    with pytest.warns(UserWarning, match="StepLR") as reported:
        warn_of_other_schedulers(scheduler, [chain_of(generator), step_of(critic)], "here")
    assert named(list(reported), "here") == ["StepLR"]


def warned(call):
    """Return the texts of the warnings of this library."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught if issubclass(warning.category, ps.PlanWarning)]


def lightning_run(plan, *callbacks, stops_at=None, **options):
    """Return the warnings of a run of 54 updates, and the lr of each update."""
    runs = pytest.importorskip("support.engine_runs.lightning")
    from paramsched.engines.lightning import PlanCallback

    class Module(runs.Simple):
        def training_step(self, batch, index):
            if self.trainer.global_step == stops_at:
                self.trainer.should_stop = True
            return super().training_step(batch, index)

        def validation_step(self, batch, index):
            self.log("val/loss", super().training_step(batch, index))

        def on_fit_start(self):
            self.used = harness.recorded(self.trainer.optimizers[0])

    module = Module()
    return warned(lambda: runs.fit(module, *callbacks, PlanCallback(plan), **options)), [row[0] for row in module.used]


def trainer_run(tmp_path, plan, stops_at=None):
    """Return the warnings of a run of 12 updates."""
    transformers = pytest.importorskip("transformers")
    from support.engine_runs import transformers as runs

    class Stop(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **keywords):
            control.should_training_stop |= state.global_step == stops_at

    options = {"max_steps": 12, "eval_strategy": "steps", "eval_steps": 3}
    return warned(runs.planned_trainer(plan, tmp_path, callbacks=[Stop()], **options).train)


@pytest.mark.heavy
@pytest.mark.parametrize("line", ["linear()", "cosine()"])
def test_lightning_refuses_a_scheduler_of_a_module_that_the_callback_would_replace(line):
    runs = pytest.importorskip("support.engine_runs.lightning")
    from paramsched.engines.lightning import PlanCallback

    class Module(runs.Simple):
        def configure_optimizers(self):
            optimizer = super().configure_optimizers()
            self.planned = ps.Scheduler(optimizer, "cosine()", total=54)
            return [optimizer], [self.planned]

    module = Module()
    with pytest.raises(InvalidArgument) as refusal:
        runs.fit(module, PlanCallback(line))

    assert refusal.value.problem.site == "configure_optimizers"
    assert module.planned.t == 0
    assert module.planned.plan == ps.Plan(lr="cosine()")


def test_a_second_scheduler_of_accelerate_is_the_only_one_that_is_saved(tmp_path):
    from paramsched.engines import accelerate as engine

    prepared = accelerator()
    optimizer, batches = prepared.prepare(probe(), loader())
    engine.scheduler(prepared, optimizer, "linear()", batches, epochs=2)

    again = engine.scheduler(prepared, optimizer, "linear()", batches, epochs=2)
    optimizer.step()
    prepared.save_state(str(tmp_path))

    assert [wrapped.scheduler for wrapped in prepared._schedulers] == [again]
    assert len([*tmp_path.glob("scheduler*")]) == 1


def test_a_counter_of_batches_refuses_a_trainer_that_steps_another_scheduler():
    engine = pytest.importorskip("paramsched.engines.pytorch_accelerated")
    callback = engine.AmountCallback()

    for scheduler in (None, step_of(probe())):
        with pytest.raises(InvalidArgument):
            callback.on_training_run_start(SimpleNamespace(scheduler=scheduler, _accelerator=accelerator()))


LONGER = ps.Plan(lr="linear()", total=60)


@pytest.mark.heavy
@table(("plan", "stops_at"), [(LONGER, None), (LONGER, 5), ("linear()", None), ("linear()", 5), ("constant()", None)])
def test_a_run_is_warned_of_once_if_its_plan_is_longer_and_never_because_it_was_stopped(plan, stops_at, tmp_path):
    lightning, _ = lightning_run(plan, stops_at=stops_at)

    assert [("54" in message, "60" in message) for message in lightning] == [(True, True)] * (plan is LONGER)
    trainer = trainer_run(tmp_path, plan, stops_at)
    assert [("12" in message, "60" in message) for message in trainer] == [(True, True)] * (plan is LONGER)


WRONG = 'constant() * plateau("val_loss", patience=1)'


@pytest.mark.heavy
def test_a_wrong_metric_name_is_reported_with_those_of_the_first_evaluation(tmp_path):
    (lightning,) = lightning_run(WRONG, num_sanity_val_steps=0)[0]
    (trainer,) = trainer_run(tmp_path, WRONG)

    assert all(text in lightning for text in ("val_loss", "val/loss", "PS504"))
    assert all(text in trainer for text in ("val_loss", "eval_loss", "PS504"))
    assert lightning_run(WRONG.replace("val_loss", "val/loss"))[0] == []
    assert trainer_run(tmp_path, WRONG.replace("val_loss", "eval_loss")) == []


@pytest.mark.heavy
def test_an_accumulation_that_lightning_changes_has_the_right_number_of_updates():
    pl = pytest.importorskip("lightning.pytorch")
    changing = pl.callbacks.GradientAccumulationScheduler({0: 9, 2: 3, 3: 1})

    texts, used = lightning_run("linear()", changing, max_epochs=4)

    assert used == pytest.approx([0.1 * (1 - t / 28) for t in range(28)], rel=1e-12)  # 2 + 2 + 6 + 18 updates
    assert texts == []
