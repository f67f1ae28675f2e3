"""The pages for users of other libraries show a run twice: their code and ours use the same values.

`PARAMSCHED_PEER_VALUES=1` writes what their code used into docs/coming_from/peer_values.json, which the pages draw.
"""

import json
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import paramsched as ps
from support import timm_peer

os.environ.setdefault("KERAS_BACKEND", "torch")

PAGES = Path(__file__).parents[3] / "docs" / "coming_from"
VALUES = PAGES / "peer_values.json"
LIBRARIES = {
    "ignite": "ignite",
    "keras": "keras",
    "lightning": "lightning",
    "mmengine": "mmengine",
    "pytorch_accelerated": "pytorch_accelerated",
    "timm": "timm",
    "torch": "torch",
    "transformers": "transformers",
}
HEAVY = {"keras"}
UPDATES = 100
UPDATES_PER_EPOCH = {"keras": 20}
"""Where the code of a page trains for several epochs."""


def codes(page: str) -> tuple[str, str]:
    """Return their code and ours."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    theirs, ours = re.findall(r"^:::\{tab-item\}[^\n]*\n(?:<!--.*?-->\n)?```python\n(.*?)^```", text, re.S | re.M)[:2]
    return theirs, ours


def used(code: str, per_epoch: int = UPDATES) -> list[float]:
    """Return the lr at each step of torch's optimizer in a run of the code."""
    values: list[float] = []
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
    optimizer.register_step_pre_hook(lambda *_: values.append(float(optimizer.param_groups[0]["lr"])))
    model = torch.nn.Linear(2, 2)
    data = torch.utils.data.DataLoader([(torch.ones(2), torch.tensor(0))] * per_epoch, batch_size=1)
    names: dict[str, Any] = {
        "torch": torch, "ps": ps, "optimizer": optimizer, "model": model, "loader": data, "__name__": "__main__",
        "loss": torch.nn.CrossEntropyLoss(),
    }  # fmt: skip
    run_code(code, names)
    return values


def run_code(code: str, names: dict[str, Any]) -> None:
    """Run the code of a page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "page", "exec"), names)


def used_by_keras(code: str) -> list[float]:
    """Return the lr of each update in a run of the code in float64, read from the optimizer in a callback."""
    import keras

    class Reader(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            values.append(float(self.model.optimizer.learning_rate))

    values: list[float] = []
    names = {"torch": torch, "reader": Reader()}
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        run_code(code.replace("verbose=0", "verbose=0, callbacks=[reader]"), names)
    finally:
        keras.config.set_floatx(before)
    return values


RUNNERS: dict[str, tuple[Callable[[str], list[float]], Callable[[str], list[float]]]] = {
    "keras": (used_by_keras, lambda code: used(code, UPDATES_PER_EPOCH["keras"])),
}
"""How their code and ours is run, where it is not by an optimizer of torch."""


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.heavy) if page in HEAVY else page for page in LIBRARIES]
)
def test_both_scripts_of_a_page_use_the_same_values(page, monkeypatch):
    if page == "timm":  # whose own package needs torchvision to be imported
        monkeypatch.setitem(sys.modules, "timm.scheduler", timm_peer.timm_schedulers())
        monkeypatch.setitem(sys.modules, "timm", ModuleType("timm"))
    pytest.importorskip(LIBRARIES[page])
    runners = RUNNERS.get(page, (used, used))
    theirs, ours = (run(code) for run, code in zip(runners, codes(page), strict=True))
    if os.environ.get("PARAMSCHED_PEER_VALUES"):
        recorded = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
        VALUES.write_text(json.dumps(recorded | {page: theirs}, indent=0, sort_keys=True) + "\n", encoding="utf-8")

    assert len(ours) == UPDATES
    assert theirs == pytest.approx(ours, rel=1e-12, abs=1e-14)
    assert theirs == json.loads(VALUES.read_text(encoding="utf-8"))[page]
