"""What the readers of all libraries have in common."""

import importlib

import pytest

from paramsched import compat, mmengine
from paramsched.core.plan.extras import NO_BASES
from paramsched.errors import ConfigError

READERS = {**compat.READERS, **mmengine.READERS}
NAMES = sorted(READERS)
NO_CONFIGS = [None, 3, 0.5, True, "text", [], [3], {}, {3: 4}, {"name": "mine"}, {"optimizer": 3}, {"optimizer": []}]


@pytest.mark.parametrize("name", NAMES)
def test_data_of_another_kind_has_no_bases_and_is_not_recognized(name):
    peer = importlib.import_module(READERS[name])
    for data in NO_CONFIGS:
        if name != "transformers" or not isinstance(data, dict):  # its Trainer has a default lr
            assert peer.bases_of(data, None) == NO_BASES, data
        assert peer.recognizes(data) is False, data


@pytest.mark.parametrize("name", NAMES)
def test_data_of_another_kind_is_no_plan(name):
    peer = importlib.import_module(READERS[name])
    for data in NO_CONFIGS:
        with pytest.raises(ConfigError):
            peer.to_plan(data)
