"""`on_base`: the base of the code or of the checkpoint, and the bases in the history of a run."""

import copy
import itertools
import json
import warnings

import pytest
import torch

import paramsched as ps
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(weight_decay=ps.linear(1.0, 0.0), lr=ps.warmup(5) >> ps.cosine(to=0.1), total=100)
OLD, NEW = (planned(PLAN, {"lr": base, "weight_decay": 0.01}) for base in (1e-3, 5e-4))
LINE = "base of lr in group 0: 0.001 in the checkpoint, 0.0005 in the code. From update 40 on, that of the code applies"


def saved_run(updates=40, lr=1e-3, plan=PLAN, **choice):
    optimizer = probe(lr=lr)
    scheduler = ps.Scheduler(optimizer, plan, **choice)
    run(optimizer, updates)
    return copy.deepcopy(optimizer.state_dict()), scheduler.state_dict()


def resumed(saved, order, lr=5e-4, plan=PLAN, on_base="code", **arguments):
    optimizer = probe(lr=lr)
    scheduler = ps.Scheduler(optimizer, plan, on_base=on_base, **arguments)
    for name in order:
        if name == "optimizer":
            optimizer.load_state_dict(copy.deepcopy(saved[0]))
        else:
            scheduler.load_state_dict(saved[1])
    return optimizer, scheduler


ORDERS = [("optimizer",), ("scheduler",), ("optimizer", "scheduler"), ("scheduler", "optimizer")]
BASES = [{"lr": {"0": 1e-3}}, {"lr": {"0": 5e-4}}]


def texts(warned):
    return [str(warning.message) for warning in warned]


def bases_in(history):
    return [(entry[0], entry[3]["bases"]) for entry in history if len(entry) == 4]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_the_base_of_the_code_applies_from_the_update_of_the_checkpoint_on(order, caplog):
    optimizer, scheduler = resumed(saved_run(), order)

    run(optimizer, 20)

    assert used(optimizer) == NEW[40:60]
    assert scheduler.base_lrs == [optimizer.param_groups[0]["initial_lr"]] == [5e-4]
    assert caplog.messages.count(LINE) == 1
    assert scheduler.history == [
        [0, None, PLAN.text, {"bases": BASES[0]}],
        [40, None, PLAN.text, {"bases": BASES[1]}],
    ]


def test_the_history_replays_every_past_value():
    first, scheduler = resumed(saved_run(), ("optimizer", "scheduler"))
    run(first, 20)
    third = (copy.deepcopy(first.state_dict()), scheduler.state_dict())
    second, scheduler = resumed(third, ("scheduler", "optimizer"), lr=2e-4)
    run(second, 20)

    actual = []
    base = None
    entries = json.loads(json.dumps(scheduler.history))
    for entry, after in itertools.pairwise([*entries, [80]]):
        base = entry[3]["bases"]["lr"]["0"]
        actual += planned(ps.Plan.of_text(entry[2]), {"lr": base, "weight_decay": 0.01})[entry[0] : after[0]]
    assert actual == OLD[:40] + used(first) + used(second)
    assert bases_in(scheduler.history) == [(0, BASES[0]), (40, BASES[1]), (60, {"lr": {"0": 2e-4}})]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize(("on_base", "base"), [("code", 0.02), ("checkpoint", 0.2), ("error", None)])
