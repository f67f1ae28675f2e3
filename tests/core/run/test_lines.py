"""The lines of a plan in an optimizer: their groups, their order, and what a state restores of them."""

import itertools
import json

import pytest
import torch

import paramsched as ps
from support.spread import every
from support.tables import table
from support.updates import probe, run
from support.work import work_of


def four_groups():
    """Return two groups with one name, one without a name, and one that a line of its own selects."""
    return probe({"name": "body", "lr": 0.1}, {"lr": 0.2}, {"name": "head", "lr": 0.3}, {"name": "body", "lr": 0.4})


@pytest.mark.parametrize("fields", [("lr", "lr"), ("lr", "weight_decay")])
def test_one_schedule_object_in_two_lines_has_the_values_of_two_equal_objects(fields):
    def used(first, second):
        optimizer = four_groups()
        plan = ps.Plan(
            ps.Binding(fields[0], first, groups="head"), ps.Binding(fields[1], second, groups="body"), total=40
        )
        scheduler = ps.Scheduler(optimizer, plan)
        run(optimizer, 35)  # beyond the first block
        scheduler.seek(7)
        run(optimizer, 2)
        return optimizer.used, scheduler.scalars(), scheduler.state_dict()

    shared = ps.warmup(5) >> ps.cosine()

    assert used(shared, shared) == used(ps.warmup(5) >> ps.cosine(), ps.warmup(5) >> ps.cosine())


@table("line", ["constant(over=2) >> skip(linear(over=2), 2)", "warmup(2) >> skip(cosine(over=3), 3)"])
@pytest.mark.filterwarnings("ignore::paramsched.PlanWarning")
def test_a_seek_beyond_an_empty_last_stage_gives_the_value_of_the_trace(line):
    plan = ps.Plan(lr=line, total=6)
    optimizer = probe(lr=0.1)
    scheduler = ps.Scheduler(optimizer, plan)
    values = ps.trace(plan, probe(lr=0.1))["lr", 0]

    for t in (2, 5, 1, 4):
        scheduler.seek(t)
        assert optimizer.param_groups[0]["lr"] == values[t]


# ---------------------------------------------------------------------- a state with an optimizer that is behind

BEHIND = {
    "version": 5, "plan": '{"total":10,"bindings":[["lr",null,"linear()"]]}', "facts": {},
    "optimizers": ["a", "b"], "t": 4, "counts": {"b": 3}, "groups": 1, "bases": {"lr": [0.1, 0.2]},
}  # fmt: skip
"""The state of a run whose optimizer `b` has not stepped in the last update."""


def two(plan):
    both = {"a": probe(lr=0.1), "b": probe(lr=0.2)}
    return both, ps.Scheduler(both, plan)


def state_behind():
    both, scheduler = two({"lr": "linear()", "total": 10})
    for _ in range(3):
        both["a"].step()
        both["b"].step()
    both["a"].step()
    return both, scheduler


def test_a_state_with_an_optimizer_that_is_behind_is_as_recorded():
    _, scheduler = state_behind()
    (text,) = scheduler.state_dict().values()

    assert json.loads(text) == BEHIND


# ---------------------------------------------------------------------- look, warn, write


@pytest.mark.parametrize(
    ("what", "by_name"), every(3, itertools.product(["start", "save", "load", "seek"], [True, False]))
)
def test_the_work_of_a_line_for_each_group_grows_as_their_number(what, by_name):
    def work(count):
        groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "name": f"g{i}", "lr": 0.1} for i in range(count)]
        optimizer = torch.optim.SGD(groups, lr=0.1)
        lines = [ps.Binding("lr", f"cosine(to=0.{i + 1})", groups=f"g{i}" if by_name else i) for i in range(count)]
        plan = ps.Plan(*lines, total=100)
        if what == "start":
            return work_of(lambda: ps.Scheduler(optimizer, plan)).calls
        scheduler = ps.Scheduler(optimizer, plan)
        state = optimizer.state_dict()
        calls = {
            "save": optimizer.state_dict,
            "load": lambda: optimizer.load_state_dict(state),
            "seek": lambda: scheduler.seek(50),
        }
        return work_of(calls[what]).calls

    first, second, third = (work(count) for count in (40, 80, 160))

    assert third - second <= 2.2 * (second - first)  # 2 if it is linear, 4 if it is quadratic
