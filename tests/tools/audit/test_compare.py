"""The comparison of a log with a plan: bases that are fitted, and the names of groups."""

import json

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.schedules import values_by_base
from paramsched.errors import InvalidArgument, UnreadableLog
from paramsched.tools.audit import compare_with_plan, read_log
from paramsched.tools.records.log_values import LogColumn, LoggedValues, readings_of
from support.spread import every, spread
from support.tables import table

TOTAL = 400


PLAN = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)')


SCHEDULE = PLAN.resolve(total=TOTAL).bindings[0].schedule


T = np.arange(TOTAL)


VALUES = SCHEDULE(T, base=0.1)


@pytest.fixture
def report(tmp_path):
    def compare(values, times=T, *, plan=PLAN, bases=None, **facts):
        file = tmp_path / "log.jsonl"
        rows = zip(np.asarray(times).tolist(), np.asarray(values).tolist(), strict=True)
        file.write_text("\n".join(json.dumps({"step": t, "lr": value}) for t, value in rows))
        run_facts = ps.RunFacts(**({"total": TOTAL} | facts))
        known_bases = {("lr", None): 0.1} if bases is None else bases
        return compare_with_plan(read_log(file, ["lr"]), plan, facts=run_facts, bases=known_bases)

    return compare


def lines_of_json(rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows)


RATES = VALUES.tolist()
RIGHT_LOGS = {
    "trainer_state.json": lambda t: json.dumps(
        {"log_history": [{"step": n + 1, "learning_rate": RATES[n], "loss": 1.0} for n in t]}
    ),
    "old/trainer_state.json": lambda t: json.dumps(
        {"log_history": [{"step": n, "learning_rate": RATES[n], "loss": 1.0} for n in t[1:]]}
    ),
    "trainer_log.jsonl": lambda t: lines_of_json({"current_steps": n + 1, "lr": RATES[n]} for n in t),
    "scalars.json": lambda t: lines_of_json(
        {"step": n + 1, "iter": n + 1, "data_time": 0.1, "lr": RATES[n]} for n in t
    ),
    "log.csv": lambda t: "step,lr-AdamW\n" + "".join(f"{n},{RATES[n]!r}\n" for n in t),
    "wandb.csv": lambda t: "_step,_runtime,lr\n" + "".join(f"{n},1,{RATES[n]!r}\n" for n in t),
    "values.jsonl": lambda t: lines_of_json({"t": n, "groups": [{"lr": RATES[n]}]} for n in t),
}
"""What programs write of a right run: the number of a row, and the value that it has."""


@pytest.mark.parametrize("base", [{("lr", None): 0.1}, {}], ids=["base", "no base"])
@table("name", list(RIGHT_LOGS))
def test_the_right_log_of_a_program_is_as_planned(tmp_path, name, base):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(RIGHT_LOGS[name](range(0, TOTAL, 5)))

    report = compare_with_plan(read_log(file, ["lr"]), PLAN, bases=base, total=TOTAL)

    assert (report.first, report.cause) == (None, None)
    assert (report.exact, len(report.notes)) == (report.values, int(name.startswith("old")))


TARGETS = ps.Plan(ps.Binding("lr", "linear()"), ps.Binding(ps.Target("clip", 0.28), "linear(1, 0.5)"), total=12)


