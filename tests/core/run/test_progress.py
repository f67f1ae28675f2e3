"""`scheduler.report(progress=…)`: positions, values on return, checkpoints, and what is refused."""

import copy
import itertools
import pickle
import warnings
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact, StateError
from support.records import record_in, with_record
from support.several import SharedClock, probes
from support.tables import table
from support.updates import probe, used

LR = 'warmup("5%") >> constant(over="until 57%") >> linear(previous, 0)'
PLAN = ps.Plan(lr=LR, clock="progress")
BY_TOKENS = ps.Plan(lr='linear(1, 0, over="1000 tokens")', clock="tokens")
PLACES = [0.0, 0.01, 0.05, 0.3, 0.33333333333, 0.569999999, 0.57, 0.8, 1.0]


def lr_at(progress, base=0.1, plan=PLAN):
    return ps.trace(plan, {"lr": base}, amounts=[progress])["lr", 0].item()


def built(plan=PLAN, **options):
    optimizer = probe()
    return optimizer, ps.Scheduler(optimizer, plan, **options)


def lr_of(optimizer, index=0):
    return float(optimizer.param_groups[index]["lr"])


def state_of(optimizer, scheduler):
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    return copy.deepcopy((groups, scheduler.state_dict(), len(optimizer.used)))


# ---------------------------------------------------------------------- positions and values


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@given(
    st.lists(st.sampled_from(["report", "report back", "update", "skip", "optimizer", "scheduler", "seek"])), st.data()
)
def test_every_update_uses_the_value_at_the_last_report_or_position(drive, actions, data):
    """The model: a count, a progress, and whether the progress is known."""
    optimizer, scheduler = built(drive=drive)
    expected, t, progress, is_known, saved = [], 0, 0.0, False, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for action in actions:
            if action == "report":
                progress, is_known = max(progress, data.draw(st.sampled_from(PLACES))), True
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
                t, progress, is_known = data.draw(st.integers(1, 100)), data.draw(st.sampled_from(PLACES)), True
                scheduler.seek(t, progress=progress)
            elif action in ("optimizer", "scheduler") and t:
                saved.append((action, t, progress, copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))))
                kind, t, progress, states = data.draw(st.sampled_from(saved))
                before = optimizer.used
                optimizer, scheduler = built(drive=drive)
                optimizer.used = before
                if kind == "optimizer":
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
    made = [torch.tensor(lr, dtype=torch.float64) if tensors else lr for lr in (0.3, 0.07)]
    optimizer = probe(*({"lr": lr} for lr in made))
    scheduler = ps.Scheduler(optimizer, plan)
    for place in (0.25, 0.5, 0.5, 1.0):
        scheduler.report(progress=place)

        assert [lr_of(optimizer, index) for index in (0, 1)] == [0.3 * (1 - place), 0.07 * (1 - place)]
        assert [group["betas"][0] for group in optimizer.param_groups] == [0.5 + 0.4 * place] * 2
        optimizer.step()


def test_a_report_may_reach_a_stage_whose_values_are_not_multiples_of_base():
    optimizer = probe({"lr": 0.3}, {"lr": 0.07})
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="constant(over='50%') >> absolute(constant(0.2))", clock="progress"))
    scheduler.report(progress=0.25)
    optimizer.step()

    scheduler.report(progress=0.75)

    assert [lr_of(optimizer, index) for index in (0, 1)] == [0.2, 0.2]


def test_all_public_amounts_are_fractions():
    optimizer, scheduler = built()
    assert (scheduler.amount, type(scheduler.amount)) == (0.0, float)
    scheduler.report(progress=1 / 3)
    optimizer.step()

    found = 0.333333333
    records = [record_in(one.state_dict()) for one in (scheduler, optimizer)]
    assert [scheduler.amount, *(one["amount"] for one in records)] == [found] * 3
    assert scheduler.scalars()["consumed_progress"] == scheduler.scalars("coming")["consumed_progress"] == found
    assert scheduler.history == [[0, 0.0, PLAN.text]]
    assert not any("said" in one for one in records)


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


def test_a_target_is_written_at_each_report_that_moves():
    written = []
    target = ps.Target("temperature", 2.0, write=written.append)
    _, scheduler = built(ps.Plan(ps.Binding(target, "linear(1, 0)"), lr="constant()", clock="progress"))
    scheduler.report(progress=0.0)
    scheduler.report(progress=0.25)
    scheduler.report(progress=0.25)

    assert written == [2.0, 1.5]
    assert scheduler.value("temperature") == 1.5


# ---------------------------------------------------------------------- the table of cases


def test_a_float_error_above_1_is_1():
    _, scheduler = built()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.report(progress=1.0000000000000002)
        scheduler.report(progress=1.0 - 1e-12)
    assert scheduler.amount == 1.0


@table(
    "given",
    [{"progress": value} for value in
     (-0.1, float("nan"), float("inf"), True, "0.3", None, torch.ones(2), torch.tensor(True), 1j, [0.3])]
    + [{}, {"tokens": 5}, {"progres": 0.3}, {"progress": 0.3, "tokens": 5}])  # fmt: skip
