"""A value that is infinite or NaN is refused before the update that would use it, and only then."""

import json
import math

import pytest
import torch

import paramsched as ps
from paramsched.errors import PlanError
from support.strategies import ANY_PLAN
from support.tables import table
from support.updates import probe, run, used

pytestmark = ANY_PLAN

GROWING = "exponential(1e150)"
"""With a base of 0.1, infinite at update 3."""


def steps(scheduler, optimizers, updates):
    """Make updates, and return the number that all optimizers made."""
    count = 0
    for _ in range(updates):
        for optimizer in optimizers:
            optimizer.step()
        if scheduler.t == count:  # by hand
            scheduler.step()
        count += 1
    return count


LINES = [
    ("weight_decay", 'like("lr") ** -1', 0),
    ("weight_decay", 'like("lr") ** -0.5', 0),
    ("lr", "(1 - warmup(5)) ** -1", 5),
    ("lr", "linear(1, -1) ** 0.5", 6),
    ("lr", "exponential(1e100)", 4),
    ("x", "warmup(3) ** -1", 0),
    ("x", "exponential(1e100)", 4),
]


def plan_with(field, line, **more):
    bindings = {"lr": "warmup(5) >> cosine()"} | ({} if field == "x" else {field: line})
    target = [ps.Binding(ps.Target("x", 1.0), line)] if field == "x" else []
    return ps.Plan(*target, **bindings, **more)


@table(("field", "line", "update"), LINES)
def test_a_start_is_refused_at_the_update_with_a_fragment_that_works_in_the_line(field, line, update):
    plan = plan_with(field, line, total=10)
    optimizer = probe(lr=0.1, weight_decay=0.5)
    before = dict(optimizer.param_groups[0])

    with pytest.raises(PlanError) as error:
        ps.Scheduler(optimizer, plan)

    assert optimizer.param_groups[0] == before
    assert f"update {update}" in str(error.value)
    (problem,) = [problem for problem in ps.check(plan) if problem.severity == "error"]
    assert problem.code == "PS310"
    fragment = error.value.problem.advice.partition(": ")[2]
    assert fragment == problem.advice.partition(": ")[2]
    limited = str(ps.parse(fragment).args["operands"][0])
    text = next(text for text in (line, line.partition(" ** ")[0]) if str(ps.parse(text)) == limited)
    ps.Scheduler(probe(lr=0.1, weight_decay=0.5), plan_with(field, line.replace(text, fragment), total=10))


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@table("line", [GROWING, "maximum(exponential(1e150), 0)", "exponential(1e150) - exponential(1e150)"])
def test_a_run_without_a_total_is_refused_before_the_update_that_would_use_it(line, drive):
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=line), drive=drive)

    with pytest.raises(PlanError) as error:
        steps(scheduler, [optimizer], 9)

    assert scheduler.t == len(used(optimizer)) == 3
    assert all(map(math.isfinite, used(optimizer)))
    assert "update 3" in str(error.value)
    if drive == "optimizer":  # again, until the plan is changed
        with pytest.raises(PlanError):
            optimizer.step()
        assert scheduler.t == len(used(optimizer)) == 3


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@table(("line", "total"), [(GROWING, None), (GROWING, 3), ("(1 - warmup(3)) ** -1", 3)])
def test_a_value_that_no_update_uses_is_no_error(line, total, drive):
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=line, total=total), drive=drive, strict=False)
    updates = 3 if total else 2

    assert steps(scheduler, [optimizer], updates) == scheduler.t == updates


def test_a_base_of_zero_stays_zero():
    optimizer = probe(lr=0.1, weight_decay=0.0)

    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", weight_decay="warmup(3) ** -1", total=5))

    assert steps(scheduler, [optimizer], 5) == 5


def test_a_run_that_goes_on_after_its_plan_is_refused_at_the_next_update():
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="(1 - warmup(3)) ** -1", total=3))
    run(optimizer, 3)

    with pytest.raises(PlanError):
        optimizer.step()

    assert scheduler.t == len(used(optimizer)) == 3


