"""The schedule of a run without a plan is found in its log, and faults of the run are noted at the right updates."""

import csv
import itertools
import json
import math
import random
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.optim import lr_scheduler as torch_lr

import paramsched as ps
from paramsched.cli import main
from paramsched.core.plan.trace import trace
from paramsched.core.schedules.evaluation import evaluate
from paramsched.tools.audit import Recognition
from paramsched.tools.audit.recognition.families import Rows
from paramsched.tools.audit.recognition.stages import Search, sample
from paramsched.tools.audit.recognition.stages import _stair_length as stair_length
from support.spread import every as every_nth
from support.spread import spread

EXAMPLES = Path(__file__).parents[3] / "examples"
N, W, BASE = 2000, 150, 3e-4
FORMATS = {"rounded": ".6g", "decimals": ".8f"}


def used(build: Callable[[Any], Any], updates: int = N, base: float = BASE, every: int = 1) -> list[float]:
    """Return the learning rates that a scheduler of torch sets.

    The optimizer makes one step, without which the scheduler would warn; the rates do not depend on the others.
    """
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    scheduler = build(optimizer)
    optimizer.step()
    values = []
    for update in range(1, updates + 1):
        values.append(optimizer.param_groups[0]["lr"])
        if update % every == 0:
            scheduler.step()
    return values


def after_warmup(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda o: torch_lr.SequentialLR(o, [torch_lr.LinearLR(o, 0.01, 1.0, W), build(o)], [W])


def cosine(optimizer: Any) -> Any:
    return torch_lr.CosineAnnealingLR(optimizer, N - W, BASE / 10)


def of_torch(name: str) -> list[float]:
    """Return the learning rates of one of the schedulers of torch, in a new list."""
    return [*_of_torch(name)]


@cache
def _of_torch(name: str) -> list[float]:
    return used(TORCH[name])


def write(folder: Path, values: Sequence[float], updates: Sequence[int] | None = None, form: str = "full") -> Path:
    """Write a log: all digits, six digits, eight decimals, or every tenth update."""
    rows = list(zip(range(len(values)) if updates is None else updates, values, strict=True))
    rows = rows[::10] if form == "thinned" else rows
    path = folder / "log.jsonl"
    lines = [
        f'{{"step": {t}, "lr": {value:{FORMATS[form]}}}}' if form in FORMATS else json.dumps({"step": t, "lr": value})
        for t, value in rows
    ]
    path.write_text("\n".join(lines))
    return path


@cache
def recognized(name: str, form: str) -> Recognition:
    """Return the schedule found in a log of one of the schedulers of torch, which several tests read."""
    with tempfile.TemporaryDirectory() as folder:
        return ps.recognize(write(Path(folder), of_torch(name), form=form))


def planned(found: Recognition, updates: Sequence[int]) -> Any:
    one = found["lr"]
    schedule = one.plan.resolve(ps.Calendar()).bindings[0].schedule
    return evaluate(schedule, np.array(updates), one.base)


TORCH = {
    "StepLR": lambda o: torch_lr.StepLR(o, 430, 0.3),
    "MultiStepLR": lambda o: torch_lr.MultiStepLR(o, [700, 1210], 0.1),
    "ConstantLR": lambda o: torch_lr.ConstantLR(o, 1 / 3, 333),
    "LinearLR": lambda o: torch_lr.LinearLR(o, 1 / 3, 1.0, 500),
    "ExponentialLR": lambda o: torch_lr.ExponentialLR(o, 0.9987),
    "PolynomialLR": lambda o: torch_lr.PolynomialLR(o, N, 0.9),
    "PolynomialLR, 2": lambda o: torch_lr.PolynomialLR(o, 1500, 2.0),
    "CosineAnnealingLR": lambda o: torch_lr.CosineAnnealingLR(o, N, 1e-6),
    "CosineAnnealingLR, three times": lambda o: torch_lr.CosineAnnealingLR(o, 600, 1e-6),
    "CosineAnnealingWarmRestarts": lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 200, 2, 1e-6),
    "OneCycleLR": lambda o: torch_lr.OneCycleLR(o, BASE, N, pct_start=0.301, cycle_momentum=False),
    "CyclicLR": lambda o: torch_lr.CyclicLR(o, BASE / 10, BASE, 150, 330, "triangular2", cycle_momentum=False),
    "CyclicLR, even": lambda o: torch_lr.CyclicLR(o, BASE / 10, BASE, 115, cycle_momentum=False),
    "CosineAnnealingLR, tenth": lambda o: torch_lr.CosineAnnealingLR(o, 2500, BASE / 10),
    "warmup, cosine": after_warmup(cosine),
    "warmup, steps": after_warmup(lambda o: torch_lr.StepLR(o, 600, 0.1)),
    "warmup, exponential": after_warmup(lambda o: torch_lr.ExponentialLR(o, 0.999)),
    "warmup, inverse square root": lambda o: torch_lr.LambdaLR(o, lambda t: min((t + 1) / W, math.sqrt(W / (t + 1)))),
    "warmup, hold, 1 - sqrt": lambda o: torch_lr.LambdaLR(
        o, lambda t: min(1, t / W, 1 - math.sqrt(max(t - 1600, 0) / 400))
    ),
}


