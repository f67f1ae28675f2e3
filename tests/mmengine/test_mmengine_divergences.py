"""The rows of docs/reference/divergences.md on MMEngine; the names of the tests begin with the row.

A test with `row` runs twice, on our classes and on those of MMEngine, where it must fail.
"""

import copy
import json
import logging
import math
import pickle
import warnings
from types import SimpleNamespace

import mmengine.optim as originals
import pytest
import torch
from mmengine.optim import OptimWrapperDict
from mmengine.optim.scheduler import _ParamScheduler as PeersBase
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from paramsched.errors import StateError
from paramsched.mmengine import schedulers as drop_ins
from support.tables import table


def built_by_runner(config, optimizer, *, epoch_length=10, max_epochs=None, max_iters=None):
    """Build schedulers with MMEngine's own Runner, which has no other parts."""
    runner = object.__new__(Runner)
    runner.logger = logging.getLogger("original")
    loop = object.__new__(EpochBasedTrainLoop if max_iters is None else IterBasedTrainLoop)
    loop.dataloader = [None] * epoch_length
    loop._max_epochs = max_epochs or 1
    loop._max_iters = max_iters or max_epochs * epoch_length
    runner._train_loop = loop
    wrap = lambda value: value if isinstance(value, originals.OptimWrapper) else originals.OptimWrapper(value)  # noqa: E731
    if isinstance(optimizer, dict):
        runner.optim_wrapper = OptimWrapperDict(**{name: wrap(member) for name, member in optimizer.items()})
    else:
        runner.optim_wrapper = wrap(optimizer)
    return runner.build_param_scheduler(config)


ORIGINAL = SimpleNamespace(
    **{name: getattr(originals, name) for name in dir(originals) if name.endswith(("LR", "Momentum"))},
    OptimWrapper=originals.OptimWrapper,
    _ParamScheduler=PeersBase,
    build_param_scheduler=built_by_runner,
)


def row(number):
    """Run a test on our classes and on those of MMEngine, which must fail."""
    original = pytest.param(
        ORIGINAL, id="original", marks=pytest.mark.xfail(strict=True, reason=f"divergences.md, MMEngine row {number}")
    )
    return pytest.mark.parametrize("library", [pytest.param(drop_ins, id="drop_ins"), original])


def sgd(lr=0.1, groups=1, **more):
    parameters = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)]
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, **more)


def adam():
    return torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=0.1)


def rates(scheduler, ticks):
    """Return the value of the first group at each tick, including the one after construction."""
    optimizer = scheduler.optimizer
    actual = [optimizer.param_groups[0][scheduler.param_name]]
    for _ in range(ticks):
        optimizer.step()
        scheduler.step()
        actual.append(optimizer.param_groups[0][scheduler.param_name])
    return actual


@row(1)
def test_1_a_line_may_start_at_zero(library):
    scheduler = library.LinearLR(sgd(), start_factor=0, end=5)

    assert rates(scheduler, 5) == pytest.approx([0, 0.025, 0.05, 0.075, 0.1, 0.1])


@row(1)
def test_1_the_value_recovers_after_a_factor_of_zero(library):
    scheduler = library.ConstantLR(sgd(), factor=0, end=3)

    assert rates(scheduler, 3) == [0, 0, 0.1, 0.1]


@row(2)
def test_2_a_one_cycle_without_a_warmup_starts_at_its_peak(library):
    scheduler = library.OneCycleLR(sgd(), eta_max=0.1, total_steps=5, pct_start=0.2)

    assert rates(scheduler, 1)[0] == 0.1


@row(2)
def test_2_a_one_cycle_without_a_decay_stays_at_its_peak(library):
    scheduler = library.OneCycleLR(sgd(), eta_max=0.1, total_steps=5, pct_start=1.0)

    assert rates(scheduler, 5)[4:] == [0.1, 0.1]


@row(2)
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_2_a_one_cycle_keeps_its_last_value_at_its_end(library, strategy):
    scheduler = library.OneCycleLR(sgd(), eta_max=0.1, total_steps=5, anneal_strategy=strategy)

    actual = rates(scheduler, 5)

    assert actual[5] == actual[4] == pytest.approx(0.1 / 25 / 1e4)


