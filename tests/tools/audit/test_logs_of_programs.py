"""The logs of common programs are read as these write them: their columns, their time, and what happened to the run."""

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.audit import Recognition
from support.spread import every


def linear(n: int, warmup: int = 0) -> Callable[[int], float]:
    """Return transformers' linear schedule."""
    return lambda t: t / warmup if t < warmup else max((n - t) / (n - warmup), 0.0)


def half_cosine(n: int, warmup: int = 0, floor: float = 0.0) -> Callable[[int], float]:
    wave = lambda t: 0.5 * (1 + math.cos(math.pi * (t - warmup) / (n - warmup)))  # noqa: E731
    return lambda t: t / warmup if t < warmup else floor + (1 - floor) * wave(t)


def state(folder: Path, values: dict[int, float], **entries: int) -> Path:
    """Write a `trainer_state.json` with the rate of each step."""
    file = folder / "trainer_state.json"
    rows = [{"step": step, "learning_rate": value, "loss": 1.0} for step, value in values.items()]
    file.write_text(json.dumps({"log_history": rows, **entries}))
    return file


def table(folder: Path, header: str, rows: list[str], name: str = "log.csv") -> Path:
    file = folder / name
    file.write_text("\n".join([header, *rows]))
    return file


def schedule_of(found: Recognition) -> tuple[str, float]:
    one = found["lr"]
    assert one.plan is not None, found
    return str(one.plan.bindings[0].schedule), one.base


def codes_of(found: Recognition) -> set[str]:
    return {one.code for one in found.notes}


@pytest.mark.parametrize(
    ("rate", "base", "n", "logged", "plan"),
    [
        (linear(3000), 0.02, 3000, 3000, "linear(over=3000)"),
        (linear(3000), 0.02, 3000, 1000, "linear(over=3000)"),
        (linear(9411, 90), 5e-4, 9411, 7000, "warmup(90) >> linear(over=9321)"),
        (half_cosine(8660, 866), 5e-5, 8660, 1000, "warmup(866) >> cosine(over=7794)"),
        pytest.param(
            *(half_cosine(8660, 866), 5e-5, 8660, 8660, "warmup(866) >> cosine(over=7794)"), marks=pytest.mark.long
        ),
        (lambda t: min(t / 1000, 1.0), 3e-6, 20_000, 20_000, "warmup(1000) >> constant(over=19000)"),
    ],
)
def test_a_state_with_the_rates_of_the_next_updates_is_named(
    rate: Callable[[int], float], base: float, n: int, logged: int, plan: str, tmp_path: Path
) -> None:
    file = state(tmp_path, {step: base * rate(step) for step in range(10, logged + 1, 10)}, max_steps=n)

    found = ps.recognize(file)

    assert schedule_of(found) == (plan, base)
    assert codes_of(found) == {"ahead"} | ({"too long"} if logged < n else set())


@pytest.mark.parametrize(
    ("shape", "skipped"),
    every(5, itertools.product([linear, half_cosine], [(131,), (1, 2, 131), (1, 2, 130, 131, 400)])),
)
def test_updates_that_were_skipped_leave_one_formula(
    shape: Callable[..., Callable[[int], float]], skipped: tuple[int, ...], tmp_path: Path
) -> None:
    rate, moved, values = shape(1000, 50), 0, {}
    for step in range(1, 901):
        if step % 10 == 0:
            values[step] = 2e-4 * rate(moved)
        moved += step not in skipped

    found = ps.recognize(state(tmp_path, values, max_steps=1000))

    decay = "linear" if shape is linear else "cosine"
    assert schedule_of(found) == (f"warmup(50) >> {decay}(over=950)", 2e-4)
    (note,) = [one for one in found.notes if one.code == "skipped"]
    assert f" {len(skipped)} update" in note.message
    assert found.complete


def test_a_file_that_contains_its_length_ends_there(tmp_path: Path) -> None:
    rows = [
        json.dumps({"current_steps": step, "total_steps": 6750, "lr": 1e-4 * half_cosine(6750, 675)(step - 1)})
        for step in range(10, 6751, 10)
    ]

    found = ps.recognize(table(tmp_path, rows[0], rows[1:], "trainer_log.jsonl"))

    assert schedule_of(found) == ("warmup(675) >> cosine(over=6075)", 1e-4)
    assert found["lr"].plan is not None
    assert str(found["lr"].plan.horizon) == "6750"
    assert codes_of(found) == {"first zero"} & codes_of(found)


