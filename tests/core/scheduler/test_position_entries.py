"""The position of a run in the groups of an optimizer."""

from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.scheduler.group_keys import PLAN, check_entries, write_position_entries
from paramsched.core.scheduler.run_state import RunPosition, position_carried
from paramsched.core.time.calendar import CLOCKS
from support.examples import examples

COUNTS = st.integers(0, 2**40)


@examples(200)
@given(
    st.integers(1, 3), COUNTS, st.integers(0, 2**60), st.sampled_from([None, *CLOCKS[1:]]), COUNTS,
    st.none() | st.integers(1, 10**6), st.booleans(), st.none() | COUNTS,
)  # fmt: skip
def test_a_position_is_read_as_it_was_written(groups, count, plan, clock, amount, reported, is_measured, samples):
    written = [{"params": [], "lr": 0.1} for _ in range(groups)]
    amount, reported = (None, None) if clock is None else (amount, reported)
    if clock == "progress":
        amount, reported = (amount % 100) / 100, None
    is_measured = is_measured and reported is not None

    write_position_entries(written, count, plan, clock, amount, reported, is_measured=is_measured, samples=samples)

    check_entries(written)
    read = position_carried(written, clock)
    assert read == RunPosition(count, amount, reported, is_measured)
    assert read.samples == (amount if samples is None and clock == "samples" else samples)
    assert all(group[PLAN] == plan for group in written)
    another = "tokens" if clock != "tokens" else "frames"
    assert position_carried(written, another) == RunPosition(count)
