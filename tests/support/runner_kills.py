"""Killed runs of the Runner, and the comparison of a resumed run with an uninterrupted one."""

from __future__ import annotations

import os
import signal

import torch

from paramsched.mmengine.runner import Hook, Runner


class Killer(Hook):
    """Kill the process with SIGKILL at a point of an iteration."""

    def __init__(self, point: str, iteration: int, priority: str) -> None:
        self.priority = priority
        self.point = point
        self.iteration = iteration
        setattr(self, point, self._reached)

    def _reached(self, runner, **_):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(run) -> None:
    """Run in a child process, which must end by SIGKILL."""
    child = os.fork()
    if not child:
        try:
            run()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def assert_same_run(resumed: Runner, whole: Runner) -> None:
    for name in ("values.jsonl", "metrics.jsonl"):
        assert (resumed.work_dir / name).read_text() == (whole.work_dir / name).read_text()
    for name, expected in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], expected), name
    assert resumed.optim_wrapper.inner.get_lr() == whole.optim_wrapper.inner.get_lr()  # with that of the pseudo group