OFTEN = {"warmup, cosine", "CosineAnnealingWarmRestarts"}
"""Schedulers whose logs are read in every form by `make test`."""


def forms(name: str) -> list[Any]:
    forms = (
        "full",
        "rounded",
        *(["thinned"] if name != "CyclicLR, even" else []),
    )  # lines of two rows may be any cycle
    return [pytest.param(name, one, marks=[pytest.mark.long] * (one != "full" and name not in OFTEN)) for one in forms]


@pytest.mark.parametrize(("name", "form"), [case for name in TORCH for case in forms(name)])
def test_the_schedule_of_a_scheduler_of_torch_is_found(name: str, form: str) -> None:
    values = of_torch(name)

    found = recognized(name, form)

    one = found["lr"]
    assert one.explained == one.values == len(values[:: 10 if form == "thinned" else 1])
    digits = 2e-5 if form == "rounded" else 1e-9
    at = range(0, N, 10 if form == "thinned" else 1)
    assert planned(found, at) == pytest.approx([values[t] for t in at], rel=digits, abs=1e-12 * BASE)


HUGGING_FACE: dict[str, dict[str, Any]] = {
    "linear": {},
    "cosine": {"num_cycles": 0.4},
    "cosine_with_restarts": {"num_cycles": 3},
    "polynomial": {"power": 1.5, "lr_end": 1e-6},
    "constant_with_warmup": {},
    "inverse_sqrt": {"timescale": 700},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": 400, "decay_type": "1-sqrt", "min_lr_ratio": 0.1},
}


@pytest.mark.long
@pytest.mark.parametrize("form", ["full", "rounded", "thinned"])
@pytest.mark.parametrize("name", HUGGING_FACE)
def test_the_schedule_of_transformers_is_found_and_only_its_first_zero_is_noted(
    name: str, form: str, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    values = used(lambda o: transformers.get_scheduler(name, o, 133, N, scheduler_specific_kwargs=HUGGING_FACE[name]))

    found = ps.recognize(write(tmp_path, values, form=form))

    assert found.complete
    assert {one.code for one in found.notes} <= {"first zero", "too long" if name == "cosine" else "first zero"}


@pytest.mark.long
@pytest.mark.parametrize("form", ["full", "rounded", "thinned"])
@pytest.mark.parametrize("name", ["CosineAnnealingLR", "PolyLR", "CosineRestartLR", "OneCycleLR"])
def test_the_schedule_of_mmengine_is_found_without_a_note(name: str, form: str, tmp_path: Path) -> None:
    schedulers = pytest.importorskip("mmengine.optim.scheduler")
    arguments: dict[str, dict[str, Any]] = {
        "CosineAnnealingLR": {"T_max": N - W, "eta_min": 1e-6, "begin": W, "end": N},
        "PolyLR": {"power": 0.9, "eta_min": 1e-6, "begin": W, "end": N},
        "CosineRestartLR": {
            "periods": [600, 600, N - W - 1200],
            "restart_weights": [1, 0.5, 0.25],
            "eta_min": 0,
            "begin": W,
        },
        "OneCycleLR": {"eta_max": BASE, "total_steps": N},
    }
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=BASE)
    chain = [getattr(schedulers, name)(optimizer, by_epoch=False, **arguments[name])]
    if name != "OneCycleLR":
        chain.append(schedulers.LinearLR(optimizer, 0.001, by_epoch=False, end=W))
    values = []
    for _ in range(N):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in chain:
            scheduler.step()

    found = ps.recognize(write(tmp_path, values, form=form))

    assert found.complete
    assert codes(found) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("warmup, cosine", "warmup(150, 0.01) >> cosine(to=0.1, over=1850)"),
        ("PolynomialLR", "anneal(over=2000, curve=curves.polynomial(0.9))"),
        ("StepLR", "step(430, 0.3)"),
        ("MultiStepLR", "multistep([700, 1210])"),
        ("ExponentialLR", "exponential(0.9987)"),
        ("CyclicLR, even", "cyclic(115, 115)"),
        ("CosineAnnealingLR, tenth", "cosine(to=0.1, over=2500)"),
    ],
)
@pytest.mark.parametrize("form", ["full", "rounded", "rounded pairs", "decimals"])
def test_the_plan_has_round_numbers(name: str, text: str, form: str) -> None:
    pairs = enumerate(float(f"{value:.6g}") for value in of_torch(name))
    one = (ps.recognize(pairs) if form == "rounded pairs" else recognized(name, form))["lr"]

    assert str(one.plan).split("\n")[1] == f"lr: {text}"
    assert (one.explained, one.base) == (N, BASE)


