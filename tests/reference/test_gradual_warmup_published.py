"""`published="0.3"`: the values of the package bit for bit, its states, and its subclasses."""

import copy
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.compat import torch as compat
from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.errors import StateError
from support.examples import examples
from support.spread import spread

package = pytest.importorskip("warmup_scheduler")
theirs = torch.optim.lr_scheduler


class Head(package.GradualWarmupScheduler):
    """The newest class in the package's repository, whose states are accepted: its differences from 0.3."""

    def get_lr(self) -> Any:
        if self.last_epoch <= self.total_epoch or self.after_scheduler is None:
            return super().get_lr()
        if not self.finished:
            self.after_scheduler.base_lrs = [base * self.multiplier for base in self.base_lrs]
            self.finished = True
        return self.after_scheduler.get_last_lr()

    def step(self, epoch: Any = None, metrics: Any = None) -> Any:
        driven = self.finished and self.after_scheduler is not None
        super().step(epoch, metrics)
        if driven and type(self.after_scheduler) is not theirs.ReduceLROnPlateau:
            self.last_epoch = self.after_scheduler.last_epoch + self.total_epoch + 1
            self._last_lr = self.after_scheduler.get_last_lr()


FORMS: dict[str, Any] = {"0.3": package.GradualWarmupScheduler, "head": Head}
each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Ignore the warnings of torch about calls of the package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def optimizer_of(*bases: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.zeros(1)], "lr": base} for base in bases]
    return torch.optim.SGD(groups, lr=bases[0], momentum=0.9)


def shrinking(t: int) -> float:
    return 1 / (1 + t / 3)


AFTERS: dict[str, Any] = {
    "nothing": lambda library, o: None,
    "StepLR": lambda library, o: library.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda library, o: library.MultiStepLR(o, [2, 5], 0.5),
    "ExponentialLR": lambda library, o: library.ExponentialLR(o, 0.9),
    "ConstantLR": lambda library, o: library.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda library, o: library.LinearLR(o, 0.25, total_iters=6),
    "PolynomialLR": lambda library, o: library.PolynomialLR(o, 9, 2.0),
    "CosineAnnealingLR": lambda library, o: library.CosineAnnealingLR(o, 8),
    "CosineAnnealingLR to a floor": lambda library, o: library.CosineAnnealingLR(o, 20, 1e-3),
    "CosineAnnealingWarmRestarts": lambda library, o: library.CosineAnnealingWarmRestarts(o, 3, 2, 1e-3),
    "LambdaLR": lambda library, o: library.LambdaLR(o, shrinking),
    "MultiplicativeLR": lambda library, o: library.MultiplicativeLR(o, shrinking),
    "OneCycleLR": lambda library, o: library.OneCycleLR(o, 0.5, total_steps=60),
    "CyclicLR": lambda library, o: library.CyclicLR(o, 0.01, 0.3, step_size_up=4),
}
PLATEAU = {"ReduceLROnPlateau": lambda library, o: library.ReduceLROnPlateau(o, factor=0.5, patience=1)}
each_after = pytest.mark.parametrize("after", AFTERS.values(), ids=AFTERS)


def of_package(form: str, after: Any, library: Any, bases: Any, *arguments: Any) -> Any:
    optimizer = optimizer_of(*bases)
    return FORMS[form](optimizer, *arguments, after(library, optimizer))


def of_ours(form: Any, after: Any, library: Any, bases: Any, *arguments: Any) -> GradualWarmupScheduler:
    optimizer = optimizer_of(*bases)
    return GradualWarmupScheduler(optimizer, *arguments, after(library, optimizer), published=form)


def rows(scheduler: Any, steps: int, *, metrics: Any = None, epochs: Any = None) -> list[Any]:
    """Return the values of the groups and the attributes of the scheduler at each step."""
    found = []
    for index in range(steps + 1):
        if index:
            scheduler.optimizer.step()
            if metrics is not None:
                scheduler.step(metrics=metrics[index % len(metrics)])
            elif epochs is not None:
                scheduler.step(epochs[index % len(epochs)])
            else:
                scheduler.step()
        held = [(group["lr"], group["momentum"]) for group in scheduler.optimizer.param_groups]
        last = scheduler.get_last_lr() if metrics is None else None  # the package has none over a plateau
        found.append((held, last, scheduler.last_epoch, scheduler.finished, scheduler.base_lrs))
    return found


warmups = st.tuples(
    st.sampled_from([1, 1.0, 1.5, 4, 10]),
    st.integers(1, 6),
    st.lists(st.floats(0.001, 2), min_size=1, max_size=3),
)


