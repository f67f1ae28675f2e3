"""The stable names, with their arguments, kinds and defaults, and the options of the stable commands.

`signatures.txt` is the record. `PYTHONPATH=tests python tests/whole/stable/test_signatures.py` writes it again; a line
that changes or disappears needs a deprecation first, see docs/explanation/stability.md.
"""

import ast
import inspect
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import click
import pytest

import paramsched as ps
from paramsched.base import VERSION
from paramsched.base.deprecation import removed_in, warn_deprecated

FILE = Path(__file__).with_name("signatures.txt")
RUNNER = "[paramsched-runner]"
"""The line of the file after which the names of the second distribution follow."""
SOURCE = Path(ps.__file__).parent
PROVISIONAL = {"find_lr", "recipes", "shape"}
CONSTRUCTED = {"Binding", "Duration", "PlanWarning", "RunFacts", "Target"}
"""Classes of which only the constructor is stable."""
COMMANDS = ("show", "check", "diff")


def signature_of(function: Any) -> str:
    """Return the parameters of a function without annotations; a default is shown if it is plain data."""
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        plain = parameter.default is None or isinstance(parameter.default, (bool, int, float, str, tuple))
        default = parameter.default if parameter.default is parameter.empty or plain else "..."
        parameters.append(parameter.replace(annotation=parameter.empty, default=default))
    return str(inspect.Signature(parameters))


def lines_of_class(name: str, cls: type) -> Iterator[str]:
    yield f"class {name}{signature_of(cls)}"
    for member in sorted(dir(cls)):
        value = inspect.getattr_static(cls, member)
        defined_here = any(member in vars(base) for base in cls.__mro__ if base.__module__.startswith("paramsched"))
        if member.startswith("_") or not defined_here:
            continue
        if isinstance(value, property) or not callable(getattr(cls, member, None)):
            yield f"{name}.{member}"
        else:
            yield f"{name}.{member}{signature_of(getattr(cls, member))}"


def lines_of_module(path: str, module: Any, names: Any = None) -> Iterator[str]:
    for name in sorted(module.__all__ if names is None else names):
        value = getattr(module, name)
        whole = f"{path}.{name}"
        if inspect.ismodule(value) or name in PROVISIONAL:
            continue
        if is_error(value):
            yield f"class {whole}({value.__base__.__name__})"
        elif inspect.isclass(value):
            yield from [*lines_of_class(whole, value)][: 1 if name in CONSTRUCTED else None]
        elif callable(value) and get_origin(value) is None:  # an alias of a type is callable too
            yield f"{whole}{signature_of(value)}"
        else:
            yield whole


def options() -> Iterator[str]:
    """Yield the options of the stable commands, with their defaults."""
    from paramsched.cli import main

    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        for param in command.params:
            if isinstance(param, click.Option):
                default = param.default if isinstance(param.default, (bool, int, float, str)) else None
                yield f"paramsched {name} {'/'.join(param.opts)}{f'={default}' if default else ''}"


def names_of_runner() -> set[str]:
    """Return the names of `ps.mmengine` that the second distribution has."""
    tree = ast.parse((SOURCE / "mmengine" / "__init__.pyi").read_text(encoding="utf-8"))
    way = "paramsched.mmengine.runner_distribution"
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == way]
    return {alias.name for node in imports for alias in node.names}


def stable_of_runner() -> list[str]:
    return list(lines_of_module("ps.mmengine", ps.mmengine, names_of_runner()))


def stable() -> list[str]:
    from paramsched.compat import gradual_warmup, pytorch_accelerated, torch
    from paramsched.engines import accelerate, lightning, transformers
    from paramsched.engines import pytorch_accelerated as trainer
    from paramsched.mmengine import engine

    lines = [
        *lines_of_module("ps", ps),
        *lines_of_module("ps.shapes", ps.shapes, [name for name in dir(ps.shapes) if is_own(getattr(ps.shapes, name))]),
        *lines_of_module(
            "ps.errors", ps.errors, [name for name in dir(ps.errors) if is_error(getattr(ps.errors, name))]
        ),
        *lines_of_module("ps.show", ps.show, ("text", "svg")),
        *lines_of_module("ps.compat.torch", torch),
        *lines_of_module("ps.compat.pytorch_accelerated", pytorch_accelerated),
        *lines_of_module("ps.compat.gradual_warmup", gradual_warmup),
        *lines_of_module("ps.mmengine", ps.mmengine, {*ps.mmengine.__all__} - names_of_runner()),
        *lines_of_module("ps.engines.accelerate", accelerate),
        *lines_of_module("ps.engines.transformers", transformers),
        *lines_of_module("ps.engines.pytorch_accelerated", trainer, ("scheduler",)),
        f"ps.engines.lightning.PlanCallback{signature_of(lightning._LightningPlan)}",
        f"ps.mmengine.engine.PlanScheduler{signature_of(engine._PlanScheduler)}",
        *options(),
    ]
    return list(dict.fromkeys(lines))


def is_own(shape: Any) -> bool:
    """Return whether a shape is one of the library, not of another test or of a doctest."""
    module = sys.modules.get(shape.__module__)
    return str(shape.__module__).startswith("paramsched.") and hasattr(module, shape.__name__)


def is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == "paramsched.errors"


@pytest.mark.package("cli", "compat", "engines", "mmengine", "show")
def test_the_stable_names_have_the_recorded_arguments_and_defaults():
    for library in ("accelerate", "click", "lightning", "pytorch_accelerated", "transformers"):
        pytest.importorskip(library)

    assert stable() == recorded()[0]


@pytest.mark.package("cli", "compat", "engines", "mmengine", "show")
def test_the_stable_names_of_the_runner_have_the_recorded_arguments_and_defaults():
    for library in ("accelerate", "paramsched_runner"):
        pytest.importorskip(library)

    assert stable_of_runner() == recorded()[1]


def recorded() -> tuple[list[str], list[str]]:
    """Return the lines of the library, and those of the second distribution."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    end = lines.index(RUNNER)
    return lines[:end], lines[end + 1 :]


def test_a_deprecated_call_warns_at_the_line_of_the_user_with_the_line_to_write():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_deprecated("plan.until(90)", "plan.cooldown(90, over=10)", since="1.1")

    (warning,) = caught
    assert (warning.category, warning.filename) == (FutureWarning, __file__)
    assert str(warning.message).endswith("Write plan.cooldown(90, over=10)")


def expired(source: str, version: str) -> list[int]:
    """Return the lines of deprecations that end in a version or before it."""
    numbers = tuple(int(number) for number in version.partition("rc")[0].split(".")[:2])
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    ends = {
        call.lineno: tuple(map(int, removed_in(keyword.value.value).split(".")))  # type: ignore[attr-defined]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "warn_deprecated"
        for keyword in call.keywords
        if keyword.arg == "since"
    }
    return [line for line, end in ends.items() if end <= numbers]


def test_a_deprecation_is_kept_for_one_minor_version_and_then_removed():
    source = 'def until(t):\n    warn_deprecated("until", "cooldown(t)", since="1.1")\n'

    assert (expired(source, "1.1.4"), expired(source, "1.2.0rc1")) == ([], [2])
    late = {path.name: expired(path.read_text(encoding="utf-8"), VERSION) for path in SOURCE.rglob("*.py")}
    assert {name: lines for name, lines in late.items() if lines} == {}


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in (*stable(), RUNNER, *stable_of_runner())), encoding="utf-8")
