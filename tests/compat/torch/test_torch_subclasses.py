"""User classes based on torch's schedulers: on the drop-ins they behave alike, and are saved, copied and resumed.

Each kind below is one found in public code: a `step` of its own, a constructor that is never called, arrays inside, a
look at private names. The same source is run on torch's classes and on the drop-ins.
"""

import copy
import io
import itertools
import math
import pickle
import types
import warnings
from typing import ClassVar

import numpy as np
import pytest
import torch

from support.spread import spread
from support.torch_cases import DROP_IN, TORCH, optimizer_with, quiet_step, rates_of

STEPS = 24
AT = (1, 7, 21)


def kinds(m):
    """Return the classes by name, based on the classes of a module."""

    class StepsItself(m._LRScheduler):
        """Cycles with a warmup that `step` writes into the groups; the base class never writes."""

        def __init__(self, optimizer, first=8, warm=2, low=0.001, gamma=0.5, last_epoch=-1):
            self.first = first
            self.warm = warm
            self.low = low
            self.gamma = gamma
            self.cycle = 0
            self.at = last_epoch
            self.length = first
            self.high = 0.1
            super().__init__(optimizer, last_epoch)
            self.base_lrs = []
            for group in optimizer.param_groups:
                group["lr"] = low
                self.base_lrs.append(low)

        def get_lr(self):
            if self.at == -1:
                return self.base_lrs
            if self.at < self.warm:
                return [(self.high - base) * self.at / self.warm + base for base in self.base_lrs]
            share = (self.at - self.warm) / (self.length - self.warm)
            return [base + (self.high - base) * (1 + math.cos(math.pi * share)) / 2 for base in self.base_lrs]

        def step(self, epoch=None):
            self.at += 1
            if self.at >= self.length:
                self.cycle = self.cycle + 1
                self.at = 0
                self.high = 0.1 * self.gamma**self.cycle
            self.last_epoch = self.last_epoch + 1 if epoch is None else math.floor(epoch)
            for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
                group["lr"] = lr

    class NeverBuilt(m._LRScheduler):
        """A class that never calls the constructor of the base class."""

        def __init__(self, optimizer, peak=0.1):
            self.optimizer = optimizer
            self.peak = peak
            self.updates = 0
            self.lr = 0.0

        def step(self, *args):
            self.updates += 1
            self.lr = self.peak * min(self.updates / 10, math.sqrt(10 / self.updates))
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr

        def get_lr(self):
            return [group["lr"] for group in self.optimizer.param_groups]

    class Arrays(m.LRScheduler):
        """A class that contains arrays and writes NumPy numbers."""

        def __init__(self, optimizer, peaks=(0.1, 0.05)):
            self.peaks = np.array(peaks)
            self.current = 0
            self.rise = self.peaks / 10
            self.lr = np.zeros(len(peaks))
            super().__init__(optimizer)

        def get_lr(self):
            return list(self.lr)

        def step(self, current=None):
            self.current = self.current + 1 if current is None else current
            for i, group in enumerate(self.optimizer.param_groups):
                warm = self.current <= 10
                self.lr[i] = self.rise[i] * self.current if warm else self.peaks[i] * 0.9 ** (self.current - 10)
                group["lr"] = self.lr[i]

    class OwnState(m.LRScheduler):
        """A class that builds its state from `__dict__`."""

        def get_lr(self):
            return [base * 0.9**self.last_epoch for base in self.base_lrs]

        def state_dict(self):
            return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

        def load_state_dict(self, state):
            self.__dict__.update(state)

    class Relative(m._LRScheduler):
        """A class that multiplies the current value."""

        def get_lr(self):
            if self.last_epoch == 0 or self.last_epoch % 4:
                return [group["lr"] for group in self.optimizer.param_groups]
            return [group["lr"] * 0.5 for group in self.optimizer.param_groups]

    class Mixed:
        def get_lr(self):
            return [max(lr, 0.02) for lr in super().get_lr()]

    class Clamped(Mixed, m.StepLR):
        """A class whose values come from a mixin."""

        def __init__(self, optimizer):
            super().__init__(optimizer, 5, 0.3)

    class Helpers(m.CosineAnnealingLR):
        """A class with a copy of torch's `step` and its private helpers."""

        def __init__(self, optimizer, delay=3):
            self.delay = delay
            super().__init__(optimizer, 40, 0.001)

        def _get_closed_form_lr(self):
            wave = (1 + math.cos(math.pi * max(self.last_epoch - self.delay, 0) / self.T_max)) / 2
            return [self.eta_min + (base - self.eta_min) * wave for base in self.base_lrs]

        def step(self, epoch=None):
            self._step_count += 1
            with m._enable_get_lr_call(self):
                self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
                values = self._get_closed_form_lr()
            for group, lr in zip(self.optimizer.param_groups, values, strict=True):
                m._update_param_group_val(group, "lr", lr)
            self._last_lr = m._param_groups_val_list(self.optimizer, "lr")

    class SkipsAParent(m.CosineAnnealingLR):
        """A class that calls the constructor of the base class instead of its parent's."""

        def __init__(self, optimizer):
            m.LRScheduler.__init__(self, optimizer)

        def get_lr(self):
            return [base / math.sqrt(1 + self.last_epoch) for base in self.base_lrs]

    class GoesOn(m.OneCycleLR):
        """A class that stays constant where torch would raise an error."""

        def __init__(self, optimizer):
            super().__init__(optimizer, [0.1, 0.2], total_steps=20)

        def get_lr(self):
            if self.last_epoch >= self.total_steps - 1:
                return [group["min_lr"] for group in self.optimizer.param_groups]
            return super().get_lr()

    class Quiet(m.OneCycleLR):
        """A class that catches torch's error and keeps the last lr."""

        def __init__(self, optimizer):
            super().__init__(optimizer, 0.1, total_steps=20, anneal_strategy="linear")

        def step(self, epoch=None):
            if self.last_epoch + 1 != self.total_steps:  # there torch goes below its own minimum
                try:
                    super().step(epoch)
                except ValueError:
                    return
            else:
                self.last_epoch += 1

    class OnlyUp(m.OneCycleLR):
        """A class whose property `last_epoch` stops at the peak, which it reads from the phases."""

        def __init__(self, optimizer):
            super().__init__(optimizer, 0.1, total_steps=25, pct_start=0.4)

        @property
        def last_epoch(self):
            return self._at

        @last_epoch.setter
        def last_epoch(self, epoch):
            if epoch <= self._schedule_phases[0]["end_step"]:
                self._at = epoch

    class Delayed(m.OneCycleLR):
        """A class that temporarily changes `last_epoch` to compute a value."""

        def __init__(self, optimizer):
            super().__init__(optimizer, 0.1, total_steps=40, pct_start=0.25)

        def get_lr(self):
            end = self._schedule_phases[0]["end_step"]
            if self.last_epoch > end:
                return super().get_lr()
            before = self.last_epoch
            self.last_epoch = int(end + 1)
            row = super().get_lr()
            self.last_epoch = before
            return row

    class OwnAnneal(m.OneCycleLR):
        """A class that replaces torch's curve."""

        def __init__(self, optimizer):
            super().__init__(optimizer, 0.1, total_steps=40)

        @staticmethod
        def _annealing_cos(start, end, pct):
            return start + (end - start) * pct**2

    class OwnScale(m.CyclicLR):
        """A class that changes the height of the triangles."""

        def __init__(self, optimizer):
            super().__init__(optimizer, 0.01, 0.1, 4, cycle_momentum=False)

        def scale_fn(self, x):
            return 1 / x

    class OwnTarget(m.ReduceLROnPlateau):
        """A class that changes the comparison of metrics."""

        def __init__(self, optimizer):
            super().__init__(optimizer, patience=1, factor=0.5, cooldown=1)

        def _is_better(self, a, best):
            return a < best - 0.15

        def step(self, metrics=None, epoch=None):
            super().step(1.0 + 0.1 * (self.last_epoch % 5), epoch)

    class Functions(m.LambdaLR):
        """A class that builds its function from its own arguments."""

        def __init__(self, optimizer, warm=5, total=30, last_epoch=-1):
            self.warm = warm
            self.total = total
            super().__init__(optimizer, self.factor, last_epoch)

        def factor(self, t):
            return t / self.warm if t < self.warm else max(0.0, (self.total - t) / (self.total - self.warm))

    class Wraps(m._LRScheduler):
        """A ramp before another scheduler, which it steps and reads."""

        def __init__(self, optimizer, after=None, ramp=5):
            self.after = m.StepLR(optimizer, 4, 0.5) if after is None else after
            self.ramp = ramp
            self.finished = False
            super().__init__(optimizer)

        def get_lr(self):
            if self.last_epoch > self.ramp:
                if not self.finished:
                    self.after.base_lrs = [base * 2 for base in self.base_lrs]
                    self.finished = True
                self.after._get_lr_called_within_step = True
                return self.after.get_lr()
            return [base * (1 + self.last_epoch / self.ramp) for base in self.base_lrs]

        def step(self, epoch=None):
            if self.finished and self.after:
                self.after.step(None if epoch is None else epoch - self.ramp)
                self._last_lr = self.after.get_last_lr()
            else:
                super().step(epoch)

    class InTurn(m.SequentialLR):
        """torch's SequentialLR with a corrected `step`."""

        def __init__(self, optimizer):
            super().__init__(optimizer, [m.LinearLR(optimizer, 0.2, 1.0, 6), m.CosineAnnealingLR(optimizer, 30)], [6])

        def step(self):
            self.last_epoch += 1
            index = sum(milestone <= self.last_epoch for milestone in self._milestones)
            member = self._schedulers[index]
            if index > 0 and self._milestones[index - 1] == self.last_epoch:
                member._update_lr(0)
            else:
                member.step()
            self._last_lr = member.get_last_lr()

    class Together(m.ChainedScheduler):
        def __init__(self, optimizer):
            super().__init__([m.ConstantLR(optimizer, 0.5, 4), m.ExponentialLR(optimizer, 0.95)])

        def report(self):
            return [member._last_lr for member in self._schedulers]

    actual = types.SimpleNamespace(
        **{name: value for name, value in locals().items() if isinstance(value, type) and name != "Mixed"}
    )
    for name, scheduler_class in vars(actual).items():
        scheduler_class.__qualname__ = f"{'ON_DROP_INS' if m is DROP_IN else 'ON_TORCH'}.{name}"
    return actual


