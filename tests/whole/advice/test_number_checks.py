"""Errors about numbers end with an argument that can be pasted into the call.

These tests need further doors.
"""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: ps.BatchSampler(ps.Plan(lr="cosine()", horizon=10), 9, seed=-1), "seed=1"),
    ],
)
def test_calls_that_are_not_wrapped_advise_the_keyword(call, line):
    with pytest.raises(InvalidArgument) as caught:
        call()
    assert caught.value.instead == f"For example: {line}"
