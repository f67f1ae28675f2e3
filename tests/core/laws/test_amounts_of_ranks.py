"""Ranks that report amounts: equal sums are never refused, and another sum is refused at the next comparison."""

import copy
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.run import agreement as rank_agreement
from paramsched.errors import InvalidArgument
from support.ranks import RanksInTurn
from support.updates import probe

UPDATES = 130
PLANS = {
    "tokens": ps.Plan(lr=ps.linear(1.0, 0.5), clock="tokens", horizon="9000 tokens"),
    "progress": ps.Plan(lr=ps.linear(1.0, 0.5), clock="progress"),
}


class Rank:
    """One rank, whose updates consist of three batches."""

    def __init__(self, clock: str) -> None:
        self.clock = clock
        self.optimizer = probe()
        self.scheduler = ps.Scheduler(self.optimizer, PLANS[clock])

    def resume(self):
        saved = copy.deepcopy((self.optimizer.state_dict(), self.scheduler.state_dict()))
        self.__init__(self.clock)
        self.optimizer.load_state_dict(saved[0])
        self.scheduler.load_state_dict(saved[1])

    def update(self, t, more, resumes):
        """Report the batches of an update, of which one resumes the run, and step."""
        for batch in range(3):
            if resumes == batch:
                self.resume()
            if self.clock == "tokens":
                self.scheduler.consumed(tokens=10 + (more if batch == 1 else 0))
            else:
                self.scheduler.report(progress=(3 * t + batch + more / 2) / 1000)
        self.optimizer.step()


@given(st.data())
def test_another_amount_of_a_rank_is_refused_at_the_next_comparison(data):
    clock = data.draw(st.sampled_from(["tokens", "progress"]))
    number = data.draw(st.integers(2, 3), label="ranks")
    differs_at = data.draw(st.none() | st.sampled_from([0, 1, 2, 5, 63, 64, 65]))
    other = data.draw(st.integers(1, number - 1), label="the rank that differs")
    resumed_at, batch = data.draw(st.none() | st.integers(1, 100)), data.draw(st.integers(0, 2))
    compared = {0, 1, 64, 128, *([] if resumed_at is None else [resumed_at, resumed_at + 1])}
    refused_at = None if differs_at is None else min(t for t in compared if t >= differs_at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank_agreement, "_PATIENCE", timedelta(0))  # otherwise 20 seconds later, for dry runs
        turns = RanksInTurn(patch)
        ranks = []
        for rank in range(number):
            turns.run_as(rank)
            ranks.append(Rank(clock))
        for t in range(UPDATES):
            for rank, one in enumerate(ranks):
                turns.run_as(rank)
                more = rank == other and differs_at is not None and t >= differs_at
                resumes = batch if t == resumed_at else None
                if t == refused_at and rank == other:
                    with pytest.raises(InvalidArgument, match=f"before update {t}: rank {rank} .* rank 0 "):
                        one.update(t, more, resumes)
                    assert one.scheduler.t == t
                    return
                one.update(t, more, resumes)
