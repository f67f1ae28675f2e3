"""Ranks that agree: what they compare, what they log, and groups of processes."""

import itertools
import logging
import random
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed import HashStore
from torch.testing._internal.distributed.fake_pg import FakeStore

import paramsched as ps
from paramsched.core.run import agreement as rank_agreement
from paramsched.core.run import processes as messages
from paramsched.core.run.agreement import RankRecords
from paramsched.core.run.processes import WORLD, Processes
from paramsched.core.run.ranks import Ranks as RanksOfRun
from paramsched.core.run.ranks import note_end_of_store, processes_of
from support.examples import examples
from support.fake_time import FakeTime
from support.ranks import RanksInTurn, run_as_one_of_several
from support.tables import table
from support.updates import probe, used

HERE = RanksOfRun.here
COSINE = ps.Plan(lr="cosine()", horizon=3000)
LINEAR = ps.Plan(lr="linear()", horizon=3000)
EPOCHS = ps.Plan(lr="cosine()", horizon="3 epochs")
TOKENS = ps.Plan(lr="cosine()", clock="tokens", horizon="3000 tokens")
METRIC = ps.Plan(lr='cosine() * plateau("val_loss", patience=1)', horizon=3000)


class Ranks:
    """The Schedulers of two ranks, one after another in this process, with a store that they share."""

    def __init__(self, patch, store=None):
        self.run_as = RanksInTurn(patch, store).run_as
        patch.setattr(rank_agreement, "_TIMEOUT", timedelta(milliseconds=1))

    def train(self, schedulers, updates, after=lambda rank, scheduler: None):
        for _ in range(updates):
            for rank, scheduler in enumerate(schedulers):
                self.run_as(rank)
                if scheduler.plan.clock == "tokens":
                    scheduler.consumed(tokens=1)
                scheduler.optimizer.step()
                after(rank, scheduler)


@pytest.fixture
def ranks(monkeypatch):
    return Ranks(monkeypatch)


def warnings_in(caplog):
    return [one.getMessage() for one in caplog.records if "the values of rank" in one.getMessage()]


@pytest.mark.parametrize(
    ("plans", "facts"),
    [
        ((COSINE, LINEAR), ({}, {})),
        ((EPOCHS, EPOCHS), ({"steps_per_epoch": 10}, {"steps_per_epoch": 11})),
        ((TOKENS, COSINE), ({}, {})),
    ],
)
def test_another_plan_on_one_rank_is_logged_after_the_first_update(ranks, caplog, plans, facts):
    schedulers = [ps.Scheduler(probe(), plan, **more) for plan, more in zip(plans, facts, strict=True)]
    ranks.train(schedulers, 1)

    (text,) = warnings_in(caplog)
    assert text.startswith("the values of rank 1 and rank 0 differ: they follow different plans. Pass the same plan")
    ranks.train(schedulers, 200)
    assert len(warnings_in(caplog)) == 1


def test_a_rank_that_loads_another_checkpoint_is_logged(ranks, caplog):
    schedulers = [ps.Scheduler(probe(), COSINE) for _ in range(2)]
    states = []
    for _ in range(2):
        ranks.train(schedulers, 3)
        states.append(schedulers[0].optimizer.state_dict())
    schedulers = [ps.Scheduler(probe(), COSINE) for _ in range(2)]
    for scheduler, state in zip(schedulers, states, strict=True):
        scheduler.optimizer.load_state_dict(state)
    ranks.train(schedulers, 1)

    assert "they have completed 7 and 4 updates. Load the same checkpoint" in warnings_in(caplog)[0]


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize(("metrics", "part"), [((1.0, 2.0), "best=1.0"), ((1.0, None), "best=None")])
def test_other_metrics_are_logged_once_a_later_update_is_compared(ranks, caplog, drive, metrics, part):
    schedulers = [ps.Scheduler(probe(), METRIC, drive=drive) for _ in range(2)]

    def after(rank, scheduler):
        scheduler.step()  # only counts by hand
        if scheduler.t == 9 and metrics[rank] is not None:
            scheduler.observe(val_loss=metrics[rank])

    ranks.train(schedulers, 9, after)
    assert warnings_in(caplog) == []
    ranks.train(schedulers, 1 if metrics[1] else 31, after)  # a metric of one rank shows at the next comparison

    text = warnings_in(caplog)[0]
    assert part in text
    assert "Pass the same metric to scheduler.observe(…) in each process" in text


