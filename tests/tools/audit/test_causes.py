"""Logs of real training loops that went wrong, and random ones: causes are named, and unrelated schedules have none."""

import csv
import itertools
import json
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

import paramsched as ps
from paramsched.cli import main
from paramsched.tools.audit import compare_with_plan, read_log
from paramsched.tools.audit.match import pair_columns
from support.spread import every, spread

TOTAL, BASE = 120, 0.1
PLAN = "warmup(12, start=1e-8) >> cosine(to=0.1)"
either_profile = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, *settings().suppress_health_check], deadline=None
)


def torchs_own(optimizer, warmup=12, total=TOTAL, floor=0.1 * BASE):
    """The scheduler of torch that is equal to PLAN."""
    up = LinearLR(optimizer, 1e-8, total_iters=warmup)
    return SequentialLR(optimizer, [up, CosineAnnealingLR(optimizer, total - warmup, floor)], [warmup])


def trained(make=torchs_own, updates=TOTAL, base=BASE, before=False, every=1, times=1, skipped=()):
    """The rates that a loop used.

    Args:
        before: whether the scheduler is stepped before the optimizer.
        every: after how many updates it is stepped, and how often then.
        skipped: iterations at which a GradScaler skips the update, and the scheduler is stepped all the same.
    """
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=base)
    scheduler = make(optimizer)
    used = []
    for t in range(updates):
        if before:
            scheduler.step()
        if t not in skipped:
            used.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
        if not before and (t + 1) % every == 0:
            for _ in range(times):
                scheduler.step()
    return used


@pytest.fixture
def audit(tmp_path):
    """Write a log, compare it with a plan, and return the report."""

    def compare(values, plan=PLAN, facts="horizon", digits=None, known_base=False, **options):
        file = tmp_path / "log.csv"
        with file.open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["step", "lr"])
            rows.writerows(
                [t, repr(float(value)) if digits is None else f"{value:.{digits}g}"] for t, value in enumerate(values)
            )
        total = options.pop("total", TOTAL)
        epoch = options.pop("epoch", None)
        calendar = ps.Calendar(total=total if facts == "calendar" else None, steps_per_epoch=epoch)
        given_plan = ps.Plan(lr=plan, horizon=total if facts == "horizon" else None)
        bases = {("lr", None): BASE} if known_base else None
        return compare_with_plan(read_log(file, ["lr"]), given_plan, calendar, bases=bases, **options)

    return compare


def by_formula(up, down, n=TOTAL, w=12, floor=0.1):
    """Warmup and cosine by hand, with the fraction that each stage counts."""
    rates = [BASE * up(t, w) for t in range(w)]
    for t in range(n - w):
        u = down(t, n - w)
        rates.append(BASE * (floor + (1 - floor) * (1 + math.cos(math.pi * u)) / 2))
    return rates


HAND = "warmup(12) >> cosine(to=0.1)"
CAUSES = {
    "stepped before": ("off by one", PLAN, lambda: trained(before=True), ("before the update", "(t+1)/n", "ahead")),
    "one behind": ("off by one", PLAN, lambda: trained()[:1] + trained()[:-1], ("the previous one",)),
    "per epoch": ("once per epoch", PLAN, lambda: trained(every=10), ("epoch",)),
    "two processes": ("processes or accumulation", PLAN, lambda: trained(times=2), ("2 times",)),
    "warmup missing": (
        "warmup left out",
        PLAN,
        lambda: trained(lambda o: CosineAnnealingLR(o, TOTAL, 0.1 * BASE)),
        ("warmup",),
    ),
    "floor missing": ("floor left out", PLAN, lambda: trained(lambda o: torchs_own(o, floor=0.0)), ("0",)),
    "halved": (
        "written by something else",
        PLAN,
        lambda: [rate * (0.5 if t >= 60 else 1) for t, rate in enumerate(trained())],
        ("from update 60 on", "0.5 times"),
    ),
    "held": (
        "written by something else",
        PLAN,
        lambda: [rate if t < 45 else 0.003 for t, rate in enumerate(trained())],
        ("from update 45 on",),
    ),
    "skipped": ("skipped steps", PLAN, lambda: trained(skipped=(31, 70, 71)), ("skipped",)),
    "(t+1)/n in the warmup": (
        "another index",
        HAND,
        lambda: by_formula(lambda t, n: (t + 1) / n, lambda t, n: t / n),
        ("(t+1)/n in warmup",),
    ),
    "t/(n-1) in the decay": (
        "another index",
        HAND,
        lambda: by_formula(lambda t, n: t / n, lambda t, n: t / (n - 1)),
        ("t/(n-1) in cosine",),
    ),
    "t/n where the plan reaches the end": (
        "another index",
        'warmup(12) >> cosine(to=0.1, index="t/(n-1)")',
        lambda: by_formula(lambda t, n: t / n, lambda t, n: t / n),
        ("t/n in cosine",),
    ),
}


