"""Runs of one process that end at a deadline, with a clock that the test advances."""

import copy
import itertools
import logging
import pickle
from datetime import UTC, datetime
from fractions import Fraction

import pytest
import torch
from click.testing import CliRunner

import paramsched as ps
from paramsched.cli import main
from paramsched.core.runs.deadline import _shortest, check_start, horizon_in_seconds, resolved_until
from paramsched.core.runs.plan_source import PlanSource
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.errors import InvalidArgument, MissingFact, StateError
from support.fake_time import FakeTime
from support.updates import probe, used

PLAN = ps.Plan(lr='warmup("10 s") >> constant() >> linear(previous, 0, over="30 s")', clock="seconds")
FALLING = ps.Plan(lr="linear(1, 0)", weight_decay='constant() >> linear(1, 0, over="20%")', clock="seconds")


@pytest.fixture
def clock(monkeypatch):
    return FakeTime(monkeypatch)


def step(optimizer, clock, seconds):
    clock.pass_(seconds)
    optimizer.step()


def lr_at(horizon, amount):
    """The independent model of PLAN."""
    if amount < 10:
        return 0.1 * amount / 10
    return 0.1 * min(1, max(0, horizon - amount) / 30)


def test_the_horizon_is_fixed_when_the_clock_starts_after_the_untimed_updates(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, deadline="in 100 s", untimed_updates=2)
    amounts = []
    for seconds in (7.0, 4.25, 2.0, 3.0, 60.0, 5.0):
        amounts.append(scheduler.amount)
        step(optimizer, clock, seconds)

    assert amounts == [0, 0, 0, 2.0, 5.0, 65.0]
    assert used(optimizer) == pytest.approx([0, 0, 0, 0.02, 0.05, lr_at(88.75, 65)])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(lr_at(88.75, 70))
    assert [entry[:2] for entry in scheduler.history] == [[0, 0], [2, 0]]
    assert [ps.Plan.of_text(entry[2]).horizon for entry in scheduler.history] == [
        ps.Plan(lr=1, horizon=f"{horizon} s", clock="seconds").horizon for horizon in (100, 88.75)
    ]
    assert scheduler.plan == PLAN
    assert scheduler.calendar.deadline == datetime.fromtimestamp(1_800_000_100, UTC)


def test_without_untimed_updates_the_clock_starts_at_construction(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, calendar=ps.Calendar(deadline="in 99.75 s", untimed_updates=0))
    clock.monotonic += 0.5  # setting the wall clock has no effect
    clock.wall += 1000
    optimizer.step()

    assert scheduler.amount == 0.5
    assert [entry[:2] for entry in scheduler.history] == [[0, 0]]
    assert ps.Plan.of_text(scheduler.history[0][2]) == ps.Plan(*PLAN.bindings, horizon="99.75 s", clock="seconds")


@pytest.mark.parametrize("duration", [0.05, 1.0, 3.0])
def test_the_last_update_ends_before_the_deadline_and_begins_near_the_end(clock, duration):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, deadline="in 100.5 s")
    end, began = clock.wall + 100.5, clock.wall
    while not scheduler.should_stop:
        began = scheduler.amount
        step(optimizer, clock, duration)

    horizon = 100.5 - duration
    assert clock.wall <= end
    assert horizon - 3 * duration <= began < horizon


def test_a_step_after_the_end_uses_the_value_of_the_end(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, deadline="in 100 s")
    step(optimizer, clock, 1)
    step(optimizer, clock, 98)
    stopped = scheduler.should_stop
    step(optimizer, clock, 5)
    step(optimizer, clock, 0.001)

    assert (stopped, scheduler.should_stop, used(optimizer)[-1]) == (True, True, 0.0)


@pytest.mark.parametrize("untimed", [0, 1, 5])
def test_no_update_begins_after_the_deadline(clock, untimed):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, FALLING, deadline="in 100 s", untimed_updates=untimed)
    step(optimizer, clock, 99.9)
    stopped_early = scheduler.should_stop
    step(optimizer, clock, 0.1)

    assert stopped_early == (untimed == 0)  # no update is timed otherwise
    assert scheduler.should_stop


