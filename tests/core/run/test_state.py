"""The scheduler's state: rejected values, and its size."""

import copy
import itertools
import json
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.examples import examples
from support.records import record_in, with_record
from support.spread import every
from support.tables import table
from support.updates import probe, run

PLAN = ps.Plan(
    ps.Binding(ps.Target("temperature", 2.0), ps.linear(1.0, 0.5)),
    ps.Binding("weight_decay", ps.constant(0.0), groups=1),
    lr=(ps.warmup("10%") >> ps.cosine(to=0.1)) * ps.plateau("loss", patience=1, factor=0.5),
    weight_decay=ps.linear(1.0, 0.5),
    total="2 epochs",
)
GROUPS = ({"lr": 0.1}, {"lr": 0.5})


def attached(updates=4):
    optimizer = probe(*GROUPS)
    scheduler = ps.Scheduler(optimizer, PLAN, steps_per_epoch=10)
    scheduler.observe(loss=1.0)
    run(optimizer, updates)
    for _ in range(2):
        scheduler.observe(loss=1.0)
    return optimizer, scheduler


def snapshot(optimizer, scheduler):
    return copy.deepcopy(
        (optimizer.param_groups, scheduler.state_dict(), scheduler.get_last_lr(), scheduler._step_count)
    )


def state_with(record):
    """The state of a Scheduler whose record is `record`."""
    return {"paramsched": json.dumps(record)}


SOUND = record_in(attached()[1].state_dict())
PATHS = [
    (key, *rest)
    for key, value in SOUND.items()
    for rest in ([()] if not isinstance(value, dict) else [(), *((inner,) for inner in value)])
]
RULE = next(iter(SOUND["rules"]))
PATHS += [("rules", RULE, name) for name in SOUND["rules"][RULE]]
NONSENSE = [
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [1],
    {"x": 1},
    float("nan"),
    float("inf"),
    2**70,
    [[]],
    "\ud800",
]


def entry_at(state, path):
    for key in path:
        state = state[key]
    return state


def corrupted(path, value):
    state = copy.deepcopy(SOUND)
    if path:
        entry_at(state, path[:-1])[path[-1]] = value
    return state if path else value


def assert_rejected(record):
    assert_state_rejected(state_with(record))


def assert_state_rejected(state):
    assert_states_rejected([state])


def assert_states_rejected(states):
    """Check that a scheduler rejects each state and remains as it was."""
    optimizer, scheduler = attached(2)
    before = snapshot(optimizer, scheduler)

    for state in states:
        with pytest.raises((ValueError, TypeError)) as refusal:
            scheduler.load_state_dict(state)
        assert isinstance(refusal.value, ps.errors.StateError), state
        after = snapshot(optimizer, scheduler)
        assert [{**group, "params": None} for group in after[0]] == [
            {**group, "params": None} for group in before[0]
        ], state
        assert after[1:] == before[1:], state
    run(optimizer, 1)
    assert scheduler.last_epoch == 3


ALLOWED = {("rules", RULE, "best"): [None, -1, 1.5, 2**70], ("rules", RULE, "bad"): [2**70],
           ("rules", RULE, "cooling"): [2**70], ("plan",): [None], ("bases",): [{}, {"x": 1}],
           ("bases", "lr"): [-1, 1.5, 2**70], ("bases", "weight_decay"): [-1, 1.5, 2**70]}  # fmt: skip
"""Valid values under each key."""

CASES = [
    (path, value)
    for path in [(), *PATHS]
    for value in NONSENSE
    if not any(
        value is allowed or (type(value) is type(allowed) and value == allowed) for allowed in ALLOWED.get(path, [])
    )
]


@table("path", [(), *PATHS])
def test_a_state_with_an_invalid_value_is_rejected_and_changes_nothing(path):
    values = [value for its_path, value in CASES if its_path == path]

    assert_states_rejected([state_with(corrupted(path, value)) for value in values])


