"""The classes of MMEngine: attributes, states, and errors."""

import copy
import inspect
import json
import math
import warnings

import mmengine.optim as originals
import mmengine.optim.scheduler as original_classes
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine import schedulers as mmengine
from paramsched.mmengine.schedulers import build_param_scheduler
from paramsched.mmengine.schedulers.families import SCHEDULER_CLASSES
from support import mmengine_original as original
from support.tables import table

NUMBERS = st.floats(1e-3, 100.0)


def sgd(lr=0.1, groups=1):
    parameters = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)]
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9)


@table("name", SCHEDULER_CLASSES)
def test_a_class_has_the_arguments_of_mmengine_in_its_order(name):
    drop_in = getattr(drop_ins, name)
    reference = getattr(original_classes, name)
    expected = inspect.signature(next(c for c in reference.__mro__ if c.__name__.endswith("ParamScheduler"))).parameters
    skipped = set() if name.endswith("ParamScheduler") else {"param_name"}

    actual = [(parameter.name, parameter.default) for parameter in inspect.signature(drop_in).parameters.values()]

    assert actual == [
        (parameter.name, parameter.default) for parameter in expected.values() if parameter.name not in skipped
    ]
    assert drop_in.__doc__.count(":") >= len(actual)


@given(
    st.fixed_dictionaries(
        {
            "rule": st.sampled_from(["less", "greater"]),
            "factor": st.floats(0.1, 0.9),
            "patience": st.integers(0, 3),
            "threshold": st.sampled_from([0.0, 1e-4, 0.1]),
            "threshold_rule": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 3),
            "min_value": st.sampled_from([0.0, 0.01, [0.02, 0.001]]),
            "eps": st.sampled_from([1e-8, 0.01]),
            "begin": st.integers(0, 3),
            "end": st.integers(8, 30),
        }
    ),
    st.lists(NUMBERS | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=25),
    st.sampled_from(["LR", "Momentum", "wrapped"]),
    st.sampled_from(["SGD", "Adam"]),
)
def test_a_plateau_reduces_at_the_same_time_as_mmengine(arguments, metrics, family, optimizer_name):
    actual = []
    for library in (drop_ins, originals):
        optimizer = original.optimizer_of(optimizer_name, 2)
        target = library.OptimWrapper(optimizer) if family == "wrapped" else optimizer
        scheduler = getattr(library, "ReduceOnPlateau" + family.replace("wrapped", "LR"))(target, **arguments)
        actual.append([])
        for metric in metrics:
            scheduler.step()
            scheduler.step({"loss": metric})
            actual[-1].append((original.present(optimizer), scheduler.last_step, scheduler.num_bad_epochs))

    assert actual[0] == actual[1]


def test_a_registered_class_is_built_by_its_name_and_converted():
    @drop_ins.PARAM_SCHEDULERS.register_module()
    class RegisteredForATest(drop_ins._ParamScheduler):
        def __init__(self, optimizer, **options):
            super().__init__(optimizer, "lr", **options)

        def _get_value(self):
            return [0.01 for _ in self.base_values]

    config = {"type": "RegisteredForATest", "begin": 1, "convert_to_iter_based": True}

    (scheduler,) = drop_ins.build_param_scheduler(config, sgd(), epoch_length=10, max_epochs=3)

    assert (type(scheduler), scheduler.begin, scheduler.end) == (RegisteredForATest, 10, 30)
    with pytest.raises(KeyError, match="already registered"):
        drop_ins.PARAM_SCHEDULERS.register_module(module=RegisteredForATest)


def test_one_config_for_several_optimizers_is_built_for_each():
    built = drop_ins.build_param_scheduler(
        {"type": "StepLR", "step_size": 1}, {"a": (a := sgd()), "b": (b := sgd())}, max_epochs=3
    )

    assert [built["a"][0].optimizer, built["b"][0].optimizer] == [a, b]


@pytest.mark.parametrize("counts", [1, 4])
@pytest.mark.parametrize("clip", [None, {"max_norm": 0.1}, {"type": "value", "clip_value": 0.01}])
def test_a_wrapper_updates_like_mmengine(counts, clip):
    actual = []
    for library in (drop_ins, originals):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        wrapper = library.OptimWrapper(
            torch.optim.SGD(model.parameters(), 0.1), accumulative_counts=counts, clip_grad=clip and dict(clip)
        )
        wrapper.initialize_count_status(model, 0, 10)
        for batch in torch.randn(10, 5, 3):
            wrapper.update_params(model(batch).square().mean())
        actual.append(model.weight.detach().clone())

    assert torch.equal(*actual)