def test_a_rank_that_misses_an_update_is_logged_after_the_next_metric(ranks, caplog):
    schedulers = [ps.Scheduler(probe(), METRIC) for _ in range(2)]
    ranks.train(schedulers, 5)
    ranks.train(schedulers[:1], 1)
    for scheduler in schedulers:
        scheduler.observe(val_loss=1.0)
    ranks.train(schedulers, 1)

    assert "they have completed 6 and 7 updates" in warnings_in(caplog)[0]


@given(st.data())
def test_equal_runs_log_nothing_and_use_the_values_of_one_process(data):
    events = st.sampled_from(["step", "observe", "seek", "reload", "again", "dry run"])
    steps = data.draw(st.lists(events | st.integers(1, 150), max_size=12))
    several = data.draw(st.booleans())
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("paramsched").addHandler(handler)

    def attached():
        optimizers = {"a": probe(), "b": probe()}
        return optimizers, ps.Scheduler(optimizers if several else optimizers["a"], METRIC)

    def play(run_as, runs):
        for number, step in enumerate(steps):
            for rank, pair in enumerate(runs):
                run_as(rank)
                optimizers, scheduler = pair
                mine = list(optimizers.values()) if several else [optimizers["a"]]
                if step == "observe":
                    scheduler.observe(val_loss=float(number % 3))
                elif step == "seek":
                    scheduler.seek(5)
                elif step == "reload":
                    for one in mine:
                        one.load_state_dict(one.state_dict())
                elif step == "again":
                    pair[1] = ps.Scheduler(optimizers if several else optimizers["a"], METRIC)
                elif step == "dry run":
                    other = probe({}, {})
                    ps.Scheduler(other, LINEAR)
                    for _ in range(rank * 70):  # another model, on rank 1 only
                        other.step()
                for _ in range(1 if step == "step" else step if isinstance(step, int) else 0):
                    for one in mine:
                        one.step()
        return [used(optimizers["a"]) for optimizers, _ in runs]

    alone = play(lambda rank: None, [list(attached())])
    with pytest.MonkeyPatch.context() as patch:
        both = play(Ranks(patch).run_as, [list(attached()), list(attached())])
    logging.getLogger("paramsched").removeHandler(handler)

    assert both == alone * 2
    assert not [one.getMessage() for one in records if "the values of rank" in one.getMessage()]


@pytest.mark.parametrize("plan", [COSINE, TOKENS, METRIC])
def test_a_run_goes_on_if_the_store_has_ended_and_logs_it_once(monkeypatch, caplog, plan):
    class Ended(dist.Store):
        def add(self, *_):
            raise dist.DistNetworkError("broken pipe")

    note_end_of_store.cache_clear()
    ranks = Ranks(monkeypatch, Ended())
    scheduler = ps.Scheduler(probe(), plan)
    ranks.train([scheduler], 50)

    assert scheduler.t == 50
    assert [one.getMessage()[:37] for one in caplog.records] == ["the process of torch's store has ende"]


def test_a_dry_run_with_fewer_optimizers_is_not_compared(ranks, monkeypatch):
    monkeypatch.setattr(rank_agreement, "_PATIENCE", timedelta(0))

    def attached(*names):
        return ps.Scheduler({name: probe() for name in names}, TOKENS)

    def update(scheduler, tokens):
        scheduler.consumed(tokens=tokens)
        for one in scheduler.optimizers.values():
            one.step()

    run, dry_run, same = attached("a", "b"), attached("a"), attached("a", "b")
    ranks.run_as(0)
    update(run, 64)
    ranks.run_as(1)
    update(dry_run, 5)
    with pytest.raises(ps.errors.InvalidArgument, match="rank 1 would then have consumed 5 tokens, but rank 0 64"):
        update(same, 5)


