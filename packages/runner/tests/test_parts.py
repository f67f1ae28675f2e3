"""The parts of the Runner that need no run: run facts, hooks, loaders, models, metrics and wrappers."""

import math
import re
from collections import OrderedDict
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.errors import ConfigError, InvalidArgument, MissingFact, ParamschedError
from paramsched.files import ProblemCollector
from paramsched.mmengine.schedulers import OptimWrapper, ReduceOnPlateauLR, StepLR
from paramsched_runner.runner._param_schedulers import (
    RunnerFacts,
    build_schedulers,
    is_plan,
    scheduled_fields,
    warn_if_unmeasured,
)
from paramsched_runner.runner._parts import (
    build_hook,
    build_loader,
    build_metrics,
    build_model,
    build_wrappers,
    lists_of_parts,
)
from paramsched_runner.runner.context import (
    ModelCalls,
    call_with_batch,
    inputs_and_target,
    parse_losses,
    training_style,
)
from paramsched_runner.runner.loops import MeanOf, Metric, facts_for
from paramsched_runner.runner.optim_wrapper import AcceleratedWrapper, AmpOptimWrapper
from support.tables import table

FACTS = RunnerFacts(epoch_length=10, max_epochs=3, max_iters=None, accumulation={"": 4, "d": 1}, batch_size=8)
BY_ITERATION = RunnerFacts(epoch_length=10, max_epochs=None, max_iters=25, accumulation={"": 4})


def sgd(*lrs, **options):
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.1,)]
    return torch.optim.SGD(groups, lr=0.1, **options)


# ------------------------------------------------------------------ run facts


def changed(**facts):
    values = {name: getattr(FACTS, name) for name in FACTS.__slots__}
    return RunnerFacts(**(values | facts))


SIZES = ps.loads("lr: cosine()\ntargets: {batch_size: {initial: 8.0, schedule: constant()}}\nclock: samples")


@table(
    ("facts", "plan", "total"),
    [
        (FACTS, None, 9),
        (BY_ITERATION, None, 7),
        (FACTS, ps.Plan(lr=ps.cosine(), clock="samples"), 9),
        (changed(samples_per_epoch=77), ps.Plan(lr=ps.cosine(), clock="samples"), "231 samples"),
        (changed(samples_per_epoch=77), ps.Plan(lr=ps.cosine()), 9),
        (changed(samples_per_epoch=77), SIZES, 9),
        (changed(samples_per_epoch=77), ps.Plan(lr=ps.cosine(), clock="tokens"), 9),
        (
            changed(samples_per_epoch=77, tokens_per_sample=5),
            ps.Plan(lr=ps.cosine(), clock="tokens"),
            "1155 tokens",
        ),
        (changed(samples_per_epoch=77, tokens_per_sample=5), None, 9),
    ],
)
def test_the_length_of_a_run_counts_updates_or_all_samples(facts, plan, total):
    run_facts = facts.for_optimizer("", plan)

    assert run_facts.total == ps.RunFacts(total=total).total
    assert (run_facts.batches_per_epoch, run_facts.accumulation) == (10, 4)
    assert run_facts.batch_size == facts.batch_size
    assert run_facts.sequence_length == facts.tokens_per_sample


@table(
    ("loader", "processes", "expected"),
    [
        (DataLoader(list(range(10)), batch_size=4), 1, (4, 10)),
        (DataLoader(list(range(10)), batch_size=4), 2, (8, None)),
        (DataLoader(list(range(8)), batch_size=4), 1, (4, None)),
        (DataLoader(list(range(10)), batch_size=4, drop_last=True), 1, (4, None)),
        ([1, 2, 3], 1, (None, None)),
    ],
)
def test_facts_of_a_loader(loader, processes, expected):
    loop = SimpleNamespace(epoch_length=3, by_iterations=False, max_epochs=2, max_iters=6)
    accelerator = SimpleNamespace(num_processes=processes, distributed_type="NO", state=SimpleNamespace())

    facts = facts_for(loop, loader, accelerator, {"": 2}, tokens_per_sample=7)

    assert (facts.batch_size, facts.samples_per_epoch) == expected
    assert (facts.epoch_length, facts.max_epochs, facts.max_iters, facts.accumulation) == (3, 2, None, {"": 2})
    assert facts.tokens_per_sample == 7
    loop.by_iterations = True
    again = facts_for(loop, loader, accelerator, {"": 2})
    assert (again.max_epochs, again.max_iters) == (None, 6)


