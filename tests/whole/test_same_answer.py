"""When an answer of the library counts as the recorded one."""

import pytest

from support.answers import same_answer


@pytest.mark.parametrize(
    ("answer", "recorded", "is_same"),
    [
        ("[0.30000000000000004]", "[0.3]", True),  # the last place, which differs between machines
        ("[0.3001]", "[0.3]", False),
        ("[7]", "[0.3]", False),
        ("[300000000]", "[0.3]", False),
        ("[0.3]", "[7]", False),
        ("[7]", "[8]", False),
        ("[-7]", "[-7.5]", False),
        ("at update 7", "at update 7", True),
        ([0.1, 7], [0.1, 7], True),
        ([0.1, 7], [0.1, 7.5], False),
        ({"t": 7}, {"t": 0.3}, False),
        ({"t": 7}, {"t": 7, "lr": 1.0}, False),
    ],
)
def test_a_count_and_a_value_are_not_the_same_answer(answer, recorded, is_same):
    assert same_answer(answer, recorded) is is_same
