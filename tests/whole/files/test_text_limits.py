"""The limits of a text: the largest text that is allowed is read, and one more is refused at its place.

These tests need further doors.
"""

import pytest

from paramsched.core.files.plan_files import format_of, open_plan
from paramsched.errors import InvalidArgument
from support.tables import table


@table(
    ("name", "text", "found"),
    [
        ("plan.txt", "", "unknown suffix '.txt'; expected one of .yaml, .yml, .toml, .json, .py"),
        ("plan", "", "the name has no suffix; expected one of .yaml, .yml, .toml, .json, .py"),
        ("run.sh", "echo 1", "unknown suffix '.sh'"),
    ],
)
def test_a_file_without_a_known_suffix_is_refused_with_the_format_to_write(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidArgument, match=r'format="yaml"') as refusal:
        open_plan(tmp_path / name)

    assert refusal.value.found.startswith(found)
    assert format_of(tmp_path / "PLAN.YML") == "yaml"
