"""The run in an MMEngine config: train loop, hooks, several optimizers; and configs without a plan."""

import re
import warnings
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.base.problem import PlanWarning
from paramsched.mmengine import reader as mmengine
from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine.reader.config_run import RunLength, windows_overlap

STEP = {"type": "StepLR", "step_size": 2}


def refusal(config):
    with pytest.raises(ps.errors.ConfigError) as refused:
        mmengine.to_plan(config)
    return "\n".join(refused.value.problems)


@pytest.mark.parametrize(
    ("train", "horizon"),
    [
        ({"type": "EpochBasedTrainLoop", "max_epochs": 4}, "4 epochs"),
        ({"type": "mmengine.EpochBasedTrainLoop", "max_epochs": 4.0}, "4 epochs"),
        ({"by_epoch": True, "max_epochs": 4}, "4 epochs"),
        ({"by_epoch": False, "max_iters": 40}, "40"),
        ({"type": "IterBasedTrainLoop", "max_iters": 40}, "40"),
        ({"type": "mmrazor.DistillLoop", "max_epochs": 4}, "4 epochs"),
        ({"max_epochs": 4}, "4 epochs"),
        (None, "None"),
    ],
)
def test_the_horizon_is_that_of_the_train_loop(train, horizon):
    plan = mmengine.to_plan({"param_scheduler": {**STEP, "end": 9}, "train_cfg": train})

    assert str(plan.horizon) == horizon


@pytest.mark.parametrize(
    ("train", "path"),
    [
        ({"type": "EpochBasedTrainLoop", "max_iters": 40}, "$.train_cfg.max_iters"),
        ({"by_epoch": True, "max_iters": 40}, "$.train_cfg.max_iters"),
        ({"by_epoch": True, "max_epochs": 4, "max_iters": 40}, "$.train_cfg.max_iters"),
        ({"type": "IterBasedTrainLoop", "max_epochs": 4}, "$.train_cfg.max_epochs"),
        ({"by_epoch": False, "max_iters": 40, "max_epochs": None}, "$.train_cfg.max_epochs"),
        ({"by_epoch": True, "type": "EpochBasedTrainLoop", "max_epochs": 4}, "$.train_cfg"),
        ({"by_epoch": True, "max_epochs": 4.5}, "$.train_cfg.max_epochs"),
        ({"by_epoch": True, "max_epochs": 0}, "$.train_cfg.max_epochs"),
    ],
)
def test_a_train_loop_that_mmengine_rejects_is_rejected(train, path):
    told = refusal({"param_scheduler": STEP, "train_cfg": train})

    assert told.startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "SGD"])
def test_the_bases_of_an_optimizer_without_arguments_are_the_defaults_of_torch(name):
    defaults = getattr(torch.optim, name)([torch.zeros(1)]).defaults

    for kind in (name, f"torch.optim.{name}", getattr(torch.optim, name)):
        (values,) = mmengine.bases_of({"optim_wrapper": {"optimizer": {"type": kind}}}).groups
        fields = {"lr", "momentum", "betas", "weight_decay"}
        assert values == {field: defaults[field] for field in defaults if field in fields}


def test_a_type_may_be_a_class_as_in_a_lazy_config():
    class EpochBasedTrainLoop:
        pass

    plan = mmengine.to_plan(
        {
            "param_scheduler": {"type": drop_ins.StepLR, "step_size": 2},
            "train_cfg": {"type": EpochBasedTrainLoop, "max_epochs": 4},
            "default_hooks": {"param_scheduler": {"type": type("ParamSchedulerHook", (), {})}},
        }
    )

    assert str(plan) == 'horizon: 4 epochs\nlr: step("2 epochs")'
    assert 'unknown scheduler "torch.optim.lr_scheduler.StepLR"' in refusal({"type": torch.optim.lr_scheduler.StepLR})


@pytest.mark.parametrize("other", [[], ()])
def test_an_optimizer_with_an_empty_list_has_no_schedule(other):
    plan = mmengine.to_plan({"param_scheduler": {"net": [STEP], "other": other}, "train_cfg": {"max_epochs": 4}})

    assert [(binding.name, binding.groups) for binding in plan.bindings] == [("lr", "net")]


