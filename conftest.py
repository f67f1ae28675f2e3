"""The names of doctests: those of `from paramsched import *`. Tests without their library or package are skipped."""

import contextlib
import doctest
import os
import sys
import traceback
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

# Before torch is imported, also in the processes that tests start: where other processes use all cores, each small
# operation on several threads waits until the system runs them all, which took some tests fifty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

import paramsched


def pytest_configure(config: pytest.Config) -> None:
    """Hide the GPUs from all tests but those for a GPU: the others compare with the CPU, and fork."""
    for_a_gpu = [config.rootpath / "tests" / "gpu", config.rootpath / "benchmarks"]
    asked = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    if not all(any(path.is_relative_to(folder) for folder in for_a_gpu) for path in asked):
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(autouse=True, scope="session")
def public_names(doctest_namespace: dict[str, Any]) -> None:
    """Add every public name to the namespace of doctests; without torch, those that do not need it."""
    for name in paramsched.__all__:
        with contextlib.suppress(ImportError):
            doctest_namespace[name] = getattr(paramsched, name)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Skip a file that imports a library or a package of this one which is not installed, also through another file."""
    report = yield
    raised = report.call.excinfo.value if report.failed and report.call.excinfo else None
    error = _absent(raised)
    if error is not None:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 1, f"Skipped: {error}")
        # pytest keeps files whose import failed, and the next file would import these incomplete modules.
        codes = [frame.f_code for one in _chain(raised) for frame, _ in traceback.walk_tb(one.__traceback__)]
        failed = {code.co_filename for code in codes if code.co_name == "<module>"}
        for name in [name for name, one in sys.modules.items() if _file_of(one) in failed]:
            del sys.modules[name]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Skip a test in a package that imports an absent package."""
    return (yield from _skipped_without_package(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Skip a test that needs an absent package; the core needs none, so there it fails."""
    return (yield from _skipped_without_package(item))


def _skipped_without_package(item: pytest.Item) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except Exception as error:
        absent = None if "core" in item.path.relative_to(item.config.rootpath).parts else _absent(error)
        if absent is not None and (absent.name or "").startswith(("paramsched.", "paramsched_runner")):
            pytest.skip(str(absent))
        raise


def _absent(error: BaseException | None) -> ModuleNotFoundError | None:
    """Return the error that names a library, or a package of this one, which is not installed, also as a cause."""
    for link in _chain(error):
        name = (link.name or "").split(".") if isinstance(link, ModuleNotFoundError) else []
        # A library, a drop-in, a package.
        parts = 1 if name[:1] != ["paramsched"] else 3 if name[1:2] == ["compat"] else 2
        if name and _is_absent(name[:parts]):
            return link
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes; of a failed doctest, the error of its line."""
    while error is not None:
        if isinstance(error, doctest.UnexpectedException):
            error = error.exc_info[1]
        yield error
        error = error.__cause__ or error.__context__


def _is_absent(parts: list[str]) -> bool:
    """Return whether a library, or a package of this one, is not installed."""
    try:
        spec = find_spec(".".join(parts))
        return spec is None or spec.origin is None  # a folder of tests with the name of the library has no origin
    except ModuleNotFoundError:  # the folder around it is absent, too
        return True


def _file_of(module: object) -> str | None:
    return module.__dict__.get("__file__") if isinstance(module, ModuleType) else None
