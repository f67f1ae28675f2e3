"""Tables of absolute levels."""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument


def test_a_table_of_absolute_levels_is_a_table_of_values_in_code_and_text():
    line = "table([absolute(3e-4), absolute(1e-4)], every=30)"
    written = ps.table([3e-4, 1e-4], every=30, absolute=True)

    for made in (ps.table([ps.absolute(3e-4), ps.absolute(1e-4)], every=30), ps.parse(line)):
        assert made == written == ps.parse(str(made))
        assert [made(t, base=7.0) for t in (0, 30)] == [3e-4, 1e-4]


@pytest.mark.parametrize("values", [[1.0, ps.absolute(1e-4)], [ps.absolute(1e-4), 0.5]])
def test_a_table_of_both_is_refused(values):
    with pytest.raises(InvalidArgument, match="some values are absolute and some are multiples"):
        ps.table(values)


@pytest.mark.parametrize("level", ["absolute({})", "{{absolute: {}}}"])
def test_a_mapping_of_absolute_levels_is_that_table_too(level):
    values = ", ".join(level.format(value) for value in (3e-4, 1e-4))

    found = ps.loads(f"lr: {{table: {{values: [{values}], every: 30}}}}").bindings[0].schedule

    assert found == ps.table([3e-4, 1e-4], every=30, absolute=True)


def test_the_advice_for_levels_of_both_kinds_has_them():
    with pytest.raises(InvalidArgument) as refused:
        ps.table([1.0, ps.absolute(1e-4)])

    line = str(refused.value).partition("levels of ")[2]
    assert ps.parse(line) == ps.piecewise([(0, 1.0), (10, ps.absolute(0.1))])
