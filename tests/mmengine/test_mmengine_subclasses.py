"""User classes on the drop-in base, which requires no more than MMEngine's base."""

import copy
import math
import pickle
import warnings
from collections import Counter

import pytest
import torch

original = pytest.importorskip("mmengine.optim.scheduler")

from paramsched.mmengine import schedulers as drop_ins  # noqa: E402
from support.tables import table  # noqa: E402


def sgd():
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.02)]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def classes(base, step_lr, plateau):
    """The same classes of a user on one library's bases and on the other's."""

    class OwnStep(base):
        """A class with its own step that constructs its base."""

        def step(self):
            self.ticks = getattr(self, "ticks", -1) + 1
            for group, value in zip(self.optimizer.param_groups, self.base_values, strict=True):
                group[self.param_name] = value / (1 + self.ticks)

    class Bare(base):
        """A class that never constructs its base but uses its step."""

        def __init__(self, optimizer):
            self.optimizer = optimizer
            self.param_name = "lr"
            self.verbose = False
            self.begin = 0
            self.end = 8
            self.by_epoch = True
            self.last_step = self._global_step = -1
            self.first = [group["lr"] for group in optimizer.param_groups]
            self.step()

        def _get_value(self):
            return [value * 0.5 * (1 + math.cos(math.pi * self.last_step / 8)) for value in self.first]

    class Own(base):
        """A class that never constructs its base and uses only its state dict methods."""

        by_epoch = False

        def __init__(self, optimizer, warmup=3):
            self.optimizer = optimizer
            self.warmup = warmup
            self.count = 0
            self.peak = [group["lr"] for group in optimizer.param_groups]

        def step(self):
            self.count += 1
            for group, value in zip(self.optimizer.param_groups, self.peak, strict=True):
                group["lr"] = value * min(self.count / self.warmup, (self.warmup / self.count) ** 0.5)

    class Warm(step_lr):
        """A class of the table with a step of its own."""

        def __init__(self, optimizer):
            super().__init__(optimizer, step_size=2, gamma=0.5)
            self.seen = []

        def step(self):
            super().step()
            if self.last_step > 0:
                self.seen.append(self.optimizer.param_groups[0]["lr"])

    class Patient(plateau):
        """A plateau that never constructs its base."""

        def __init__(self, optimizer):
            self.optimizer = optimizer
            self.worst = 0.0

        def step(self, metrics=None):
            self.worst = max(self.worst, 0.7)
            for group in self.optimizer.param_groups:
                group["lr"] *= self.worst

    class Frugal(base):
        """A class that keeps its step count in its own slots."""

        __slots__ = ("ticks",)

        def __init__(self, optimizer):
            self.ticks = 0
            super().__init__(optimizer, "lr")

        def _get_value(self):
            self.ticks += 1
            return [value / self.ticks for value in self.base_values]

    return {users_class.__name__: users_class for users_class in (OwnStep, Bare, Own, Warm, Patient, Frugal)}


DROP_INS = classes(drop_ins._ParamScheduler, drop_ins.StepLR, drop_ins.ReduceOnPlateauParamScheduler)
ORIGINALS = classes(original._ParamScheduler, original.StepLR, original.ReduceOnPlateauParamScheduler)
# As the classes of a module, so that pickle finds them.
globals().update(DROP_INS)
for _cls in DROP_INS.values():
    _cls.__qualname__ = _cls.__name__


def built(cls, optimizer):
    return cls(optimizer, "lr") if cls.__name__ == "OwnStep" else cls(optimizer)


def values(scheduler, steps):
    rows = []
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        rows.append([group["lr"] for group in scheduler.optimizer.param_groups])
    return rows


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", DROP_INS)
def test_a_users_class_has_the_same_values_as_on_mmengines_base(name):
    expected = values(built(ORIGINALS[name], sgd()), 7)

    actual = values(built(DROP_INS[name], sgd()), 7)

    assert actual == expected


@pytest.mark.parametrize("name", DROP_INS)
def test_a_users_class_is_saved_and_resumed(name):
    scheduler = built(DROP_INS[name], sgd())
    expected = values(scheduler, 6)[4:]
    stopped = built(DROP_INS[name], sgd())
    values(stopped, 4)
    resumed = built(DROP_INS[name], sgd())
    resumed.load_state_dict(copy.deepcopy(stopped.state_dict()))
    if name == "Frugal":  # MMEngine's states have no slots either
        resumed.ticks = stopped.ticks
    resumed.optimizer.load_state_dict(stopped.optimizer.state_dict())

    actual = values(resumed, 2)

    assert actual == expected


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "pickle"]
)
@table("name", DROP_INS)
def test_a_copy_of_a_users_class_continues(name, copied):
    scheduler = built(DROP_INS[name], sgd())
    values(scheduler, 3)

    twin = copied(scheduler)

    assert type(twin) is DROP_INS[name]
    assert values(twin, 3) == values(scheduler, 3)


