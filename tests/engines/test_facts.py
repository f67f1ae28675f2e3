"""The facts that an engine knows of its run, and lengths in epochs of batches."""

import warnings
from collections import OrderedDict
from itertools import count, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.core.time import RunFacts
from paramsched.engines.engine_facts import EngineFacts, PlanOptions, batch_size_of, check_kinds, length_of
from paramsched.engines.reporting import MetricRelay, PlannedColumns, callbacks_on_demand, is_value, make_class
from paramsched.errors import InvalidArgument, MissingDependency, MissingFact
from support.tables import table
from support.updates import probe

INF = float("inf")
NAN = float("nan")


def engine_facts(**facts):
    return EngineFacts(**{"call": "engine.scheduler", "why": {"total": "there is no end"}, **facts})


@pytest.mark.parametrize(
    ("engine", "user", "expected"),
    [
        ({"batches": 10, "accumulation": 3}, {}, {"batches_per_epoch": 10, "accumulation": 3}),
        ({"batches": 10, "accumulation": 3, "whole": False}, {}, {"accumulation": 3}),
        ({"batches": 10, "accumulation": 5, "whole": False}, {}, {"batches_per_epoch": 10, "accumulation": 5}),
        ({"batches": 10}, {"steps_per_epoch": 4}, {"steps_per_epoch": 4, "accumulation": 1}),
        ({"batches": 10}, {"batches_per_epoch": 4}, {"batches_per_epoch": 4, "accumulation": 1}),
        ({"batch_size": 8, "processes": 4}, {}, {"batch_size": 32, "accumulation": 1}),
        ({"batch_size": 8, "processes": 4}, {"batch_size": 7}, {"batch_size": 7, "accumulation": 1}),
        ({"processes": 4}, {}, {"accumulation": 1}),
        ({"total": 100}, {}, {"total": 100, "accumulation": 1}),
        ({"total": 100}, {"total": "50 samples"}, {"total": "50 samples", "accumulation": 1}),
        ({"accumulation": 2}, {"accumulation": 6}, {"accumulation": 6}),
    ],
)
def test_the_facts_of_the_user_take_precedence_over_those_of_the_engine(engine, user, expected):
    assert engine_facts(**engine).merged(RunFacts(**user)) == RunFacts(**expected)


@pytest.mark.parametrize(
    ("plan", "length", "user", "expected"),
    [
        ({"clock": "tokens"}, 128, {}, {"sequence_length": 128}),
        ({"clock": "tokens"}, 128.0, {}, {"sequence_length": 128}),
        ({"clock": "tokens"}, 12.5, {}, {"tokens_per_step": 12.5 * 8 * 3 * 2}),
        ({"clock": "tokens"}, 128, {"tokens_per_step": 999}, {"tokens_per_step": 999}),
        ({"clock": "tokens"}, None, {}, {}),
        ({}, 128, {}, {"tokens_per_step": 128 * 8 * 3 * 2}),
        ({}, 128, {"tokens_per_step": 999}, {"tokens_per_step": 999}),
        ({}, 128, {"batch_size": 10}, {"tokens_per_step": 128 * 10 * 2, "batch_size": 10}),
    ],
)
def test_the_length_of_a_sequence_is_a_fact_of_a_plan_in_tokens_and_else_a_factor(plan, length, user, expected):
    counted = engine_facts(batch_size=8, processes=3, accumulation=2)
    options = PlanOptions(facts=RunFacts(**user), tokens_per_sample=length)

    facts = counted.facts_for(ps.Plan(lr="cosine(over=9)", **plan), options)

    assert facts == RunFacts(**{"batch_size": 24, "accumulation": 2, **expected})