def test_a_field_that_only_the_checkpoint_has_keeps_the_choice_of_its_base(order, on_base, base, caplog, recwarn):
    saved = probe(weight_decay=0.2)
    scheduler = ps.Scheduler(saved, PLAN)
    run(saved, 40)
    states = copy.deepcopy(saved.state_dict()), scheduler.state_dict()

    def resumed_with_decay():
        optimizer = probe(weight_decay=0.02)
        plan = ps.Plan(lr=ps.warmup(5) >> ps.cosine(to=0.1), total=100)
        scheduler = ps.Scheduler(optimizer, plan, on_base=on_base, on_change="checkpoint")
        for name in order:
            (optimizer if name == "optimizer" else scheduler).load_state_dict(
                copy.deepcopy(states[name == "scheduler"])
            )
        return optimizer

    if base is None:
        with pytest.raises(ps.errors.PlanChanged):
            resumed_with_decay()
        return
    optimizer = resumed_with_decay()

    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(base * 0.6, rel=1e-12)
    assert [
        message.partition(":")[0] for message in caplog.messages + texts(recwarn) if message.startswith("base of")
    ] == ["base of weight_decay in group 0"]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_groups_have_their_labels_and_tensors_their_values(order, caplog):
    def started(head):
        lrs = (torch.tensor(lr, dtype=torch.float64) for lr in (1e-3, head))
        optimizer = probe(*({"name": name, "lr": lr} for name, lr in zip(("body", "head"), lrs, strict=True)))
        return optimizer, ps.Scheduler(optimizer, PLAN, on_base="code")

    optimizer, scheduler = started(1e-3)
    run(optimizer, 40)
    saved = {"optimizer": copy.deepcopy(optimizer.state_dict()), "scheduler": scheduler.state_dict()}

    optimizer, scheduler = started(5e-4)
    for name in order:
        {"optimizer": optimizer, "scheduler": scheduler}[name].load_state_dict(copy.deepcopy(saved[name]))
    run(optimizer, 3)

    assert (used(optimizer), used(optimizer, index=1)) == (OLD[40:43], NEW[40:43])
    assert bases_in(scheduler.history) == [(0, {"lr": {"head": 1e-3}}), (40, {"lr": {"head": 5e-4}})]
    assert [message for message in caplog.messages if not message.endswith(" now")] == [
        LINE.replace("group 0", "group head")
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(("a", "b", "scheduler"))), ids="-".join)
@pytest.mark.parametrize("behind", [False, True])
def test_two_optimizers_change_their_bases_alone(order, behind, caplog):
    def started(lr):
        both = {"a": probe(lr=lr), "b": probe({"name": "x"}, {"name": "y", "lr": lr})}
        return both, ps.Scheduler(both, PLAN, on_base="code")

    both, scheduler = started(1e-3)
    for _ in range(40):
        both["a"].step()
        both["b"].step()
    if behind:
        both["a"].step()
    saved = copy.deepcopy({name: optimizer.state_dict() for name, optimizer in both.items()})
    saved["scheduler"] = copy.deepcopy(scheduler.state_dict())
    caplog.clear()

    both, scheduler = started(5e-4)
    for name in order:
        (both | {"scheduler": scheduler})[name].load_state_dict(copy.deepcopy(saved[name]))
    if behind:
        both["b"].step()
    for _ in range(3):
        both["a"].step()
        both["b"].step()

    t = 40 + behind
    assert used(both["a"]) == NEW[t : t + 3]
    assert used(both["b"]) == planned(PLAN, {"lr": 0.1, "weight_decay": 0.01})[40 : t + 3]
    assert used(both["b"], index=1) == NEW[40 : t + 3]
    assert bases_in(scheduler.history)[-1] == (t, {"lr": {"a/0": 5e-4, "b/y": 5e-4}})


@pytest.mark.parametrize(
    ("change", "bases"),
    [
        (lambda groups: groups.reverse(), [7e-4, 5e-4]),
        (lambda groups: groups.append(group(lr=9e-4, weight_decay=0.01)), [5e-4, 7e-4, 9e-4]),
        (lambda groups: groups.pop(0), [7e-4]),
    ],
    ids=["reversed", "added", "removed"],
)
@pytest.mark.parametrize("updates", [0, 1])
def test_the_bases_of_the_code_belong_to_the_groups_and_not_to_their_places(change, bases, updates):
    optimizer = probe({"lr": 5e-4}, {"lr": 7e-4})
    saved = probe(*[{"lr": 1e-3} for _ in bases])
    scheduler = ps.Scheduler(optimizer, PLAN, on_base="code")
    ps.Scheduler(saved, PLAN)
    run(saved, 40)

    change(optimizer.param_groups)
    run(optimizer, updates)
    optimizer.load_state_dict(copy.deepcopy(saved.state_dict()))

    assert scheduler.base_lrs == bases


# ------------------------------------------------------------------ entries that the user has edited

EDITED = "was changed after the save or the last update"
NUMBER_TYPES = {
    "float": float,
    "float32": lambda value: torch.tensor(value, dtype=torch.float32),
    "float64": lambda value: torch.tensor(value, dtype=torch.float64),
}


def edited(groups, entries, number_type=float, index=0):
    for entry, number in entries.items():
        groups[index][entry] = number if entry == "initial_lr" or isinstance(number, tuple) else number_type(number)


