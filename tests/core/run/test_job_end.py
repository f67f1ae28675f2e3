"""`stop_before=` and `stop_on=`: the job ends, and the plan is the same as without them."""

import logging
import os
import signal
import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.run import end as job_end
from paramsched.core.run import end as signals
from paramsched.core.run import pace
from paramsched.errors import InvalidArgument, StateError
from support.fake_time import FakeTime
from support.ranks import RanksInTurn
from support.updates import probe, run, used

PLAN = ps.Plan(lr="warmup(5) >> cosine()", momentum="linear(1, 0.5)", horizon=40)
PLANS = {
    "updates": PLAN,
    "tokens": ps.Plan(lr="warmup('300 tokens') >> linear()", clock="tokens", horizon="4000 tokens"),
    "endless": ps.Plan(lr="linear(1, 0.5, over=30)"),
    "planned sizes": ps.Plan(
        ps.Binding(ps.Target("batch_size", 1), "stairs(1, 8, 4, over=20)"), lr="linear()", horizon=40
    ),
}


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(pace, "now", lambda: self.now)
        monkeypatch.setattr(job_end, "now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def step(optimizer, scheduler, drive):
    run(optimizer, 1)
    if drive == "manual":
        scheduler.step()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize("options", [{"stop_before": "in 100 s"}, {"stop_on": "SIGUSR1"}], ids=["moment", "signal"])
@given(st.lists(st.integers(1, 15), min_size=1, max_size=4))
def test_jobs_that_are_cut_short_and_continued_are_one_run(plan, drive, options, parts):
    facts = {} if plan.clock == "updates" else {"batch_size": 7, "sequence_length": 10}
    whole, saved = probe(lr=0.1), None
    expected = ps.Scheduler(whole, plan, drive=drive, **facts)
    for updates in parts:
        optimizer = probe(lr=0.1)
        scheduler = ps.Scheduler(optimizer, plan, drive=drive, **facts, **options)
        if saved is not None:
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        for _ in range(updates):
            step(whole, expected, drive)
            step(optimizer, scheduler, drive)
            assert used(optimizer)[-1] == used(whole)[-1]
            assert scheduler.scalars() == expected.scalars()
        saved = optimizer.state_dict(), scheduler.state_dict()
        assert saved == (whole.state_dict(), expected.state_dict())
        scheduler.detach()


@pytest.mark.parametrize("drive", ["optimizer", "manual", "critic"])
@pytest.mark.parametrize("clock_of_plan", ["updates", "tokens"])
def test_a_job_ends_while_a_slow_update_still_fits(clock, drive, clock_of_plan):
    optimizers = {"critic": probe(), "generator": probe()} if drive == "critic" else probe()
    plan = PLAN if clock_of_plan == "updates" else PLANS["tokens"]
    facts = {} if clock_of_plan == "updates" else {"tokens_per_step": 10}
    scheduler = ps.Scheduler(optimizers, plan, drive=drive, stop_before="in 100 s", **facts)
    clock.now += 40  # the first update compiles
    while not scheduler.should_stop:
        assert scheduler.stop_reason is None
        for one in scheduler.optimizers.values():
            run(one, 1)
        if drive == "manual":
            scheduler.step()
        clock.now += 4
    assert (scheduler.stop_reason, scheduler.t) == ("stop_before", 15)  # after 96 s, counted from the construction


def test_a_shared_clock_counts_each_update_once(clock):
    optimizers = {"a": probe(), "b": probe()}
    scheduler = ps.Scheduler(optimizers, PLAN, stop_before="in 98 s")
    while not scheduler.should_stop:
        for one in optimizers.values():
            clock.now += 5
            run(one, 1)
    assert scheduler.t == 9  # 13 s are left, and 15 s are needed


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_after_a_moment_that_is_over_one_update_is_made(drive, caplog):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive=drive, stop_before="in 1 s - 5 s")
    assert not scheduler.should_stop

    step(optimizer, scheduler, drive)

    assert (scheduler.should_stop, scheduler.stop_reason) == (True, "stop_before")
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "is over" in warning.getMessage()


