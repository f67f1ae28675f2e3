"""Runs with shapes of one's own: resumed at every update, and reported if the function has changed since."""

import copy
import pickle
import warnings

import pytest
import torch

import paramsched as ps
from support import generated_shapes  # noqa: F401  # registers the shapes
from support.registered_shapes import shapes_as_before
from support.tables import table
from support.updates import group

TOTAL = 20
LINES = ["warmup(3) >> generated_progress(power=3, to=0.1)", "generated_updates()", "restarts(generated_progress(), 6)"]


def adamw():
    return torch.optim.AdamW([group()], lr=0.1)


def resumed(optimizer, scheduler, line, how):
    if how == "copy":
        return copy.deepcopy((optimizer, scheduler))
    if how == "pickle":
        return pickle.loads(pickle.dumps((optimizer, scheduler)))
    fresh = adamw()
    if how == "load before":
        fresh.load_state_dict(optimizer.state_dict())
        return fresh, ps.Scheduler(fresh, line, total=TOTAL)
    after = ps.Scheduler(fresh, line, total=TOTAL)
    fresh.load_state_dict(optimizer.state_dict())
    return fresh, after


@table(("line", "how"), [(line, how) for line in LINES for how in ("load before", "load after", "copy", "pickle")])
def test_a_run_resumed_at_any_update_uses_the_planned_values(line, how):
    planned = ps.trace(ps.Plan(lr=line, total=TOTAL), {"lr": 0.1})["lr"].tolist()
    whole = adamw()
    stopped = ps.Scheduler(whole, line, total=TOTAL)
    for stop in range(TOTAL):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            optimizer, scheduler = resumed(whole, stopped, line, how)
        used = []
        for _ in range(stop, TOTAL):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        assert used == planned[stop:]
        assert scheduler.t == TOTAL
        whole.step()


def defined(shift):
    @ps.shape
    def of_a_run(u):
        return 1 / (shift + u)

    return of_a_run


@pytest.mark.parametrize("line", ["of_a_run()", "warmup(2) >> of_a_run(start=1, to=0.1)"])
def test_a_function_that_returns_other_values_than_at_the_save_is_reported_once(line):
    with shapes_as_before():
        defined(1)
        optimizer = adamw()
        ps.Scheduler(optimizer, line, total=TOTAL)
        for _ in range(10):
            optimizer.step()
        before = adamw()
        after = adamw()
        same = adamw()
        before.load_state_dict(optimizer.state_dict())
        defined(3)

        with pytest.warns(ps.PlanWarning, match="of_a_run") as at_the_start:
            ps.Scheduler(before, line, total=TOTAL)
        ps.Scheduler(after, line, total=TOTAL)
        with pytest.warns(ps.PlanWarning, match="of_a_run") as at_the_load:
            after.load_state_dict(optimizer.state_dict())
        now = f"{after.param_groups[0]['lr']:g} for update 10"
        assert [now in str(warning.message) for warning in (*at_the_start, *at_the_load)] == [True, True]
        same.load_state_dict(optimizer.state_dict())
        with pytest.raises(ps.PlanWarning):
            ps.Scheduler(same, line, total=TOTAL, strict=True)


def test_a_run_without_a_length_calls_a_function_for_its_own_updates_only():
    values = [1.0 / (1 + t) for t in range(70)]
    with shapes_as_before():

        @ps.shape
        def replay(t):
            return values[t]

        optimizer = adamw()
        ps.Scheduler(optimizer, "replay()")
        used = []
        for _ in values:
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()

    assert used == [0.1 * value for value in values]