@pytest.mark.parametrize(
    ("cause", "facts", "known_base", "digits"),
    every(7, itertools.product(CAUSES, ["horizon", "calendar"], [True, False], [None, 6])),
)
def test_the_cause_is_identified(audit, cause, facts, known_base, digits):
    name, plan, make, words = CAUSES[cause]

    report = audit(make(), plan, facts, digits, known_base)

    texts = {one.name: one.text for one in report.causes}
    assert name in texts, texts
    assert len(texts) <= 3
    assert all(word in texts[name] for word in words), texts[name]


def test_a_log_of_torchs_own_schedulers_equals_the_plan_up_to_rounding(audit):
    report = audit(trained())

    assert report.first is None
    assert report.rounded
    assert f"{TOTAL} of {TOTAL} as planned, up to rounding" in str(report)


def test_the_values_of_each_group_that_equal_the_plan_up_to_rounding_are_counted(tmp_path):
    used = trained()
    rows = [{"t": t, "groups": [{"lr": rate}, {"lr": rate}]} for t, rate in enumerate(used)]
    (tmp_path / "values.jsonl").write_text("\n".join(map(json.dumps, rows)))

    report = compare_with_plan(
        read_log(tmp_path / "values.jsonl", ["lr"], tolerance=1e-9), ps.Plan(lr=PLAN, horizon=TOTAL)
    )

    planned = ps.trace(ps.Plan(lr=PLAN, horizon=TOTAL), {"lr": BASE})["lr", 0]
    assert report.rounded == 2 * np.count_nonzero(planned != np.array(used)) > 0


def test_the_first_difference_is_at_the_update_of_the_change(audit):
    assert audit(CAUSES["halved"][2]()).first.t == 60


@pytest.mark.parametrize(
    ("numbers", "where", "digits"),
    every(
        13,
        itertools.product(
            [(41, 40), (40, 41), (100, 64), (300, 391), (20, 40)],
            ["horizon in epochs", "total in epochs", "total in updates", "plan in updates"],
            [None, 6],
        ),
    ),
)
def test_the_epoch_length_that_was_used_is_identified(audit, tmp_path, numbers, where, digits):
    told, used = numbers
    values = trained(lambda o: torchs_own(o, used, 6 * used), updates=4 * used)
    plan, calendar = 'warmup("1 epochs", start=1e-8) >> cosine(to=0.1)', {"steps_per_epoch": told}
    horizon = {"horizon in epochs": "6 epochs", "plan in updates": 6 * told}.get(where)
    total = {"total in epochs": "6 epochs", "total in updates": 6 * told}.get(where)

    audit(values, digits=digits)
    report = compare_with_plan(
        read_log(tmp_path / "log.csv", ["lr"]), ps.Plan(lr=plan, horizon=horizon), ps.Calendar(total=total, **calendar)
    )

    assert any(f"an epoch of {used} updates" in one.text for one in report.causes), report.causes


@pytest.mark.parametrize("used", spread([64, 100, 391], 64))
def test_the_epoch_length_of_a_step_decay_is_identified(audit, tmp_path, used):
    audit(trained(lambda o: StepLR(o, 3 * used, 0.5), updates=9 * used))

    report = compare_with_plan(
        read_log(tmp_path / "log.csv", ["lr"]),
        ps.Plan(lr='step("3 epochs", 0.5)', horizon="9 epochs"),
        ps.Calendar(steps_per_epoch=500),
    )

    assert any(f"an epoch of {used} updates" in one.text for one in report.causes), report.causes


@pytest.mark.parametrize(
    ("plan", "skipped", "known_base", "digits"),
    every(5, itertools.product(["cosine(to=0.1)", PLAN], [(50, 55), (30, 80), (100,)], [True, False], [None, 6])),
)
def test_skipped_updates_are_identified_if_the_schedule_passed_its_end(audit, plan, skipped, known_base, digits):
    """A loop that continues until all planned updates were counted steps torch's cosine past its end."""
    make = torchs_own if plan == PLAN else lambda o: CosineAnnealingLR(o, TOTAL, 0.1 * BASE)
    values = trained(make, updates=TOTAL + len(skipped), skipped=skipped)

    causes = audit(values, plan, digits=digits, known_base=known_base).causes

    assert [one.name for one in causes] == ["skipped steps"], causes
    assert causes[0].explains >= TOTAL - len(skipped)


