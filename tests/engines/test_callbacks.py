"""The callbacks of adapters in a second run, with stand-ins for the engines."""

from numbers import Number
from types import SimpleNamespace

import pytest
import torch

import paramsched as ps
from paramsched.engines import lightning
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.reporting import BatchAmounts, make_class


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def begun(callback, plan, *, step=0):
    """Begin a run of Lightning with a new optimizer, and return the optimizer, its Scheduler and the engine's parts."""
    stepped = optimizer()
    scheduler = ps.Scheduler(stepped, plan)
    trainer = SimpleNamespace(
        global_step=step, optimizers=[stepped], distributed_sampler_kwargs=None, accumulate_grad_batches=2,
        is_last_batch=False, should_stop=False,
    )  # fmt: skip
    module = SimpleNamespace(automatic_optimization=True)
    callback.schedulers = [scheduler]
    callback.on_train_start(trainer, module)
    return stepped, scheduler, trainer, module


def test_a_callback_has_the_documentation_of_its_own_class_unless_another_is_passed():
    made = [make_class("Made", "here", Number, doc=doc) for doc in (None, "another")]

    assert [one.__doc__ for one in made] == [Number.__doc__, "another"]
    assert {(one.__module__, one.__qualname__) for one in made} == {("here", "Made")}


def test_a_state_that_was_loaded_into_one_run_is_not_loaded_into_the_next():
    plan = ps.Plan(lr="linear()", total=10)
    callback = lightning._LightningPlan(plan)
    saved = ps.Scheduler(optimizer(), plan)
    saved.seek(4)
    callback.load_state_dict({"schedulers": [saved.state_dict()]})

    assert begun(callback, plan)[1].t == 4
    assert begun(callback, plan)[1].t == 0
    assert begun(callback, plan, step=3)[1].t == 3  # the checkpoint of a run without a plan


@pytest.mark.parametrize(
    ("observe", "sanity", "rates"),
    [("validation", False, [0.05, 0.05]), ("validation", True, [0.1, 0.1]), ("epoch", False, [0.1, 0.05])],
)
def test_metrics_are_observed_at_the_end_of_each_validation_or_epoch(observe, sanity, rates):
    callback = lightning._LightningPlan(
        ps.Plan(lr='constant() * plateau("loss", patience=0, factor=0.5)'), observe=observe
    )
    stepped = optimizer()
    callback.schedulers = [ps.Scheduler(stepped, callback._plan)]
    trainer = SimpleNamespace(callback_metrics={"loss": torch.tensor(1.0)}, sanity_checking=sanity)
    found = []

    for end in (callback.on_validation_end, callback.on_train_epoch_end):
        end(trainer, None)
        end(trainer, None)
        found.append(stepped.param_groups[0]["lr"])

    assert found == rates


class Loader(list):
    """A loader whose sampler Lightning cannot replace."""

    batch_sampler = ps.BatchSampler(ps.Plan(ps.Binding(ps.Target("batch_size", 2), "constant()"), total=9), 8)


@pytest.mark.parametrize(("loader", "error"), [(Loader(), ps.errors.InvalidArgument), ([], TypeError)])
def test_a_sampler_that_lightning_would_replace_is_named(loader, error):
    def replace():
        raise TypeError("no argument sampler")

    source = SimpleNamespace(dataloader=lambda: loader)
    loop = SimpleNamespace(setup_data=replace, _data_source=source)
    trainer = SimpleNamespace(optimizers=[optimizer()], fit_loop=loop, callbacks=[])
    callback = lightning._LightningPlan(ps.Plan(lr="linear()", total=9))

    with pytest.raises(
        error, match="use_distributed_sampler=False" if error is ps.errors.InvalidArgument else "no argument"
    ):
        callback.on_fit_start(trainer, None)


@pytest.mark.parametrize(("number", "names"), [(1, ["lr"]), (2, ["optimizer_0/lr", "optimizer_1/lr"])])
def test_the_values_of_several_optimizers_are_logged_with_their_numbers(number, names):
    callback = lightning._LightningPlan(ps.Plan(lr="linear()", total=10))
    callback.schedulers = [ps.Scheduler(optimizer(), ps.Plan(lr="linear()", total=10)) for _ in range(number)]
    logged = []
    logger = SimpleNamespace(log_metrics=lambda values, step: logged.append((values, step)))
    trainer = SimpleNamespace(global_step=6, log_every_n_steps=3, loggers=[logger], logged_metrics={})

    for scheduler in callback.schedulers:
        callback.on_before_optimizer_step(trainer, None, scheduler.optimizer)
    trainer.global_step = 7
    callback.on_before_optimizer_step(trainer, None, callback.schedulers[0].optimizer)

    assert logged == [({name: 0.1}, 6) for name in names]


def test_with_manual_optimization_each_batch_is_counted_for_the_next_step_of_each_process():
    plan = ps.Plan(lr="linear()", clock="samples", total="100 samples")
    callback = lightning._LightningPlan(plan)
    stepped, scheduler, trainer, module = begun(callback, plan)
    callback._amounts = [BatchAmounts(scheduler, PlanOptions(), 2, lambda amount: amount * 2)]
    module.automatic_optimization = False
    amounts = []

    for index, size in enumerate((3, 4, 5)):
        callback.on_train_batch_start(trainer, module, torch.zeros(size, 1), index)
        stepped.step()
        amounts.append(scheduler.amount)

    assert amounts == [6, 14, 24]
