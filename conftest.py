"""Doctests see the public names, as after `from paramsched import *`."""

from typing import Any

import pytest

import paramsched


@pytest.fixture(autouse=True)
def public_names(doctest_namespace: dict[str, Any]) -> None:
    for name in paramsched.__all__:
        if name not in doctest_namespace and not name.startswith("Scheduler"):
            doctest_namespace[name] = getattr(paramsched, name)