@table(
    ("plan", "by_step", "fact", "instead"),
    [
        ("linear()", False, "total", "total=10_000"),
        (ps.Plan(lr="linear()", clock="tokens"), False, "total", "total=10_000"),
        (ps.Plan(lr="linear(over='5%')"), False, "total", "total=10_000"),
        ('warmup("5%") >> cosine()', False, "total", "total=10_000"),
        ('warmup("5%") >> cosine()', True, "total", "total=10_000"),
        (ps.Plan(lr="linear()", total="3 epochs"), False, "steps_per_epoch", "steps_per_epoch="),
        ('step("2 epochs")', True, "steps_per_epoch", "steps_per_epoch=100"),
        (ps.Plan(lr=1.0, total="3 tokens"), False, "tokens_per_step", "tokens_per_sample=1024"),
        ('step("2k tokens")', True, "tokens_per_step", "tokens_per_step=4096"),
    ],
)
def test_a_missing_fact_has_the_reason_of_the_engine_and_an_argument_that_provides_it(plan, by_step, fact, instead):
    optimizer = probe()
    before = dict(optimizer.param_groups[0])

    with pytest.raises(MissingFact) as missing:
        engine_facts(has_tokens_per_sample=not by_step).attach(optimizer, plan, PlanOptions())

    problem = missing.value.problem
    assert missing.value.fact == fact
    assert ("there is no end" if fact == "total" else f"engine does not provide {fact}") in problem.found
    assert problem.advice.startswith(f"For example: engine.scheduler(..., {instead}")
    assert optimizer.param_groups[0] == before


def test_a_total_of_the_user_that_cannot_be_converted_is_refused():
    options = PlanOptions(facts=RunFacts(total="50 samples"))

    with pytest.raises(MissingFact) as missing:
        engine_facts().attach(probe(), "cosine(over=9)", options)

    assert missing.value.fact == "batch_size"


@pytest.mark.parametrize(
    ("total", "engine_total", "user", "is_logged"),
    [
        (100, 100, {}, False),
        (90, 100, {}, True),
        (90, 100, {"total": 90}, False),
        (100, None, {}, False),
        (101, 100, {}, True),
    ],
)
def test_a_total_that_differs_from_the_run_of_the_engine_is_logged(total, engine_total, user, is_logged, caplog):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    plan = ps.Plan(lr="linear()", total=total)

    with caplog.at_level("INFO", "paramsched"):
        scheduler = engine_facts(total=engine_total).attach(optimizer, plan, PlanOptions(facts=RunFacts(**user)))

    assert scheduler.total == total
    assert ("but engine.scheduler counts 100" in caplog.text) == is_logged


@pytest.mark.parametrize(
    ("loader", "length", "size"),
    [
        (SimpleNamespace(batch_size=4), None, 4),
        (SimpleNamespace(batch_size=None, batch_sampler=SimpleNamespace(batch_size=3)), None, 3),
        (SimpleNamespace(batch_size=None, batch_sampler=SimpleNamespace()), None, None),
        (SimpleNamespace(batch_size=0), None, None),
        (SimpleNamespace(batch_size="auto"), None, None),
        ([], None, None),
        ([1, 2], 2, None),
        (SimpleNamespace(batch_size=None, batch_sampler=SimpleNamespace(batch_size=-1)), None, None),
    ],
)
def test_the_length_and_the_batch_size_of_a_loader_may_be_unknown(loader, length, size):
    assert (length_of(loader), batch_size_of(loader)) == (length, size)


def test_only_watched_metrics_are_passed_and_those_that_never_came_are_named():
    plan = ps.Plan(lr=ps.plateau("a") * ps.plateau("b") * ps.plateau("d") * ps.constant(1.0), total=9)
    relay = MetricRelay("engine")
    scheduler = ps.Scheduler(probe(), plan, drive="manual")
    scheduler.step()

    relay.report(scheduler, {"c": 3.0})
    relay.report(scheduler, {"a": 1.0, "c": 3.0})
    scheduler.observe(d=1.0)  # by the user's own code
    with pytest.warns(ps.PlanWarning) as messages:
        relay.finish(scheduler)
    relay.report(scheduler, {"b": 2.0})
    relay.finish(scheduler)

    assert [state.best for state in scheduler.states.values()] == [1.0, 2.0, 1.0]
    assert len(messages) == 1
    assert "watches b, which was never reported; reported metrics: a, c" in str(messages[0].message)


WATCHES = ps.Plan(lr=ps.plateau("eval_loss") * ps.plateau("train_loss") * ps.constant(1.0), total=9)


