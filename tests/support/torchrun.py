"""torchrun in a test: it starts the processes of a training script, of which a test kills one."""

import shlex
import time
from pathlib import Path

import psutil

from support.example_runs import environment
from support.programs import Program


def torchrun(command: str, folder: Path, **variables: str) -> Program:
    """Start `torchrun` with the arguments of a command line, and more environment variables."""
    arguments = ["-m", "torch.distributed.run", *shlex.split(command)]
    return Program(arguments, env=environment() | {"OMP_NUM_THREADS": "1"} | variables, cwd=folder)


def kill_one_worker(agent: Program, script: str) -> None:
    """Kill the last worker of torchrun with SIGKILL, as the system does if the memory is full."""
    workers = [one for one in psutil.Process(agent.pid).children() if any(script in part for part in one.cmdline())]
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
