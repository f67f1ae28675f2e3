"""Drawn logs in all formats: what is said of them is true, and each cause that a log shows is named."""

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import paramsched as ps
from paramsched.tools.audit import Report, compare_with_plan, read_log
from support.audit_truth import Truth
from support.spread import every

TOTAL, EPOCH = 300, 10
PLANS = (
    "warmup(10) >> cosine(to=0.1)",
    'warmup("5%") >> linear(to=0.2)',
    "cosine()",
    "step(40, 0.3)",
    "exponential(0.99)",
    "multistep([60, 130, 200], 0.5)",
    "restarts(cosine(), 50)",
    "clamp(cosine(), low=absolute(1e-5))",
    'wsd(warmup=20, decay="20%")',
    "warmup(10) >> inverse_sqrt(10)",
    "one_cycle()",
    "polynomial(power=2)",
    "warmup(20) >> constant()",
)
ALL = (
    *("r", "float32", "other CPU"),
    *(f".{n}g" for n in range(2, 18)),
    *(f".{n}f" for n in range(2, 9)),
    *(f".{n}e" for n in range(2, 7)),
)
THREE_DIGITS = tuple(one for one in ALL if one not in (".2g", ".2f"))


def schedule_of(plan: str, total: int = TOTAL) -> Any:
    return ps.Plan(lr=plan).resolve(ps.Calendar(total=total, steps_per_epoch=EPOCH)).bindings[0].schedule


def written(value: float, form: str) -> str:
    match form:
        case "r":
            return repr(value)
        case "float32":
            return repr(float(np.float32(value)))
        case "other CPU":
            return repr(value * (1 + 2.0**-51))
    return f"{value:{form}}"


def audited(folder: Path, plan: str, t: Any, values: Any, form: str, base: float | None = None, **facts: Any) -> Report:
    """Write a log, and compare it with a plan."""
    file = folder / "log.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("step", "lr"), *zip(t.tolist(), (written(one, form) for one in values.tolist()), strict=True)]
        )
    calendar = ps.Calendar(**{"total": TOTAL, "steps_per_epoch": EPOCH, **facts})
    bases = None if base is None else {("lr", None): base}
    return compare_with_plan(read_log(file, ["lr"]), ps.Plan(lr=plan), calendar, bases=bases)


@pytest.mark.parametrize("form", ALL)
@pytest.mark.parametrize("base", [0.1, 0.0312, None])
def test_a_log_as_planned_is_as_planned_in_each_format(tmp_path, form, base):
    for plan, step in itertools.product(PLANS, (1, 5)):
        t = np.arange(0, 225, step)

        report = audited(tmp_path, plan, t, schedule_of(plan)(t, base=base or 0.0312), form, base)

        assert report.first is None, (plan, step, report)


@pytest.mark.parametrize("form", THREE_DIGITS)
def test_a_log_of_another_base_decay_or_length_is_not_as_planned(tmp_path, form):
    t = np.arange(0, 300, 3)
    others = [
        ("cosine()", schedule_of("cosine()")(t, base=0.505)),
        ("exponential(0.99)", schedule_of("exponential(0.98)")(t, base=0.5)),
        ("cosine()", schedule_of("cosine()", 303)(t, base=0.5)),
        ("step(40, 0.3)", schedule_of("step(40, 0.303)")(t, base=0.5)),
    ]
    for plan, values in others:
        report = audited(tmp_path, plan, t, values, form, 0.5)

        assert report.first is not None, (plan, form)


@pytest.mark.parametrize(
    ("plan", "texts"),
    [
        ("constant(0.0012)", ["0.001"] * 9),
        ("step(3, 0.1)", [*["0.1"] * 3, *["0.01"] * 3, *["0.001"] * 3]),
        ("table([0.12, 0.11])", ["0.1"] * 9),
    ],
)
def test_a_constant_and_values_of_one_digit_are_exact(tmp_path, plan, texts):
    (tmp_path / "log.csv").write_text("step,lr\n" + "".join(f"{t},{one}\n" for t, one in enumerate(texts)))
    base = 0.12 if plan.startswith("step") else 1.0

    report = compare_with_plan(read_log(tmp_path / "log.csv", ["lr"]), ps.Plan(lr=plan), bases={("lr", None): base})

    assert report.exact == 0


