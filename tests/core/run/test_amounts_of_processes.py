"""Two processes that report amounts: values use the sum, and a different report raises."""

import pytest

from core.run import jobs
from core.run.amount_jobs import UPDATES, local_kl, local_tokens
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


def test_processes_that_report_the_same_progress_agree(seen):
    for one in seen:
        job = one["same_progress"]
        assert (job["error"], job["t"]) == (None, UPDATES)
        assert job["used"] == pytest.approx([0.1 * (1 - t // 10 / 20) for t in range(UPDATES)], rel=1e-12)


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
