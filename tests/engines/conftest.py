"""Rows of the table of engines; and a training that warns is an error, unless its test says why it warns."""

import pytest

from support.table_rows import add_row as add_row
from support.table_rows import check_resumed as check_resumed
from support.table_rows import pytest_sessionfinish as pytest_sessionfinish


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Turn warnings of this library into errors; a filter of a test itself takes precedence."""
    for item in items:
        if "/tests/engines/" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings("error::paramsched.PlanWarning"), append=False)
