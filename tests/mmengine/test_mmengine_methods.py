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
    level = log.level
    actual = []
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


WINDOW = "end should be larger than begin"
LAST = "expected an integer of at least -1"
BY_KEYWORD = "pass step_size by keyword"
WRONG_CALLS = {
    "no step_size": (TypeError, None, lambda m: m.StepLR.build_iter_from_epoch(sgd(), epoch_length=9)),
    "step_size by place": (TypeError, BY_KEYWORD, lambda m: m.StepLR.build_iter_from_epoch(sgd(), 3, epoch_length=9)),
    "step_size after a field": (
        TypeError, BY_KEYWORD, lambda m: m.StepParamScheduler.build_iter_from_epoch(sgd(), "lr", 2, epoch_length=5),
    ),
    "an epoch of 0": (
        AssertionError, None, lambda m: m.StepLR.build_iter_from_epoch(sgd(), step_size=1, epoch_length=0),
    ),
    "an epoch of None": (AssertionError, None, lambda m: m.StepLR.build_iter_from_epoch(sgd(), step_size=1)),
    "no optimizer": (TypeError, "should be an Optimizer, but got int", lambda m: m.StepLR(3, 1)),
    "no optimizer of a cycle": (TypeError, "should be an Optimizer, but got int", lambda m: m.OneCycleLR(3, 0.1, 5)),
    "no optimizer of a momentum": (TypeError, "should be an Optimizer, but got int", lambda m: m.LinearMomentum(3)),
    "no optimizer of any class": (TypeError, "should be an Optimizer", lambda m: m._ParamScheduler(3, "lr")),
    "an empty range": (ValueError, WINDOW, lambda m: m.StepLR(sgd(), 1, begin=3, end=3)),
    "an empty range of any class": (ValueError, WINDOW, lambda m: m._ParamScheduler(sgd(), "lr", begin=3, end=3)),
    "last_step -2": (AssertionError, f"{LAST}, got last_step=-2", lambda m: m.StepLR(sgd(), 1, last_step=-2)),
    "last_step 0.5": (AssertionError, LAST, lambda m: m.StepLR(initial(), 1, last_step=0.5)),
    "a bool as last_step": (AssertionError, LAST, lambda m: m.StepLR(initial(), 1, last_step=True)),
    "last_step of any class": (AssertionError, LAST, lambda m: m._ParamScheduler(sgd(), "lr", last_step=1.0)),
    "a bool of any class": (AssertionError, LAST, lambda m: m._ParamScheduler(sgd(), "lr", last_step=True)),
    "no initial_lr": (KeyError, "'initial_lr' is not specified", lambda m: m.StepLR(sgd(), 1, last_step=3)),
    "a tuple": (TypeError, None, lambda m: m.StepParamScheduler(adam(), "betas", 1)),
    "no momentum": (
        ValueError, r"must support momentum .*: it has lr, .*Use SGD with momentum",
        lambda m: m.StepMomentum(torch.optim.Adagrad([torch.ones(1)]), 1),
    ),
    "no values": (NotImplementedError, r"has no _get_value\(\)", lambda m: m._ParamScheduler(sgd(), "lr")),
    "milestones in a text": (TypeError, "expected a list of numbers, got '8'", lambda m: m.MultiStepLR(sgd(), "8")),
    "too few minima": (ValueError, "expected 2 min_", lambda m: m.ReduceOnPlateauLR(sgd(), min_value=[0.1])),
    "metrics in a list": (TypeError, "metrics type should be dict", lambda m: m.ReduceOnPlateauLR(sgd()).step([1.0])),
    "another metric": (KeyError, "key loss is not in dict", lambda m: m.ReduceOnPlateauLR(sgd()).step({"acc": 1.0})),
    "too few peaks": (ValueError, "expected 2 values for", lambda m: m.OneCycleLR(sgd(), [0.1], 9)),
    "a cycle of no length": (ValueError, "total_steps", lambda m: m.OneCycleLR(sgd(), 0.1, total_steps=0)),
    "a cycle of momentum": (
        AssertionError, "only works for learning rate", lambda m: m.OneCycleParamScheduler(sgd(), "momentum", 0.1, 9),
    ),
    "a wrapped number": (TypeError, "expected a torch optimizer, got int", lambda m: m.OptimWrapper(3)),
    "no entry": (ConfigError, None, lambda m: m.build_param_scheduler({"a": None}, {"a": sgd(), "b": sgd()})),
    "no length of an epoch": (
        ValueError, None, lambda m: m.build_param_scheduler({"type": "LinearLR", "convert_to_iter_based": True}, sgd()),
    ),
    "an unknown policy": (InvalidArgument, None, lambda m: m.restore([], [], on_change="newer")),
    "states in a list": (StateError, None, lambda m: m.restore({"a": []}, [])),
    "states of other optimizers": (
        StateError, "for a, b, got b, c$", lambda m: m.restore({"a": [], "b": []}, {"b": [], "c": []}),
    ),
}  # fmt: skip
AS_IN_MMENGINE = (
    *("no optimizer", "an empty range", "no initial_lr", "too few minima", "metrics in a list", "another metric"),
    *("too few peaks", "a cycle of no length", "a cycle of momentum"),
)


