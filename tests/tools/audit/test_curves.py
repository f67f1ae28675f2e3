"""Logs of other curves than the planned one: the line that explains all values, or the cause of the first ones."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.audit import Report, compare_with_plan, read_log
from support.spread import spread
from support.tables import table

TOTAL, BASE = 1000, 0.1
T = np.arange(TOTAL)

SHAPES = {
    "warmup(100) >> cosine()": (
        "warmup(50) >> cosine()",
        "cosine()",
        "warmup(100) >> cosine(to=0.1)",
        "warmup(100) >> linear()",
        "warmup(50) >> linear()",
        "constant(0.0, 73) >> warmup(100) >> cosine()",
        "constant(0.0, 73) >> warmup(100) >> cosine(over=900)",
        "warmup(100) >> constant(over=73) >> cosine()",
    ),
    "cosine()": (
        "linear()",
        "cosine(to=0.05)",
        "constant(over=100) >> cosine()",
        "constant(over=100) >> cosine(over=1000)",
    ),
    "warmup(100) >> cosine(over=900)": ("warmup(100) >> cosine(over=700)", "warmup(60) >> cosine(over=900)"),
    "linear()": ("cosine()", "warmup(60) >> linear()"),
    "step(100, 0.5)": ("warmup(70) >> cosine()",),
}  # fmt: skip
CASES = [(plan, line) for plan, lines in SHAPES.items() for line in lines]
FORMS = ("r", ".6g", ".4g", ".3g", "float32")


def values_of(line: str, t: object, base: float = BASE) -> np.ndarray:
    return ps.Plan(lr=line).resolve(total=TOTAL).bindings[0].schedule(t, base=base)


def write(file: Path, t: np.ndarray, values: np.ndarray, form: str = "r") -> Path:
    """Write a log as CSV, or as JSONL."""
    if form == "float32":
        values = values.astype(np.float32).astype(np.float64)
    texts = [repr(value) if form in ("r", "float32") else f"{value:{form}}" for value in values.tolist()]
    if file.suffix == ".jsonl":
        rows = [json.dumps({"step": n, "lr": float(text)}) for n, text in zip(t.tolist(), texts, strict=True)]
    else:
        rows = ["step,lr", *(f"{n},{text}" for n, text in zip(t.tolist(), texts, strict=True))]
    file.write_text("\n".join(rows))
    return file


def audited(file: Path, plan: str, base: float | None = BASE) -> Report:
    bases = None if base is None else {("lr", None): base}
    return compare_with_plan(read_log(file, ["lr"]), ps.Plan(lr=plan), total=TOTAL, bases=bases)


@pytest.mark.parametrize(("step", "form"), spread(itertools.product((1, 10, 50), FORMS), (10, "r"), (50, ".4g")))
@table(("plan", "line"), CASES)
def test_a_line_that_is_named_explains_each_value_if_it_is_pasted(plan, line, step, form, tmp_path):
    t = np.arange(0, TOTAL, step)
    # Without a base, a warmup of one row shows no length.
    for base, suffix in ((BASE, "csv"), (None, "jsonl"))[: 1 + (step < 50)]:
        file = write(tmp_path / f"log.{suffix}", t, values_of(line, t), form)

        (cause,) = audited(file, plan, base).causes

        assert cause.line == line
        assert audited(file, cause.line, base).first is None


def test_the_command_takes_the_line_that_it_names(tmp_path):
    file = str(write(tmp_path / "log.csv", T, values_of("warmup(50) >> linear()", T), ".6g"))
    options = ["--total", str(TOTAL), "--base", "lr=0.1"]

    first = CliRunner().invoke(main, ["audit", file, "--plan", "warmup(100) >> cosine()", *options])
    line = first.output.partition("the values are those of ")[2].partition(" (explains all")[0]

    assert first.exit_code == 1
    assert CliRunner().invoke(main, ["audit", file, "--plan", line, *options]).exit_code == 0
    assert CliRunner().invoke(main, ["show", line, *options]).exit_code == 0


def handmade(seed: int) -> np.ndarray:
    """Draw a random walk, a plateau schedule or a curve that no line has."""
    draw = np.random.default_rng(seed)
    u, warmup, top = T / TOTAL, int(draw.integers(20, 200)), float(draw.choice([0.1, 3e-4, 0.05]))
    tail = (T - warmup) / (TOTAL - warmup)
    match seed % 8:
        case 0:
            factors = np.abs(1 + 0.02 * np.cumsum(draw.normal(size=TOTAL)))
        case 1:
            places = np.sort(draw.integers(20, TOTAL, 5))
            factors = draw.choice([0.1, 0.3, 0.5]) ** np.searchsorted(places, T, side="right")
        case 2:
            factors = (1 - u) ** draw.choice([0.9, 1.1, 1.5, 2, 3])
        case 3:
            factors = np.where(tail < 0, (T / warmup) ** 2, 1 - tail)
        case 4:
            factors = np.where(tail < 0, (T / warmup) ** 0.5, 0.5 * (1 + np.cos(np.pi * tail)))
        case 5:
            factors = np.interp(T, np.sort(np.append([0, TOTAL], draw.integers(1, TOTAL, 4))), draw.random(6))
        case 6:
            factors = np.where(tail < 0, T / warmup, 0.5 * (1 + np.cos(np.pi * tail))) * (
                1 + 1e-3 * draw.normal(size=TOTAL)
            )
        case _:
            factors = 1 / (1 + np.exp(10 * (u - 0.5)))
    return top * factors


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 9))])
def test_random_series_plateaus_and_other_curves_are_explained_by_no_line(part, tmp_path):
    plans = (*SHAPES, "exponential(0.995)", "restarts(cosine(), 250)", 'wsd(warmup=100, decay="20%")')
    for seed in range(25 * part, 25 * part + 25):
        draw = np.random.default_rng(seed)
        step, form = int(draw.choice([1, 5, 10, 50])), str(draw.choice([*FORMS[:3], ".6f"]))
        plan, values = str(draw.choice(plans)), handmade(seed)

        report = audited(
            write(tmp_path / "log.csv", T[::step], values[::step], form), plan, draw.choice([None, float(values.max())])
        )

        assert report.causes == (), (seed, plan, step, form, report)
        assert report.of_first is None or report.of_first.name == "the plan", (seed, plan, step, form, report)


def cosine_of_transformers(t: np.ndarray, warmup: int, total: int) -> np.ndarray:
    """Return the values of transformers' own function at these counts of its steps."""
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=BASE)
    (function,) = optimization.get_cosine_schedule_with_warmup(optimizer, warmup, total).lr_lambdas
    return np.array([BASE * function(int(one)) for one in t])


