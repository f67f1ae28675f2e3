"""The rows of `docs/reference/divergences.md`, "pytorch-accelerated": our class passes, the library is an xfail."""

import io
import warnings
from collections.abc import Callable
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from paramsched.compat import pytorch_accelerated as drop_in
from paramsched.errors import StateError

library = pytest.importorskip("pytorch_accelerated.schedulers")
trainer = pytest.importorskip("pytorch_accelerated.trainer")

original = SimpleNamespace(
    CosineLrScheduler=library.CosineLrScheduler,
    WSDLrScheduler=library.WSDLrScheduler,
    SchedulerBase=library.SchedulerBase,
    StatefulSchedulerBase=library.StatefulSchedulerBase,
    TrainerPlaceholderValues=trainer.TrainerPlaceholderValues,
    replace_trainer_placeholder_values=trainer.replace_trainer_placeholder_values,
)
PAIR = [pytest.param(drop_in, id="paramsched"), pytest.param(original, id="pytorch-accelerated")]
both = pytest.mark.parametrize("pa", PAIR)


def row(number: int) -> pytest.MarkDecorator:
    """Run a test with both libraries; pytorch-accelerated must fail."""
    reason = f"docs/reference/divergences.md, pytorch-accelerated, row {number}"
    library_fails = pytest.param(
        original, id="pytorch-accelerated", marks=pytest.mark.xfail(strict=True, reason=reason)
    )
    return pytest.mark.parametrize("pa", [PAIR[0], library_fails])


