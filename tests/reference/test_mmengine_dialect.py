"""What the dialect makes of MMEngine's configs against real MMEngine."""

import warnings

import numpy as np
from hypothesis import given

import mmengine_peer as peer
import paramsched as ps
from paramsched.config import mmengine

CALENDAR = ps.Calendar(total=f"{peer.EPOCHS} epochs", steps_per_epoch=peer.LENGTH)


def planned(plan, kind, groups):
    """What a plan gives: a row per update, a column per field and group, those it leaves alone included."""
    optimizer = peer.optimizer_of(kind, groups)
    trace = ps.trace(plan, optimizer, CALENDAR)
    rows = np.tile(peer.present(optimizer), (trace.total, 1))
    for index, field in enumerate(peer.FIELDS):
        for group in range(groups):
            if (field, group) in trace:
                rows[:, index * groups + group] = trace[field, group]
    return rows


@given(peer.lists())
def test_the_plan_of_a_list_traces_mmengines_values(drawn):
    configs, kind, groups = drawn
    expected = peer.peer_values(configs, kind, groups)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = mmengine.to_plan(configs, calendar=CALENDAR)

    peer.assert_same(planned(plan, kind, groups), expected, kind, groups)