# ------------------------------------------------------------------ schedulers


NO_CHOICES = {"on_change": "new", "on_base": "checkpoint"}
TWO = RunnerFacts(epoch_length=10, max_epochs=3, max_iters=None, accumulation={"g": 2, "d": 1})


def test_one_plan_drives_all_optimizers_with_the_updates_of_the_fastest():
    wrappers = {"g": OptimWrapper(sgd()), "d": OptimWrapper(sgd())}

    built = build_schedulers("lr: cosine()", wrappers, TWO, NO_CHOICES)

    assert built["g"] == built["d"] == [built["g"][0]]
    assert built["g"][0].total == 30
    assert scheduled_fields(built["g"], wrappers["g"].optimizer, "g") == [("lr", 0)]


@table(
    ("config", "names", "expected"),
    [
        *((text, (), True) for text in ("lr: cosine()", "cosine()", ps.Plan(lr="cosine()"))),
        *((config, (), False) for config in (None, [], {}, 3, {"type": "StepLR", "lr": 1}, [{"type": "StepLR"}])),
        # The name of an entry, or the values of all entries.
        *(({name: None}, (), name != "rho") for name in ("lr", "groups", "later", "targets", "clock", "total", "rho")),
        ({"lr": None, "type": "StepLR"}, (), False),
        ({"lr": None, "critic": None}, ("critic",), False),
        *(({"rho": value}, (), True) for value in ("cosine()", 1, 0.5, {"cosine": {}}, ["warmup(2)", {"cosine": {}}])),
        *(({"rho": value}, (), True) for value in ([1, "cosine()"], [[1, "cosine()"], "cosine()"])),
        *(({"rho": value}, (), False) for value in ([1, 2], [], {"type": "StepLR"}, ["cosine()", None], [[1], "x"])),
        ({"rho": "cosine()", "gamma": [1, 2]}, (), False),
    ],
)
def test_a_plan_is_distinguished_from_schedulers(config, names, expected):
    assert is_plan(config, names=names) is expected


@table(
    ("accumulation", "by_epoch", "warns"),
    [(4, False, True), (1, False, False), (4, True, False)],
)
def test_a_warning_reports_schedulers_that_count_batches(accumulation, by_epoch, warns, recwarn):
    recwarn.clear()
    facts = changed(accumulation={"": accumulation})

    config = {"type": "StepLR", "step_size": 2, "by_epoch": by_epoch}
    build_schedulers(config, {"": OptimWrapper(sgd())}, facts, NO_CHOICES)

    assert any("accumulative_counts=4" in str(warning.message) for warning in recwarn) is warns


@table(
    ("plan", "clock", "said"),
    [
        ('warmup("20 tokens") >> cosine()', "tokens", r"Runner\(..., tokens_per_sample=1024\)"),
        ('warmup("20 frames") >> cosine()', "updates", "Write"),
        ("linear(1, 0)", "tokens", r"train_cfg: .*For example: Runner\(\.\.\., tokens_per_sample=1024\)"),
        ('linear(over="2000 tokens")', "updates", r"2000 tokens.*Runner\(\.\.\., tokens_per_sample=1024\)"),
        ('warmup("5%")', "frames", "train_cfg: .*Write total and lengths in frames"),
    ],
)
def test_a_missing_fact_names_the_argument_of_the_runner(plan, clock, said):
    with pytest.raises((MissingFact, InvalidArgument), match=said):
        build_schedulers(f"lr: {plan}\nclock: {clock}", {"": OptimWrapper(sgd())}, FACTS, NO_CHOICES)


def test_a_plan_in_the_unit_of_its_clock_needs_no_length():
    plan = 'lr: warmup("20 tokens") >> cosine(over="90 tokens")\nclock: tokens'

    (built,) = build_schedulers(plan, {"": OptimWrapper(sgd())}, changed(batch_size=None), NO_CHOICES)[""]

    assert built.facts.total is None


# ------------------------------------------------------------------ hooks


