"""Generated logs in all formats: what an audit reports is true, and each cause that a log shows is named.

`reports.yaml` has the reports of some, and of described logs on both sides of each threshold.
`PYTHONPATH=tests python tests/tools/audit/test_generated_logs.py` writes it.
"""

import csv
import itertools
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument
from paramsched.tools.audit import AmountColumn, Report, compare_with_plan, log_facts, read_log
from paramsched.tools.audit.compare import matched_with_plan, picture_of_log, picture_of_match
from support import answers
from support.spread import spread
from support.tables import table

FILE = Path(__file__).with_name("reports.yaml")
TOTAL = 300
EPOCH = 10
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
FORMS_OF_ONE_BASE = (
    *(
        ("r", None),
        ("float32", 0.0312),
        ("text of float32", 0.0312),
        ("other CPU", None),
        (".2g", 0.0312),
        (".3g", None),
    ),
    *((".7g", 0.0312), (".3f", None), (".6f", 0.0312), (".8f", 0.1), (".10f", 0.1), (".4e", None)),
)
THREE_DIGITS = tuple(form for form in ALL if form not in (".2g", ".2f"))


# ---------------------------------------------------------------- the truth of a report

CLOSE = 1e-9  # the relative difference up to which a log of another program is as planned
SINGLE = 6e-8  # of rounding to float32


def is_written(planned: float, text: str, form: str) -> bool:
    """Return whether a program writes the planned value as this text; "" for all digits."""
    logged = float(text)
    single = float(np.float32(planned))
    if min(abs(logged - planned), abs(logged - single)) <= CLOSE * abs(planned):
        return True
    near = (planned * (1 + sign * error) for error in (CLOSE, SINGLE) for sign in (-1, 0, 1))
    return bool(form) and any(float(f"{value:{form}}") == logged for value in near)


# ---------------------------------------------------------------- generated logs


def schedule_of(plan: str, total: int = TOTAL) -> Any:
    return ps.Plan(lr=plan).resolve(total=total, steps_per_epoch=EPOCH).bindings[0].schedule


def written(value: float, form: str) -> str:
    match form:
        case "r":
            return repr(value)
        case "float32":
            return repr(float(np.float32(value)))
        case "text of float32":  # as pandas and JAX write it
            return str(np.float32(value))
        case "other CPU":
            return repr(value * (1 + 2.0**-51))
    return f"{value:{form}}"


def audited(folder: Path, plan: str, t: Any, values: Any, form: str, base: float | None = None, **facts: Any) -> Report:
    """Write a log, and compare it with a plan."""
    file = folder / "log.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("step", "lr"), *zip(t.tolist(), (written(value, form) for value in values.tolist()), strict=True)]
        )
    run_facts = ps.RunFacts(**{"total": TOTAL, "steps_per_epoch": EPOCH, **facts})
    bases = None if base is None else {("lr", None): base}
    return compare_with_plan(read_log(file, ["lr"]), ps.Plan(lr=plan), facts=run_facts, bases=bases)


@pytest.mark.parametrize(
    ("form", "base"),
    spread(itertools.product((*ALL, "text of float32", ".10f"), [0.1, 0.0312, None]), *FORMS_OF_ONE_BASE),
)
def test_a_log_as_planned_is_as_planned_in_each_format(tmp_path, form, base):
    turn = [*ALL, "text of float32", ".10f"].index(form)
    for number, plan in enumerate(PLANS):
        step = (1, 5)[(number + turn) % 2]  # the next format has the other one
        t = np.arange(0, 225, step)

        report = audited(tmp_path, plan, t, schedule_of(plan)(t, base=base or 0.0312), form, base)

        assert report.first is None, (plan, step, report)