def test_2_a_one_cycle_beyond_its_end_is_the_documented_error():
    scheduler = drop_ins.OneCycleLR(sgd(), eta_max=0.1, total_steps=5)

    with pytest.raises(ValueError, match="Tried to step 7 times"):
        rates(scheduler, 6)


@row(3)
def test_3_a_one_cycle_accepts_a_peak_for_each_group(library):
    wrapper = library.OptimWrapper(sgd(groups=2))

    scheduler = library.OneCycleLR(wrapper, eta_max=[0.1, 0.2], total_steps=10)

    assert [group["max_lr"] for group in scheduler.optimizer.param_groups] == [0.1, 0.2, 0.2]


@row(4)
def test_4_a_finished_warmup_that_is_resumed_by_last_step_is_finished(library):
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 0.1

    scheduler = library.LinearLR(optimizer, start_factor=0.5, end=5, last_step=9)

    assert rates(scheduler, 4) == [0.1] * 5


@row(4)
def test_4_a_polynomial_resumed_by_last_step_at_its_end_stays_constant(library):
    optimizer = sgd(lr=0.0)
    optimizer.param_groups[0]["initial_lr"] = 0.1

    scheduler = library.PolyLR(optimizer, end=5, last_step=4)

    assert rates(scheduler, 2) == [0.0] * 3


@table("done", range(1, 8))
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("LinearLR", {"start_factor": 0.5, "end": 5}),
        ("LinearLR", {"start_factor": 0.5, "begin": 2, "end": 6}),
        ("PolyLR", {"end": 6, "power": 2.0}),
        ("CosineAnnealingLR", {"T_max": 4}),
        ("ConstantLR", {"factor": 0.5, "end": 4}),
    ],
)
def test_4_last_step_continues_as_if_the_earlier_ticks_had_run(name, arguments, done):
    whole = getattr(drop_ins, name)(optimizer := sgd(), **arguments)
    expected = rates(whole, 9)
    begin = arguments.get("begin", 0)
    optimizer.param_groups[0]["lr"] = expected[done + begin - 1] if done + begin - 1 < 9 else expected[-1]

    resumed = getattr(drop_ins, name)(optimizer, **arguments, last_step=done - 1)

    actual = rates(resumed, 2)
    assert actual == pytest.approx((expected + [expected[-1]] * 10)[done + begin : done + begin + 3])


def test_5_the_error_of_converting_a_plateau_gives_the_reason():
    with pytest.raises(ValueError, match="patience and cooldown count validations"):
        drop_ins.build_param_scheduler(
            {"type": "ReduceOnPlateauLR", "convert_to_iter_based": True}, sgd(), epoch_length=10, max_epochs=3
        )


@row(5)
def test_5_a_user_class_is_converted_in_its_window(library):
    class Halved(library._ParamScheduler):
        def _get_value(self):
            return [0.05 for _ in self.optimizer.param_groups]

    scheduler = Halved.build_iter_from_epoch(sgd(), "lr", begin=0.5, end=2, epoch_length=10)

    assert (scheduler.begin, scheduler.end, scheduler.by_epoch) == (5, 20, False)


def test_7_a_plateau_that_observes_no_metric_warns():
    scheduler = drop_ins.ReduceOnPlateauLR(sgd(), monitor="acc")
    scheduler.step()

    (line,) = drop_ins.unmeasured([scheduler])

    assert "never received 'acc'" in line


@row(7)
def test_7_the_state_of_a_plateau_contains_the_last_metric_and_its_epoch(library):
    scheduler = library.ReduceOnPlateauLR(sgd())
    scheduler.step()
    scheduler.step({"loss": 2.0})

    state = scheduler.state_dict()

    assert (state["last_metric"], state["last_metric_step"]) == (2.0, 1)


@row(6)
@pytest.mark.parametrize(("rule", "metrics"), [("less", (-1, -0.99995, -0.9999)), ("greater", (-1, -1.00005, -1.0001))])
def test_6_a_worse_negative_metric_is_not_better(library, rule, metrics):
    scheduler = library.ReduceOnPlateauLR(sgd(), rule=rule, patience=1, threshold=1e-3)
    for metric in metrics:
        scheduler.step({"loss": float(metric)})

    assert scheduler.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