@pytest.mark.parametrize(("slow", "horizon"), [(55.5, 44.5), (60, 40), (61, 40), (90, 40), (99.5, 40)])
def test_after_slow_untimed_updates_the_open_stage_is_shorter_then_all_stages_by_one_factor(
    clock, caplog, slow, horizon
):
    optimizer, left = probe(), 100 - slow
    scheduler = ps.Scheduler(optimizer, PLAN, deadline="in 100 s")
    with caplog.at_level(logging.WARNING, "paramsched"):
        step(optimizer, clock, slow)
    pace = 1 if left >= horizon else 40 / left

    assert scheduler.amount == 0
    for done in range(1, 65):
        step(optimizer, clock, left / 64)
        amount = pace * left * done / 64
        assert scheduler.amount == pytest.approx(amount)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(lr_at(horizon, amount), abs=1e-12)
    assert scheduler.should_stop
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
    text = f"start-up took {slow:.3g} s; the stages need 40 s and {left:.3g} s are left, so they are shortened to "
    text += f"{100 * left / 40:.0f} %"
    assert [text in line.getMessage() for line in caplog.records] == [True] * (pace > 1)
    replayed = ps.trace(ps.Plan.of_text(scheduler.history[-1][2]), {"lr": 0.1}, amounts=[scheduler.amount])
    assert replayed["lr", 0].tolist() == [optimizer.param_groups[0]["lr"]]


def test_untimed_updates_that_leave_nothing_end_the_run(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, deadline="in 100 s")
    step(optimizer, clock, 99.9999)

    assert scheduler.should_stop


def run_of(clock, plan, saved=None, seconds=(), what="both", **facts):
    """Start a run, load what was saved, and take updates of some durations."""
    optimizer = probe({"weight_decay": 0.3}, {"lr": 0.5})
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    if saved is not None:
        if what in ("optimizer", "both"):
            optimizer.load_state_dict(copy.deepcopy(saved[0]))
        if what in ("scheduler", "both"):
            scheduler.load_state_dict(copy.deepcopy(saved[1]))
    amounts = []
    for duration in seconds:
        amounts.append(scheduler.amount)
        step(optimizer, clock, duration)
    return scheduler, optimizer, amounts


def states(scheduler, optimizer):
    return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


@pytest.mark.parametrize("what", ["optimizer", "scheduler", "both"])
def test_a_restart_before_the_same_deadline_shortens_the_horizon_by_the_gap(clock, what):
    end = str(datetime.fromtimestamp(clock.wall + 600, UTC))
    first, optimizer, _ = run_of(clock, FALLING, seconds=[5, 2, 2, 2, 2], deadline=end)
    saved = states(first, optimizer)
    clock.pass_(40)
    clock.monotonic = 3.0  # another process
    again, other, amounts = run_of(clock, FALLING, saved, [1.5, 2, 2], what, deadline=end)

    assert amounts == [8, 8, 10]
    assert (again.t, again.amount) == (8, 12)
    horizons = [ps.Plan.of_text(entry[2]).horizon for entry in again.history if entry[2] is not None]
    assert [str(one) for one in horizons][-2:] == ["555 s", "553.5 s"]
    assert [entry[:2] for entry in again.history][-2:] == [[5, 8], [6, 8]]
    for field, index in itertools.product(["lr", "weight_decay"], [0, 1]):
        values = used(optimizer, field, index) + used(other, field, index)
        assert all(after <= before for before, after in itertools.pairwise(values))


@pytest.mark.parametrize("what", ["scheduler", "both"])
def test_the_past_is_replayed_from_the_history(clock, what):
    first, optimizer, amounts = run_of(clock, PLAN, seconds=[5.3, 2.1, 0.7, 12.9, 2.2], deadline="in 10 min")
    saved = states(first, optimizer)
    clock.pass_(40)
    again, other, more = run_of(clock, PLAN, saved, [1.5, 2.3, 7.1], what, deadline="in 3 min", untimed_updates=0)

    recorded, bases = amounts + more, [{"lr": 0.1}, {"lr": 0.5}]
    bounds = [entry[0] for entry in again.history] + [again.t]
    for index in (0, 1):
        replayed = [
            value
            for (begin, end), (_, _, text, *_) in zip(itertools.pairwise(bounds), again.history, strict=True)
            for value in ps.trace(ps.Plan.of_text(text), bases, amounts=recorded[begin:end])["lr", index].tolist()
        ]
        assert replayed == used(optimizer, "lr", index) + used(other, "lr", index)


