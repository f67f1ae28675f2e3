"""The rows of `docs/reference/divergences.md`, "GradualWarmupScheduler": our class passes, the published ones fail.

The package warmup-scheduler 0.3 is tested if it is installed.
"""

import io
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.compat import torch as compat
from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.errors import StateError
from support.documented_warmup import document, printed
from support.tables import table

lr_scheduler = torch.optim.lr_scheduler
drop_in = SimpleNamespace(GradualWarmupScheduler=GradualWarmupScheduler)
if find_spec("warmup_scheduler"):
    import warmup_scheduler as published
else:
    published = None


# The warnings of torch about the published classes, which our class must not cause.
OF_ORIGINALS = pytest.mark.filterwarnings("ignore:The epoch parameter in", "ignore:To get the last learning rate")


def row(number: int) -> pytest.MarkDecorator:
    """Run a test with our class and with the package, which must fail."""
    reason = f"docs/reference/divergences.md, GradualWarmupScheduler, row {number}"
    marks = [
        pytest.mark.skipif(published is None, reason="warmup-scheduler is not installed"),
        pytest.mark.xfail(strict=True, reason=reason),
        OF_ORIGINALS,
    ]
    return pytest.mark.parametrize(
        "gw", [pytest.param(drop_in, id="paramsched"), pytest.param(published, id="warmup-scheduler", marks=marks)]
    )


def seed_row(number: int) -> pytest.MarkDecorator:
    """Run a test with our class and with the class of the document, which must fail."""
    reason = f"docs/reference/divergences.md, GradualWarmupScheduler, row {number}"
    original = pytest.param(printed, id="document", marks=[pytest.mark.xfail(strict=True, reason=reason), OF_ORIGINALS])
    return pytest.mark.parametrize("gw", [pytest.param(drop_in, id="paramsched"), original])


def optimizer_of(*bases: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": base} for base in bases], lr=bases[0])


def build(gw: Any, multiplier: float, length: int, after: Callable[[Any], Any] | None, base: float = 1.0) -> Any:
    """The published form."""
    optimizer = optimizer_of(base)
    scheduler = None if after is None else after(optimizer)
    return gw.GradualWarmupScheduler(optimizer, multiplier, length, scheduler)


def build_seed(gw: Any, after: Callable[[Any], Any], multiplier: float = 2, length: int = 4) -> Any:
    """The document's form."""
    optimizer = optimizer_of(1.0)
    return gw.GradualWarmupScheduler(
        optimizer, multiplier=multiplier, after_scheduler=after(optimizer), warmup_epoch=length
    )


def curve(scheduler: Any, steps: int) -> list[float]:
    values = []
    for _ in range(steps):
        values.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return values


def guided(scheduler: Any, metrics: list[float]) -> list[float]:
    values = [scheduler.optimizer.param_groups[0]["lr"]]
    for metric in metrics:
        scheduler.optimizer.step()
        scheduler.step(metrics=metric)
        values.append(scheduler.optimizer.param_groups[0]["lr"])
    return values


def halving(optimizer: Any) -> Any:
    return lr_scheduler.StepLR(optimizer, 1, 0.5)


def cosine(optimizer: Any) -> Any:
    return lr_scheduler.CosineAnnealingLR(optimizer, 10)


def plateau(optimizer: Any) -> Any:
    return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)


@pytest.mark.skipif(published is None, reason="warmup-scheduler is not installed")
@OF_ORIGINALS
@given(
    st.integers(1, 10) | st.floats(1, 30),
    st.integers(1, 20),
    st.floats(1e-6, 10),
    st.lists(st.none() | st.integers(0, 24), min_size=1, max_size=24),
)
def test_the_ramp_has_the_values_of_the_package_to_the_last_bit(
    multiplier: float, length: int, base: float, epochs: list[int | None]
) -> None:
    drop_in_scheduler, original = (build(gw, multiplier, length, None, base) for gw in (drop_in, published))
    for epoch in epochs:
        for scheduler in (drop_in_scheduler, original):
            scheduler.optimizer.step()
            scheduler.step(epoch)
        assert drop_in_scheduler.get_last_lr() == original.get_last_lr(), (epoch, epochs)


