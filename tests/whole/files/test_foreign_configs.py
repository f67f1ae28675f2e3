"""Files and commands of other programs: a reader that has defaults does not fill them in."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import ConfigError
from support.tables import table

OWN = {
    "transformers": {"num_train_epochs": 1, "lr_scheduler_type": "cosine"},
    "megatron": {"train_iters": 100, "lr_decay_style": "cosine"},
    "deepspeed": {"scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 5}}},
    "torch": {"scheduler": {"type": "CosineAnnealingRestartLR"}},
}
"""Settings of each format, with which a file of this format is read, except for torch."""

_ODD = [["x"], {"x": 1}, None, True, 10**400, float("nan"), [{}], [["x"]], [{"type": ["x"]}]]
_NAMED = {"type": ["x"]}, {"name": ["x"]}, {"_target_": ["x"]}, {"type": {}}


@table("key", sorted({key for one in OWN.values() for key in one} | {"param_scheduler", "optimizer"}))
def test_a_setting_of_a_wrong_type_is_an_error_of_the_config(key):
    for odd in (*_ODD, *_NAMED):
        with suppress(ConfigError):
            ps.loads({key: odd})


_keys = st.text("qxzj", min_size=2, max_size=9)
_unrelated = st.dictionaries(_keys, st.integers() | _keys | st.dictionaries(_keys, st.integers()), max_size=4)


@pytest.mark.parametrize("format", OWN)
@given(other=_unrelated)
def test_a_config_without_a_setting_of_the_format_is_refused(format, other):
    with pytest.raises(ConfigError):
        ps.loads(other, format)


@pytest.mark.parametrize("format", OWN)
@given(other=_unrelated, key=_keys)
def test_settings_in_a_part_of_a_config_are_reported_with_their_path(format, other, key):
    with pytest.raises(ConfigError) as refused:
        ps.loads({"name": "my_run", **other, key: OWN[format]}, format)

    assert [one.path.startswith(f"$.{key}") for one in refused.value.diagnostics] == [True]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('{"zero_optimization": {"stage": 2}, "gradient_accumulation_steps": 4}', "transformers"),
        ("rlhf_type: grpo\nsplit_dataset_ratio: 0\ncolocate_groups: []\ntrain_iters: 9\n", "megatron"),
    ],
)
def test_settings_of_many_programs_do_not_identify_a_format(text, format):
    with pytest.raises(ConfigError):
        ps.loads(text, format)
