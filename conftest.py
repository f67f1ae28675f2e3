"""The names that doctests can use: those of `from paramsched import *`. A file whose imports are absent is skipped."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Before torch is imported, also in the processes that tests start: where other processes use all cores, each small
# operation on several threads waits until the system runs them all, which took some tests fifty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

import paramsched
from paramsched.core import shapes
from paramsched.core.schedules import rules


@pytest.fixture(autouse=True, scope="session")
def public_names(doctest_namespace: dict[str, Any]) -> None:
    """Add every public name and `rules` to the namespace of doctests; without torch, those that do not need it."""
    for name in paramsched.__all__:
        with contextlib.suppress(ImportError):
            doctest_namespace[name] = getattr(paramsched, name)
    doctest_namespace["rules"] = rules
    doctest_namespace.update({name: getattr(shapes, name) for name in shapes.__all__})


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Skip a file that imports a library, or a door of this one, which is not installed, also through another file."""
    report = yield
    error = report.call.excinfo.value if report.failed and report.call.excinfo else None
    while error is not None:
        name = (error.name or "").split(".") if isinstance(error, ModuleNotFoundError) else []
        if name and find_spec(".".join(name[:2] if name[0] == "paramsched" else name[:1])) is None:
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 1, f"Skipped: {error}")
            # pytest keeps files whose import failed, and the next file would import these incomplete modules.
            codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
            failed = {code.co_filename for code in codes if code.co_name == "<module>"}
            for name in [name for name, one in sys.modules.items() if _file_of(one) in failed]:
                del sys.modules[name]
            break
        error = error.__cause__ or error.__context__
    return report


def _file_of(module: object) -> str | None:
    return module.__dict__.get("__file__") if isinstance(module, ModuleType) else None