@row(1)
@pytest.mark.parametrize("multiplier", [1, 4])
def test_the_after_scheduler_is_not_late_and_does_not_overshoot(gw: Any, multiplier: float) -> None:
    values = curve(build(gw, multiplier, 5, cosine), 15)

    assert max(values) == multiplier == values[5]
    assert values[6] == pytest.approx(multiplier * (1 + torch.cos(torch.tensor(torch.pi / 10)).item()) / 2)


@row(1)
def test_explicit_epochs_give_the_values_of_stepping(gw: Any) -> None:
    scheduler = build(gw, 1, 4, halving)
    scheduler.optimizer.step()
    values = []
    for epoch in range(4, 8):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an epoch is deprecated
            scheduler.step(epoch)
        values.append(scheduler.optimizer.param_groups[0]["lr"])

    assert values == [1, 0.5, 0.25, 0.125]


@row(1)
def test_its_attributes_continue_after_the_ramp(gw: Any) -> None:
    scheduler = build(gw, 1, 2, halving)

    curve(scheduler, 2)
    assert not scheduler.finished
    curve(scheduler, 3)

    assert (scheduler.last_epoch, scheduler._step_count, scheduler.get_last_lr()) == (5, 6, [0.125])
    assert scheduler.finished
    assert scheduler.base_lrs == [1.0]


@row(2)
def test_a_warmup_before_a_plateau_may_start_at_zero(gw: Any) -> None:
    assert guided(build(gw, 1, 4, plateau), [1.0] * 4) == [0, 0.25, 0.5, 0.75, 1.0]


def test_a_plateau_observes_only_the_metrics_after_the_ramp() -> None:  # row 2
    values = guided(build(drop_in, 4, 2, plateau), [0.0, 0.0, 9.0, 9.0, 8.0, 9.0])

    assert values == [1, 2.5, 4, 4, 2, 2, 1]


@row(2)
@pytest.mark.parametrize("metric", [0.5, torch.tensor(0.5)])
def test_a_positional_metric_is_a_metric(gw: Any, metric: Any) -> None:
    scheduler = build(gw, 1, 2, plateau)
    for _ in range(4):
        scheduler.optimizer.step()
        scheduler.step(metric)

    assert scheduler.last_epoch == 4
    assert scheduler.optimizer.param_groups[0]["lr"] == 0.5


@row(2)
def test_a_missing_metric_after_the_ramp_raises_and_changes_nothing(gw: Any) -> None:
    scheduler = build(gw, 1, 1, plateau)
    scheduler.optimizer.step()
    scheduler.step()

    with pytest.raises(ValueError, match="metrics=loss"):
        scheduler.step()

    assert scheduler.last_epoch == 1


@pytest.mark.parametrize("library", [lr_scheduler, compat])
@table("resumed_after", range(7))
def test_a_plateau_is_resumed_with_its_state(library: Any, resumed_after: int) -> None:  # rows 2, 3
    metrics = [3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    after = lambda o: library.ReduceLROnPlateau(o, factor=0.5, patience=1)  # noqa: E731  # one line
    whole = guided(build(drop_in, 2, 2, after), metrics)
    begun = build(drop_in, 2, 2, after)
    resumed = build(drop_in, 2, 2, after, base=0.3)

    guided(begun, metrics[:resumed_after])
    resumed.load_state_dict(begun.state_dict())

    assert guided(resumed, metrics[resumed_after:]) == whole[resumed_after:]


@row(3)
def test_a_state_is_plain_data_and_works_with_a_new_optimizer(gw: Any) -> None:
    begun = build(gw, 1, 2, halving)
    curve(begun, 3)
    buffer = io.BytesIO()
    torch.save(begun.state_dict(), buffer)
    buffer.seek(0)
    resumed = build(gw, 1, 2, halving)
    after = resumed.after_scheduler

    resumed.load_state_dict(torch.load(buffer, weights_only=True))

    assert resumed.after_scheduler is after
    assert curve(resumed, 3) == [0.5, 0.25, 0.125]


@row(3)
@pytest.mark.parametrize("multiplier", [1, 4])
def test_a_ramp_of_length_0_is_the_after_scheduler_from_the_peak(gw: Any, multiplier: float) -> None:
    assert curve(build(gw, multiplier, 0, halving), 3) == [multiplier, multiplier / 2, multiplier / 4]


@row(3)
@pytest.mark.parametrize("name", ["SequentialLR", "ChainedScheduler"])
def test_a_composition_can_be_wrapped(gw: Any, name: str) -> None:
    def after(optimizer: Any) -> Any:
        members = [halving(optimizer), lr_scheduler.StepLR(optimizer, 1, 0.25)]
        return (
            lr_scheduler.SequentialLR(optimizer, members, [2])
            if name == "SequentialLR"
            else lr_scheduler.ChainedScheduler(members)
        )

    values = curve(build(gw, 4, 2, after), 6)

    assert values == ([1, 2.5, 4, 2, 4, 1] if name == "SequentialLR" else [1, 2.5, 4, 0.5, 4 / 64, 4 / 512])


def one_cycle(optimizer: Any) -> Any:
    return lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=20)


