"""Run an unchanged script with the drop-ins instead of torch's schedulers: `python -m paramsched.compat train.py …`."""

import builtins
import io
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
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
            run_module(arguments[1:])
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
        _exit_with(f"{arguments[0]}: {error.strerror}. Write the path of the script to run", 2)
    _install_drop_ins()
    sys.argv[:] = arguments
    if not sys.flags.safe_path:
        sys.path[0] = str(script.resolve().parent)
    module = _make_main_module(str(script), SourceFileLoader("__main__", str(script)))
    _execute_code(compile(text, str(script), "exec", dont_inherit=True), module)


def run_module(arguments: list[str]) -> None:
    """Run the module `arguments[0]`, or the `__main__` of the package with this name, as `python -m` does."""
    if not sys.flags.safe_path:
        sys.path[0] = str(Path.cwd())
    _install_drop_ins()  # first, because finding the module imports its parent packages, which may use schedulers
    spec = _find_module(arguments[0])
    code = spec.loader.get_code(spec.name) if isinstance(spec.loader, SourceFileLoader) else None
    if code is None:
        _exit_with(f"No code object available for {spec.name}", 1)
    sys.argv[:] = [spec.origin or spec.name, *arguments[1:]]
    module = _make_main_module(sys.argv[0], spec.loader)
    module.__spec__, module.__package__ = spec, spec.parent
    _execute_code(code, module)


def _install_drop_ins() -> None:
    """Install the drop-ins until the process ends, because threads and exit handlers also belong to the script."""
    from paramsched.compat.torch import install

    install()


def _find_module(name: str) -> ModuleSpec:
    """Return the spec of a module, or of the `__main__` module of a package."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError as error:  # raised for a parent package
        _exit_with(f"Error while finding module specification for {name!r} ({type(error).__name__}: {error})", 1)
    if spec is not None and spec.submodule_search_locations is not None:
        return _find_module(f"{name}.__main__")
    if spec is None:
        _exit_with(f"No module named {name}", 1)
    return spec


def _make_main_module(file: str, loader: object) -> ModuleType:
    module = ModuleType("__main__")
    vars(module).update(__file__=file, __loader__=loader, __cached__=None, __builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = module
    return module


def _execute_code(code: CodeType, module: ModuleType) -> None:
    exec(code, vars(module))  # noqa: S102  # running a script requires it


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
