"""The drop-in classes with plateaus, user classes, registry, optimizer wrapper, order of calls and restore."""

import copy
import inspect
import logging
import warnings

import mmengine.optim as peers
import mmengine.optim.scheduler as peers_classes
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.mmengine import schedulers as ours
from paramsched.mmengine.reader.arguments import class_names
from support import mmengine_peer as peer
from support.tables import table

NUMBERS = st.floats(1e-3, 100.0)


def sgd(lr=0.1, groups=1):
    parameters = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)]
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9)


@table("name", class_names())
def test_a_class_has_the_arguments_of_the_peer_in_its_order(name):
    mine, theirs = getattr(ours, name), getattr(peers_classes, name)
    expected = inspect.signature(next(c for c in theirs.__mro__ if c.__name__.endswith("ParamScheduler"))).parameters
    skipped = set() if name.endswith("ParamScheduler") else {"param_name"}

    found = [(one.name, one.default) for one in inspect.signature(mine).parameters.values()]

    assert found == [(one.name, one.default) for one in expected.values() if one.name not in skipped]
    assert mine.__doc__.count(":") >= len(found)


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
    st.lists(NUMBERS, max_size=25),
    st.sampled_from(["LR", "Momentum", "wrapped"]),
    st.sampled_from(["SGD", "Adam"]),
)
def test_a_plateau_reduces_at_the_same_time_as_the_peer(arguments, metrics, family, kind):
    found = []
    for library in (ours, peers):
        optimizer = peer.optimizer_of(kind, 2)
        target = library.OptimWrapper(optimizer) if family == "wrapped" else optimizer
        scheduler = getattr(library, "ReduceOnPlateau" + family.replace("wrapped", "LR"))(target, **arguments)
        found.append([])
        for metric in metrics:
            scheduler.step()
            scheduler.step({"loss": metric})
            found[-1].append((peer.present(optimizer), scheduler.last_step, scheduler.num_bad_epochs))

    assert found[0] == found[1]


def test_a_user_class_on_the_base_class_defines_its_values():
    class Triangle(ours._ParamScheduler):
        def _get_value(self):
            return [base * (1 - abs(self.last_step - 2) / 2) for base in self.base_values]

    scheduler = Triangle(optimizer := sgd(), "lr", end=5)

    assert peer.run([scheduler], optimizer, 6, 1)[:, 0] == pytest.approx([0, 0.05, 0.1, 0.05, 0, 0])


def test_a_user_class_on_one_of_ours_overrides_its_values():
    class Doubled(ours.StepLR):
        def __init__(self, optimizer, step_size, times=2.0, **others):
            self.times = times
            super().__init__(optimizer, step_size, **others)

        def _get_value(self):
            return [self.times * value for value in super()._get_value()]

    scheduler = Doubled(optimizer := sgd(), 1, times=4.0, gamma=0.5)

    assert optimizer.param_groups[0]["lr"] == 0.4
    assert scheduler.state_dict()["times"] == 4.0
    assert list(inspect.signature(Doubled).parameters) == ["optimizer", "step_size", "times", "others"]


def test_a_registered_class_is_built_by_its_name_and_converted():
    @ours.PARAM_SCHEDULERS.register_module()
    class RegisteredForATest(ours._ParamScheduler):
        def __init__(self, optimizer, **others):
            super().__init__(optimizer, "lr", **others)

        def _get_value(self):
            return [0.01 for _ in self.base_values]

    config = {"type": "RegisteredForATest", "begin": 1, "convert_to_iter_based": True}

    (scheduler,) = ours.build_param_scheduler(config, sgd(), epoch_length=10, max_epochs=3)

    assert (type(scheduler), scheduler.begin, scheduler.end) == (RegisteredForATest, 10, 30)
    with pytest.raises(KeyError, match="already registered"):
        ours.PARAM_SCHEDULERS.register_module(module=RegisteredForATest)