def initial():
    optimizer = sgd()
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    return optimizer


@table("name", WRONG_CALLS)
def test_a_wrong_call_raises_an_error_of_its_class(name):
    error_class, said, call = WRONG_CALLS[name]

    with pytest.raises(error_class, match=said):
        call(drop_in)
    if name in AS_IN_MMENGINE:
        with pytest.raises(error_class):
            call(originals_optim)


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
    states = [scheduler.state_dict() for scheduler in old]
    _, expected = run(0.2, 2, 9)
    for length, value in ((4, expected), (None, before)):
        new, _ = run(0.2, 0, 0)
        new[0].optimizer.param_groups[0]["lr"] = before
        caplog.clear()
        drop_in.restore(new, states, epoch_length=length)
        assert rates(new[0].optimizer) == [pytest.approx(value)]
        assert ("pass epoch_length to compute it" in caplog.text) is (length is None)


@table("iteration", [0, 99, 100, 399, 400])
def test_the_position_in_periods_is_that_of_mmengine(iteration):
    actual = [
        library.CosineRestartParamScheduler.get_position_from_periods(iteration, [100, 200, 300, 400])
        for library in (originals, drop_in)
    ]

    assert actual[1] == actual[0]


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
        actual.append(
            [str(warning.message).partition(". ")[0] for warning in seen if "optimizer.step" in str(warning.message)]
        )

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
                len(wrapper.param_groups),
                sorted(state),
            ]
        )

    assert actual[1][0] == actual[0][0]
    assert actual[1][1]["momentum"] == actual[0][1]["momentum"]
    assert actual[1][2:] == actual[0][2:]


def test_a_length_of_an_epoch_in_a_dict_is_used_by_the_runner_only():
    (built,) = drop_in.build_param_scheduler({"type": "StepLR", "step_size": 2, "epoch_length": 7}, sgd())

    assert built.step_size == 2
    assert drop_in.build_param_scheduler(None, sgd()) == []
    assert drop_in.build_param_scheduler({"a": None}, {"a": sgd()}) == {"a": []}


def test_a_restored_cycle_uses_the_peak_of_each_group():
    def cycle(peaks):
        return drop_in.OneCycleLR(sgd(1.0, 1.0, 1.0), peaks, 10)

    saved = cycle([0.2, 0.4, 0.6])
    whole = cycle([0.3, 0.5, 0.9])
    for scheduler in (saved, whole):
        steps(scheduler, 4)
    resumed = cycle([0.3, 0.5, 0.9])
    drop_in.restore([resumed], [saved.state_dict()])

    assert rates(resumed.optimizer) == pytest.approx(rates(whole.optimizer))


def test_a_plateau_that_continues_without_a_metric_is_unmeasured():
    scheduler = drop_in.ReduceOnPlateauLR(initial(), last_step=3)
    assert len(drop_in.unmeasured([scheduler])) == 1
    scheduler.step({"loss": 1.0})
    assert drop_in.unmeasured([scheduler]) == []


def test_a_wrapper_is_shown_with_its_arguments():
    assert repr(drop_in.OptimWrapper(sgd(), 4)).endswith(", accumulative_counts=4)")