def test_a_scheduler_can_be_pickled_if_the_optimizers_step_is_shadowed():
    optimizer = sgd()
    optimizer.step = lambda: None
    scheduler = drop_ins.StepLR(optimizer, 2)

    assert pickle.loads(pickle.dumps(scheduler)).state_dict() == scheduler.state_dict()


SKIPPING = {
    "ConstantParamScheduler": {"factor": 2.5},
    "CosineAnnealingParamScheduler": {"T_max": 15, "eta_min": 0.01, "eta_min_ratio": None},
    "CosineRestartParamScheduler": {
        "periods": [5, 15],
        "restart_weights": [1, 0.5],
        "eta_min": 0.01,
        "eta_min_ratio": None,
        "cumulative_periods": [5, 20],
    },
    "ExponentialParamScheduler": {"gamma": 0.8},
    "LinearParamScheduler": {"start_factor": 1.5, "end_factor": 0.5},
    "MultiStepParamScheduler": {"milestones": Counter([3, 8]), "gamma": 0.5},
    "PolyParamScheduler": {"power": 2.0, "eta_min": 0.01},
    "StepParamScheduler": {"step_size": 4, "gamma": 0.3},
}


@pytest.mark.parametrize("end", [20, 10])  # the length of a shape may differ from its window
@pytest.mark.parametrize("name", SKIPPING)
def test_a_subclass_that_skips_the_constructor_of_its_parent_keeps_its_own_arguments(name, end):
    rows = []
    for library in (original, drop_ins):
        scheduler_class = getattr(library, name)

        class Mine(scheduler_class):
            def __init__(self, optimizer, scheduler_class=scheduler_class):
                vars(self).update(SKIPPING[name], total_iters=19)
                super(scheduler_class, self).__init__(optimizer, param_name="lr", begin=0, end=end)

        optimizer = sgd()
        scheduler = Mine(optimizer)
        row = [optimizer.param_groups[0]["lr"]]
        for _ in range(24):
            optimizer.step()
            scheduler.step()
            row.append(optimizer.param_groups[0]["lr"])
        rows.append(row)

    assert rows[1] == pytest.approx(rows[0], rel=1e-12)


@pytest.mark.parametrize("place", ["object", "class", "subclass"])
@pytest.mark.parametrize("method", ["_is_better", "_in_cooldown", "_get_value"])
def test_a_method_of_the_plateau_scheduler_can_be_replaced(method, place):
    rows = []
    for library in (original, drop_ins):
        answer = [0.05] if method == "_get_value" else method == "_in_cooldown"

        class Mine(library.ReduceOnPlateauParamScheduler):
            pass

        if place != "object":
            setattr(Mine, method, lambda self, *arguments, answer=answer: answer)
        scheduler_class = type("Below", (Mine,), {}) if place == "subclass" else Mine
        optimizer = sgd()
        scheduler = scheduler_class(optimizer, param_name="lr", monitor="loss", patience=1, cooldown=1)
        if place == "object":
            setattr(scheduler, method, lambda *arguments, answer=answer: answer)
        row = []
        for step in range(8):
            scheduler.step({"loss": 1.0 - 0.1 * (step % 4)})
            row.append(optimizer.param_groups[0]["lr"])
        rows.append(row)

    assert rows[1] == rows[0]


@pytest.mark.parametrize("module", [drop_ins, original])
def test_a_users_print_value_is_called_for_each_group_and_step(module):
    calls = []

    class Logging(module.StepLR):
        def print_value(self, is_verbose, group, value):
            calls.append((is_verbose, group, value))

    values(Logging(sgd(), 1, gamma=0.5), 1)

    assert calls == [(False, 0, 0.1), (False, 1, 0.02), (False, 0, 0.05), (False, 1, 0.01)]


def test_every_family_of_rules_is_skipped_above():
    families = {name for name in vars(drop_ins) if name.endswith("ParamScheduler") and not name.startswith("_")}

    # These two read arguments that MMEngine's constructor does not store.
    assert families - {"OneCycleParamScheduler", "ReduceOnPlateauParamScheduler"} == set(SKIPPING)
