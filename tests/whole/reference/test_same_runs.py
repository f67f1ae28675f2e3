"""The pages for users of other libraries show a run twice: in both codes, it uses the same values.

`PARAMSCHED_PEER_VALUES=1` writes what their code used into docs/coming_from/original_values.json, which the pages draw.
"""

import json
import os
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import paramsched as ps
from whole.reference import timm_original

PAGES = Path(__file__).parents[3] / "docs"
VALUES = PAGES / "coming_from" / "original_values.json"
LIBRARIES = {
    "mmengine": "mmengine",
    "pytorch_accelerated": "pytorch_accelerated",
    "timm": "timm",
    "torch": "torch",
    "transformers": "transformers",
}
UPDATES = 100


def codes(page: str) -> tuple[str, str]:
    """Return the library's code and that of paramsched."""
    folder = "engines" if page in {"mmengine", "pytorch_accelerated"} else "coming_from"
    text = (PAGES / folder / f"{page}.md").read_text(encoding="utf-8")
    tabs = re.findall(r"^:::\{tab-item\}[^\n]*\n(?:<!--.*?-->\n)?```python\n(.*?)^```", text, re.S | re.M)
    original, planned = tabs[:2]
    return original, planned


def used(code: str) -> list[float]:
    """Return the lr at each step of torch's optimizer in a run of the code."""
    values: list[float] = []
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
    optimizer.register_step_pre_hook(lambda *_: values.append(float(optimizer.param_groups[0]["lr"])))
    model = torch.nn.Linear(2, 2)
    data = torch.utils.data.DataLoader([(torch.ones(2), torch.tensor(0))] * UPDATES, batch_size=1)
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


@pytest.mark.parametrize("page", LIBRARIES)
def test_both_scripts_of_a_page_use_the_same_values(page, monkeypatch):
    if page == "timm":  # whose own package needs torchvision to be imported
        monkeypatch.setitem(sys.modules, "timm.scheduler", timm_original.timm_schedulers())
        monkeypatch.setitem(sys.modules, "timm", ModuleType("timm"))
    pytest.importorskip(LIBRARIES[page])
    original, planned = map(used, codes(page))
    if os.environ.get("PARAMSCHED_PEER_VALUES"):
        recorded = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
        VALUES.write_text(json.dumps(recorded | {page: original}, indent=0, sort_keys=True) + "\n", encoding="utf-8")

    assert len(planned) == UPDATES
    assert original == pytest.approx(planned, rel=1e-12, abs=1e-14)
    assert original == json.loads(VALUES.read_text(encoding="utf-8"))[page]