@given(original.lists(), st.integers(1, original.EPOCHS * original.LENGTH - 1))
def test_a_run_resumed_at_any_update_equals_an_uninterrupted_run(generated, stop):
    configs, optimizer_name, groups = generated

    def built(optimizer):
        return drop_ins.build_param_scheduler(
            configs, optimizer, epoch_length=original.LENGTH, max_epochs=original.EPOCHS
        )

    def ticks(schedulers, optimizer, begin, end):
        rows = []
        for iteration in range(begin, end):
            rows.append(original.present(optimizer))
            optimizer.step()
            ticking = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
            if (iteration + 1) % original.LENGTH == 0:
                ticking += [scheduler for scheduler in schedulers if scheduler.by_epoch]
            for scheduler in ticking:
                scheduler.step()
        return rows

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = original.optimizer_of(optimizer_name, groups)
        whole = ticks(built(optimizer), optimizer, 0, original.EPOCHS * original.LENGTH)
        optimizer = original.optimizer_of(optimizer_name, groups)
        schedulers = built(optimizer)
        ticks(schedulers, optimizer, 0, stop)
        states = [scheduler.state_dict() for scheduler in schedulers]
        weights = optimizer.state_dict()
        optimizer = original.optimizer_of(optimizer_name, groups)
        schedulers = built(optimizer)
        optimizer.load_state_dict(weights)
        lines = drop_ins.restore(schedulers, states)
        rest = ticks(schedulers, optimizer, stop, original.EPOCHS * original.LENGTH)

    assert lines == ()
    assert rest == whole[stop:]


def optimizer_of(*lrs):
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": lr} for lr in lrs], lr=0.1)


def step_with_a_late_group(scheduler):
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.3})
    scheduler.optimizer.step()
    scheduler.step()


def loaded(scheduler, state):
    scheduler.load_state_dict(state)


def restored(scheduler, state):
    mmengine.restore([scheduler], [state])


@pytest.mark.parametrize("take_over", [loaded, restored])
def test_a_loaded_state_does_not_change_with_the_scheduler(take_over):
    state = mmengine.StepLR(optimizer_of(0.1, 0.2), 2).state_dict()
    before = copy.deepcopy(state)
    scheduler = mmengine.StepLR(optimizer_of(0.1, 0.2), 2)

    take_over(scheduler, state)
    step_with_a_late_group(scheduler)

    assert state == before


def test_a_saved_state_does_not_change_with_the_scheduler():
    scheduler = mmengine.MultiStepLR(optimizer_of(0.1), [2, 4])

    state = scheduler.state_dict()
    before = copy.deepcopy(state)
    scheduler.milestones[7] += 1
    step_with_a_late_group(scheduler)

    assert state == before


def test_a_tuple_that_a_file_made_a_list_is_the_same_argument():
    def build():
        return mmengine.CosineRestartLR(optimizer_of(0.1), periods=(3, 4), restart_weights=(1, 0.5), eta_min=0.0)

    state = json.loads(json.dumps(build().state_dict()))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build().load_state_dict(state)


@pytest.mark.parametrize("module", [drop_ins, originals])
def test_a_plateau_changes_a_value_only_by_more_than_eps(module):
    actual = []
    for eps in (0.5, 0.4999):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = module.ReduceOnPlateauLR(optimizer, factor=0.5, patience=0, eps=eps)
        for loss in (1.0, 1.0):
            scheduler.step({"loss": loss})
        actual.append(optimizer.param_groups[0]["lr"])

    assert actual == [1.0, 0.5]


COSINE = {"type": "CosineAnnealingLR"}
SURPRISING = {
    "a window of one step keeps its factor": [{"type": "LinearLR", "start_factor": 0.001, "end": 1}],
    "a constant of one step keeps its factor": [{"type": "ConstantLR", "factor": 0.001, "end": 1}],
    "a cosine over its window stops one step before its floor": [{**COSINE, "end": 5}],
    "a cosine after T_max ignores others": [{**COSINE, "T_max": 4}, {"type": "MultiStepLR", "milestones": [3]}],
    "a converted exponential multiplies in each iteration": [
        {"type": "ExponentialLR", "gamma": 0.9, "convert_to_iter_based": True}
    ],
    "a floor raises a warmup": [
        {"type": "LinearLR", "start_factor": 0.01, "end": 6}, {**COSINE, "T_max": 12, "eta_min": 0.05}
    ],
    "a cycle replaces the bases of later schedulers": [
        {"type": "OneCycleLR", "eta_max": 0.5, "total_steps": 10, "end": 10}, {**COSINE, "T_max": 3}
    ],
    "half a step of StepLR": [{"type": "StepLR", "step_size": 2.5, "by_epoch": False}],
    "half a step of a cosine": [{**COSINE, "T_max": 2.5}],
    "a step in the middle of a window": [{"type": "LinearLR", "begin": 1.5, "end": 7.5}],
}  # fmt: skip


