"""Two processes that report amounts: values use the sum, and a different report raises."""

import pytest

from core.run import jobs
from core.run.amount_jobs import LONG, UPDATES, local_kl, local_tokens
from support.ports import free_port
from support.spread import spread

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", params=spread(["tcp", "file"], "tcp"))
def seen(request, tmp_path_factory):
    """Return the results of both processes for each job, with a rendezvous by port or by file."""
    folder = tmp_path_factory.mktemp("amounts")
    address = f"tcp://127.0.0.1:{free_port()}" if request.param == "tcp" else f"file://{folder / 'store'}"
    jobs.run("amount_jobs", [(address, rank, folder / f"{rank}.json") for rank in (0, 1)])
    return jobs.results(folder, 2)


def lr_at(amount):
    return 0.1 * (amount / 1000) if amount < 1000 else 0.1 * (1 - (min(amount, 90000) - 1000) / 89000)


def test_processes_use_the_planned_value_at_the_sum_of_their_tokens(seen):
    amounts = [0]
    for t in range(UPDATES):
        of_both = sum(local_tokens(rank, t) for rank in (0, 1)) + 1
        amounts.append(amounts[-1] + of_both + (3 if t % 50 == 13 else 0))

    for one in seen:
        job = one["same_sums"]
        skipped = [t for t in range(UPDATES) if t % 50 == 13]
        called = [amount for t, amount in enumerate(amounts[:-1]) for _ in range(2 if t in skipped else 1)]
        assert (job["t"], job["amount"]) == (UPDATES, amounts[-1])
        assert job["used"] == pytest.approx([lr_at(amount) for amount in called], rel=1e-14)


def test_processes_that_report_only_their_own_tokens_raise_in_time(seen):
    told = [one["local_amounts"] for one in seen if one["local_amounts"]["error"]]

    assert len(told) == 1  # only the later process has both numbers
    assert 0 < told[0]["t"] < LONG["updates"]
    assert told[0]["unchanged"]
    assert "before update 0: " in told[0]["error"]
    for rank in (0, 1):
        assert f"rank {rank}" in told[0]["error"]
        assert str(local_tokens(rank, 0)) in told[0]["error"]
    assert "Pass the same number in each process" in told[0]["error"]


def test_a_single_different_report_is_detected_later(seen):
    told = [one["one_different_amount"] for one in seen if one["one_different_amount"]["error"]]

    assert [one["unchanged"] for one in told] == [True]
    assert 128 < told[0]["t"] < LONG["updates"]
    assert {str(64 * 129), str(64 * 129 + 1)} <= set(told[0]["error"].replace(".", " ").split())


@pytest.mark.parametrize(
    "job",
    [
        "dry_run_before",
        "dry_run_of_another_model",
        "dry_run_while_the_other_rank_trains",
        "dry_run_during_the_run",
    ],
)
def test_an_extra_scheduler_in_one_process_does_not_stop_the_run(seen, job):
    assert [one[job]["error"] for one in seen] == [None, None]


@pytest.mark.parametrize(
    ("job", "amounts"),
    [
        ("dry_run_before_local_amounts", {"64", "65"}),
        ("dry_run_while_the_other_rank_trains_then_local_amounts", {str(65 * 64), str(2 * 64 + 63 * 65)}),
    ],
)
def test_an_extra_scheduler_does_not_hide_processes_that_report_their_own_tokens(seen, job, amounts):
    found = [one[job] for one in seen if one[job]["error"]]  # of both, if each was the second at one comparison

    assert all(one["unchanged"] for one in found)
    assert any(amounts <= set(one["error"].replace(".", " ").replace(",", " ").split()) for one in found)


def test_a_process_does_not_wait_for_one_without_a_scheduler(seen):
    assert seen[0]["alone"] == {"t": UPDATES, "error": None, "unchanged": True}


def test_processes_that_report_the_same_progress_agree(seen):
    for one in seen:
        job = one["same_progress"]
        assert (job["error"], job["t"]) == (None, UPDATES)
        assert job["used"] == pytest.approx([0.1 * (1 - t // 10 / 20) for t in range(UPDATES)], rel=1e-12)


@pytest.mark.parametrize(("job", "update"), [("other_progress", 0), ("other_progress_in_between", 64)])
def test_a_different_progress_raises_in_time(seen, job, update):
    (found,) = [one[job] for one in seen if one[job]["error"]]

    assert update < found["t"] == found["updates"] < LONG["updates"]
    assert f"before update {update}: " in found["error"]
    for words in ("rank 0", "rank 1", "0.1", "0.2", "scheduler.report(progress=…)"):
        assert words in found["error"]


def test_a_metric_that_is_held_follows_the_mean_of_all_processes(seen):
    expected, m = [], 1.0
    for t in range(UPDATES):
        expected.append(0.1 * m)
        kl = sum(local_kl(rank, t) for rank in (0, 1)) / 2
        m *= 1 + 0.1 * min(max(kl / 6 - 1, -0.2), 0.2)
    mine, other = (one["hold_of_the_mean"] for one in seen)

    assert mine == other
    assert mine["warnings"] == []
    assert mine["used"][1:] == pytest.approx([*expected[2:], 0.1 * m], rel=1e-12)


def test_a_metric_that_differs_between_processes_is_told_once_and_each_process_holds_its_own(seen):
    found = [one["hold_of_local_metrics"] for one in seen]
    (warning,) = [text for one in found for text in one["warnings"]]

    assert found[0]["used"] != found[1]["used"]
    assert 'hold("kl", at=6.0, gain=0.1) has the state' in warning
    assert "Pass the same metric to scheduler.observe(…) in each process, at the same updates: the mean" in warning
