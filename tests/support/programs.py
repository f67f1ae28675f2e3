"""Test programs in separate processes, forked from a server process that has imported torch and the Scheduler.

Importing torch and Accelerate takes longer than most test runs. Each program therefore starts as a fork of a server
process that has only imported them and a part of the library. It has its own arguments, environment, folder and output.
It can be killed, and it exits like `python program.py`.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_SERVER = multiprocessing.get_context("forkserver")
# The first optimizer of a process imports torch._dynamo, which takes as long as torch itself.
_SERVER.set_forkserver_preload(
    [
        *("torch", "torch._dynamo", "torch.utils.data", "accelerate", "safetensors.torch", "sklearn.datasets"),
        *("paramsched.core.run.scheduler", "paramsched.core.schedules.text"),
    ]
)


class Program:
    """A running program with the part of the interface of `subprocess.Popen` that tests need."""

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str] | None = None, cwd: str | Path | None = None
    ) -> None:
        self.args = list(arguments)
        self._output = tempfile.TemporaryDirectory()
        self._files = [Path(self._output.name, name) for name in ("stdout", "stderr")]
        self._process = _SERVER.Process(
            target=_start,
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
        """Return the exit status. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end. Return the standard output and the standard error."""
        self.wait(timeout)
        texts = [file.read_text("utf-8", "replace") if file.exists() else "" for file in self._files]
        return texts[0], texts[1]


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


def _write_to(stdout: int, stderr: int) -> None:
    """Write the output and the errors of this process to open files."""
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # open to the end
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115


def _start(arguments: list[str], env: dict[str, str], folder: str, outputs: list[Path]) -> None:
    """Run the program in the new process."""
    weakref.finalize._registry.clear()  # what the modules of the server would clean up, which takes 20 ms
    if sys.version_info >= (3, 13):  # whose new processes forget what the modules of the server have registered
        from paramsched.core.diagnosis.ends import _log_ends

        atexit.register(_log_ends)
    opened = [os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for file in outputs]
    _write_to(*opened)
    for descriptor in opened:
        os.close(descriptor)
    # Workers of the program must not use a fork server, because they would survive a kill of the program.
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    os.chdir(folder)
    _run_in(arguments, env)


def run_forked(arguments: list[str], env: Mapping[str, str]) -> NoReturn:
    """Run a program in this process, which is a new fork of a process that has imported torch."""
    code = 1
    atexit._clear()  # and what the other process would remove at its end, such as its temporary folders
    weakref.finalize._registry.clear()
    weakref.finalize._registered_with_atexit = False
    try:
        _run_in(arguments, env)
        code = 0
    except SystemExit as exit_:
        if isinstance(exit_.code, str):
            print(exit_.code, file=sys.stderr)
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:  # noqa: BLE001  # printed as by Python
        traceback.print_exc()
    finally:
        threading._shutdown()  # waits for the threads of the program
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run_in(arguments: list[str], env: Mapping[str, str]) -> None:
    """Run the program with these environment variables."""
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    if "OMP_NUM_THREADS" in env:  # because torch read it at its import, in the server process
        import torch

        torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    try:
        _run_as_main(arguments)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001  # printed as by Python, not as by multiprocessing
        traceback.print_exc()
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # because multiprocessing does not run them


def _run_as_main(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())  # noqa: PTH109  # must be a str
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = list(arguments)
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")
