"""What the public methods of the classes of MMEngine return, print and refuse, next to those of MMEngine."""

import copy
import logging
import warnings

import mmengine.optim as originals_optim
import mmengine.optim.scheduler as originals
import pytest
import torch

from paramsched.errors import ConfigError, InvalidArgument, StateError
from paramsched.mmengine import schedulers as drop_in
from paramsched.mmengine.schedulers.base import inner_optimizer
from support.tables import table


def sgd(*lrs, **more):
    lrs = lrs or (0.1, 0.02)
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs]
    return torch.optim.SGD(groups, lr=0.1, **{"momentum": 0.9, **more})


def adam():
    return torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=0.1)


def steps(scheduler, count=1):
    for _ in range(count):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


@table("verbose", [True, False])
@pytest.mark.parametrize("logged", [True, False])
def test_only_a_verbose_scheduler_reports_its_values_and_logs_them_if_there_is_a_handler(
    logged, verbose, capsys, caplog
):
    log = logging.getLogger("paramsched")
    level, actual = log.level, []
    log.setLevel(logging.INFO if logged else logging.WARNING)
    caplog.clear()
    try:
        steps(drop_in.StepLR(sgd(), 2, verbose=verbose), 1)
        plateau = drop_in.ReduceOnPlateauLR(sgd(), patience=0, verbose=verbose)
        for loss in (1.0, 2.0):
            plateau.step({"loss": loss})
    finally:
        log.setLevel(level)
    printed = capsys.readouterr().out.splitlines()
    actual = [*printed, *(record.getMessage() for record in caplog.records)]

    lines = [
        f"Adjusting parameter value of group {i} to {lr:.4e}." for _ in range(2) for i, lr in ((0, 0.1), (1, 0.02))
    ]
    lines += [f"Adjusting parameter value of group {i} to {lr:.4e} in epoch 1." for i, lr in ((0, 0.01), (1, 0.002))]
    assert actual == (lines if verbose else [])
    assert bool(printed) is (verbose and not logged)


def lengthy(**more):
    return {"epoch_length": 10, "begin": 1, "end": 3, **more}


CONVERTED = {
    "ConstantParamScheduler": {"factor": 0.5},
    "CosineAnnealingParamScheduler": {"T_max": 2, "eta_min": 0.01},
    "CosineRestartParamScheduler": {"periods": [1, 1], "restart_weights": [1, 0.5], "eta_min": 0.0},
    "LinearParamScheduler": {"start_factor": 0.2},
    "MultiStepParamScheduler": {"milestones": [1], "gamma": 0.5},
    "PolyParamScheduler": {"power": 2.0},
    "StepParamScheduler": {"step_size": 1, "gamma": 0.5},
}


@table("name", CONVERTED)
def test_arguments_in_epochs_become_iterations_as_in_mmengine(name):
    rows = []
    for library in (originals, drop_in):
        build = getattr(library, name).build_iter_from_epoch
        scheduler = build(sgd(), "lr", **lengthy(**copy.deepcopy(CONVERTED[name])))
        assert scheduler.by_epoch is False
        rows.append([(rates(steps(scheduler).optimizer), scheduler.last_step) for _ in range(35)])

    torch.testing.assert_close(rows[1], rows[0], rtol=1e-9, atol=1e-12)


