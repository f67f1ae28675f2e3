"""Warnings: those of a start at their exact limits, and as errors, by `python -W error` or by `strict=True`."""

import copy
import logging
import warnings

import pytest
import torch
import torch.distributed as dist

import paramsched as ps
from support.tables import table
from support.updates import group, planned, probe

TOTAL = 10
PLAN = ps.Plan(lr="linear()", total=TOTAL)


def sgd(lr=0.1, **entries):
    return torch.optim.SGD([group(lr=lr, **entries)])


def stepped(**entries):
    optimizer = torch.optim.AdamW([group(**entries)], lr=0.1)
    optimizer.step()
    optimizer.step()
    return optimizer


def decayed_in_part():
    return torch.optim.AdamW([group(weight_decay=0.1), group(weight_decay=0.0, name="no_decay")], lr=0.1)


STARTS = {
    "an end that looks like a rate": (sgd, ps.Plan(lr="cosine(to=1e-8)", total=TOTAL), {}),
    "a base of 0": (lambda: sgd(0.0), PLAN, {}),
    "two warmups": (lambda: sgd(warmup_steps=5), ps.Plan(lr="warmup(5) >> constant()", total=TOTAL), {}),
    "a decay that one group has": (
        decayed_in_part,
        ps.Plan(weight_decay="linear(1, absolute(0.4))", total=TOTAL),
        {},
    ),
    "an unknown position": (stepped, PLAN, {}),
    "bases of another scheduler": (stepped, PLAN, {"t": 2}),
    "a run that is over": (lambda: stepped(initial_lr=0.1), PLAN, {"t": TOTAL + 1}),
}


@pytest.fixture
def errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@table("name", STARTS)
@pytest.mark.parametrize("strict", [False, True])
def test_a_start_that_warns_has_changed_nothing(name, strict):
    make, plan, arguments = STARTS[name]
    optimizer = make()
    before = [copy.copy(group) for group in optimizer.param_groups]
    entries = {key: len(value) for key, value in vars(optimizer).items() if key.endswith("_hooks")}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if strict else "error")
        with pytest.raises(ps.PlanWarning):
            ps.Scheduler(optimizer, plan, strict=strict, **arguments)

    assert optimizer.param_groups == before
    assert {key: len(value) for key, value in vars(optimizer).items() if key.endswith("_hooks")} == entries


def by_hooks(plan, **arguments):
    optimizer = sgd()
    return ps.Scheduler(optimizer, plan, **arguments), [optimizer], optimizer.step


def by_hand(plan, **arguments):
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, plan, drive="manual", **arguments)
    return scheduler, [optimizer], scheduler.step


def of_several(drive):
    def begin(plan, **arguments):
        both = {"a": sgd(), "b": sgd(0.2)}
        scheduler = ps.Scheduler(both, plan, drive=drive, **arguments)

        def step():
            raised = []
            for optimizer in (both["b"], both["a"]):
                try:
                    optimizer.step()
                except UserWarning as error:
                    raised.append(error)
            if drive == "manual":
                scheduler.step()
            if raised:
                raise raised[0]

        return scheduler, [*both.values()], step

    return begin


BEGINS = {
    "hooks": by_hooks, "by hand": by_hand, "shared": of_several("optimizer"), "driven by one": of_several("a"),
    "several by hand": of_several("manual"),
}  # fmt: skip


