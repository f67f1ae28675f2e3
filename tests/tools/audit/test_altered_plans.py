"""The altered plans and clocks that explain a log: stages without a warmup or a floor, other indices, other facts."""

from itertools import product

import numpy as np
import pytest

import paramsched as ps
from paramsched.tools.audit.causes import (
    Cause,
    RunFacts,
    amount_causes_to_try,
    causes_to_try,
    epoch_causes,
    with_other_indices,
    with_warmup_held,
    without_floor,
    without_warmup,
)
from paramsched.tools.audit.match import AmountTimes
from support.tables import table


def plan_of(text):
    return None if text is None else ps.Plan(lr=text)


@table(
    ("planned", "dropped", "held"),
    [
        ("warmup(20) >> cosine()", "cosine()", "constant(1.0, 20) >> cosine()"),
        (
            "linear(0.1, 0.5, 20) >> cosine() >> linear()",
            "cosine() >> linear()",
            "constant(0.5, 20) >> cosine() >> linear()",
        ),
        ("2 * (warmup(20) >> cosine())", "2 * cosine()", "2 * (constant(1.0, 20) >> cosine())"),
        ("warmup(20) * cosine()", "cosine()", None),
        ("warmup(20) * cosine() * linear()", "cosine() * linear()", None),
        ("cosine(to=0.5, over=20) >> linear()", None, None),
        ("constant(0.5, 20) >> linear()", None, None),
        ("step(20) >> linear()", None, None),
        ("(warmup(20) >> cosine()) * linear()", "cosine() * linear()", "(constant(1.0, 20) >> cosine()) * linear()"),
        ("linear(0.5, 0.5, 20) >> linear()", None, None),
        ("linear(1.5, following, 20) >> cosine()", None, None),
        (
            "linear(0.9, 0.5 + absolute(0.5), 20) >> cosine()",
            "cosine()",
            "constant(0.5 + absolute(0.5), 20) >> cosine()",
        ),
        ("linear(0.9, 1.5 + absolute(-0.7), 20) >> cosine()", None, None),
        ("cosine() * linear()", None, None),
        ("linear(0, 1)", None, None),
        ("warmup(20) * linear(0.5, 1)", None, None),
    ],
)
def test_a_plan_without_its_warmup(planned, dropped, held):
    assert without_warmup(ps.Plan(lr=planned)) == plan_of(dropped)
    assert with_warmup_held(ps.Plan(lr=planned)) == plan_of(held)


@table(
    ("planned", "expected"),
    [
        ("cosine(to=0.1)", "cosine()"),
        ("cosine(to=absolute(1e-5))", "cosine()"),
        ("cosine(2, 1)", "cosine(2, 0)"),
        ("maximum(cosine(to=0.1), linear())", "maximum(cosine(), linear())"),
        ("warmup(20) >> cosine(to=0.1) >> linear(previous, 0.05)", "warmup(20) >> cosine() >> linear(previous, 0)"),
        ("clamp(cosine(), low=0.1)", "cosine()"),
        ("clamp(cosine(), low=0.1, high=0.5)", "clamp(cosine(), high=0.5)"),
        ("clamp(cosine(to=0.2), low=0.1)", "cosine()"),
        ("clamp(cosine(), high=0.5)", None),
        ("maximum(cosine(), 0.1)", "cosine()"),
        ("maximum(cosine(), linear(), 0.1)", "maximum(cosine(), linear())"),
        ("0.1 + 0.9 * cosine()", "0.9 * cosine()"),
        ("0.1 + 0.4 * cosine() + 0.5 * linear()", "0.4 * cosine() + 0.5 * linear()"),
        ("maximum(cosine(), linear())", None),
        ("cosine(0, 0.5)", None),
        ("cosine(0.5, 0.5)", None),
        ("cosine()", None),
        ("constant(0.1)", None),
    ],
)
def test_a_plan_without_its_floor(planned, expected):
    assert without_floor(ps.Plan(lr=planned)) == plan_of(expected)


@table("stages", [0, 1, 2, 3, 4, 17])
def test_stages_with_other_indices(stages):
    texts = [f"linear({1 - n / 20}, {0.9 - n / 20}, {n + 5})" for n in range(stages)]
    plan = ps.Plan(lr=" >> ".join(texts) or "step(20)")
    kinds = ("t/n", "(t+1)/n", "t/(n-1)", "(t+1)/(n+1)")

    found = list(with_other_indices(plan))

    indices = [
        tuple(one.index for one in (made.bindings[0].schedule.stages if stages > 1 else [made.bindings[0].schedule]))
        for _, made in found
    ]
    known = {one for chosen in indices for one in chosen} | {"t/n"}
    assert known <= set(kinds) or not stages
    own = ("t/n",) * stages
    every = set(product(known, repeat=stages)) if stages <= 3 else {(one,) * stages for one in known}
    if 3 < stages <= 16:
        every |= {(*own[:at], one, *own[at + 1 :]) for at in range(stages) for one in known}
    assert len(indices) == len(set(indices))
    assert set(indices) == (every - {own} if stages else set())
    for text, made in found:
        assert all(part in text for part in ("the run used index", "linear("))
        assert made.horizon == plan.horizon