@pytest.mark.parametrize(("rank", "level"), [(0, "WARNING"), (1, "INFO")])
def test_what_every_rank_detects_is_a_warning_on_rank_0_only(ranks, caplog, recwarn, rank, level):
    caplog.set_level(logging.INFO, "paramsched")
    first, second = probe(), probe(lr=0.3)
    ps.Scheduler(first, COSINE)
    first.step()
    ranks.run_as(rank)
    ps.Scheduler(second, LINEAR)
    second.load_state_dict(first.state_dict())
    second.param_groups[0]["lr"] = 7.0
    second.step()

    compared, found = (
        {one.levelname for one in caplog.records if ("the values of rank" in one.getMessage()) is is_compared}
        for is_compared in (True, False)
    )
    texts = [str(one.message) for one in recwarn] + caplog.messages
    assert found == {level}
    assert compared == ({"WARNING"} if rank else set())  # only the rank that finds a difference knows it
    assert len(recwarn) == (rank == 0)
    assert [sum(words in text for text in texts) for words in ("base of lr", "the plan differs", "other code")] == [
        1,
        1,
        1,
    ]


class Counted:
    """A store that counts its operations, and the comparisons of amounts."""

    def __init__(self):
        self.store, self.operations, self.comparisons = dist.HashStore(), 0, 0

    def __getattr__(self, name):
        def call(*arguments):
            self.operations += 1
            self.comparisons += name in ("compare_set", "set") and "/amounts/" in arguments[0]
            return getattr(self.store, name)(*arguments)

        return call


class TokenRun:
    """A Scheduler of one rank whose amounts are compared, and its updates."""

    def __init__(self, turns, rank, tokens):
        self.turns, self.rank, self.tokens = turns, rank, tokens
        self.turns.run_as(rank)
        self.scheduler = ps.Scheduler(probe(), TOKENS)

    def update(self, updates=1):
        self.turns.run_as(self.rank)
        for _ in range(updates):
            self.scheduler.consumed(tokens=self.tokens)
            self.scheduler.optimizer.step()


@pytest.mark.parametrize("first", [0, 1], ids=["rank 0", "rank 1"])
def test_amounts_that_differ_stop_a_run_after_20_seconds(monkeypatch, caplog, first):
    turns, time = RanksInTurn(monkeypatch), FakeTime(monkeypatch)
    runs = [TokenRun(turns, 0, 3), TokenRun(turns, 1, 10)]
    runs[first].update()
    runs[1 - first].update(10)
    runs[first].update(9)
    time.pass_(19)
    for one in runs:
        one.update(10)
    assert (
        "comparison 0: rank 1 has 10, but rank 0 has 3. The run stops in 20 s, unless one of them is a" in caplog.text
    )
    time.pass_(1.5)
    runs[0].update()

    with pytest.raises(ps.errors.InvalidArgument, match="rank 1 would then have consumed 10 tokens, but rank 0 3"):
        runs[1].update()
    assert runs[1].scheduler.t == 20
    assert len(caplog.records) == 1


@given(st.data())
def test_dry_runs_in_any_order_stop_no_run_and_hide_no_different_amount(data):
    """Each rank makes dry runs before its own run, and any rank may be the next that moves."""
    size = data.draw(st.integers(2, 3), label="ranks")
    lengths = st.lists(st.integers(2, 70), max_size=2)  # one that agrees to its end is taken for the run
    dry_runs = [data.draw(lengths, label=f"updates of the dry runs of rank {rank}") for rank in range(size)]
    lost = data.draw(st.sampled_from([None, *range(size)]), label="the rank that reports another amount later")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank_agreement, "_TIMEOUT", timedelta(milliseconds=1))
        turns, time = RanksInTurn(patch), FakeTime(patch)
        plays = [iter(()) for _ in range(size)]
        runs = {}

        def play(rank):
            for number, updates in enumerate(dry_runs[rank]):
                look = TokenRun(turns, rank, data.draw(st.sampled_from([3 + number, 10]), label="first tokens"))
                for _ in range(updates):
                    look.update()
                    look.tokens = 3 + number
                    yield
            runs[rank] = TokenRun(turns, rank, 10)
            for _ in range(66):
                runs[rank].update()
                yield

        plays = {rank: play(rank) for rank in range(size)}
        while plays:
            rank = data.draw(st.sampled_from(sorted(plays)))
            for _ in range(data.draw(st.sampled_from([1, 2, 80]))):
                if next(plays[rank], "ended") == "ended":
                    del plays[rank]
                    break
        for t in range(200):
            time.pass_(1)
            for rank, run in runs.items():
                run.tokens = 10 + (rank == lost)
                if lost is not None and t > 150:
                    continue
                try:
                    run.update()
                except ps.errors.InvalidArgument:
                    assert lost is not None
                    return
        assert lost is None