TORCH._enable_get_lr_call = torch.optim.lr_scheduler._enable_get_lr_call
TORCH._update_param_group_val = torch.optim.lr_scheduler._update_param_group_val
TORCH._param_groups_val_list = torch.optim.lr_scheduler._param_groups_val_list
TORCH._LRScheduler = torch.optim.lr_scheduler._LRScheduler
ON_TORCH = kinds(TORCH)
ON_DROP_INS = kinds(DROP_IN)
NAMES = list(vars(ON_TORCH))
each = pytest.mark.parametrize("name", NAMES)
pytestmark = pytest.mark.filterwarnings("ignore")


class Training:
    """A model of six weights, its optimizer with two groups, and a scheduler."""

    def __init__(self, scheduler_class):
        self.parameters = [torch.nn.Parameter(torch.ones(3)) for _ in range(2)]
        groups = [{"params": [p], "lr": lr} for p, lr in zip(self.parameters, (0.1, 0.03), strict=True)]
        self.optimizer = torch.optim.SGD(groups, momentum=0.9)
        self.scheduler = scheduler_class(self.optimizer)

    def run(self, steps):
        """Return lr and momentum before each update, and the weights after the last."""
        rows = []
        for _ in range(steps):
            rows.append([(float(g["lr"]), g["momentum"]) for g in self.optimizer.param_groups])
            for p in self.parameters:
                p.grad = 0.1 * p.detach()
            self.optimizer.step()
            self.scheduler.step()
        return rows, [p.detach().tolist() for p in self.parameters]

    def saved(self):
        with torch.no_grad():
            weights = [p.clone() for p in self.parameters]
        return weights, copy.deepcopy(self.optimizer.state_dict()), copy.deepcopy(self.scheduler.state_dict())

    def load(self, weights, of_optimizer, of_scheduler, order):
        with torch.no_grad():
            for p, weight in zip(self.parameters, weights, strict=True):
                p.copy_(weight)
        if order == "optimizer first":
            self.optimizer.load_state_dict(of_optimizer)
        self.scheduler.load_state_dict(of_scheduler)
        if order == "optimizer last":
            self.optimizer.load_state_dict(of_optimizer)