CALENDAR = ps.Calendar(steps_per_epoch=10)


@table(
    ("plan", "epoch", "total", "expected"),
    [
        (ps.Plan(lr="linear(over='2 epochs')", horizon=100), 10, None, (20, 100)),
        (ps.Plan(lr="linear(over='2 epochs')", horizon=100), 20, None, (40, 100)),
        (ps.Plan(lr="linear(over='2 epochs')", horizon=100), 20, 50, (40, 50)),
        (ps.Plan(lr="linear(over='50%')", horizon=100), 10, 50, (25, 50)),
        (ps.Plan(lr="linear(over='2 epochs')", horizon="5 epochs"), 20, 30, (40, 100)),
        (ps.Plan(lr="linear(over='2 epochs')"), 20, 30, (40, 30)),
        (ps.Plan(lr="linear(over='2 epochs')", horizon=100), None, None, None),
    ],
)
def test_a_plan_for_another_epoch_and_another_length(plan, epoch, total, expected):
    found = RunFacts(plan, CALENDAR).resolve(epoch, total)

    lengths = None if found is None else (found.bindings[0].schedule.length.exact, found.horizon.updates)
    assert lengths == expected


@table(
    ("plan", "calendar", "expected"),
    [
        (ps.Plan(lr="linear()", horizon=100), CALENDAR, 250),
        (ps.Plan(lr="linear()", horizon=1), CALENDAR, 2),
        (ps.Plan(lr="linear()", horizon="7 epochs"), CALENDAR, None),
        (ps.Plan(lr="linear()", horizon=100), ps.Calendar(), None),
        (ps.Plan(lr="linear()"), ps.Calendar(total=40, steps_per_epoch=10), 100),
        (ps.Plan(lr="linear()"), ps.Calendar(total="4 epochs", steps_per_epoch=10), None),
        (ps.Plan(lr="linear(over=5)"), CALENDAR, None),
    ],
)
def test_the_length_of_a_run_whose_epochs_have_25_updates(plan, calendar, expected):
    assert RunFacts(plan, calendar).total_for(25) == expected


def test_a_plan_that_lacks_a_fact_is_not_tried():
    facts = RunFacts(ps.Plan(lr="linear()", horizon=10), ps.Calendar())

    assert facts.resolve_other(ps.Plan(lr="linear(over='2 epochs')", horizon=10)) is None
    assert facts.resolve_other(ps.Plan(lr="linear(over=3)", horizon=10)).horizon.updates == 10


def moved(cause: Cause, t=range(8)):
    return np.asarray(cause.clock(np.array(t))).tolist()


def test_each_clock_of_a_run_that_moved_too_fast_too_slow_or_late():
    facts = RunFacts(ps.Plan(lr="linear()", horizon=100), ps.Calendar(steps_per_epoch=5, accumulation=2))

    causes = [one for one in causes_to_try(facts, 100, 4, (7,)) if one.plan is None]

    clocks = [(one.name, moved(one)) for one in causes]
    assert clocks[:3] == [
        ("off by one", [1, 2, 3, 4, 5, 6, 7, 8]), ("off by one", [0, 0, 1, 2, 3, 4, 5, 6]), ("never moved", [0] * 8),
    ]  # fmt: skip
    # The facts of the run are tried first: 4 processes, 2 batches for each update, epochs of 5 updates.
    assert clocks[3:9] == [
        ("processes", [0, 4, 8, 12, 16, 20, 24, 28]), ("processes", [3, 7, 11, 15, 19, 23, 27, 31]),
        ("accumulation", [0, 2, 4, 6, 8, 10, 12, 14]), ("accumulation", [1, 3, 5, 7, 9, 11, 13, 15]),
        ("epochs taken for steps", [0, 5, 10, 15, 20, 25, 30, 35]),
        ("epochs taken for steps", [4, 9, 14, 19, 24, 29, 34, 39]),
    ]  # fmt: skip
    slow = clocks.index(("processes", [0, 0, 0, 0, 1, 1, 1, 1]))
    assert clocks[slow + 1 : slow + 8] == [
        ("once per epoch", [0, 0, 0, 0, 4, 4, 4, 4]), ("log counts batches", [0, 0, 1, 1, 2, 2, 3, 3]),
        ("once per epoch", [0, 0, 2, 2, 4, 4, 6, 6]), ("once per epoch", [0, 0, 0, 0, 0, 1, 1, 1]),
        ("once per epoch", [0, 0, 0, 0, 0, 5, 5, 5]), ("once per epoch", [0, 0, 0, 0, 0, 0, 0, 1]),
        ("once per epoch", [0, 0, 0, 0, 0, 0, 0, 7]),
    ]  # fmt: skip
    assert ("processes", [t / 4 for t in range(8)]) in clocks