WRONG_CALLS = {
    "no step_size": (TypeError, lambda m: m.StepLR.build_iter_from_epoch(sgd(), epoch_length=9)),
    "step_size by position": (TypeError, lambda m: m.StepLR.build_iter_from_epoch(sgd(), 3, epoch_length=9)),
    "an epoch of 0": (AssertionError, lambda m: m.StepLR.build_iter_from_epoch(sgd(), step_size=1, epoch_length=0)),
    "an epoch of None": (AssertionError, lambda m: m.StepLR.build_iter_from_epoch(sgd(), step_size=1)),
    "no optimizer": (TypeError, lambda m: m.StepLR(3, 1)),
    "an empty range": (ValueError, lambda m: m.StepLR(sgd(), 1, begin=3, end=3)),
    "an empty range of any class": (ValueError, lambda m: m._ParamScheduler(sgd(), "lr", begin=3, end=3)),
    "last_step -2": (AssertionError, lambda m: m.StepLR(sgd(), 1, last_step=-2)),
    "last_step of any class": (AssertionError, lambda m: m._ParamScheduler(sgd(), "lr", last_step=1.0)),
    "a bool as last_step": (AssertionError, lambda m: m._ParamScheduler(sgd(), "lr", last_step=True)),
    "no initial_lr": (KeyError, lambda m: m.StepLR(sgd(), 1, last_step=3)),
    "a tuple": (TypeError, lambda m: m.StepParamScheduler(adam(), "betas", 1)),
    "no momentum": (ValueError, lambda m: m.StepMomentum(torch.optim.Adagrad([torch.ones(1)]), 1)),
    "no values": (NotImplementedError, lambda m: m._ParamScheduler(sgd(), "lr")),
    "too few minima": (ValueError, lambda m: m.ReduceOnPlateauLR(sgd(), min_value=[0.1])),
    "metrics in a list": (TypeError, lambda m: m.ReduceOnPlateauLR(sgd()).step([1.0])),
    "too few peaks": (ValueError, lambda m: m.OneCycleLR(sgd(), [0.1], 9)),
    "a cycle of momentum": (AssertionError, lambda m: m.OneCycleParamScheduler(sgd(), "momentum", 0.1, 9)),
    "a wrapped number": (TypeError, lambda m: m.OptimWrapper(3)),
    "accumulation of 0": (ValueError, lambda m: m.OptimWrapper(sgd(), 0)),
    "a bool as accumulation": (ValueError, lambda m: m.OptimWrapper(sgd(), True)),
    "a number as clip_grad": (TypeError, lambda m: m.OptimWrapper(sgd(), clip_grad=3)),
    "no max_norm": (ValueError, lambda m: m.OptimWrapper(sgd(), clip_grad={})),
    "no clip_value": (ValueError, lambda m: m.OptimWrapper(sgd(), clip_grad={"type": "value"})),
    "an unknown clip_grad": (ValueError, lambda m: m.OptimWrapper(sgd(), clip_grad={"type": "x", "max_norm": 1})),
    "no entry": (ConfigError, lambda m: m.build_param_scheduler({"a": None}, {"a": sgd(), "b": sgd()})),
    "no length of an epoch": (
        ValueError, lambda m: m.build_param_scheduler({"type": "LinearLR", "convert_to_iter_based": True}, sgd()),
    ),
    "an unknown policy": (InvalidArgument, lambda m: m.restore([], [], on_change="newer")),
    "states in a list": (StateError, lambda m: m.restore({"a": []}, [])),
    "states of another optimizer": (StateError, lambda m: m.restore({"a": []}, {"b": []})),
}  # fmt: skip