@pytest.mark.parametrize("form", spread(THREE_DIGITS, "r", ".3g"))
def test_a_log_of_another_base_decay_or_length_is_not_as_planned(tmp_path, form):
    t = np.arange(0, 300, 3)
    logs = [
        ("cosine()", schedule_of("cosine()")(t, base=0.505)),
        ("exponential(0.99)", schedule_of("exponential(0.98)")(t, base=0.5)),
        ("cosine()", schedule_of("cosine()", 303)(t, base=0.5)),
        ("step(40, 0.3)", schedule_of("step(40, 0.303)")(t, base=0.5)),
    ]
    for plan, values in logs:
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
    (tmp_path / "log.csv").write_text("step,lr\n" + "".join(f"{t},{text}\n" for t, text in enumerate(texts)))
    base = 0.12 if plan.startswith("step") else 1.0

    report = compare_with_plan(read_log(tmp_path / "log.csv", ["lr"]), ps.Plan(lr=plan), bases={("lr", None): base})

    assert report.exact == 0


def few_values(seed: int) -> tuple[str, float, Any]:
    """Draw a plan, a base and rows in which the plan has one, two or three different values, or few rows."""
    draw = np.random.default_rng(seed)
    gamma = float(draw.choice([0.3333, 0.5, 0.7071, 0.1234]))
    plan = str(draw.choice([
        f"multistep([30, 60], {gamma})", f"step(30, {gamma})", f"every(linear(to={gamma}), 30)", "every(cosine(), 30)",
        f"constant(1, 30) >> constant({gamma})", "cosine()", "exponential(0.9999)", "inverse_sqrt(5)",
    ]))  # fmt: skip
    base = float(draw.choice([0.1, 0.05, 0.0312, 0.6789, 3e-4, 2.5e-4]))
    many = seed % 3 + 1
    if plan in ("cosine()", "exponential(0.9999)", "inverse_sqrt(5)"):
        t = int(draw.choice([0, 0, 50, 120])) + np.arange(many)
    else:
        t = int(draw.choice([0, 0, 30])) + np.arange(0, 30 * many, int(draw.choice([1, 6])))
    return plan, base, t


def counts_as_exact(texts: list[str], planned: list[float]) -> bool:
    """Return whether the numbers are exact: a constant that the plan does not leave, and numbers of one digit."""
    plain = [text.partition("e") for text in set(texts)]
    digits = max(len(mantissa.replace(".", "").strip("0")) for mantissa, _, _ in plain)
    if len(plain) == 1:
        is_fixed = re.search(r"\.\d+0$", plain[0][0]) is not None
        logged = float(texts[0])
        passes = logged in planned and {float(f"{value:.2g}") for value in planned} == {logged}
        return not is_fixed and (len(set(planned)) == 1 or (digits < 2 and not passes))
    return digits < 2 and len({len(mantissa.partition(".")[2]) - int(power or 0) for mantissa, _, power in plain}) > 1


@pytest.mark.parametrize("form", spread(ALL, "r", ".2g", ".7f"))
def test_a_log_of_few_values_is_as_planned_in_each_format(tmp_path, form):
    compared = 0
    for seed in range(60):
        plan, base, t = few_values(seed)
        values = schedule_of(plan)(t, base=base)

        report = audited(tmp_path, plan, t, values, form, base)

        texts = [written(value, form) for value in values.tolist()]
        assert not report.is_constantly_zero
        if counts_as_exact(texts, values.tolist()):
            assert report.cause is None or report.first is not None, (seed, plan, form, report)
        else:
            assert report.first is None, (seed, plan, form, report)
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("form", spread(THREE_DIGITS, ".4f"))
def test_a_log_of_few_values_of_another_base_decay_or_length_is_not_as_planned(tmp_path, form):
    base = 0.6789
    for rows, step in ((30, 1), (31, 5), (90, 3)):
        t = np.arange(0, rows, step)
        logs = [
            ("multistep([30, 60], 0.3333)", "multistep([30, 60], 0.3333)", base * 1.01),
            ("multistep([30, 60], 0.3333)", "multistep([30, 60], 0.34)", base),
            ("multistep([30, 60], 0.3333)", "multistep([25, 60], 0.3333)", base),
            ("every(cosine(), 30)", "every(cosine(), 30)", base * 0.99),
            ("constant()", "constant()", base * 1.01),
        ]
        for plan, used, used_base in logs:
            values = schedule_of(used)(t, base=used_base)
            if (values == schedule_of(plan)(t, base=base)).all():
                continue

            report = audited(tmp_path, plan, t, values, form, base)

            assert report.first is not None, (plan, used, used_base, rows, form)


