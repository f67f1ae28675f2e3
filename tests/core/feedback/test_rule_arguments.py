"""Every metric rule refuses the arguments that its documentation excludes."""

import pytest

from paramsched.core.feedback import greedy, hold, plateau
from paramsched.core.schedules import absolute
from paramsched.errors import InvalidArgument
from support.excluded_arguments import calls_with_excluded, cases
from support.tables import table


@table(("name", "parameter"), cases("paramsched.core.feedback"))
def test_an_argument_that_the_documentation_excludes_is_refused(name, parameter):
    invalid, valid = calls_with_excluded(name, parameter)

    valid()
    for call in invalid:
        with pytest.raises(InvalidArgument):
            call()


@table(
    "call",
    [lambda: plateau(threshold=0, min=0, eps=0, patience=0, cooldown=0),
     lambda: greedy(min=0, max=absolute(1)), lambda: greedy(min=absolute(0), max=None, eps=0, reset=None),
     lambda: greedy(window=1, reset=1, patience=0),
     lambda: hold("kl", at=1, factor=2, low=1, high=1), lambda: hold("kl", at=-1, add=1, low=-2, high=1)],
)  # fmt: skip
def test_the_limits_of_arguments_are_valid(call):
    rule = call()

    assert rule.apply(rule.observe(rule.init(), 1.0), 0.5) >= 0.5