@row(6)
def test_6_large_metrics_that_improve_do_not_reduce(library):
    scheduler = library.ReduceOnPlateauLR(sgd(), patience=0)
    for metric in (2e9, 1.5e9, 1.2e9):
        scheduler.step({"loss": metric})

    assert scheduler.optimizer.param_groups[0]["lr"] == 0.1


@row(7)
def test_7_a_missing_metric_changes_nothing(library):
    scheduler = library.ReduceOnPlateauLR(sgd())
    with pytest.raises(KeyError):
        scheduler.step({"acc": 1.0})

    assert scheduler.last_step == -1


@row(8)
def test_8_accumulation_does_not_warn_about_the_order(library):
    wrapper = library.OptimWrapper(sgd(), accumulative_counts=4)
    scheduler = library.StepLR(wrapper, step_size=3, by_epoch=False)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wrapper.update_params(wrapper.optimizer.param_groups[0]["params"][0].sum())
        scheduler.step()


def cosine_run(epochs, optimizer):
    return drop_ins.build_param_scheduler({"type": "CosineAnnealingLR"}, optimizer, epoch_length=1, max_epochs=epochs)


def resumed(epochs, **policy):
    optimizer = sgd()
    first = cosine_run(2, optimizer)
    rates(first[0], 2)
    states = [scheduler.state_dict() for scheduler in first]
    weights = optimizer.state_dict()
    optimizer = sgd()
    schedulers = cosine_run(epochs, optimizer)
    optimizer.load_state_dict(weights)
    lines = drop_ins.restore(schedulers, states, **policy)
    return schedulers[0], lines


def test_9_the_new_config_is_used_and_the_difference_is_logged(caplog):
    scheduler, lines = resumed(6)

    whole = rates(cosine_run(6, sgd())[0], 6)
    assert (scheduler.end, scheduler.T_max) == (6, 6)
    assert rates(scheduler, 3) == pytest.approx(whole[2:6], rel=1e-12)
    assert "[0] CosineAnnealingLR end: 2 in the checkpoint, 6 now" in lines
    assert "end: 2 in the checkpoint" in caplog.text


def test_9_load_state_dict_overwrites_and_warns():
    scheduler = drop_ins.StepLR(sgd(), step_size=2)

    with pytest.warns(UserWarning, match="step_size: 2 -> 5"):
        scheduler.load_state_dict(drop_ins.StepLR(sgd(), step_size=5).state_dict())

    assert scheduler.step_size == 5


@row(10)
def test_10_the_state_of_another_class_is_rejected(library):
    state = library.CosineAnnealingLR(sgd(), T_max=5).state_dict()

    with pytest.raises(ValueError, match="state of"):
        library.StepLR(sgd(), step_size=2).load_state_dict(state)


@pytest.mark.parametrize("count", [0, 2])
def test_10_another_number_of_schedulers_is_rejected(count):
    states = [drop_ins.StepLR(sgd(), step_size=2).state_dict()] * count

    with pytest.raises(StateError, match="1 schedulers"):
        drop_ins.restore([drop_ins.StepLR(sgd(), step_size=2)], states)


@row(13)
def test_13_momentum_of_adam_can_be_added_at_a_resume(library):
    saved = adam().state_dict()
    optimizer = adam()
    scheduler = library.StepMomentum(optimizer, step_size=1, gamma=0.5)
    optimizer.load_state_dict(saved)
    optimizer.step()

    scheduler.step()

    assert optimizer.param_groups[0]["betas"][0] == pytest.approx(0.45)


@row(12)
def test_12_the_state_of_a_one_cycle_is_plain_data(library, tmp_path):
    state = library.OneCycleLR(sgd(), eta_max=0.1, total_steps=10).state_dict()
    torch.save(state, tmp_path / "state.pt")

    assert torch.load(tmp_path / "state.pt", weights_only=True) == state


