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


LEVEL = "expected a multiple of base or an absolute value such as absolute"
BOTH = "min and max must both be multiples of base, or both be absolute"


@table(
    ("rule", "options", "found", "instead"),
    [
        (plateau, {"min": "x"}, f"plateau(min='x'): {LEVEL}(1e-5)", "Write plateau(min=0.01)"),
        (greedy, {"max": 0.5 + absolute(1.0)}, f"max=0.5 + absolute(1.0)): {LEVEL}(0.1)", "Write greedy(max=10.0)"),
        (plateau, {"min": absolute(-1)}, "min=absolute(-1.0)): must not be negative", "plateau(min=absolute(1.0))"),
        (greedy, {"max": absolute(0)}, "max=absolute(0.0)): must be greater than 0", "Write greedy(max=absolute(0.1))"),
        (plateau, {"metric": 3}, "metric=3): expected the name of a metric", 'Write plateau("val_loss")'),
        (greedy, {"min": 0.1, "max": absolute(1.0)}, f"greedy(min=0.1, max=absolute(1.0)): {BOTH}", "Use both as"),
        (greedy, {"min": absolute(0.1), "max": 1.0}, f"greedy(min=absolute(0.1), max=1.0): {BOTH}", "Use both as"),
        (greedy, {"min": absolute(0.1), "eps": 0.5}, "eps=0.5): eps cannot be combined", "Use multiples of base"),
        (greedy, {"max": absolute(0.1), "reset": 5}, "reset=5): reset cannot be combined", "Use multiples of base"),
        (hold, {"at": 6}, "hold('kl', at=6.0): expected one of gain, factor and add, got none", ", at=6.0, gain=0.01)"),
        (hold, {"at": 6, "gain": 1, "add": 1}, "of gain, factor and add, got gain and add", ", at=6.0, gain=0.01)"),
        (hold, {"at": 0, "gain": 0.1}, "at=0.0): it must be greater than 0 with gain", "at=6.0"),
        (hold, {"at": -1, "factor": 2}, "at=-1.0): it must be greater than 0 with factor", "at=6.0"),
        (hold, {"at": 6, "gain": 5}, "gain=5.0): gain * limit must be less than 1", "gain=0.1"),
        (hold, {"at": 6, "gain": 2, "limit": 0.5}, "gain=2.0): gain * limit must be less than 1", "gain=0.1"),
        (hold, {"at": 6, "factor": 1}, "factor=1.0): must be greater than 1", "factor=1.5"),
        (hold, {"at": 6, "factor": 0.5}, "factor=0.5): must be greater than 1", "factor=2.0"),
        (hold, {"at": 6, "gain": 0.1, "bands": (0.5, 2)}, "gain has no band", ", at=6.0, factor=1.5)"),
        (hold, {"at": 6, "add": 0.1, "bands": (0.5, 2)}, "add has no band", ", at=6.0, factor=1.5)"),
        (hold, {"at": 6, "factor": 2, "limit": 0.3}, "factor has no limit", ", at=6.0, gain=0.01)"),
        (hold, {"at": 6, "factor": 2, "bands": (2, 1)}, "expected two numbers greater than 0", "bands=(0.5, 2.0)"),
        (hold, {"at": 6, "factor": 2, "bands": (0, 1)}, "bands=(0, 1)): expected two numbers", "bands=(0.5, 2.0)"),
        (hold, {"at": 6, "factor": 2, "bands": 3}, "bands=3): expected two numbers", "bands=(0.5, 2.0)"),
        (hold, {"at": 6, "factor": 2, "low": -1}, "low=-1.0): expected a multiple from 0 to 1", "low=0.1"),
        (hold, {"at": 6, "add": 2, "low": 2}, "low=2.0): expected a multiple at most 1", "low=0.1"),
        (hold, {"at": 6, "add": 2, "high": 0.5}, "high=0.5): expected a multiple of at least 1", "high=10.0"),
        (hold, {"at": 6, "add": 2, "when_high": "up"}, "unknown when_high", "when_high='raise'"),
    ],
)
def test_an_invalid_argument_is_shown_with_a_valid_one(rule, options, found, instead):
    with pytest.raises(InvalidArgument) as refusal:
        rule(**({"metric": "kl"} if rule is hold else {}), **options)

    assert found in refusal.value.problem.summary
    assert instead in refusal.value.instead or refusal.value.is_example


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