@pytest.mark.parametrize("clock", ["tokens", "progress"])
@pytest.mark.parametrize(("size", "turns"), [(256, [0, 0, 0]), (2000, [0, 1, 60])])
def test_of_thousands_of_ranks_few_compare_at_the_same_update(monkeypatch, clock, size, turns):
    monkeypatch.setattr(rank_agreement, "_PATIENCE", timedelta(0))
    store, found = Counted(), {}
    for rank in (0, 65, 124):  # the last one differs from update 130 on
        run_as_one_of_several(monkeypatch, RanksOfRun(rank, store, "paramsched"), size)
        optimizer = probe()
        horizon = "10000 tokens" if clock == "tokens" else None
        scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear(1, 0)", clock=clock, horizon=horizon))
        found[rank] = []
        for t in range(260):
            before, differs = store.comparisons, rank == 124 and t >= 130
            if clock == "tokens":
                scheduler.consumed(tokens=10 + differs)
            else:
                scheduler.report(progress=(t + differs) / 1000)
            try:
                optimizer.step()
            except ps.errors.InvalidArgument as error:
                found[rank].append(str(error).partition(" has ")[0].partition(" would ")[0].partition(" is ")[0])
                break
            finally:
                if store.comparisons > before:
                    found[rank].append(t)

    call = "consumed(tokens" if clock == "tokens" else "report(progress"
    message = f"scheduler.{call}=…) before update 192: rank 124"
    first = [[0, 1] if turn == 0 else [turn] for turn in turns]
    last = [[192 + turn] if rank != 124 else [message, 192 + turn] for rank, turn in zip(found, turns, strict=True)]
    after = [[256] if turn == 0 else [257] if turn == 1 else [] for turn in turns]
    after[2] = []
    assert list(found.values()) == [
        [*first[place], 64 + turn, 128 + turn, *last[place], *after[place]] for place, turn in enumerate(turns)
    ]


@table(
    ("size", "environment", "prefix"),
    [
        (1, {}, None),
        (2, {}, "paramsched/2/"),
        (2, {"LOCAL_WORLD_SIZE": "2"}, "paramsched/2/"),
        (2, {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "3"}, "paramsched/2/3"),
        (4, {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "3"}, "paramsched/4/"),  # another node may differ
    ],
)
def test_the_keys_of_a_restarted_run_differ(size, environment, prefix, monkeypatch):
    for name in ("LOCAL_WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run_as_one_of_several(monkeypatch, RanksOfRun(1, None, ""), size)
    monkeypatch.setattr(dist.distributed_c10d, "_get_default_store", lambda: "the store")

    found = HERE()

    assert found == (None if prefix is None else RanksOfRun(1, "the store", prefix))


def test_the_keys_of_a_process_group_have_its_name(monkeypatch):
    run_as_one_of_several(monkeypatch, RanksOfRun(3, "the store", "paramsched/4/"), 4)
    monkeypatch.setattr(dist, "get_process_group_ranks", lambda group: [2, 3])

    world, group = (RanksOfRun.of(Processes(one)) for one in (None, SimpleNamespace(group_name="pair")))

    assert world == RanksOfRun(3, "the store", "paramsched/4/")
    assert group == RanksOfRun(3, "the store", "paramsched/4//pair", first=2)
    monkeypatch.setattr(dist, "is_initialized", lambda: False)
    assert RanksOfRun.of(Processes(SimpleNamespace(group_name="pair"))) is None


def test_without_torch_distributed_every_process_trains_alone(monkeypatch):
    monkeypatch.setattr(dist, "is_available", lambda: False)

    assert processes_of("any") is WORLD


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_difference_is_dropped_if_the_other_rank_starts_again_or_the_store_ends(monkeypatch, caplog, has_ended):
    def sleep(seconds):
        if has_ended:
            store.compare_set = lambda *_: refuse()
            return
        ranks.run_as(0)
        again = ps.Scheduler(probe(), LINEAR)
        again.optimizer.step()
        ranks.run_as(1)

    def refuse():
        raise dist.DistNetworkError("broken pipe")

    note_end_of_store.cache_clear()
    store = Counted()
    ranks = Ranks(monkeypatch, store)
    monkeypatch.setattr(rank_agreement, "_TIMEOUT", timedelta(hours=1))
    monkeypatch.setattr(rank_agreement.time, "sleep", sleep)
    ranks.train([ps.Scheduler(probe(), one) for one in (COSINE, LINEAR)], 1)

    assert warnings_in(caplog) == []
    assert ["has ended" in one.getMessage() for one in caplog.records] == [True] * has_ended


# ---------------------------------------------------------------------- records

GROUPS = [{"params": [None]}]


def ranks_of(store, size=2):
    return [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in range(size)]


@pytest.mark.parametrize("seconds", [1.0, 4.0, 7.0, 11.0, 19.0])
def test_the_first_difference_is_reported_however_long_a_comparison_takes(seconds, monkeypatch):
    store, readings = HashStore(), itertools.count(0.0, seconds)
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: next(readings))
    ranks = ranks_of(store)
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)
    for place in range(4):
        assert first.differing(ranks[0], place, str(64 * (place + 1))) is None

    found = (second.differing(ranks[1], min(t, 3), str(65 * (min(t, 3) + 1))) for t in range(100))
    reported = next(one for one in found if one is not None)

    assert (reported.place, reported.mine, reported.theirs) == (0, "65", "64")