def test_the_error_of_an_unknown_type_suggests_the_nearest():
    with pytest.raises(KeyError, match='did you mean "StepLR"'):
        ours.build_param_scheduler({"type": "StpLR"}, sgd(), epoch_length=1, max_epochs=1)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ([{"step_size": 1}], AssertionError),
        ([3], TypeError),
        ({"type": "StepLR", "step_size": 1, "by_epoch": False, "convert_to_iter_based": True}, AssertionError),
        ({"type": "StepLR", "step_size": 1, "begin": 3}, ValueError),
    ],
)
def test_an_invalid_config_raises_the_error_of_the_peer_with_its_location(config, error):
    with pytest.raises(error, match=r"param_scheduler\[0\]"):
        ours.build_param_scheduler(config, sgd(), epoch_length=10, max_epochs=3)


def test_built_schedulers_and_dicts_do_not_mix():
    optimizer = sgd()

    with pytest.raises(TypeError, match="mixes"):
        ours.build_param_scheduler([ours.StepLR(optimizer, 1), {"type": "StepLR", "step_size": 1}], optimizer)


def test_schedulers_of_several_optimizers_are_built_by_their_names():
    config = {"a": {"type": "StepLR", "step_size": 1}, "b": [{"type": "ExponentialLR", "gamma": 0.5}]}

    built = ours.build_param_scheduler(config, {"a": sgd(), "b": sgd()}, epoch_length=1, max_epochs=3)

    assert {name: [type(one).__name__ for one in mine] for name, mine in built.items()} == {
        "a": ["StepLR"],
        "b": ["ExponentialLR"],
    }


def test_one_config_for_several_optimizers_is_built_for_each():
    built = ours.build_param_scheduler(
        {"type": "StepLR", "step_size": 1}, {"a": (a := sgd()), "b": (b := sgd())}, max_epochs=3
    )

    assert [built["a"][0].optimizer, built["b"][0].optimizer] == [a, b]


@pytest.mark.parametrize("groups", [1, 2])
def test_a_wrapper_has_the_groups_of_the_peer(groups):
    optimizer = peer.optimizer_of("SGD", groups)
    mine, theirs = ours.OptimWrapper(optimizer), peers.OptimWrapper(optimizer)

    assert len(mine.param_groups) == len(theirs.param_groups)
    assert mine.get_lr() == theirs.get_lr()
    assert mine.get_momentum() == theirs.get_momentum()
    assert groups == 1 or mine.param_groups[-1] == theirs.param_groups[-1]


@pytest.mark.parametrize("counts", [1, 4])
@pytest.mark.parametrize("clip", [None, {"max_norm": 0.1}, {"type": "value", "clip_value": 0.01}])
def test_a_wrapper_updates_like_the_peer(counts, clip):
    found = []
    for library in (ours, peers):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        wrapper = library.OptimWrapper(
            torch.optim.SGD(model.parameters(), 0.1), accumulative_counts=counts, clip_grad=clip and dict(clip)
        )
        wrapper.initialize_count_status(model, 0, 10)
        for batch in torch.randn(10, 5, 3):
            wrapper.update_params(model(batch).square().mean())
        found.append(model.weight.detach().clone())

    assert torch.equal(*found)


def test_a_wrapper_saves_and_loads_its_state():
    wrapper = ours.OptimWrapper(sgd(groups=2))
    ours.StepLR(wrapper, step_size=1)
    other = ours.OptimWrapper(sgd(lr=9.0, groups=2))

    other.load_state_dict(wrapper.state_dict())

    assert [group["lr"] for group in other.param_groups] == [0.1, 0.1, 0.1]
    assert other.base_param_settings["initial_lr"] == 0.1


def test_a_wrong_order_of_calls_warns_once_and_a_right_one_never():
    optimizer = sgd()
    scheduler = ours.StepLR(optimizer, step_size=1)

    with pytest.warns(UserWarning, match="how-to-adjust-learning-rate"):
        scheduler.step()
    right = ours.StepLR(optimizer, step_size=1)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        right.step()
        scheduler.step()