def test_a_later_deadline_is_logged_with_the_values_before_and_after(clock, caplog):
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 1.0), "linear(2, 1)"), lr="linear(1, 0)", clock="seconds")
    first, optimizer, _ = run_of(clock, plan, seconds=[0, 30, 20], deadline="in 100 s")
    saved = states(first, optimizer)
    with caplog.at_level(logging.WARNING, "paramsched"):
        again, other, _ = run_of(clock, plan, saved, what="scheduler", deadline="in 150 s")
    (message,) = [one.getMessage() for one in caplog.records]

    for seconds in (100, 200):
        assert str(datetime.fromtimestamp(1_800_000_000 + seconds).astimezone()) in message
    assert "100 -> 200 seconds" in message
    assert "lr of group 0: 0.05 -> 0.075" in message
    assert "lr of group 1: 0.25 -> 0.375" in message
    assert "temperature: 1.5 -> 1.75" in message
    assert other.param_groups[0]["lr"] == pytest.approx(0.075)
    assert again.amount == 50


def test_a_moved_deadline_is_no_change_of_the_plan(clock, caplog):
    first, optimizer, _ = run_of(clock, FALLING, seconds=[0, 30], deadline="in 500 s")
    saved = states(first, optimizer)
    with caplog.at_level(logging.WARNING, "paramsched"):
        run_of(clock, FALLING, saved, deadline="in 400 s", on_change="error")

    assert caplog.text == ""


@pytest.mark.parametrize(
    ("on_change", "lr"), [("new", 0.1 * 0.95), ("checkpoint", 0.1 * 0.9), ({"lr": "checkpoint"}, 0.09)]
)
def test_a_changed_plan_continues_with_the_deadline_of_the_code(clock, on_change, lr):
    first, optimizer, _ = run_of(clock, FALLING, seconds=[0, 50], deadline="in 500 s")
    saved = states(first, optimizer)
    new = ps.Plan(lr="linear(1, 0.5)", weight_decay='constant() >> linear(1, 0, over="20%")', clock="seconds")
    again, other, _ = run_of(clock, new, saved, deadline="in 450 s", on_change=on_change, untimed_updates=0)

    assert other.param_groups[0]["lr"] == pytest.approx(lr)
    assert again.should_stop is False
    assert again.calendar.deadline == datetime.fromtimestamp(clock.wall + 450, UTC)
    with pytest.raises(ps.errors.PlanChanged):
        run_of(clock, new, saved, deadline="in 450 s", on_change="error")


def test_every_start_logs_the_deadline_the_training_time_and_the_horizon(clock, caplog):
    with caplog.at_level(logging.INFO, "paramsched"):
        first, optimizer, _ = run_of(clock, FALLING, seconds=[3, 30], deadline="in 500 s")
        run_of(clock, FALLING, states(first, optimizer), what="scheduler", deadline="in 400 s")
    messages = [one.getMessage() for one in caplog.records if one.levelno == logging.INFO]

    assert "0.0 seconds of training before, a horizon of 500 seconds" in messages[0]
    assert "the horizon is 497 seconds" in messages[1]
    assert "30.0 seconds of training before, a horizon of 430 seconds" in messages[-1]


