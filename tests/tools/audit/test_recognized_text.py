"""The text of a recognized schedule is the shortest one with the same values, whatever plan the run had."""

import json
from functools import cache
from itertools import product

import numpy as np
import pytest

import paramsched as ps
from paramsched.tools.audit import recognize
from support.spread import every as every_nth
from support.spread import spread

UPDATES, BASE = 300, 0.02


def values_of(text, updates=UPDATES):
    schedule = ps.Plan(lr=text).resolve(ps.Calendar(total=UPDATES)).bindings[0].schedule
    return schedule(np.arange(updates), base=BASE)


@cache
def clean_plan_of(text):
    return str(recognize(list(enumerate(values_of(text))))["lr"].plan)


KINDS = {
    "short warmups": [
        ("warmup(1) >> cosine()", "warmup(1) >> cosine(over=299)"),
        ("warmup(2) >> cosine(to=0.1)", "warmup(2) >> cosine(to=0.1, over=298)"),
        ("warmup(3, 0.2) >> linear()", "warmup(3, 0.2) >> linear(over=297)"),
        ("warmup(5) >> exponential(0.99)", "warmup(5) >> exponential(0.99)"),
    ],
    "short constants": [
        ("constant(0.5, 2) >> cosine()", "constant(0.5, 2) >> cosine(over=298)"),
        ("constant(0.1, 3) >> linear()", "constant(0.1, 3) >> linear(over=297)"),
        ("constant(1)", "constant()"),
    ],
    "three stages": [
        ("warmup(2) >> constant(1, 200) >> linear()", "warmup(2) >> constant(over=200) >> linear(over=98)"),
        ("warmup(10) >> cosine(over=100) >> constant(0)", "warmup(10) >> cosine(over=100) >> constant(0.0, 190)"),
    ],
    "cycles": [
        ("restarts(cosine(), 100)", "cosine_restarts(100)"),
        ("cosine_restarts(20, 2)", "cosine_restarts(20, 2.0)"),
        ("cyclic(20, 30, 0.1, 1.0)", "cyclic(20, 30)"),
        ("constant(0.5, 100) >> cyclic(20, 30, 0.2)", "constant(0.5, 100) >> cyclic(20, 30, 0.2)"),
        (
            "warmup(60) >> cyclic(20, 30, 0.2, mode='triangular2')",
            'warmup(60) >> cyclic(20, 30, 0.2, mode="triangular2")',
        ),
    ],
    "steps": [
        ("step(50, 0.5)", "step(50, 0.5)"),
        ("multistep([30, 90, 100], 0.1)", "multistep([30, 90, 100])"),
        ("every(cosine(), 20)", "every(cosine(over=300), 20)"),
    ],
    "parts of a curve": [
        ("skip(cosine(over=400), 50)", "skip(cosine(absolute(0.02), over=400), 50)"),
        ("take(cosine(over=900), 300)", "cosine(over=900)"),
        ("anneal(1.0, 0.1, 300, curves.one_minus_sqrt)", "anneal(to=0.1, over=300, curve=curves.one_minus_sqrt)"),
    ],
    "indices": [
        ('cosine(index="(t+1)/n")', 'cosine(absolute(0.02), over=300, index="(t+1)/n")'),
        ('linear(index="t/(n-1)")', 'linear(over=300, index="t/(n-1)")'),
    ],
    "powers": [
        ("warmup(20) >> inverse_sqrt(20)", "warmup(20) >> inverse_sqrt(20)"),
        ("warmup(4) >> polynomial(2.0)", "warmup(4) >> anneal(over=296, curve=curves.polynomial(2.0))"),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_of_a_run_is_written_in_its_shortest_form(kind):
    for used, expected in KINDS[kind]:
        values = values_of(used)

        found = recognize(list(enumerate(values)))["lr"]

        assert str(found.plan).partition("\nlr: ")[2] == expected, used
        assert (found.explained, found.first_difference, found.largest_difference < 1e-9) == (UPDATES, None, True)
        assert found.base == pytest.approx(values.max(), rel=1e-9)
        (_, again) = found.logged
        assert np.array_equal(again, values)


@pytest.mark.parametrize("factor", [1.5, 0.5])
@pytest.mark.parametrize("place", [5, 205, 290])
def test_one_value_that_does_not_belong_does_not_change_the_plan(place, factor):
    for used in ("cosine()", "constant(1)", "step(50, 0.5)", "warmup(40) >> cosine()", "linear(1, 0.1)"):
        values = values_of(used)
        values[place] *= factor

        found = recognize(list(enumerate(values)))

        assert str(found["lr"].plan) == clean_plan_of(used), used
        assert found["lr"].explained == UPDATES - 1
        assert [(note.first, note.last) for note in found.notes if note.code == "foreign"] == [(place, place)], used


@pytest.mark.parametrize("factor", [1.5, 0.0])
@pytest.mark.parametrize("place", [20, 120, 205, 288])
@pytest.mark.parametrize("count", spread([2, 3, 4], 2, 4))
def test_a_few_values_after_each_other_that_do_not_belong_do_not_change_the_plan(count, place, factor):
    for used in ("cosine()", "constant(1)", "step(50, 0.5)", "warmup(40) >> cosine()", "restarts(cosine(), 100)"):
        values = values_of(used)
        values[place : place + count] *= factor

        found = recognize(list(enumerate(values)))

        assert str(found["lr"].plan) == clean_plan_of(used), used
        assert found["lr"].explained == UPDATES - count
        notes = [(note.first, note.last) for note in found.notes if note.code == "foreign"]
        assert notes == [(place, place + count - 1)], used


def test_a_run_that_ended_early_has_the_horizon_of_its_plan():
    found = recognize(list(enumerate(values_of("warmup(10, 0.1) >> cosine(over=290)", 200))))

    assert found["lr"].plan.horizon.updates == 300
    assert [(one.code, one.first, one.last) for one in found.notes] == [("too long", 199, 300)]


def test_where_no_schedule_is_found_no_value_is_explained():
    noise = np.random.default_rng(0).random(60)
    found = recognize(enumerate(noise.tolist()))

    assert str(found) == "lr   no schedule explains 95 % of the values     60 values"
    assert found.figure() is None
    assert found["lr"].as_data() == {
        "field": "lr", "group": None, "plan": None,
        "values": 60, "explained": 0, "largest_difference": 0.0, "first_difference": 0,
    }  # fmt: skip


def test_the_picture_of_a_log_ends_with_the_log_and_has_its_metrics():
    found = recognize([(t, 0.1) for t in range(30)])

    figure = found.figure(measured={"loss": ([0, 29], [1.0, 0.5])})

    assert figure.trace.total == 30
    assert figure.log.measured == {"loss": ([0, 29], [1.0, 0.5])}


def test_the_picture_of_a_resumed_run_has_all_its_updates():
    found = recognize([(t, 0.1 * (1 - (t - 60 * (t >= 60)) / 200)) for t in range(250)])

    assert found["lr"].plan.horizon.updates == 200
    assert found.figure().trace.total == 250
    assert recognize([(t, 0.1 + t * 7 % 5) for t in range(40)])._repr_mimebundle_() == {}


def test_groups_with_other_rows_or_without_a_schedule_have_their_own_lines(tmp_path):
    rows = [f"{0.1 + t * 7 % 5},{0.1 * (1 - t / 40)!r},{0.2 * (1 - t / 40) if t % 2 else ''}" for t in range(40)]
    (tmp_path / "log.csv").write_text("\n".join(["lr/a,lr/b,lr/c", *rows]))

    found = recognize(tmp_path / "log.csv")

    assert {name: (one.groups, one.values, one.plan is None) for name, one in found.items()} == {
        "lr": (("a",), 40, True),
        "lr/b": (("b",), 40, False),
        "lr/c": (("c",), 20, False),
    }
    assert [(one.code, one.first, one.last) for one in found.notes] == [("rows", 0, 39)]


def test_the_data_of_groups_by_epochs_has_a_base_for_each_and_their_unit(tmp_path):
    rows = [f"{t},{0.1 * (1 - t / 40)!r},{0.2 * (1 - t / 40)!r}" for t in range(30)]
    (tmp_path / "log.csv").write_text("\n".join(["epoch,lr/a,lr/b", *rows]))

    found = recognize(tmp_path / "log.csv")

    assert len(found) == 1
    assert found.as_data() == {
        "recognized": [{
            "field": "lr", "group": ["a", "b"], "base": [0.1, 0.2],
            "plan": 'horizon: 40 epochs\nlr: linear(over="40 epochs")',
            "values": 60, "explained": 60, "largest_difference": pytest.approx(0, abs=1e-15),
            "unit": "epochs",
        }],
        "notes": [],
    }  # fmt: skip


def test_the_first_value_that_is_not_explained_is_named():
    rows = [(t, 0.1 * (1 - t / 50)) for t in range(50)]
    rows[7], rows[20] = (7, 0.3), (20, 0.2)

    data = recognize(rows)["lr"].as_data()

    assert (data["explained"], data["first_difference"]) == (48, 7)


@pytest.mark.parametrize(
    ("places", "named"), [((31, 47, 83, 141), "31, 47, 83, 141:"), ((31, 47, 83, 141, 173), "31, 47, 83, 141, …:")]
)
def test_four_irregular_steps_are_named(places, named):
    found = recognize([(t, 0.1 * 0.5 ** sum(t >= at for at in places)) for t in range(200)])

    assert f"the value changes at updates {named}" in str(found)


def test_only_the_columns_that_are_named_are_read(tmp_path):
    rows = ["step,lr,wd", *(f"{t},{0.1 * (1 - t / 50)!r},{0.05 * 0.9**t!r}" for t in range(50))]
    (tmp_path / "log.csv").write_text("\n".join(rows))

    assert list(recognize(tmp_path / "log.csv", columns={"weight_decay": "wd"})) == ["weight_decay"]
    assert list(recognize(tmp_path / "log.csv")) == ["lr"]


def test_groups_with_one_schedule_are_one_line_and_others_have_their_own(tmp_path):
    lr, slow = values_of("cosine()"), values_of("linear()")
    file = tmp_path / "log.csv"
    rows = zip(range(UPDATES), lr.tolist(), (lr / 4).tolist(), slow.tolist(), strict=True)
    file.write_text("step,lr[a],lr[b],lr[c]\n" + "".join(f"{t},{a!r},{b!r},{c!r}\n" for t, a, b, c in rows))

    found = recognize(file)

    assert {name: (one.groups, one.bases) for name, one in found.items()} == {
        "lr": (("a", "b"), (0.02, 0.005)),
        "lr/c": (("c",), (0.02,)),
    }
    assert [str(one).split("   ")[0] for one in found.values()] == ["lr of a, b", "lr of c"]
    assert str(found.plan()) == (
        "horizon: 300\nlr @ a: cosine(over=300)\nlr @ b: cosine(over=300)\nlr @ c: linear(over=300)"
    )
    assert [one.as_data()["group"] for one in found.values()] == [["a", "b"], "c"]


def test_one_value_that_does_not_belong_is_noted_and_after_several_the_longest_part_is_found():
    values = values_of("cosine()")
    values[70] *= 3

    found = recognize(list(enumerate(values)))

    assert [(one.code, one.first, one.last) for one in found.notes] == [("foreign", 70, 70)]
    assert (found["lr"].first_difference, found["lr"].explained, found.complete) == (70, UPDATES - 1, False)
    assert found.plan() is None

    values[100:140] = np.random.default_rng(1).random(40)
    again = recognize(list(enumerate(values)))["lr"]
    assert str(again.plan) == f"horizon: {UPDATES}\nlr: cosine(over={UPDATES})"
    assert again.part == (0, 99)
    assert again.first_difference == 70


@pytest.mark.parametrize(
    ("strays", "base", "part"),
    [
        (0, 0.0123456789, (0, 199)),
        (1, 0.1, (1, 199)),
        (2, 0.1, (2, 199)),
        (1, 0.0123456789, None),
        (2, 0.0123456789, None),
    ],
)
def test_a_part_after_strays_is_shown_only_if_its_base_is_round_because_the_run_may_have_had_another(
    strays, base, part
):
    values = base * 0.97 ** np.arange(200)
    values[:strays] = base * np.array([9.1, 16.1])[:strays]
    noise = np.random.default_rng(0).uniform(0, base, 60)

    found = recognize(list(enumerate([*values.tolist(), *noise.tolist()])))["lr"]

    assert found.part == part
    assert part is None or (str(found.plan), found.base) == ("horizon: 200\nlr: exponential(0.97)", base)


@pytest.mark.parametrize(
    ("used", "updates", "restarted"),
    [("warmup(5, 0.5) >> step(20, 0.1)", 100, True), ("warmup(20, 0.1) >> cosine(over=290)", 150, True),
     ("linear()", UPDATES, False), ("warmup(5, 0.5) >> cosine(to=0.5)", UPDATES, False)],
)  # fmt: skip
def test_a_schedule_that_begins_again_is_a_fault_unless_it_had_ended(used, updates, restarted):
    values = values_of(used, updates)

    found = recognize(list(enumerate([*values, *values[:100]])))

    assert [one.first for one in found.notes if one.code == "restarted"] == [updates] * restarted


@pytest.mark.parametrize(
    ("once", "every"), [("linear(to=0.1, over=30)", 7), ("exponential(0.9)", 7), ("inverse_sqrt(4)", 1)]
)
def test_a_schedule_that_begins_again_at_equal_distances_may_be_cycles(once: str, every: int) -> None:
    values = values_of(f"restarts({once}, 30)")

    found = recognize(list(enumerate(values))[::every])

    (note,) = found.notes
    assert str(found["lr"].plan.bindings[0].schedule) == f"restarts({once}, 30)"
    assert found.complete
    assert note.message == (
        f"the log has the same values as {once}, begun again every 30 updates; it does not show which of the two was "
        "planned"
    )


def test_notes_name_other_plans_in_the_unit_of_the_log(tmp_path):
    values = BASE * (np.arange(60) % 12) / 30
    (tmp_path / "log.csv").write_text(
        "epoch,lr\n" + "".join(f"{e},{value!r}\n" for e, value in enumerate(values.tolist()))
    )

    found = recognize(tmp_path / "log.csv")

    texts = [one.message for one in found.notes if one.code in ("also", "ramp")]
    other = ps.Plan(lr='restarts(warmup("60 epochs"), "12 epochs")').resolve(ps.Calendar(steps_per_epoch=1))
    assert str(found["lr"].plan.bindings[0].schedule) == 'restarts(warmup("30 epochs"), "12 epochs")'
    assert texts == [
        'the log has the same values as warmup("30 epochs"), begun again every 12 epochs; it does not show which of '
        "the two was planned",
        'the log ends in a ramp, so its base is unknown: restarts(warmup("60 epochs"), "12 epochs") with base 0.04 has '
        "the same values",
    ]
    assert other.bindings[0].schedule(np.arange(60), base=0.04) == pytest.approx(values)


def test_a_hundred_cycles_are_found() -> None:
    schedule = ps.Plan(lr="restarts(linear(to=0.2, over=30), 30)").resolve(ps.Calendar()).bindings[0].schedule

    found = recognize(list(enumerate(schedule(np.arange(3000), base=BASE).tolist())))

    assert found.complete
    assert str(found["lr"].plan) == "horizon: 3000\nlr: restarts(linear(to=0.2, over=30), 30)"
    assert [one.code for one in found.notes] == ["also"]


def test_cycles_before_another_schedule_may_be_restarts():
    values = values_of("take(cyclic(18, 2, 0.1), 132) >> cosine(to=0.01)")

    found = recognize(list(enumerate(values)))

    (note,) = found.notes
    assert (note.code, note.first, note.last) == ("restarted", 20, 100)
    assert note.message == (
        "from update 20 to 100 the warmup runs again every 20 updates (cycles, or resumes that restarted the schedule)"
    )


def test_a_schedule_that_begins_again_at_other_distances_is_restarted():
    values = values_of("linear(to=0.1)")

    found = recognize(list(enumerate([*values[:60], *values[:60], *values[:90], *values[:70]])))

    assert [one.first for one in found.notes if one.code == "restarted"] == [60, 120, 210]


def test_groups_with_a_wrong_value_at_the_same_update_share_a_schedule(tmp_path):
    values = values_of("cosine(to=0.1)")
    rows = [{"t": t, "groups": [{"lr": value}, {"lr": 3 * value}]} for t, value in enumerate(values.tolist())]
    rows[100]["groups"] = [{"lr": 2 * BASE}, {"lr": BASE}]
    (tmp_path / "values.jsonl").write_text("\n".join(map(json.dumps, rows)))

    found = recognize(tmp_path / "values.jsonl")

    assert found["lr"].bases == pytest.approx((BASE, 3 * BASE))
    assert found["lr"].explained == 2 * (UPDATES - 1)


def test_a_rounded_value_that_is_almost_as_planned_belongs_to_the_schedule(tmp_path):
    values = 0.015 * values_of("cosine(to=0.5, over=164) >> linear(0.448, 0.213, 436)", 600)
    log = tmp_path / "log.csv"
    log.write_text("step,lr\n" + "".join(f"{t},{value:.2e}\n" for t, value in enumerate(values)))
    almost = recognize(log)
    values[300] *= 1.2
    log.write_text("step,lr\n" + "".join(f"{t},{value:.2e}\n" for t, value in enumerate(values)))

    wrong = recognize(log)

    assert almost["lr"].explained < 600  # a number of the plan was not found exactly
    foreign = [[one.first for one in found.notes if one.code == "foreign"] for found in (almost, wrong)]
    assert foreign == [[], [300]]


BEFORE = ["", "warmup(20) >> ", "constant(1, 100) >> ", "warmup(5) >> constant(1, 120) >> "]
LAST = [
    "cosine()",
    "cosine(to=0.1)",
    "linear()",
    "linear(to=0.1)",
    "anneal(curve=curves.polynomial(2.0))",
    "anneal(curve=curves.polynomial(0.9))",
    "exponential(0.99)",
    "step(60, 0.3)",
]
ROUNDED = [(0.02, ".5f"), (0.001, ".6f"), (3e-4, ".8f"), (0.1, ".4g"), (0.001, ".3e")]


@pytest.mark.parametrize(("last", "before"), every_nth(3, product(LAST, BEFORE)))
def test_a_log_with_rounded_numbers_has_the_plan_of_the_values(before, last, tmp_path):
    number = BEFORE.index(before) + len(BEFORE) * LAST.index(last)
    values = values_of(before + last) / BASE
    exact = recognize(list(enumerate(values)))["lr"]
    for every in (1, 5):
        base, form = ROUNDED[(number + every // 5) % len(ROUNDED)]
        rows = [f"{t},{base * values[t]:{form}}\n" for t in range(0, UPDATES, every)]
        log = tmp_path / f"{every}.csv"
        log.write_text("step,lr\n" + "".join(rows))
        found = recognize(log)
        assert found["lr"].plan.bindings == exact.plan.bindings, (base, form, every)
        assert found["lr"].base == pytest.approx(base)
        assert not any("the rate is 0" in str(one) for one in found.notes)


@pytest.mark.parametrize(
    ("rows", "size", "named"),
    [
        ([40, 60], 100, False),  # two values of a hundred that are near
        ([40], 100, True),
        ([100, 200, 300, 400], 500, True),  # a hundredth of the values, at as many places as are named
        ([100, 200, 300, 400, 450], 500, False),
    ],
)
def test_few_values_that_are_almost_as_planned_are_named(rows, size, named):
    values = 0.1 * (1 - np.arange(size) / size)
    values[rows] += 5e-5

    found = recognize(list(enumerate(values.tolist())))

    assert found["lr"].explained == size - len(rows)
    assert [one.first for one in found.notes if one.code == "foreign"] == rows * named