DECAYS = [
    ("step(24, 0.3)", lambda o: StepLR(o, 24, 0.3)),
    (
        "warmup(3, start=0.001) >> step(24, 0.3)",
        lambda o: SequentialLR(o, [LinearLR(o, 0.001, total_iters=3), StepLR(o, 24, 0.3)], [3]),
    ),
    ("linear()", lambda o: LinearLR(o, 1.0, 0.0, TOTAL)),
    ("linear(to=0.2)", lambda o: LinearLR(o, 1.0, 0.2, TOTAL)),
]


@pytest.mark.parametrize(
    ("decay", "change", "known_base", "digits"),
    every(5, itertools.product(DECAYS, [lambda rate: rate / 2, lambda _: 0.00317], [True, False], [None, 6])),
)
def test_external_writes_over_step_and_linear_decays_are_identified(audit, decay, change, known_base, digits):
    plan, make = decay
    values = [change(rate) if t >= 85 else rate for t, rate in enumerate(trained(make))]

    (cause,) = audit(values, plan, digits=digits, known_base=known_base).causes

    assert cause.name == "written by something else"
    assert "from update 85 on" in cause.text
    assert cause.explains == (len(values) if "times the planned values" in cause.text else 85)


def test_a_scaled_base_is_reported_with_the_number_of_processes(audit):
    (cause,) = audit([8 * rate for rate in trained()], known_base=True, processes=8).causes

    assert cause.name == "another base"
    assert "8 times the planned base, as if scaled by 8 processes" in cause.text


UNRELATED = {
    "exponential": lambda o: ExponentialLR(o, 0.97),
    "polynomial": lambda o: PolynomialLR(o, TOTAL, 2.0),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 25),
    "one cycle": lambda o: OneCycleLR(o, BASE, total_steps=TOTAL + 1),
    "steps": lambda o: StepLR(o, 37, 0.3),
    "the same warmup": lambda o: SequentialLR(
        o, [LinearLR(o, 1e-8, total_iters=12), LinearLR(o, 1.0, 0.1, TOTAL - 12)], [12]
    ),
}


@pytest.mark.parametrize(
    ("other", "known_base", "digits"), every(5, itertools.product(UNRELATED, [True, False], [None, 6]))
)
def test_an_unrelated_schedule_has_no_cause(audit, other, known_base, digits):
    report = audit(trained(UNRELATED[other]), digits=digits, known_base=known_base)

    assert report.first is not None
    assert report.causes == ()


