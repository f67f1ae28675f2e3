# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""The progress bar of the Runner has a minimum width and shows integers on a terminal of any width."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios

import pytest
import torch
from torch import nn

from paramsched.mmengine.runner import Runner
from support.runner_jobs import loader, network


def written_at(columns: int, monkeypatch, work_dir) -> list[str]:
    """Return the lines that a run writes to a terminal of this width."""
    ours, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    model = network()
    groups = [{"params": [parameter], "lr": 0.0123456 * (1 + n)} for n, parameter in enumerate(model.parameters())]
    with os.fdopen(terminal, "w", encoding="utf-8") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        Runner(
            model=model,
            work_dir=work_dir,
            train_dataloader=loader(20),
            train_cfg=dict(by_epoch=True, max_epochs=2),
            optim_wrapper=dict(optimizer=torch.optim.SGD(groups, lr=0.1)),
            param_scheduler=dict(type="LinearLR", by_epoch=False, end=40),
            loss=nn.functional.cross_entropy,
            default_hooks=dict(logger=None, checkpoint=None, progress=dict(type="ProgressBarHook", interval=1)),
        ).train()
        monkeypatch.undo()
        os.set_blocking(ours, False)
        with os.fdopen(ours, "rb") as stream:
            text = stream.read().decode("utf-8", "replace")
    return [line for line in re.split(r"[\r\n]+", text) if "loss=" in line]


@pytest.mark.parametrize(("columns", "values"), [(80, 2), (100, 3), (140, 5)])
def test_the_bar_has_its_columns_and_integers(columns, values, monkeypatch, tmp_path):
    lines = written_at(columns, monkeypatch, tmp_path)

    assert lines
    for line in lines:
        assert len(line) <= columns
        assert len(line.split("|")[1]) >= 8
        assert line.rstrip().endswith("]")
        assert len(re.findall(r"=\d", line)) >= values
        assert all(len(number) >= 3 for number in re.findall(r"lr \d=([\d.e-]+)", line))
