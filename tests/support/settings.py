"""The profiles of the property tests, the ids of parametrized tests, and a fixture for a command that serves.

The quick profile draws the same few examples each time and does not shrink a failure. `HYPOTHESIS_PROFILE=thorough`
draws many new examples and shrinks a failure.
"""

import gc
import logging
import os
import signal
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# No garbage collection during the import of the tests, because all imported objects stay alive.
gc.disable()

_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}
settings.register_profile("quick", max_examples=4, derandomize=True, phases=[Phase.explicit, Phase.generate], **_common)
# `make full`, before a release.
settings.register_profile("release", max_examples=30, derandomize=True, **_common)
# `make quick`, between two edits.
settings.register_profile(
    "glance", max_examples=2, derandomize=True, phases=[Phase.explicit, Phase.generate], **_common
)
settings.register_profile("thorough", max_examples=1000, **_common)
# `make full PROFILE=fuzz` draws new examples in every round; PARAMSCHED_EXAMPLES sets their number.
settings.register_profile("fuzz", max_examples=int(os.environ.get("PARAMSCHED_EXAMPLES", "2000")), **_common)
_MODULES = pytest.StashKey[int]()
"""The number of imported modules when objects were last excluded from garbage collection."""

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


# A shell lets its background commands ignore Ctrl-C, which tests send to themselves and to their processes.
signal.signal(signal.SIGINT, signal.default_int_handler)


def start_with_the_expensive(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the items by file, with expensive files first in each half, then the other files by folder.

    Each of two workers starts with a half and takes items of the other when it has finished its own. Only cheap items
    are left then, so that no worker waits for a long one. Files of a folder share what they import, parse and compile.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    heavy = list[list[pytest.Item]]()
    slow = list[list[pytest.Item]]()
    folders = dict[Path, list[pytest.Item]]()
    for file, its_items in files.items():
        if any(item.get_closest_marker("heavy") for item in its_items):
            heavy.append(its_items)
        elif {"engines", "examples", "mmengine", "packages", "scheduler"} & {*file.parts}:
            slow.append(its_items)
        else:
            folders.setdefault(file.parent, []).extend(its_items)
    ordered = [*heavy, *slow, *folders.values()]
    return [item for half in (ordered[::2], ordered[1::2]) for some in half for item in some]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the items. Skip those that need a folder of the library which is absent."""
    items[:] = start_with_the_expensive(items)
    for item in items:
        for name in (name for mark in item.iter_markers("package") for name in mark.args):
            if find_spec(f"paramsched.{name}") is None:
                item.add_marker(pytest.mark.skip(f"without paramsched.{name}"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude the imported objects from garbage collection, and enable it for the objects of the tests.

    Loggers inside of torch's propagate to torch's own, because pytest adds its handlers to each logger that does not,
    six times a test: a third of the fixed cost of a test.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("torch.") and isinstance(logger, logging.Logger):
            logger.propagate = True
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)  # with the default, collections take 18 s of the two workers
    gc.enable()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Use the repr of a value in a test's id if pytest would number it: `[{'lr': 0.1}]`, not `[config0]`."""
    if isinstance(val, bool | int | float | complex | str | bytes | type | None):
        return None  # pytest already uses their values
    # The order of a set differs between the two workers.
    text = getattr(val, "__name__", None) or repr(sorted(val) if isinstance(val, set | frozenset) else val)
    if not isinstance(text, str) or " at 0x" in text:
        return None  # because an address differs between processes
    return text.encode("ascii", "backslashreplace").decode()[:60].replace("::", ":")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Print no letter for a passed or a skipped test, because `_Progress` prints how far the run is."""
    if config.get_verbosity() > 0 or report.failed:
        return None
    if isinstance(report, pytest.SubtestReport):
        return f"subtests {report.outcome}", "", ""
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped", "", ""
    if report.when == "call" and not hasattr(report, "wasxfail"):
        return "passed", "", ""
    return None


class _Progress:
    """Prints how many percent of the tests have run, in steps of 5."""

    def __init__(self, session: pytest.Session, reporter: pytest.TerminalReporter) -> None:
        self.session = session
        self.reporter = reporter
        self.finished = 0

    def pytest_runtest_logfinish(self) -> None:
        self.finished += 1
        total = self.session.testscollected  # with xdist it is known as soon as a worker has collected the tests
        share, before = (20 * count // max(total, 1) for count in (self.finished, self.finished - 1))
        if share > before:
            self.reporter.write(f" {5 * share}%", flush=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Report the progress where a terminal is written, which is not in the workers of xdist."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.config.get_verbosity() <= 0:
        session.config.pluginmanager.register(_Progress(session, reporter))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds of each package's tests, over all workers, if several packages were tested."""
    seconds: Counter[str] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.removeprefix("tests/").partition("/")[0]] += report.duration
    if len(seconds) > 1:
        terminalreporter.write_line(", ".join(f"{package} {time:.0f} s" for package, time in seconds.most_common()))


@pytest.hookimpl
def pytest_unconfigure() -> None:
    """Log no line about the last run of the tests at the exit: it was short on purpose."""
    logging.getLogger("paramsched").setLevel(logging.ERROR)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Close the figures of a test, because Matplotlib warns of many open ones. Freeze the modules that it imported."""
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")
    if len(sys.modules) != item.session.stash.get(_MODULES, 0):
        # Accelerate collects garbage at each start. That takes longer, the more objects there are.
        gc.collect()
        gc.freeze()
        item.session.stash[_MODULES] = len(sys.modules)