def optimizer_of(*bases: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": base} for base in bases], lr=1.0)


def lrs(scheduler: Any) -> list[Any]:
    return [group["lr"] for group in scheduler.optimizer.param_groups]


def first(scheduler: Any, times: Any) -> list[float]:
    return [scheduler.get_updated_values(n)[0] for n in times]


def after(scheduler: Any, steps: int) -> Any:
    for _ in range(steps):
        scheduler.step()
    return scheduler


def returning(pa: Any, values: Callable[[int], Any]) -> type:
    """A stateless scheduler that returns the given values."""
    return type("Returning", (pa.SchedulerBase,), {"get_updated_values": lambda self, n: values(n)})


@row(1)
def test_a_scheduler_needs_only_its_values(pa: Any) -> None:
    class Milestone(pa.StatefulSchedulerBase):
        def get_updated_values(self, num_updates: int) -> list[float] | None:
            return [0.05] if num_updates == 2 else None

    saved = after(Milestone(optimizer_of(0.1)), 3)
    resumed = Milestone(optimizer_of(0.1))
    resumed.load_state_dict(saved.state_dict())

    assert lrs(resumed) == [0.05]
    assert resumed.step() is None


class Inverse:
    """f(n) = 1 / (n + 1)."""

    def get_updated_values(self, num_updates: int) -> float:
        return 1 / (num_updates + 1)


def used(scheduler: Any, updates: int) -> list[float]:
    values = []
    for _ in range(updates):
        values += lrs(scheduler)
        scheduler.step()
    return values


@both
def test_the_first_step_is_update_0_by_default(pa: Any) -> None:  # row 2
    states = {"state_dict": lambda self: {}, "load_state_dict": lambda self, state: None}
    scheduler = type("Late", (Inverse, pa.StatefulSchedulerBase), states)(optimizer_of(1.0))

    assert used(scheduler, 4) == [1, 1, 1 / 2, 1 / 3]


@row(2)
@pytest.mark.parametrize("where", ["class", "object", "loaded"])
def test_the_first_step_can_be_update_1(pa: Any, where: str) -> None:
    states = {"state_dict": lambda self: {}, "load_state_dict": lambda self, state: None} if pa is original else {}
    scheduler = type("Documented", (Inverse, pa.StatefulSchedulerBase), states)(optimizer_of(1.0))
    if where == "class":
        type(scheduler).first_update = 1
    elif where == "object":
        scheduler.first_update = 1
    else:
        source = type(scheduler)(optimizer_of(1.0))
        source.first_update = 1
        scheduler.load_state_dict(source.state_dict())

    assert used(scheduler, 4) == [1, 1 / 2, 1 / 3, 1 / 4]


WARM = {"lr_min": 0, "num_warmup_epochs": 4, "warmup_starting_lr": 0}


@row(3)
def test_a_cosine_after_a_warmup_is_complete(pa: Any) -> None:
    scheduler = pa.CosineLrScheduler(optimizer_of(1.0), 20, 1, **WARM)

    values = first(scheduler, range(4, 21))

    assert values == pytest.approx([(1 + np.cos(np.pi * k / 16)) / 2 for k in range(17)], abs=1e-15)


@row(3)
@pytest.mark.parametrize("epochs", [10, 12])
def test_a_long_warmup_is_followed_by_a_cosine(pa: Any, epochs: int) -> None:
    scheduler = pa.CosineLrScheduler(optimizer_of(1.0), 20, 1, **WARM | {"num_warmup_epochs": epochs})
    rest = 20 - epochs

    values = first(scheduler, (epochs - 1, epochs, epochs + rest // 2, 20))

    assert values == pytest.approx([1 - 1 / epochs, 1.0, 0.5, 0.0], abs=1e-15)


HALF = {"num_warmup_epochs": 4, "warmup_starting_lr_ratio": 0.5}


@row(4)
def test_a_warmup_from_a_ratio_ends_at_base(pa: Any) -> None:
    scheduler = pa.CosineLrScheduler(optimizer_of(1.0), 20, 1, **HALF)

    assert first(scheduler, range(5)) == [0.5, 0.625, 0.75, 0.875, 1.0]


@row(4)
def test_a_warmup_from_a_ratio_starts_at_the_ratio(pa: Any) -> None:
    scheduler = pa.CosineLrScheduler(optimizer_of(1.0, 0.2), 20, 1, **HALF)

    assert lrs(scheduler) == [0.5, 0.1]


def test_a_warmup_and_the_function_for_a_trainer_warn_of_nothing() -> None:  # as the documentation writes them
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drop_in.CosineLrScheduler(optimizer_of(1.0), 20, 100, num_warmup_epochs=5)
        make = drop_in.CosineLrScheduler.create_scheduler_fn(num_warmup_epochs=5)
        make(optimizer_of(1.0), total_num_epochs=20, num_update_steps_per_epoch=100)


@row(5)
@pytest.mark.parametrize("name", ["CosineLrScheduler", "WSDLrScheduler"])
def test_loading_writes_the_value(pa: Any, name: str) -> None:
    build = partial(getattr(pa, name), **({"total_num_epochs": 10} if name[0] == "C" else {"num_epochs": 10}))
    saved = after(build(optimizer_of(1.0), num_update_steps_per_epoch=1), 11)
    resumed = build(optimizer_of(1.0), num_update_steps_per_epoch=1)

    resumed.load_state_dict(saved.state_dict())

    assert lrs(resumed) == lrs(saved) != [1.0]


@both
def test_the_constructor_restores_the_initial_lr(pa: Any) -> None:  # row 5
    optimizer = after(pa.CosineLrScheduler(optimizer_of(1.0), 10, 1), 5).optimizer

    assert lrs(pa.CosineLrScheduler(optimizer, 10, 1)) == [1.0]


@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("name", ["CosineLrScheduler", "WSDLrScheduler"])
def test_any_order_of_loading_continues_the_curve(name: str, optimizer_first: bool) -> None:  # row 5
    build = partial(
        getattr(drop_in, name), **({"total_num_epochs": 10} if name[0] == "C" else {"num_epochs": 10, "lr_min": 0.1})
    )
    whole = used(build(optimizer_of(1.0), num_update_steps_per_epoch=2), 25)
    for steps in range(25):
        saved = after(build(optimizer_of(1.0), num_update_steps_per_epoch=2), steps)
        optimizer = optimizer_of(0.3)
        if optimizer_first:
            optimizer.load_state_dict(saved.optimizer.state_dict())
        resumed = build(optimizer, num_update_steps_per_epoch=2)
        resumed.load_state_dict(saved.state_dict())
        if not optimizer_first:
            optimizer.load_state_dict(saved.optimizer.state_dict())

        assert used(resumed, 25 - steps) == whole[steps:]


@row(5)
def test_a_cosine_s_state_has_its_bases(pa: Any) -> None:
    saved = pa.CosineLrScheduler(optimizer_of(1.0, 0.5), 10, 1)
    resumed = pa.CosineLrScheduler(optimizer_of(0.3, 0.3), 10, 1)

    resumed.load_state_dict(saved.state_dict())

    assert resumed.get_updated_values(0) == [1.0, 0.5]


RUN = SimpleNamespace(
    run_config=SimpleNamespace(num_epochs=5, num_update_steps_per_epoch=8, num_local_update_steps_per_epoch=4),
    _train_dataloader=range(16),
    _eval_dataloader=range(3),
)


@row(6)
@pytest.mark.parametrize(
    ("expression", "number"),
    [
        (lambda p: (p.NUM_EPOCHS + 2) * 3, 21),
        (lambda p: 2 * p.NUM_EPOCHS, 10),
        (lambda p: p.NUM_EPOCHS * p.NUM_UPDATE_STEPS_PER_EPOCH, 40),
        (lambda p: p.NUM_EPOCHS / 2, 2.5),
        (lambda p: 17 // p.NUM_EPOCHS - 1, 2),
        (lambda p: p.TRAIN_DATALOADER_LEN - p.EVAL_DATALOADER_LEN - (p.NUM_EPOCHS - 1), 9),
        (lambda p: 100 / (p.NUM_EPOCHS * np.int64(2)), 10),
    ],
)
@pytest.mark.parametrize("replacer", ["the same", "the library's"])
def test_placeholder_arithmetic_follows_operator_precedence(
    pa: Any, expression: Callable[[Any], Any], number: float, replacer: str
) -> None:
    replace = (pa if replacer == "the same" else original).replace_trainer_placeholder_values

    replaced = replace(RUN, partial(dict, n=expression(pa.TrainerPlaceholderValues)))()

    assert replaced == {"n": number}


@row(6)
def test_a_placeholder_by_position_is_replaced(pa: Any) -> None:
    replaced = pa.replace_trainer_placeholder_values(RUN, partial(max, pa.TrainerPlaceholderValues.NUM_EPOCHS))

    assert replaced(1) == 5


@both
@pytest.mark.parametrize("value", [None, dict, {"n": 1}, lambda: 1])
def test_an_object_that_is_not_a_partial_is_returned(pa: Any, value: Any) -> None:
    assert pa.replace_trainer_placeholder_values(RUN, value) is value


@pytest.mark.parametrize("operand", [None, float("nan"), True])
def test_placeholder_arithmetic_accepts_only_numbers(operand: Any) -> None:  # row 6
    with pytest.raises(TypeError):
        drop_in.TrainerPlaceholderValues.NUM_EPOCHS * operand


def test_a_placeholder_of_the_library_is_accepted() -> None:  # row 6
    joined = drop_in.TrainerPlaceholderValues.NUM_EPOCHS * (trainer.TrainerPlaceholderValues.TRAIN_DATALOADER_LEN + 4)

    assert drop_in.replace_trainer_placeholder_values(RUN, partial(max, joined))(1) == 100


@row(6)
@pytest.mark.parametrize(
    "lookalike",
    [
        SimpleNamespace(name="NUM_EPOCHS", value="1 + 1"),
        Enum("TrainerPlaceholderValues", {"NUM_EPOCHS": "1 + 1"}, module="own").NUM_EPOCHS,
        Enum("Other", {"NUM_EPOCHS": "1 + 1"}, module="pytorch_accelerated.schedulers").NUM_EPOCHS,
    ],
)
def test_an_object_similar_to_a_placeholder_is_not_changed(pa: Any, lookalike: Any) -> None:

    assert pa.replace_trainer_placeholder_values(RUN, partial(dict, n=lookalike))() == {"n": lookalike}


@row(6)
def test_text_in_the_placeholder_of_the_library_is_not_executed(pa: Any) -> None:
    placeholder = trainer.TrainerPlaceholderValues.NUM_EPOCHS * "[print()][0] or 2"

    with pytest.raises(ValueError, match="expected a placeholder or a number"):
        pa.replace_trainer_placeholder_values(RUN, partial(dict, n=placeholder))


@row(6)
@pytest.mark.parametrize("name", ["CosineLrScheduler", "WSDLrScheduler"])
def test_an_error_names_an_unreplaced_placeholder(pa: Any, name: str) -> None:
    function = getattr(pa, name).create_scheduler_fn()

    with pytest.raises(ValueError, match=r"EPOCHS is a placeholder for trainer\.run_config\.num_epochs"):
        function(optimizer_of(1.0))


def test_an_error_of_a_torch_scheduler_names_an_unreplaced_placeholder() -> None:  # row 6
    epochs = drop_in.TrainerPlaceholderValues.NUM_EPOCHS

    with pytest.raises(ValueError, match="NUM_EPOCHS"):
        torch.optim.lr_scheduler.OneCycleLR(optimizer_of(1.0), max_lr=1.0, epochs=epochs, steps_per_epoch=3)


@row(7)
@pytest.mark.parametrize(
    "values",
    [
        lambda n: (x for x in (0.1, 0.2)),
        lambda n: np.array([0.1, 0.2]),
        lambda n: torch.tensor([0.1, 0.2], dtype=torch.float64),
        lambda n: {"a": 0.1, "b": 0.2}.values(),
    ],
    ids=["generator", "array", "tensor", "view"],
)
def test_any_iterable_gives_one_value_for_each_group(pa: Any, values: Callable[[int], Any]) -> None:
    scheduler = returning(pa, values)(optimizer_of(1.0, 1.0))

    scheduler.step_update(1)

    assert lrs(scheduler) == [0.1, 0.2]
    assert {type(lr) for lr in lrs(scheduler)} == {float}


@row(7)
@pytest.mark.parametrize("value", [np.float64(0.1), np.array(0.1), torch.tensor(0.1, dtype=torch.float64)])
def test_a_zero_dimensional_value_is_a_single_plain_number(pa: Any, value: Any) -> None:
    scheduler = returning(pa, lambda n: value)(optimizer_of(1.0, 1.0))

    scheduler.step_update(1)

    assert [(lr, type(lr)) for lr in lrs(scheduler)] == [(0.1, float)] * 2


@row(7)
@pytest.mark.parametrize("values", [[0.1], [0.1, 0.2, 0.3]])
def test_a_wrong_number_of_values_is_rejected(pa: Any, values: list[float]) -> None:
    scheduler = returning(pa, lambda n: values)(optimizer_of(1.0, 1.0))

    with pytest.raises(ValueError, match=f"{len(values)} values for 2 param groups"):
        scheduler.step_update(1)
    assert lrs(scheduler) == [1.0, 1.0]


@row(7)
def test_a_group_added_later_is_scheduled_with_its_own_base(pa: Any) -> None:
    scheduler = after(pa.CosineLrScheduler(optimizer_of(1.0), 10, 1, lr_min=0), 3)
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.5})

    scheduler.step()

    assert lrs(scheduler)[1] == pytest.approx(lrs(scheduler)[0] / 2)
    assert scheduler.base_lr_values == [1.0, 0.5]


@row(7)
@pytest.mark.parametrize("name", ["CosineLrScheduler", "WSDLrScheduler"])
def test_a_tensor_is_filled_in_place(pa: Any, name: str) -> None:
    rate = torch.tensor(0.5)
    keyword = {"total_num_epochs": 10} if name[0] == "C" else {"num_epochs": 10, "lr_min": 0.1}
    scheduler = getattr(pa, name)(optimizer_of(rate), num_update_steps_per_epoch=1, **keyword)

    after(scheduler, 11)
    held = float(rate)
    scheduler.load_state_dict(after(scheduler, 1).state_dict())

    assert lrs(scheduler)[0] is rate
    assert held == pytest.approx(1e-6 if name[0] == "C" else 0.05)
    assert scheduler.base_lr_values[0] is not rate


@row(8)
def test_a_wsd_state_has_its_count(pa: Any) -> None:
    saved = after(pa.WSDLrScheduler(optimizer_of(1.0), total_steps=20), 11)
    resumed = pa.WSDLrScheduler(optimizer_of(1.0), total_steps=20)

    resumed.load_state_dict(saved.state_dict())

    assert resumed.get_current_step() == 10


@row(8)
def test_a_continuation_does_not_repeat_the_warmup(pa: Any) -> None:
    warm = {"num_warmup_steps": 10, "warmup_starting_lr": 0.0}
    saved = after(pa.WSDLrScheduler(optimizer_of(1.0), total_steps=100, decay_phase_ratio=0.2, lr_min=0.1, **warm), 50)
    resumed = pa.WSDLrScheduler(optimizer_of(1.0), total_steps=40, is_continuation_from_checkpoint=True, **warm)

    resumed.load_state_dict(saved.state_dict())

    assert (lrs(resumed), resumed.get_current_step(), resumed.previous_checkpoint_step) == ([1.0], -1, None)
    assert (resumed.total_steps, resumed.get_checkpoint_steps()) == (40, [40])
    assert first(resumed, [0, 32]) == [1.0, 1.0]
    assert first(resumed, [33, 40])[1] == pytest.approx(0.1)


@row(8)
@pytest.mark.parametrize(("ratio", "end"), [(0, 1.0), (0.1, 0.5)])
def test_a_run_without_a_decay_phase_still_has_an_end_value(pa: Any, ratio: float, end: float) -> None:
    scheduler = pa.WSDLrScheduler(optimizer_of(1.0), total_steps=5, decay_phase_ratio=ratio, lr_min=0.5)

    assert first(scheduler, range(7)) == [1.0] * 5 + [end] * 2


@row(8)
def test_an_inverse_decay_to_zero_is_the_limit_of_its_formula(pa: Any) -> None:
    scheduler = pa.WSDLrScheduler(
        optimizer_of(1.0), total_steps=10, decay_phase_ratio=0.4, lr_min=0, use_inverse_sqrt_decay=False
    )

    assert first(scheduler, (5, 6, 7, 9, 10, 11)) == [1, 1, 0, 0, 0, 0]


@row(8)
def test_the_first_update_of_a_warmup_is_at_its_start(pa: Any) -> None:
    scheduler = pa.WSDLrScheduler(optimizer_of(1.0), total_steps=20, num_warmup_steps=5, warmup_starting_lr=0.1)

    assert lrs(scheduler) == [0.1]


@row(8)
def test_two_checkpoints_are_at_the_middle_and_the_end(pa: Any) -> None:
    scheduler = pa.WSDLrScheduler(optimizer_of(1.0), total_steps=40, num_checkpoints=2, lr_min=0.1)

    assert scheduler.get_checkpoint_steps() == [20, 40]
    assert first(scheduler, (18, 20, 39)) == [1.0, 1.0, pytest.approx(1 - 0.9 * 0.5**0.5)]


@row(8)
def test_a_run_too_short_for_its_checkpoints_is_rejected(pa: Any) -> None:
    with pytest.raises(ValueError, match="num_checkpoints=2 at most"):
        pa.WSDLrScheduler(optimizer_of(1.0), total_steps=3, num_checkpoints=3)


@row(8)
@pytest.mark.parametrize("options", [{}, {"num_epochs": 3}, {"num_update_steps_per_epoch": 3}])
def test_the_error_of_a_wsd_without_a_length_names_the_missing_argument(pa: Any, options: dict[str, int]) -> None:
    missing = {"num_epochs", "num_update_steps_per_epoch"} - set(options)

    with pytest.raises(ValueError, match=f"{sorted(missing)[0]}.* missing"):
        pa.WSDLrScheduler(optimizer_of(1.0), **options)


# The contract beside the rows.


@both
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("CosineLrScheduler", {"total_num_epochs": 0, "num_update_steps_per_epoch": 1}),
        ("CosineLrScheduler", {"total_num_epochs": 1, "num_update_steps_per_epoch": -1}),
        ("CosineLrScheduler", {"total_num_epochs": 1, "num_update_steps_per_epoch": 1, "lr_min": -1}),
        ("WSDLrScheduler", {"total_steps": 0}),
        ("WSDLrScheduler", {"total_steps": 10, "decay_phase_ratio": 1.5}),
        ("WSDLrScheduler", {"total_steps": 10, "lr_min": -0.1}),
        ("WSDLrScheduler", {"total_steps": 10, "num_checkpoints": 0}),
    ],
)
def test_assertions_of_the_library_raise_assertion_errors(pa: Any, name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        getattr(pa, name)(optimizer_of(1.0), **arguments)


@both
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"num_epochs": 1, "num_update_steps_per_epoch": 10, "total_steps": 10}, "total_steps should be provided"),
        ({"total_steps": 10, "warmup_starting_lr": 2.0}, "should not exceed"),
        ({"total_steps": 100, "num_checkpoints": 2, "decay_phase_ratio": 0.4}, "overlap"),
    ],
)
def test_invalid_values_raise_value_errors_as_in_the_library(pa: Any, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        pa.WSDLrScheduler(optimizer_of(1.0), **arguments)


def test_a_number_of_updates_that_is_not_an_integer_is_rejected() -> None:
    with pytest.raises(ValueError, match="expected an integer"):
        drop_in.CosineLrScheduler(optimizer_of(1.0), 10, 3, num_warmup_epochs=0.5)


@pytest.mark.parametrize("name", ["CosineLrScheduler", "WSDLrScheduler"])
def test_states_are_plain_data_and_are_copied(name: str) -> None:
    keyword = {"total_num_epochs": 10} if name[0] == "C" else {"num_epochs": 10}
    scheduler = after(getattr(drop_in, name)(optimizer_of(1.0), num_update_steps_per_epoch=2, **keyword), 3)
    buffer = io.BytesIO()
    torch.save(scheduler.state_dict(), buffer)
    buffer.seek(0)
    state = torch.load(buffer, weights_only=True)
    resumed = getattr(drop_in, name)(optimizer_of(1.0), num_update_steps_per_epoch=2, **keyword)

    resumed.load_state_dict(state)
    resumed.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.5})
    after(resumed, 3)

    assert state == scheduler.state_dict()


def test_an_invalid_state_changes_nothing() -> None:
    scheduler = after(drop_in.CosineLrScheduler(optimizer_of(1.0), 10, 1), 3)
    before = scheduler.state_dict()

    with pytest.raises(StateError, match=r"lr_min_ratio.* missing"):
        scheduler.load_state_dict({"total_iterations": 5})

    assert scheduler.state_dict() == before


def test_loading_a_partial_wsd_state_keeps_the_missing_entries() -> None:
    scheduler = drop_in.WSDLrScheduler(optimizer_of(1.0), total_steps=20, lr_min=0.1)

    scheduler.load_state_dict({"decay_phase_ratio": 0.5})

    assert (scheduler.total_steps, scheduler.lr_min, first(scheduler, [11])[0] < 1) == (20, 0.1, True)
