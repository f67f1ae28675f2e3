"""Values compared with pytorch-accelerated where it follows its documentation, and with tables."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from paramsched.compat import pytorch_accelerated as ours
from support.examples import examples

theirs = pytest.importorskip("pytorch_accelerated.schedulers")
trainer = pytest.importorskip("pytorch_accelerated.trainer")
pytest.importorskip("pytorch_accelerated.schedulers.wsd_scheduler")

BASES = st.lists(st.floats(1e-4, 10.0), min_size=1, max_size=3)


def optimizer_of(*bases: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": base} for base in bases], lr=1.0)


def curve(scheduler: Any, times: Any) -> list[list[float]]:
    return [list(scheduler.get_updated_values(n)) for n in times]


def close(expected: Any, bases: list[float]) -> Any:
    # The library divides powers where the kernel takes the power of a quotient: a few roundings of the largest value.
    return [pytest.approx(row, rel=0, abs=1e-12 * max(1.0, *bases)) for row in expected]


@st.composite
def cosines(draw: st.DrawFn) -> dict[str, Any]:
    total = draw(st.integers(2, 12))
    return {
        "total_num_epochs": total,
        "num_update_steps_per_epoch": draw(st.integers(1, 12)),
        "k_decay": draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])),
        "lr_min": draw(st.floats(0, 1e-4)),
        "min_lr_ratio": draw(st.none() | st.floats(0, 1)),
        "num_cooldown_epochs": draw(st.integers(0, total - 1)),
    }


@given(cosines(), BASES)
@examples(60)
def test_a_cosine_without_warmup_equals_the_library(arguments: dict[str, Any], bases: list[float]) -> None:
    mine = ours.CosineLrScheduler(optimizer_of(*bases), **arguments)
    original = theirs.CosineLrScheduler(optimizer_of(*bases), **arguments)
    times = range(mine.total_iterations + 5)

    assert curve(mine, times) == close(curve(original, times), bases)


@given(cosines(), st.integers(1, 6), st.floats(0, 1e-4), BASES)
@examples(60)
def test_a_warmup_equals_the_library_until_the_library_leaves_the_cosine(
    arguments: dict[str, Any], warmup: int, start: float, bases: list[float]
) -> None:
    arguments |= {"num_warmup_epochs": warmup, "warmup_starting_lr": start, "num_cooldown_epochs": 0}
    assume(2 * warmup < arguments["total_num_epochs"])
    mine = ours.CosineLrScheduler(optimizer_of(*bases), **arguments)
    original = theirs.CosineLrScheduler(optimizer_of(*bases), **arguments)
    left = mine.total_iterations - mine.warmup_iterations
    times = [*range(left), *range(mine.total_iterations, mine.total_iterations + 3)]

    assert curve(mine, times) == close(curve(original, times), bases)


@st.composite
def stables(draw: st.DrawFn) -> dict[str, Any]:
    checkpoints = draw(st.sampled_from([1, 3]))
    return {
        "total_steps": 4 * draw(st.integers(8, 60)),
        "num_warmup_steps": draw(st.integers(0, 12)),
        "decay_phase_ratio": draw(st.floats(0.13, 1 if checkpoints == 1 else 0.33)),
        "lr_min": draw(st.floats(1e-6, 1)),
        "warmup_starting_lr": draw(st.floats(0, 1e-4)),
        "use_inverse_sqrt_decay": draw(st.booleans()),
        "num_checkpoints": checkpoints,
        "is_continuation_from_checkpoint": draw(st.booleans()),
    }


@given(stables(), BASES)
@examples(80)
def test_wsd_equals_the_library_for_one_and_for_three_checkpoints(
    arguments: dict[str, Any], bases: list[float]
) -> None:
    mine = ours.WSDLrScheduler(optimizer_of(*bases), **arguments)
    original = theirs.WSDLrScheduler(optimizer_of(*bases), **arguments)
    times = range(mine.total_steps + 5)

    assert mine.get_checkpoint_steps() == original.get_checkpoint_steps()
    assert mine.get_decay_info() == original.get_decay_info()
    assert [mine.get_phase_info(n) for n in times] == [original.get_phase_info(n) for n in times]
    assert curve(mine, times) == close(curve(original, times), bases)


@given(cosines(), BASES, st.integers(0, 40), st.booleans())
@examples(40)
def test_either_library_s_cosine_state_continues_in_the_other(
    arguments: dict[str, Any], bases: list[float], steps: int, to_us: bool
) -> None:
    saver, loader = (theirs, ours) if to_us else (ours, theirs)
    saved = saver.CosineLrScheduler(optimizer_of(*bases), **arguments)
    resumed = loader.CosineLrScheduler(optimizer_of(*bases), total_num_epochs=1, num_update_steps_per_epoch=1)
    for _ in range(steps):
        saved.step()

    resumed.load_state_dict(saved.state_dict())
    saved.step()
    resumed.step()

    lrs = [[group["lr"] for group in scheduler.optimizer.param_groups] for scheduler in (saved, resumed)]
    assert lrs[:1] == close(lrs[1:], bases)


@given(st.lists(st.integers(1, 9), min_size=5, max_size=5), st.integers(0, 9))
def test_placeholders_are_replaced_as_by_the_library(numbers: list[int], factor: int) -> None:
    config = SimpleNamespace(
        num_epochs=numbers[0],
        num_update_steps_per_epoch=numbers[1],
        num_local_update_steps_per_epoch=numbers[2],
    )
    loaders = {"_train_dataloader": range(numbers[3]), "_eval_dataloader": range(numbers[4])}
    run = SimpleNamespace(run_config=config, **loaders)

    # Placeholders of either library in the replacement of either.
    for values in (ours.TrainerPlaceholderValues, trainer.TrainerPlaceholderValues):
        site = {}
        for placeholder in values:
            site |= {placeholder.name: placeholder, f"{placeholder.name}*": placeholder * factor}
            site |= {f"{placeholder.name}+": placeholder + factor}
        mine = ours.replace_trainer_placeholder_values(run, partial(dict, other="text", **site))()
        original = trainer.replace_trainer_placeholder_values(run, partial(dict, other="text", **site))()

        assert mine == original
    assert ours.TrainerPlaceholderValues.placeholder_set() == trainer.TrainerPlaceholderValues.placeholder_set()


COSINES: list[tuple[dict[str, Any], dict[int, float]]] = [
    (
        {},
        {0: 0.1, 1: 0.0999753283, 25: 0.0853554855, 50: 0.0500005, 75: 0.0146455145, 99: 2.5671735e-05, 100: 1e-06},
    ),
    (
        {"num_warmup_epochs": 2},
        {
            0: 1e-06,
            1: 0.00500095,
            10: 0.0500005,
            19: 0.09500005,
            20: 0.1,
            21: 0.0999614522,
            60: 0.0500005,
            99: 3.95478025e-05,
            100: 1e-06,
        },
    ),
    (
        {"num_warmup_epochs": 2, "num_cooldown_epochs": 1},
        {0: 1e-06, 10: 0.0500005, 20: 0.1, 55: 0.0500005, 89: 5.13461695e-05, 90: 1e-06, 95: 1e-06, 500: 1e-06},
    ),
    (
        {"num_warmup_epochs": 2, "warmup_starting_lr_ratio": 0.5},
        {0: 0.05, 5: 0.0625, 10: 0.075, 15: 0.0875, 19: 0.0975, 20: 0.1, 60: 0.0500005},
    ),
    ({"k_decay": 2}, {25: 0.0990392736, 50: 0.0853554855, 75: 0.0402460814, 99: 9.86787532e-05}),
    ({"k_decay": 0.5}, {25: 0.0500005, 50: 0.0197158095, 75: 0.00436474646, 99: 7.19934928e-06}),
]


@pytest.mark.parametrize(("arguments", "expected"), COSINES)
def test_a_cosine_over_100_updates_has_the_documented_values(
    arguments: dict[str, Any], expected: dict[int, float]
) -> None:
    scheduler = ours.CosineLrScheduler(optimizer_of(0.1), 10, 10, **arguments)

    actual = {n: scheduler.get_updated_values(n)[0] for n in expected}

    assert actual == pytest.approx(expected, rel=1e-8)  # the table has nine digits


@pytest.mark.parametrize(
    ("sqrt", "expected"),
    [
        (True, {79: 1, 80: 1, 81: 0.798753882, 90: 0.363603897, 99: 0.122788509, 100: 0.1, 1000: 0.1}),
        (False, {80: 1, 81: 0.689655172, 90: 0.181818182, 99: 0.104712042, 100: 0.1, 1000: 0.1}),
    ],
)
def test_wsd_over_100_updates_has_the_documented_values(sqrt: bool, expected: dict[int, float]) -> None:
    arguments = {"total_steps": 100, "num_warmup_steps": 10, "warmup_starting_lr": 0.0, "decay_phase_ratio": 0.2}
    scheduler = ours.WSDLrScheduler(optimizer_of(1.0), lr_min=0.1, use_inverse_sqrt_decay=sqrt, **arguments)

    actual = {n: scheduler.get_updated_values(n)[0] for n in expected}

    assert actual == pytest.approx(expected, rel=1e-8)  # the table has nine digits
