"""Random Python configs: the values read equal those of Python or are marked as unknown, in bounded time."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.figures import record
from support.python_configs import read_python
from support.python_programs import differences, program

_tried: list[int] = []


@given(st.integers(0, 2**32))
def test_a_config_has_the_values_of_python_or_they_are_marked_as_unknown(seed):
    text = program(Random(seed))

    found = differences(read_python(text), text)

    assert found == [], text
    _tried.append(seed)
    record("python configs", tried=len(_tried), what="generated Python config programs, each run in Python too")


@given(st.text(max_size=200) | st.text("xab=+*()[]{}'\" \n:,.0123456789", max_size=200))
def test_any_text_is_read_or_raises_an_error_of_the_library(text):
    try:
        names = read_python(text)
    except ps.errors.ConfigError:
        return

    assert all(isinstance(name, str) for name in names)