@table("name", WRONG_CALLS)
def test_a_wrong_call_raises_an_error_of_its_class(name):
    kind, call = WRONG_CALLS[name]

    with pytest.raises(kind):
        call(drop_in)


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@table(
    ("change", "said"),
    [
        (lambda state: None, "expected a state, got NoneType"),
        (lambda state: [*state], "expected a state, got list"),
        (lambda state: state | {"_class": "LinearLR"}, "this is the state of LinearLR"),
        (lambda state: state | {"param_name": "momentum"}, "of a scheduler of 'momentum', not of 'lr'"),
        (lambda state: without(state, "last_step"), "the state lacks last_step"),
        (lambda state: without(state, "_global_step"), "the state lacks _global_step"),
        (lambda state: without(without(state, "gamma"), "step_size"), "the state lacks step_size, gamma"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, said):
    state = steps(drop_in.StepLR(sgd(), 2), 3).state_dict()
    for load in (
        lambda value, found: value.load_state_dict(found),
        lambda value, found: drop_in.restore([value], [found]),
    ):
        scheduler = drop_in.StepLR(sgd(), 2)
        before = scheduler.state_dict()
        with pytest.raises(StateError) as refusal:
            load(scheduler, change(state))
        assert said in str(refusal.value)
        assert scheduler.state_dict() == before


def test_the_states_of_several_optimizers_are_restored_by_name():
    def build():
        config = {"a": {"type": "StepLR", "step_size": 2}, "b": {"type": "LinearLR", "end": 9}}
        return drop_in.build_param_scheduler(config, {name: sgd() for name in "ab"}, epoch_length=1, max_epochs=9)

    first, second = build(), build()
    for name, count in (("a", 3), ("b", 5)):
        steps(first[name][0], count)

    actual = drop_in.restore(second, {name: [element.state_dict() for element in many] for name, many in first.items()})

    assert actual == ()
    assert {name: many[0].last_step for name, many in second.items()} == {"a": 3, "b": 5}


def test_a_new_config_of_epochs_and_iterations_needs_the_length_of_an_epoch(caplog):
    def run(start, epochs, iterations, length=4):
        optimizer = sgd(0.1)
        config = [
            {"type": "LinearLR", "start_factor": start, "by_epoch": False, "end": 10},
            {"type": "StepLR", "step_size": 1, "gamma": 0.5, "end": 9},
        ]
        built = drop_in.build_param_scheduler(config, optimizer, epoch_length=length, max_epochs=9)
        for iteration in range(iterations):
            optimizer.step()
            built[0].step()
            if iteration % length == length - 1 and iteration // length < epochs:
                built[1].step()
        return built, rates(optimizer)[0]

    old, before = run(0.5, 2, 9)
    states = [one.state_dict() for one in old]
    _, expected = run(0.2, 2, 9)
    for length, value in ((4, expected), (None, before)):
        new, _ = run(0.2, 0, 0)
        new[0].optimizer.param_groups[0]["lr"] = before
        caplog.clear()
        drop_in.restore(new, states, epoch_length=length)
        assert rates(new[0].optimizer) == [pytest.approx(value)]
        assert ("pass epoch_length to compute it" in caplog.text) is (length is None)


def test_plateaus_that_observed_nothing_are_named_and_other_schedulers_are_not():
    seen, unseen = drop_in.ReduceOnPlateauLR(sgd()), drop_in.ReduceOnPlateauLR(sgd(), monitor="acc", rule="greater")
    seen.step({"loss": 1.0})

    (line,) = drop_in.unmeasured([drop_in.StepLR(sgd(), 1), seen, drop_in.LinearLR(sgd()), unseen])

    assert line.startswith("[3] ReduceOnPlateauLR never received 'acc'")


def test_all_current_values_are_reported_by_field():
    optimizer = sgd()
    schedulers = [drop_in.StepLR(optimizer, 1), drop_in.LinearMomentum(optimizer, start_factor=0.5)]

    assert drop_in.scheduled_values(schedulers) == {"lr": [0.1, 0.02], "momentum": [0.45, 0.45]}
    assert drop_in.scheduled_values([drop_in.StepLR(drop_in.OptimWrapper(sgd()), 1)]) == {"lr": [0.1, 0.02]}


@table("iteration", [0, 99, 100, 399, 400])
def test_the_position_in_periods_is_that_of_mmengine(iteration):
    actual = [
        library.CosineRestartParamScheduler.get_position_from_periods(iteration, [100, 200, 300, 400])
        for library in (originals, drop_in)
    ]

    assert actual[1] == actual[0]


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("peak", [0.5, [0.5, 0.2]])
def test_a_late_group_follows_the_cycle_of_the_last_group(peak, wrapped):
    optimizer = sgd()
    scheduler = drop_in.OneCycleLR(drop_in.OptimWrapper(optimizer) if wrapped else optimizer, peak, 12)
    steps(scheduler, 3)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.7})

    steps(scheduler, 2)

    last, late = optimizer.param_groups[1:]
    assert {key: late[key] for key in ("lr", "initial_lr", "max_lr", "min_lr")} == {
        key: last[key] for key in ("lr", "initial_lr", "max_lr", "min_lr")
    }
    assert scheduler.get_last_value()[:3] == rates(optimizer)


def test_a_late_group_of_a_plateau_has_the_last_minimum():
    optimizer = sgd()
    plateau = drop_in.ReduceOnPlateauLR(optimizer, patience=0, min_value=[0.05, 0.001], factor=0.1)
    plateau.step({"loss": 1.0})
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.004})
    for _ in range(3):
        plateau.step({"loss": 1.0})

    assert rates(optimizer) == [0.05, 0.001, 0.001]


class Around:
    """A wrapper of an optimizer, or of itself."""

    def __init__(self, optimizer=None):
        self.optimizer = self if optimizer is None else optimizer
        self.param_groups = [] if optimizer is None else optimizer.param_groups