@pytest.mark.parametrize("form", spread(FORMS, ".6g"))
@table(("times", "step"), [(2, 1), (3, 20), (8, 10)])
def test_the_cosine_of_transformers_that_rises_again_is_known(times, step, form, tmp_path):
    t = T[::step]
    file = write(tmp_path / "log.csv", t, cosine_of_transformers(t * times, 100, TOTAL), form)

    for base in (BASE, None):
        (cause,) = audited(file, "warmup(100) >> cosine()", base).causes

        assert (cause.name, cause.bases) == (f"{times} times per update", (BASE,))


@table("total", [200, 450, 700])
def test_the_cosine_of_transformers_with_another_total_is_known(total, tmp_path):
    file = write(tmp_path / "log.csv", T, cosine_of_transformers(T, 100, total))

    (cause,) = audited(file, "warmup(100) >> cosine()").causes

    assert cause.name == "another total"
    assert f" of {total:,} updates" in cause.text


@pytest.mark.parametrize("is_after", [False, True])
@table(
    ("values", "name"),
    [
        (lambda t: values_of("warmup(50) >> linear()", t), "another line"),
        (lambda t: cosine_of_transformers(2 * t, 100, TOTAL), "2 times per update"),
    ],
)
def test_the_curves_of_both_generations_of_the_trainer_are_known(values, name, is_after, tmp_path):
    steps = np.arange(10, TOTAL, 10)
    rows = [
        {"step": n, "learning_rate": value}
        for n, value in zip(steps.tolist(), values(steps - 1 + is_after), strict=True)
    ]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": rows}))

    (cause,) = audited(tmp_path / "trainer_state.json", "warmup(100) >> cosine()").causes

    assert cause.name == name