@row(3)
def test_the_ramp_uses_the_lr_from_before_the_after_scheduler(gw: Any) -> None:
    alone = one_cycle(optimizer_of(1.0))

    values = curve(build(gw, 1, 4, one_cycle, base=0.5), 12)

    assert values[:5] == [0, 0.125, 0.25, 0.375, 0.5]
    assert values[5:] == curve(alone, 8)[1:]


def test_an_unknown_base_raises_an_error_that_asks_for_it() -> None:  # row 3
    optimizer = optimizer_of(1.0, 0.1)
    after = lr_scheduler.OneCycleLR(optimizer, max_lr=[1.0, 0.5], total_steps=20)
    with pytest.raises(ValueError, match="base_lr="):
        GradualWarmupScheduler(optimizer, 1, 4, after)

    scheduler = GradualWarmupScheduler(optimizer, 1, 4, after, base_lr=[1.0, 0.1])

    curve(scheduler, 2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]


@seed_row(4)
@pytest.mark.parametrize("after", [halving, lambda o: lr_scheduler.SequentialLR(o, [halving(o), cosine(o)], [5])])
def test_it_issues_no_deprecation_warning_and_keeps_external_writes(gw: Any, after: Any) -> None:
    scheduler = build_seed(gw, after)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve(scheduler, 6)
        scheduler.optimizer.param_groups[0]["lr"] = 8.0
        curve(scheduler, 1)

    assert scheduler.optimizer.param_groups[0]["lr"] == 4.0


@seed_row(4)
def test_a_plateau_gets_the_metric_not_the_epoch(gw: Any) -> None:
    scheduler = build_seed(gw, plateau)

    assert guided(scheduler, [5.0, 5.0, 5.0, 5.0, 4.0, 3.0, 2.0, 1.0])[4:] == [1.0] * 5


@seed_row(4)
def test_the_last_lr_is_updated_after_the_ramp(gw: Any) -> None:
    scheduler = build_seed(gw, halving)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # row 4
        curve(scheduler, 6)

    assert scheduler.get_last_lr() == [0.25]


@pytest.mark.parametrize("library", [lr_scheduler, compat], ids=["torch", "paramsched"])
@pytest.mark.parametrize("multiplier", [1, 2, 8])
@pytest.mark.parametrize("base", [lr_scheduler._LRScheduler, compat._LRScheduler], ids=["torch", "paramsched"])
def test_the_documented_class_gives_the_same_values(base: type, library: Any, multiplier: int) -> None:  # row 4
    def after(optimizer: Any) -> Any:
        return library.CosineAnnealingLR(optimizer=optimizer, eta_min=0.000001, T_max=30)

    expected = curve(build_seed(drop_in, after, multiplier, 10), 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # row 4
        values = curve(build_seed(SimpleNamespace(GradualWarmupScheduler=document(base)), after, multiplier, 10), 40)

    assert values == pytest.approx(expected, rel=1e-12)  # torch's own recursion


@row(3)
def test_a_group_added_in_the_ramp_has_its_own_lr_as_base(gw: Any) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    after = lr_scheduler.StepLR(optimizer, 3, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of row 1
        scheduler = gw.GradualWarmupScheduler(optimizer, 2.0, 4, after_scheduler=after)
    optimizer.step()
    scheduler.step()
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.3})
    for _ in range(10):
        optimizer.step()
        scheduler.step()

        first, late = (group["lr"] for group in optimizer.param_groups)
        assert late == pytest.approx(3 * first)


# The contract beside the rows.