@pytest.mark.parametrize(
    ("plan", "facts", "found"),
    [
        (PLAN, {"deadline": "2020-01-01 08:00"}, "the deadline is over"),
        (PLAN, {"deadline": "in 0.0005 s"}, "the deadline is over"),
        (PLAN, {"deadline": "in 0.5 s"}, "horizon of 0.5 seconds"),
        (PLAN, {"deadline": "in 39 s"}, "horizon of 39 seconds"),
        (ps.Plan(lr="cosine()"), {"deadline": "in 1 h"}, 'ps.Plan(…, clock="seconds")'),
        (ps.Plan(lr="cosine()", clock="tokens"), {"deadline": "in 1 h"}, 'ps.Plan(…, clock="seconds")'),
        (ps.Plan(lr="cosine()", clock="seconds", horizon="1 h"), {"deadline": "in 1 h"}, "Omit the horizon"),
        (PLAN, {"deadline": "in 1 h", "total": 100}, "Omit total"),
        (PLAN, {"deadline": "in 1 h", "seconds_per_step": 0.5}, "Omit seconds_per_step"),
        (PLAN, {"untimed_updates": 5}, "untimed_updates=10"),
    ],
)
def test_what_cannot_end_at_the_deadline_is_refused_and_the_optimizer_is_unchanged(clock, plan, facts, found):
    optimizer = probe()
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(InvalidArgument) as refusal:
        ps.Scheduler(optimizer, plan, **facts)

    assert found in str(refusal.value)
    assert optimizer.state_dict() == before
    assert not optimizer._optimizer_step_post_hooks


def test_time_is_measured_and_not_reported(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, deadline="in 100 s")
    for report, amount in ((scheduler.consumed, {"seconds": 1}), (scheduler.report, {"progress": 0.5})):
        with pytest.raises(InvalidArgument, match="with a deadline, time is measured"):
            report(**amount)


def test_a_deadline_that_is_over_at_loading_is_refused_and_nothing_changes(clock):
    first, optimizer, _ = run_of(clock, FALLING, seconds=[0, 30], deadline="in 500 s")
    saved = states(first, optimizer)
    again, other, _ = run_of(clock, FALLING, deadline="in 20 s")
    clock.pass_(21)
    before = copy.deepcopy(other.state_dict())
    for load, state in ((other.load_state_dict, saved[0]), (again.load_state_dict, saved[1])):
        with pytest.raises(InvalidArgument, match="the deadline is over"):
            load(copy.deepcopy(state))

    assert other.state_dict() == before


def test_a_state_without_its_history_is_refused(clock):
    state = run_of(clock, FALLING, seconds=[0, 30], deadline="in 500 s")[0].state_dict()
    again, _, _ = run_of(clock, FALLING, deadline="in 500 s")
    for history in (None, [[0, 0, state["plan"]]], [[0, 0, PLAN.text]]):
        with pytest.raises(StateError):
            again.load_state_dict(state | {"history": history})

    assert again.t == 0


def test_seek_is_a_start(clock):
    scheduler, optimizer, _ = run_of(clock, FALLING, seconds=[0, 30], deadline="in 500 s")
    scheduler.seek(100, seconds=200)
    values = [optimizer.param_groups[0]["lr"]]
    step(optimizer, clock, 20)
    step(optimizer, clock, 10)

    assert values == [pytest.approx(0.1 * (1 - 200 / 670))]
    assert scheduler.amount == 210
    assert [entry[:2] for entry in scheduler.history] == [[0, 0], [100, 200], [101, 200]]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_continues_towards_the_same_deadline(clock, copied):
    scheduler, optimizer, _ = run_of(clock, FALLING, seconds=[0, 30], deadline="in 500 s")
    clock.pass_(3)
    again, other = copied((scheduler, optimizer))
    step(other, clock, 1)
    step(other, clock, 2)
    while not again.should_stop:
        step(other, clock, 2)

    assert again.t > scheduler.t == 2
    assert 497 <= clock.wall - 1_800_000_000 <= 500
    scheduler.detach()
    assert copied(scheduler).amount == 30


def test_a_new_scheduler_on_the_same_optimizer_continues(clock):
    _, optimizer, _ = run_of(clock, FALLING, seconds=[0, 30], deadline="in 500 s")
    clock.pass_(10)
    again = ps.Scheduler(optimizer, FALLING, deadline="in 100 s", on_change="error", untimed_updates=0)

    assert (again.t, again.amount) == (2, 30)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * (1 - 30 / 130))


