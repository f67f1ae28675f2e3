"""Of many cases of one kind, which of them `make test` runs: one of each sort. `make full` runs all."""

from collections.abc import Iterable
from typing import Any

import pytest


def spread(cases: Iterable[Any], *kept: Any) -> list[Any]:
    """Return the cases as values of a parameter; those that are not kept are marked long."""
    cases = list(cases)
    unknown = [one for one in kept if one not in cases]
    assert not unknown, f"no case is {unknown}"
    return [_parameter(one, is_long=one not in kept) for one in cases]


def every(step: int, cases: Iterable[Any], first: int = 0) -> list[Any]:
    """Return the cases as values of a parameter; of each `step` all but one are marked long: that at `first`."""
    return [_parameter(one, is_long=place % step != first % step) for place, one in enumerate(cases)]


def _parameter(case: Any, *, is_long: bool) -> Any:
    """Return a case, a tuple of which stands for several parameters, with its mark."""
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.long if is_long else ())