def test_the_plans_of_a_run_that_left_out_a_warmup_or_a_floor():
    facts = RunFacts(ps.Plan(lr='warmup("10%") >> cosine(to=0.1)', horizon=100), ps.Calendar())

    found = [(one.text, one.plan.bindings[0].schedule) for one in causes_to_try(facts, 100, None, ()) if one.plan]

    plans = [
        ("the stages after the warmup began at update 0 and lasted the entire run", "cosine(to=0.1)"),
        ("the stages after the warmup began at update 0", "cosine(to=0.1, over=90)"),
        (
            "from update 0 on, the value was the one planned for the end of the warmup",
            "constant(over=10) >> cosine(to=0.1)",
        ),
        ("the values decay to 0, not to the planned floor", "warmup(10) >> cosine()"),
    ]
    at = [text for text, _ in found].index(plans[0][0])
    assert found[at : at + 4] == [
        (text, ps.Plan(lr=plan, horizon=100).resolve(ps.Calendar()).bindings[0].schedule) for text, plan in plans
    ]


@table(
    ("calendar", "processes"),
    [
        (ps.Calendar(steps_per_epoch=10**18), None),
        (ps.Calendar(batches_per_epoch=10**18, accumulation=2), None),
        (ps.Calendar(batches_per_epoch=10**17, accumulation=10**17), None),
        (ps.Calendar(accumulation=10**18), None),
        (ps.Calendar(), 10**18),
    ],
)
def test_clocks_whose_times_are_no_64_bit_integers_are_not_tried(calendar, processes):
    facts = RunFacts(ps.Plan(lr="linear(over=100)"), calendar)

    last = [moved(one, [99])[0] for one in causes_to_try(facts, 100, processes, ())]

    assert max(last) == 99 * 64 + 63
    assert min(last) == 0


def test_the_factors_of_known_facts_are_tried_first_but_not_1():
    facts = RunFacts(ps.Plan(lr="linear()", horizon=100), ps.Calendar(accumulation=3))

    texts = [one.text for one in causes_to_try(facts, 100, 2, ()) if "too long" in one.text]
    of_one = [one.text for one in causes_to_try(RunFacts(facts.plan, ps.Calendar(accumulation=1)), 100, 1, ())]

    assert [text.split(":")[0][12:13] for text in texts[:3]] == ["2", "3", "4"]
    assert not [text for text in of_one if " 1 " in text]


def test_a_schedule_that_moves_at_each_batch_of_epochs_with_a_smaller_last_update():
    facts = RunFacts(ps.Plan(lr="linear()", horizon=100), ps.Calendar(batches_per_epoch=5, accumulation=2))

    (cause,) = (one for one in causes_to_try(facts, 100, None, ()) if "once per batch, 2 times" in one.text)

    assert moved(cause) == [1, 3, 4, 6, 8, 9, 11, 13]  # 5 batches are 3 updates: 2, 2 and 1


@pytest.mark.parametrize(("rows", "count"), [(100, 0), (60, 1)])
def test_another_horizon_is_tried_if_the_log_has_another_length(rows, count):
    facts = RunFacts(ps.Plan(lr="linear()", horizon=100), ps.Calendar())

    found = [one for one in causes_to_try(facts, rows, None, ()) if one.name == "another horizon"]

    assert [(one.plan.horizon.updates, one.text) for one in found] == [
        (60, "the horizon was 60 updates, not 100")
    ] * count


def test_lengths_that_were_multiplied_or_divided():
    facts = RunFacts(ps.Plan(lr="linear(over='2 epochs')", horizon=100), ps.Calendar(steps_per_epoch=10))

    lengths = {}
    for one in causes_to_try(facts, 100, 3, ()):
        if one.plan is not None:
            length = one.plan.bindings[0].schedule.length.exact
            lengths.setdefault(one.text.split(":")[0], (length, one.plan.horizon.updates))

    assert lengths["lengths in epochs were taken for updates"] == (2, 100)
    assert lengths["the plan is 3 times too long"] == (60, 300)
    assert lengths["the plan is 3 times too short"] == (8, 34)  # rounded up
    assert lengths["the plan is 64 times too short"] == (2, 2)


