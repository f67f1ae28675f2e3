"""`scheduler.report(progress=…)`: positions, values on return, checkpoints, and what is refused."""

import copy
import itertools
import pickle
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact
from support.several import SharedClock, probes
from support.tables import table
from support.updates import probe, used

LR = 'warmup("5%") >> constant(over="until 57%") >> linear(to=0)'
PLAN = ps.Plan(lr=LR, clock="progress")
PLACES = [0.0, 0.01, 0.05, 0.3, 0.33333333333, 0.569999999, 0.57, 0.8, 1.0]


def lr_at(progress, base=0.1, plan=PLAN):
    return ps.trace(plan, {"lr": base}, amounts=[progress])["lr", 0].item()


def built(plan=PLAN, **options):
    optimizer = probe()
    return optimizer, ps.Scheduler(optimizer, plan, **options)


def lr_of(optimizer, index=0):
    return float(optimizer.param_groups[index]["lr"])


# ---------------------------------------------------------------------- positions and values


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@given(
    st.lists(st.sampled_from(["report", "report back", "update", "skip", "optimizer", "scheduler", "seek"])), st.data()
)
def test_every_update_uses_the_value_at_the_last_report_or_position(drive, actions, data):
    """The model: a count, a progress, and whether the progress is known."""
    optimizer, scheduler = built(drive=drive)
    expected = []
    t = 0
    progress = 0.0
    is_known = False
    saved = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for action in actions:
            if action == "report":
                progress = max(progress, data.draw(st.sampled_from(PLACES)))
                is_known = True
                scheduler.report(progress=progress)
                assert lr_of(optimizer) == lr_at(progress)
            elif action == "report back" and is_known:
                scheduler.report(progress=progress / 2)
            elif action == "update" and is_known:
                expected.append(lr_at(progress))
                optimizer.step()
                scheduler.step()
                t += 1
            elif action == "skip" and is_known and drive == "optimizer":
                optimizer.found_inf = torch.ones(1)
                optimizer.step()
                del optimizer.found_inf
                del optimizer.used[-1]
            elif action == "seek":
                t = data.draw(st.integers(1, 100))
                progress = data.draw(st.sampled_from(PLACES))
                is_known = True
                scheduler.seek(t, progress=progress)
            elif action in ("optimizer", "scheduler") and t:
                saved.append((action, t, progress, copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))))
                source, t, progress, states = data.draw(st.sampled_from(saved))
                before = optimizer.used
                optimizer, scheduler = built(drive=drive)
                optimizer.used = before
                if source == "optimizer":
                    optimizer.load_state_dict(states[0])
                else:
                    scheduler.load_state_dict(states[1])
                is_known = True
            assert (scheduler.t, scheduler.amount) == (t, round(progress * 1e9) / 1e9)
            assert scheduler.should_stop is (progress == 1)
            assert lr_of(optimizer) == lr_at(progress)
    assert used(optimizer) == expected


@pytest.mark.parametrize("tensors", [False, True])
def test_tensors_tuples_and_groups_hold_the_values_of_a_report(tensors):
    plan = ps.Plan(ps.Binding("betas[0]", "linear(absolute(0.5), absolute(0.9))"), lr="linear(1, 0)", clock="progress")
    lrs = [torch.tensor(lr, dtype=torch.float64) if tensors else lr for lr in (0.3, 0.07)]
    optimizer = probe(*({"lr": lr} for lr in lrs))
    scheduler = ps.Scheduler(optimizer, plan)
    for place in (0.25, 0.5, 0.5, 1.0):
        scheduler.report(progress=place)

        assert [lr_of(optimizer, index) for index in (0, 1)] == [0.3 * (1 - place), 0.07 * (1 - place)]
        assert [group["betas"][0] for group in optimizer.param_groups] == [0.5 + 0.4 * place] * 2
        optimizer.step()