@pytest.mark.parametrize("column", ["clip", "targets/clip"])
def test_a_target_is_compared_with_the_column_of_its_name(column, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(f"step,lr,{column}\n" + "".join(f"{t},{1 - t / 12!r},0.9\n" for t in range(3)))

    actual = compare_with_plan(read_log(log, ["lr", "clip"]), TARGETS)

    assert (actual.values, actual.exact, actual.notes) == (6, 3, ())
    assert (actual.first.field, actual.first.group, actual.first.logged, actual.first.planned) == (
        "clip",
        None,
        0.9,
        0.28,
    )
    assert "first difference: clip at update 0" in str(actual)


def test_zeros_are_not_as_planned_because_a_base_of_0_fits_them(report):
    with pytest.raises(InvalidArgument, match="each lr is 0, "):
        report(0 * VALUES, bases={})

    assert report([0.0], [0], bases={}).exact == 1  # the first value of a warmup
    assert report(0 * VALUES, bases={("lr", None): 0.0}).exact == TOTAL
    assert report(0 * VALUES).exact == 1


LONG = np.arange(20_000)


@pytest.mark.parametrize(
    ("values", "line", "total"),
    [
        (np.ones(LONG.size), "linear()", 1000),
        (np.tile([0.1, 0.2], LONG.size // 2), "linear()", 1000),
        (np.linspace(0.1, 0.0, LONG.size), "linear()", 1000),
    ],
    ids=["constant", "two values", "another start"],
)
def test_the_causes_of_a_long_log_that_does_not_fit_are_sought_in_few_evaluations(
    values, line, total, report, monkeypatch
):
    sizes = []

    def counted(schedule, times):
        by_base = values_by_base(schedule, times)

        def counted_by_base(base):
            sizes.append(np.size(times))
            return by_base(base)

        return counted_by_base

    monkeypatch.setattr("paramsched.tools.audit.match.values_by_base", counted)
    report(values, LONG, plan=ps.Plan(lr=line), bases={}, total=total)

    assert sum(sizes) <= 200 * LONG.size


def test_a_first_value_near_0_is_compared_with_the_largest_one_of_a_long_log(report):
    plan = ps.Plan(lr="warmup(10_000) >> cosine()")
    values = plan.resolve(total=LONG.size).bindings[0].schedule(LONG, base=0.1) * np.where(LONG < 10_000, 1, 0.5)
    values[0] = 5e-14

    first_report = report(values, LONG, plan=plan, bases={}, total=LONG.size)

    assert (first_report.until, [*first_report.assumed.values()]) == (9999, [0.1])


def test_a_log_without_groups_has_no_fields(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text('{"t": 0, "groups": []}')

    with pytest.raises(UnreadableLog, match="the log has no fields"):
        compare_with_plan(read_log(file, ["lr"]), PLAN, total=TOTAL)


TOTAL_OF_BASES = 100


T_OF_BASES = np.arange(TOTAL_OF_BASES)


def used_by(text, base, times=T_OF_BASES):
    return ps.Plan(lr=text).resolve(total=TOTAL_OF_BASES).bindings[0].schedule(times, base=base)


def column_of(field, values, digits=17, times=T_OF_BASES):
    if digits == 17:
        return LogColumn(field, 0, np.asarray(times), values)
    texts = [f"{value:.{digits}g}" for value in values]
    return LogColumn(field, 0, np.asarray(times), np.array([float(text) for text in texts]), readings_of(set(texts)))


def compared(plans, *columns, bases=None, amounts=None, **options):
    logged = LoggedValues("log.csv", columns, (None,), amounts=amounts)
    known_bases = {(field, None): base for field, base in (bases or {}).items()}
    return compare_with_plan(logged, ps.Plan(**plans, **options), total=TOTAL_OF_BASES, bases=known_bases)


@table("used", [2.0, 5.0])
def test_a_base_at_the_limit_of_a_clamp_is_not_stated_because_any_larger_one_has_the_same_values(used):
    plan = "clamp(constant(1), high=absolute(2.0))"

    report = compared({"lr": plan}, column_of("lr", used_by(plan, used)))

    assert (report.exact, report.bases) == (TOTAL_OF_BASES, {})


@table(("plan", "value"), [("constant()", np.nan), ("constant(0.001)", 1e308)])
def test_a_base_that_no_number_explains_is_1(plan, value):
    report = compared({"lr": plan}, column_of("lr", np.full(TOTAL_OF_BASES, value)))

    assert (report.exact, report.first.planned) == (0, used_by(plan, 1.0)[0])


TWO = {"lr": "cosine()", "weight_decay": "linear()"}


def test_only_the_field_with_another_base_is_named():
    """The bases 0.1012 and 0.101 are equal in two digits."""
    rates = column_of("lr", used_by("cosine()", 0.1012), 2)
    decays = column_of("weight_decay", used_by("linear()", 0.15))

    report = compared(TWO, rates, decays, bases={"lr": 0.1012, "weight_decay": 0.05})

    cause = report.cause
    assert cause.text == "the base of weight_decay of group 0 is 0.15, not 0.05; factor 3"
    assert cause.name == "another base"


def test_a_plan_whose_values_depend_on_no_base_is_compared_without_one():
    report = compared({"lr": "clamp(linear(), high=absolute(0.0))"}, column_of("lr", np.full(TOTAL_OF_BASES, 0.3)))

    assert (report.exact, report.bases) == (0, {})


@table("values", [[0.1, 0.2, 0.3], [np.nan, 0.2, 0.3]])
def test_a_base_of_a_few_values_is_not_advised(values):
    report = compared({"lr": "cosine()"}, column_of("lr", np.array(values), times=np.arange(3)))

    ((place, base),) = report.assumed.items()
    assert (f"--base {place.split()[0]}=0.1" in str(report)) == (base is None)


T_OF_PAIRS = np.arange(20)


LINE = 1 - T_OF_PAIRS / 20


FACTS = ps.RunFacts(total=20)


def log_of(*columns, names=(None,)):
    """Return a log with the columns (field, group, values)."""
    log_columns = [
        LogColumn(field, group, T_OF_PAIRS, np.asarray(values, dtype=float)) for field, group, values in columns
    ]
    return LoggedValues("log.csv", tuple(log_columns), names)


def test_a_target_with_a_name_that_no_field_has_is_compared():
    log = log_of(("params", 0, LINE), ("lr", 0, 0.1 * LINE))
    plan = ps.Plan(ps.Binding(ps.Target("params", 1.0), "linear()"), ps.Binding("lr", "linear()"))

    assert compare_with_plan(log, plan, facts=FACTS).exact == 40


def test_fields_with_other_numbers_of_rows_are_compared_with_other_epochs():
    plan = ps.Plan(lr="linear(over='4 epochs')", weight_decay="linear(over='4 epochs')", momentum="constant()")
    rates = LogColumn("lr", 0, np.arange(100), 0.1 * (1 - np.arange(100) / 100))
    decays = LogColumn("weight_decay", 0, np.arange(51), 0.05 * (1 - np.arange(51) / 100))
    momenta = LogColumn("momentum", 0, np.arange(0), np.array([]))

    report = compare_with_plan(
        LoggedValues("log.csv", (rates, decays, momenta), (None,)),
        plan,
        steps_per_epoch=40,
        bases={("lr", None): 0.1, ("weight_decay", None): 0.05},
    )

    assert report.notes == ("not compared: momentum (not in the log)",)
    assert (report.values, report.exact) == (151, 2)


LENGTH_OF_FITS = 300
AFFINE = (
    "warmup(20) >> cosine(to=0.1)",
    "absolute(0.003) + cosine()",
    "warmup('5%') >> linear(to=absolute(0.01))",
)
LIMITED = (
    "clamp(warmup(20) >> cosine(), low=absolute(1e-3))",
    "clamp(cosine(), high=absolute(0.06))",
    "clamp(step(40, 0.3), low=absolute(2e-4), high=absolute(0.04))",
    "minimum(cosine(), absolute(0.03))",
    "maximum(linear(), absolute(0.002))",
    "warmup(20) >> geometric(to=absolute(1e-5))",
)
BASES_OF_FITS = (0.0312, 0.1, 0.5678, 3.0)
ROWS = (np.arange(LENGTH_OF_FITS), np.arange(13, LENGTH_OF_FITS, 7))


def planned(plan, t, base, total=LENGTH_OF_FITS):
    schedule = ps.Plan(lr=plan).resolve(total=total).bindings[0].schedule
    return np.asarray(schedule(t, base=base), dtype=np.float64)


def column(t, values, form="bits", field="lr"):
    """Return a column as it is read: in all bits, as copies in float32, or in a format."""
    match form:
        case "bits":
            return LogColumn(field, 0, t, values, tolerance=0.0)
        case "float32":
            return LogColumn(field, 0, t, values.astype(np.float32).astype(np.float64))
    texts = [f"{value:{form}}" for value in values.tolist()]
    return LogColumn(field, 0, t, np.array([float(text) for text in texts]), readings_of(set(texts)))


def audited(plan, column, base=None, total=LENGTH_OF_FITS):
    bases = None if base is None else {(column.field, None): base}
    logged = LoggedValues("log.csv", (column,), (None,))
    return compare_with_plan(logged, ps.Plan(**{column.field: plan}), total=total, bases=bases)


@pytest.mark.parametrize("form", spread(["bits", "float32", ".4g"], "bits"))
@table("plan", [*AFFINE, *LIMITED])
def test_the_base_of_a_log_is_fitted_to_it(plan, form):
    for base, t in zip(BASES_OF_FITS, ROWS * 2, strict=True):
        values = planned(plan, t, base)

        report = audited(plan, column(t, values, form))

        assert (report.exact, report.first) == (t.size, None), (base, t.size, report)
        # A limit may hide the base: then each base that is stated has the same values.
        for actual in report.bases.values():
            precision = {".4g": 1e-3, "float32": 1e-7}.get(form, 1e-12)
            assert np.allclose(planned(plan, t, actual), values, rtol=precision, atol=0), (base, actual)
            assert plan in LIMITED or abs(actual - base) <= precision * base, (base, actual)


@table("scale", [1e-14, 1e13])
def test_a_plan_in_other_units_has_a_base_in_those_units(scale):
    plan = f"({AFFINE[0]}) * {scale!r}"
    base = 0.0312 / scale

    report = audited(plan, column(ROWS[0], planned(plan, ROWS[0], base)))

    assert report.first is None
    assert [*report.bases.values()] == [base]


@pytest.mark.parametrize(("size", "base"), every(2, [(2, 0.5678), (16, 0.1)]))
@table("plan", [*AFFINE[:2], *LIMITED[:3]])
def test_the_base_of_the_first_values_is_fitted_if_nothing_explains_the_others(plan, size, base):
    t = np.arange(0, LENGTH_OF_FITS, 10)
    values = planned(plan, t, base) * np.where(np.arange(30) < size, 1, np.linspace(1.1, 1.9, 30) ** 2)

    report = audited(plan, column(t, values))

    assert report.cause is None
    assert report.exact >= size  # another value may be that of a limit
    assert (report.first.t, report.until) == (t[size], t[size - 1]), report
    assert plan in LIMITED or [*report.assumed.values()] == [base]
