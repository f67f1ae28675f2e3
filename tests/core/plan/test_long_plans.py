"""Limits apply to user input: every plan that can be constructed is saved and read back."""

import pytest
import torch

import paramsched as ps
from paramsched.core import schedules as shapes
from paramsched.core.plan import Plan
from paramsched.core.schedules import parse_own


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
