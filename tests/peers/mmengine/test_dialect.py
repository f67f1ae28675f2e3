"""Plans read from MMEngine's configs against real MMEngine."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.config.read_bases import read_python
from paramsched.peers import mmengine
from support import mmengine_peer as peer

CALENDAR = ps.Calendar(total=f"{peer.EPOCHS} epochs", steps_per_epoch=peer.LENGTH)


def planned(plan, kind, groups):
    """Return the values of a plan: a row per update, a column per field and group, unscheduled ones included."""
    optimizer = peer.optimizer_of(kind, groups)
    trace = ps.trace(plan, optimizer, CALENDAR)
    rows = np.tile(peer.present(optimizer), (trace.total, 1))
    for index, field in enumerate(peer.FIELDS):
        for group in range(groups):
            if (field, group) in trace:
                rows[:, index * groups + group] = trace[field, group]
    return rows


def with_ends(configs):
    """Add an end derived from the run's length, in the unit of each scheduler."""
    ends = {True: peer.EPOCHS, False: peer.EPOCHS * peer.LENGTH}
    return [{"end": ends[one.get("by_epoch", True)], **one} for one in configs]


@given(peer.lists())
def test_the_plan_of_a_list_has_mmengines_values(drawn):
    configs, kind, groups = drawn
    expected = peer.peer_values(configs, kind, groups)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)

    peer.assert_same(planned(plan, kind, groups), expected, kind, groups)


@given(peer.lists())
def test_a_list_read_without_an_epoch_length_has_mmengines_values_once_it_is_known(drawn):
    configs, kind, groups = drawn
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            plan = mmengine.to_plan({"param_scheduler": with_ends(configs), "train_cfg": {"max_epochs": peer.EPOCHS}})
        except ps.errors.MissingFact:
            reject()
    least = [int(found[1]) for one in told if (found := re.search(r"from (\d+) iterations", str(one.message)))]
    if max(least, default=1) > peer.LENGTH:
        reject()

    peer.assert_same(planned(plan, kind, groups), peer.peer_values(with_ends(configs), kind, groups), kind, groups)


@pytest.mark.parametrize("end", [2.5, 0.75, 1.125, 3.0])
@pytest.mark.parametrize("curve", ["Linear", "Constant", "Poly"])
@pytest.mark.parametrize("length", [5, 6, 8, 50])
def test_a_fraction_of_an_epoch_is_truncated_to_iterations_as_in_mmengine(curve, end, length):
    config = {"type": f"{curve}LR", "begin": 0, "end": end, "by_epoch": True, "convert_to_iter_based": True}
    facts = ps.Calendar(steps_per_epoch=length)
    plan = mmengine.to_plan({"param_scheduler": config, "train_cfg": {"max_epochs": 4}})
    optimizer = peer.optimizer_of("SGD", 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = peer.built_by_peer([config], optimizer, 4, length)
        expected = peer.run(built, optimizer, 4, length)[:, 0]

    np.testing.assert_allclose(ps.trace(plan, {"lr": 0.1}, facts)["lr"], expected, rtol=1e-12)


@given(peer.lists())
def test_an_exported_plan_is_read_back_with_the_same_values(drawn):
    configs, kind, groups = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)
        try:
            said = mmengine.from_plan(plan)
        except ps.errors.PlanError:
            reject()
        again = mmengine.to_plan(read_python(mmengine.write(said)), calendar=CALENDAR)

    np.testing.assert_array_equal(planned(again, kind, groups), planned(plan, kind, groups))


@given(peer.lists())
def test_an_exported_plan_has_the_same_values_in_mmengine(drawn):
    configs, kind, groups = drawn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)
        try:
            said = mmengine.from_plan(plan)["param_scheduler"]
        except ps.errors.PlanError:
            reject()

    peer.assert_same(peer.peer_values(said, kind, groups), planned(plan, kind, groups), kind, groups)


@given(peer.scheduler_configs(), st.booleans())
def test_the_plan_of_a_single_scheduler_can_be_exported_to_mmengine(config, known):
    (whole,) = with_ends([{name: value for name, value in config.items() if name != "end"}])
    config = {**whole, "end": min(config.get("end", whole["end"]), whole["end"])}
    train = {"train_cfg": {"max_epochs": peer.EPOCHS}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            plan = mmengine.to_plan({"param_scheduler": config, **train}, calendar=CALENDAR if known else None)
        except ps.errors.MissingFact:
            reject()
        said = mmengine.from_plan(plan)
        again = mmengine.to_plan({**train, **said}, calendar=CALENDAR if known else None)

    np.testing.assert_array_equal(planned(again, "SGD", 2), planned(plan, "SGD", 2))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"type": "ConstantLR", "factor": 0.5, "begin": 4, "end": 7}, {"begin": 4, "end": 7}),
        ({"type": "ConstantLR", "factor": 0.5, "begin": 4}, {"begin": 4, "end": 12}),
        ({"type": "ConstantLR", "factor": 0.5, "begin": 40, "by_epoch": False}, {"begin": 40, "end": 60}),
        (
            {"type": "LinearLR", "begin": 1, "end": 5, "convert_to_iter_based": True},
            {"begin": 1, "end": 5, "convert_to_iter_based": True},
        ),
        (
            {"type": "StepLR", "step_size": 6, "begin": 9, "end": 12, "convert_to_iter_based": True},
            {"begin": 9, "end": 12, "convert_to_iter_based": True},
        ),
        (
            {"type": "ExponentialLR", "gamma": 0.9, "begin": 1, "end": 5, "convert_to_iter_based": True},
            {"begin": 1, "end": 5, "convert_to_iter_based": True},
        ),
    ],
)
def test_a_later_window_is_exported_unchanged(config, said):
    calendar = None if "convert_to_iter_based" in config else CALENDAR
    plan = mmengine.to_plan({"param_scheduler": config, "train_cfg": {"max_epochs": 12}}, calendar=calendar)

    (written,) = mmengine.from_plan(plan)["param_scheduler"]

    assert said.items() <= written.items()


