"""When a process compares the amounts of a run, and which amount: a few processes at once, many in turns."""

from types import SimpleNamespace

import paramsched as ps
from paramsched.core.run.agreement import AmountAgreement, AmountComparison, RankRecords, RunAgreement
from paramsched.core.run.ranks import Ranks
from support.ranks import run_as_one_of_several
from support.tables import table
from support.updates import probe, run


@table(
    ("index", "size", "turn"),
    [(0, 2, 0), (1, 2, 0), (255, 256, 0), (0, 257, 0), (3, 257, 3), (64, 257, 0), (200, 300, 8)],
)
def test_amounts_are_compared_at_the_start_and_every_64_updates(index, size, turn, monkeypatch):
    compared = []
    monkeypatch.setattr(AmountAgreement, "compare", lambda _, t, amount, clock: compared.append((t, amount, clock)))
    for start in (0, 5, 63, 64):
        compared.clear()
        one = AmountComparison(7, start, [], SimpleNamespace(several=True, index=index, size=size))
        expected, noted = [], None
        for t in range(start, start + 200):
            at_once = t < start + 2 or t % 64 == 0
            assert one.is_due(t) == (at_once or t % 64 == turn)
            for _ in range(2):  # a skipped update is repeated
                one.compare(t, 10 * t, "tokens")
            assert not one.is_due(t)
            assert one.updates_until_due(t) == next(n for n in range(1, 65) if (t + n) % 64 in (0, turn))
            noted = (t, 10 * t, "tokens") if at_once else noted
            expected += [noted] * (t % 64 == turn or (at_once and not turn))
        assert compared == expected


def test_one_process_compares_nothing():
    one = AmountComparison(7, 0, [], SimpleNamespace(several=False))

    assert [t for t in range(130) if one.is_due(t)] == []


def test_progress_is_compared_although_it_is_not_reported_again(monkeypatch):
    compared = []
    monkeypatch.setattr(AmountAgreement, "compare", lambda _, t, amount, clock: compared.append((t, amount)))
    monkeypatch.setattr(RankRecords, "differing", lambda *_: None)
    run_as_one_of_several(monkeypatch, Ranks(1, None, ""))
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", clock="progress"))
    scheduler.report(progress=0.25)
    run(optimizer, 150)

    assert compared == [(0, 0.25), (64, 0.25), (128, 0.25)]


@table(("index", "size"), [(0, 2), (1, 2), (255, 256), (0, 600), (1, 600), (5, 600)])
def test_runs_are_compared_twice_at_the_start_then_every_64_updates_in_turns(index, size, monkeypatch):
    compared = []
    monkeypatch.setattr(RankRecords, "differing", lambda _, ranks, place, record: compared.append((place, record)))
    monkeypatch.setattr(Ranks, "of", staticmethod(lambda _: Ranks(index, None, "")))
    agreement = RunAgreement([], SimpleNamespace(index=index, size=size))
    for t in range(1, 1000):
        agreement.compare(t, SimpleNamespace(number=7), {})

    turns = 3 if size == 600 else 1
    updates = [1, *range(2, 1000, 64)]
    assert compared == [
        (place, f"[7, {{}}, {t}]")
        for place, t in enumerate(updates)
        if 0 in (place, index) or place % turns == index % turns  # the others compare with the first one
    ]


def test_a_difference_is_compared_again_before_each_update(monkeypatch):
    differs = [False]
    monkeypatch.setattr(AmountAgreement, "compare", lambda *_: None)
    monkeypatch.setattr(AmountAgreement, "is_waiting", property(lambda _: differs[0]))
    one = AmountComparison(7, 0, [], SimpleNamespace(several=True, index=0, size=2))
    one.compare(0, 0, "tokens")

    for waits, due, until in ((False, False, 54), (True, True, 1)):
        differs[0] = waits
        assert (one.is_due(10), one.updates_until_due(10)) == (due, until)


def test_runs_are_not_compared_after_the_process_group_was_destroyed(monkeypatch):
    compared = []
    monkeypatch.setattr(RankRecords, "differing", lambda _, ranks, place, record: compared.append(ranks))
    agreement = RunAgreement([], SimpleNamespace(index=0, size=2))

    for ranks in (Ranks(0, None, ""), None):
        monkeypatch.setattr(Ranks, "of", staticmethod(lambda _, found=ranks: found))
        agreement.compare(3, SimpleNamespace(number=7), {})
    assert compared == [Ranks(0, None, "")]
