"""The warnings and the messages of a start, at the exact limits from which they are given."""

import warnings

import torch

import paramsched as ps
from support.tables import table
from support.updates import group, probe

PLAN = ps.Plan(lr="linear()", horizon=10)


def said(recwarn, caplog, optimizer, plan=PLAN, **given):
    recwarn.clear(), caplog.clear()
    scheduler = ps.Scheduler(optimizer, plan, **given)
    return scheduler, [str(one.message) for one in recwarn] + caplog.messages


@table(("t", "warns"), [(9, False), (10, False), (11, True)])
def test_a_run_that_is_longer_than_its_plan_warns(t, warns, recwarn, caplog):
    warnings.simplefilter("always")  # within `recwarn`
    optimizer = probe({"initial_lr": 0.1})
    scheduler, first = said(recwarn, caplog, optimizer, t=t)
    state, saved = scheduler.state_dict(), optimizer.state_dict()
    text = f"the optimizer has completed {t} updates, but the plan ends after 10: its last values are kept"
    found = [first]
    for load in (lambda new, again: new.load_state_dict(saved), lambda new, again: again.load_state_dict(state)):
        new = probe()
        again, _ = said(recwarn, caplog, new)
        recwarn.clear(), caplog.clear()
        load(new, again)
        found.append([str(one.message) for one in recwarn])

    assert [[one.startswith(text) for one in texts] for texts in found] == [[True] * warns] * 3


@table(
    ("horizon", "epoch", "clock", "warns"),
    [
        (9, 10, "updates", True),
        (10, 10, "updates", False),
        (9, None, "updates", False),
        ("1 epoch", 10, "updates", False),
        (9, 10, "samples", False),
    ],
)
def test_a_horizon_that_is_shorter_than_an_epoch_warns(horizon, epoch, clock, warns, recwarn, caplog):
    facts = {} if epoch is None else {"steps_per_epoch": epoch}
    facts |= {"batch_size": 2} if clock == "samples" else {}
    _, found = said(recwarn, caplog, probe(), ps.Plan(lr="linear()", horizon=horizon, clock=clock), **facts)

    text = "horizon=9 is 9 updates, less than one epoch of 10"
    assert [text in one and 'For 9 epochs write horizon="9 epochs"' in one for one in found] == [True] * warns


@table(
    ("steps", "initial", "given", "expected"),
    [
        (0, None, {}, []),
        (1, None, {}, ["no update count found in the optimizer; starting the plan at update 0"]),
        (2, None, {}, ["no update count found in the optimizer; starting the plan at update 0"]),
        (2, None, {"t": 0}, []),
        (2, 0.1, {}, ["no update count found in the optimizer; starting the plan at update 0"]),
        (2, 0.2, {}, ["base of lr in group 0: 0.2 in initial_lr, 0.1 in the code", "initial values as bases (lr 0.2)"]),
        (2, None, {"t": 2}, ["the plan starts at update 2 with the present values as bases (lr 0.1)"]),
        (2, 0.1, {"t": 2}, []),
    ],
)
def test_a_start_on_an_optimizer_that_has_stepped_is_reported(steps, initial, given, expected, recwarn, caplog):
    optimizer = torch.optim.AdamW([group(**({} if initial is None else {"initial_lr": initial}))], lr=0.1)
    for _ in range(steps):
        optimizer.step()

    _, found = said(recwarn, caplog, optimizer, **given)

    assert [text in one for text, one in zip(expected, found, strict=True)] == [True] * len(expected)
    warned = [str(one.message) for one in recwarn]
    assert bool(warned) == (steps > 1 and initial is None and given != {"t": 0})


@table(("steps", "warns"), [(0, False), (1, False), (2, True)])
def test_a_count_of_zero_is_reported_only_if_the_optimizer_has_stepped_more_often_than_a_hidden_step(
    steps, warns, recwarn, caplog
):
    saved, optimizer = (torch.optim.AdamW([group()], lr=0.1) for _ in range(2))
    ps.Scheduler(saved, PLAN, drive="manual")
    for _ in range(steps):
        saved.step()
    optimizer.load_state_dict(saved.state_dict())

    _, found = said(recwarn, caplog, optimizer)

    text = "the optimizer carries a count of 0 updates; starting the plan at update 0"
    assert [text in one for one in found] == [True] * warns


def test_a_message_names_four_bases_and_eight_groups(recwarn, caplog):
    for count, more in ((4, False), (5, True)):
        optimizer = torch.optim.AdamW([group(lr=0.1 + index) for index in range(count)])
        for _ in range(2):
            optimizer.step()
        _, (text,) = said(recwarn, caplog, optimizer)
        assert ("lr 3.1" in text, ", …)" in text) == (True, more)
    for count, more in ((8, False), (9, True)):
        optimizer = probe(*({"initial_lr": 0.5, "lr": 0.1 + index, "name": f"g{index}"} for index in range(count)))
        _, texts = said(recwarn, caplog, optimizer)
        text = next(one for one in texts if "initial_lr" in one)
        assert (f"{count} groups (g0, " in text, "g7" in text, "g8" in text, ", …)" in text) == (
            True,
            True,
            False,
            more,
        )


@table(
    ("steps", "entries", "given", "found"),
    [
        (3, {}, {}, "no update count found in the checkpoint of the optimizer|those of the code"),
        (0, {}, {}, "no update count found in the checkpoint of the optimizer|those of the code"),
        (3, {"initial_lr": 0.2}, {}, "no update count found in the checkpoint of the optimizer|initial values"),
        (
            3,
            {"paramsched_t": 0},
            {},
            "the checkpoint of the optimizer carries a count of 0 updates|the recorded values",
        ),
        (1, {"paramsched_t": 0}, {}, None),
        (3, {"paramsched_t": 3}, {}, None),
        (3, {}, {"t": 0}, None),
    ],
)
def test_a_checkpoint_without_a_position_warns_of_the_bases_that_are_used(steps, entries, given, found):
    saved, optimizer = (torch.optim.AdamW([group()], lr=0.1) for _ in range(2))
    for _ in range(steps):
        saved.step()
    saved.param_groups[0].update(entries)
    scheduler = ps.Scheduler(optimizer, PLAN, **given)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        optimizer.load_state_dict(saved.state_dict())

    expected = []
    if found is not None:
        count, bases = found.split("|")
        own = f" (its own state counts {steps})" if steps else ""
        expected = [
            f"{count}; starting the plan at update 0, with {bases} as bases. If it was saved after n updates, call "
            f"scheduler.seek(n){own}."
        ]
    assert [str(one.message) for one in warned] == expected
    assert (scheduler.t, scheduler.base_lrs) == (entries.get("paramsched_t", 0), [entries.get("initial_lr", 0.1)])