class Squared(GradualWarmupScheduler):
    """A custom ramp with the package's transition to the after-scheduler, as users write it."""

    def __init__(self, *arguments: Any) -> None:
        self.finished = False
        super().__init__(*arguments)

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


class Logged(GradualWarmupScheduler):
    """A subclass that records the calls of its methods."""

    def __init__(self, *arguments: Any) -> None:
        self.calls: list[Any] = []
        super().__init__(*arguments)

    def get_lr(self) -> Any:
        self.calls.append(self.last_epoch)
        return super().get_lr()

    def step(self, epoch: Any = None, metrics: Any = None) -> None:
        self.calls.append("step")
        super().step(epoch, metrics)


@pytest.mark.parametrize("library", [lr_scheduler, compat], ids=["torch", "paramsched"])
@pytest.mark.parametrize(
    ("scheduler_class", "ramp"),
    [(Squared, [1, 1.1875, 1.75, 2.6875, 4]), (Logged, [1, 1.75, 2.5, 3.25, 4])],
)
def test_the_get_lr_of_a_subclass_gives_the_ramp(library: Any, scheduler_class: Any, ramp: list[float]) -> None:
    scheduler = build(
        SimpleNamespace(GradualWarmupScheduler=scheduler_class), 4, 4, lambda o: library.StepLR(o, 1, 0.5)
    )

    assert curve(scheduler, 8) == [*ramp, 2, 1, 0.5]
    assert scheduler.finished
    calls = ["step", 0, "step", 1, "step", 2, "step", 3, "step", 4, *["step"] * 4]
    assert vars(scheduler).get("calls") in (None, calls)


@table(
    ("arguments", "instead"),
    [
        ({"multiplier": 8}, "total_epoch=5"),
        ({"multiplier": 8, "total_epoch": 5, "warmup_epoch": 5}, "total_epoch=5"),
        ({"multiplier": 0.5, "total_epoch": 5}, "Use 1 to"),
        ({"multiplier": 0.5, "warmup_epoch": 5}, "Use 1 to"),
        ({"multiplier": 8, "total_epoch": 2.5}, "expected an integer"),
        ({"multiplier": 8, "total_epoch": 5, "base_lr": [0.1, 0.2]}, "Use one number for each"),
    ],
)
def test_contradictory_arguments_raise_an_error_with_the_line_to_write(arguments: dict[str, Any], instead: str) -> None:
    with pytest.raises(ValueError, match=instead):
        GradualWarmupScheduler(optimizer_of(1.0), **arguments)


def test_an_after_scheduler_of_another_optimizer_is_rejected() -> None:
    with pytest.raises(ValueError, match="another optimizer"):
        GradualWarmupScheduler(optimizer_of(1.0), 1, 5, halving(optimizer_of(1.0)))


def test_it_is_an_instance_of_the_scheduler_class_of_torch() -> None:
    assert isinstance(build(drop_in, 1, 5, None), lr_scheduler.LRScheduler)


def test_without_an_after_scheduler_the_peak_stays_constant() -> None:
    assert curve(build(drop_in, 3, 2, None), 5) == [1, 2, 3, 3, 3]


def test_stepping_before_the_optimizer_warns_at_the_line_of_the_user() -> None:
    scheduler = build(drop_in, 1, 5, halving)

    with pytest.warns(UserWarning, match="before `optimizer.step") as warned:
        scheduler.step()

    assert warned[0].filename == __file__


def test_a_negative_epoch_raises_and_changes_nothing() -> None:
    scheduler = build(drop_in, 1, 5, halving)

    with pytest.raises(ValueError, match="must not be negative"):
        scheduler.step(-1)

    assert scheduler.last_epoch == 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda state: state.pop("_position"), r"_position is missing.*write scheduler.step\(100\)"),  # of the package
        (
            lambda state: state.update(after_scheduler=None),
            "this scheduler has an after-scheduler, but the state has none",
        ),
    ],
)
def test_an_invalid_state_changes_nothing(spoil: Any, message: str) -> None:
    scheduler = build(drop_in, 1, 4, halving)
    curve(scheduler, 6)
    before = scheduler.state_dict()
    state = scheduler.state_dict()
    spoil(state)

    with pytest.raises(StateError, match=message):
        scheduler.load_state_dict(state)

    assert scheduler.state_dict() == before
