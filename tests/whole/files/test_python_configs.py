"""Statements of Python configs: tracked values, unknown values, and limits on the cost.

These tests need further doors.
"""

import pytest

from paramsched.mmengine import reader as mmengine


@pytest.mark.parametrize(("name", "found"), [("model", "yes"), ("lr", "no")])
def test_a_config_may_use_hasattr_on_its_base(tmp_path, name, found):
    (tmp_path / "base.py").write_text("model = dict(depth=50)\n")
    file = tmp_path / "config.py"
    file.write_text(f"_base_ = 'base.py'\nx = 'no'\nif hasattr(_base_, '{name}'):\n    x = 'yes'\n")

    assert mmengine.read(file.read_text(), str(file))["x"] == found