@table(
    ("build", "config", "message"),
    [
        (build_model, {"type": dict}, "$: expected a torch.nn.Module, got {}"),
        (build_model, 3, "$: expected a torch.nn.Module, got 3"),
        (build_model, {"type": nn.Linear}, "$.in_features: it is missing: an argument of Linear"),
        (build_model, {"type": "nobodys"}, "$.type: 'nobodys' is not in the model registry"),
        (build_hook, {"type": dict}, "$: expected a hook, got {}"),
    ],
)
def test_a_dict_that_builds_something_else_is_refused(build, config, message):
    problems = ProblemCollector()

    build(config, "$", problems)

    assert problems.lines()[0].startswith(message)


# ------------------------------------------------------------------ loaders, metrics, models


@table(
    ("sampler", "shuffled"),
    [
        (None, False),
        ({"type": "DefaultSampler"}, True),
        ({"type": "DefaultSampler", "shuffle": False}, False),
        ({"type": "SequentialSampler"}, False),
        ({"type": "InfiniteSampler"}, True),
    ],
)
def test_a_loader_is_built_from_its_settings(sampler, shuffled):
    loader = build_loader({"dataset": list(range(5)), "batch_size": 2, "sampler": sampler, "drop_last": True}, "$")

    assert isinstance(loader.sampler, torch.utils.data.RandomSampler) is shuffled
    assert (loader.batch_size, len(loader)) == (2, 2)
    assert build_loader(loader, "$") is loader


@table("name", ["process(data_batch, data_samples)", "compute_metrics(results)"])
def test_a_metric_without_its_methods_names_them(name):
    class Own(Metric):
        pass

    calls = {"process": lambda: Own().process(1, 2), "compute_metrics": lambda: Own().evaluate(1)}
    with pytest.raises(NotImplementedError, match=re.escape(f"Own has no {name}")):
        calls[name.partition("(")[0]]()


@table(
    ("collate_fn", "expected"),
    [
        (None, None),
        ({}, None),
        ("default_collate", None),
        ("pseudo_collate", lists_of_parts),
        ({"type": "pseudo_collate"}, lists_of_parts),
        (max, max),
        ({"type": max}, max),
    ],
)
def test_the_function_that_combines_samples_is_named_or_passed(collate_fn, expected):
    loader = build_loader({"dataset": [0], "collate_fn": collate_fn}, "$")

    assert loader.collate_fn is (torch.utils.data.default_collate if expected is None else expected)


class Pair(NamedTuple):
    left: Any
    right: Any


@st.composite
def batches_of_samples(draw):
    """Return samples that are nested alike."""
    count = draw(st.integers(1, 3))
    leaves = st.lists(st.integers() | st.text(), min_size=count, max_size=count)

    def joined(container, inner):
        return inner.map(lambda parts: [container(items) for items in zip(*parts, strict=True)])

    def nested(inner):
        several = st.lists(inner, min_size=1, max_size=3)
        pairs = st.lists(inner, min_size=2, max_size=2)
        named = joined(lambda value: OrderedDict(zip("ab", value, strict=True)), pairs)
        return joined(list, several) | joined(tuple, several) | named | joined(lambda value: Pair(*value), pairs)

    return draw(st.recursive(leaves, nested, max_leaves=5))


@given(batches_of_samples())
def test_samples_are_combined_to_lists_of_parts_as_by_mmengine(samples):
    assert repr(lists_of_parts(samples)) == repr(pseudo_collate(samples))  # types too


def metrics_of(config):
    return build_metrics(config, "$", ProblemCollector())


def test_metrics_are_means_over_samples():
    (metric,) = metrics_of(lambda output, target: (output == target).float().mean())
    metric.process([torch.zeros(4, 1), torch.tensor([1, 1, 1, 0])], torch.ones(4))
    metric.process({"x": torch.zeros(1, 1), "y": torch.tensor([0])}, torch.ones(1))

    assert metric.evaluate(5) == {"<lambda>": pytest.approx(0.6)}
    assert metric.results == []
    assert metric.evaluate(5) == {}
    assert metrics_of(None) is metrics_of({}) is None
    assert metrics_of([metric, metric]) == [metric, metric]
    both = MeanOf(lambda *_: {"a": 1, "b": 2}, "name")
    both.process([1, 2], None)
    assert both.evaluate(2) == {"a": 1, "b": 2}
    both.process([torch.zeros(0, 1), torch.zeros(0)], None)
    assert both.evaluate(0) == {}