@examples(400)
@given(st.data())
def test_runs_after_each_other_in_one_process_group_hide_no_difference(data):
    """In some runs a rank reports other amounts; a run may end before this is reported, and by the report."""
    size = data.draw(st.integers(2, 3), label="ranks")
    lost = data.draw(st.lists(st.sampled_from([None, *range(size)]), min_size=2, max_size=4), label="ranks that differ")
    choices = random.Random(data.draw(st.integers(0, 2**32)))
    store, now = HashStore(), [0.0]
    ranks = ranks_of(store, size)

    def reported(number, end):
        """Play a run, whose ranks are at most 3 updates apart; return whether a rank reports a difference."""
        records = [RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks]
        made = [0] * size
        while min(made) < end:
            rank = choices.choice([one for one in range(size) if made[one] <= min(made) + 3])
            tokens = 10 + (rank == lost[number])
            now[0] += 1 / size
            made[rank] += 1
            if records[rank].differing(ranks[rank], made[rank], str(tokens * made[rank])):
                return True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank_agreement.time, "monotonic", lambda: now[0])
        for number, one in enumerate(lost):
            ends_early = choices.random() < 0.3
            found = reported(number, 10 if ends_early else 60)
            assert found == (one is not None and not ends_early), number


def test_a_difference_from_a_dry_run_lasts_until_its_process_starts_another_scheduler(monkeypatch, caplog):
    store, now = HashStore(), [0.0]
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: now[0])
    ranks = ranks_of(store)
    dry_run, run, same = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in range(3))

    assert dry_run.differing(ranks[0], 0, "3") is None
    for _ in range(2):
        assert run.differing(ranks[1], 0, "10") is None
        assert run.is_waiting
    now[0] = 19.0
    assert run.differing(ranks[1], 0, "10") is None
    assert same.differing(ranks[0], 0, "10") is None
    now[0] = 21.0
    assert same.differing(ranks[0], 1, "20") is None
    assert run.differing(ranks[1], 1, "20") is None
    assert (run.is_waiting, same.is_waiting) == (False, False)
    texts = [one.partition(". ")[0] for one in caplog.messages]
    since = "comparison 0: another Scheduler of rank 0 agrees with rank 1: the run goes on"
    assert texts[0] == "comparison 0: rank 1 has 10, but rank 0 has 3"
    assert texts[1:] == [since]
    assert "The run stops in 20 s, unless one of them is a dry run" in caplog.messages[0]


@pytest.mark.parametrize(("looks", "is_told"), [(1, True), (2, False)])
def test_a_difference_that_the_end_of_the_process_leaves_undecided_is_told_once(looks, is_told, caplog):
    store = HashStore()
    ranks = ranks_of(store)
    first, second = (RankRecords("amounts/2", GROUPS, stops_run=True) for _ in range(2))
    rank_agreement._tell_at_the_end()  # what earlier tests left
    first.differing(ranks[0], 0, "3")
    for _ in range(looks):
        second.differing(ranks[1], 0, "10")
    caplog.clear()

    rank_agreement._tell_at_the_end()
    rank_agreement._tell_at_the_end()

    assert len(caplog.messages) == is_told