@pytest.mark.parametrize("name", [name for name in dir(drop_ins) if name.endswith("LR")])
def test_12_every_state_is_plain_data(name, tmp_path):
    required = {"Exponential": {"gamma": 0.5}, "MultiStep": {"milestones": [3, 3]}, "Step": {"step_size": 2}}
    required |= {"CosineRestart": {"periods": [3], "eta_min": 0}, "OneCycle": {"eta_max": 0.1, "total_steps": 10}}
    state = getattr(drop_ins, name)(sgd(), **required.get(name.removesuffix("LR"), {})).state_dict()
    torch.save(state, tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    plain = {key: value for key, value in state.items() if key not in ("milestones", "best", "rule_worse")}

    assert loaded == state
    assert json.loads(json.dumps(plain)) == {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}


def test_17_the_epochs_of_a_run_by_iterations_are_computed_from_the_loader():
    config = {"type": "CosineAnnealingLR"}

    (scheduler,) = drop_ins.build_param_scheduler(config, sgd(), epoch_length=10, max_iters=95)

    assert scheduler.end == 10
    assert built_by_runner(config, sgd(), epoch_length=10, max_iters=95)[0].end == 1


@row(17)
def test_17_a_built_scheduler_is_not_stepped_for_several_optimizers(library):
    first = sgd()

    with pytest.raises(ValueError, match="belongs to one optimizer"):
        library.build_param_scheduler(library.StepLR(first, step_size=1), {"a": first, "b": sgd()}, max_epochs=3)


@row(17)
def test_17_schedulers_of_an_unknown_optimizer_are_rejected(library):
    config = {name: {"type": "StepLR", "step_size": 1} for name in ("a", "b", "generator")}

    with pytest.raises(ValueError, match="generator"):
        library.build_param_scheduler(config, {"a": sgd(), "b": sgd()}, max_epochs=3)


def test_18_the_current_value_of_every_scheduled_field_and_group_is_reported():
    wrapper = drop_ins.OptimWrapper(optimizer := sgd(groups=2))
    config = [{"type": "StepLR", "step_size": 1}, {"type": "StepMomentum", "step_size": 1}]
    schedulers = drop_ins.build_param_scheduler(config, wrapper, epoch_length=1, max_epochs=9)
    optimizer.param_groups[1]["lr"] = 0.7

    assert drop_ins.scheduled_values(schedulers) == {"lr": [0.1, 0.7], "momentum": [0.9, 0.9]}


@row(13)
def test_13_an_external_write_of_adams_beta_is_kept(library):
    optimizer = adam()
    scheduler = library.StepMomentum(optimizer, step_size=1, gamma=0.5, end=1)
    optimizer.step()
    optimizer.param_groups[0]["betas"] = (0.6, 0.999)

    scheduler.step()

    assert optimizer.param_groups[0]["betas"] == (0.6, 0.999)


def test_13_the_momentum_of_adams_groups_is_beta():
    optimizer = adam()
    scheduler = drop_ins.StepMomentum(optimizer, step_size=1, gamma=0.5)
    optimizer.param_groups[0]["betas"] = (0.6, 0.999)
    optimizer.step()

    scheduler.step()

    assert optimizer.param_groups[0]["momentum"] == optimizer.param_groups[0]["betas"][0] == 0.3


@row(14)
def test_14_a_tensor_is_filled_in_place_and_never_replaced(library):
    rate = torch.tensor(0.1)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=rate)
    scheduler = library.ExponentialLR(optimizer, gamma=0.5)
    optimizer.step()
    scheduler.step()

    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == pytest.approx(0.05)
    assert float(optimizer.param_groups[0]["initial_lr"]) == pytest.approx(0.1)


@row(14)
def test_14_a_copy_of_a_wrapper_updates_its_own_weights(library):
    wrapper = library.OptimWrapper(sgd())
    library.StepLR(wrapper, step_size=1)
    twin = copy.deepcopy(wrapper)
    (drop_in,), (reference,) = (
        [group["params"][0] for group in each.optimizer.param_groups] for each in (wrapper, twin)
    )
    reference.grad = torch.ones(1)

    twin.step()

    assert (drop_in.item(), reference.item()) == (1.0, pytest.approx(0.9))


@row(14)
def test_14_a_wrapper_with_a_scheduler_can_be_pickled(library):
    wrapper = library.OptimWrapper(sgd())
    library.StepLR(wrapper, step_size=1)

    pickle.dumps(wrapper)


