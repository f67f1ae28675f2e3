"""Errors about numbers end with an argument that can be pasted into the call."""

import re
from dataclasses import field, make_dataclass

import pytest

from paramsched.core.advice import number_checks
from paramsched.errors import CallSite, InvalidArgument

CHECKS = {
    "finite": (number_checks.finite_number, ["x", "10%", None, True, float("nan"), float("inf"), 10**400]),
    "positive": (number_checks.positive_number, ["x", 0, 0.0, -0.3, -5, float("-inf")]),
    "not negative": (number_checks.not_negative, ["x", -0.3, -5, float("nan")]),
    "whole": (number_checks.whole_number, ["x", 0, -3, 2.5, True, 10**19, float("nan")]),
}


@pytest.mark.parametrize("kind", CHECKS)
def test_the_advised_keyword_has_a_valid_value(kind):
    check, wrong = CHECKS[kind]
    for value in wrong:
        with pytest.raises(InvalidArgument) as caught:
            check(CallSite("call", "size"), value)
        assert (found := re.fullmatch(r"(?:Write|For example:) size=(\S+)", caught.value.instead)), caught.value
        assert check(CallSite("call", "size"), eval(found[1])) == caught.value.sample
        assert caught.value.refused is value
    for text in ("10%", -0.3) if kind == "not negative" else ():
        with pytest.raises(InvalidArgument) as caught:
            check(CallSite("call", "size"), text)
        assert caught.value.sample == abs(number_checks.meant_number(text))


@pytest.mark.parametrize("site", ["milestones", CallSite("table", "values", entry=True), CallSite("call", "a", "(1,)")])
def test_an_item_of_a_list_has_no_keyword(site):
    with pytest.raises(InvalidArgument, match=r"For example: 3$"):
        number_checks.whole_number(site, -3)


def test_the_limits_of_a_whole_number_are_allowed_and_named():
    site = CallSite("call", "size")
    assert [number_checks.whole_number(site, one, 2, 5) for one in (2, 5, 3.0)] == [2, 5, 3]
    for wrong, meant in ((1, 3), (6, 3), (-4, 4), (0.5, 3), ("x", 3)):
        with pytest.raises(InvalidArgument, match="expected an integer from 2 to 5") as caught:
            number_checks.whole_number(site, wrong, 2, 5)
        assert caught.value.sample == meant
    with pytest.raises(InvalidArgument, match=r"at least 1\. For example: size=1$"):
        number_checks.whole_number(site, -1)


@pytest.mark.parametrize("annotation", [float | None, "float | None", "Optional[float]"])
def test_an_optional_field_may_be_none_however_its_annotation_is_written(annotation):
    metadata = number_checks.checked(number_checks.positive_number)
    made = make_dataclass("Own", [("size", annotation, field(metadata=metadata))], frozen=True)
    number_checks.check_fields(made(None), "own")
    with pytest.raises(InvalidArgument, match="size"):
        number_checks.check_fields(made(-1.0), "own")
