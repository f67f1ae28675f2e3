"""Levels: a bare number is a multiple of base, `absolute(x)` a value as it stands."""

import pytest

import paramsched as ps


def test_an_absolute_level_is_a_value_that_prints_as_it_is_written():
    level = ps.absolute(0.9)

    assert isinstance(level, ps.Absolute)
    assert level == ps.Absolute(0.9)
    assert repr(level) == "absolute(0.9)"


def test_an_absolute_level_takes_no_notice_of_base():
    held = ps.constant(ps.absolute(0.9))

    assert [held(0, base=base) for base in (0.0, 1.0, -5.0)] == [0.9, 0.9, 0.9]


@pytest.mark.parametrize("wrong", [True, None, "0.9", float("nan"), float("inf")])
def test_an_absolute_level_that_is_no_finite_number_is_refused(wrong):
    with pytest.raises(ps.InvalidArgument):
        ps.absolute(wrong)