@row(15)
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("late", [[1.0], [1.0, 0.5]])
def test_15_a_group_that_is_added_later_continues_from_its_own_value(library, wrapped, late):
    optimizer = sgd(groups=2)
    scheduler = library.CosineAnnealingLR(library.OptimWrapper(optimizer) if wrapped else optimizer, T_max=10)
    before = rates(scheduler, 3)[-1]
    for lr in late:
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr})

    for _ in range(9):  # beyond the floor, where the value depends on base
        optimizer.step()
        scheduler.step()

    first, *_ = actual = [group["lr"] for group in optimizer.param_groups]
    assert actual == pytest.approx([first, first, *(lr / before * first for lr in late)])
    assert first > 0


@row(15)
@pytest.mark.parametrize("wrapped", [False, True])
def test_15_a_group_that_is_added_later_joins_the_cycle_of_the_last_group(library, wrapped):
    optimizer = sgd(groups=2)
    wrapper = library.OptimWrapper(optimizer) if wrapped else optimizer
    scheduler = library.OneCycleLR(wrapper, eta_max=[0.5, 0.2, 0.2][: len(wrapper.param_groups)], total_steps=9)
    rates(scheduler, 3)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 7.0})

    rates(scheduler, 2)

    actual = [group["lr"] for group in optimizer.param_groups]
    assert actual[2] == actual[1] != actual[0]


@pytest.mark.parametrize(
    ("name", "passed", "wrong"),
    [("StepLR", [], "step_size"), ("StepLR", [2], "step_size"), ("CosineAnnealingLR", [2], "T_max"),
     ("StepParamScheduler", ["lr", 2], "step_size"), ("CosineAnnealingParamScheduler", ["lr", 2], "T_max")],
)  # fmt: skip
def test_5_a_count_is_passed_by_keyword_to_be_converted(name, passed, wrong):
    with pytest.raises(TypeError, match=f"pass {wrong} by keyword, so that it can be converted"):
        getattr(drop_ins, name).build_iter_from_epoch(sgd(), *passed, end=4, epoch_length=5)


@row(16)
@pytest.mark.parametrize("size", [0, -2])
def test_16_a_step_size_of_zero_is_rejected_by_the_constructor(library, size):
    with pytest.raises(ValueError, match="step_size"):
        library.StepLR(sgd(), step_size=size)


@row(16)
def test_16_the_error_of_a_window_that_ends_before_its_start_names_the_scheduler(library):
    config = [{"type": "LinearLR", "end": 1}, {"type": "CosineAnnealingLR", "begin": 1}]

    with pytest.raises(ValueError, match=r"\[1\]\.end: end should be larger than begin"):
        library.build_param_scheduler(config, sgd(), epoch_length=10, max_epochs=1)


def test_a_metric_that_is_not_a_number_is_not_better():
    scheduler = drop_ins.ReduceOnPlateauLR(sgd(), patience=0)
    scheduler.step({"loss": 1.0})
    scheduler.step({"loss": math.nan})

    assert scheduler.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


@row(11)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_11_schedulers_may_be_built_after_the_optimizer_is_loaded(library, order):
    def build(optimizer):
        linear = library.LinearLR(optimizer, start_factor=0.1, end=5)
        return linear, library.MultiStepLR(optimizer, milestones=[7], gamma=0.5)

    def train(schedulers, ticks):
        for _ in range(ticks):
            for scheduler in schedulers:
                scheduler.optimizer.step()
                scheduler.step()
        return schedulers[0].optimizer.param_groups[0]["lr"]

    whole = train(build(sgd()), 9)
    first = build(sgd())
    train(first, 6)
    optimizer = sgd()
    optimizer.load_state_dict(first[0].optimizer.state_dict())

    resumed = build(optimizer)
    for index in order:
        resumed[index].load_state_dict(first[index].state_dict())

    assert train(resumed, 3) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("name", ["StepLR", "StepMomentum"])
def test_a_state_of_the_library_that_mmengine_has_continued_does_not_restore_its_older_values(name):
    def trained(library, states, ticks):
        optimizer = sgd()
        scheduler = getattr(library, name)(optimizer, step_size=1, gamma=0.5)
        if states:
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        for _ in range(ticks):
            optimizer.step()
            scheduler.step()
        return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))

    continued = trained(originals.scheduler, trained(drop_ins, None, 2), 3)  # MMEngine keeps all keys of a state

    values, _ = trained(drop_ins, continued, 0)

    key = "lr" if name == "StepLR" else "momentum"
    assert values["param_groups"][0][key] == continued[0]["param_groups"][0][key]
