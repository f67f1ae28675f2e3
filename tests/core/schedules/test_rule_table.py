"""rules.table: the change of a value at each tick."""

import pytest

import paramsched as ps
from paramsched.core.schedules import rules
from paramsched.core.schedules.recurrence import recurrence
from paramsched.errors import InvalidArgument


def values(rule, count, base=0.1):
    return [recurrence(rule)(t, base=base) for t in range(count)]


def test_each_tick_scales_the_value_and_adds_a_share_of_base_and_a_number():
    rule = rules.table([0.0, 1.0, 2.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.25])

    assert values(rule, 3, base=2.0) == [1.0, 2.0, 4.25]


def test_a_shorter_column_repeats_its_last_entry():
    assert values(rules.table([0.0, 1.0], [0.25, 0.25, 0.5]), 3, base=1.0) == [0.25, 0.5, 1.0]


def test_the_value_stays_constant_after_the_last_entry():
    assert values(rules.table([0.5, 0.5]), 4, base=1.0) == [0.5, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("by", ["update", "epoch", 3])
def test_a_rule_table_reads_back_from_its_text(by):
    line = recurrence(rules.table([0.0, 1.0], [0.1, 0.3], begin=2, by=by), rules.multistep([4]))

    assert ps.parse(str(line)) == line


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (lambda: rules.table([]), "scale must not be empty"),
        (lambda: rules.table([float("nan")]), r"rules\.table\(scale=\[…, nan, …\]\)"),
        (lambda: rules.table([1.0], ["x"]), r"rules\.table\(base=\[…, 'x', …\]\)"),
        (lambda: rules.table([1.0], begin=-1), r"rules\.table\(begin=-1\)"),
    ],
    ids=["empty", "nan", "text", "begin"],
)
def test_an_invalid_table_is_rejected(write, found):
    with pytest.raises(InvalidArgument, match=found):
        write()