@table(
    ("key", "accepted"),
    [
        ("amount", [None]),
        ("last_amount", [None]),
        ("measured", [True]),
        ("history", [None, "", [], {}]),
        ("extra", []),
    ],
)
def test_an_invalid_entry_that_a_record_may_omit_is_rejected_and_changes_nothing(key, accepted):
    values = [value for value in NONSENSE if value not in accepted]

    assert_states_rejected([state_with({**SOUND, key: value}) for value in values])


def test_a_run_fact_of_another_type_is_rejected_although_it_equals_that_of_the_run():
    scheduler = ps.Scheduler(probe(*GROUPS), PLAN, steps_per_epoch=1)

    with pytest.raises(ps.errors.StateError, match="state: facts: "):
        scheduler.load_state_dict(with_record(scheduler.state_dict(), facts={"steps_per_epoch": True}))


@table("path", [path for path in PATHS if path[0] != "bases" or len(path) == 1])
def test_a_state_without_a_required_key_is_rejected_and_changes_nothing(path):
    state = copy.deepcopy(SOUND)
    del entry_at(state, path[:-1])[path[-1]]

    assert_rejected(state)


@table("length", range(0, len(SOUND["plan"]), 7))
def test_a_truncated_plan_is_rejected_and_changes_nothing(length):
    assert_rejected(corrupted(("plan",), SOUND["plan"][:length]))


def test_a_plan_of_any_depth_that_is_truncated_is_rejected_and_changes_nothing():
    assert_rejected(corrupted(("plan",), '{"total":' + "[" * 100_000))


def text(total="null", binding='["lr",null,"cosine()"]'):
    return f'{{"total":{total},"bindings":[{binding}]}}'


NO_PLANS = {
    "no binding": text(binding=""),
    "no bindings": '{"total":null}',
    "half a binding": text(binding='["lr",null]'),
    "a field that is none": text(binding='[["lr"],null,"cosine()"]'),
    "a refused argument": text(binding='["lr",null,"cosine(to=True)"]'),
    "no expression": text(binding='["lr",null,"import os"]'),
    "too deep a line": text(binding='["lr",null,"' + "(" * 5000 + '"]'),
    "an argument that is refused here": SOUND["plan"].replace("linear(1.0, 0.5", "linear(1.0, true"),
    "a total in per cent": text(total='"5%"'),
}


@pytest.mark.parametrize("on_change", ["new", "checkpoint", "error"])
@table("plan", NO_PLANS.values())
def test_a_plan_that_cannot_be_read_here_is_reported_once_and_that_of_the_code_continues(caplog, on_change, plan):
    caplog.clear()
    state = with_record(attached()[1].state_dict(), plan=plan)
    optimizer = probe(*GROUPS)
    scheduler = ps.Scheduler(optimizer, PLAN, steps_per_epoch=10, on_change=on_change)
    before = snapshot(optimizer, scheduler)

    if on_change == "error":
        with pytest.raises(ps.errors.PlanChanged, match="cannot be compared with the code's: plan is invalid: "):
            scheduler.load_state_dict(state)
        assert snapshot(optimizer, scheduler)[1:] == before[1:]
        return
    for _ in range(2):
        scheduler.load_state_dict(state)
    assert (scheduler.t, scheduler.plan) == (4, PLAN)
    assert caplog.text.count("cannot be compared with the code's, which is used: plan is invalid: ") == 1


@pytest.mark.parametrize("several", [False, True])
def test_a_detached_scheduler_describes_the_groups_that_are_left(several):
    optimizer = probe({"lr": 0.1}, {"lr": 0.5})
    second = probe(lr=0.7)
    optimizers = {"a": optimizer, "b": second} if several else {"a": optimizer}
    scheduler = ps.Scheduler(optimizers if several else optimizer, ps.Plan(lr=ps.linear(), total=10))
    for trained in optimizers.values():
        run(trained, 1)
    scheduler.detach()
    del optimizer.param_groups[1]

    assert record_in(scheduler.state_dict())["bases"] == {"lr": [0.1, 0.7] if several else 0.1}
    bases = [0.1, 0.7][: len(optimizers)]
    assert list(scheduler.scalars().values()) == scheduler.get_last_lr() == bases
    assert list(scheduler._values().values()) == pytest.approx([0.9 * base for base in bases], rel=1e-15)
    assert scheduler.base_lrs == bases