@table(
    ("events", "missed"),
    [
        ([({"loss": 1.0}, False)], []),
        ([({"eval_loss": 1.0}, True)], []),  # a metric of training may come later
        ([({"eval_loss": 1.0, "eval_runtime": 2.0, "epoch": 1}, True)] * 2, [("train_loss", "eval_loss")]),
        ([({"acc": 1.0}, True)] * 3, [("eval_loss, train_loss", "acc")]),
        ([({"eval_time": 1.0}, True)] * 2, [("eval_loss, train_loss", "no metric")]),
        ([({"eval_loss": None, "train_loss": 1.0}, True)] * 2, []),
        ([({"acc": 1.0, "train_loss": 1.0}, True)] * 2, [("eval_loss", "acc, train_loss")]),
    ],
)  # fmt: skip
def test_a_metric_that_the_first_evaluations_lack_is_named_once(events, missed):
    relay = MetricRelay("engine")
    scheduler = ps.Scheduler(probe(), WATCHES, drive="manual")
    scheduler.step()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for metrics, is_evaluation in events:
            relay.report(scheduler, metrics, is_evaluation=is_evaluation)

    assert [warning.message.problem.found for warning in caught] == [
        f"the plan watches {names}; the first evaluation has {present}" for names, present in missed
    ]


@table(
    ("outer", "inner", "fails", "observed"),
    [
        (True, None, False, [("a", True)]),
        (False, True, False, [("ab", True)]),
        (True, False, False, [("ab", True)]),
        (False, False, False, [("ab", False)]),
        (True, True, True, []),
    ],
)
def test_an_event_inside_another_one_is_a_part_of_it(outer, inner, fails, observed):
    relay = MetricRelay("engine")
    reported = []
    relay.report = lambda _, metrics, is_evaluation: reported.append(("".join(metrics), is_evaluation))

    def run():
        with relay.event(None, is_evaluation=outer) as metrics:
            metrics["a"] = 1.0
            if inner is not None:
                with relay.event(None, is_evaluation=inner) as inner_metrics:
                    inner_metrics["b"] = 2.0
                    assert not fails

    if fails:
        with pytest.raises(AssertionError):
            run()
    else:
        run()
    assert reported == observed
    with relay.event(None, is_evaluation=False):
        pass
    assert reported == [*observed, ("", False)]


@table(
    ("logged", "planned", "is_same"),
    [
        (0.1, 0.1, True),
        (torch.tensor(0.1), 0.1, True),
        (torch.tensor([0.1]), 0.1, True),
        (np.float32(0.1).item(), 0.1, True),
        (torch.tensor(0.1, dtype=torch.float64), 0.1, True),
        (torch.tensor([0.1, 0.1]), 0.1, False),
        (0.1 + 1e-12, 0.1, False),
        ("0.1", 0.1, False),
        (None, 0.1, False),
    ],
)
def test_a_planned_value_in_float32_is_the_same_value(logged, planned, is_same):
    assert is_value(logged, planned) is is_same


class Own:
    """A class of an adapter."""


def test_a_class_of_an_adapter_gets_the_first_base_that_is_installed():
    def make_dict():
        return dict

    bases = ("no_such_engine.Callback", "collections.OrderedDict", "collections.Counter")
    find = callbacks_on_demand(
        "paramsched.engines.mine", {"A": Own}, *bases, library="mine", factories={"B": make_dict}
    )
    lacks = callbacks_on_demand("paramsched.engines.mine", {"A": Own}, bases[0], library="mine")

    callback_class = find("A")
    assert (callback_class.__bases__, callback_class.__name__, callback_class.__qualname__) == (
        (Own, OrderedDict),
        "A",
        "A",
    )
    assert (callback_class.__module__, callback_class.__doc__) == ("paramsched.engines.mine", Own.__doc__)
    assert find("A") is callback_class
    assert find("B") is dict
    assert make_class("C", "m", Own, doc="Mine.").__doc__ == "Mine."
    with pytest.raises(AttributeError, match=r"module 'paramsched\.engines\.mine' has no attribute 'C'"):
        find("C")
    with pytest.raises(MissingDependency, match=r"engines\.mine\.A"):
        lacks("A")


PARTS = {"accelerator": SimpleNamespace(num_processes=1), "plan": "linear()", "loader": [1], "optimizer": probe()}


