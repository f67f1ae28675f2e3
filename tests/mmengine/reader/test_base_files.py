"""Configs with bases: reading without execution gives MMEngine's values or marks them as unreadable."""

import re
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config

from paramsched.mmengine import reader as mmengine
from paramsched.mmengine.python_config.values import ImportedName, NeedsRunning

BASE = """
param_scheduler = [dict(type='LinearLR', end=5, by_epoch=False), dict(type='StepLR', step_size=2, x=dict(y=[1, 2]))]
train_cfg = dict(by_epoch=True, max_epochs=5, deep=dict(a=dict(b=1), c=(1, dict(d=2))))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1), clip=None)
steps = [1, 2, 3]
name = 'base'
"""
PLACES = (
    *("param_scheduler", "param_scheduler[0]", "param_scheduler[1]['x']", "param_scheduler[-1].x", "train_cfg"),
    *("train_cfg.deep", "train_cfg['deep'].a", "train_cfg.deep.c[1]", "optim_wrapper", "optim_wrapper.optimizer"),
    *("steps", "name", "train_cfg.max_epochs", "param_scheduler[1].x.y"),
)
NEW = (
    "1",
    "'x'",
    "None",
    "[1, dict(a=2)]",
    "dict(a=dict(b=3), n=[dict(k=1)])",
    "(1, dict(a=1))",
    "dict()",
    "mine",
    "P",
)
CHANGES = (
    *(
        "P.update(dict(a=N))",
        "P.update(end=N, deep=dict(a=N))",
        "P.x = N",
        "P['x'] = N",
        "P.append(N)",
        "P.insert(0, N)",
    ),
    *(
        "P.pop('end')",
        "P.pop()",
        "P.setdefault('x', N)",
        "mine = P",
        "mine = P.copy()",
        "mine = dict(P)",
        "mine = [*P]",
    ),
    *(
        "mine = {**P, 'z': N}",
        "mine = dict(**P)",
        "del P['end']",
        "del P[0]",
        "P.clear()",
        "P.merge(dict(a=N, deep=N))",
    ),
    *("P.merge(dict(a=dict(_delete_=True, k=1), deep=dict(_delete_=True)))", "mine = P.get('end', N)", "P += [N]"),
    *("for one in P: one.end = N", "for one in P: one['end'] = 3", "mine = [one for one in P]", "mine = P.deepcopy()"),
    *(
        "mine = [k for k, v in P.items()]",
        "mine = list(P.values())",
        "import copy\nmine = copy.deepcopy(P)",
        "mine = P == N",
    ),
    *("import copy\nmine = copy.copy(P)", "mine.x = N", "mine['x'] = N", "mine.append(N)", "mine.update(dict(a=N))"),
    *(
        "mine = len(P)",
        "mine = isinstance(P, dict)",
        "mine = 'end' in P",
        "mine = P[0] if P else N",
        "mine = P | dict(a=1)",
    ),
    *(
        "mine = f'{P}'",
        "mine = P.to_dict()",
        "P.deep.a.update(b=N)",
        "mine = sorted(P)",
        "P.update(P)",
        "mine = P.keys()",
    ),
)
OWN = (
    *("train_cfg = dict(max_epochs=N)", "train_cfg = dict(_delete_=True, max_epochs=N)", "steps = N", "other = N"),
    *("train_cfg = dict(deep=dict(a=dict(_delete_=True, z=1)))", "other = dict(_delete_=True, a=N)", "name = N"),
    *("optim_wrapper = dict(optimizer=dict(lr=N))", "optim_wrapper = dict(clip=dict(a=1))", "param_scheduler = N"),
)
REFERENCES = (
    "other = {{ _base_.train_cfg }}",
    "other = [{{_base_.steps}}, dict(a={{ _base_.name }})]",
    "other = '{{fileBasename}}'",
)


def _line(random: Random, lazy: bool) -> str:
    """Return a line that changes or reads the values of the base."""
    line = random.choice(CHANGES + OWN + CHANGES + (() if lazy else REFERENCES))
    place = random.choice(PLACES)
    words = re.sub(r"\bP\b", place if lazy else f"_base_.{place}", line)
    return re.sub(r"\bN\b", lambda _: re.sub(r"\bP\b", "mine", random.choice(NEW)), words)


def _grown(random: Random, lazy: bool, file: Path) -> dict[str, Any]:
    """Write a config that MMEngine can run; return it with the values that MMEngine reads."""
    text = (
        "from mmengine.config import read_base\nwith read_base():\n    from .base import *\n"
        if lazy
        else "_base_ = './base.py'\n"
    )
    text += "mine = dict(a=[1])\n"
    found: dict[str, Any] = {}
    for _ in range(random.randint(2, 8)):
        longer = f"{text}{_line(random, lazy)}\n"
        file.write_text(longer, encoding="utf-8")
        try:
            found, text = Config.fromfile(file, format_python_code=False).to_dict(), longer
        except Exception:  # noqa: BLE001  # a line may raise anything
            continue
    file.write_text(text, encoding="utf-8")
    return found


def _differs(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, (NeedsRunning, ImportedName)):
        return False
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() != theirs.keys() or any(_differs(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, (list, tuple)) and type(ours) is type(theirs):
        pairs = zip(ours, theirs, strict=False)
        return len(ours) != len(theirs) or any(_differs(one, other) for one, other in pairs)
    return type(ours) is not type(theirs) or bool(ours != theirs)


@pytest.mark.parametrize("lazy", [False, True], ids=["_base_", "read_base"])
@given(seed=st.integers(0, 2**32))
def test_a_config_with_a_base_is_read_as_in_mmengine(lazy, seed):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.py"
        (file.parent / "base.py").write_text(BASE)
        theirs = _grown(Random(seed), lazy, file)
        text = file.read_text()
        ours = mmengine.read(text, str(file))

    assert [name for name in theirs if name not in ours or _differs(ours[name], theirs[name])] == [], text
