"""Two processes that report reduced or broadcast numbers use equal values."""

import math

import pytest

from core.run import jobs
from core.run.amount_jobs import SHORT, UPDATES, local_kl, local_tokens
from support.ports import free_port
from support.spread import spread

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", params=spread(["tcp", "file"], "tcp"))
def seen(request, tmp_path_factory):
    """Return the results of both processes for each job, with a rendezvous by port or by file."""
    folder = tmp_path_factory.mktemp("amounts")
    address = f"tcp://127.0.0.1:{free_port()}" if request.param == "tcp" else f"file://{folder / 'store'}"
    jobs.run("amount_jobs", [(address, rank, folder) for rank in (0, 1)])
    return jobs.results(folder, 2)


def lr_at(amount):
    return 0.1 * (amount / 1000) if amount < 1000 else 0.1 * (1 - (min(amount, 90000) - 1000) / 89000)


def test_processes_use_the_planned_value_at_the_sum_of_their_tokens(seen):
    amounts = [0]
    for t in range(UPDATES):
        of_both = sum(local_tokens(rank, t) for rank in (0, 1)) + 1
        amounts.append(amounts[-1] + of_both + (3 if t % 50 == 13 else 0))

    for answers in seen:
        job = answers["same_sums"]
        skipped = [t for t in range(UPDATES) if t % 50 == 13]
        called = [amount for t, amount in enumerate(amounts[:-1]) for _ in range(2 if t in skipped else 1)]
        assert (job["t"], job["amount"]) == (UPDATES, amounts[-1])
        assert job["used"] == pytest.approx([lr_at(amount) for amount in called], rel=1e-14)


def test_processes_use_the_planned_value_at_the_progress_of_rank_0(seen):
    for answers in seen:
        job = answers["same_progress"]
        assert job["t"] == UPDATES
        assert job["used"] == pytest.approx([0.1 * (1 - t // 10 / 20) for t in range(UPDATES)], rel=1e-12)


@pytest.mark.parametrize("clock", ["tokens", "progress"])
def test_a_run_with_a_plateau_and_a_load_has_the_rates_and_weights_of_one_run_on_both_ranks(seen, clock):
    first, second = (answers[clock] for answers in seen)
    whole = first["whole"]

    assert first["resumed"] == second["resumed"] == second["whole"] == whole
    assert len(whole["rates"]) == SHORT
    tokens = [sum(local_tokens(rank, t) for rank in (0, 1)) for t in range(SHORT)]
    done = [sum(tokens[:t]) / 15_000 if clock == "tokens" else t / SHORT for t in range(SHORT)]
    planned = [0.1 * (1 - 0.9 * share) for share in done]
    reductions = [round(math.log2(value / rate)) for value, rate in zip(planned, whole["rates"], strict=True)]
    expected = [value * 0.5**count for value, count in zip(planned, reductions, strict=True)]
    assert whole["rates"] == pytest.approx(expected, rel=1e-6)
    assert 0 < reductions[SHORT // 2 - 1] < reductions[-1]  # reduced before the load and after it


def test_a_metric_that_is_held_follows_the_mean_of_all_processes(seen):
    expected = []
    m = 1.0
    for t in range(UPDATES):
        expected.append(0.1 * m)
        kl = sum(local_kl(rank, t) for rank in (0, 1)) / 2
        m *= 1 + 0.1 * min(max(kl / 6 - 1, -0.2), 0.2)
    first, second = (answers["hold_of_the_mean"] for answers in seen)

    assert first == second
    assert first["used"][1:] == pytest.approx([*expected[2:], 0.1 * m], rel=1e-12)
