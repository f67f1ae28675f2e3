"""Limits apply to user input: every plan that can be constructed is saved and read back."""

import pytest
import torch

import paramsched as ps
from paramsched.core import schedules as shapes
from paramsched.core.plan import Plan
from paramsched.core.plan.resolve import planned_amounts
from paramsched.core.plan.run_amounts import UpdateSizes
from paramsched.core.schedules import parse_own
from support.tables import table


def test_a_table_of_700_points_survives_save_and_resume():
    table = ps.piecewise([(10 * i, 1.0 / (1 + i)) for i in range(700)])
    plan = ps.Plan(lr=table, horizon=7000)
    first = ps.Scheduler(torch.optim.SGD([torch.zeros(1)], lr=0.1), plan)
    first.seek(4321)

    second = ps.Scheduler(torch.optim.SGD([torch.zeros(1)], lr=0.1), plan)
    second.load_state_dict(first.state_dict())

    assert len(plan.text) > 20_000
    assert second.t == 4321
    assert second.value("lr") == 0.1 * (1 / 433)


@pytest.mark.parametrize(
    ("form", "times"),
    [
        ("chain({})", 90),
        ("shift({}, 1)", 90),
        ("window({}, 0, 5000)", 90),
        ("clamp({}, low=0.0)", 90),
        ("-({} + 1)", 45),  # a sum in a product: two levels each time
    ],
)
def test_a_deep_schedule_is_saved_and_read_back(form, times):
    line = "linear(over=100)"
    for _ in range(times):
        line = form.format(line)
    schedule = parse_own(line)
    plan = ps.Plan(lr=schedule, horizon=1000)

    assert Plan.of_text(plan.text) == plan
    assert plan.resolve(ps.Calendar()).bindings[0].schedule == schedule
    assert schedule(3) == parse_own(str(schedule))(3)


@pytest.mark.heavy
def test_the_time_to_read_a_long_line_grows_linearly(monkeypatch):
    made = []
    monkeypatch.setattr(
        shapes.sequence.Sequence, "__post_init__", lambda self, keep=shapes.sequence.Sequence.__post_init__:
        (made.append(len(self.stages)), keep(self)),
    )  # fmt: skip

    written = str(shapes.sequence.Sequence((ps.constant(0.5, 10),) * 5000))
    made.clear()

    schedule = parse_own(written)

    assert sum(made) < 4 * 5000
    assert len(schedule.stages) == 5000


@table(
    "size",
    [
        'linear(2, 40, over="1000000 samples")', 'stairs(2, 9, rises=5, over="400000 samples")',
        'linear(8, 2048, over="90000000 samples")', 'step("1000 samples", gamma=1.01)', "constant(8)",
    ],
)  # fmt: skip
def test_the_amounts_of_many_updates_are_computed_in_large_blocks(size):
    evaluated, at = [], UpdateSizes.at
    batch = ps.Binding(ps.Target("batch_size", 1.0), size)
    plan = Plan(batch, lr=1.0, clock="samples", horizon="1000000 samples").resolve(ps.Calendar())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UpdateSizes, "at", lambda self, updates, amounts: (
            evaluated.append(updates.size), at(self, updates, amounts)
        )[1])  # fmt: skip
        run = planned_amounts(plan, ps.Calendar())
        updates = run.updates_until(1_000_000)
        run.amounts_from(0, 0, updates)

    assert len(evaluated) < updates / 250
    assert sum(evaluated) < 10 * updates
