"""Reading and writing: formats, limits, and files that cannot be read.

These tests need further doors.
"""

import json
from pathlib import Path

import pytest

from paramsched.core import files as config
from paramsched.core.files import plan_files
from paramsched.errors import ConfigError, InvalidArgument
from support.tables import table


def test_a_mapping_is_read_like_its_text():
    plan = {"horizon": 10, "lr": "warmup(2) >> cosine(to=0.1)"}

    assert config.loads(plan) == config.loads(json.dumps(plan), format="json")
    assert config.loads({"name": "linear", "num_warmup_steps": 2, "num_training_steps": 10}, format="transformers")


def test_a_mapping_from_a_peer_config_is_reported_with_the_name_of_the_peer():
    with pytest.raises(ConfigError, match="looks like a config of transformers"):
        config.loads({"lr_scheduler_type": "cosine", "warmup_steps": 10})


SUFFIXES = "expected one of .yaml, .yml, .toml, .json, .py"


@table(
    ("name", "expected"),
    [
        ("x.YML", "yaml"),
        ("x.Toml", "toml"),
        ("x.csv", f"x.csv: unknown suffix '.csv'; {SUFFIXES}. Write paramsched audit x.csv"),
        ("x y.JSONL", f"x y.JSONL: unknown suffix '.JSONL'; {SUFFIXES}. Write paramsched audit 'x y.JSONL'"),
        *((f"x.{one}", f"x.{one}: unknown suffix '.{one}'; {SUFFIXES}. Write paramsched resume x.{one}")
          for one in ("pt", "pth", "ckpt", "bin")),
        ("x.txt", f"x.txt: unknown suffix '.txt'; {SUFFIXES}. For example: format=\"yaml\""),
        ("x", f"x: the name has no suffix; {SUFFIXES}. For example: format=\"yaml\""),
        ("x.sh", f"x.sh: unknown suffix '.sh'; {SUFFIXES}. For example: format=\"yaml\""),
    ],
)  # fmt: skip
def test_a_suffix_is_a_format_or_its_command_is_suggested(name, expected):
    try:
        found = plan_files.format_of(Path(name))
    except InvalidArgument as refusal:
        found = str(refusal)

    assert found == expected