@pytest.mark.parametrize("nothing", [None, [], (), {"net": [], "other": []}])
def test_a_config_without_schedulers_is_rejected(nothing):
    assert "$.param_scheduler: " in refusal({"param_scheduler": nothing, "train_cfg": {"max_epochs": 4}})
    assert "contains no scheduler" in refusal({"param_scheduler": nothing})


def test_a_config_without_the_entry_gets_a_suggestion():
    told = refusal({"param_schedulers": STEP, "train_cfg": {"max_epochs": 4}})

    found = '$: param_scheduler is missing from this config of MMEngine; did you mean it by "param_schedulers"?'
    assert told.startswith(found)


def test_an_unrelated_file_is_not_mistaken_for_schedulers_by_optimizer():
    assert refusal({"hooks": [{"type": "EMAHook"}], "n": 3}).startswith("$: param_scheduler is missing")


def test_a_config_of_mmcv_is_recognized():
    assert "lr_config is the key of mmcv 1" in refusal({"lr_config": {"policy": "step", "step": [8, 11]}})


@pytest.mark.parametrize(
    ("hook", "found"),
    [(None, "no hook steps the schedulers"), ({"type": "YOLOv5ParamSchedulerHook"}, "a hook that sets values itself")],
)
def test_a_hook_that_does_not_step_the_schedulers_is_rejected(hook, found):
    config = {"param_scheduler": STEP, "default_hooks": {"param_scheduler": hook}, "train_cfg": {"max_epochs": 4}}

    assert found in refusal(config)


@pytest.mark.parametrize("kind", ["ParamSchedulerHook", "mmengine.ParamSchedulerHook"])
def test_mmengines_own_hook_is_accepted(kind):
    config = {"param_scheduler": STEP, "default_hooks": {"param_scheduler": {"type": kind}}}

    assert str(mmengine.to_plan(config)) == 'lr: step("2 epochs")'


@pytest.mark.parametrize("name", ["step_size", "gamma", "begin"])
@pytest.mark.parametrize("number", [float("nan"), float("-inf"), 10**400], ids=["nan", "-inf", "huge"])
def test_a_number_that_is_not_finite_is_rejected_with_its_location(name, number):
    config = {"type": "StepLR", "step_size": 2, name: number}

    assert refusal(config).startswith(f"$.{name}: {name} must be finite")


def test_an_infinite_end_equals_no_end():
    assert mmengine.to_plan({**STEP, "end": float("inf")}) == mmengine.to_plan(STEP)


@pytest.mark.parametrize("by_epoch", [True, False])
def test_both_suggested_ends_of_a_scheduler_work(by_epoch):
    entry = {"type": "LinearLR", "by_epoch": by_epoch}
    end, fact = re.search(r"For example: end=(\S+), or train_cfg=dict\((\w+)=", refusal(entry)).groups()

    first, second = {**entry, "end": int(end)}, {"param_scheduler": entry, "train_cfg": {fact: int(end)}}
    plans = [mmengine.to_plan(one) for one in (first, second)]
    assert plans[0].bindings == plans[1].bindings


def test_the_native_plan_suggested_for_a_hook_works():
    told = refusal(
        {"param_scheduler": None, "default_hooks": {"param_scheduler": {"type": "YOLOv5ParamSchedulerHook"}}}
    )
    line = told.split("a native plan, ")[1].splitlines()[0]

    assert ps.loads(line).bindings


OVERLAPPING = {
    "turning cosines": {"type": "CosineAnnealingLR", "T_max": 3, "end": 12},
    "late milestones": {"type": "MultiStepLR", "milestones": [40, 50]},
    "by epoch": {"type": "ConstantLR", "end": 12},
}


@pytest.mark.parametrize("kind", OVERLAPPING)
@pytest.mark.parametrize("count", [12, 200])
def test_at_most_ten_warnings_of_each_kind_are_reported(kind, count):
    train = {"max_iters": 100} if kind == "by epoch" else {"max_epochs": 12}

    with pytest.warns(PlanWarning) as caught:
        mmengine.to_plan({"train_cfg": train, "param_scheduler": [OVERLAPPING[kind]] * count})

    by_code = Counter(one.message.problem.code for one in caught)
    assert max(by_code.values()) == 10
    assert any("more like this)" in str(one.message) for one in caught)
    assert sum(len(str(one.message)) for one in caught) < 10_000


