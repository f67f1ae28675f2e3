"""Tables of cases as one test, because an item of its own costs more than most cases."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest


def table(names: str | Sequence[str], cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on each case, and report each failure as a subtest that names the case.

    The cases have no marks and share the fixtures of the test. For others there is `pytest.mark.parametrize`.
    """
    columns = [names] if isinstance(names, str) else list(names)
    rows = [(case,) if isinstance(names, str) else tuple(case) for case in cases]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def each(subtests: pytest.Subtests, **fixtures: Any) -> None:
            assert rows, "expected at least one case, got none"
            for row in rows:
                case = dict(zip(columns, row, strict=True))
                try:
                    test(**case, **fixtures)
                except ModuleNotFoundError:
                    raise  # not as a subtest: without this package, the test is skipped
                except (Exception, pytest.fail.Exception, pytest.skip.Exception):
                    with subtests.test(**case):  # only here, because the report of a subtest takes a millisecond
                        raise

        parameters = inspect.signature(test).parameters
        shared = [parameter for name, parameter in parameters.items() if name not in columns]
        first = inspect.Parameter("subtests", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        each.__signature__ = inspect.Signature([first, *shared])  # type: ignore[attr-defined]  # read by pytest
        each.__name__ = test.__name__
        each.__doc__ = test.__doc__
        each.__module__ = test.__module__
        each.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]  # the marks below this one
        return each

    return decorate
