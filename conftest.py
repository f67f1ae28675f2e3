"""The names that doctests can use: those of `from paramsched import *`."""

from typing import Any

import pytest

import paramsched
from paramsched.core.schedules import rules


@pytest.fixture(autouse=True, scope="session")
def public_names(doctest_namespace: dict[str, Any]) -> None:
    """Add every public name and `rules` to the namespace of doctests."""
    doctest_namespace.update(
        {name: getattr(paramsched, name) for name in paramsched.__all__ if hasattr(paramsched, name)}
    )
    doctest_namespace["rules"] = rules
