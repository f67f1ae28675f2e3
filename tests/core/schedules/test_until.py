"""`over="until 80%"`: a stage that ends at a time of its sequence."""

import pytest

import paramsched as ps
from paramsched.core.plan import Plan
from paramsched.core.time import Calendar


def growing_run(steps):
    """Return the resolved stages of a run with growing batches, the last of which count updates, and its amounts."""
    sizes = ps.Binding(ps.Target("batch_size", 4.0), 'linear(1, 8, over="700 samples")')
    line = f'cosine() >> linear(1, 0.5, "{steps} steps") >> constant(0.4, "4 steps")'
    plan = Plan(sizes, lr=line, clock="samples", horizon="1000 samples")
    trace = ps.trace(plan, {"lr": 1.0})
    schedule = next(one.schedule for one in plan.resolve(Calendar()).bindings if one.name == "lr")
    lengths = [int(dict(stage.length.terms)["samples"]) for stage in schedule.stages]
    return lengths, trace.amounts.tolist(), trace["lr"].tolist()


@pytest.mark.parametrize("steps", [3, 10, 20, 30])
def test_stages_after_an_open_one_count_their_updates_where_they_run(steps):
    lengths, amounts, values = growing_run(steps)

    begins = [next(place for place, one in enumerate(amounts) if one >= at) for at in (lengths[0], sum(lengths[:2]))]
    assert sum(lengths) == 1000
    assert [begins[1] - begins[0], len(amounts) - begins[1]] == [steps, 4]
    assert values[-4:] == [0.4] * 4


def test_a_stage_that_no_start_makes_end_with_an_update_holds_its_last_level():
    lengths, _, values = growing_run(50)

    assert sum(lengths) == 1000
    assert values[-6:] == [0.5, 0.5, 0.4, 0.4, 0.4, 0.4]