def test_a_rounded_zero_is_no_rate_of_0(tmp_path):
    t = np.arange(60)
    values = schedule_of("cosine()")(t, base=2.5e-4)

    report = audited(tmp_path, "cosine()", t, values, ".3f", 2.5e-4)

    assert (report.exact, report.is_constantly_zero, report.cause) == (60, False, None)
    with pytest.raises(InvalidArgument, match="in 3 decimals"):
        audited(tmp_path, "cosine()", t, values, ".3f")
    assert audited(tmp_path, "cosine()", t, 0 * values, "r", 2.5e-4).is_constantly_zero
    assert audited(tmp_path, "cosine()", t, 0 * values, ".3f", 0.1).exact < 60
    assert not log_facts(read_log(tmp_path / "log.csv", ["lr"])).has_rate_of_zero


CAUSES: dict[str, tuple[int, Any]] = {
    "as planned": (0, lambda t, update: t),
    "never moved": (0, lambda t, update: t * 0),
    "one update late": (0, lambda t, update: np.maximum(t - 1, 0)),
    "one update early": (0, lambda t, update: t + 1),
    "once per epoch": (0, lambda t, update: t // EPOCH),
    "times per update": (1, lambda t, update: t * (update % 7 + 2)),
    "once every": (1, lambda t, update: t // (update % 7 + 2)),
    "restarted from 0 at update": (1, lambda t, update: np.where(t < update, t, t - update)),
    "another total": (1, lambda t, update: t),
    "another base": (1, lambda t, update: t),
    "updates skipped": (2, lambda t, update: t + (t >= update) + (t >= update + 45)),
}
"""The number of fitted values and the clock of each cause."""


@dataclass(frozen=True)
class GeneratedLog:
    """A generated log: its plan, format, cause and rows, and the base that the audit is given."""

    plan: str
    form: str
    cause: str
    base: float
    known_base: float | None
    t: Any
    update: int
    total: int
    times: Any
    values: Any

    @property
    def texts(self) -> list[str]:
        return [written(value, self.form) for value in self.values.tolist()]


def generated_log(seed: int) -> GeneratedLog:
    """Draw a plan, a cause, rows and a base in one of the formats."""
    draw = np.random.default_rng(seed)
    plan = str(draw.choice(PLANS))
    form = ALL[seed % len(ALL)]
    cause = str(draw.choice(list(CAUSES)))
    base = float(draw.choice([0.5, 0.1, 0.3456, 0.02, 3e-4]))
    factor = float(draw.choice([0.5, 1.01, 1.7, 10]))
    known_base = base if cause == "another base" or draw.random() < 0.5 else None
    t = np.arange(0, int(draw.choice([200, 300])), int(draw.choice([1, 1, 5, 10])))
    update = int(draw.integers(20, 150))
    total = int(draw.choice([150, 270, 303, 357, 600])) if cause == "another total" else TOTAL
    times = CAUSES[cause][1](t, update)
    values = schedule_of(plan, total)(times, base=base * factor if cause == "another base" else base)
    return GeneratedLog(plan, form, cause, base, known_base, t, update, total, times, values)


def lines_of(shown: object) -> list[str]:
    """Return the numbers and codes in each line of a text, with its ellipses and the number of its clauses."""
    lines = []
    for line in str(shown).splitlines():
        clauses = len(re.split("[,;] ", line))
        lines.append(f"{answers.facts_of(line)} {'…' * line.count('…')}{f' /{clauses}' * (clauses > 1)}".strip())
    return lines


def table_of(question: dict[str, Any]) -> str:
    """Return the CSV of a described log.

    Its columns are expressions of `t`, of NumPy and of `plan(times)`, the values that the plan has at these times; a
    blank cell is NaN. The arguments `line`, `total` and `base` of `plan` are those of another plan or base.
    """
    run = {"total": TOTAL, "steps_per_epoch": EPOCH, **question.get("facts", {})}
    t = np.array(eval(question["t"], {"np": np}))
    columns = {question.get("time", "step"): map(str, t.tolist())}
    for name, values in (question["values"] | question.get("amounts", {})).items():
        planned = question["plan"].get(name.partition("[")[0])

        def plan(times: Any, line: Any = planned, total: int = run["total"], base: float = 0.1) -> Any:
            resolved = ps.Plan(lr=line).resolve(total=total, steps_per_epoch=run["steps_per_epoch"])
            return resolved.bindings[0].schedule(np.maximum(times, 0), base=base)

        used = np.broadcast_to(eval(values, {"t": t, "np": np, "where": np.where, "plan": plan}), t.shape)
        form = question.get("form", "r")
        columns[name] = ("" if np.isnan(value) else written(value, form) for value in used.tolist())
    return "\n".join([",".join(columns), *map(",".join, zip(*columns.values(), strict=True))])


def place_of(key: str) -> tuple[str, Any]:
    """Return the place of a base: `lr@0` and `lr@head` are those of a group."""
    field, _, group = key.partition("@")
    return field, int(group) if group.isdigit() else group or None


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a described or a generated log, and the facts of the log."""
    kept = {key: value for key, value in question.items() if key not in ANSWERS}
    facts = {}
    known_bases = {}
    fields = ["lr"]
    amount = AmountColumn()
    if "values" in question:
        text = table_of(kept)
        plan = kept["plan"]
        facts = kept.get("facts", {})
        known_bases = kept.get("known", {})
        fields = kept.get("fields", [*plan, *(name for name in kept["values"] if "[" not in name)])
        amount = AmountColumn(plan.get("clock"))
    elif "few" in question:
        seed = question["few"]
        plan, base, t = few_values(seed)
        form = ALL[seed % len(ALL)]
        factor = (1.0, 1.0, 1.01, 2.0)[seed % 4]
        kept = {"few": seed, "log": f"{plan} {form} {factor}"}
        known_bases = {} if seed % 2 else {"lr": base}
        values = schedule_of(plan)(t, base=base * factor).tolist()
        text = "step,lr\n" + "".join(f"{n},{written(value, form)}\n" for n, value in zip(t, values, strict=True))
    else:
        log = generated_log(question["seed"])
        plan = log.plan
        known_bases = {} if log.known_base is None else {"lr": log.known_base}
        kept = {"seed": question["seed"], "log": f"{plan} {log.form} {log.cause}"}
        text = "step,lr\n" + "".join(f"{n},{value}\n" for n, value in zip(log.t, log.texts, strict=True))
    planned = ps.Plan(**plan) if isinstance(plan, dict) else ps.Plan(lr=plan)
    run = ps.RunFacts(**{"total": TOTAL, "steps_per_epoch": EPOCH, **facts})
    bases = {place_of(key): base for key, base in known_bases.items()}
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "log.csv"
            file.write_text(text)
            logged = read_log(file, list(dict.fromkeys(fields)), amount=amount)
        if kept.get("of log", "values" not in kept):
            described = log_facts(logged)
            kinds = [" ".join(stretch.kind for stretch in column.stretches[:12]) for column in described.columns]
            kept["log facts"] = [*lines_of(described), *kinds, described.has_rate_of_zero]
        report = compare_with_plan(logged, planned, facts=run, bases=bases)
    except ps.errors.ParamschedError as error:
        return kept | {"error": f"{type(error).__name__} {error.problem.code}"}
    stated = {
        "cause": report.cause and answer_of_cause(report.cause),
        "bases": dict(report.bases),
        "assumed": dict(report.assumed),
        "flags": [name for name in ("is_constantly_zero", "from_first_on") if getattr(report, name)],
        "rounded": report.rounded,
        "report": lines_of(report),
    }
    if "picture" in kept:
        matched = matched_with_plan(logged, planned, run, bases=bases)[1]
        pictures = picture_of_match(logged, matched), picture_of_log(logged, "")
        stated["pictures"] = [line for picture in pictures for line in curves_of(picture)]
    return kept | {key: value for key, value in stated.items() if value}


def curves_of(picture: Any) -> Iterator[str]:
    """Yield a line for each curve of a picture, and for each logged one over it."""
    for key in picture.trace.keys():
        yield f"{key}: {picture.trace[key].tolist()}"
    for key, (t, values) in (picture.log or {}).items():
        yield f"{key} logged: {t.tolist()} {values.tolist()}"


ANSWERS = (
    "pictures",
    "log facts",
    "cause",
    "first",
    "bases",
    "assumed",
    "lines",
    "flags",
    "rounded",
    "report",
    "error",
)


def answer_of_cause(cause: Any) -> str:
    """Return the facts of a cause: its name, its bases and the numbers in its text."""
    return f"{cause.name}, {cause.bases}: {' '.join(lines_of(cause.text)) or '-'}"


@answers.in_parts(FILE, size=12)
def test_the_report_of_a_generated_log_is_as_recorded(places, subtests):
    answers.check(FILE, answer_to, places, subtests)


@pytest.mark.parametrize("seed", range(40))
def test_a_factor_and_a_shift_that_are_named_explain_each_value(tmp_path, seed):
    log = generated_log(seed)
    if log.known_base is None and not any(map(float, log.texts)):
        return  # refused, because any base explains zeros

    report = audited(tmp_path, log.plan, log.t, log.values, log.form, log.known_base)

    shift = {"one update late": -1, "one update early": 1}.get(log.cause)
    if shift is not None and report.first is not None and log.form == "r":
        assert report.cause.text == f"each value is the one planned 1 update {'later' if shift > 0 else 'earlier'}"
    if log.cause == "another base" and report.first is not None:
        assert report.cause.name == "another base"


@table(
    ("plan", "clock", "total", "text"),
    [
        ("cosine()", lambda t: 2 * t, TOTAL, "2 times as fast: 2 scheduler steps per update, or a total of 150"),
        ("cosine()", lambda t: 7 * t + 6, TOTAL, "7 times as fast: 7 scheduler steps per update"),
        ("warmup(30) >> cosine()", lambda t: 2 * t, TOTAL, "2 times as fast: 2 scheduler steps per update"),
        ("cosine()", lambda t: t // 4, TOTAL, "0.25 times as fast: one scheduler step in 4 updates"),
        ("warmup(30) >> linear()", lambda t: t, 375, "0.8 times as fast: a total of 375"),
        ("step(100, 0.3)", lambda t: t // 2 * 2, TOTAL, None),
    ],
)
@pytest.mark.parametrize("base", [0.1, None])
def test_another_speed_is_stated_by_its_ratio_and_what_was_measured(tmp_path, base, plan, clock, total, text):
    t = np.arange(0, 150)

    report = audited(tmp_path, plan, t, schedule_of(plan, total)(clock(t), base=0.1), "r", base)

    assert (report.cause and report.cause.text) == text
    assert text is None or (report.cause.name, report.cause.bases) == ("another speed", (0.1,))


if __name__ == "__main__":
    answers.write(FILE, [answer_to(question) for question in answers.read(FILE)])
