"""`python -m paramsched.compat train.py …` runs a script unchanged, on the drop-ins instead of torch's schedulers."""

import io
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import NoReturn

_USAGE = """\
usage: python -m paramsched.compat SCRIPT [ARGUMENT ...]
       python -m paramsched.compat -m MODULE [ARGUMENT ...]

Runs the script, or the module, as Python would. Only torch's schedulers are the drop-ins of paramsched."""


def main(arguments: list[str]) -> None:
    """Run what the arguments name; `sys.argv`, `__main__` and the exit status are those of the script by itself."""
    if not arguments or arguments[0] in ("-h", "--help"):
        _leave(_USAGE, 0 if arguments else 2)
    if arguments[0] == "-m" and len(arguments) == 1:
        _leave(f"{_USAGE}\n\n-m: no module is named. Write python -m paramsched.compat -m package.train", 2)
    import paramsched.compat.torch

    with paramsched.compat.torch.install():
        if arguments[0] == "-m":
            sys.argv[:] = arguments[1:]
            sys.path[0] = str(Path.cwd())
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv[:] = arguments
            run_script(Path(arguments[0]))


def run_script(script: Path) -> None:
    """Run a file as `__main__`; an error is shown as Python shows it, without the frames of this module."""
    try:
        with io.open_code(str(script.absolute())) as file:
            text = file.read()
    except OSError as error:
        _leave(f"{script}: {error.strerror}. Write the path of the script to run", 2)
    sys.path[0] = str(script.absolute().parent)
    module = ModuleType("__main__")
    module.__file__ = str(script.absolute())
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    try:
        exec(compile(text, module.__file__, "exec"), module.__dict__)  # noqa: S102  # as Python itself runs it
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001  # shown and ended as Python ends a script
        behind = error.__traceback__.tb_next if error.__traceback__ else None  # the first frame is this one
        sys.excepthook(type(error), error.with_traceback(behind), behind)
        sys.exit(1)


def _leave(text: str, status: int) -> NoReturn:
    print(text, file=sys.stderr if status else sys.stdout)
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
