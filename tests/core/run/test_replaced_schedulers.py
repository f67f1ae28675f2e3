"""A Scheduler that another one has replaced, and calls of torch's idiom that would have no effect."""

import copy

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.errors import InvalidArgument, ParamschedError
from support.tables import table
from support.updates import group, probe, run

PLAN = ps.Plan(lr="linear() * plateau('loss')", total=10)
USES = {
    "t": lambda value: value.t,
    "last_epoch": lambda value: value.last_epoch,
    "amount": lambda value: value.amount,
    "should_stop": lambda value: value.should_stop,
    "value": lambda value: value.value("lr"),
    "scalars": lambda value: value.scalars(),
    "get_last_lr": lambda value: value.get_last_lr(),
    "get_lr": lambda value: value.get_lr(),
    "base_lrs": lambda value: value.base_lrs,
    "states": lambda value: value.states,
    "history": lambda value: value.history,
    "a copy": lambda value: copy.deepcopy(value).t,
    "step": lambda value: value.step(),
    "seek": lambda value: value.seek(0),
    "observe": lambda value: value.observe(loss=1.0),
    "state_dict": lambda value: value.state_dict(),
    "load_state_dict": lambda value: value.load_state_dict({}),
}


@table("use", list(USES))
def test_a_replaced_scheduler_raises_at_every_use_and_changes_nothing(use):
    optimizer = probe()
    first = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)
    second = ps.Scheduler(optimizer, PLAN)
    before = dict(optimizer.param_groups[0])

    with pytest.raises(ParamschedError):
        USES[use](first)

    assert dict(optimizer.param_groups[0]) == before
    assert (second.t, "replaced" in repr(first)) == (3, True)


@table(
    "call",
    [
        lambda value: setattr(value, "last_epoch", 7),
        lambda value: setattr(value, "last_epoch", 0),
        lambda value: setattr(value, "last_epoch", -1),
        lambda value: value.step(7),
        lambda value: value.step(np.int64(7)),
        lambda value: value.step(None, 7),
        lambda value: value.step(epoch=7),
    ],
)
def test_a_number_of_updates_that_would_have_no_effect_is_refused_with_seek(call):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", total=10))
    run(optimizer, 3)

    with pytest.raises(InvalidArgument, match=r"write scheduler.seek\((7|0|n)\)"):
        call(scheduler)
    assert scheduler.t == 3


@table(
    "call",
    [
        lambda value: value.step(),
        lambda value: value.step(0.25),
        lambda value: setattr(value, "last_epoch", value.t + 1),
    ],
)
@pytest.mark.filterwarnings("ignore:scheduler.step.* ignores its argument")
def test_calls_of_engines_are_accepted_and_do_not_advance_the_plan(call):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", total=10))
    run(optimizer, 3)
    call(scheduler)

    assert scheduler.t == 3


def test_t_that_is_ignored_is_logged_with_the_jump_that_works(caplog):
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN).seek(5)
    again = probe()
    again.load_state_dict(optimizer.state_dict())
    scheduler = ps.Scheduler(again, PLAN, t=0)

    assert (scheduler.t, "scheduler.seek(0)" in caplog.text) == (5, True)
    scheduler.seek(0)
    assert scheduler.t == 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_load_that_goes_back_in_a_running_process_is_one_line(count, caplog):
    optimizers = {name: probe() for name in "ab"[:count]}
    scheduler = ps.Scheduler(optimizers if count == 2 else optimizers["a"], PLAN)

    def step():
        for optimizer in optimizers.values():
            optimizer.step()

    step()
    saved = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in optimizers.items()}
    state = copy.deepcopy(scheduler.state_dict())
    for _ in range(3):
        step()
    caplog.clear()
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(saved[name])
    scheduler.load_state_dict(state)

    assert caplog.messages == ["update 4 -> 1, from the loaded state"]


@pytest.mark.parametrize("order", [["optimizer", "scheduler"], ["scheduler", "optimizer"], ["t"]], ids="-".join)
def test_a_run_of_torch_is_continued_without_a_statement_about_the_code(order, caplog, recwarn):
    before, after = (torch.optim.SGD([group()], lr=0.1) for _ in range(2))
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(before, 100)
    for _ in range(40):
        before.step()
        cosine.step()
    if order == ["t"]:
        after.load_state_dict(before.state_dict())
        scheduler = ps.Scheduler(after, "cosine()", total=100, t=40)
    else:
        scheduler = ps.Scheduler(after, "cosine()", total=100)
        loads = {
            "optimizer": lambda: after.load_state_dict(before.state_dict()),
            "scheduler": lambda: scheduler.load_state_dict(cosine.state_dict()),
        }
        for name in order:
            loads[name]()

    assert after.param_groups[0]["lr"] == pytest.approx(before.param_groups[0]["lr"], rel=1e-12)
    assert scheduler.t == 40
    assert not any("in the code" in text for text in [*caplog.messages, *(str(warning.message) for warning in recwarn)])
    assert not any("base of lr" in text for text in caplog.messages)


@pytest.mark.parametrize(
    ("saved", "present", "warns"),
    [
        (["a", "b"], ["a", "b"], False),
        (["b", "a"], ["a", "b"], True),
        (["a", "c"], ["a", "b"], True),
        ([None, None], ["a", "b"], False),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_groups_with_other_names_in_the_same_places_are_warned_of_before_the_load(
    saved, present, warns, strict, recwarn
):
    def optimizer_of(names):
        return probe(*({"lr": 0.1} | ({} if name is None else {"name": name}) for name in names))

    first = optimizer_of(saved)
    second = optimizer_of(present)
    ps.Scheduler(first, "linear()", total=10)
    run(first, 3)
    scheduler = ps.Scheduler(second, "linear()", total=10, strict=strict)
    if warns and strict:
        with pytest.raises(ps.PlanWarning):
            second.load_state_dict(first.state_dict())
        assert (scheduler.t, [group["name"] for group in second.param_groups]) == (0, present)
        return
    second.load_state_dict(first.state_dict())

    assert scheduler.t == 3
    assert len(recwarn) == warns


@table(
    ("first", "second", "warns"),
    [
        ({"lr": "linear()", "weight_decay": "cosine()"}, {"lr": "linear()"}, True),
        ({"lr": "linear()"}, {"lr": "cosine()", "weight_decay": "cosine()"}, False),
        ({"lr": "linear()"}, {"lr": "linear()"}, False),
    ],
)
def test_a_second_scheduler_that_drops_a_line_is_warned_of(first, second, warns):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(**first, total=10))
    run(optimizer, 2)
    plan = ps.Plan(**second, total=10)
    if not warns:
        assert ps.Scheduler(optimizer, plan, strict=True).t == 2
        return
    with pytest.raises(ps.PlanWarning):
        ps.Scheduler(optimizer, plan, strict=True)
    assert scheduler.t == 2
    with pytest.warns(ps.PlanWarning, match="weight_decay"):
        ps.Scheduler(optimizer, plan)