@pytest.mark.parametrize("length", [4, 5, 10, 12])
def test_the_base_is_the_peak_of_the_run(length: int) -> None:
    values = [0.1 * ((t + 1) / length if t < length else (400 - t) / (400 - length)) for t in range(400)]
    one = ps.recognize(enumerate(values))["lr"]

    assert str(one.plan) == f'horizon: 400\nlr: warmup({length}, index="(t+1)/n") >> linear(over={400 - length})'
    assert one.base == 0.1


@pytest.mark.parametrize("form", ["full", "rounded", "thinned"])
def test_the_first_part_of_a_cosine_determines_its_end(form: str, tmp_path: Path) -> None:
    found = ps.recognize(write(tmp_path, of_torch("warmup, cosine")[:1200], form=form))

    assert str(found["lr"].plan) == "horizon: 2000\nlr: warmup(150, 0.01) >> cosine(to=0.1, over=1850)"
    assert [(one.code, one.last) for one in found.notes] == [("too long", 2000)]


# ---------------------------------------------------------------- Faults


def codes(found: Recognition) -> list[tuple[str, int, int]]:
    return [(one.code, one.first, one.last) for one in found.notes]


@pytest.mark.parametrize("form", ["full", "rounded", "thinned"])
def test_a_restart_is_noted_at_its_update(form: str, tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")

    found = ps.recognize(write(tmp_path, [*values[:800], *values[: N - 800]], form=form))

    assert codes(found) == [("restarted", 800, 1990 if form == "thinned" else 1999)]
    assert found["lr"].explained == found["lr"].values
    assert (np.diff(found["lr"].drawn[0]) > 0).all()
    assert str(found["lr"].plan.bindings[0].schedule).startswith("warmup(150, 0.01) >> cosine(to=0.1")


def test_restarts_of_a_schedule_are_not_faults() -> None:
    assert codes(recognized("CosineAnnealingWarmRestarts", "full")) == []


def test_zeros_before_the_end_are_noted(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")[:1900] + [0.0] * 100

    assert codes(ps.recognize(write(tmp_path, values))) == [("zero", 1900, 1999)]


def test_a_schedule_that_moves_once_per_epoch_is_noted(tmp_path: Path) -> None:
    values = used(lambda o: torch_lr.CosineAnnealingLR(o, 40), every=50)

    found = ps.recognize(write(tmp_path, values))

    assert str(found["lr"].plan) == "horizon: 2000\nlr: every(cosine(over=2000), 50)"
    assert codes(found) == [("stairs", 0, 1999)]


def test_a_first_update_of_zero_is_noted(tmp_path: Path) -> None:
    values = used(lambda o: torch_lr.LambdaLR(o, lambda t: min(t / 100, 1)))

    assert codes(ps.recognize(write(tmp_path, values))) == [("first zero", 0, 0)]


def test_updates_with_two_values_are_noted(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")
    halved = [value / 2 for value in values]

    found = ps.recognize(write(tmp_path, values[:1000] + halved[900:], [*range(1000), *range(900, N)]))

    assert codes(found) == [("repeated", 900, 999)]


def test_a_log_that_begins_again_is_noted_and_a_resume_with_the_same_values_is_not(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")

    again = ps.recognize(write(tmp_path, values[:1000] + values, [*range(1000), *range(N)]))
    assert [(one.code, one.first) for one in again.notes] == [("restarted", 0)]
    resumed = ps.recognize(write(tmp_path, values[:1000] + values[900:], [*range(1000), *range(900, N)]))
    assert codes(resumed) == []


def test_values_that_do_not_belong_to_the_schedule_are_noted(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")
    values[777] = 1.0
    values[1200:1210] = [1e-5] * 10

    found = ps.recognize(write(tmp_path, values))

    assert codes(found) == [("foreign", 777, 777), ("foreign", 1200, 1209)]
    one = found["lr"]
    assert (one.explained, one.values, one.first_difference) == (N - 11, N, 777)
    assert one.base == BASE


def test_irregular_steps_may_be_those_of_a_metric(tmp_path: Path) -> None:
    values = used(lambda o: torch_lr.MultiStepLR(o, [311, 702, 1219], 0.1))

    assert codes(ps.recognize(write(tmp_path, values))) == [("steps", 311, 1219)]


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_sums_of_curves_are_not_explained(seed: int, tmp_path: Path) -> None:
    draw = np.random.default_rng(seed)
    t = np.arange(600)
    noisy = 1e-3 * (1 + np.cos(np.pi * t / 600)) * (1 + 1e-4 * draw.normal(size=600))
    curves = (draw.random(600), np.cumsum(draw.normal(size=600)) ** 2, noisy, 2 + np.cos(t / 50) + np.cos(t / 17))

    found = ps.recognize(write(tmp_path, curves[seed].tolist()))

    assert found["lr"].plan is None
    assert not found.complete


@pytest.mark.parametrize("seed", range(6))
def test_not_all_values_are_explained_if_one_differs(seed: int, tmp_path: Path) -> None:
    values = of_torch(random.Random(seed).choice(sorted(TORCH)))
    values[random.Random(seed).randrange(3, N - 3)] += 1e-6 * BASE

    one = ps.recognize(write(tmp_path, values))["lr"]

    assert one.explained < one.values


@pytest.mark.parametrize(
    ("mode", "digits"), every_nth(2, itertools.product(["triangular", "triangular2", "exp_range"], [3, 4]))
)
def test_no_log_of_a_cycle_is_an_error(mode: str, digits: int) -> None:
    for up, row, updates in itertools.product((7, 125), (1, 5, 50), (60, 600)):
        values = used(lambda o: torch_lr.CyclicLR(o, 3e-5, 3e-4, up, mode=mode, cycle_momentum=False), updates)  # noqa: B023

        found = ps.recognize([(t, float(f"{values[t]:.{digits}g}")) for t in range(0, updates, row)])

        assert (up, row, updates) != (125, 5, 600) or mode == "exp_range" or found["lr"].explained == 120


@pytest.mark.parametrize(("warmup", "updates"), [(20, 200), (100, 1000)])
def test_a_warmup_from_0_at_row_1_has_the_plan_of_the_row_before(warmup: int, updates: int) -> None:
    values = [
        0.1 * (t / warmup if t < warmup else 0.5 * (1 + math.cos(math.pi * (t - warmup) / (updates - warmup))))
        for t in range(updates)
    ]

    found = ps.recognize([(t + 1, value) for t, value in enumerate(values)])

    assert str(found["lr"].plan.bindings[0].schedule) == f"warmup({warmup}) >> cosine(over={updates - warmup})"
    assert found["lr"].explained == updates
    assert [one.message for one in found.notes if one.code == "late"] == [
        "update 1 has the value of update 0: the rows are counted from 1, or the schedule began a row late"
    ]
    assert "late" not in {one.code for one in ps.recognize([*enumerate(values)]).notes}
    half = updates // 2
    skipped = ps.recognize([(t + 1, value) for t, value in enumerate([*values[:half], *values[half - 1 :]])])
    assert {"late", "skipped"} <= {one.code for one in skipped.notes}


def test_few_values_are_not_fitted() -> None:
    found = ps.recognize([(t, 0.1 - 0.001 * t) for t in range(11)])

    assert (found["lr"].plan, found["lr"].values) == (None, 11)


# ---------------------------------------------------------------- Logs


def test_groups_whose_values_are_multiples_share_a_line(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")
    path = tmp_path / "log.csv"
    with path.open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "lr/body", "lr/head", "weight_decay"])
        rows.writerows((t, repr(value), repr(value * 10), 0.05) for t, value in enumerate(values))

    found = ps.recognize(path)

    assert found["lr"].groups == ("body", "head")
    assert found["lr"].bases == pytest.approx((BASE, 10 * BASE), rel=1e-12)
    assert found["lr"].values == 2 * N
    assert str(found["weight_decay"].plan.bindings[0].schedule) == "constant()"
    assert found.complete


def test_groups_with_other_schedules_have_their_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = zip(range(N), of_torch("warmup, cosine"), of_torch("StepLR"), strict=True)
    path.write_text("step,lr/0,lr/1\n" + "\n".join(f"{t},{one!r},{two!r}" for t, one, two in rows))

    found = ps.recognize(path)

    assert sorted(found) == ["lr", "lr/1"]
    assert [str(found[name].plan.bindings[0].schedule) for name in ("lr", "lr/1")] == [
        "warmup(150, 0.01) >> cosine(to=0.1, over=1850)",
        "step(430, 0.3)",
    ]


def test_two_of_three_groups_share_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = zip(range(N), of_torch("warmup, cosine"), of_torch("StepLR"), strict=True)
    path.write_text("step,lr/0,lr/1,lr/2\n" + "\n".join(f"{t},{one!r},{two!r},{one * 2!r}" for t, one, two in rows))

    found = ps.recognize(path)

    assert {name: one.groups for name, one in found.items()} == {"lr": (0, 2), "lr/1": (1,)}
    assert found.complete


@pytest.mark.parametrize("name", ["learning_rate", "train/learning_rate", "lr-AdamW", "train/lr"])
def test_columns_named_like_a_rate_are_found(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    values = of_torch("warmup, cosine")
    path.write_text(f"step,{name},loss\n" + "\n".join(f"{t},{value!r},1.5" for t, value in enumerate(values)))

    assert ps.recognize(path).complete


def test_a_trainer_state_and_event_files_are_read(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")
    state = tmp_path / "trainer_state.json"
    state.write_text(json.dumps({"log_history": [{"step": t + 1, "learning_rate": v} for t, v in enumerate(values)]}))
    writer = pytest.importorskip("torch.utils.tensorboard").SummaryWriter(str(tmp_path / "runs"))
    for t, value in enumerate(values):
        writer.add_scalar("lr", value, t)
    writer.close()

    for log in (state, tmp_path / "runs"):
        found = ps.recognize(log)
        assert str(found["lr"].plan) == "horizon: 2000\nlr: warmup(150, 0.01) >> cosine(to=0.1, over=1850)"
        assert found["lr"].explained == N


def test_pairs_are_read_and_other_arguments_are_errors() -> None:
    assert ps.recognize(enumerate(of_torch("StepLR"))).complete
    with pytest.raises(ps.InvalidArgument, match="expected a path or pairs"):
        ps.recognize([1, 2])  # type: ignore[list-item]
    with pytest.raises(ps.InvalidArgument, match="at least one pair"):
        ps.recognize([])


def test_a_column_without_values_has_no_schedule(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,lr,weight_decay\n" + "\n".join(f"{t},{0.1 * (1 - t / 20)!r}," for t in range(20)))

    assert list(ps.recognize(path)) == ["lr"]


# ---------------------------------------------------------------- Commands


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_the_command_prints_the_schedule_and_its_notes(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")
    log = write(tmp_path, [*values[:800], *values[: N - 800]])

    done = run("audit", log)

    assert done.exit_code == 0
    first, second = done.output.splitlines()
    assert first.startswith(
        "lr   warmup(150, 0.01) >> cosine(to=0.1, over=1850)     base 0.0003, 2,000 of 2,000 values, "
    )
    assert second == "warning: from update 800 on the warmup runs again (a resume that restarted the schedule)"
    assert run("audit", log, "--strict").exit_code == 1
    data = json.loads(run("audit", log, "--json").output)
    (one,) = data["recognized"]
    assert one["field"] == "lr"
    assert one["group"] is None
    assert one["plan"] == "horizon: 2000\nlr: warmup(150, 0.01) >> cosine(to=0.1, over=1850)"
    assert (one["base"], one["values"], one["explained"]) == (BASE, N, N)
    assert one["largest_difference"] < 1e-9
    assert data["notes"] == [{"code": "restarted", "text": second.removeprefix("warning: "), "from": 800, "to": 1999}]


def test_the_command_fails_if_values_are_not_explained(tmp_path: Path) -> None:
    values = of_torch("warmup, cosine")
    values[900] *= 2

    assert run("audit", write(tmp_path, values)).exit_code == 1
    done = run("audit", write(tmp_path, np.random.default_rng(0).random(100).tolist()))
    assert done.exit_code == 1
    assert "no schedule explains" in done.output


@pytest.mark.door("show")
def test_the_page_shows_the_log_and_the_schedule(tmp_path: Path) -> None:
    page = tmp_path / "run.html"

    log = write(tmp_path, of_torch("warmup, cosine"), form="thinned")
    assert run("audit", log, "--html", page).exit_code == 0
    assert f"planned = used at {ps.recognize(log)['lr'].explained:,} of" in page.read_text()


@pytest.mark.parametrize("option", [("--base", "lr=1"), ("--processes", "2"), ("--at", "3"), ("--group", "a")])
def test_options_of_a_comparison_need_a_plan(option: tuple[str, str], tmp_path: Path) -> None:
    done = run("audit", write(tmp_path, of_torch("StepLR")), *option)

    assert done.exit_code == 2
    assert f"{option[0]}: it needs --plan" in done.output


def test_convert_writes_the_formula_and_on_request_the_table(tmp_path: Path) -> None:
    log = write(tmp_path, of_torch("MultiStepLR"))

    formula = run("convert", log, "--from", "log", "-o", tmp_path / "plan.yaml")
    assert formula.exit_code == 0
    assert (tmp_path / "plan.yaml").read_text().split() == ["horizon:", "2000", "lr:", "multistep([700,", "1210])"]
    assert run("audit", log, "--plan", tmp_path / "plan.yaml").exit_code == 0
    assert "absolute" in run("convert", log, "--from", "log", "--table").output


@pytest.mark.parametrize(
    ("decay", "every", "length"),
    spread(
        itertools.product(
            ["cosine(to=0.1)", "constant() >> linear(1, 0, over=400)", "linear(1, 0.1)"],
            [10, 25, 50, 100],
            [60, 100, 150, 300],
        ),
        ("cosine(to=0.1)", 50, 60), ("cosine(to=0.1)", 50, 150),
        ("constant() >> linear(1, 0, over=400)", 100, 100), ("constant() >> linear(1, 0, over=400)", 100, 300),
        ("linear(1, 0.1)", 10, 60), ("linear(1, 0.1)", 10, 300),
        ("linear(1, 0.1)", 25, 100), ("linear(1, 0.1)", 25, 150),
    ),
)  # fmt: skip
def test_a_warmup_of_few_logged_rows_is_found(every: int, decay: str, length: int) -> None:
    plan = ps.Plan(lr=f"warmup({length}) >> {decay}", horizon=2000)
    rate = trace(plan, {"lr": 0.1})["lr"]

    for first in (0, every - 1, every):
        found = ps.recognize([(t, rate[t]) for t in range(first, 2000, every)])["lr"]

        if 0 < first < length or length > every:  # a row of the warmup besides the 0 at its start
            assert found.plan is not None
            assert trace(found.plan, {"lr": found.base})["lr"][: found.logged[0][-1]] == pytest.approx(
                rate[: found.logged[0][-1]], rel=1e-9, abs=1e-12
            ), first


# ---------------------------------------------------------------- Good runs


CUT = {"olmo3-7b"}
"""Recipes whose training was stopped before the end of the cosine."""


@pytest.mark.parametrize("name", spread(ps.recipes, "deepseek-v2"))  # whose rows are stairs inside of stairs
def test_no_fault_is_noted_for_a_published_recipe(name: str) -> None:
    """Of the schedules of recipes whose batch grows only a part is found; they must have no other notes."""
    recipe = ps.recipes[name]
    try:
        run = trace(
            recipe.plan, {"lr": 1e-3, "weight_decay": 0.1, "betas": (0.9, 0.95), "momentum": 0.9}, recipe.calendar
        )
    except ps.ParamschedError:
        pytest.skip("it needs other groups")
    key = next((key for key in run.keys() if key[0] == "lr"), None)
    if key is None:
        pytest.skip("it has no learning rate")
    values = run[key]
    at = np.arange(0, values.size, max(values.size // 3000, 1))

    found = ps.recognize(zip(at.tolist(), values[at].tolist(), strict=True))

    cut = {"too long"} if name in CUT else set()
    assert {one.code for one in found.notes} <= {"first zero", "stairs", "steps", "part"} | cut


def test_the_example_follows_its_plan() -> None:
    found = ps.recognize(EXAMPLES / "forgotten_run" / "resumed.csv")

    assert str(found["lr"].plan) == "horizon: 2000\nlr: warmup(100, 0.01) >> cosine(to=0.1, over=1900)"
    assert codes(found) == [("restarted", 800, 1995)]


def test_stairs_have_the_length_of_the_rows_that_are_dense() -> None:
    """In a log that has every row only at its end, longer stairs explain the steps until there."""
    steps = np.arange(1, 61) * 200
    thinned = np.arange(60) < 48

    assert stair_length(np.where(thinned, steps - 90, steps - 1), np.where(thinned, steps + 90, steps), 90.0) == 200


def test_the_last_rows_of_a_long_log_are_all_searched() -> None:
    t = np.arange(30_000.0)

    searched = Search(Rows(t, np.cos(t), np.full(t.size, 1e-9))).rows.t

    assert searched.size < t.size / 4
    assert searched[-64:].tolist() == t[-64:].tolist()


def test_the_rows_of_a_long_log_at_which_the_slope_changes_are_searched_whatever_their_distances() -> None:
    t = np.cumsum(np.random.default_rng(0).integers(1, 50, 30_000)).astype(float)
    rows = np.array([9_003, 17_001, 24_444])  # none is among the rows that are used anyway

    searched = Search(Rows(t, np.interp(t, t[[0, *rows, -1]], [0, 1, 0.4, 0.8, 0.1]), np.full(t.size, 1e-9))).rows.t

    assert np.isin(t[rows[:, np.newaxis] + np.arange(-1, 2)], searched).all()


def test_the_places_of_a_sample_are_kept_and_cannot_be_changed() -> None:
    assert sample(0, 20) is sample(0, 20)
    assert not sample(0, 20).flags.writeable


@pytest.mark.parametrize("first", [0, 1])
def test_the_values_are_drawn_at_the_times_of_the_schedule(first: int) -> None:
    schedule = ps.Plan(lr="warmup(20) >> cosine()").resolve(ps.Calendar(total=100)).bindings[0].schedule
    skipped = [(t, schedule(t - (t >= 30), base=0.1)) for t in range(100)]

    late = ps.recognize([(t + first, schedule(t, base=0.1)) for t in range(100)])["lr"]
    stopped = ps.recognize(skipped)["lr"]

    assert late.drawn[0].tolist() == list(range(100))
    assert late.drawn[1].tolist() == pytest.approx(schedule(np.arange(100), base=0.1).tolist())
    assert stopped.drawn[0].tolist() == list(range(100))


def test_rows_without_a_value_are_counted(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,lr\n" + "".join(f"{t},{'' if t in (3, 4) else 0.1 * (1 - t / 20)}\n" for t in range(20)))

    found = ps.recognize(log)

    assert [(one.code, one.first, one.last) for one in found.notes] == [("blank", 0, 19)]
    assert "2 rows have no value" in str(found)


@pytest.mark.parametrize(("first", "is_late"), [(1, True), (2, False), (10, False)])
def test_only_a_log_that_begins_with_the_value_of_update_0_is_late(first, is_late):
    found = ps.recognize([(t, 0.1 * (t - 1) / 100) for t in range(first, 90)])

    assert ("late" in [one.code for one in found.notes]) is is_late