def test_lengths_that_no_plan_can_have_are_not_tried():
    facts = RunFacts(ps.Plan(lr="warmup(60) >> cosine()", horizon=100), ps.Calendar())

    texts = [one.text for one in causes_to_try(facts, 100, None, ())]

    assert not [text for text in texts if "too short" in text]


def test_the_amounts_of_other_clocks_processes_and_batches():
    times = AmountTimes("tokens", np.array([0, 1, 2]), np.array([0.0, 100.0, 250.0]))
    t = np.array([0, 1, 2, 3])

    found = [(one.name, one.counted(times)(t).tolist()) for one in amount_causes_to_try("tokens", 4, 3)]

    assert found[:5] == [
        ("another clock", [0, 1, 2, 3]),
        ("processes", [0, 25, 62, 99]), ("processes", [0, 400, 1000, 1600]),
        ("accumulation", [0, 33, 83, 133]), ("accumulation", [0, 300, 750, 1200]),
    ]  # fmt: skip
    assert ("processes or accumulation", [0, 50, 125, 200]) in found
    factors = [one.counted(times)(np.array([1])).item() for one in amount_causes_to_try("tokens", 2, 8)]
    assert factors[1:5] == [50, 200, 12, 800]
    assert not [one.text for one in amount_causes_to_try("tokens", 1, 1) if " 1 " in one.text]
    assert list(amount_causes_to_try("progress", 4, 3)) == []
    seconds = AmountTimes("seconds", np.array([0, 1]), np.array([0.0, 2.5]))
    assert seconds.scaled(1, 2)(np.array([0, 1])).tolist() == [0.0, 1.25]


def test_epochs_of_other_lengths_are_ordered_by_their_distance_from_the_log():
    plan = ps.Plan(lr="linear(over='3 epochs')", horizon=1000)
    facts = RunFacts(plan, ps.Calendar(steps_per_epoch=40))

    def misfit(tried):
        return abs(float(tried.bindings[0].schedule.length.exact) - 3 * 387)  # far from every length that is tried

    found = list(epoch_causes(facts, 1000, misfit))

    assert found[0].text == "lengths were counted with an epoch of 387 updates, not 40"
    assert len(found) == 4
    assert [misfit(one.plan) for one in found] == sorted(misfit(one.plan) for one in found)
    assert list(epoch_causes(RunFacts(plan, ps.Calendar()), 1000, misfit)) == []


@table("used", [1, 2, 39, 41, 103, 104, 105, *range(200, 2600, 61)])
def test_every_length_of_an_epoch_is_found(used):
    facts = RunFacts(ps.Plan(lr="linear(over='3 epochs')"), ps.Calendar(steps_per_epoch=40))

    def misfit(tried):
        return abs(float(tried.bindings[0].schedule.length.exact) - 3 * used)

    assert next(iter(epoch_causes(facts, 1000, misfit))).text.endswith(f"an epoch of {used} updates, not 40")


def test_epochs_that_fit_equally_well_are_ordered_by_their_distance_from_the_known_one():
    facts = RunFacts(ps.Plan(lr="linear(over='3 epochs')"), ps.Calendar(steps_per_epoch=40))

    texts = [one.text for one in epoch_causes(facts, 1000, lambda tried: 0.0)]

    assert [text.split()[7] for text in texts] == ["39", "41", "38", "42"]


@table("used", [1, 95, 104])
def test_every_length_near_the_known_one_is_tried(used):
    facts = RunFacts(ps.Plan(lr="linear(over='3 epochs')"), ps.Calendar(steps_per_epoch=40))

    def misfit(tried):
        return float(tried.bindings[0].schedule.length.exact != 3 * used)

    assert next(iter(epoch_causes(facts, 1000, misfit))).text.endswith(f"an epoch of {used} updates, not 40")


@table("total", [1000, 7500])
def test_the_run_of_another_epoch_has_the_same_length_or_the_same_epochs(total):
    plan = ps.Plan(lr="linear(over='3 epochs') >> cosine()", horizon=1000)
    facts = RunFacts(plan, ps.Calendar(steps_per_epoch=40))

    def misfit(tried):
        return abs(tried.horizon.updates - total) + abs(
            float(tried.bindings[0].schedule.stages[0].length.exact) - 3 * 300
        )

    best = next(iter(epoch_causes(facts, 1000, misfit)))

    assert best.text == "lengths were counted with an epoch of 300 updates, not 40"
    assert best.plan.horizon.updates == total