@pytest.mark.parametrize("drive", ["optimizer", "manual", "a", "b"])
@table("growing", ["a", "b", "x"])
def test_no_optimizer_of_a_run_makes_the_update(growing, drive):
    optimizers = {"a": probe(lr=0.1), "b": probe(lr=0.1)}
    bindings = [ps.Binding("lr", GROWING if growing == name else "constant()", name) for name in optimizers]
    if growing == "x":
        bindings.append(ps.Binding(ps.Target("x", 0.1), GROWING))
    scheduler = ps.Scheduler(optimizers, ps.Plan(*bindings), drive=drive)

    with pytest.raises(PlanError):
        steps(scheduler, list(optimizers.values()), 9)

    assert all(map(math.isfinite, [*used(optimizers["a"]), *used(optimizers["b"])]))
    assert len(used(optimizers["a"])) == 3


def test_the_values_of_an_update_are_written_together():
    written = []
    optimizer = probe(lr=0.1, weight_decay=0.1)
    target = ps.Binding(ps.Target("x", 1.0, written.append), "linear(1, 0, over=8)")
    scheduler = ps.Scheduler(optimizer, ps.Plan(target, lr=GROWING, weight_decay="linear(1, 0, over=10)"))
    with pytest.raises(PlanError):
        run(optimizer, 9)

    group = optimizer.param_groups[0]
    assert (group["weight_decay"], written[-1]) == (pytest.approx(0.07), 0.625)
    state = json.loads(json.dumps(scheduler.state_dict()))
    again = ps.Scheduler(probe(lr=0.1, weight_decay=0.1), ps.Plan(target, lr="constant()", weight_decay="constant()"))
    again.load_state_dict(state)
    assert again.t == 3
    run(again.optimizer, 3)


def test_a_line_with_a_metric_rule_is_refused_when_its_values_are_known():
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, '(1 - warmup(3)) ** -1 * plateau("loss")', total=9)

    with pytest.raises(PlanError):
        run(optimizer, 9)

    assert scheduler.t == len(used(optimizer)) == 3


@table(("dtype", "update"), [(torch.float32, 4), (torch.float64, 31)])
def test_a_tensor_is_refused_if_the_value_is_not_finite_in_its_dtype(dtype, update):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(0.1, dtype=dtype))
    scheduler = ps.Scheduler(optimizer, "exponential(1e10)")

    with pytest.raises(PlanError):
        run(optimizer, 40)

    assert scheduler.t == update


def test_rows_of_many_groups_end_before_a_value_that_is_not_finite():
    optimizer = probe(*({"lr": 0.1 + index} for index in range(5)))
    plan = ps.Plan(*(ps.Binding("lr", GROWING if index else "cosine(over=9)", index) for index in range(5)))
    scheduler = ps.Scheduler(optimizer, plan)

    with pytest.raises(PlanError, match="group 1"):
        run(optimizer, 9)

    assert scheduler.t == 3


def test_a_seek_and_a_load_to_such_an_update():
    optimizer = probe(lr=0.1)
    by_hand = ps.Scheduler(optimizer, GROWING, drive="manual")
    with pytest.raises(PlanError):
        by_hand.seek(3)
    by_hand.seek(1)
    saved = ps.Scheduler(probe(lr=0.1), "constant()")
    saved.seek(3)

    with pytest.raises(PlanError):
        ps.Scheduler(probe(lr=0.1), GROWING).load_state_dict(saved.state_dict())


def test_values_are_refused_before_they_are_read():
    written = []
    growing = ps.Binding(ps.Target("x", 1.0, written.append), GROWING)
    with pytest.raises(PlanError):
        ps.Values({"kl": "warmup(3) ** -1"}, total=9)
    values = ps.Values({"kl": GROWING, "steady": "constant()"})
    with_target = ps.Values(ps.Plan(growing))
    values.advance(3)
    with_target.advance(2)

    with pytest.raises(PlanError):
        values["kl"]
    with pytest.raises(PlanError):
        with_target.advance()

    assert values["steady"] == 1.0
    assert with_target.t == 2
    assert all(map(math.isfinite, written))
    assert "inf" in repr(values)
    ended = ps.Values({"kl": "(1 - warmup(3)) ** -1"}, total=3)
    ended.advance(3)
    assert dict(ended) == {"kl": math.inf}
