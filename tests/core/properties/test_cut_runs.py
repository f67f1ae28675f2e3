"""A property of runs that are cut and resumed: after any parts, the states equal those of one run."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramsched as ps
from support.updates import probe, run, used

PLANS = {
    "updates": ps.Plan(lr="warmup(5) >> cosine()", momentum="linear(1, 0.5)", total=40),
    "tokens": ps.Plan(lr="warmup('300 tokens') >> linear()", clock="tokens", total="4000 tokens"),
    "without an end": ps.Plan(lr="linear(1, 0.5, over=30)"),
    "planned sizes": ps.Plan(
        ps.Binding(ps.Target("batch_size", 1), "stairs(1, 8, 4, over=20)"), lr="linear()", total=40
    ),
}


def step(optimizer, scheduler, drive):
    run(optimizer, 1)
    if drive == "manual":
        scheduler.step()


@pytest.mark.filterwarnings("ignore:the plan is over:UserWarning")
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 15), min_size=1, max_size=4))
def test_parts_of_a_run_have_the_values_and_the_states_of_one_run(plan, drive, parts):
    facts = {} if plan.clock == "updates" else {"batch_size": 7, "sequence_length": 10}
    whole = probe(lr=0.1)
    saved = None
    expected = ps.Scheduler(whole, plan, drive=drive, **facts)
    for updates in parts:
        optimizer = probe(lr=0.1)
        scheduler = ps.Scheduler(optimizer, plan, drive=drive, **facts)
        if saved is not None:
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        for _ in range(updates):
            step(whole, expected, drive)
            step(optimizer, scheduler, drive)
            assert used(optimizer)[-1] == used(whole)[-1]
            assert scheduler.scalars() == expected.scalars()
        saved = optimizer.state_dict(), scheduler.state_dict()
        assert saved == (whole.state_dict(), expected.state_dict())
        scheduler.detach()