PLANS = {
    "updates": (PLAN, {}),
    "amounts": (ps.Plan(lr="linear()", clock="tokens", total="1000 tokens"), {"tokens_per_step": 100}),
    "a target": (ps.Plan(ps.Binding(ps.Target("dropout", 0.5), "linear()"), lr="linear(1, 0.5)", total=TOTAL), {}),
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("begin", BEGINS)
def test_the_update_that_tells_the_end_of_the_plan_is_complete(errors, begin, plan):
    plan, facts = PLANS[plan]
    scheduler, optimizers, step = BEGINS[begin](plan, **facts)
    raised = []
    for update in range(1, TOTAL + 40):
        try:
            step()
        except UserWarning as warned:
            raised.append((update, "[PS406]" in str(warned)))
        assert scheduler.t == update
        for optimizer in optimizers:
            assert optimizer.param_groups[0]["paramsched_t"] == update
            assert optimizer.state_dict()["param_groups"][0]["paramsched_t"] == update

    assert raised == [(TOTAL + 1, True)]


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("begin", BEGINS)
def test_the_update_that_tells_an_external_write_is_complete(errors, begin, tensor):
    scheduler, optimizers, step = BEGINS[begin](PLAN)
    expected = planned(PLAN, {"lr": 0.1})
    (optimizer, *_) = optimizers
    raised = []
    for update in range(1, 5):
        optimizer.param_groups[0]["lr"] = torch.tensor(0.7) if tensor else 0.7
        try:
            step()
        except UserWarning as warned:
            raised.append((update, str(warned).startswith("lr of group")))
        assert scheduler.t == optimizer.param_groups[0]["paramsched_t"] == update
        assert optimizer.param_groups[0]["lr"] == expected[update]

    assert raised == [(1, True)]


@table("strict", [1, "yes", None])
def test_strict_is_a_boolean(strict):
    with pytest.raises(ps.errors.InvalidArgument):
        ps.Scheduler(sgd(), PLAN, strict=strict)


# ---------------------------------------------------------------------- limits


def said(recwarn, caplog, optimizer, plan=PLAN, **arguments):
    warnings.simplefilter("always")  # within `recwarn`
    recwarn.clear()
    caplog.clear()
    scheduler = ps.Scheduler(optimizer, plan, **arguments)
    return scheduler, [str(warning.message) for warning in recwarn] + caplog.messages


@table(("t", "warns"), [(9, False), (10, False), (11, True)])
def test_a_run_that_is_longer_than_its_plan_warns(t, warns, recwarn, caplog):
    optimizer = probe({"initial_lr": 0.1})
    scheduler, first = said(recwarn, caplog, optimizer, t=t)
    state = scheduler.state_dict()
    saved = optimizer.state_dict()
    text = f"the optimizer has completed {t} updates, but the plan ends after 10: its last values are kept"
    actual = [first]
    for load in (lambda new, again: new.load_state_dict(saved), lambda new, again: again.load_state_dict(state)):
        new = probe()
        again, _ = said(recwarn, caplog, new)
        recwarn.clear()
        caplog.clear()
        load(new, again)
        actual.append([str(warning.message) for warning in recwarn])

    assert [[message.startswith(text) for message in texts] for texts in actual] == [[True] * warns] * 3


@table(
    ("steps", "initial", "arguments", "expected"),
    [
        (0, None, {}, []),
        (1, None, {}, ["no update count found in the optimizer; starting the plan at update 0"]),
        (2, None, {}, ["no update count found in the optimizer; starting the plan at update 0"]),
        (2, None, {"t": 0}, []),
        (2, 0.1, {}, ["no update count found in the optimizer; starting the plan at update 0"]),
        (
            2,
            0.2,
            {},
            ["base of lr in group 0: 0.2 in initial_lr, 0.1 in the group", "initial values as bases (lr 0.2)"],
        ),
        (2, None, {"t": 2}, ["the plan starts at update 2 with the present values as bases (lr 0.1)"]),
        (2, 0.1, {"t": 2}, []),
        (2, 0.2, {"t": 2}, ["the plan continues at update 2 with lr 0.1"]),  # an earlier scheduler has changed the rate
    ],
)
def test_a_start_on_an_optimizer_that_has_stepped_is_reported(steps, initial, arguments, expected, recwarn, caplog):
    optimizer = torch.optim.AdamW([group(**({} if initial is None else {"initial_lr": initial}))], lr=0.1)
    for _ in range(steps):
        optimizer.step()

    _, actual = said(recwarn, caplog, optimizer, **arguments)

    assert [text in message for text, message in zip(expected, actual, strict=True)] == [True] * len(expected)
    warned = [str(warning.message) for warning in recwarn]
    assert bool(warned) == (steps > 1 and initial is None and arguments != {"t": 0})


@table(("steps", "warns"), [(0, False), (1, False), (2, True)])
def test_a_count_of_zero_is_reported_only_if_the_optimizer_has_stepped_more_often_than_a_hidden_step(
    steps, warns, recwarn, caplog
):
    saved, optimizer = (torch.optim.AdamW([group()], lr=0.1) for _ in range(2))
    ps.Scheduler(saved, PLAN, drive="manual")
    for _ in range(steps):
        saved.step()
    optimizer.load_state_dict(saved.state_dict())

    _, actual = said(recwarn, caplog, optimizer)

    text = "the optimizer carries a count of 0 updates; starting the plan at update 0"
    assert [text in message for message in actual] == [True] * warns


@table(
    ("line", "steps", "warns"),
    [
        *((line, 10, True) for line in (
            "warmup(10) >> constant()", "warmup(1) >> constant()", "warmup(10, start=0.25) >> cosine()",
            "absolute(warmup(10, start=0.05, to=0.2))", 'warmup("50%") >> cosine()',
        )),
        ("warmup(10) >> constant()", 0, False),
        *((line, 10, False) for line in ("constant()", "cosine()", "constant(0.5)", "cosine(to=0.5)")),
    ],
)  # fmt: skip
def test_a_plan_that_warms_up_and_an_optimizer_that_does_are_one_warning(line, steps, warns, recwarn, caplog):
    groups = [group(warmup_steps=steps) for _ in range(2)]
    plain = {"plain": sgd(), "free": torch.optim.SGD(groups, lr=0.1)}
    for optimizer in (torch.optim.SGD(groups, lr=0.1), plain):
        _, actual = said(recwarn, caplog, optimizer, ps.Plan(lr=line, total=1000))

        assert [f"has warmup_steps={steps}, and the plan begins at" in text for text in actual] == [True] * warns


@table("line", ["absolute(linear(0, 0.4))", "linear(1, absolute(0.4))"])
def test_an_absolute_decay_of_a_group_without_decay_is_one_warning_and_its_line_silences_it(line, recwarn, caplog):
    _, (text,) = said(recwarn, caplog, decayed_in_part(), ps.Plan(weight_decay=line, total=100))

    assert text.startswith("weight_decay of group 'no_decay' is 0 in the optimizer")
    line_of_message = text.rsplit("this group: ", 1)[1].removesuffix(" [PS323]")
    added = eval(line_of_message, {"ps": ps})
    optimizer = decayed_in_part()
    assert said(recwarn, caplog, optimizer, ps.Plan(added, weight_decay=line, total=100))[1] == []
    assert optimizer.param_groups[1]["weight_decay"] == 0


@table(
    "plan",
    [
        ps.Plan(weight_decay="linear(0.4, 1)", total=100),
        ps.Plan(ps.Binding("weight_decay", "absolute(0.1)", groups="no_decay"), total=100),
        ps.Plan(lr="absolute(0.1)", total=100),
    ],
)
def test_multiples_a_line_of_the_group_itself_and_other_fields_are_silent(plan, recwarn, caplog):
    _, actual = said(recwarn, caplog, decayed_in_part(), plan)

    assert not [text for text in actual if "weight_decay of group" in text]


@pytest.mark.parametrize(
    ("backend", "rank", "level"), [("gloo", 0, "WARNING"), ("gloo", 1, "INFO"), ("fake", 1, "WARNING")]
)
def test_what_every_process_detects_is_a_warning_in_the_first_one_only(
    backend, rank, level, caplog, recwarn, monkeypatch
):
    caplog.set_level(logging.INFO, "paramsched")
    first = sgd()
    second = sgd(lr=0.3)
    ps.Scheduler(first, ps.Plan(lr="cosine()", total=TOTAL))
    first.step()
    for name, value in {"is_initialized": True, "get_backend": backend, "get_rank": rank}.items():
        monkeypatch.setattr(dist, name, lambda *_, value=value: value)

    ps.Scheduler(second, PLAN)
    second.load_state_dict(first.state_dict())
    second.param_groups[0]["lr"] = 7.0
    second.step()

    assert {record.levelname for record in caplog.records} == {level}
    assert len(recwarn) == 2 * (level == "WARNING")
    texts = [str(warning.message) for warning in recwarn] + caplog.messages
    actual = [sum(words in text for text in texts) for words in ("base of lr", "the plan differs", "other code")]
    assert actual == [1, 1, 1]


LONGER = ps.Plan(lr="cosine()", total=30)


@table(
    ("plan", "is_kept", "levels"),
    [(PLAN, True, ["INFO"]), (PLAN, False, []), (LONGER, True, ["WARNING"]), (LONGER, False, ["WARNING"])],
)
def test_a_second_scheduler_is_logged_once_and_a_deleted_one_only_if_its_plan_differs(plan, is_kept, levels, caplog):
    optimizer = sgd()
    first = ps.Scheduler(optimizer, PLAN)
    optimizer.step()
    caplog.clear()
    first = first if is_kept else None

    with caplog.at_level(logging.INFO, "paramsched"):
        scheduler = ps.Scheduler(optimizer, plan)

    assert [record.levelname for record in caplog.records] == levels
    assert (scheduler.t, len(optimizer._optimizer_step_post_hooks)) == (1, 1)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize(
    "arguments", [{"metrics": 0.3}, {"metrics": torch.tensor(0.3)}, {"metrics": float("nan")}, {"metrics": True}]
)
def test_a_metric_without_a_rule_is_warned_of_once_and_with_strict_raised(drive, arguments):
    actual = []
    for strict in (False, True):
        optimizer = probe()
        scheduler = ps.Scheduler(optimizer, "linear()", total=10, drive=drive, strict=strict)
        for _ in range(3):
            optimizer.step()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    scheduler.step(**arguments)
                except ps.PlanWarning:
                    actual.append(("raised", scheduler.t))
            actual += [("warned", scheduler.t) for warning in caught if "no metric rule" in str(warning.message)]

    assert actual == [("warned", 1), ("raised", 1)]


def test_a_metric_of_a_rule_and_a_step_without_one_are_silent(recwarn):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, "plateau('val_loss')", total=10)
    plain = ps.Scheduler(second := probe(), "linear()", total=10)
    for _ in range(3):
        optimizer.step()
        second.step()
        scheduler.step(0.3)
        plain.step()

    assert [str(warning.message) for warning in recwarn if warning.category is ps.PlanWarning] == []


@table(
    ("field", "group", "place"),
    [
        ("lr", None, ""),
        ("lr", "head", "group head: "),
        ("weight_decay", None, "weight_decay: "),
        ("weight_decay", "head", "weight_decay of group head: "),
    ],
)
def test_a_warning_of_a_line_begins_with_its_field_and_its_group(field, group, place, recwarn, caplog):
    optimizer = torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.ones(1))], "name": "head"}], lr=0.1, weight_decay=0.1
    )
    _, (text,) = said(recwarn, caplog, optimizer, ps.Plan(ps.Binding(field, "wsd(2, 20)", groups=group), total=10_000))

    assert text.startswith(f"{place}the decay takes 20 of 10000 updates")
