"""Doctests see the public names, as after `from paramsched import *`."""

from typing import Any

import pytest

import paramsched
from paramsched.schedules import rules


@pytest.fixture(autouse=True, scope="session")
def public_names(doctest_namespace: dict[str, Any]) -> None:
    """Put every public name, and `rules`, where doctests look."""
    doctest_namespace.update(
        {name: getattr(paramsched, name) for name in paramsched.__all__ if hasattr(paramsched, name)}
    )
    doctest_namespace["rules"] = rules