def near(run):
    rows, weights = run
    flat = [number for row in rows for pair in row for number in pair] + [w for row in weights for w in row]
    return pytest.approx(flat, rel=1e-9, abs=1e-13)


def flat(run):
    rows, weights = run
    return [number for row in rows for pair in row for number in pair] + [w for row in weights for w in row]


@each
def test_values_and_weights_equal_those_on_the_classes_of_torch(name):
    expected = Training(getattr(ON_TORCH, name)).run(STEPS)

    assert flat(Training(getattr(ON_DROP_INS, name)).run(STEPS)) == near(expected)


@each
@pytest.mark.parametrize(
    ("way", "order"),
    spread(
        itertools.product(
            ["torch to paramsched", "paramsched to torch", "paramsched to paramsched"],
            ["optimizer first", "optimizer last"],
        ),
        ("torch to paramsched", "optimizer first"),
        ("paramsched to torch", "optimizer last"),
        ("paramsched to paramsched", "optimizer first"),
    ),
)
def test_a_run_resumes_from_torch_in_paramsched_and_from_paramsched_in_torch(name, way, order):
    classes = {"torch": ON_TORCH, "paramsched": ON_DROP_INS}
    for saved_step in AT:
        rows = []
        for first, second in ((ON_TORCH, ON_TORCH), (classes[way.split()[0]], classes[way.split()[-1]])):
            before = Training(getattr(first, name))
            before.run(saved_step)
            after = Training(getattr(second, name))
            after.load(*before.saved(), order)
            rows.append(after.run(STEPS - saved_step))
        whole = Training(getattr(ON_TORCH, name))
        whole.run(saved_step)
        uninterrupted = whole.run(STEPS - saved_step)

        # Where torch itself goes astray after loading, the drop-in may be the uninterrupted run.
        assert flat(rows[1]) == near(rows[0]) or flat(rows[1]) == near(uninterrupted), saved_step