def test_a_place_that_the_first_process_has_not_reached_is_looked_at_again_a_few_times():
    store = HashStore()
    ranks = ranks_of(store)
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)

    waits = []
    for _ in range(6):
        assert second.differing(ranks[1], 0, "10") is None
        waits.append(second.is_waiting)
    assert waits == [True] * 3 + [False] * 3
    first.differing(ranks[0], 0, "10")
    first.differing(ranks[0], 64, "70")
    assert second.differing(ranks[1], 64, "70") is None
    assert not second.is_waiting


def test_a_new_start_is_not_compared_with_the_one_of_the_first_process_that_agreed_before(monkeypatch):
    monkeypatch.setattr(rank_agreement, "_TIMEOUT", timedelta(0))
    ranks, (first, second) = ranks_of(HashStore()), [RankRecords("runs", GROUPS) for _ in range(2)]
    for place in range(3):
        first.differing(ranks[0], place, f"before {place}")
        assert second.differing(ranks[1], place, f"before {place}") is None

    first, second = (RankRecords("runs", GROUPS) for _ in range(2))
    assert second.differing(ranks[1], 0, "after 0") is None  # rank 0 is late
    first.differing(ranks[0], 0, "other 0")
    first.differing(ranks[0], 1, "after 1")
    found = second.differing(ranks[1], 1, "after 1")

    assert (found.place, found.mine, found.theirs) == (0, "after 0", "other 0")


def test_a_comparison_takes_one_operation_and_a_start_a_few():
    store, taken = Counted(), []
    ranks = ranks_of(store)
    for _ in range(30):
        first, second = (RankRecords("runs", GROUPS) for _ in range(2))
        for place in range(3):
            for rank, records in ((1, second), (0, first), (1, second)):
                before = store.operations
                assert records.differing(ranks[rank], place, str(place)) is None
                taken.append((rank, place, store.operations - before))

    assert [max(n for at, _, n in taken if at == rank) for rank in (0, 1)] == [3, 4]
    assert [n for *at, n in taken if at == [1, 2]].count(1) == 30  # after rank 0 has written


def test_a_record_that_agrees_does_not_prolong_the_wait_for_one_that_differs(monkeypatch):
    store, now = HashStore(), itertools.count(0.0, 1.0)
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: next(now))
    ranks = ranks_of(store)
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)
    for place in range(40):
        first.differing(ranks[0], place, "64")

    reported = [place for place in range(40) if second.differing(ranks[1], place, "65" if place == 3 else "64")]

    assert reported
    assert reported[0] == 3 + 20


@pytest.fixture(params=[FakeStore, dist.HashStore])
def fake_group(request):
    messages._note_fake_group.cache_clear()
    dist.init_process_group("fake", store=request.param(), rank=1, world_size=8)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("clock", ["updates", "tokens", "progress"])
def test_a_process_of_a_fake_group_trains_alone_and_logs_it_once(fake_group, clock, caplog):
    plan = ps.Plan(lr="linear()", clock=clock)
    if clock in ("updates", "tokens"):
        plan = ps.Plan(lr="linear()", clock=clock, horizon=f"100 {clock}")
    caplog.set_level(logging.INFO, "paramsched")
    scheduler = ps.Scheduler(probe(), plan)
    for t in range(5):
        if clock == "tokens":
            scheduler.consumed(tokens=5)
        if clock == "progress":
            scheduler.report(progress=t / 10)
        scheduler.optimizer.step()

    assert scheduler.t == 5
    assert [one.levelname for one in caplog.records if "fake one" in one.getMessage()] == ["INFO"]
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


def test_a_process_is_in_the_groups_that_contain_it(fake_group):
    plan = ps.Plan(lr="linear()", horizon=10)
    for ranks in (None, [1], [0, 1]):
        group = dist.group.WORLD if ranks is None else dist.new_group(ranks)
        scheduler = ps.Scheduler(probe(), plan, process_group=group)
        scheduler.optimizer.step()
        assert scheduler.t == 1
    for wrong, found in ((dist.new_group([0, 2]), "rank 1 is not in the process group"), ("world", "got str")):
        with pytest.raises(ps.errors.InvalidArgument, match=found):
            ps.Scheduler(probe(), plan, process_group=wrong)
