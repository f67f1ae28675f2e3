"""Wrong arguments of the classes: the types of errors are MMEngine's, and the messages name what to write."""

import logging
import pickle

import mmengine.optim as peers
import pytest
import torch

from paramsched.errors import ConfigError
from paramsched.mmengine import reader
from paramsched.mmengine import schedulers as ours
from support.tables import table


def sgd(groups=1, **options):
    parameters = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)]
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, **options)


def user_class(library):
    """Return a class without the method that computes values."""
    return type("Empty", (library._ParamScheduler,), {})


@table(
    ("build", "kind", "found"),
    [
        (lambda one: one.StepLR(3, 2), TypeError, "should be an Optimizer, but got int"),
        (lambda one: one.StepLR(sgd(), 2, begin=3, end=3), ValueError, "end should be larger than begin"),
        (lambda one: one.StepLR(sgd(), 2, last_step=1), KeyError, "'initial_lr' is not specified in param_groups"),
        (lambda one: one.OneCycleLR(sgd(), 0.1, total_steps=0), ValueError, "total_steps"),
        (
            lambda one: one.OneCycleParamScheduler(sgd(), "momentum", 0.1, total_steps=5),
            AssertionError,
            "only works for learning rate",
        ),
        (lambda one: one.OneCycleLR(sgd(2), [0.1], total_steps=5), ValueError, "expected 2 values for"),
        (lambda one: one.ReduceOnPlateauLR(sgd(2), min_value=[0.1]), ValueError, "expected 2 min_"),
        (lambda one: one.ReduceOnPlateauLR(sgd()).step(3), TypeError, "metrics type should be dict"),
        (lambda one: one.ReduceOnPlateauLR(sgd()).step({"acc": 1.0}), KeyError, "key loss is not in dict"),
    ],
)
def test_a_wrong_call_raises_mmengines_error(build, kind, found):
    with pytest.raises(kind):
        build(peers)
    with pytest.raises(kind, match=found):
        build(ours)


@table(
    ("build", "kind", "found"),
    [
        (
            lambda: ours.StepLR(sgd(), 2, last_step=-2),
            AssertionError,
            "expected an integer of at least -1, got last_step=-2",
        ),
        (lambda: user_class(ours)(sgd(), "lr"), NotImplementedError, r"Empty has no _get_value\(\)"),
        (lambda: user_class(ours)(sgd(), "lr", begin=3, end=3), ValueError, "end should be larger than begin"),
        (lambda: user_class(ours)(sgd(), "lr", last_step=True), AssertionError, "expected an integer of at least -1"),
        (lambda: user_class(ours)(sgd(), "lr", last_step=-2), AssertionError, "expected an integer of at least -1"),
        (lambda: user_class(ours)(3, "lr"), TypeError, "should be an Optimizer, but got int"),
        (lambda: ours.OneCycleLR(3, 0.1, total_steps=5), TypeError, "should be an Optimizer, but got int"),
        (lambda: ours.LinearMomentum(3, end=5), TypeError, "should be an Optimizer, but got int"),
        (
            lambda: type("Two", (ours._ParamScheduler,), {"_get_value": lambda self: [0.1, 0.2]})(sgd(), "lr"),
            ValueError,
            "2 values for 1 param groups",
        ),
        (
            lambda: ours.StepLR.build_iter_from_epoch(sgd(), 2, epoch_length=5),
            TypeError,
            "pass step_size by keyword",
        ),
        (
            lambda: ours.StepParamScheduler.build_iter_from_epoch(sgd(), "lr", 2, epoch_length=5),
            TypeError,
            "pass step_size by keyword",
        ),
        (lambda: ours.OptimWrapper(3), TypeError, "expected a torch optimizer, got int"),
        (
            lambda: ours.build_param_scheduler({"g": None}, {"g": sgd(), "d": sgd()}),
            KeyError,
            "no entry for 'd'. Use d=None for no scheduler",
        ),
        (
            lambda: ours.build_param_scheduler({"h": None}, {"g": sgd()}),
            ValueError,
            "names 'h', but the optimizers are 'g'",
        ),
    ],
)
def test_other_wrong_calls_are_named(build, kind, found):
    with pytest.raises(kind, match=found):
        build()


def test_a_class_with_too_many_steps_is_not_simulated():
    class Kept(ours._ParamScheduler):
        def _get_value(self):
            return [group[self.param_name] for group in self.optimizer.param_groups]

    config = {"type": Kept, "param_name": "lr", "by_epoch": False}

    reader.to_plan({**config, "end": 5})
    with pytest.raises(ConfigError, match="500,001 steps are too many to simulate one by one"):
        reader.to_plan({**config, "end": 500_001})


def test_a_wrapper_shows_its_optimizer_and_its_batches():
    assert repr(ours.OptimWrapper(sgd(), accumulative_counts=3)).endswith("accumulative_counts=3)")


def test_a_verbose_scheduler_logs_if_the_library_has_a_handler_and_else_prints(caplog, capsys):
    with caplog.at_level(logging.INFO, "paramsched"):
        ours.StepLR(sgd(), 2, verbose=True)
    assert "Adjusting parameter value of group 0 to 1.0000e-01." in caplog.text
    assert capsys.readouterr().out == ""

    with caplog.at_level(logging.ERROR, "paramsched"):
        ours.StepLR(sgd(), 2, verbose=True)
    assert capsys.readouterr().out == "Adjusting parameter value of group 0 to 1.0000e-01.\n"


class Reduced(ours.OptimWrapper):
    """A wrapper with its own way to be pickled."""

    def __reduce__(self):
        return Reduced, (self.optimizer, 7)


class Other(ours.OptimWrapper):
    pass


def test_objects_may_change_their_class_and_define_how_they_are_pickled():
    wrapper = ours.OptimWrapper(sgd())

    wrapper.__class__ = Other

    assert type(wrapper) is Other
    assert pickle.loads(pickle.dumps(Reduced(sgd())))._accumulative_counts == 7


@pytest.mark.parametrize("module", [ours, peers])
def test_a_plateau_changes_a_value_only_by_more_than_eps(module):
    found = []
    for eps in (0.5, 0.4999):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = module.ReduceOnPlateauLR(optimizer, factor=0.5, patience=0, eps=eps)
        for loss in (1.0, 1.0):
            scheduler.step({"loss": loss})
        found.append(optimizer.param_groups[0]["lr"])

    assert found == [1.0, 0.5]


@pytest.mark.parametrize("last_step", [-2, 0.5, True])
def test_the_last_step_is_an_integer_of_at_least_minus_1(last_step):
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "initial_lr": 1.0}], lr=1.0)

    with pytest.raises(AssertionError, match="last_step"):
        ours.StepLR(optimizer, step_size=2, last_step=last_step)
