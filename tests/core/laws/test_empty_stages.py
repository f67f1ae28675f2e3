"""A stage of no updates changes nothing, wherever it is in a sequence, and in whatever unit its length is written."""

import numpy as np
from hypothesis import given, reject
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.schedules import parse
from paramsched.errors import InvalidArgument
from support import strategies
from support.tables import table

EMPTY = ("constant(7, {})", "warmup({})", "linear(2, 5, over={})", "cosine(start=3, to=absolute(9), over={})")
NOTHING = ("0", "'0%'", "'0 epochs'", "'0 samples'", "'0 tokens'")
FACTS = ps.Calendar(steps_per_epoch=7, batch_size=3, tokens_per_step=11)
GROUP = {"lr": 0.3}


@given(st.data())
def test_a_stage_of_no_updates_changes_no_value(data):
    first, last = (data.draw(strategies.cases(depth=1, fixed=True)).resolved for _ in range(2))
    empty = [parse(data.draw(st.sampled_from(EMPTY)).format(data.draw(st.sampled_from(NOTHING)))) for _ in range(2)]
    place = data.draw(st.sampled_from(["begin", "middle", "end"]))
    before, middle, after = ([one if place == here else None for one in empty] for here in ("begin", "middle", "end"))
    total = data.draw(st.integers(1, 120))

    stages = [one for one in (*before, first, *middle, last, *after) if one is not None]
    plain, padded = first >> last, stages[0]
    for stage in stages[1:]:
        padded = padded >> stage
    calendar = ps.Calendar(total=total, steps_per_epoch=7, batch_size=3, tokens_per_step=11)

    try:
        expected = ps.trace(ps.Plan(lr=plain), GROUP, calendar)
    except InvalidArgument:  # no updates remain for a stage
        reject()
    found = ps.trace(ps.Plan(lr=padded), GROUP, calendar)
    assert np.array_equal(found["lr"], expected["lr"], equal_nan=True)
    assert found.breakpoints("lr", 0) == expected.breakpoints("lr", 0)


@table("empty", [text.format(length) for text in EMPTY for length in NOTHING])
def test_neighbor_levels_and_open_stages_skip_a_stage_of_no_updates(empty):
    for plain in (
        "warmup(4) >> | linear(1.0, 0.25, over=9) >> constant(0.5)",
        "linear(1, 0.25, over=5) >> | cosine()",
        "| cosine() >> linear(0.5, 0, over='20%')",
    ):
        both = [plain.replace("|", f"{empty} >>"), plain.replace("| ", "")]
        plans = [ps.Plan(lr=text, horizon=40) for text in both]

        found, expected = (ps.trace(plan, GROUP, FACTS) for plan in plans)
        assert found["lr"].tolist() == expected["lr"].tolist(), both
        assert found.breakpoints("lr", 0) == expected.breakpoints("lr", 0)
