"""The settings of all tests are in `support/settings.py`, which the tests of the second distribution use too."""

import pytest

# Executed by imports only: a second time, for doctests, would define its shapes again.
collect_ignore = ["support/generated_shapes.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("support.settings")