@pytest.mark.parametrize(
    "line",
    [
        "linear(0.01, 1, over=10) >> cosine(to=0.1)",
        "linear(0.001, 1, over=5) >> constant(over=20) >> linear(1, 0.1, over=30)",
        "cosine(to=absolute(0.003))",
        "cosine(to=0.2, over=40)",
        "multistep([12, 40], 0.3)",
        "step(13, 0.5)",
        "exponential(0.99)",
        "polynomial(2.0, over=50)",
        "chain(warmup(10, 0.1), exponential(0.98))",
        "constant(0.25)",
        'every(cosine(over="12 epochs"), "epoch")',
        'step("3 epochs")',
    ],
)
def test_an_exported_native_plan_has_the_same_values_in_mmengine(line):
    plan = ps.Plan(lr=line, horizon=peer.EPOCHS * peer.LENGTH)

    said = mmengine.from_plan(plan)["param_scheduler"]

    peer.assert_same(peer.peer_values(said, "SGD", 2), planned(plan, "SGD", 2), "SGD", 2)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("warmup(10) >> cosine()", "cannot be 0"),
        ("linear(0.5, 2.0)", "factors of LinearLR must be in"),
        ("cosine(index='(t+1)/n')", "t/n"),
        ("linear(0.1, 1, over='5%')", "integer number of epochs or iterations"),
        ("linear(0.5, 1, over='5 epochs')", "between epochs only"),
        ("inverse_sqrt(10)", "no such scheduler"),
        ("cosine() * plateau(min=0.1)", "the floor of ReduceOnPlateauLR is an absolute value"),
    ],
)
def test_a_plan_that_mmengine_cannot_express_is_rejected_with_the_reason(line, why):
    plan = ps.Plan(lr=line, horizon=100)

    with pytest.raises(ps.errors.PlanError, match=why) as refusal:
        mmengine.from_plan(plan)

    assert 'format="yaml"' in str(refusal.value) or "resolve" in str(refusal.value)


def test_schedulers_by_optimizer_are_separate_plans():
    config = {
        "generator": [{"type": "StepLR", "step_size": 2}],
        "discriminator": [{"type": "ExponentialLR", "gamma": 0.5}],
    }

    plans = mmengine.to_plans(config, calendar=CALENDAR)

    assert {name: str(plan.bindings[0]) for name, plan in plans.items()} == {
        "generator": 'lr: step("2 epochs")',
        "discriminator": 'lr: every(exponential(0.5, "1 epoch"), "1 epoch")',
    }
    assert {binding.groups for binding in mmengine.to_plan(config, calendar=CALENDAR).bindings} == set(plans)


def test_a_peak_per_group_becomes_a_binding_per_group():
    config = {"type": "OneCycleLR", "eta_max": [0.1, 0.5]}
    plan = mmengine.to_plan(config, calendar=CALENDAR)

    peer.assert_same(planned(plan, "SGD", 2), peer.peer_values([config], "SGD", 2), "SGD", 2)


def test_a_plateau_becomes_a_metric_rule_with_a_floor_as_a_multiple_of_base():
    config = {
        "param_scheduler": {"type": "ReduceOnPlateauLR", "monitor": "acc", "rule": "greater", "min_value": 0.001},
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}},
        "train_cfg": {"max_epochs": 5},
        "val_cfg": {},
    }

    (rule,) = mmengine.to_plan(config).metric_rules

    assert (rule.metric, rule.mode, rule.min, rule.eps) == ("acc", "max", 0.01, 1e-7)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"type": "ReduceOnPlateauLR", "begin": 2}, r"\$"),
        ({"type": "ReduceOnPlateauLR", "min_value": 0.1}, r"\$\.min_value"),
        ({"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 3}, r"\$\.total_steps"),
        ({"type": "StepLR", "step_size": 1, "last_step": 3}, r"\$\.last_step"),
        ({"type": "StepParamScheduler", "step_size": 1}, r"\$\.param_name"),
        ([], r"\$"),
        ({}, r"\$"),
        (3, r"\$"),
        ({"train_cfg": {"max_epochs": 3}}, r"\$"),
        ({"a": {"type": "StepLR", "step_size": 0}}, r"\$\.a\.step_size"),
    ],
)
def test_an_invalid_config_is_rejected_with_its_location(config, path):
    with pytest.raises(ps.errors.ConfigError, match=path + ":"):
        mmengine.to_plan(config, calendar=CALENDAR)


@given(peer.lists(), st.data())
def test_every_error_is_reported_with_its_location(drawn, data):
    configs, _, _ = drawn
    spoiled = []
    for index, config in enumerate(configs):
        name = data.draw(st.sampled_from(sorted(set(config) - {"convert_to_iter_based", "begin"})))
        configs[index] = {**config, name: {"type": "NoLR", "by_epoch": "yes"}.get(name, {"not": "this"})}
        spoiled.append(f"$[{index}].{name}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ps.errors.ConfigError) as refusal:
            mmengine.to_plan(configs, calendar=CALENDAR)

    told = {problem.split(":")[0] for problem in refusal.value.problems}
    assert told == set(spoiled)