@pytest.mark.filterwarnings("error:param_scheduler", "error:StepLR")
@pytest.mark.parametrize("name", SURPRISING)
def test_surprising_values_are_those_of_mmengine_without_a_warning(name):
    configs = SURPRISING[name]
    expected = original.original_values(configs, "SGD", 1)
    optimizer = original.optimizer_of("SGD", 1)
    schedulers = build_param_scheduler(configs, optimizer, epoch_length=original.LENGTH, max_epochs=original.EPOCHS)

    torch.testing.assert_close(
        torch.tensor(original.run(schedulers, optimizer)), torch.tensor(expected), rtol=1e-12, atol=0
    )


def test_an_external_write_is_carried_forward():
    actual = []
    for library in (drop_ins, originals):
        optimizer = sgd()
        scheduler = library.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.01)
        for tick in range(9):
            optimizer.step()
            scheduler.step()
            if tick == 3:
                optimizer.param_groups[0]["lr"] *= 0.3
        actual.append(optimizer.param_groups[0]["lr"])

    assert actual[0] == pytest.approx(actual[1], rel=1e-12)


@pytest.mark.filterwarnings("ignore:Detected call")
def test_a_state_of_mmengine_can_be_loaded():
    reference = originals.CosineAnnealingLR(sgd(), T_max=10)
    optimizer = sgd()
    drop_in = drop_ins.CosineAnnealingLR(optimizer, T_max=10)
    reference.step()

    drop_in.load_state_dict(reference.state_dict())

    assert (drop_in.last_step, drop_in._global_step) == (1, 1)


def test_a_user_class_on_the_base_class_defines_its_values():
    class Triangle(drop_ins._ParamScheduler):
        def _get_value(self):
            return [base * (1 - abs(self.last_step - 2) / 2) for base in self.base_values]

    scheduler = Triangle(optimizer := sgd(), "lr", end=5)

    assert original.run([scheduler], optimizer, 6, 1)[:, 0] == pytest.approx([0, 0.05, 0.1, 0.05, 0, 0])


def test_a_user_class_on_an_own_one_overrides_its_values():
    class Doubled(drop_ins.StepLR):
        def __init__(self, optimizer, step_size, times=2.0, **options):
            self.times = times
            super().__init__(optimizer, step_size, **options)

        def _get_value(self):
            return [self.times * value for value in super()._get_value()]

    scheduler = Doubled(optimizer := sgd(), 1, times=4.0, gamma=0.5)

    assert optimizer.param_groups[0]["lr"] == 0.4
    assert scheduler.state_dict()["times"] == 4.0
    assert list(inspect.signature(Doubled).parameters) == ["optimizer", "step_size", "times", "options"]


@pytest.mark.parametrize("groups", [1, 2])
def test_a_wrapper_has_the_groups_of_mmengine(groups):
    optimizer = original.optimizer_of("SGD", groups)
    drop_in = drop_ins.OptimWrapper(optimizer)
    reference = originals.OptimWrapper(optimizer)

    assert len(drop_in.param_groups) == len(reference.param_groups)
    assert drop_in.get_lr() == reference.get_lr()
    assert drop_in.get_momentum() == reference.get_momentum()
    assert groups == 1 or drop_in.param_groups[-1] == reference.param_groups[-1]


def test_a_wrapper_saves_and_loads_its_state():
    wrapper = drop_ins.OptimWrapper(sgd(groups=2))
    drop_ins.StepLR(wrapper, step_size=1)
    loaded = drop_ins.OptimWrapper(sgd(lr=9.0, groups=2))

    loaded.load_state_dict(wrapper.state_dict())

    assert [group["lr"] for group in loaded.param_groups] == [0.1, 0.1, 0.1]
    assert loaded.base_param_settings["initial_lr"] == 0.1
