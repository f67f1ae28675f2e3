"""The page about many ranks has the figures that its script counts."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.heavy, pytest.mark.long]


def test_the_tables_are_those_that_the_script_writes():
    spec = importlib.util.spec_from_file_location("store_traffic", ROOT / "tools" / "store_traffic.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = tool.PAGE.read_text(encoding="utf-8")

    assert tool.with_tables(page) == page, "run python tools/store_traffic.py"