def test_the_optimizer_inside_wrappers_is_found():
    optimizer = sgd()

    assert inner_optimizer(optimizer) is optimizer
    assert inner_optimizer(Around(Around(drop_in.OptimWrapper(optimizer)))) is optimizer
    assert inner_optimizer(Around()) is None
    assert inner_optimizer(3) is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_changed_step_of_the_optimizer_warns_as_in_mmengine(count):
    actual = []
    for library in (originals, drop_in):
        optimizer = sgd()
        scheduler = library.StepLR(optimizer, 2)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(count):
                optimizer.step()
            optimizer.step = lambda: None
            steps(scheduler, 2)
        actual.append([str(one.message).partition(". ")[0] for one in seen if "optimizer.step" in str(one.message)])

    assert actual[1] == actual[0]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("clip", [None, {"max_norm": 0.1}, {"type": "value", "clip_value": 0.1}])
def test_the_values_and_the_state_of_a_wrapper_are_those_of_mmengines(groups, clip):
    actual = []
    for library in (originals_optim, drop_in):
        torch.manual_seed(0)
        optimizer = sgd(*[0.1, 0.02][:groups])
        wrapper = library.OptimWrapper(optimizer, clip_grad=None if clip is None else dict(clip))
        for _ in range(3):
            loss = sum((group["params"][0] ** 2).sum() for group in optimizer.param_groups)
            wrapper.update_params(loss, step_kwargs={"closure": None}, zero_kwargs={"set_to_none": False})
        state = wrapper.state_dict()
        actual.append(
            [
                wrapper.get_lr(),
                wrapper.get_momentum(),
                [group["params"][0].item() for group in optimizer.param_groups],
                [group["params"][0].grad.item() for group in optimizer.param_groups],
                wrapper.inner_count,
                sorted(state),
            ]
        )

    assert actual[1][0] == actual[0][0]
    assert actual[1][1]["momentum"] == actual[0][1]["momentum"]
    assert actual[1][2:] == actual[0][2:]


def test_a_registry_has_a_size_contains_names_and_builds():
    registry = drop_in.PARAM_SCHEDULERS

    assert len(registry) >= 29
    assert "StepLR" in registry
    assert "NoSuchLR" not in registry
    built = registry.build({"type": "StepLR", "step_size": 2}, {"optimizer": sgd(), "step_size": 3, "gamma": 0.5})
    assert (type(built).__name__, built.step_size, built.gamma) == ("StepLR", 2, 0.5)


def test_a_length_of_an_epoch_in_a_dict_is_used_by_the_runner_only():
    (built,) = drop_in.build_param_scheduler({"type": "StepLR", "step_size": 2, "epoch_length": 7}, sgd())

    assert built.step_size == 2
    assert drop_in.build_param_scheduler(None, sgd()) == []
    assert drop_in.build_param_scheduler({"a": None}, {"a": sgd()}) == {"a": []}


def test_a_restored_cycle_uses_the_peak_of_each_group():
    def cycle(peaks):
        return drop_in.OneCycleLR(sgd(1.0, 1.0, 1.0), peaks, 10)

    saved, whole = cycle([0.2, 0.4, 0.6]), cycle([0.3, 0.5, 0.9])
    for scheduler in (saved, whole):
        steps(scheduler, 4)
    resumed = cycle([0.3, 0.5, 0.9])
    drop_in.restore([resumed], [saved.state_dict()])

    assert rates(resumed.optimizer) == pytest.approx(rates(whole.optimizer))


def test_a_users_class_without_a_field_has_no_scheduled_value():
    class Own(drop_in._ParamScheduler):
        def __init__(self, optimizer):
            self.optimizer = optimizer

    assert drop_in.scheduled_values([Own(sgd())]) == {}


def test_a_plateau_that_continues_without_a_metric_is_unmeasured():
    optimizer = sgd()
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    scheduler = drop_in.ReduceOnPlateauLR(optimizer, last_step=3)
    assert len(drop_in.unmeasured([scheduler])) == 1
    scheduler.step({"loss": 1.0})
    assert drop_in.unmeasured([scheduler]) == []


def test_a_wrapper_is_shown_with_its_arguments():
    assert repr(drop_in.OptimWrapper(sgd(), 4)).endswith(", accumulative_counts=4)")