@each_after
@given(warmups)
def test_every_value_equals_the_package(after: Any, drawn: Any) -> None:
    multiplier, length, bases = drawn
    expected = rows(of_package("0.3", after, theirs, bases, multiplier, length), 30)

    assert rows(of_ours("0.3", after, theirs, bases, multiplier, length), 30) == expected


@each_after
@given(warmups, st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_explicit_epochs_give_the_values_of_the_package(after: Any, drawn: Any, epochs: Any) -> None:
    multiplier, length, bases = drawn
    try:
        expected = rows(of_package("0.3", after, theirs, bases, multiplier, length), 12, epochs=epochs)
    except (ValueError, ZeroDivisionError) as refusal:  # of torch: OneCycleLR's end, a restart before its begin
        with pytest.raises(type(refusal)):
            rows(of_ours("0.3", after, theirs, bases, multiplier, length), 12, epochs=epochs)
        return

    assert rows(of_ours("0.3", after, theirs, bases, multiplier, length), 12, epochs=epochs) == expected


@given(warmups, st.lists(st.floats(0, 3), min_size=1, max_size=8))
@examples(40)
def test_with_a_plateau_every_value_equals_the_package(drawn: Any, metrics: Any) -> None:
    multiplier, length, bases = drawn
    after = PLATEAU["ReduceLROnPlateau"]
    expected = rows(of_package("0.3", after, theirs, bases, multiplier, length), 25, metrics=metrics)

    assert rows(of_ours("0.3", after, theirs, bases, multiplier, length), 25, metrics=metrics) == expected


@each_after
@given(warmups)
def test_with_our_drop_ins_the_values_equal_the_package_with_torch(after: Any, drawn: Any) -> None:
    multiplier, length, bases = drawn
    expected = of_package("0.3", after, theirs, bases, multiplier, length)
    scheduler = of_ours("0.3", after, compat, bases, multiplier, length)

    for (held, *_), (values, *_) in zip(rows(expected, 30), rows(scheduler, 30), strict=True):
        assert [lr for lr, _ in values] == pytest.approx([lr for lr, _ in held], rel=1e-11, abs=1e-12)


# `published="0.3"` differs from the newest version in the first step after the ramp.
@pytest.mark.parametrize(
    ("form", "steps"),
    spread(
        [*(("0.3", steps) for steps in (0, 1, 3, 4, 5, 6, 9, 14)), *(("head", steps) for steps in (6, 9, 14))],
        *(("0.3", 0), ("0.3", 3), ("0.3", 5), ("0.3", 9), ("head", 9)),
    ),
)
@each_after
def test_a_state_of_the_package_resumes_to_the_values_of_the_package(form: str, steps: int, after: Any) -> None:
    whole = of_package(form, after, theirs, [0.1, 0.02], 4, 4)
    rows(whole, steps)
    state, groups = copy.deepcopy(whole.state_dict()), copy.deepcopy(whole.optimizer.state_dict())
    expected = rows(whole, 12)

    restored_before = of_ours(None, after, theirs, [0.1, 0.02], 4, 4)
    restored_before.optimizer.load_state_dict(groups)
    restored_before.load_state_dict(state)
    restored_after = of_ours("0.3", after, theirs, [0.1, 0.02], 4, 4)
    restored_after.load_state_dict(state)
    restored_after.optimizer.load_state_dict(groups)
    never_restored = of_ours("0.3", after, theirs, [0.1, 0.02], 4, 4)
    never_restored.load_state_dict(state)

    held = [row[0] for row in expected]
    assert [row[0] for row in rows(restored_before, 12)] == held
    if form == "0.3":
        assert rows(restored_after, 12) == expected
    else:  # because other counters do not change in 0.3
        assert [row[0] for row in rows(restored_after, 12)] == held
    if after is not AFTERS["OneCycleLR"] and after is not AFTERS["CyclicLR"]:  # momentum is the optimizer's to restore
        assert [row[0] for row in rows(never_restored, 12)] == held


@pytest.mark.parametrize("steps", [2, 9])
def test_a_plateau_state_of_the_package_resumes(steps: int) -> None:
    after, metrics = PLATEAU["ReduceLROnPlateau"], [1.0]
    whole = of_package("0.3", after, theirs, [0.1], 4, 4)
    rows(whole, steps, metrics=metrics)
    state = copy.deepcopy(whole.state_dict())
    groups = copy.deepcopy(whole.optimizer.state_dict())
    expected = rows(whole, 8, metrics=metrics)
    resumed = of_ours("0.3", after, theirs, [0.1], 4, 4)

    resumed.load_state_dict(state)
    resumed.optimizer.load_state_dict(groups)

    assert [row[0] for row in rows(resumed, 8, metrics=metrics)] == [row[0] for row in expected]


@each_form
@pytest.mark.parametrize("steps", [0, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("after", [AFTERS[one] for one in ("nothing", "StepLR", "CosineAnnealingLR", "LambdaLR")])
def test_a_state_of_the_package_continues_on_our_curve_on_request(form: str, steps: int, after: Any) -> None:
    begun = of_package(form, after, theirs, [0.1], 4, 4)
    rows(begun, steps)
    expected = of_ours(False, after, theirs, [0.1], 4, 4)
    rows(expected, steps)
    resumed = of_ours(False, after, theirs, [0.1], 4, 4)

    resumed.load_state_dict(copy.deepcopy(begun.state_dict()))

    found = [lr for held, *_ in rows(resumed, 10) for lr, _ in held]
    assert found == pytest.approx([lr for held, *_ in rows(expected, 10) for lr, _ in held], rel=1e-12)


@pytest.mark.parametrize("saved", ["0.3", "head"])  # "head" was a form of its own once
@pytest.mark.parametrize("steps", [0, 3, 5, 9])
@pytest.mark.parametrize("after", [AFTERS[one] for one in ("nothing", "CosineAnnealingLR", "StepLR")])
def test_our_state_is_plain_data_and_resumes(saved: str, steps: int, after: Any) -> None:
    whole = of_ours("0.3", after, theirs, [0.1], 4, 4)
    rows(whole, steps)
    state = whole.state_dict() | {"published": saved}
    expected = rows(whole, 10)
    resumed = of_ours("0.3", after, theirs, [0.1], 4, 4)

    resumed.load_state_dict(state)

    assert rows(resumed, 10) == expected


def test_a_state_of_one_form_is_rejected_by_another() -> None:
    after = AFTERS["StepLR"]
    state = of_ours("0.3", after, theirs, [0.1], 4, 4).state_dict()

    with pytest.raises(StateError, match=r"published=\'0\.3\'"):
        of_ours(False, after, theirs, [0.1], 4, 4).load_state_dict(state)


def test_resuming_a_state_of_the_package_warns() -> None:
    after = AFTERS["CosineAnnealingLR"]
    state = of_package("0.3", after, theirs, [0.1], 1, 3).state_dict()

    with pytest.warns(UserWarning, match="published=False") as warned:
        of_ours(None, after, theirs, [0.1], 1, 3).load_state_dict(state)

    assert warned[0].filename == __file__


def document(base: type) -> type:
    """The class of the document, with its states."""

    class Printed(base):  # type: ignore[misc,valid-type]  # either
        def __init__(self, optimizer: Any, multiplier: float, warmup_epoch: int, after_scheduler: Any) -> None:
            self.multiplier, self.warmup_epoch, self.after_scheduler = multiplier, warmup_epoch, after_scheduler
            super().__init__(optimizer)

        def get_lr(self) -> Any:
            share = (self.multiplier - 1.0) * self.last_epoch / self.warmup_epoch + 1.0
            return [base / self.multiplier * share for base in self.base_lrs]

        def step(self, epoch: Any = None) -> None:
            epoch = self.last_epoch + 1 if epoch is None else epoch
            self.last_epoch = epoch
            if epoch > self.warmup_epoch:
                self.after_scheduler.step(epoch - self.warmup_epoch)
            else:
                super().step(epoch)

    return Printed


@pytest.mark.parametrize("steps", [0, 3, 4, 5, 9])
def test_a_state_of_the_documented_class_resumes(steps: int) -> None:
    optimizer, mine = optimizer_of(0.1), optimizer_of(0.1)
    whole = document(theirs.LRScheduler)(optimizer, 4, 4, theirs.CosineAnnealingLR(optimizer, 30))
    values(whole, steps)
    state = copy.deepcopy(whole.state_dict())
    expected = values(whole, 10)
    resumed = GradualWarmupScheduler(mine, 4, after_scheduler=theirs.CosineAnnealingLR(mine, 30), warmup_epoch=4)

    resumed.load_state_dict(state)

    assert values(resumed, 10) == pytest.approx(expected, rel=1e-12)


def values(scheduler: Any, steps: int) -> list[float]:
    found = [scheduler.optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        found.append(scheduler.optimizer.param_groups[0]["lr"])
    return found


def subclasses(base: Any) -> dict[str, type]:
    """Subclasses of the package's class as users write them."""

    class Clamped(base):
        def get_lr(self) -> Any:
            return [min(float(lr), 0.25) for lr in super().get_lr()]

    class Squared(base):
        """A custom ramp with the package's transition to the after-scheduler."""

        def get_lr(self) -> Any:
            if self.last_epoch > self.total_epoch:
                if self.after_scheduler:
                    if not self.finished:
                        self.after_scheduler.base_lrs = [lr * self.multiplier for lr in self.base_lrs]
                        self.finished = True
                    return self.after_scheduler.get_lr()
                return [lr * self.multiplier for lr in self.base_lrs]
            share = (self.last_epoch / self.total_epoch) ** 2
            return [lr * ((self.multiplier - 1.0) * share + 1.0) for lr in self.base_lrs]

    class Logged(base):
        """A subclass that counts its own steps."""

        def __init__(self, *arguments: Any) -> None:
            self.calls: list[Any] = []
            super().__init__(*arguments)

        def get_lr(self) -> Any:
            self.calls.append(self.last_epoch)
            return super().get_lr()

        def step(self, epoch: Any = None, metrics: Any = None) -> None:
            self.calls.append("step")
            super().step(epoch, metrics)

    return {one.__name__: one for one in (Clamped, Squared, Logged)}


@pytest.mark.parametrize("name", ["Clamped", "Squared", "Logged"])
@pytest.mark.parametrize("after", [AFTERS[one] for one in ("nothing", "CosineAnnealingLR", "StepLR", "LambdaLR")])
@pytest.mark.parametrize("multiplier", [1, 4])
def test_a_subclass_is_called_as_by_the_package(name: str, after: Any, multiplier: float) -> None:
    optimizer, mine = optimizer_of(0.1), optimizer_of(0.1)
    peer = subclasses(package.GradualWarmupScheduler)[name](optimizer, multiplier, 4, after(theirs, optimizer))
    scheduler = subclasses(GradualWarmupScheduler)[name](mine, multiplier, 4, after(theirs, mine))

    assert rows(scheduler, 15) == rows(peer, 15)
    assert vars(scheduler).get("calls") == vars(peer).get("calls")


def test_a_subclass_is_called_during_our_ramp() -> None:
    class Clamped(GradualWarmupScheduler):
        def get_lr(self) -> Any:
            return [min(lr, 0.06) for lr in super().get_lr()]

    optimizer = optimizer_of(0.1)
    scheduler = Clamped(optimizer, 1, warmup_epoch=4, after_scheduler=theirs.StepLR(optimizer, 2, 0.5))

    assert values(scheduler, 4) == pytest.approx([0.06] * 5)


@pytest.mark.filterwarnings("error")
class TestTheWarning:
    @pytest.mark.parametrize("after", [AFTERS[one] for one in ("CosineAnnealingLR", "StepLR", "LambdaLR")])
    @pytest.mark.parametrize("library", [theirs, compat])
    def test_it_is_issued_once_when_the_values_differ_at_the_line_of_the_user(self, library: Any, after: Any) -> None:
        scheduler = of_ours(None, after, library, [0.1], 1, 4)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values(scheduler, 4)
        scheduler.optimizer.step()

        with pytest.warns(UserWarning, match="from step 5 on") as warned:
            scheduler.step()

        assert warned[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values(scheduler, 10)

    @pytest.mark.parametrize("after", [*PLATEAU.values(), AFTERS["OneCycleLR"]])
    def test_it_is_issued_by_the_constructor_if_the_ramp_differs(self, after: Any) -> None:
        with pytest.warns(UserWarning, match="from the first step on"):
            of_ours(None, after, theirs, [0.1], 1, 4)

    @pytest.mark.parametrize(
        "build",
        [
            lambda: of_ours(None, AFTERS["ExponentialLR"], theirs, [0.1], 1, 4),
            lambda: of_ours(None, AFTERS["nothing"], theirs, [0.1], 1, 4),
            lambda: of_ours(False, AFTERS["CosineAnnealingLR"], theirs, [0.1], 1, 4),
            lambda: of_ours("0.3", AFTERS["CosineAnnealingLR"], theirs, [0.1], 1, 4),
            lambda: of_ours(None, AFTERS["StepLR"], theirs, [0.1], 1, 0),
        ],
    )
    def test_it_is_not_issued_without_a_difference_or_after_a_choice(self, build: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values(build(), 12)


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        ({"total_epoch": 4, "published": "0.4"}, "expected '0.3', False or None"),
        ({"total_epoch": 4, "published": True}, "expected '0.3', False or None"),
        ({"total_epoch": 4, "published": "head"}, 'Write published="0.3"'),
        ({"warmup_epoch": 4, "published": "0.3"}, "Omit published"),
        ({"total_epoch": 0, "published": "0.3"}, "Omit published"),
    ],
)
def test_an_unknown_form_is_rejected(arguments: Any, instead: str) -> None:
    with pytest.raises(ValueError, match=instead):
        GradualWarmupScheduler(optimizer_of(0.1), 2, **arguments)
