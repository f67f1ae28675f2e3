"""Each check of a number refuses what it should, and the error names the call, the argument and the value."""

from dataclasses import field, make_dataclass

import pytest

from paramsched.core.calls import number_checks
from paramsched.errors import CallSite, InvalidArgument

CHECKS = {
    "finite": (number_checks.finite_number, ["x", "10%", None, True, float("nan"), float("inf"), 10**400]),
    "positive": (number_checks.positive_number, ["x", 0, 0.0, -0.3, -5, float("-inf")]),
    "not negative": (number_checks.not_negative, ["x", -0.3, -5, float("nan")]),
    "whole": (number_checks.whole_number, ["x", 0, -3, 2.5, True, 10**19, float("nan")]),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_error_has_the_argument_and_the_value(name):
    check, wrong = CHECKS[name]
    for value in wrong:
        with pytest.raises(InvalidArgument) as caught:
            check(CallSite("call", "size"), value)
        assert (caught.value.problem.argument, caught.value.problem.refused) == ("size", value) or value != value


@pytest.mark.parametrize("annotation", [float | None, "float | None", "Optional[float]"])
def test_an_optional_field_may_be_none_however_its_annotation_is_written(annotation):
    metadata = number_checks.checked(number_checks.positive_number)
    checked_class = make_dataclass("Own", [("size", annotation, field(metadata=metadata))], frozen=True)
    number_checks.check_fields(checked_class(None), "own")
    with pytest.raises(InvalidArgument, match="size"):
        number_checks.check_fields(checked_class(-1.0), "own")