def warned_by(action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    return result, [text for text in texts(caught) if EDITED in text]


def begun(order, saved, state, change, new, attach):
    """Resume in one of the orders in which a user may edit a checkpoint."""
    optimizer = new()
    if order == "file, load, start":
        change(saved["param_groups"])
        optimizer.load_state_dict(saved)
        attach(optimizer)
    elif order == "load, edit, start":
        optimizer.load_state_dict(saved)
        change(optimizer.param_groups)
        attach(optimizer)
    elif order == "file, start, load":
        scheduler = attach(optimizer)
        change(saved["param_groups"])
        optimizer.load_state_dict(saved)
        scheduler.load_state_dict(state)
    elif order == "start, load, edit, state":
        scheduler = attach(optimizer)
        optimizer.load_state_dict(saved)
        change(optimizer.param_groups)
        scheduler.load_state_dict(state)
    elif order == "start, load, edit, start":
        attach(optimizer)
        optimizer.load_state_dict(saved)
        change(optimizer.param_groups)
        attach(optimizer)
    return optimizer


EDIT_ORDERS = [
    "file, load, start", "load, edit, start", "file, start, load", "start, load, edit, state",
    "start, load, edit, start",
]  # fmt: skip


@pytest.mark.parametrize("number_type", NUMBER_TYPES)
@pytest.mark.parametrize("order", EDIT_ORDERS)
@pytest.mark.parametrize(
    ("entries", "numbers"),
    [
        ({}, None),
        ({"lr": 0.02}, "lr in group 0 is 0.02 instead of 0.005"),
        ({"initial_lr": 0.02}, "initial_lr in group 0 is 0.02 instead of 0.01"),
        ({"lr": 0.01, "initial_lr": 0.02}, "initial_lr in group 0 is 0.02 instead of 0.01"),
        ({"betas": (0.5, 0.9)}, "betas[0] in group 0 is 0.5 instead of 0.675"),
        ({"weight_decay": 0.3}, None),  # the plan does not write it
    ],
)
def test_an_edited_entry_is_reported_in_every_order(order, entries, numbers, number_type):
    new = lambda: probe({"lr": NUMBER_TYPES[number_type](0.01)}, {"lr": NUMBER_TYPES[number_type](0.03)})  # noqa: E731
    plan = ps.Plan(ps.Binding("betas[0]", "linear(1, 0.5)"), lr="linear()", total=10)
    first = new()
    scheduler = ps.Scheduler(first, plan)
    run(first, 5)
    saved, state = copy.deepcopy((first.state_dict(), scheduler.state_dict()))

    optimizer, actual = warned_by(
        lambda: begun(
            order, saved, state, lambda groups: edited(groups, entries, NUMBER_TYPES[number_type]), new,
            lambda value: ps.Scheduler(value, plan),
        )
    )  # fmt: skip

    assert [message.partition(" at update 5: ")[0] for message in actual] == [numbers] * (numbers is not None)
    assert all('on_base="code"' in message for message in actual)
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(0.005, rel=1e-6)


@pytest.mark.parametrize("number_type", NUMBER_TYPES)
@pytest.mark.parametrize("order", ["file, load, start", "load, edit, start", "start, load, edit, start"])
@pytest.mark.parametrize(("entries", "base"), [({"lr": 0.0213}, 0.0213), ({"lr": 0.01, "initial_lr": 0.02}, 0.02)])
def test_an_edited_number_is_the_base_with_on_base_code(order, entries, base, number_type):
    new = lambda: probe({"lr": NUMBER_TYPES[number_type](0.1)}, {"lr": NUMBER_TYPES[number_type](0.03)})  # noqa: E731
    plan = ps.Plan(lr="linear()", total=10)
    first = new()
    scheduler = ps.Scheduler(first, plan)
    run(first, 5)
    saved, state = copy.deepcopy((first.state_dict(), scheduler.state_dict()))
    attached = []

    def attach(optimizer):
        attached.append(ps.Scheduler(optimizer, plan, on_base="code"))
        return attached[-1]

    optimizer, actual = warned_by(
        lambda: begun(
            order, saved, state, lambda groups: edited(groups, entries, NUMBER_TYPES[number_type]), new, attach
        )
    )
    run(optimizer, 2)

    assert actual == []
    assert attached[-1].base_lrs == pytest.approx([base, 0.03], rel=1e-6)
    assert used(optimizer) == pytest.approx([base * 0.5, base * 0.4], rel=1e-6)
    assert used(optimizer, index=1) == pytest.approx([0.015, 0.012], rel=1e-6)
    assert bases_in(attached[-1].history)[-1] == (5, {"lr": {"0": pytest.approx(base, rel=1e-6)}})
    again = probe({"lr": NUMBER_TYPES[number_type](0.1)}, {"lr": NUMBER_TYPES[number_type](0.03)})
    ps.Scheduler(again, plan)
    with pytest.warns(ps.PlanWarning, match="base of lr in group 0: .* in the checkpoint, .* in the code"):
        again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("on_base", ["code", "error"])
def test_a_checkpoint_without_an_edit_is_refused_for_the_bases_of_the_code(on_base):
    saved, _ = saved_run()
    optimizer = probe(lr=5e-4)
    optimizer.load_state_dict(saved)
    before = copy.deepcopy(optimizer.state_dict()["param_groups"])

    with pytest.raises(ps.errors.InvalidArgument, match="the bases of the code are lost"):
        ps.Scheduler(optimizer, PLAN, on_base=on_base)
    assert optimizer.state_dict()["param_groups"] == before


@pytest.mark.parametrize("on_base", ["checkpoint", "code"])
def test_an_edit_of_an_absolute_line_is_reported_with_the_level_to_write(on_base):
    saved, _ = saved_run(plan=ps.Plan(lr="absolute(linear(0.2, 0))", total=100))
    optimizer = probe(lr=5e-4)
    optimizer.load_state_dict(saved)
    optimizer.param_groups[0]["lr"] = 0.0125

    _, actual = warned_by(
        lambda: ps.Scheduler(optimizer, ps.Plan(lr="absolute(linear(0.2, 0))", total=100), on_base=on_base)
    )

    assert [message.partition("write it there: ")[2] for message in actual] == ['lr="absolute(0.0125)"']


def written_at_the_save(optimizer, scheduler):
    optimizer.param_groups[0]["lr"] = 0.77


def written_in_the_run(optimizer, scheduler):
    optimizer.param_groups[0]["lr"] = 0.77
    optimizer.step()


def skipped(optimizer, scheduler):
    optimizer.found_inf = torch.tensor(1.0)
    optimizer.step()
    del optimizer.found_inf


def observed(optimizer, scheduler):
    for loss in (1.0, 2.0, 3.0):
        scheduler.observe(loss=loss)


@pytest.mark.parametrize("number_type", NUMBER_TYPES)
@pytest.mark.parametrize("order", EDIT_ORDERS)
@pytest.mark.parametrize("updates", [8, 23])
@pytest.mark.parametrize("happens", [written_at_the_save, written_in_the_run, skipped, observed, None])
def test_what_is_no_edit_is_silent(happens, updates, order, number_type):
    new = lambda: probe({"lr": NUMBER_TYPES[number_type](0.1)}, {"lr": NUMBER_TYPES[number_type](0.3), "name": "head"})  # noqa: E731
    plan = ps.Plan(
        ps.Binding("betas[1]", "linear(1, 0.9)", groups="head"),
        lr="(warmup(5) >> cosine(to=absolute(1e-4))) * plateau('loss', patience=0)", total=20,
    )  # fmt: skip
    first = new()
    scheduler = ps.Scheduler(first, plan)
    warned_by(lambda: run(first, updates))
    if happens is not None:
        warned_by(lambda: happens(first, scheduler))
    saved, state = copy.deepcopy((first.state_dict(), scheduler.state_dict()))

    def edit_decay(groups):  # of the user: a field that the plan does not write
        groups[0]["weight_decay"] = 0.5

    optimizer, actual = warned_by(
        lambda: begun(order, saved, state, edit_decay, new, lambda value: ps.Scheduler(value, plan))
    )

    assert actual == []
    assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(scheduler.value("lr"), rel=1e-6)
    assert optimizer.param_groups[0]["weight_decay"] == 0.5


@pytest.mark.parametrize("behind", [0, 1])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("changed", [None, "a", "b"])
def test_an_edit_of_one_of_two_optimizers_is_reported_at_its_group(behind, early, changed):
    def new():
        return {"a": probe(lr=0.1), "b": probe({"name": "x"}, {"name": "y"}, lr=0.2)}

    first = new()
    ps.Scheduler(first, PLAN)
    for name in "ab" * 5 + "b" * behind:
        first[name].step()
    saved = {name: copy.deepcopy(optimizer.state_dict()) for name, optimizer in first.items()}
    if changed is not None:
        saved[changed]["param_groups"][0]["lr"] = 0.0125

    def resume():
        both = new()
        if not early:
            ps.Scheduler(both, PLAN)
        for name, optimizer in both.items():
            optimizer.load_state_dict(saved[name])
        if early:
            ps.Scheduler(both, PLAN)

    _, actual = warned_by(resume)
    label = {"a": "a/0", "b": "b/x", None: ""}[changed]
    assert [message.partition(" is ")[0] for message in actual] == [f"lr in group {label}"] * (changed is not None)


def test_a_state_whose_tensors_were_filled_by_an_earlier_state_is_not_edited():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(3))], lr=torch.tensor(0.1), foreach=False)
    scheduler = ps.Scheduler(optimizer, "linear(1, 0)", total=100, strict=True)
    run(optimizer, 5)
    earlier = copy.deepcopy(optimizer.state_dict())
    run(optimizer, 5)
    later = optimizer.state_dict()  # not copied: it has the tensor of the rate

    optimizer.load_state_dict(earlier)
    optimizer.load_state_dict(later)

    assert scheduler.t == 10
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(0.09)
