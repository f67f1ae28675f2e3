"""The history of plans and their first updates: in the scheduler, in its state, and on the command line."""

import copy

import pytest
import torch

import paramsched as ps
from paramsched.errors import StateError
from support.records import record_in, with_record
from support.updates import probe, run

FIRST = ps.Plan(lr=ps.cosine(to=0.1), total=100)
SECOND = ps.Plan(lr=ps.cosine(to=0.5), total=120)
THIRD = ps.Plan(lr=ps.constant(), total=120)
NAMELESS = ps.Plan(ps.Binding("lr", ps.constant(), groups=lambda group: True), total=100)


def changed(*plans_and_updates):
    """Run several plans in turn, each for a number of updates; return the optimizer and the last scheduler."""
    optimizer = probe()
    scheduler = None
    for plan, updates in plans_and_updates:
        scheduler = ps.Scheduler(optimizer, plan)
        run(optimizer, updates)
    return optimizer, scheduler


def resumed(state, plan, on_change="new"):
    scheduler = ps.Scheduler(probe(), plan, on_change=on_change)
    scheduler.load_state_dict(state)
    return scheduler


def test_the_history_of_one_plan_is_that_plan_and_is_not_in_the_state():
    _, scheduler = changed((FIRST, 5), (FIRST, 5))

    assert scheduler.history == [[0, None, FIRST.text]]
    assert "history" not in record_in(scheduler.state_dict())


def test_a_plan_that_starts_during_a_run_is_in_the_history_from_that_update_on():
    scheduler = ps.Scheduler(probe({"initial_lr": 0.1}), FIRST, t=5)

    assert scheduler.history == record_in(scheduler.state_dict())["history"] == [[5, None, FIRST.text]]


def test_a_plan_replaced_before_its_first_update_is_not_in_the_history():
    _, scheduler = changed((FIRST, 50), (SECOND, 0), (THIRD, 3))

    assert scheduler.history == [[0, None, FIRST.text], [50, None, THIRD.text]]


def test_a_plan_without_text_has_no_text_in_the_history():
    _, scheduler = changed((NAMELESS, 50), (SECOND, 10))

    assert scheduler.history == [[0, None, None], [50, None, SECOND.text]]


def test_a_plan_that_differs_from_the_state_starts_at_the_update_of_the_state():
    _, saved = changed((FIRST, 50), (SECOND, 10))

    assert resumed(saved.state_dict(), THIRD).history == [*saved.history, [60, None, THIRD.text]]
    assert resumed(saved.state_dict(), SECOND).history == saved.history


def test_continuing_the_plan_of_the_checkpoint_adds_no_entry():
    _, saved = changed((FIRST, 50), (SECOND, 10))

    assert resumed(saved.state_dict(), THIRD, "checkpoint").history == saved.history


def test_an_optimizer_checkpoint_alone_has_the_plan_that_changed():
    trained, saved = changed((FIRST, 50))
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, SECOND)
    optimizer.load_state_dict(trained.state_dict())

    assert scheduler.history == [[0, None, FIRST.text], [50, None, SECOND.text]]

    scheduler.load_state_dict(saved.state_dict())

    assert scheduler.history == [[0, None, FIRST.text], [50, None, SECOND.text]]


def test_an_earlier_optimizer_checkpoint_truncates_the_history():
    optimizer = probe()
    ps.Scheduler(optimizer, FIRST)
    early = copy.deepcopy(run(optimizer, 30).state_dict())
    run(optimizer, 20)
    scheduler = ps.Scheduler(optimizer, SECOND)
    run(optimizer, 10)

    optimizer.load_state_dict(early)

    assert scheduler.history == [[0, None, FIRST.text], [30, None, SECOND.text]]


def test_seeking_back_makes_the_current_plan_start_there():
    optimizer, scheduler = changed((FIRST, 50), (SECOND, 10))
    scheduler.seek(20)
    run(optimizer, 5)
    scheduler.seek(60)

    assert scheduler.history == [[0, None, FIRST.text], [20, None, SECOND.text]]


def test_a_copy_has_the_history():
    pair = changed((FIRST, 50), (SECOND, 10))

    assert copy.deepcopy(pair)[1].history == pair[1].history


def test_a_history_is_loaded_with_weights_only(tmp_path):
    _, scheduler = changed((FIRST, 50), (SECOND, 10))
    torch.save(scheduler.state_dict(), tmp_path / "state.pt")

    assert torch.load(tmp_path / "state.pt", weights_only=True) == scheduler.state_dict()


@pytest.mark.parametrize(
    ("history", "message"),
    [
        pytest.param(3, "history is 3, not a list", id="not a list"),
        pytest.param([[0, None]], "history[0] is [0, None], not [update, amount, plan]", id="too short"),
        pytest.param([[True, None, SECOND.text]], "history[0] has update True", id="not a number"),
        pytest.param(
            [[5, None, "a"], [5, None, SECOND.text]], "history[1] has update 5, which is not after", id="not sorted"
        ),
        pytest.param([[5, -1, SECOND.text]], "history[0] has amount -1", id="negative amount"),
        pytest.param([[5, None, 7]], "the plan of history[0] is a int", id="not a text"),
        pytest.param([[0, None, FIRST.text]], "the last plan of history differs", id="another plan"),
        pytest.param([[0, None, SECOND.text, 3]], "the fourth element of history[0] is 3", id="no mapping"),
        pytest.param([[0, None, SECOND.text, {"who": "ann"}]], "history[0] has {'who': 'ann'}", id="unknown key"),
        pytest.param([[0, None, SECOND.text, {}, 1]], "not [update, amount, plan]", id="too long"),
    ],
)
def test_an_invalid_history_is_rejected_and_changes_nothing(history, message):
    _, scheduler = changed((FIRST, 50), (SECOND, 10))
    state = scheduler.state_dict()

    with pytest.raises(StateError) as refusal:
        scheduler.load_state_dict(with_record(state, history=history))

    assert message in str(refusal.value)
    assert scheduler.state_dict() == state


# ---------------------------------------------------------------------- the command