class Counting(Metric):
    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return {"count": len(results)}


@table(("prefix", "name"), [(None, "count"), ("val", "val/count")])
def test_a_prefix_precedes_the_names(prefix, name):
    metric = Counting(prefix)
    metric.process(None, [1, 2])

    assert metric.evaluate(2) == {name: 2}
    assert metric.evaluate(2) == {name: 0}


class WithMode(nn.Module):
    def forward(self, x, mode="tensor"):
        return {"loss": x.sum()} if mode == "loss" else (mode, x)


class WithSteps(nn.Module):
    def train_step(self, data, optim_wrapper):
        return [data]

    def val_step(self, data):
        return "val", data

    def forward(self, x):
        return x


def test_the_style_of_a_model_follows_from_its_methods():
    loss = nn.functional.mse_loss

    assert [training_style(model, None) for model in (WithMode(), WithSteps(), nn.Linear(1, 1))] == [
        "mode",
        "train_step",
        "plain",
    ]
    assert [training_style(model, loss) for model in (WithMode(), WithSteps(), nn.Linear(1, 1))] == [
        "loss",
        "train_step",
        "loss",
    ]


class CallsItself(WithSteps):
    """A model whose `train_step` runs its forward pass as `how` does."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.passes = 0

    def train_step(self, data, optim_wrapper):
        self.passes += 1
        return {"loss": self.how(self, data)}


def test_a_train_step_goes_through_the_prepared_model():
    model = CallsItself(lambda value, data: value(data))
    calls = ModelCalls(model, nn.Sequential(model, nn.Softplus()), None)

    for passes in (1, 2):
        loss = calls.train(torch.zeros(1), None)["loss"]
        assert float(loss) == pytest.approx(math.log(2))
        assert model.passes == passes  # the attributes are those of the model
    assert type(calls._spread).__name__ == "CallsItself"
    assert isinstance(calls._spread, CallsItself)


def test_a_train_step_that_bypasses_the_prepared_model_is_refused():
    model = CallsItself(lambda value, data: value.forward(data))

    assert float(ModelCalls(model, model, None).train(torch.ones(1), None)["loss"]) == 1
    with pytest.raises(ParamschedError, match=r"CallsItself.train_step: it did not call self\(…\)"):
        ModelCalls(model, nn.Sequential(model), None).train(torch.ones(1), None)


def test_batches_are_passed_by_keyword_or_position():
    def model(*args, **kwargs):
        return args, kwargs

    assert call_with_batch(model, {"a": 1}, mode="x") == ((), {"a": 1, "mode": "x"})
    assert call_with_batch(model, [1, 2]) == call_with_batch(model, (1, 2)) == ((1, 2), {})
    assert call_with_batch(model, 3, mode="x") == ((3,), {"mode": "x"})
    assert inputs_and_target([1, 2]) == inputs_and_target({"x": 1, "y": 2}) == (1, 2)
    assert inputs_and_target((1, 2, 3)) == ([1, 2], 3)
    for batch in (torch.ones(2), [1], {"x": 1}):
        with pytest.raises(ParamschedError, match="without a target"):
            inputs_and_target(batch)


def test_predictions_come_from_the_method_of_the_mode_or_from_forward():
    x = torch.ones(1, 1)
    line = nn.Linear(1, 1)

    assert ModelCalls(m := WithSteps(), m, None).predict(x, "val") == ("val", x)
    assert ModelCalls(m, m, None).predict(x, "test") is x
    assert ModelCalls(m := WithMode(), m, None).predict(x, "val") == ("predict", x)
    assert ModelCalls(line, line, nn.functional.mse_loss).predict([x, x], "val").shape == (1, 1)
    assert ModelCalls(line, line, None).predict(x, "val").shape == (1, 1)
    assert ModelCalls(m, m, None).loss_of(x) == {"loss": 1}
    assert ModelCalls(line, line, lambda out, target: (out - out + target).sum()).loss_of([x, 3 * x]) == {"loss": 3}
    assert ModelCalls(m := WithSteps(), m, None).train(x, None) == {}


def test_losses_are_summed_and_everything_is_logged():
    loss, log = parse_losses(
        {"loss_a": [torch.ones(2), torch.zeros(2)], "loss": torch.tensor(3.0), "acc": torch.ones(1)}
    )

    assert float(loss) == 4
    assert {name: float(value) for name, value in log.items()} == {"loss": 4, "loss_a": 1, "acc": 1}
    for bad in (3, {"acc": torch.ones(1)}, {}, {"loss": 3}, {"loss": []}):
        with pytest.raises(ParamschedError):
            parse_losses(bad)


# ------------------------------------------------------------------ optimizers


def wrappers_of(config, model):
    problems = ProblemCollector()
    built = build_wrappers(config, model, "$", problems)
    problems.raise_any("Runner")
    return built


def test_wrappers_are_built_for_the_model_or_its_parts():
    model = nn.ModuleDict({"g": nn.Linear(1, 1), "d": nn.Linear(2, 2)})
    config = {"type": "SGD", "lr": 0.3}

    wrapper = wrappers_of({"optimizer": config, "accumulative_counts": 3}, model)[""]
    two = wrappers_of(
        {"g": {"optimizer": config}, "d": {"type": "mmengine.AmpOptimWrapper", "optimizer": config}}, model
    )

    assert (len(wrapper.param_groups[0]["params"]), wrapper.param_groups[0]["lr"], wrapper._accumulative_counts) == (
        4,
        0.3,
        3,
    )
    assert two["d"].param_groups[0]["params"] == list(model["d"].parameters())
    assert isinstance(two["d"], AmpOptimWrapper)
    optimizer = sgd()
    assert wrappers_of(optimizer, model)[""].optimizer is optimizer
    assert wrappers_of(wrapper, model)[""] is wrapper
    with pytest.raises(ConfigError, match="no submodule 'x' to optimize"):
        wrappers_of({"g": {"optimizer": config}, "x": {"optimizer": config}}, model)


class Accelerator:
    """What a wrapper uses of an Accelerator, recorded."""

    def __init__(self, scaler=None):
        self.calls = []
        self.scaler = scaler

    @contextmanager
    def no_sync(self, model):
        self.calls.append("no_sync")
        yield

    def autocast(self):
        self.calls.append("autocast")
        return nullcontext()

    def backward(self, loss, **kwargs):
        self.calls.append(("backward", loss.item()))
        loss.backward(**kwargs)


def test_a_wrapper_accumulates_and_synchronizes_with_the_last_batch():
    accelerator = Accelerator()
    optimizer = sgd(0.5)
    stepper = AcceleratedWrapper(OptimWrapper(optimizer, accumulative_counts=2), optimizer, accelerator)
    (weight,) = optimizer.param_groups[0]["params"]
    cycles = []
    for _ in range(4):
        with stepper.optim_context(None):
            loss = weight.sum() * 0 + weight.detach().sum() * 0 + weight.sum()
        stepper.update_params(loss)
        cycles.append((stepper.in_cycle, stepper.updates, weight.grad is None))

    assert accelerator.calls.count("no_sync") == 2
    assert [call for call in accelerator.calls if call in ("no_sync", "autocast")] == [
        "no_sync",
        "autocast",
        "autocast",
    ] * 2
    assert cycles == [(True, 0, False), (False, 1, True), (True, 1, False), (False, 2, True)]
    assert weight.item() == 0  # 1 - 2 * 0.5


def test_gradients_are_unscaled_before_they_are_clipped():
    calls = []
    optimizer = sgd(1.0)
    (weight,) = optimizer.param_groups[0]["params"]
    scaler = SimpleNamespace(unscale_=lambda value: (calls.append("unscale"), weight.grad.div_(8)))
    stepper = AcceleratedWrapper(OptimWrapper(optimizer, clip_grad={"max_norm": 0.5}), optimizer, Accelerator(scaler))

    stepper.update_params(8 * weight.sum())

    assert calls == ["unscale"]
    assert weight.item() == pytest.approx(0.5, abs=1e-5)


def test_a_plateau_that_received_no_metric_is_reported_at_the_end(recwarn):
    recwarn.clear()
    warn_if_unmeasured({"": [StepLR(sgd(), 2)]})
    assert not recwarn.list

    with pytest.warns(UserWarning, match=r"param_scheduler\[0\] ReduceOnPlateauLR never received 'loss'"):
        warn_if_unmeasured({"": [ReduceOnPlateauLR(sgd())]})
