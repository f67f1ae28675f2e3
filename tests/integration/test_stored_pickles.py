"""Pickles that earlier versions wrote still load: a plan, a schedule of each shape, a drop-in of each class."""

import base64
import json
import pickle
from pathlib import Path

import pytest

STORED = json.loads((Path(__file__).parent / "pickles_of_0_1.json").read_text(encoding="utf-8"))
VALUES = sorted(name for name, one in STORED.items() if "text" in one)
DROP_INS = sorted(name for name, one in STORED.items() if "values" in one)


def loaded(name):
    return pickle.loads(base64.b64decode(STORED[name]["pickle"]))


@pytest.mark.parametrize("name", VALUES)
def test_an_unpickled_value_has_its_original_text(name):
    value = loaded(name)

    assert getattr(value, "text", str(value)) == STORED[name]["text"]
    assert getattr(value, "fingerprint", None) == STORED[name].get("fingerprint")


@pytest.mark.parametrize("name", DROP_INS)
def test_an_unpickled_drop_in_continues_with_its_original_values(name):
    scheduler = loaded(name)
    group = scheduler.optimizer.param_groups[0]
    found = []

    for update in range(4, 8):
        scheduler.optimizer.step()
        if "pytorch_accelerated" in name:
            scheduler.step_update(update)
        else:
            scheduler.step(*[1.0] * ("Plateau" in name))
        found.append([group["lr"], group["momentum"]])

    assert found == STORED[name]["values"]