@pytest.mark.parametrize("make", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_has_the_position(make):
    optimizer, scheduler = built()
    scheduler.report(progress=0.3)
    optimizer.step()
    scheduler.report(progress=0.8)
    optimizer, scheduler = make((optimizer, scheduler))

    assert (scheduler.t, scheduler.amount, lr_of(optimizer)) == (1, 0.8, lr_at(0.8))
    optimizer.step()
    assert used(optimizer) == [lr_at(0.8)]


# ---------------------------------------------------------------------- the table of cases


# ---------------------------------------------------------------------- several optimizers


@pytest.mark.parametrize("drive", ["optimizer", "b", "manual"])
def test_a_report_reaches_all_optimizers(drive):
    optimizers = probes("ab")
    scheduler = ps.Scheduler(optimizers, PLAN, drive=drive)
    with pytest.raises(MissingFact):
        (scheduler if drive == "manual" else optimizers["b"]).step()
    optimizers["b"].used.clear()
    for place in (0.0, 0.3, 0.3, 0.8):
        scheduler.report(progress=place)
        assert [lr_of(optimizer) for optimizer in optimizers.values()] == [lr_at(place), lr_at(place, base=0.2)]
        for optimizer in optimizers.values():
            optimizer.step()
        scheduler.step()

    assert (scheduler.t, scheduler.amount) == (4, 0.8)
    expected = [0.0, 0.3, 0.3, 0.8]
    assert used(optimizers["a"]) == [lr_at(place) for place in expected]
    assert used(optimizers["b"]) == [lr_at(place, base=0.2) for place in expected]


@table(
    "progress",
    [-0.1, float("nan"), True, None, "x", 1j, [0.3], torch.ones(2), torch.tensor(True)],
)
def test_a_progress_that_is_not_a_number_from_0_to_1_is_refused_and_changes_nothing(progress):
    optimizer, scheduler = built()
    scheduler.report(progress=0.8)

    with pytest.raises(InvalidArgument, match=r"scheduler\.report\(progress=0\.37\)"):
        scheduler.report(progress=progress)
    with pytest.raises(InvalidArgument, match=r"scheduler\.seek\(3, progress=0\.37\)"):
        scheduler.seek(3, progress=progress)

    assert (scheduler.t, scheduler.amount, lr_of(optimizer)) == (0, 0.8, lr_at(0.8))


@table("progress", [1.0000001, 2, float("inf")])
def test_a_seek_beyond_the_end_of_the_progress_is_refused(progress):
    _, scheduler = built()

    with pytest.raises(InvalidArgument, match=r"scheduler\.seek\(3, progress=0\.37\)"):
        scheduler.seek(3, progress=progress)

    assert (scheduler.t, scheduler.amount) == (0, 0.0)


@given(st.lists(st.sampled_from(["a", "b", "a", "b", "report", "optimizers", "scheduler"]), max_size=20), st.data())
def test_any_order_of_steps_reports_and_restarts(actions, data):
    """All fields follow the last report."""
    plan = ps.Plan(lr="linear(1, 0)", clock="progress")
    optimizers = probes("ab")
    model = SharedClock("ab")
    scheduler = ps.Scheduler(optimizers, plan)
    progress = 0.1
    scheduler.report(progress=progress)
    for action in actions:
        if action == "report":
            progress = max(progress, data.draw(st.integers(1, 100)) / 100)
            scheduler.report(progress=progress)
        elif action in ("optimizers", "scheduler") and model.t:
            states = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()}
            of_run = copy.deepcopy(scheduler.state_dict())
            optimizers = probes("ab")
            scheduler = ps.Scheduler(optimizers, plan)
            if action == "scheduler":
                scheduler.load_state_dict(of_run)
            else:
                for name in data.draw(st.sampled_from(list(itertools.permutations("ab")))):
                    optimizers[name].load_state_dict(states[name])
        elif action in optimizers:
            model.step(action)
            optimizers[action].step()
            entries = optimizers[action].used[-1][0]
            base = {"a": 0.1, "b": 0.2}[action]
            assert entries["lr"] == lr_at(progress, base, plan)
        assert (scheduler.t, scheduler.amount) == (model.t, progress)
