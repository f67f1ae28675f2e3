"""Run an unchanged script with the drop-ins instead of torch's schedulers: `python -m paramsched.compat train.py …`."""

import builtins
import io
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from runpy import run_module
from types import ModuleType, TracebackType
from typing import NoReturn

_USAGE = """\
usage: python -m paramsched.compat SCRIPT [ARGUMENT ...]
       python -m paramsched.compat -m MODULE [ARGUMENT ...]

Runs a script or a module as Python does, with paramsched's drop-ins in place of torch's schedulers."""


def run_command(arguments: list[str]) -> None:
    """Run the script or module named in the command-line arguments.

    The script sees its own `sys.argv` and runs as `__main__`. Its exit status becomes that of the process.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        _exit_with(_USAGE, 0 if arguments else 2)
    if arguments[0] == "-m" and len(arguments) == 1:
        _exit_with(
            f"{_USAGE}\n\n-m: expected the name of a module. Write python -m paramsched.compat -m package.train", 2
        )
    try:
        if arguments[0] == "-m":
            _install_drop_ins()  # first, because finding the module imports its parent packages
            sys.argv[:] = arguments[1:]
            run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            run_script(arguments)
    except BaseException:
        _hide_own_frames()
        raise


def run_script(arguments: list[str]) -> None:
    """Run the script `arguments[0]` as the module `__main__`, with the remaining arguments."""
    script = Path(arguments[0]).absolute()
    try:
        with io.open_code(str(script)) as file:
            text = file.read()
    except OSError as error:
        _exit_with(f"{arguments[0]}: {error.strerror}. Pass the path of the script to run", 2)
    _install_drop_ins()
    sys.argv[:] = arguments
    if not sys.flags.safe_path:
        sys.path[0] = str(script.resolve().parent)
    # `runpy.run_path` would set `sys.argv[0]` and `__file__` to the same path, unlike Python.
    module = sys.modules["__main__"] = ModuleType("__main__")
    loader = SourceFileLoader("__main__", str(script))
    vars(module).update(__file__=str(script), __loader__=loader, __builtins__=builtins)
    exec(compile(text, str(script), "exec", dont_inherit=True), vars(module))  # noqa: S102  # running a script requires it


def _install_drop_ins() -> None:
    """Install the drop-ins until the process ends, because threads and exit handlers also belong to the script."""
    from paramsched.compat.torch import install

    install()


def _hide_own_frames() -> None:
    """Make Python print tracebacks without the frames of this module."""
    shows = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
        own = {run_command.__code__.co_filename}
        names = {"runpy.py", "<frozen runpy>", "<frozen importlib._bootstrap_external>"}
        while frames is not None and frames.tb_frame.f_code.co_filename in own | names:
            frames = frames.tb_next
        shows(kind, error.with_traceback(frames), frames)

    sys.excepthook = show


def _exit_with(text: str, status: int) -> NoReturn:
    print(text, file=sys.stderr if status else sys.stdout)
    sys.exit(status)


if __name__ == "__main__":
    run_command(sys.argv[1:])