stages = st.one_of(
    st.builds("cosine(to={:.3g})".format, st.floats(0.01, 0.5)),
    st.builds("linear(to={:.3g})".format, st.floats(0.01, 0.5)),
    st.builds("anneal(1, {:.3g}, curve=curves.power({}))".format, st.floats(0.01, 0.5), st.integers(2, 4)),
)
plans = st.builds("warmup({}) >> {}".format, st.integers(6, 20), stages)
disturbances = st.sampled_from(
    [
        ("off by one", lambda at: lambda t: t + 1, lambda at: lambda t, v: v),
        ("off by one", lambda at: lambda t: np.maximum(t - 1, 0), lambda at: lambda t, v: v),
        ("processes or accumulation", lambda at: lambda t: t * 3, lambda at: lambda t, v: v),
        ("once per epoch", lambda at: lambda t: t // 7 * 7, lambda at: lambda t, v: v),
        ("skipped steps", lambda at: lambda t: t + (t >= at) + (t >= at + 20), lambda at: lambda t, v: v),
        ("skipped steps", lambda at: lambda t: t - (t >= at), lambda at: lambda t, v: v),
        ("written by something else", lambda at: lambda t: t, lambda at: lambda t, v: v * np.where(t < at, 1, 0.3)),
        ("written by something else", lambda at: lambda t: t, lambda at: lambda t, v: np.where(t < at, v, 0.0123)),
    ]
)


@given(
    plan=plans,
    disturbance=disturbances,
    at=st.integers(30, 70),
    base=st.floats(1e-5, 1.0),
    digits=st.sampled_from([None, 6]),
)
@either_profile
def test_a_random_plan_and_a_disturbance(audit, plan, disturbance, at, base, digits):
    name, clock, change = disturbance
    t = np.arange(TOTAL)
    schedule = ps.Plan(lr=plan, horizon=TOTAL).resolve(ps.Calendar()).bindings[0].schedule
    noise = 1 + 1e-15 * np.random.default_rng(0).normal(size=TOTAL)  # the effect of another order of operations
    values = change(at)(t, schedule(clock(at)(t), base=base) * noise)

    report = audit(values, plan, digits=digits)

    assert name in [one.name for one in report.causes], report


@given(pair=st.lists(plans, min_size=2, max_size=2, unique=True), base=st.floats(1e-5, 1.0))
@either_profile
def test_two_random_plans_have_no_cause(audit, pair, base):
    first, second = (ps.Plan(lr=one, horizon=TOTAL).resolve(ps.Calendar()).bindings[0].schedule for one in pair)
    # Plans of one kind differ by a floor or a warmup, which are causes.
    assume(first.stages[1].curve != second.stages[1].curve and first.stages[0].over != second.stages[0].over)

    report = audit(second(np.arange(TOTAL), base=base), pair[0])

    assert report.causes == (), report


def test_a_schedule_that_went_back_did_not_skip_updates(audit):
    t = np.arange(TOTAL)
    schedule = ps.Plan(lr=PLAN, horizon=TOTAL).resolve(ps.Calendar()).bindings[0].schedule

    waited, went_back = (audit(schedule(t - n * (t >= 60), base=BASE)) for n in (1, 3))

    assert [one.name for one in waited.causes] == ["skipped steps"]
    assert "skipped steps" not in [one.name for one in went_back.causes], went_back


@given(
    planned=st.floats(1e-6, 1.0),
    share=st.floats(1e-12, 1e-6),
    tolerance=st.sampled_from([None, 0.0, 1e-12, 1e-9, 1e-7]),
)
@either_profile
def test_a_value_counts_as_planned_up_to_the_tolerance(tmp_path, planned, share, tolerance):
    allowed = 1e-9 if tolerance is None else tolerance
    assume(abs(share / max(allowed, 1e-300) - 1) > 1e-3)  # at the limit itself rounding decides
    rates = [1.0, planned * (1 + share), 0.123456789012345678]
    (tmp_path / "log.jsonl").write_text("".join(f'{{"step": {t}, "lr": {rate!r}}}\n' for t, rate in enumerate(rates)))
    logged = read_log(tmp_path / "log.jsonl", ["lr"], tolerance=tolerance)

    report = compare_with_plan(
        logged, ps.Plan(lr=ps.table([1.0, planned, 0.123456789012345678])), bases={("lr", None): 1.0}
    )

    largest = 1e-12 if allowed else 0.0
    assert (report.first is None) == (abs(rates[1] - planned) <= max(allowed * planned, largest))


def test_a_log_of_the_library_is_compared_bit_for_bit(tmp_path):
    rates = ps.trace(ps.Plan(lr=HAND, horizon=TOTAL), {"lr": BASE})["lr", 0].copy()
    rates[17] = np.nextafter(rates[17], 1)
    lines = [json.dumps({"t": t, "groups": [{"lr": rate}]}) for t, rate in enumerate(rates.tolist())]
    (tmp_path / "values.jsonl").write_text("\n".join(lines))

    strict, loose = (
        compare_with_plan(
            read_log(tmp_path / "values.jsonl", ["lr"], tolerance=tolerance), ps.Plan(lr=HAND, horizon=TOTAL)
        )
        for tolerance in (None, 1e-9)
    )

    assert strict.first.t == 17
    assert strict.causes[0].name == "rounding"
    assert loose.first is None


def test_the_command_accepts_a_tolerance_and_prints_the_result(tmp_path):
    rates = enumerate(trained())
    (tmp_path / "log.csv").write_text("step,lr\n" + "".join(f"{t},{rate!r}\n" for t, rate in rates))
    call = ["audit", str(tmp_path / "log.csv"), "-p", PLAN, "--horizon", str(TOTAL)]

    rounded, exact = (CliRunner().invoke(main, [*call, *more]) for more in ([], ["--tolerance", "0"]))

    assert (rounded.exit_code, exact.exit_code) == (0, 1)
    assert f"{TOTAL} of {TOTAL} as planned, up to rounding" in rounded.output
    assert "rounding" in exact.output


def test_a_history_that_is_one_update_ahead_is_identified(tmp_path):
    """As the Trainer logs it with DeepSpeed, whose engine steps the scheduler."""
    rates = itertools.islice(trained(), 1, None)
    rows = [{"step": step, "learning_rate": rate, "loss": 1.0} for step, rate in enumerate(rates, 1)]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": rows, "global_step": TOTAL}, indent=2))
    logged = read_log(tmp_path / "trainer_state.json", ["lr"])

    report = compare_with_plan(logged, ps.Plan(lr=PLAN, horizon=TOTAL))

    assert "one update ahead" in report.causes[0].text
    assert "DeepSpeed" in report.causes[0].text


def test_equal_columns_of_many_groups_are_compared_once(tmp_path):
    rows = [json.dumps({"t": t, "groups": [{"lr": 0.1 * (t % 3)}] * 250}) for t in range(40)]
    (tmp_path / "values.jsonl").write_text("\n".join(rows))
    plan = ps.Plan(lr="cosine()", horizon=12)
    logged = read_log(tmp_path / "values.jsonl", ["lr"])

    (pair,) = pair_columns(logged, plan.resolve(ps.Calendar()), None, {}, ())

    assert pair.groups == tuple(range(250))
    assert compare_with_plan(logged, plan).values == 40 * 250