ROWS = st.sampled_from(
    [
        {"type": "StepLR", "step_size": 2},
        {"type": "CosineAnnealingLR", "T_max": 2},
        {"type": "ExponentialLR", "gamma": 0.9},
        {"type": "LinearLR"},
    ]
)
WINDOWS = st.tuples(st.integers(0, 12), st.integers(1, 6), st.booleans())


@given(schedulers=st.lists(st.tuples(ROWS, WINDOWS), min_size=1, max_size=6), epoch=st.sampled_from([None, 3]))
def test_a_scheduler_that_interferes_with_another_causes_a_warning(schedulers, epoch):
    data = [
        {**row, "begin": begin, "end": begin + size, "by_epoch": by_epoch}
        for row, (begin, size, by_epoch) in schedulers
    ]
    facts = ps.Calendar(steps_per_epoch=epoch, total="40 epochs") if epoch else None
    length = RunLength(epoch, 40 if epoch else None, None)
    turning = set()
    for index, one in enumerate(data):
        for other, theirs in enumerate(data):
            if index == other or not same_unit_or_overlap(one, theirs, length):
                continue
            overlap = windows_overlap(one, theirs, length)
            if overlap and one["type"] == "CosineAnnealingLR" and one["T_max"] < one["end"] - one["begin"] - 1:
                turning.add(index)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mmengine.to_plan(data, calendar=facts)
        except (ps.errors.ConfigError, ps.errors.MissingFact):
            return

    assert {index_of(one) for one in caught if one.message.problem.code == "PS603"} == turning


def same_unit_or_overlap(one, other, length):
    return one["by_epoch"] == other["by_epoch"] or windows_overlap(one, other, length)


def index_of(caution):
    return int(caution.message.problem.path.removeprefix("$[").removesuffix("]"))


def test_too_many_schedulers_are_rejected():
    assert "expected at most 500 schedulers, got 501" in refusal({"param_scheduler": [STEP] * 501})


def test_a_config_may_have_numbers_as_keys():
    assert "param_scheduler is missing" in refusal({"train_cfg": {"max_iters": 100}, 5: 1e-3})


@given(st.integers(1, 50), st.integers(2, 16), st.integers(1, 9))
def test_the_accumulation_of_the_config_is_used(updates, accumulation, epochs):
    config = {
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 0.1}, "accumulative_counts": accumulation},
        "train_cfg": {"by_epoch": True, "max_epochs": epochs},
        "param_scheduler": [{"type": "CosineAnnealingLR", "end": epochs, "convert_to_iter_based": True}],
    }
    facts = ps.Calendar(batches_per_epoch=updates * accumulation)
    plain = {**config, "optim_wrapper": {}}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = mmengine.to_plan(config, calendar=facts)

    assert plan == mmengine.to_plan(plain, calendar=ps.Calendar(steps_per_epoch=updates))
    assert mmengine.facts_of(config) == ps.Calendar(accumulation=accumulation)
    with pytest.warns(PlanWarning, match=f"it is {accumulation}, but the specified accumulation of 17 takes"):
        mmengine.to_plan(config, calendar=ps.Calendar(batches_per_epoch=600, accumulation=17))


@pytest.mark.parametrize(
    ("scheduler", "train", "path"),
    [
        ({"by_epoch": False, "end": 8}, {"max_epochs": 2}, "$.param_scheduler"),
        ({"by_epoch": False, "end": 8}, {"max_iters": 20}, "$.param_scheduler"),
        ({"end": 1, "convert_to_iter_based": True}, {"max_iters": 20}, "$.train_cfg.max_iters"),
    ],
)
def test_counts_of_batches_are_warned_of(scheduler, train, path):
    config = {
        "optim_wrapper": {"accumulative_counts": 4},
        "train_cfg": train,
        "param_scheduler": {"type": "LinearLR", **scheduler},
    }

    with pytest.warns(PlanWarning, match="with 4 batches per update, .* counts batches in MMEngine") as caught:
        mmengine.to_plan(config, calendar=ps.Calendar(batches_per_epoch=40))

    assert [one.message.problem.path for one in caught] == [path]
