"""Positions of checkpoints: from which the samples of a run are counted."""

import pytest

from paramsched.core.run.state import BEGIN_OF_DATA, Choices, RunPosition, RunState

AT_5 = RunPosition(5, samples=60)


@pytest.mark.parametrize(
    ("before", "loaded", "expected"),
    [
        (BEGIN_OF_DATA, AT_5, (5, 60)),
        (AT_5, RunPosition(5), (5, 60)),
        (AT_5, RunPosition(5, samples=72), (5, 72)),
        (AT_5, RunPosition(6), (6, None)),
        (AT_5, RunPosition(0), (0, 0)),
        (BEGIN_OF_DATA, RunPosition(0, samples=24), (0, 0)),
    ],
)
def test_a_checkpoint_without_samples_keeps_those_of_another_one_of_its_update(before, loaded, expected):
    state = RunState({}, BEGIN_OF_DATA, Choices(), None)
    state.count_samples_from(before)
    state.count_samples_from(loaded)

    assert (state.counts_from.t, state.counts_from.samples) == expected