@pytest.mark.parametrize(
    "state",
    [
        {"last_step": 3, "_global_step": 4, "base_values": [0.1]},
        {"last_epoch": "3", "_step_count": 4, "_last_lr": [0.1]},
        {"last_epoch": 10**400, "_step_count": 4, "_last_lr": [0.1]},
        {"_schedulers": [{"last_epoch": -1, "_last_lr": [0.1]}]},
        torch.optim.SGD([torch.zeros(1)], lr=0.1).state_dict(),
        {},
        [],
        None,
        state_with({**SOUND, "version": 6}),
    ],
    ids=["MMEngine", "text", "huge", "negative", "optimizer", "empty", "list", "None", "from the future"],
)
def test_a_state_of_another_class_is_rejected_and_changes_nothing(state):
    assert_state_rejected(state)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(NONSENSE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_a_whole_checkpoint_is_answered_with_its_entry():
    optimizer, scheduler = attached()
    checkpoint = {"model": {}, "optimizer": optimizer.state_dict(), "plan": scheduler.state_dict()}
    with pytest.raises(ps.errors.StateError) as refused:
        scheduler.load_state_dict(checkpoint)

    assert "load_state_dict(checkpoint['plan'])" in str(refused.value)


@given(st.sampled_from([(), *PATHS]), values)
@examples(150)
def test_any_state_loads_completely_or_changes_nothing(path, value):
    optimizer, scheduler = attached(2)
    before = snapshot(optimizer, scheduler)

    try:
        scheduler.load_state_dict(state_with(corrupted(path, value)))
    except (ValueError, TypeError):
        after = snapshot(optimizer, scheduler)
        assert [{**group, "params": None} for group in after[0]] == [{**group, "params": None} for group in before[0]]
        assert after[1:] == before[1:]
    run(optimizer, 1)


@table("text", [None, 5, b"{}", "", "{", "[]", "null", '{"version": 5'])
def test_a_record_that_is_not_the_text_of_a_mapping_is_rejected_and_changes_nothing(text):
    assert_state_rejected({"paramsched": text})


def weight(bases):
    plan = ps.Plan(lr=ps.warmup("2%") >> ps.cosine(to=0.1), total="20 epochs")
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": base} for base in bases])
    scheduler = ps.Scheduler(optimizer, plan, batches_per_epoch=1000, accumulation=4)
    return len(pickle.dumps(scheduler.state_dict()))


def test_a_state_of_a_thousand_groups_is_at_most_two_kilobytes():
    assert weight([0.1] * 1000) <= 2048
    assert weight([0.1] * 1000) <= weight([0.1]) + 3


def test_distinct_bases_add_nine_bytes_for_each_group():
    assert weight([0.1 + i for i in range(1000)]) - weight([0.1] * 1000) <= 9 * 1000


def deep(schedule, times):
    for _ in range(times):
        schedule = ps.shapes.shift(schedule, 1)
    return schedule


LONG = {
    "700 points": ps.piecewise({10 * i: 0.5 + 0.001 * (i % 7) for i in range(1, 700)}),
    "a line of 100,000 characters": ps.multistep(list(range(1, 20_000))),
    "depth 90": deep(ps.cosine(over=5), 90),
}


@pytest.mark.parametrize(("name", "order"), every(3, itertools.product(LONG, ["same plan", "another plan"]), first=1))
@pytest.mark.filterwarnings("ignore:weight_decay is 0.005")
def test_the_state_of_any_valid_plan_loads(name, order):
    plan = ps.Plan(lr=LONG[name], weight_decay="constant(0.5)")
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan)
    run(optimizer, 3)
    state = scheduler.state_dict()
    resumed = ps.Scheduler(
        probe(), plan if order == "same plan" else ps.Plan(lr=1.0, weight_decay=1.0), on_change="checkpoint"
    )

    resumed.load_state_dict(state)

    assert resumed.plan == plan
    assert resumed.state_dict() == state


