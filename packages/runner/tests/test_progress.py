# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""The progress bar of the Runner has a minimum width and shows its values on a terminal of any width."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from paramsched_runner.runner import Runner, hooks
from support.runner_jobs import loader, network


def written_at(columns: int, monkeypatch, work_dir) -> list[str]:
    """Return the lines that a run writes to a terminal of this width."""
    reader, terminal = os.openpty()
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
        os.set_blocking(reader, False)
        with os.fdopen(reader, "rb") as stream:
            text = stream.read().decode("utf-8", "replace")
    return [line for line in re.split(r"[\r\n]+", text) if "loss=" in line]


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_bar_has_its_columns_and_values(columns, monkeypatch, tmp_path):
    lines = written_at(columns, monkeypatch, tmp_path)

    assert lines
    for line in lines:
        assert len(line) <= columns
        assert len(line.split("|")[1]) >= 8
        assert line.rstrip().endswith("]")
        assert len(re.findall(r"=\d", line)) == 2
        assert all(len(number) >= 3 for number in re.findall(r"lr \d=([\d.e-]+)", line))


@pytest.mark.parametrize(("is_hidden", "shown"), [(False, [2, 5]), (True, [])])
def test_values_and_losses_are_read_only_if_they_are_shown(is_hidden, shown, monkeypatch):
    read = []
    updates = []
    closed = []
    bar = SimpleNamespace(
        disable=is_hidden, set_postfix=lambda values, refresh: read.append(values | {"refresh": refresh}),
        update=lambda: updates.append(1), close=lambda: closed.append(1),
    )  # fmt: skip
    run = SimpleNamespace(
        max_iters=7, iter=0, training=SimpleNamespace(position=SimpleNamespace(iter=0)),
        accelerator=SimpleNamespace(is_main_process=True), values=lambda: {("lr", ""): run.iter},
    )  # fmt: skip
    monkeypatch.setattr(hooks, "tqdm", lambda **_: bar)
    hook = hooks.ProgressBarHook(interval=3)

    hook.after_exception(run)  # of another hook in `before_train`
    hook.before_train(run)
    for run.iter in range(7):
        hook.after_train_iter(run, run.iter, outputs={"loss": 0.5})

    assert read == [{"loss": "0.5000", "lr": str(iteration), "refresh": False} for iteration in shown]
    assert (len(updates), closed) == (7, [])
    hook.after_exception(run)
    assert closed == [1]