@each
def test_saving_copying_and_pickling_work_if_they_work_in_torch(name):
    done = []
    for actual in (ON_TORCH, ON_DROP_INS):
        scheduler = Training(getattr(actual, name)).scheduler
        scheduler.step()
        outcomes = {}
        for what, save in {
            "state": lambda s: torch.save(s.state_dict(), io.BytesIO()),
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "pickle": lambda s: pickle.loads(pickle.dumps(s)),
        }.items():
            try:
                save(scheduler)
                outcomes[what] = "works"
            except Exception as error:  # noqa: BLE001  # whatever torch's raises may be raised here
                outcomes[what] = type(error).__name__
        done.append(outcomes)

    assert {what: outcome for what, outcome in done[1].items() if done[0][what] == "works"} == dict.fromkeys(
        [what for what, outcome in done[0].items() if outcome == "works"], "works"
    )


@each
def test_a_state_has_every_entry_of_torch_and_is_a_copy(name):
    expected, actual = (Training(getattr(classes, name)).scheduler for classes in (ON_TORCH, ON_DROP_INS))
    state = actual.state_dict()
    before = copy.deepcopy(state)

    assert set(expected.state_dict()) - {"_scale_fn_ref"} <= set(state)
    if name not in ("OwnState", "Wraps"):  # these return internal containers
        actual.step()
        assert str(state) == str(before)


def test_other_containers_of_a_subclass_are_saved_by_value():
    from collections import OrderedDict, defaultdict

    training = Training(ON_DROP_INS.Relative)
    training.scheduler.seen = defaultdict(list, {"a": [1]})
    training.scheduler.order = OrderedDict(b=np.ones(2))

    state = training.scheduler.state_dict()
    training.scheduler.seen["a"].append(2)
    training.scheduler.order["b"][0] = 7.0

    assert state["seen"] == {"a": [1]}
    assert state["order"]["b"].tolist() == [1.0, 1.0]


def test_building_saving_and_stepping_a_subclass_does_not_warn():
    for name in ("StepsItself", "NeverBuilt", "Arrays", "Clamped", "Functions", "Together"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            training = Training(getattr(ON_DROP_INS, name))
            training.run(3)
            training.scheduler.load_state_dict(training.scheduler.state_dict())


def test_a_class_beside_the_drop_in_learns_of_its_subclasses():
    class Registry:
        labels: ClassVar[list[str]] = []

        def __init_subclass__(cls, label="", **kwargs):
            super().__init_subclass__(**kwargs)
            Registry.labels.append(label)

    class Own(DROP_IN.StepLR, Registry, label="steps"):
        pass

    assert Registry.labels == ["steps"]
    assert Own(optimizer_with([0.4]), 2).get_last_lr() == [0.4]


@pytest.mark.parametrize("module", [DROP_IN, TORCH], ids=["paramsched", "torch"])
def test_a_subclass_with_one_base_for_all_groups_keeps_it_after_loading(module):
    class Own(module.LRScheduler):
        def __init__(self, optimizer):
            super().__init__(optimizer)
            self.base_lrs = self.base_lrs[:1]

        def get_lr(self):
            return [self.base_lrs[0] * 0.5**self.last_epoch] * len(self.optimizer.param_groups)

    optimizer = optimizer_with([0.4, 0.2])
    scheduler = Own(optimizer)

    scheduler.load_state_dict(scheduler.state_dict())
    quiet_step(scheduler)

    assert (scheduler.base_lrs, rates_of(optimizer)) == ([0.4], [0.2, 0.2])