def test_run_facts_may_be_passed_later(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, calendar="later")
    clock.pass_(1000)
    scheduler.set_facts(deadline="in 100 s", untimed_updates=0)
    step(optimizer, clock, 5)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_tensors_tuples_and_targets_follow_the_fixed_horizon(clock):
    written = []
    plan = ps.Plan(
        ps.Binding(ps.Target("temperature", 1.0, written.append), "linear(1, 0)"),
        lr="linear(1, 0)", momentum="linear(1, 0)", clock="seconds",
    )  # fmt: skip
    optimizer = probe({"lr": torch.tensor(0.5)}, {"lr": torch.tensor(0.25)})
    ps.Scheduler(optimizer, plan, deadline="in 100 s")
    step(optimizer, clock, 20)
    step(optimizer, clock, 20)

    assert [group["lr"].item() for group in optimizer.param_groups] == [0.375, 0.1875]
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.9 * 0.75)
    assert written == pytest.approx([1, 1, 0.75])


def test_the_deadline_of_a_user_replaces_the_length_of_the_engine(clock):
    facts = EngineFacts(call="tinyfit.attach_plan", batches=100, batch_size=8, total=500, why={})
    optimizer = probe()
    scheduler = facts.attach(optimizer, PLAN, PlanOptions(calendar=ps.Calendar(deadline="in 100 s")))
    step(optimizer, clock, 5)

    assert ps.Plan.of_text(scheduler.history[-1][2]).horizon == ps.Plan(lr=1, horizon="95 s", clock="seconds").horizon


def test_the_command_line_shows_the_horizons_of_a_checkpoint(clock, tmp_path):
    first, optimizer, _ = run_of(clock, FALLING, seconds=[3, 30], deadline="in 500 s")
    torch.save(first.state_dict(), tmp_path / "scheduler.pt")
    shown = CliRunner().invoke(main, ["resume", str(tmp_path / "scheduler.pt"), "--history"])

    assert shown.exit_code == 0, shown.output
    assert "500" in shown.output
    assert "497" in shown.output
    del optimizer


def test_a_state_of_torch_at_the_same_update_starts_again(clock):
    scheduler, optimizer, _ = run_of(clock, FALLING, seconds=[3, 30], deadline="in 500 s")
    clock.pass_(100)
    scheduler.load_state_dict({"last_epoch": 2, "_step_count": 3, "_last_lr": [0.1, 0.1]})

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * (1 - 30 / 397))
    assert scheduler.history[-1][:2] == [2, 30]


def test_a_plan_in_which_only_one_field_counts_seconds_ends_at_the_deadline(clock):
    plan = ps.Plan(lr="linear(1, 0)", weight_decay='linear(1, 0, over="10 steps")', clock={"lr": "seconds"})
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan, deadline="in 100 s", untimed_updates=0)
    while not scheduler.should_stop:
        step(optimizer, clock, 5)

    assert used(optimizer)[-1] == pytest.approx(0.1 * 0.1)  # at 90 seconds
    assert used(optimizer, "weight_decay")[1] == pytest.approx(0.01 * 0.9)


@pytest.mark.parametrize("drive", ["manual", "generator"])
def test_several_optimizers_with_a_driver_end_at_the_deadline(clock, drive):
    optimizers = {"critic": probe(lr=0.2), "generator": probe()}
    scheduler = ps.Scheduler(optimizers, FALLING, deadline="in 100 s", untimed_updates=2, drive=drive)
    while not scheduler.should_stop:
        clock.pass_(3)
        for one in optimizers.values():
            one.step()
        if drive == "manual":
            scheduler.step()

    assert clock.wall - 1_800_000_000 == 96
    assert [entry[0] for entry in scheduler.history] == [0, 2]
    assert optimizers["critic"].param_groups[0]["lr"] == 2 * optimizers["generator"].param_groups[0]["lr"]
    assert used(optimizers["generator"])[-1] == pytest.approx(0.1 * (1 - 87 / 94))


FACTS = ps.Calendar(deadline="in 10 min")


@pytest.mark.parametrize(
    ("lr", "least"),
    [
        ("linear(over='30 s')", 30),
        ("warmup('10 s') >> constant(over='7.25 s') >> linear(over='5 s')", 22.25),
        ("warmup('10 s') >> linear()", 10),
    ],
)
def test_a_plan_fits_into_its_own_length_and_no_millisecond_less(lr, least):
    plan = ps.Plan(lr=lr, weight_decay="linear()", clock="seconds")

    shortest = _shortest(plan, FACTS, 0.001, ())

    assert shortest == least
    assert resolved_until(plan, FACTS, shortest).horizon.terms[0][1] == Fraction(repr(shortest))
    with pytest.raises(InvalidArgument):
        resolved_until(plan, FACTS, shortest - 0.001)
    for longer in (shortest, shortest + 0.002, 1000.0):
        assert _shortest(plan, FACTS, longer, ()) == longer


