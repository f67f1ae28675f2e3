"""Callbacks and facts of adapters, with stand-ins for the engines."""

import math
import warnings
from dataclasses import dataclass
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.engines import accelerate, lightning, pytorch_accelerated
from paramsched.engines.engine_facts import PlanOptions
from paramsched.engines.reporting import BatchAmounts
from paramsched.engines.transformers import planned
from paramsched.errors import MissingFact
from support.tables import table


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


def test_a_state_that_was_loaded_into_one_run_is_not_loaded_into_the_next():
    plan = ps.Plan(lr="linear()", total=10)
    callback = lightning._LightningPlan(plan)
    saved = ps.Scheduler(optimizer(), plan)
    saved.seek(4)
    callback.load_state_dict({"schedulers": [saved.state_dict()]})

    assert begun(callback, plan)[1].t == 4
    assert begun(callback, plan)[1].t == 0
    assert begun(callback, plan, step=3)[1].t == 3  # the checkpoint of a run without a plan


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


def test_the_values_of_named_optimizers_are_logged_once_for_each_update_of_all():
    optimizers = {"critic": optimizer(), "generator": optimizer()}
    callback = lightning._LightningPlan(ps.Plan(lr="linear()", total=10), optimizers=optimizers)
    callback.schedulers = [ps.Scheduler(optimizers, ps.Plan(lr="linear()", total=10))]
    logged = []
    logger = SimpleNamespace(log_metrics=lambda values, step: logged.append(step))
    trainer = SimpleNamespace(global_step=0, log_every_n_steps=3, loggers=[logger], logged_metrics={})

    for _ in range(7):
        for stepped in optimizers.values():
            callback.on_before_optimizer_step(trainer, None, stepped)
            stepped.step()
            trainer.global_step += 1  # of all optimizers

    assert logged == [0, 3, 6]


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


BY_SAMPLES = ps.Plan(lr="cosine()", clock="samples", total="1000 samples")


def counted(amounts_of):
    """Return the samples of an update whose two batches in this process have 3 and 2 samples."""
    stepped = optimizer()
    scheduler = ps.Scheduler(stepped, BY_SAMPLES)
    amounts = amounts_of(scheduler)
    amounts.count_batch(torch.zeros(3, 2), ends_update=False)
    amounts.count_batch({"x": torch.zeros(2, 2)}, ends_update=True)
    stepped.step()
    return scheduler.amount


@pytest.mark.parametrize(("replicas", "samples"), [(8, 40), (4, 20), (1, 5)])
def test_lightning_counts_a_shard_once(replicas, samples):
    strategy = SimpleNamespace(root_device="cpu", reduce=lambda amount, reduce_op: {"sum": 8 * amount}[reduce_op])
    trainer = SimpleNamespace(distributed_sampler_kwargs={"num_replicas": replicas}, world_size=8, strategy=strategy)

    def amounts(scheduler):
        return BatchAmounts(
            scheduler,
            PlanOptions(),
            lightning._replicas(trainer),
            lambda value: lightning._sum_by_trainer(trainer, value),
        )

    assert counted(amounts) == samples
    trainer.distributed_sampler_kwargs = None
    assert lightning._replicas(trainer) == 1


@table(
    ("window", "batches", "ends"),
    [(1, 3, "yyy"), (2, 5, "nynyy"), (2, 4, "nyny"), (3, 7, "nnynnyy"), (4, 3, "nny")],
)
def test_an_update_ends_after_each_window_of_batches_and_with_the_last_batch(window, batches, ends):
    seen = {"pytorch_accelerated": "", "lightning": ""}

    def counter(name):
        def count_batch(batch, ends_update):
            seen[name] += "y" if ends_update else "n"

        return SimpleNamespace(count_batch=count_batch)

    amount_callback = pytorch_accelerated._AmountCallback()
    amount_callback._amounts = counter("pytorch_accelerated")
    engine = SimpleNamespace(
        run_config=SimpleNamespace(gradient_accumulation_steps=window), _train_dataloader=range(batches)
    )
    callback = lightning._LightningPlan("linear()")
    _, _, trainer, module = begun(callback, ps.Plan(lr="linear()", total=10))
    callback._amounts = [counter("lightning")]
    trainer.accumulate_grad_batches = window

    for index in range(batches):
        amount_callback.on_train_step_end(engine, None, index)
        trainer.is_last_batch = index == batches - 1
        callback.on_train_batch_start(trainer, module, None, index)

    assert seen == dict.fromkeys(seen, ends)