@table(
    ("order", "example"),
    [
        ({"accelerator": "accelerator", "plan": "plan"}, None),
        ({"accelerator": "plan", "plan": "accelerator"}, "engine(accelerator, 'linear()')"),
        ({"optimizer": "plan", "plan": "loader", "loader": "optimizer"}, "engine(optimizer, 'linear()', loader)"),
        ({"plan": "trainer", "trainer": "plan"}, "engine('linear()', Own)"),
    ],
)
def test_arguments_in_another_order_are_refused_with_the_call_to_write(order, example):
    parts = PARTS | {"trainer": Own}
    arguments = {name: parts[passed] for name, passed in order.items()}
    if example is None:
        check_kinds("engine", **arguments)
        return

    with pytest.raises(InvalidArgument) as refusal:
        check_kinds("engine", **arguments)

    assert refusal.value.problem.advice == f"For example: {example}"


def test_a_metric_with_the_name_of_a_planned_value_is_warned_of_once_and_renames_the_value_from_then_on():
    columns = PlannedColumns("engine.scheduler")
    values = {"lr": 0.1, "beta": 0.5}
    processes = ps.Scheduler(probe(), ps.Plan(lr="linear()", total=9))._run.processes

    with pytest.warns(UserWarning, match="lr as planned/lr") as first:
        renamed = columns.beside({"lr": torch.tensor([1.0, 2.0]), "beta": torch.tensor(0.5)}, values, processes)
    with pytest.warns(UserWarning, match="beta as planned/beta") as second:
        both = columns.beside({"lr": 3.0, "beta": "x"}, values, processes)

    assert (len(first), len(second)) == (1, 1)
    assert renamed == {"planned/lr": 0.1, "beta": 0.5}
    assert both == {"planned/lr": 0.1, "planned/beta": 0.5}
    assert "planned/lr" not in str(second[0].message)


