"""The settings of all tests, as in `tests/conftest.py`."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("support.settings")