@pytest.mark.parametrize(("batches", "updates", "accumulation"), [(10, 10, 1), (10, 4, 3), (10, 1, 10), (7, 4, 2)])
def test_the_accumulation_of_pytorch_accelerated_follows_from_its_updates(batches, updates, accumulation):
    scheduler = pytorch_accelerated._attach_to(
        optimizer(), plan='warmup("1 epoch") >> cosine()', options=PlanOptions(), epochs=3, steps_per_epoch=updates,
        batches=batches,
    )  # fmt: skip

    assert (scheduler.facts.accumulation, scheduler.total) == (accumulation, 3 * updates)
    assert str(scheduler.plan.resolve(facts=scheduler.facts).bindings[0].schedule).startswith(f"warmup({updates}) >> ")


class PreparedLoader:
    """A prepared loader of ten batches."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def __len__(self):
        return 10


@pytest.mark.parametrize(
    ("accumulation", "whole", "epochs", "total"),
    [(1, True, 3, 30), (4, True, 3, 9), (4, False, 3, 7), (4, True, None, None), (1, True, 0, None)],
)
def test_the_length_of_a_run_of_accelerate(accumulation, whole, epochs, total):
    pytest.importorskip("accelerate")
    engine = SimpleNamespace(
        num_processes=1,
        gradient_accumulation_steps=accumulation,
        gradient_state=SimpleNamespace(sync_with_dataloader=whole),
    )
    if epochs == 0:
        with pytest.raises(ps.errors.InvalidArgument, match="epochs"):
            accelerate.facts(engine, PreparedLoader(), epochs=epochs)
        return

    facts = accelerate.facts(engine, PreparedLoader(), epochs=epochs)

    assert (facts.total, facts.batches, facts.whole, facts.batch_size) == (total, 10, whole, None)
    assert accelerate.facts(engine, iter(()), epochs=3).total is None


@pytest.mark.parametrize(("total", "size"), [(None, 4), (8, 4), (16, 8), (7, 4)])
def test_a_loader_that_splits_its_batches_has_the_size_of_a_part(total, size):
    data_loader = pytest.importorskip("accelerate.data_loader")
    loader_of = type("Prepared", (PreparedLoader, data_loader.DataLoaderStateMixin), {})
    engine = SimpleNamespace(
        num_processes=2, gradient_accumulation_steps=1, gradient_state=SimpleNamespace(sync_with_dataloader=True)
    )
    sizes = {"batch_size": 4} if total is None else {"batch_size": 4, "total_batch_size": total}

    assert accelerate.facts(engine, loader_of(**sizes)).batch_size == size
    with pytest.raises(ps.errors.InvalidArgument, match="all 2 processes together"):
        accelerate.facts(engine, PreparedLoader(**sizes))


SIZED = SimpleNamespace(batch_size=4)


class GradientAccumulationScheduler:
    def __init__(self, scheduling):
        self.scheduling = scheduling


@table(
    ("changes", "expected"),
    [
        ({}, {"batches": 18, "total": 54}),
        ({"num_training_batches": 18.0, "estimated_stepping_batches": 54.0}, {"batches": 18, "total": 54}),
        ({"num_training_batches": math.inf, "estimated_stepping_batches": -1}, {}),
        ({"num_training_batches": math.inf, "estimated_stepping_batches": math.inf}, {}),
        ({"num_training_batches": 1, "estimated_stepping_batches": 1}, {"batches": 1, "total": 1}),
        ({"num_training_batches": 0, "estimated_stepping_batches": 0}, {}),
        ({"train_dataloader": []}, {"batches": 18, "total": 54, "batch_size": None}),
        ({"scheduling": {0: 9, 2: 3, 3: 1}}, {"total": 28}),  # 2 + 2 + 6 + 18
        ({"scheduling": {0: 9, 2: 5}}, {"total": 12}),  # 2 + 2 + 4 + 4
        ({"scheduling": {0: 9, 2: 3, 3: 1}, "max_steps": 20}, {"total": 20}),
        ({"scheduling": {0: 9, 2: 3, 3: 1}, "max_steps": 30}, {"total": 28}),
        ({"scheduling": {0: 9, 2: 3}, "num_training_batches": math.inf}, {"total": 54}),
        ({"scheduling": {0: 9, 2: 3}, "max_epochs": -1}, {"batches": 18, "total": 54}),
        ({"scheduling": {0: 9, 2: 3}, "max_epochs": None}, {"batches": 18, "total": 54}),
        ({"scheduling": {0: 2}}, {"batches": 18, "total": 54}),
        ({"manual": True}, {"accumulation": 1, "fixed_sizes": ("batch_size",)}),
        ({"manual": True, "train_dataloader": []}, {"accumulation": 1, "batch_size": None, "fixed_sizes": ()}),
    ],
)
def test_the_facts_of_a_trainer_of_lightning(changes, expected):
    trainer = SimpleNamespace(
        fit_loop=SimpleNamespace(setup_data=lambda: None), train_dataloader=SIZED, num_training_batches=18,
        estimated_stepping_batches=54, accumulate_grad_batches=2, max_epochs=4, max_steps=-1,
        distributed_sampler_kwargs={"num_replicas": 3}, callbacks=[object()],
    )  # fmt: skip
    changes = dict(changes)
    module = SimpleNamespace(automatic_optimization=not changes.pop("manual", False))
    if "scheduling" in changes:
        trainer.callbacks.append(GradientAccumulationScheduler(changes.pop("scheduling")))
    vars(trainer).update(changes)

    facts = lightning._facts_of_trainer(trainer, module)

    names = ("batches", "total", "accumulation", "batch_size", "fixed_sizes", "processes")
    unchanged = {
        "batches": None,
        "total": None,
        "accumulation": 2,
        "batch_size": 4,
        "fixed_sizes": None,
        "processes": 3,
    }
    assert {name: getattr(facts, name) for name in names} == unchanged | expected
    assert facts.warns_of_metrics
    changes_accumulation = trainer.callbacks[1:] != [] and expected.keys() == {"total"} and expected["total"] != 54
    assert ("GradientAccumulationScheduler" in facts.why["steps_per_epoch"]) is changes_accumulation


@table(
    ("observe", "events", "expected"),
    [
        ("validation", "log val", 1),
        ("validation", "log val val", 1),  # it was not logged again
        ("validation", "log val log val", 2),
        ("validation", "log epoch", 0),
        ("validation", "hand val val hand val", 2),
        ("validation", "log val end log val", 1),
        ("validation", "log val resume log val", 2),
        ("validation", "log resume val", 1),
        ("validation", "log val-epoch resume", 1),  # saved before the callback observes the validation
        ("validation", "log val-epoch resume log val", 2),
        ("validation", "log end resume val", 1),
        ("epoch", "log val", 0),
        ("epoch", "log val epoch epoch", 1),
        ("epoch", "log val-epoch resume epoch", 1),
        ("epoch", "log epoch log epoch", 2),
    ],
)
def test_lightning_observes_what_was_logged_since_the_last_report(observe, events, expected):
    plan = ps.Plan(lr=ps.constant() * ps.hold("loss", at=0.5, add=1.0), total=99)

    def start(**state):
        callback = lightning._LightningPlan(plan, observe=observe)
        if state:
            callback.load_state_dict(state)
        _, scheduler, trainer, _ = begun(callback, plan)
        trainer.callback_metrics = {}
        return callback, scheduler, trainer

    callback, scheduler, trainer = start()
    for event in events.split():
        if event in ("log", "hand"):
            trainer.callback_metrics["loss"] = torch.tensor(1.0) if event == "log" else 1.0
        elif event == "resume":
            callback, scheduler, trainer = start(**callback.state_dict())
        elif event == "end":
            callback.on_exception(trainer, None, KeyboardInterrupt())
        if event.startswith("val"):
            callback.on_validation_epoch_end(trainer, None)
        if event == "val":
            callback.on_validation_end(trainer, None)
        if event == "epoch":
            callback.on_train_epoch_end(trainer, None)

    (state,) = scheduler.states.values()
    assert state.multiple == 1 + expected


class Timer:
    def __init__(self, remaining):
        self.time_remaining = lambda: remaining


@table(
    ("should_stop", "interrupted", "remaining", "is_short"),
    [
        (False, False, None, True),
        (True, False, None, False),
        (True, False, 3.0, False),
        (True, False, 0.0, True),
        (True, False, -0.1, True),
        (False, True, None, False),
        (True, True, 0.0, False),
    ],
)
def test_a_fit_that_code_of_the_user_stops_is_not_short(should_stop, interrupted, remaining, is_short):
    callback = lightning._LightningPlan("linear()")
    stepped, _, trainer, module = begun(callback, ps.Plan(lr="linear()", total=10))
    stepped.step()
    trainer.should_stop = should_stop
    trainer.interrupted = interrupted
    trainer.callback_metrics = {}
    trainer.callbacks = [object(), Timer(remaining)]

    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        callback.on_train_end(trainer, module)

    assert ["the run ended at update" in str(report.message) for report in reported] == [True] * is_short


# ---------------------------------------------------------------------- Hugging Face Trainer


@dataclass
class Arguments:
    """What `planned` uses of the arguments of a Trainer."""

    include_num_input_tokens_seen: Any = "no"
    gradient_accumulation_steps: int = 2
    train_batch_size: int = 3
    world_size: int = 1
    eval_strategy: str = "no"
    eval_delay: int = 0


class Trainer:
    """What `planned` uses of a Trainer; `update` makes an update of two batches and 100 tokens."""

    lr_scheduler: Any = None
    is_deepspeed_enabled = False
    is_in_train = True

    def __init__(self, copies=1, **arguments):
        self.args = Arguments(**arguments)
        self.optimizer = optimizer()
        self.callbacks = []
        self.accelerator = SimpleNamespace(num_processes=1, device="cpu")
        self.state = SimpleNamespace(global_step=0, num_input_tokens_seen=0, max_steps=9)
        self.control = SimpleNamespace(should_training_stop=False)
        self.get_tp_size = lambda: copies

    def add_callback(self, callback):
        self.callbacks.append(callback)

    def remove_callback(self, callback_class):
        self.callbacks = [callback for callback in self.callbacks if type(callback) is not callback_class]

    def get_batch_samples(self, batches, count):
        return list(islice(batches, count)), count

    def evaluate(self):
        return self.result

    def call(self, *points):
        for point in points:
            for callback in self.callbacks:
                getattr(callback, point)(self.args, self.state, self.control)

    def update(self):
        self.get_batch_samples(iter([torch.zeros(3, 1), torch.zeros(2, 1)]), 2)
        self.state.num_input_tokens_seen += 100
        self.call("on_step_begin", "on_pre_optimizer_step")
        self.optimizer.step()
        self.state.global_step += 1


def trainer_of(plan, options, total=9, **arguments):
    pytest.importorskip("transformers")
    trainer = planned(Trainer, plan, **options)(**arguments)
    trainer.create_scheduler(total)
    return trainer


BY_TOKENS = ps.Plan(lr="constant()", clock="tokens", total="1000 tokens")


@table(
    ("plan", "options", "counted", "copies", "amounts"),
    [
        (BY_SAMPLES, {}, "no", 1, [5, 10]),
        (BY_TOKENS, {"tokens_per_sample": 8}, "no", 1, [40, 80]),
        (BY_TOKENS, {"sequence_length": 8}, "no", 1, [40, 80]),
        (BY_TOKENS, {}, "all", 1, [100, 200]),
        (BY_TOKENS, {}, True, 1, [100, 200]),
        (BY_TOKENS, {}, "non_padding", 2, [50, 100]),
        (BY_TOKENS, {"sequence_length": 8}, "all", 1, [100, 200]),  # a length is less than a count
        (BY_TOKENS, {"tokens_per_sample": 8}, "all", 1, [40, 80]),
        (BY_TOKENS, {"amount_of": len}, "all", 1, [5, 10]),
        (BY_TOKENS, {"tokens_per_step": 9}, "all", 1, [9, 18]),
        (BY_SAMPLES, {}, "all", 1, [5, 10]),
    ],
)
def test_the_amount_is_what_the_user_specifies_or_the_trainer_counts(plan, options, counted, copies, amounts):
    trainer = trainer_of(plan, options, include_num_input_tokens_seen=counted, copies=copies, world_size=copies)
    trainer.accelerator.num_processes = copies
    actual = []

    trainer.call("on_train_begin")
    for _ in amounts:
        trainer.update()
        actual.append(trainer.lr_scheduler.amount)

    assert actual == amounts


def test_the_last_of_the_batches_ends_an_update():
    trainer = trainer_of("linear()", {})
    ends = []
    trainer._paramsched_amounts = SimpleNamespace(count_batch=lambda batch, ends_update: ends.append(ends_update))

    assert trainer.get_batch_samples(iter("abcd"), 3) == (["a", "b", "c"], 3)
    trainer.get_batch_samples(iter("d"), 3)

    assert ends == [False, False, True, True]
    trainer._paramsched_amounts = None  # DeepSpeed makes the Scheduler with a copy of the Trainer
    assert trainer.get_batch_samples(iter("e"), 1) == (["e"], 1)


@table(
    ("plan", "counted", "seen", "amount"),
    [
        ("linear()", "no", 0, 4),
        (BY_TOKENS, "all", 200, 100),
        (BY_TOKENS, "all", 0, None),
        (BY_TOKENS, "no", 200, None),
        (ps.Plan(lr="constant()", clock="batches", total="18 batches"), "no", 0, 8),
    ],
)
def test_a_run_without_a_state_of_the_plan_continues_at_the_update_and_amount_of_the_trainer(
    plan, counted, seen, amount
):
    trainer = trainer_of(plan, {}, include_num_input_tokens_seen=counted, copies=2, world_size=2)
    trainer.state.global_step = 4
    trainer.state.num_input_tokens_seen = seen

    if amount is None:
        with pytest.raises(MissingFact, match=r"the number of tokens consumed so far is unknown\. Resume from"):
            trainer.call("on_train_begin")
    else:
        trainer.call("on_train_begin")
    assert (trainer.lr_scheduler.t, trainer.lr_scheduler.amount) == ((0, 0) if amount is None else (4, amount))


@table(
    ("update", "begins_at", "trains", "reported"),
    [(0, 0, True, 0), (1, 0, True, 1), (4, 0, True, 1), (4, 4, True, 0), (5, 4, True, 1), (0, 0, False, 0)],
)
def test_a_metric_before_the_first_update_or_outside_of_the_training_is_not_reported(
    update, begins_at, trains, reported
):
    plan = ps.Plan(lr=ps.constant() * ps.hold("eval_loss", at=0.5, add=1.0), total=9)
    trainer = trainer_of(plan, {})
    trainer.state.global_step = begins_at
    trainer.call("on_train_begin")
    trainer.state.global_step = update
    trainer.is_in_train = trains
    trainer.result = {"eval_loss": 1.0}

    assert trainer.evaluate() == trainer.result

    (state,) = trainer.lr_scheduler.states.values()
    assert state.multiple == 1 + reported


@table(
    ("stops", "updates", "max_steps", "has_batch", "is_short"),
    [
        (True, 3, 9, True, False),
        (False, 3, 9, True, True),
        (True, 3, 3, True, True),  # the Trainer stops itself
        (True, 3, 9, False, True),  # as at the end of a stream
        (True, 9, 9, True, False),
        (True, 0, 9, True, False),  # before the first epoch
    ],
)
def test_a_run_that_code_of_the_user_stops_is_not_short(stops, updates, max_steps, has_batch, is_short):
    trainer = trainer_of("linear()", {})
    trainer.call("on_train_begin", *["on_epoch_begin"] * (updates > 0))
    for _ in range(updates):
        trainer.update()
    trainer.call(*["on_epoch_begin"] * (not has_batch))
    trainer.state.max_steps = max_steps
    trainer.control.should_training_stop = stops

    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        trainer.call("on_train_end")

    assert ["the run ended at update" in str(report.message) for report in reported] == [True] * is_short


def test_the_plan_is_attached_to_the_optimizer_of_the_call():
    trainer = planned(Trainer, "linear()")()
    passed = optimizer()
    trainer.is_deepspeed_enabled = True

    scheduler = trainer.create_scheduler(9, optimizer=passed)

    assert scheduler is trainer.create_scheduler(9) is trainer.lr_scheduler
    assert (scheduler.optimizer, scheduler.total, trainer._created_lr_scheduler) == (passed, 9, True)
    passed.step()
    assert scheduler.t == 0  # DeepSpeed steps the Scheduler
    scheduler.step()
    assert scheduler.t == 1
