"""A steepest decrease that is far from the valley, as noise causes, is reported in the text of the result."""

import numpy as np
import pytest

from paramsched.tools.range_test import RangeTest

RATES = np.geomspace(1e-6, 1.0, 7)


@pytest.mark.parametrize(
    ("losses", "is_doubtful"),
    [
        ((2.0, 1.2, 1.2, 1.2, 0.7, 0.3, 0.9), True),  # a jump at the first rate
        ((2.0, 2.0, 1.9, 1.7, 1.0, 0.3, 0.9), False),
    ],
)
def test_a_jump_of_the_loss_far_from_the_valley_is_reported(losses, is_doubtful):
    smoothed = np.array(losses)
    text = RangeTest(RATES, smoothed, smoothed, "highest rate").text()

    assert ("steepest and valley differ by a factor of more than 10" in text) == is_doubtful
