"""Recorded answers compare to 4 units in the last place of the floats in them, and exactly otherwise."""

import pytest

from support.last_places import same_answer


@pytest.mark.parametrize(
    ("found", "recorded", "is_same"),
    [
        ("lr 0.30000000000000004 at 5", "lr 0.3 at 5", True),
        ("lr 0.3000000000000003 at 5", "lr 0.3 at 5", False),
        ("lr 0.3 at 6", "lr 0.3 at 5", False),
        ("lr 0.3 at 5", "wd 0.3 at 5", False),
        ("lr 1.0 1e-17", "lr 1.0 0.0", True),
        ("1.898438", "1.898437", True),
        ("1.898439", "1.898437", False),
        ("1.898438e-05", "1.898437e-05", True),
        ("1.898438e-05", "1.898437e-06", False),
        ("0.5", "0.4", False),
        ({"a": [0.1 + 0.2, 1]}, {"a": [0.3, 1]}, True),
        ({"a": [0.1 + 0.2, 1]}, {"a": [0.3, 2]}, False),
        ([0.1, 0.2], [0.1], False),
        ({"a": 1}, {"b": 1}, False),
        (True, "True", False),
    ],
)
def test_an_answer(found, recorded, is_same):
    assert same_answer(found, recorded) is is_same
