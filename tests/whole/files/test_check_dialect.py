"""`check_dialect` reports dialects that break a law, with one wrong dialect per law.

These tests need further doors.
"""

import pytest

import paramsched as ps
from paramsched.compat import deepspeed
from paramsched.core.files import native
from support.laws import check_dialect


@pytest.mark.parametrize(
    ("module", "configs"),
    [
        (
            native,
            [
                {"lr": "cosine()", "horizon": 100},
                {"lr": ["warmup(5)", {"cosine": {"to": 0.1}}], "groups": {"a": {"lr": 1}}},
            ],
        ),
        (deepspeed, [{"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.1, "warmup_num_steps": 9}}}]),
    ],
)
def test_dialects_of_the_library_obey_the_laws(module, configs):
    check_dialect(module, configs, calendar=ps.Calendar(total=100), base=0.1)
