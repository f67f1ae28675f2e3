"""`after` of a metric rule: what is observed before that time of the run does not count, whatever its unit is."""

import copy
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.metrics.metric_rules import MetricRule, hold, plateau
from paramsched.errors import MissingFact
from support.replay import replay
from support.tables import table
from support.updates import probe, run

LOSS = ps.plateau("loss", patience=0, factor=0.5)
ACCURACY = ps.plateau("accuracy", mode="max", patience=1, factor=0.25)
RULES = {
    "plateau": lambda **more: plateau("val", patience=0, factor=0.5, **more),
    "hold": lambda **more: hold("val", at=1.0, factor=2.0, **more),
}
FACTS = {"total": 20, "steps_per_epoch": 4, "batch_size": 2}
TIMES = {8: [8, "8 steps", "2 epochs", "40%", "16 samples", "1 epoch + 4 steps"], 5: ["5 steps", "25%", "4.5 steps"]}
METRICS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.1, 0.5, 1.0, 3.0, 9.0])), max_size=12)


def observed(plan, metrics, **facts):
    """Return the Scheduler of a run in which each metric is observed after some more updates, and the pairs of both."""
    optimizer = probe()
    events = []
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    for updates, metric in metrics:
        run(optimizer, updates)
        scheduler.observe(val=metric)
        events.append((scheduler.t, {"val": metric}))
    return scheduler, events


@given(
    st.sampled_from(sorted(RULES)),
    st.sampled_from([(update, after) for update in TIMES for after in TIMES[update]]),
    METRICS,
)
def test_a_rule_has_the_state_of_one_that_has_observed_only_what_came_from_its_begin_on(name, time, metrics):
    update, after = time
    line = "(warmup(4) >> constant()) * {}"
    facts = ps.RunFacts(**FACTS)
    plan = ps.Plan(lr=line.format(RULES[name](after=after)))

    scheduler, events = observed(plan, metrics, **FACTS)

    expected = replay(line.format(RULES[name]()), [event for event in events if event[0] >= update])
    assert [*scheduler.states.values()] == [*expected.values()]
    assert scheduler.states == replay(plan, events, facts=facts)
    assert [*replay(plan.resolve(facts=facts), events).values()] == [*expected.values()]


@table("name", RULES)
def test_the_text_of_a_plan_has_the_time_and_a_file_too(name, tmp_path):
    plan = ps.Plan(lr=1.0 * RULES[name](after="4 epochs"))
    file = tmp_path / "plan.yaml"

    file.write_text(str(plan))

    assert 'after="4 epochs"' in str(plan)
    assert ps.load(str(file)) == ps.Plan.of_text(plan.text) == plan != ps.Plan(lr=1.0 * RULES[name]())
    assert plan.text != ps.Plan(lr=1.0 * RULES[name](after="5 epochs")).text
    resolved = plan.resolve(steps_per_epoch=10)
    assert resolved == ps.Plan(lr=1.0 * RULES[name](after=40)) == resolved.resolve()
    assert resolved.is_resolved
    assert not plan.is_resolved


@table(
    ("after", "facts", "missing"),
    [
        ("4 epochs", {"total": 9}, "steps_per_epoch"), ("5%", {}, "total"), ("9 samples", {"total": 9}, "batch_size"),
        ("1M tokens", {"total": 9}, "tokens_per_step"),
    ],
)  # fmt: skip
def test_a_fact_that_is_missing_refuses_the_start_and_leaves_the_optimizer(after, facts, missing):
    optimizer = probe()
    before = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}

    with pytest.raises(MissingFact) as refusal:
        ps.Scheduler(optimizer, ps.Plan(lr=1.0 * plateau("val", after=after)), **facts)

    assert refusal.value.fact == missing
    assert {name: value for name, value in optimizer.param_groups[0].items() if name != "params"} == before


@table(
    ("clock", "total", "facts", "after", "first"),
    [
        ("tokens", "200 tokens", {"tokens_per_step": 10}, "80 tokens", 8),
        ("tokens", "200 tokens", {"tokens_per_step": 10}, "25%", 5),
        ("tokens", "200 tokens", {"tokens_per_step": 10, "steps_per_epoch": 4}, "2 epochs", 8),
        ("samples", "40 samples", {"batch_size": 2}, 7, 7),
        ("tokens", "200 tokens", {}, "80 tokens", 8),  # the loop reports the tokens
        ("tokens", "200 tokens", {}, "25%", 5),
        ("tokens", "200 tokens", {"steps_per_epoch": 3}, "2 epochs", 6),
        ("progress", None, {}, "40%", 8),
        ("progress", None, {"steps_per_epoch": 3}, "2 epochs", 6),
    ],
)
def test_on_a_clock_of_amounts_the_time_is_that_of_the_run(clock, total, facts, after, first):
    rule = plateau("val", patience=0, factor=0.5, after=after)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=1.0 * rule, clock=clock, total=total), **facts)
    counted = []

    for t in range(12):
        scheduler.observe(val=100.0 - t)
        counted.append(scheduler.states[rule].best is not None)
        if clock == "progress":
            scheduler.report(progress=(t + 1) / 20)
        elif not {"tokens_per_step", "batch_size"} & facts.keys():
            scheduler.consumed(**{clock: 10})
        run(optimizer, 1)

    assert counted.index(True) == first


