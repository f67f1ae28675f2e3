"""Rows of the table of engines."""

from support.engine_table import add_row as add_row
from support.engine_table import check_resumed as check_resumed
from support.engine_table import pytest_sessionfinish as pytest_sessionfinish
