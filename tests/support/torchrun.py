"""torchrun in a test: it starts the processes of a training script, of which a test kills one.

The agent is torchrun's own. Its workers are forks of the agent, which has imported torch, because the import takes a
worker longer than its training.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from support.example_runs import environment
from support.programs import Program, run_forked


def torchrun(command: str, folder: Path, **variables: str) -> Program:
    """Start `torchrun` with the arguments of a command line, and more environment variables."""
    arguments = ["-m", "support.torchrun", *shlex.split(command)]
    return Program(arguments, env=environment() | {"OMP_NUM_THREADS": "1"} | variables, cwd=folder)


def kill_one_worker(agent: Program) -> None:
    """Kill the last worker of torchrun with SIGKILL, as the system does if the memory is full."""
    children = psutil.Process(agent.pid).children()
    workers = [
        worker for worker in children if os.getsid(worker.pid) == worker.pid
    ]  # torchrun starts each in its own session
    workers[-1].kill()


def wait_for(agent: Program, folder: Path, pattern: str) -> None:
    """Wait until a file exists. Raises AssertionError if torchrun ends before."""
    while not any(folder.glob(pattern)):
        assert agent.poll() is None, agent.communicate()[1]
        time.sleep(0.005)


def finished(agent: Program) -> str:
    """Wait for the end, and return the output."""
    output, errors = agent.communicate(timeout=300)
    assert agent.returncode == 0, errors
    return output


class Worker:
    """A worker of torchrun, with the part of the interface of `subprocess.Popen` that torchrun needs.

    Args:
        arguments: a command line whose program is this Python.
        env: the environment.
        outputs: the files for the standard output and the standard error. Default: those of this process.
    """

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], outputs: Sequence[IO[str] | None]) -> None:
        assert arguments[:2] == (sys.executable, "-u")
        self.returncode: int | None = None
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):  # which the agent handles
                signal.signal(signal.Signals[name], signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, file in zip((1, 2), outputs, strict=True):
                if file is not None:
                    os.dup2(file.fileno(), number)
            run_forked(list(arguments[2:]), env)

    def poll(self) -> int | None:
        if self.returncode is None:
            self._wait(os.WNOHANG)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (timeout or 0.0)
        if timeout is None:
            self._wait(0)
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def _wait(self, options: int) -> None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    from torch.distributed.elastic.multiprocessing.subprocess_handler import SubprocessHandler
    from torch.distributed.run import main

    SubprocessHandler._popen = lambda self, args, env: Worker(args, env, (self._stdout, self._stderr))
    main()