def test_a_line_that_is_longer_than_the_time_is_named_with_both():
    plan = ps.Plan(lr="cosine()", weight_decay="linear(over='30 s')", clock="seconds")

    with pytest.raises(InvalidArgument, match=r"in weight_decay: it lasts 30 seconds, and 29\.999 are available"):
        resolved_until(plan, FACTS, 29.999)


def test_a_start_on_a_loaded_optimizer_has_the_horizon_from_its_update_on(clock):
    optimizer, other = probe(), probe()
    ps.Scheduler(optimizer, PLAN, deadline="in 100 s", untimed_updates=0)
    for _ in range(3):
        step(optimizer, clock, 4.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    scheduler = ps.Scheduler(other, PLAN, deadline="in 50 s", untimed_updates=0)

    assert [entry[:2] for entry in scheduler.history] == [[0, 0], [3, scheduler.amount]]
    assert scheduler.history[0][2] is None
    assert ps.Plan.of_text(scheduler.history[1][2]).horizon.terms[0][1] == scheduler.amount + 50


@pytest.mark.parametrize(
    ("deadline", "horizon", "found"),
    [
        ("in 100 s", 100, None),
        ("in 25 s", 40, "the deadline leaves a horizon of 25 seconds"),
        ("in 0 s", 40, "the deadline is over"),
    ],
)
def test_stages_that_do_not_fit_are_refused_when_the_training_of_an_engine_begins(clock, deadline, horizon, found):
    scheduler = ps.Scheduler(probe(), PlanSource(PLAN, checked_later=True), deadline=deadline)
    in_force = scheduler._run.in_force

    assert horizon_in_seconds(in_force) == horizon
    if found is None:
        assert check_start(in_force) is False
    else:
        with pytest.raises(InvalidArgument, match=found):
            check_start(in_force)


def test_a_resumed_run_may_begin_after_its_deadline_and_a_run_without_one_at_any_time(clock):
    source = PlanSource(PLAN, checked_later=True)
    first, optimizer, _ = run_of(clock, source, seconds=[0, 30], deadline="in 500 s")
    again, _, _ = run_of(clock, source, states(first, optimizer), deadline="in 0 s")
    endless = ps.Scheduler(probe(), ps.Plan(lr="linear()", horizon=5))

    assert check_start(again._run.in_force) is True
    assert check_start(endless._run.in_force) is False


@pytest.mark.parametrize("checked_later", [False, True])
def test_a_missing_fact_is_reported_before_the_time_left(clock, checked_later):
    plan = ps.Plan(lr='warmup("1 epoch") >> linear()', clock="seconds")

    with pytest.raises(MissingFact) as refusal:
        ps.Scheduler(probe(), PlanSource(plan, checked_later=checked_later), deadline="in 100 s")

    assert "deadline" not in refusal.value.found


def test_a_plan_that_fits_into_no_horizon_is_refused_at_its_start(clock):
    plan = ps.Plan(lr="linear(over='100_000_000_000 s')", clock="seconds")

    with pytest.raises(InvalidArgument, match="it lasts 100000000000 seconds"):
        ps.Scheduler(probe(), PlanSource(plan, checked_later=True), deadline="in 100 s")


def test_a_plan_of_the_checkpoint_that_does_not_fit_any_longer_is_replaced_by_that_of_the_code(clock, caplog):
    first, optimizer, _ = run_of(clock, PLAN, seconds=[0, 5], deadline="in 500 s")
    saved = states(first, optimizer)
    _, other, _ = run_of(clock, FALLING, saved, deadline="in 15 s", untimed_updates=0)

    assert "the code's plan continues from update 2" in caplog.text
    assert other.param_groups[0]["lr"] == pytest.approx(0.1 * (1 - 5 / 20))