def test_the_plan_is_the_reason_if_both_are_true(clock):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, stop_before="in 100 s")
    clock.now += 200
    run(optimizer, 40)
    assert scheduler.stop_reason == "plan"
    scheduler.seek(3)
    assert scheduler.stop_reason == "stop_before"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"stop_before": "5 min"}, 'For example: stop_before="in 55 min"'),
        ({"stop_before": "slurm"}, "SLURM_JOB_END_TIME is not set"),
        ({"stop_on": "SIGTREM"}, 'Write stop_on="SIGTERM"'),
        ({"stop_on": "term"}, 'Write stop_on="SIGTERM"'),
        ({"stop_on": "SIGKILL"}, "does not let a process handle it"),
        ({"stop_on": ("SIGTERM", signal.SIGSTOP)}, "does not let a process handle it"),
        ({"stop_on": 15}, "expected a signal"),
        ({"stop_on": []}, "expected at least one signal"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_changes(options, part, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    optimizer = probe()
    before, handler = dict(optimizer.param_groups[0]), signal.getsignal(signal.SIGTERM)
    plan = PLAN

    with pytest.raises(InvalidArgument) as refusal:
        ps.Scheduler(optimizer, plan, **options)

    assert part in str(refusal.value)
    assert optimizer.param_groups[0] == before
    assert signal.getsignal(signal.SIGTERM) is handler


def test_signals_are_refused_outside_of_the_main_thread():
    found = []

    def construct():
        try:
            ps.Scheduler(probe(), PLAN, stop_on="SIGTERM")
        except StateError as error:
            found.append(str(error))

    thread = threading.Thread(target=construct)
    thread.start()
    thread.join()
    assert "the main thread" in found[0]


# ------------------------------------------------------------------ handlers


@pytest.fixture
def earlier():
    """Install a handler of other code; return the list of its calls."""
    calls = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: calls.append(number))
    yield calls
    signal.signal(signal.SIGUSR1, before)


def send():
    os.kill(os.getpid(), signal.SIGUSR1)


def stopping(**options):
    return ps.Scheduler(probe(), PLAN, stop_on=("SIGUSR1", signal.SIGUSR2), **options)


def test_a_signal_ends_the_job_after_the_update_in_progress_and_reaches_the_earlier_handler(earlier):
    scheduler = stopping()
    run(scheduler.optimizer, 2)
    send()
    run(scheduler.optimizer, 1)
    assert (scheduler.stop_reason, earlier) == ("SIGUSR1", [signal.SIGUSR1])
    run(scheduler.optimizer, 1)
    assert scheduler.stop_reason == "SIGUSR1"
    scheduler.detach()


def test_repeats_within_ten_seconds_are_one_signal_and_a_later_one_is_not_for_the_run(earlier, monkeypatch):
    scheduler, now = stopping(), [50.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    for later, calls in ((0, 1), (1, 1), (9.0, 1), (0.5, 2), (9, 3)):
        now[0] += later
        send()
        assert len(earlier) == calls
    run(scheduler.optimizer, 1)
    assert scheduler.stop_reason == "SIGUSR1"
    scheduler.detach()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
def test_schedulers_put_the_earlier_handler_back_in_any_order(earlier, order):
    before = signal.getsignal(signal.SIGUSR1)
    schedulers = [stopping() for _ in range(3)]
    for index in order[:2]:
        schedulers[index].detach()
    send()
    run(schedulers[order[2]].optimizer, 1)
    assert (schedulers[order[2]].stop_reason, len(earlier)) == ("SIGUSR1", 1)
    schedulers[order[2]].detach()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_one_signal_stops_all_schedulers_of_the_process(earlier):
    schedulers = [stopping() for _ in range(3)]
    run(schedulers[2].optimizer, 40)
    send()
    for one in schedulers[:2]:
        run(one.optimizer, 1)
    assert [one.stop_reason for one in schedulers] == ["SIGUSR1", "SIGUSR1", "plan"]
    assert len(earlier) == 1
    for one in schedulers:
        one.detach()


@pytest.mark.parametrize("end", ["detach", "delete"])
def test_a_run_that_is_not_driven_takes_no_signal(earlier, end):
    scheduler = stopping()
    if end == "detach":
        scheduler.detach()
    else:
        del scheduler
    for _ in range(2):
        send()
    assert len(earlier) == 2


@pytest.mark.parametrize("end", ["plan", "stop_before", "SIGUSR2"])
def test_a_signal_after_the_end_is_obeyed_already_and_a_second_one_passes(end, clock, monkeypatch):
    before, passed, now = signal.getsignal(signal.SIGUSR1), [], [50.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(signals.Handler, "_pass_on", lambda *_: passed.append(now[0]))
    scheduler = stopping(stop_before="in 100 s")
    if end == "plan":
        run(scheduler.optimizer, 40)
    elif end == "stop_before":
        clock.now += 200
        run(scheduler.optimizer, 1)
    else:
        signal.raise_signal(signal.SIGUSR2)
        run(scheduler.optimizer, 1)
    assert scheduler.stop_reason == end
    for later in (0, 5, 11):
        now[0] = 50.0 + later
        send()
    assert scheduler.stop_reason == end
    assert passed == [61.0]
    scheduler.detach()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_new_scheduler_takes_the_handlers_over(earlier):
    before = signal.getsignal(signal.SIGUSR1)
    first = stopping()
    second = ps.Scheduler(first.optimizer, PLAN, stop_on="SIGUSR1")
    send()
    run(second.optimizer, 1)
    assert second.stop_reason == "SIGUSR1"
    second.detach()
    assert signal.getsignal(signal.SIGUSR1) is before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_in_a_forked_process_the_default_acts():
    scheduler = ps.Scheduler(probe(), PLAN, stop_on="SIGTERM")
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    time.sleep(0.05)
    os.kill(child, signal.SIGTERM)
    assert os.waitpid(child, 0)[1] == signal.SIGTERM
    run(scheduler.optimizer, 1)
    assert scheduler.stop_reason is None
    scheduler.detach()


@pytest.mark.parametrize("is_compiled", [False, True])
def test_an_update_of_a_compiled_step_is_counted(earlier, is_compiled):
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN, stop_on="SIGUSR1")
    step = torch.compile(optimizer.step, backend="eager") if is_compiled else optimizer.step
    for t in range(4):
        parameter.grad = torch.ones(2)
        if t == 2:
            send()
        step()
        assert scheduler.stop_reason == ("SIGUSR1" if t >= 2 else None)
    scheduler.detach()


# --------------------------------------------------------------------- ranks


class Ranks:
    """Schedulers of three ranks, one after another in this process."""

    def __init__(self, patch, options, *, late=False):
        self.time = FakeTime(patch)
        self.turns = None if late else RanksInTurn(patch)
        self.all = [self.built(rank, options(rank)) for rank in range(3)]
        self.turns = self.turns or RanksInTurn(patch)

    def built(self, rank, options):
        if self.turns:
            self.turns.run_as(rank)
        return ps.Scheduler(probe(), PLANS["endless"], **options)

    def train(self, updates):
        for _ in range(updates):
            self.time.pass_(0.5)
            for rank, scheduler in enumerate(self.all):
                self.turns.run_as(rank)
                scheduler.optimizer.step()
            assert len({one.stop_reason for one in self.all}) == 1
        return self.all[0].stop_reason


@pytest.mark.parametrize("late", [False, True], ids=["", "the process group is initialized late"])
def test_the_moment_of_rank_0_ends_the_job_of_all_ranks(monkeypatch, late):
    ranks = Ranks(monkeypatch, lambda rank: {"stop_before": f"in {20 + 100 * rank} s"}, late=late)
    updates = 0
    while ranks.train(1) is None:
        updates += 1

    assert ranks.all[0].stop_reason == "stop_before"
    assert 36 <= updates < 40


@pytest.mark.parametrize("late", [False, True], ids=["", "the process group is initialized late"])
@pytest.mark.parametrize("is_over", [False, True])
def test_whether_the_moment_is_over_is_the_decision_of_rank_0(monkeypatch, late, is_over):
    moments = ("in 0 s", "in 20 s") if is_over else ("in 20 s", "in 0 s")
    ranks = Ranks(monkeypatch, lambda rank: {"stop_before": moments[rank > 0]}, late=late)

    assert ranks.train(1 if is_over else 30) == ("stop_before" if is_over else None)


def test_a_signal_ends_all_ranks_after_the_same_update(monkeypatch, earlier):
    ranks = Ranks(monkeypatch, lambda rank: {"stop_on": "SIGUSR1"})
    ranks.train(10)
    send()

    assert ranks.train(1) is None  # the ranks agree
    assert ranks.train(1) == "SIGUSR1"
    for one in ranks.all:
        one.detach()


def test_a_rank_reads_the_messages_of_the_run_that_rank_0_starts_after_a_dry_run(monkeypatch):
    ranks = Ranks(monkeypatch, lambda rank: {"stop_before": "in 20 s"})
    for rank in (1, 2):
        ranks.turns.run_as(rank)
        run(ranks.all[rank].optimizer, 1)
    ranks.all[0] = ranks.built(0, {"stop_before": "in 10 s"})
    run(ranks.all[0].optimizer, 1)

    while ranks.train(1) is None:
        pass

    assert ranks.all[0].stop_reason == "stop_before"
    assert ranks.time.monotonic - 5000 < 10


@pytest.mark.parametrize("earlier", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_later_signal_gets_the_action_that_it_had(earlier, monkeypatch):
    now, sent = [50.0], []
    before = signal.signal(signal.SIGUSR1, earlier)
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    scheduler = stopping()
    send()
    sent.clear()
    now[0] += 11
    with monkeypatch.context() as patch:
        patch.setattr(signals.os, "kill", lambda *_: sent.append(signal.getsignal(signal.SIGUSR1)))
        signal.raise_signal(signal.SIGUSR1)

    assert sent == [earlier] * (earlier is signal.SIG_DFL)
    assert isinstance(signal.getsignal(signal.SIGUSR1), signals.Handler)
    scheduler.detach()
    signal.signal(signal.SIGUSR1, before)