def test_an_invalid_report_is_refused_and_changes_nothing(given):
    optimizer, scheduler = built()
    scheduler.report(progress=0.3)
    optimizer.step()
    before = state_of(optimizer, scheduler)

    with pytest.raises(InvalidArgument, match=r"For example: scheduler\.report\(progress=0\.37\)"):
        scheduler.report(**given)
    assert state_of(optimizer, scheduler) == before


@pytest.mark.parametrize("kind", ["optimizer", "scheduler", "construct"])
def test_a_checkpoint_of_another_clock_is_refused_and_shows_seek(kind):
    optimizer, scheduler = built(ps.Plan(lr="linear()", horizon=1000))
    scheduler.seek(500)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    fresh, on_progress = built()
    before = state_of(fresh, on_progress)

    loaded = probe()
    loaded.load_state_dict(saved[0])
    resume = {
        "optimizer": lambda: fresh.load_state_dict(saved[0]),
        "scheduler": lambda: on_progress.load_state_dict(saved[1]),
        "construct": lambda: ps.Scheduler(loaded, PLAN),
    }[kind]
    with pytest.raises(StateError, match=r"carries no progress.*scheduler\.seek\(500, progress=…\)"):
        resume()
    assert state_of(fresh, on_progress) == before
    on_progress.seek(500, progress=0.8)
    if kind != "construct":
        resume()
    assert (on_progress.t, on_progress.amount, lr_of(fresh)) == (500, 0.8, lr_at(0.8))


@pytest.mark.parametrize("amount", [1.5, 37, -0.1, float("nan"), "0.3"])
def test_a_checkpoint_with_an_impossible_progress_is_refused(amount):
    optimizer, scheduler = built()
    scheduler.seek(5, progress=0.3)
    saved, state = (with_record(one.state_dict(), amount=amount) for one in (optimizer, scheduler))
    before = state_of(optimizer, scheduler)

    for load in (lambda: optimizer.load_state_dict(saved), lambda: scheduler.load_state_dict(state)):
        with pytest.raises(StateError, match="amount"):
            load()
    assert state_of(optimizer, scheduler) == before


def test_a_progress_that_a_checkpoint_has_as_an_integer_is_a_float():
    optimizer, scheduler = built()
    scheduler.seek(5, progress=1)
    optimizer.load_state_dict(with_record(optimizer.state_dict(), amount=1))

    assert (scheduler.amount, type(scheduler.amount), scheduler.should_stop) == (1.0, float, True)


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
        assert [lr_of(one) for one in optimizers.values()] == [lr_at(place), lr_at(place, base=0.2)]
        for one in optimizers.values():
            one.step()
        scheduler.step()

    assert (scheduler.t, scheduler.amount) == (4, 0.8)
    expected = [0.0, 0.3, 0.3, 0.8]
    assert used(optimizers["a"]) == [lr_at(place) for place in expected]
    assert used(optimizers["b"]) == [lr_at(place, base=0.2) for place in expected]


@given(st.lists(st.sampled_from(["a", "b", "a", "b", "report", "optimizers", "scheduler"]), max_size=20), st.data())
def test_any_order_of_steps_reports_and_restarts(actions, data):
    """Fields by updates follow the shared clock; fields by progress follow the last report."""
    plan = ps.Plan(lr="linear(1, 0)", weight_decay="linear(1, 0)", clock={"lr": "progress"}, horizon=64)
    optimizers, model = probes("ab"), SharedClock("ab")
    scheduler, progress = ps.Scheduler(optimizers, plan), 0.1
    scheduler.report(progress=progress)
    for action in actions:
        if action == "report":
            progress = max(progress, data.draw(st.integers(1, 100)) / 100)
            scheduler.report(progress=progress)
        elif action in ("optimizers", "scheduler") and model.t:
            states = {name: copy.deepcopy(one.state_dict()) for name, one in optimizers.items()}
            of_run = copy.deepcopy(scheduler.state_dict())
            optimizers = probes("ab")
            scheduler = ps.Scheduler(optimizers, plan)
            if action == "scheduler":
                scheduler.load_state_dict(of_run)
            else:
                for name in data.draw(st.sampled_from(list(itertools.permutations("ab")))):
                    optimizers[name].load_state_dict(states[name])
        elif action in optimizers:
            number = model.step(action)
            optimizers[action].step()
            entries = optimizers[action].used[-1][0]
            base = {"a": 0.1, "b": 0.2}[action]
            assert entries["lr"] == lr_at(progress, base, ps.Plan(lr="linear(1, 0)", clock="progress"))
            assert entries["weight_decay"] == 0.01 * (1 - number / 64)
        assert (scheduler.t, scheduler.amount) == (model.t, progress)


@table(
    ("value", "found"),
    [(0, 0.0), (1, 1.0), (1.5, 1.0), (2**2000, 1.0), (Fraction(1, 3), 0.333333333), (torch.tensor(0.5), 0.5)],
)
def test_any_real_number_is_a_progress_and_the_end_is_1(value, found):
    scheduler = ps.Scheduler(probe(), ps.Plan(lr="linear()", clock="progress"))
    scheduler.report(progress=value)

    assert scheduler.amount == found