def test_the_base_of_a_log_that_ends_in_its_warmup_is_unknown(tmp_path: Path) -> None:
    found = ps.recognize(state(tmp_path, {step: 1e-6 * step / 1020 for step in range(1, 203)}, max_steps=5100))

    (note,) = [one for one in found.notes if one.code == "ramp"]
    assert "its base is unknown" in note.message
    assert "too long" not in codes_of(found)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("rate", "plan"),
    [
        (half_cosine(100), 'cosine(over="100 epochs")'),
        (lambda t: 0.9**t, 'exponential(0.9, "1 epoch")'),
        (lambda t: 0.1 ** (t // 30), 'step("30 epochs")'),
    ],
)
def test_a_log_that_counts_epochs_gives_a_plan_in_epochs(
    rate: Callable[[int], float], plan: str, first: int, tmp_path: Path
) -> None:
    file = table(tmp_path, "epoch,loss,lr", [f"{epoch + first},1,{0.1 * rate(epoch)!r}" for epoch in range(100)])

    found = ps.recognize(file)

    assert schedule_of(found) == (plan, 0.1)
    assert found["lr"].plan is not None
    assert str(found["lr"].plan.horizon) == "100 epochs"
    command = ["convert", str(file), "--from", "log", "--steps-per-epoch", "500"]
    written = ps.loads(CliRunner().invoke(main, command).stdout)
    assert str(written.horizon) == "50000"
    values = ps.trace(written, {"lr": 0.1})["lr", 0]
    assert values[::500] == pytest.approx([0.1 * rate(epoch) for epoch in range(100)])


def test_a_log_of_epochs_is_compared_with_a_plan_of_either_unit(tmp_path: Path) -> None:
    file = table(tmp_path, "epoch,lr", [f"{epoch},{0.1 * half_cosine(100)(epoch)!r}" for epoch in range(100)])
    plan = tmp_path / "plan.yaml"
    plan.write_text("horizon: 100 epochs\nlr: cosine()\n")
    updates = ("cosine()", "--horizon", "5000")

    ends = [
        CliRunner().invoke(main, ["audit", str(file), "--plan", *options])
        for options in ((str(plan),), (str(plan), "--steps-per-epoch", "50"), (*updates, "--steps-per-epoch", "50"))
    ]

    assert [one.exit_code for one in ends] == [0, 0, 0]
    assert "the log counts epochs" in CliRunner().invoke(main, ["audit", str(file), "--plan", *updates]).stderr


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_the_warmup_of_yolo_does_not_hide_its_decay(shape: str, tmp_path: Path) -> None:
    """Yolo uses its first value twice, and a warmup that changes within an epoch; blanks fill its cells."""
    decay = (
        (lambda e: 1 - 0.99 * e / 100)
        if shape == "linear"
        else (lambda e: 1 - 0.8 * (1 - math.cos(math.pi * e / 100)) / 2)
    )
    rates = [0.070014, 0.039948, 0.0098156, *(0.01 * decay(max(e - 1, 0)) for e in range(3, 100))]
    rows = [f"{e:20d},{1.0:20.5g},{rate:20.5g},{rate:20.5g}" for e, rate in enumerate(rates)]

    found = ps.recognize(
        table(tmp_path, "               epoch,      train/box_loss,               x/lr0,    x/lr1", rows)
    )

    to = {"linear": "linear(to=0.01", "cosine": "cosine(to=0.2"}[shape]
    assert schedule_of(found) == (f'constant(over="1 epoch") >> {to}, over="100 epochs")', 0.01)
    assert (found["lr"].groups, found["lr"].part) == ((0, 1), (3, 99))
    assert not found.complete
    assert "part" in codes_of(found)


def test_rows_without_a_counter_are_said_to_be_rows(tmp_path: Path) -> None:
    found = ps.recognize(table(tmp_path, "loss,lr", [f"1,{1e-3 * (1 - t / 50)!r}" for t in range(50)]))

    assert schedule_of(found) == ("linear(over=50)", 1e-3)
    assert codes_of(found) == {"rows"}


@pytest.mark.parametrize(
    "name",
    [
        "learning_rate",
        "lr-Adam",
        "lr-SGD/pg1",
        "train/learning_rate",
        "Learning Rate",
        "x/lr0",
        "train_lr",
        "lucky-run-3 - train/learning_rate",
    ],
)
@pytest.mark.parametrize("time", ["step", "Step", "iter", "iteration", "current_steps", "train/global_step"])
def test_columns_and_counters_are_found_by_all_commands(name: str, time: str, tmp_path: Path) -> None:
    first = int(time == "current_steps")
    header = f"{time}, {name} ,loss,{name}__MIN,{name}__MAX"
    rows = [f"{t + first},{1e-3 * (1 - t / 50)!r},2,0,9" for t in range(50)]
    file, plan = table(tmp_path, header, rows), tmp_path / "plan.yaml"

    ends = [
        CliRunner().invoke(main, [*command, str(file), *options])
        for command, options in (
            (["audit"], ()),
            (["convert"], ("--from", "log", "-o", str(plan))),
            (["audit"], ("--plan", str(plan))),
        )
    ]

    assert [one.exit_code for one in ends] == [0, 0, 0], [one.output for one in ends]
    assert plan.read_text() == "horizon: 50\nlr: linear(over=50)\n"
    assert "50 of 50" in ends[2].output


def test_a_log_that_no_formula_has_is_converted_to_its_values(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(20).tolist()
    file = table(tmp_path, "epoch,learning_rate", [f"{epoch},{value!r}" for epoch, value in enumerate(values)])

    end = CliRunner().invoke(main, ["convert", str(file), "--from", "log"])

    assert end.exit_code == 0
    written = ps.loads(end.stdout).resolve(ps.Calendar(steps_per_epoch=7))
    assert ps.trace(written, {"lr": 1.0})["lr", 0][::7].tolist() == values
    assert "no schedule explains 95 % of the values" in str(ps.recognize(file))


def test_a_log_without_from_says_what_to_write(tmp_path: Path) -> None:
    file = table(tmp_path, "step,lr", ["0,1", "1,1"])

    end = CliRunner().invoke(main, ["convert", str(file)])

    assert end.exit_code == 2
    assert f"Write paramsched convert {file} --from log" in end.stderr


@pytest.mark.parametrize(("size", "seed"), every(7, itertools.product([12, 16, 20, 30, 60], range(6))))
def test_noise_is_near_nothing(size: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    kinds = (draw.random(size), draw.integers(1, 10, size) * 1e-4, np.abs(np.cumsum(draw.normal(size=size))) + 0.1)

    for values in kinds:
        rounded = [float(f"{one:.{3 if seed % 2 else 17}g}") for one in values.tolist()]

        assert ps.recognize(enumerate(rounded))["lr"].plan is None