def test_a_growing_batch_size_is_counted():
    plan = ps.Plan(
        ps.Binding(ps.Target("batch_size", 1.0), "absolute(linear(1, 4, over=3))"),
        lr=1.0 * plateau("val", after="20 samples"),
    )

    (rule,) = plan.resolve().metric_rules

    assert rule.after == ps.Duration.of(7)  # 1 + 2 + 3 + 4 + 4 + 4 are 18 samples


@table("name", RULES)
def test_a_resume_with_other_facts_continues_the_state_and_waits_for_the_new_time(name):
    plan = ps.Plan(lr=1.0 * RULES[name](after="2 epochs"))
    first = probe()
    scheduler = ps.Scheduler(first, plan, steps_per_epoch=4)
    run(first, 9)
    for _ in range(3):
        scheduler.observe(val=3.0)
    saved = copy.deepcopy(first.state_dict())
    state = scheduler.state_dict()
    assert scheduler.value("lr") != 0.1

    for early in (True, False):
        second = probe()
        if early:
            second.load_state_dict(copy.deepcopy(saved))
        again = ps.Scheduler(second, plan, steps_per_epoch=10)
        if not early:
            second.load_state_dict(copy.deepcopy(saved))
            again.load_state_dict(state)
        before = again.states
        assert [*before.values()] == [*scheduler.states.values()]
        assert again.value("lr") == scheduler.value("lr")
        again.observe(val=9.0)
        assert again.states == before  # update 9 is before update 20
        run(second, 11)
        again.observe(val=9.0)
        assert again.states != before


def test_rules_that_differ_only_in_their_begin_have_states_of_their_own():
    plan = ps.Plan(
        lr='plateau("val", patience=0, after=1)', weight_decay='plateau("val", patience=0, after=3)', total=9
    )
    optimizer = probe(weight_decay=0.1)
    scheduler = ps.Scheduler(optimizer, plan)
    run(optimizer, 1)
    for _ in range(2):
        scheduler.observe(val=1.0)
    second = probe(weight_decay=0.1)
    second.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    again = ps.Scheduler(second, plan)

    assert again.states == scheduler.states
    assert [state.best for state in again.states.values()] == [1.0, None]
    assert (again.value("lr"), again.value("weight_decay")) == pytest.approx((0.01, 0.1))


def test_several_optimizers_and_copies_share_the_begin():
    rule = plateau("val", patience=0, factor=0.5, after="2 epochs")
    optimizers = {"one": probe(), "two": probe()}
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr=1.0 * rule), steps_per_epoch=2)
    for t in range(6):
        scheduler.observe(val=1.0)
        assert scheduler.states[rule].factor == 0.5 ** max(0, t - 4)  # at 4 the best one is observed
        for optimizer in optimizers.values():
            run(optimizer, 1)

    copied = copy.deepcopy(scheduler)

    assert copied.states == scheduler.states


def test_a_change_of_the_total_keeps_the_time_at_which_a_rule_begins():
    plan = ps.Plan(lr='(warmup("5%") >> constant()) * plateau("val", after="10%")', total="20 epochs")

    longer = plan.change("10 epochs", total="40 epochs")
    changed = plan.change("10 epochs", lr="constant(0.5)", total="40 epochs")

    assert [rule.after for plan in (longer, changed) for rule in plan.metric_rules] == [ps.Duration.of("2 epochs")] * 2
    assert plan.change("10 epochs", lr="constant(0.5)").metric_rules == plan.metric_rules


@table(
    ("line", "whole", "after"),
    [
        ('warmup("4 epochs") >> constant() * {}', 'warmup("4 epochs") >> constant()', "4 epochs"),
        ("warmup(8) >> constant(over=3) * {} >> cosine()", "warmup(8) >> constant(over=3) >> cosine()", 8),
        ("constant(0, 2) >> warmup(8) >> constant() * {}", "constant(0, 2) >> warmup(8) >> constant()", 10),
        ("constant(over=9) * {} >> cosine()", "constant(over=9) >> cosine()", None),
    ],
)  # fmt: skip
def test_a_rule_in_a_stage_is_answered_with_brackets_and_its_begin(line, whole, after):
    with pytest.raises(ps.errors.InvalidArgument) as refusal:
        ps.parse(line.format('plateau("v")'))

    advised = ps.parse(refusal.value.problem.advice.partition(": ")[2])
    assert advised.metric_rules == (ps.parse(whole) * plateau("v", after=after)).metric_rules


def test_a_rule_of_ones_own_has_the_argument():
    @dataclass(frozen=True)
    class Count:
        n: int = 0

    @dataclass(frozen=True)
    class Counts(MetricRule[Count]):
        metric: str
        step: float = 0.5

        def init(self):
            return Count()

        def observe(self, state, value):
            return Count(state.n + 1)

        def apply(self, state, value, base=1.0):
            return value * self.step**state.n

        def restore(self, data):
            return Count(**data)

    rule = Counts("val", after="1 epoch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=1.0 * rule), steps_per_epoch=2)
    values = []
    for _ in range(4):
        scheduler.observe(val=1.0)
        values.append(scheduler.value("lr"))
        optimizer.step()

    assert values == [1.0, 1.0, 0.5, 0.25]