def test_verbose_prints_the_value_of_each_group_at_each_step(capsys):
    optimizer = sgd(groups=2)
    scheduler = ours.StepLR(optimizer, step_size=1, verbose=True)
    optimizer.step()
    scheduler.step()

    assert capsys.readouterr().out.splitlines() == [
        "Adjusting parameter value of group 0 to 1.0000e-01.",
        "Adjusting parameter value of group 1 to 1.0000e-01.",
        "Adjusting parameter value of group 0 to 1.0000e-02.",
        "Adjusting parameter value of group 1 to 1.0000e-02.",
    ]


def test_an_external_write_is_carried_forward():
    found = []
    for library in (ours, peers):
        optimizer = sgd()
        scheduler = library.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.01)
        for tick in range(9):
            optimizer.step()
            scheduler.step()
            if tick == 3:
                optimizer.param_groups[0]["lr"] *= 0.3
        found.append(optimizer.param_groups[0]["lr"])

    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_a_scheduler_and_its_optimizer_can_be_copied_together():
    scheduler = ours.CosineAnnealingLR(sgd(), T_max=10)

    twin = copy.deepcopy(scheduler)
    twin.optimizer.step()
    twin.step()

    assert scheduler.optimizer.param_groups[0]["lr"] == 0.1
    assert twin.optimizer.param_groups[0]["lr"] < 0.1


@given(peer.lists(), st.integers(1, peer.EPOCHS * peer.LENGTH - 1))
def test_a_run_resumed_at_any_update_equals_an_uninterrupted_run(drawn, stop):
    configs, kind, groups = drawn

    def built(optimizer):
        return ours.build_param_scheduler(configs, optimizer, epoch_length=peer.LENGTH, max_epochs=peer.EPOCHS)

    def ticks(schedulers, optimizer, begin, end):
        rows = []
        for iteration in range(begin, end):
            rows.append(peer.present(optimizer))
            optimizer.step()
            ticking = [one for one in schedulers if not one.by_epoch]
            if (iteration + 1) % peer.LENGTH == 0:
                ticking += [one for one in schedulers if one.by_epoch]
            for scheduler in ticking:
                scheduler.step()
        return rows

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = peer.optimizer_of(kind, groups)
        whole = ticks(built(optimizer), optimizer, 0, peer.EPOCHS * peer.LENGTH)
        optimizer = peer.optimizer_of(kind, groups)
        schedulers = built(optimizer)
        ticks(schedulers, optimizer, 0, stop)
        states, weights = [one.state_dict() for one in schedulers], optimizer.state_dict()
        optimizer = peer.optimizer_of(kind, groups)
        schedulers = built(optimizer)
        optimizer.load_state_dict(weights)
        lines = ours.restore(schedulers, states)
        rest = ticks(schedulers, optimizer, stop, peer.EPOCHS * peer.LENGTH)

    assert lines == ()
    assert rest == whole[stop:]


def test_a_state_of_the_peer_can_be_loaded():
    theirs = peers.CosineAnnealingLR(sgd(), T_max=10)
    optimizer = sgd()
    mine = ours.CosineAnnealingLR(optimizer, T_max=10)
    theirs.step()

    mine.load_state_dict(theirs.state_dict())

    assert (mine.last_step, mine._global_step) == (1, 1)


@pytest.mark.parametrize(
    "config", [{"type": "CosineAnnealingLR"}, [{"type": "LinearLR", "end": 4}, {"type": "StepLR", "step_size": 5}]]
)
def test_a_new_config_continues_as_if_used_from_the_start(config, caplog):
    def run_of(optimizer, epochs):
        return ours.build_param_scheduler(config, optimizer, epoch_length=1, max_epochs=epochs)

    whole = peer.run(run_of(optimizer := sgd(), 12), optimizer, 12, 1)[:, 0]
    first = run_of(optimizer := sgd(), 7)
    peer.run(first, optimizer, 6, 1)
    states = [one.state_dict() for one in first]
    second = run_of(optimizer, 12)

    with caplog.at_level(logging.WARNING, logger="paramsched"):
        ours.restore(second, states)

    assert peer.run(second, optimizer, 6, 1)[:, 0] == pytest.approx(whole[6:], rel=1e-12)
