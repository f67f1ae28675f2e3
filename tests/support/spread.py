"""Selections of cases for `make test`, one of each kind; `make full` runs all cases."""

from collections.abc import Iterable
from typing import Any

import pytest


def spread(cases: Iterable[Any], *kept: Any) -> list[Any]:
    """Return the cases as values of a parameter; all cases except `kept` are marked long."""
    cases = list(cases)
    unknown = [case for case in kept if case not in cases]
    assert not unknown, f"unknown cases: {unknown}"
    return [_parameter(case, is_long=case not in kept) for case in cases]


def every(step: int, cases: Iterable[Any], first: int = 0) -> list[Any]:
    """Return the cases as values of a parameter; only one of each `step` cases, from `first`, is not marked long."""
    return [_parameter(case, is_long=place % step != first % step) for place, case in enumerate(cases)]


def _parameter(case: Any, *, is_long: bool) -> Any:
    """Return a case with its mark; a tuple contains the values of several parameters."""
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.long if is_long else ())
