"""Records of several processes in a store: which difference is reported, and when."""

import itertools
from types import SimpleNamespace

import pytest
from torch.distributed import HashStore

from paramsched.core.runs import rank_agreement
from paramsched.core.runs.rank_agreement import RankRecords

GROUPS = [{"params": [None]}]


@pytest.mark.parametrize("seconds", [1.0, 4.0, 7.0, 11.0, 19.0])
def test_the_first_difference_is_reported_however_long_a_comparison_takes(seconds, monkeypatch):
    store, readings = HashStore(), itertools.count(0.0, seconds)
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: next(readings))
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", has_store=lambda: True) for own in (0, 1)]
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)
    for place in range(4):
        assert first.differing(ranks[0], place, str(64 * (place + 1))) is None

    found = (second.differing(ranks[1], min(t, 3), str(65 * (min(t, 3) + 1))) for t in range(100))
    reported = next(one for one in found if one is not None)

    assert (reported.place, reported.mine, reported.theirs) == (0, "65", "64")