@table(
    ("options", "message"),
    [
        *(
            ({"tokens_per_sample": count}, "expected a number greater than 0")
            for count in (0, -1, INF, NAN, True, "128")
        ),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(InvalidArgument, match=message):
        PlanOptions(**options)


SAMPLES = 960
BATCH = 4
EPOCHS = 5
TOKENS = 128


PLANS = {
    "epochs": "warmup('1 epoch') >> cosine(to=0.1, over='3 epochs') >> constant()",
    "per cent": "warmup('10%') >> linear(1.0, 0.5, over='25%') >> cosine(to=0.1)",
    "samples": "warmup('1000 samples') >> linear(1.0, 0.2, over='3000 samples') >> constant()",
    "tokens": "warmup('100k tokens') >> cosine(to=0.1, over='400k tokens') >> constant()",
    "steps of epochs": "multistep(['1 epoch', '2 epochs', '4 epochs'], gamma=0.1)",
    "no unit": "cosine(to=0.1)",
}


def curve(line, processes, accumulation, samples=SAMPLES, whole=True):
    """The values of each update, and the samples seen before it."""
    batches = -(-samples // (BATCH * processes))
    updates = -(-batches // accumulation)
    engine = EngineFacts(
        call="test",
        batches=batches,
        accumulation=accumulation,
        batch_size=BATCH,
        processes=processes,
        total=EPOCHS * updates,
        whole=whole,
        why={},
    )
    facts = engine.merged(tokens_per_sample=TOKENS)
    values = ps.resolve(ps.parse(line), facts=facts)(np.arange(EPOCHS * updates), base=0.1)
    within = np.minimum(np.arange(updates) * accumulation * processes * BATCH, samples)
    seen = (np.arange(EPOCHS)[:, None] * samples + within).ravel()
    return seen, values


@pytest.mark.parametrize(("processes", "accumulation"), [(1, 2), (1, 4), (2, 1), (2, 4), (3, 2), (8, 3)])
@table(
    ("unit", "samples"),
    # 900 samples end with a short window, which counts as a full one: RunFacts has one size of update.
    [
        (unit, samples)
        for unit in PLANS
        for samples in (960, 900)
        if samples == 960 or unit not in ("samples", "tokens")
    ],
)
def test_the_curve_over_the_seen_data_is_equal_within_one_update(unit, processes, accumulation, samples):
    seen, alone = curve(PLANS[unit], 1, 1, samples)

    shared_seen, shared = curve(PLANS[unit], processes, accumulation, samples)

    # The samples of one update of each run. A short window needs a tolerance of one more update.
    tolerance = processes * accumulation * BATCH * (1 if samples == 960 else 2) + BATCH
    for samples_before, value in zip(shared_seen, shared, strict=True):
        near = alone[(seen >= samples_before - tolerance) & (seen <= samples_before + tolerance)]
        assert near.min() * (1 - 1e-12) <= value <= near.max() * (1 + 1e-12)


def warned(plan, **facts):
    """Return the codes of the warnings for an engine with 16 batches in an epoch, of which 4 are one update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    engine = EngineFacts(call="engine.plan", batches=16, accumulation=4, total=12, why={})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        engine.attach(optimizer, plan, PlanOptions(facts=ps.RunFacts(**facts)))
    return [str(warning.message).rpartition("[")[2].rstrip("]") for warning in caught]


@table(
    ("facts", "codes"),
    [
        ({"steps_per_epoch": 16}, ["PS216"]),
        ({"steps_per_epoch": 16, "accumulation": 4}, []),
        ({"steps_per_epoch": 4}, []),
        ({"batches_per_epoch": 16}, []),
        ({}, []),
    ],
)
def test_batches_as_updates_of_an_epoch_are_reported_at_once(facts, codes):
    assert warned("cosine()", **facts) == codes


@pytest.mark.parametrize(
    ("total", "codes"), [("3 epochs", []), (12, []), (30, ["PS201"]), ("10 epochs", ["PS201"]), (6, [])]
)
def test_a_plan_that_is_longer_than_the_run_is_reported_at_the_start(total, codes):
    assert warned(ps.Plan(lr="cosine()", total=total)) == codes


def validations(batches, epochs, steps, accumulation, interval, every):
    """Return the validations of a naive loop of Lightning, and its epochs, of which the last may be incomplete."""
    updates = actual = 0
    for epoch in count(1) if epochs < 0 else range(1, epochs + 1):
        for batch in range(1, batches + 1):
            updates += batch % accumulation == 0 or batch == batches
            if every is None:
                actual += ((epoch - 1) * batches + batch) % interval == 0
            else:
                actual += epoch % every == 0 and batch % interval == 0
            if updates == steps and (batch % accumulation == 0 or batch == batches):
                return actual, epoch
    return actual, epochs


def test_the_validations_of_lightning_are_those_of_a_naive_loop():
    lightning = pytest.importorskip("paramsched.engines.lightning")
    for case in product((7, 12), (-1, 3), (-1, 1, 4, 11), (1, 3), (2, 5), (None, 1, 2)):
        batches, epochs, steps, accumulation, interval, every = case
        trainer = SimpleNamespace(
            enable_validation=True, num_training_batches=batches, val_check_batch=interval, max_epochs=epochs,
            check_val_every_n_epoch=every, max_steps=steps, accumulate_grad_batches=accumulation, callbacks=[],
        )  # fmt: skip
        module = SimpleNamespace(automatic_optimization=True)

        actual = tuple(lightning._evaluations_of(trainer, module, observe) for observe in ("validation", "epoch"))

        assert actual == ((None, None) if epochs < 0 and steps < 0 else validations(*case)), case


def test_the_evaluations_of_the_trainer_are_those_of_its_own_callback():
    transformers = pytest.importorskip("transformers")
    from paramsched.engines.transformers import _evaluations_of

    flow = transformers.trainer_callback.DefaultFlowCallback()
    for case in product(("no", "steps", "epoch"), (1, 7, 12), (3, 5), (2, 4, 0.25), (0, 1, 2, 3, 12), (False, True)):
        strategy, updates, epoch, steps, delay, at_start = case
        args = SimpleNamespace(
            eval_strategy=strategy, eval_steps=steps, eval_delay=delay, eval_on_start=at_start,
            logging_first_step=False, logging_strategy="no", save_strategy="no",
        )  # fmt: skip
        state = transformers.TrainerState(max_steps=updates, logging_steps=1)
        state.eval_steps = max(1, -(-updates * steps // 1)) if steps < 1 else steps
        expected = 0  # without that of `eval_on_start`
        for state.global_step in range(1, updates + 1):
            control = transformers.TrainerControl()
            state.epoch = state.global_step / epoch
            flow.on_step_end(args, state, control)
            if state.global_step % epoch == 0 or state.global_step == updates:
                flow.on_epoch_end(args, state, control)
            expected += control.should_evaluate

        assert _evaluations_of(args, updates, epoch) == expected, case