def test_a_report_without_the_amount_before_it_is_rejected():
    scheduler = ps.Scheduler(probe(), ps.Plan(lr="linear(1, 0, over='100 tokens')", clock="tokens"))

    with pytest.raises(ps.errors.StateError, match="state: reported_amount has a value, but amount is None"):
        scheduler.load_state_dict(with_record(scheduler.state_dict(), amount=None, reported_amount=3))


@table(
    ("entry", "value", "message"),
    [
        ("paramsched", '{"bases": {"lr": 1e999}}', "has the base inf, not a finite number"),
        ("paramsched", f'{{"bases": {{"lr": 1{"0" * 400}}}}}', "an integer of 401 digits, not a finite number"),
        ("paramsched", "[1]", "not the record of a run: the checkpoint is damaged"),
        ("paramsched", '{"bases": [1]}', "not the record of a run: the checkpoint is damaged"),
        ("paramsched", 5, "not the record of a run: the checkpoint is damaged"),
        ("paramsched_t", -1, "not a number of updates"),
        ("paramsched_t", 2**62, "not a number of updates"),
    ],
)
def test_an_invalid_entry_in_a_group_is_rejected_before_the_optimizer_changes(entry, value, message):
    plan = ps.Plan(lr="linear()", total=10)
    saved = probe()
    optimizer = probe(lr=0.5)
    ps.Scheduler(saved, plan)
    scheduler = ps.Scheduler(optimizer, plan)
    before = snapshot(optimizer, scheduler)
    state = copy.deepcopy(saved.state_dict())
    state["param_groups"][0][entry] = value

    with pytest.raises(ps.errors.StateError, match=rf"param_groups\[0\]\['{entry}'\] .*{message}"):
        optimizer.load_state_dict(state)

    assert snapshot(optimizer, scheduler)[1:] == before[1:]
    assert optimizer.param_groups[0]["lr"] == 0.5


@table(
    "changes",
    [
        {"amount": 10**400},
        {"amount": 2**62},
        {"amount": -1},
        {"reported_amount": [1, 2]},
        {"measured": 1},
        {"samples": -1},
        {"t": "3"},
        {"plan": "{"},
        {"plan": 5},
        {"facts": None},
        {"version": 2},
        {"version": 6},
        {"history": [[0]]},
        {"counts": {"x": 2}},
        {"rules": [1]},
        {"bases": None},
        {"bases": 7},
        {"bases": "x"},
        {"external": "lr"},
        {"external": [1]},
        {"unknown": 1},
    ],
)
def test_a_damaged_record_of_an_optimizer_is_rejected_before_it_changes(changes):
    plan = ps.Plan(lr="linear(1, 0, over='100 tokens')", clock="tokens")
    saved = probe()
    optimizer = probe(lr=0.5)
    for trained in (saved, optimizer):
        ps.Scheduler(trained, plan, tokens_per_step=5)
    run(saved, 3)
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(ps.errors.StateError):
        optimizer.load_state_dict(with_record(saved.state_dict(), **changes))

    assert optimizer.state_dict() == before


def test_the_state_has_no_base_of_a_group_that_the_plan_does_not_schedule():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    scheduler = ps.Scheduler(
        torch.optim.SGD(groups, lr=0.1), ps.Plan(ps.Binding("lr", ps.cosine(), groups=1), total=10)
    )

    assert record_in(scheduler.state_dict())["bases"] == {"lr": [None, 0.1]}


def test_the_run_facts_of_a_saved_plan_have_the_total_of_the_run():
    scheduler = ps.Scheduler(probe(), ps.Plan(lr="linear()"), total=40)

    assert record_in(scheduler.state_dict())["facts"] == {"total": 40}
    assert scheduler.facts.total == 40