CAUSES: dict[str, tuple[int, Any]] = {
    "as planned": (0, lambda t, at: t),
    "never moved": (0, lambda t, at: t * 0),
    "one update late": (0, lambda t, at: np.maximum(t - 1, 0)),
    "one update early": (0, lambda t, at: t + 1),
    "once per epoch": (0, lambda t, at: t // EPOCH),
    "times per update": (1, lambda t, at: t * (at % 7 + 2)),
    "once every": (1, lambda t, at: t // (at % 7 + 2)),
    "restarted from 0 at update": (1, lambda t, at: np.where(t < at, t, t - at)),
    "another total": (1, lambda t, at: t),
    "another base": (1, lambda t, at: t),
    "updates skipped": (2, lambda t, at: t + (t >= at) + (t >= at + 45)),
}
"""The number of fitted values and the clock of each cause."""


def drawn_cause(folder: Path, seed: int) -> None:
    """Draw a plan, a cause, rows and a base in one of the formats; the report is true, and names the cause."""
    draw = np.random.default_rng(seed)
    plan, form = str(draw.choice(PLANS)), ALL[seed % len(ALL)]
    cause = str(draw.choice(list(CAUSES)))
    base, factor = float(draw.choice([0.5, 0.1, 0.3456, 0.02, 3e-4])), float(draw.choice([0.5, 1.01, 1.7, 10]))
    known = base if cause == "another base" or draw.random() < 0.5 else None
    t, at = np.arange(0, int(draw.choice([200, 300])), int(draw.choice([1, 1, 5, 10]))), int(draw.integers(20, 150))
    total = int(draw.choice([150, 270, 303, 357, 600])) if cause == "another total" else TOTAL
    fitted, clock = CAUSES[cause]
    schedule = schedule_of(plan, total)
    times = clock(t, at)
    values = schedule(times, base=base * factor if cause == "another base" else base)
    texts = [written(one, form) for one in values.tolist()]
    if known is None and not any(map(float, texts)):
        return  # refused, because any base explains zeros

    report = audited(folder, plan, t, values, form, known)

    told = (seed, plan, cause, form, known, at, total, report)
    truth = Truth(lambda one: schedule_of(plan, one), TOTAL, EPOCH, t, texts, known)
    assert list(truth.faults(report)) == [], told
    names = [one.name for one in report.causes]
    if report.first is None or any(cause in one for one in names) or len(set(texts)) == 1:
        assert len(set(texts)) > 1 or report.first is None or names == ["never moved"], told
        return
    if min((one.fitted for one in report.causes), default=9) < fitted:
        return
    # The log does not show the cause: it has as few values as are fitted, or its numbers are exact but rounded.
    is_exact = not truth.formats and len(max(texts, key=len)) < 12
    after = [written(one, form) for one in schedule(times + 1, base=base).tolist()]
    shown = [one != other for one, other in zip(texts, after, strict=True)]
    hides_updates = cause == "updates skipped" and np.mean(shown) < 0.97
    assert len(set(texts)) - (known is None) <= fitted or is_exact or hides_updates, told


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 10))])
def test_a_report_of_a_drawn_log_is_true_and_names_its_cause(tmp_path, part):
    for seed in range(100 * part, 100 * part + 100):
        drawn_cause(tmp_path, seed)


@pytest.mark.parametrize(("plan", "other"), every(3, itertools.permutations(PLANS, 2)))
def test_another_schedule_has_no_cause_but_one_that_explains_each_value(tmp_path, plan, other):
    t = np.arange(0, 300, 2)

    values = schedule_of(other)(t, base=0.1)
    report = audited(tmp_path, plan, t, values, "r", 0.1)

    truth = Truth(lambda one: schedule_of(plan, one), TOTAL, EPOCH, t, list(map(repr, values.tolist())), 0.1)
    assert list(truth.faults(report)) == [], report


@pytest.mark.parametrize("is_after", [False, True])
def test_both_generations_of_the_trainer_are_as_planned(tmp_path, is_after):
    schedule = schedule_of("warmup(10) >> cosine()")
    rows = [{"step": n, "learning_rate": schedule(n - 1 + is_after, base=0.1)} for n in range(10, 300, 10)]

    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": rows}))

    logged = read_log(tmp_path / "trainer_state.json", ["lr"])
    report = compare_with_plan(logged, ps.Plan(lr="warmup(10) >> cosine()"), ps.Calendar(total=TOTAL))

    assert report.first is None
    assert any("next update" in one for one in report.notes) == is_after
