"""Programs of a test, each in a process of its own, begun by a fork of one that has torch already.

Importing torch and Accelerate takes longer than most runs of a test. So each program begins as a copy of a server
process that imported them and did nothing else. It has its own arguments, environment, folder and output, it may be
killed, and it ends as `python program.py` ends.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["torch", "torch.utils.data", "accelerate", "safetensors.torch", "sklearn.datasets"])


class Program:
    """A running program, with what a test needs of `subprocess.Popen`."""

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str] | None = None, cwd: str | Path | None = None
    ) -> None:
        self.args = list(arguments)
        self._said = tempfile.TemporaryDirectory()
        self._files = [Path(self._said.name, name) for name in ("stdout", "stderr")]
        self._process = _SERVER.Process(
            target=_begin,
            args=(self.args, dict(os.environ if env is None else env), str(cwd or Path.cwd()), self._files),
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; `subprocess.TimeoutExpired` where it is not there in so many seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it said, once it has ended."""
        self.wait(timeout)
        said = [file.read_text("utf-8", "replace") if file.exists() else "" for file in self._files]
        return said[0], said[1]


def run(
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end: `["train.py", "--output", "out"]`, `["-m", "package", …]` or `["-c", "code"]`."""
    program = Program(arguments, env, cwd)
    stdout, stderr = program.communicate(timeout)
    return subprocess.CompletedProcess(program.args, program.wait(), stdout, stderr)


def _begin(arguments: list[str], env: dict[str, str], folder: str, said: list[Path]) -> None:
    """In the new process: be the program."""
    for number, file in zip((1, 2), said, strict=True):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # open to the end
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    # Else its own workers would begin by a fork server too, and outlive a program that is killed.
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    # A test run in the background of a script ignores Ctrl-C, and its children would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path[:0] = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    if "OMP_NUM_THREADS" in env:  # torch, which is imported already, read it before
        import torch

        torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    try:
        _run_as_main(arguments)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001  # said as Python says it, not as multiprocessing
        traceback.print_exc()
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # the process ends without them where another module of Python began it


def _run_as_main(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())  # noqa: PTH109  # a text
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = list(arguments)
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")
