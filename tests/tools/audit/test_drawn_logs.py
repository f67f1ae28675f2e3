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
)
FINE = ("r", "float32", *(f".{n}g" for n in range(6, 18)), ".8f", ".6e")
COARSE = (*(f".{n}g" for n in range(2, 6)), *(f".{n}f" for n in range(2, 8)), *(f".{n}e" for n in range(2, 6)))
THREE_DIGITS = tuple(one for one in (*FINE, *COARSE) if one not in (".2g", ".2f", ".3f"))


def schedule_of(plan: str, total: int = TOTAL) -> Any:
    return ps.Plan(lr=plan).resolve(ps.Calendar(total=total, steps_per_epoch=EPOCH)).bindings[0].schedule


def written(value: float, form: str) -> str:
    match form:
        case "r":
            return repr(value)
        case "float32":
            return repr(float(np.float32(value)))
        case "other CPU":
            return repr(float(np.nextafter(np.nextafter(value, 1), 1)))
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


@pytest.mark.parametrize("form", [*FINE, *COARSE, "other CPU"])
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
        ("cosine()", schedule_of("cosine()", 306)(t, base=0.5)),
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


CAUSES: dict[str, Any] = {
    "never moved": lambda t, at: t * 0,
    "one update late": lambda t, at: np.maximum(t - 1, 0),
    "one update early": lambda t, at: t + 1,
    "once per epoch": lambda t, at: t // EPOCH,
    "times per update": lambda t, at: t * (at % 7 + 2),
    "once every": lambda t, at: t // (at % 7 + 2),
    "restarted from 0 at update": lambda t, at: np.where(t < at, t, t - at),
    "another total": None,
    "another base": None,
    "updates skipped at": lambda t, at: t + (t >= at) + (t >= at + 45),
}


def truth_of(report: Report, plan: str, t: Any, values: Any, base: float | None) -> None:
    """Check each statement of a report about values with all digits against the plan itself."""
    schedule = schedule_of(plan)
    if report.bases:
        base = next(iter(report.bases.values()))
    if report.first is not None and base is not None:
        planned = schedule(t, base=base)
        near = np.isclose(values, planned, rtol=1e-6, atol=1e-12)
        assert not near[t == report.first.t].any()
        if not report.causes and not report.assumed:
            assert near[t < report.first.t].all()
            assert not report.from_first_on or not near[t >= report.first.t].any()


def drawn_cause(folder: Path, seed: int) -> None:
    """Draw a plan, a cause, a format and rows; the cause is named beside others, or the values do not show it."""
    draw = np.random.default_rng(seed)
    plan, cause = str(draw.choice(PLANS)), str(draw.choice(list(CAUSES)))
    form = str(draw.choice(FINE if seed % 2 else COARSE))
    base = float(draw.choice([0.1, 0.02, 0.3456]))
    is_known = cause == "another base" or bool(draw.random() < 0.5)
    t, at = np.arange(0, int(draw.choice([200, 300])), int(draw.choice([1, 1, 5]))), int(draw.integers(40, 150))
    schedule = schedule_of(plan, 357 if cause == "another total" else TOTAL)
    clock = CAUSES[cause]
    values = schedule(t if clock is None else clock(t, at), base=1.7 * base if cause == "another base" else base)
    texts = {written(one, form) for one in values.tolist()}
    if all(len(text.partition("e")[0].replace(".", "").strip("0")) < 2 for text in texts):
        return  # values of one digit are exact
    if len(texts) == 1:
        cause = "never moved"

    if not any(float(written(one, form)) for one in values.tolist()):
        return  # refused, because any base explains zeros

    report = audited(folder, plan, t, values, form, base if is_known else None)

    told = (seed, plan, cause, form, at, report)
    assert report.values == t.size
    if form == "r":
        truth_of(report, plan, t, values, base if is_known else None)
    names = [one.name for one in report.causes]
    if cause == "never moved":
        assert report.first is None or names == [cause], told
    elif cause == "updates skipped at" and (form in COARSE or plan.startswith(("step", "multistep", "clamp"))):
        pass  # such a log may not show each update
    elif (
        len([0 for one, other in itertools.pairwise(values.tolist()) if written(one, form) != written(other, form)]) < 8
    ):
        pass  # a few steps are explained by many numbers, or by none that is sought
    elif report.first is not None:
        fewest = min((one.fitted for one in report.causes), default=9)
        assert any(cause in one for one in names) or fewest < (cause != "once per epoch") + cause.count("skipped"), told
    if any("another total" in one for one in names) and cause == "another total":
        assert "357" in str(report) or " to " in str(report), told


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 10))])
def test_a_drawn_cause_is_named(tmp_path, part):
    for seed in range(100 * part, 100 * part + 100):
        drawn_cause(tmp_path, seed)


@pytest.mark.parametrize(("plan", "other"), every(3, itertools.permutations(PLANS, 2)))
def test_another_schedule_has_no_cause_but_one_that_explains_each_value(tmp_path, plan, other):
    t = np.arange(0, 300, 2)

    report = audited(tmp_path, plan, t, schedule_of(other)(t, base=0.1), "r", 0.1)

    assert report.causes == (), report


@pytest.mark.parametrize("is_after", [False, True])
def test_both_generations_of_the_trainer_are_as_planned(tmp_path, is_after):
    schedule = schedule_of("warmup(10) >> cosine()")
    rows = [{"step": n, "learning_rate": schedule(n - 1 + is_after, base=0.1)} for n in range(10, 300, 10)]

    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": rows}))

    logged = read_log(tmp_path / "trainer_state.json", ["lr"])
    report = compare_with_plan(logged, ps.Plan(lr="warmup(10) >> cosine()"), ps.Calendar(total=TOTAL))

    assert report.first is None
    assert any("next update" in one for one in report.notes) == is_after
