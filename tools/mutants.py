"""Plant small errors in the source, one at a time, and report those that no test finds: `make mutants`.

    python tools/mutants.py core/run core/plan --count 40 --seed 1

The tests of a package are those that a contributor runs: its doctests, its folders in `tests` and `tests/whole`, and in
the core the properties. Coverage records which lines each of them executes; `.mutants` keeps a record until a file
changes.

1. The package's tests are collected once, with the correct source. For each error the process forks; the child replaces
   the code of the changed function and runs the collected tests of its line, those with the fewest lines first, until
   one fails.
2. What step 1 cannot try is planted in a copy of the source, and a new process imports the copy and runs the tests:
   lines that run at import or when the tests are collected, tests marked `heavy`, because they may start processes, and
   code that cannot be replaced. For a line that no test executes in its own process, the `heavy` tests run whose file
   has the name of the module.

No maintained tool fits: they run all tests for each error, or count as found what a test does not execute.
"""

import argparse
import ast
import contextlib
import faulthandler
import functools
import gc
import hashlib
import importlib
import itertools
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from tests_for import source_of, tests_of

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src", "packages/runner/src")
"""The folders of the source of each distribution."""
CACHE = ROOT / ".mutants"
SECONDS_OF_TESTS = 120.0
"""The tests of one error: as many as ran in this time with coverage. A run of the Runner takes half a second."""
_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}


# ---------------------------------------------------------------- the errors


@dataclass(frozen=True, slots=True)
class PlantedError:
    """One error; `number` counts those of the file."""

    file: str
    function: str
    statement: str
    change: str
    number: int
    lines: tuple[int, ...]
    """The line of the changed expression, or of its condition, and the first line of its statement."""

    def __str__(self) -> str:
        return f"{self.file}:{self.lines[0]} {self.function}: {self.statement}\n    {self.change}"


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes with one error that may replace this one."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=right) if type(operator) in _OPERATORS:
            yield ast.Compare(left, [_OPERATORS[type(operator)]()], right)  # type: ignore[list-item]
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(_OPERATORS[type(operator)](), values)  # type: ignore[arg-type]
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(operator)](), right)  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.If(test=test, body=body, orelse=orelse) if not isinstance(test, ast.NamedExpr):
            yield ast.If(ast.Constant(True), body, orelse)
            yield ast.If(ast.Constant(False), body, orelse)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Return(value=ast.Call(args=[first, *_])) if not isinstance(first, ast.Starred):
            yield ast.Return(first)
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


@dataclass(frozen=True, slots=True)
class _Place:
    """A node that runs in a function, and where its tree holds it."""

    parent: ast.AST
    field: str
    index: int | None
    node: Any
    function: str
    statement: Any

    def put(self, node: ast.AST) -> None:
        held = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            held[self.index] = node


def _is_skipped(parent: ast.AST, name: str) -> bool:
    """Return whether a field is a message, a type, a default value or the assertion of `zip(…, strict=True)`."""
    if isinstance(parent, ast.Raise | ast.Assert) and name != "test":
        return True  # because the text of an error is no behavior
    if isinstance(parent, ast.keyword) and parent.arg == "strict":
        return True
    return name in ("annotation", "returns", "decorator_list", "args") and not isinstance(parent, ast.Call)


def _places(parent: ast.AST, names: tuple[str, ...] = (), statement: ast.AST | None = None) -> Iterator[_Place]:
    """Yield the places of the nodes that run in a function; `statement` is None outside."""
    for name, value in ast.iter_fields(parent):
        if _is_skipped(parent, name):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            here, below = statement, names
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                below = (*names, child.name)
            inside = statement is not None
            kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            if isinstance(child, kinds | ast.stmt | ast.match_case if inside else kinds):
                here = child
            if inside:
                yield _Place(parent, name, index, child, ".".join(names), here)
            yield from _places(child, below, here)


def _first_line(node: ast.AST) -> str:
    return ast.unparse(node).strip().split("\n")[0]


def _parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@functools.cache
def errors(file: str) -> list[PlantedError]:
    """Return every error that can be planted in the functions of a file."""
    found: list[PlantedError] = []
    for place in _places(_parsed(file)):
        for replacement in _replacements(place.node):
            statement = _first_line(place.statement)
            change = f"{_first_line(place.node)}  ->  {_first_line(replacement)}"
            start = getattr(place.statement, "lineno", place.node.lineno)
            lines = (getattr(place.node, "test", place.node).lineno, place.node.lineno, start)
            found.append(PlantedError(file, place.function, statement, change, len(found), lines))
    return found


def planted(error: PlantedError) -> ast.Module:
    """Return the tree of the file with the error."""
    tree = _parsed(error.file)
    every = ((place, new) for place in _places(tree) for new in _replacements(place.node))
    place, new = next(pair for number, pair in enumerate(every) if number == error.number)
    place.put(ast.copy_location(new, place.node))
    return ast.fix_missing_locations(tree)


# ---------------------------------------------------------------- the tests


def files_of(package: str) -> list[str]:
    """Return the files of a package, a folder or a file of `src/paramsched` or of `packages/runner`."""
    place = source_of(package)
    if not place.is_dir():
        return [str(place.with_suffix(".py").relative_to(ROOT))]
    return sorted(str(file.relative_to(ROOT)) for file in place.rglob("*.py"))


@dataclass(frozen=True, slots=True)
class Tests:
    """Tests of one error, and the seconds that they need with coverage."""

    names: list[str]
    items: list[pytest.Item]
    seconds: float


@dataclass
class Coverage:
    """The tests of each line of each file, and the seconds and the number of lines of each test."""

    lines: dict[str, dict[int, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    seconds: dict[str, float] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)

    def add(self, record: dict[str, Any]) -> None:
        names = list(record["seconds"])
        self.seconds |= record["seconds"]
        for file, by_line in record["lines"].items():
            for line, indexes in by_line.items():
                tests = [names[index] for index in indexes]
                self.lines[file][int(line)] += tests
                self.sizes.update(tests)

    def tests_of(self, error: PlantedError) -> list[str]:
        """Return the tests that execute the error."""
        by_line = self.lines.get(error.file, {})
        return next((by_line[line] for line in error.lines if by_line.get(line)), [])

    def tests_of_import(self, file: str) -> list[str]:
        """Return the tests that execute a line of the file, and small ones, which may look at what its import made."""
        of_file = {test for tests in self.lines.get(file, {}).values() for test in tests}
        return [*of_file, *sorted(self.seconds.keys() - of_file, key=lambda one: (self.sizes[one], one))[:50]]

    def first(self, tests: Iterable[str], items: dict[str, pytest.Item]) -> Tests:
        """Return those with the fewest lines, as many as run in the limit."""
        chosen: list[str] = []
        total = 0.0
        for test in sorted(tests, key=lambda one: (self.sizes[one], self.seconds[one])):
            if chosen and total + self.seconds[test] > SECONDS_OF_TESTS:
                break
            total += self.seconds[test]
            chosen.append(test)
        return Tests(chosen, [items[one] for one in chosen if one in items], total)


@functools.cache
def _digest_of_file(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes() if file.exists() else b"").digest()


def _digest(test: Path, sources: Iterable[str]) -> str:
    """Return the digest of a file of tests, the sources that it executes, the tables next to it, and this tool."""
    files = [Path(__file__), test, *(ROOT / one for one in sorted(sources)), *sorted(test.parent.glob("*.yaml"))]
    return hashlib.sha256(b"".join(map(_digest_of_file, files))).hexdigest()


def _read_record(file: Path) -> dict[str, Any] | None:
    """Return the record of a file of tests, unless it or a source that it executes has changed."""
    place = CACHE / f"{file.relative_to(ROOT).as_posix().replace('/', '.')}.json"
    if not place.exists():
        return None
    record: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return record if record["digest"] == _digest(file, record["lines"]) else None


def _record(session: pytest.Session, files: set[Path], measured: Any) -> None:
    """Run the tests of these files with coverage, and write a record for each file; failing tests are left out.

    The library's caches are emptied before each test: otherwise only the first test would execute a cached function.
    """
    items = [item for item in session.items if item.path in files]
    seconds: dict[Path, dict[str, float]] = {file: {} for file in files}
    caches, modules = [], 0
    measured.start()
    for item, after in zip(items, [*items[1:], None], strict=True):
        measured.switch_context(item.nodeid)
        if modules != len(sys.modules):
            caches, modules = _caches(), len(sys.modules)
        for cache in caches:
            cache.cache_clear()
        # A test may wait forever, for threads that its imports started: a forked process has none of them.
        faulthandler.dump_traceback_later(_longest_wait(SECONDS_OF_TESTS), exit=True, file=sys.__stderr__)
        failed, start = session.testsfailed, sum(os.times()[:4])
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed == failed:
            seconds[item.path][item.nodeid] = sum(os.times()[:4]) - start
        else:
            print(f"fails without an error: {item.nodeid}", file=sys.__stderr__)
    faulthandler.cancel_dump_traceback_later()
    measured.stop()
    data = measured.get_data()
    by_file: dict[Path, dict[str, dict[int, list[int]]]] = {file: {} for file in files}
    numbers = {name: (file, index) for file, names in seconds.items() for index, name in enumerate(names)}
    for source in data.measured_files():
        name = str(Path(source).relative_to(ROOT))
        for line, contexts in data.contexts_by_lineno(source).items():
            for file, index in (numbers[one] for one in contexts if one in numbers):
                by_file[file].setdefault(name, {}).setdefault(line, []).append(index)
    CACHE.mkdir(exist_ok=True)
    for file, lines in by_file.items():
        digest = _digest(file, lines)
        text = json.dumps({"digest": digest, "seconds": seconds[file], "lines": lines})
        (CACHE / f"{file.relative_to(ROOT).as_posix().replace('/', '.')}.json").write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- the two steps


def _longest_wait(seconds: float) -> float:
    """Return after how many seconds tests hang, which need `seconds` with coverage and share their core."""
    return 180 + 20 * seconds


def _in_child(work: Callable[[], None], seconds: float) -> int | None:
    """Call a function in a forked process; return its exit code, or None if it waits for too long."""
    child = os.fork()
    if child == 0:
        _alone(seconds)
        try:
            work()
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + _longest_wait(seconds)
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() < end:
        time.sleep(0.01)
    hangs = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    _end(child)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if hangs else code


def _alone(seconds: float) -> None:
    """Make this process a group that prints nothing, and that ends if it computes longer than its tests need."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    limit = round(60 + 3 * seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))


def _end(child: int) -> None:
    # The group exists only after the child has called setsid.
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _essence(code: CodeType) -> object:
    """Return what a code does, without its lines."""
    constants = [_essence(one) if isinstance(one, CodeType) else (type(one), repr(one)) for one in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, code.co_exceptiontable, constants


_Key = tuple[str, str, int]


def _key(code: CodeType) -> _Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _by_key(code: CodeType) -> dict[_Key, list[CodeType]]:
    codes: dict[_Key, list[CodeType]] = defaultdict(list)
    for one in _codes(code):
        codes[_key(one)].append(one)
    return codes


def _is_other_code(error: PlantedError) -> bool:
    """Return False for an error that Python compiles to the same instructions, such as a last `continue`."""
    before, after = (compile(one, error.file, "exec") for one in (_parsed(error.file), planted(error)))
    return _essence(before) != _essence(after)


def _caches() -> list[Any]:
    """Return the caches of the library's functions."""
    gc.unfreeze()  # tests/conftest.py has frozen what the import of the tests created
    every = [one for one in gc.get_objects() if type(one) is functools._lru_cache_wrapper]
    gc.freeze()
    return [one for one in every if _is_in_package(one.__wrapped__)]


def _is_in_package(one: object) -> bool:
    return type(one) is FunctionType and one.__code__.co_filename.startswith(
        tuple(str(ROOT / source) for source in SOURCES)
    )


class Live:
    """The functions of the library in this process, and its caches."""

    def __init__(self) -> None:
        self.functions: dict[_Key, list[FunctionType]] = defaultdict(list)
        self.caches = _caches()
        gc.unfreeze()
        for one in gc.get_objects():
            if _is_in_package(one):
                self.functions[_key(one.__code__)].append(one)
        gc.freeze()

    def replace(self, error: PlantedError) -> bool:
        """Give the changed functions their new code; return False if there is none, or one cannot be replaced."""
        place = str(ROOT / error.file)
        before, after = (_by_key(compile(one, place, "exec")) for one in (_parsed(error.file), planted(error)))
        replaced = False
        for key, olds in before.items():
            if len(olds) != len(after[key]):
                return False
            for old, new in zip(olds, after[key], strict=True):
                if _essence(old) == _essence(new):
                    continue
                for function in self.functions.get(key, []):
                    if len(olds) > 1 and _essence(function.__code__) != _essence(old):
                        continue  # another lambda of this line
                    try:
                        function.__code__ = new
                    except ValueError:  # other free variables
                        return False
                    replaced = True
        for cache in self.caches:
            cache.cache_clear()
        return replaced


def _run(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Run collected tests until one fails."""
    for item, after in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            os._exit(1)


_NOT_REPLACED = 3


def is_found_in_place(error: PlantedError | None, session: pytest.Session, live: Live, tests: Tests) -> bool | None:
    """Run collected tests in a forked child whose functions have the error; return None if it cannot be planted."""
    with tempfile.TemporaryDirectory() as folder:

        def work() -> None:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
            if error and not live.replace(error):
                os._exit(_NOT_REPLACED)
            _run(session, tests.items)

        code = _in_child(work, tests.seconds)
    return None if code in (None, _NOT_REPLACED) else code != 0


def _run_copy(folder: str, names: list[str], seconds: float) -> None:
    """Run tests with the copy of the source; a new process calls this."""
    _alone(seconds)
    copies = [f"{folder}/{source}" for source in SOURCES]
    os.environ |= {"PYTHONPATH": os.pathsep.join(copies), "HYPOTHESIS_PROFILE": "quick", "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(Path(folder).parent)
    sys.dont_write_bytecode = True
    sources = {ROOT / source for source in SOURCES}
    sys.path[:] = [*copies, *(one for one in sys.path if Path(one or ".").resolve() not in sources)]
    os.chdir(ROOT)
    options = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "--tb=no",
        "-o",
        f"pythonpath={' '.join(copies)} tests",
    ]
    # A doctest is collected from the copy, because pytest imports the module at the path that it gets.
    copied = [f"{folder}/{name}" if name.startswith(SOURCES) else name for name in names]
    for file in {name.partition("::")[0] for name in names if name.startswith(SOURCES)}:
        _import_file(file)  # because pytest executes a module again that its package imports
    os._exit(int(pytest.main([*options, f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *copied])))


def is_found_in_copy(error: PlantedError | None, tests: Tests, folder: Path) -> bool:
    """Run tests in a new process with the error in its copy of the source; a hang counts as found."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numpy", "torch", "hypothesis", "pytest", "yaml", "_pytest.assertion.rewrite"])
    if error:
        (folder / error.file).write_text(ast.unparse(planted(error)), encoding="utf-8")
    process = context.Process(target=_run_copy, args=(str(folder), tests.names, tests.seconds))
    process.start()
    process.join(_longest_wait(tests.seconds))
    _end(process.pid or 0)
    process.join()
    if error:
        shutil.copyfile(ROOT / error.file, folder / error.file)
    if process.exitcode == pytest.ExitCode.USAGE_ERROR and error:
        return not is_found_in_copy(
            None, tests, folder
        )  # a file that cannot be imported, or a name with odd characters
    return process.exitcode != 0


# ---------------------------------------------------------------- a package


@dataclass
class Package:
    """The plugin that replaces the run of the collected tests."""

    name: str
    count: int
    seed: int
    jobs: int
    measured: Any
    counts: Counter[str] = field(default_factory=Counter)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise SystemExit("expected tests that can be collected, got an error")
        self.measured.stop()
        data = self.measured.get_data()
        at_import = {str(Path(one).relative_to(ROOT)): {*(data.lines(one) or [])} for one in data.measured_files()}
        coverage = _coverage(session, self.measured)
        chosen = self._chosen()
        _import(files_of(self.name))
        live = Live()
        items = {item.nodeid: item for item in session.items if item.get_closest_marker("heavy") is None}
        fastest = coverage.first(sorted(items, key=lambda one: coverage.seconds.get(one, 99))[:20], items)
        with tempfile.TemporaryDirectory() as temporary:

            def is_found(error: PlantedError, folder: Path) -> bool:
                runs_at_import = not at_import.get(error.file, set()).isdisjoint(error.lines)
                names = coverage.tests_of(error)
                if runs_at_import:  # a test that also executes the line is not the only one that it may change
                    names = list(dict.fromkeys([*names, *coverage.tests_of_import(error.file)]))
                if not names:  # it may run in a process that a test starts, which coverage does not see
                    name = Path(error.file).stem
                    names = [one for one in coverage.seconds if one not in items and name in one.partition("::")[0]]
                quick = coverage.first((one for one in names if one in items), items)
                in_place = is_found_in_place(error, session, live, quick) if quick.items else None
                tests = coverage.first(names, items)
                needs_copy = in_place is None or runs_at_import or len(tests.items) < len(tests.names)
                if in_place or (needs_copy and tests.names and is_found_in_copy(error, tests, folder)):
                    return True
                reason = f"{len(tests.names)} tests" if tests.names else "not executed"
                print(f"{error}  ({reason})", flush=True)
                return False

            def try_some(job: int) -> None:
                folder = Path(temporary) / str(job)
                for source in SOURCES:
                    shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
                if is_found_in_place(None, session, live, fastest) or is_found_in_copy(None, fastest, folder):
                    raise SystemExit("expected tests that pass without an error, got a failure")
                found = sum(is_found(error, folder) for error in chosen[job :: self.jobs])
                (Path(temporary) / f"{job}.txt").write_text(str(found), encoding="utf-8")

            workers = [_forked(functools.partial(try_some, job)) for job in range(self.jobs)]
            for worker in workers:
                os.waitpid(worker, 0)
            records = [Path(temporary) / f"{job}.txt" for job in range(self.jobs)]
            self.counts["found"] = sum(int(record.read_text(encoding="utf-8")) for record in records)
        return True

    def _chosen(self) -> list[PlantedError]:
        """Draw the errors."""
        every = [error for file in files_of(self.name) for error in errors(file)]
        random.Random(self.seed).shuffle(every)  # noqa: S311
        plotted = list(itertools.islice((error for error in every if _is_other_code(error)), self.count))
        self.counts["planted"] = len(plotted)
        return plotted


def _forked(work: Callable[[], None]) -> int:
    """Call a function in a forked process; return its id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def _import(files: list[str]) -> None:
    """Import the modules that the collected tests import only when they run."""
    for file in files:
        if not file.endswith("__main__.py"):
            with contextlib.suppress(ImportError):  # of a library that is not installed
                _import_file(file)


def _import_file(file: str) -> None:
    """Import the module of a file, a path from the folder of the repository."""
    file = next(file.removeprefix(f"{source}/") for source in SOURCES if file.startswith(source))
    importlib.import_module(".".join(Path(file).with_suffix("").parts).removesuffix(".__init__"))


def _coverage(session: pytest.Session, measured: Any) -> Coverage:
    """Return the lines of the collected tests; those without a record run first."""
    files = {item.path for item in session.items}
    if missing := {file for file in files if _read_record(file) is None}:

        def record() -> None:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            _record(session, missing, measured)

        os.waitpid(_forked(record), 0)
    coverage = Coverage()
    for file in sorted(files):
        read = _read_record(file)
        if read is None:
            raise SystemExit(f"expected a record of {file}, got none")
        coverage.add(read)
    return coverage


def counts_of(package: str, count: int, seed: int, jobs: int) -> Counter[str]:
    """Plant errors in a package, print those that no test finds, and return their numbers."""
    import coverage

    measured = coverage.Coverage(data_file=None, source=[str(ROOT / source) for source in SOURCES])
    plugin = Package(package, count, seed, jobs, measured)
    measured.start()  # before the library is imported
    options = ["-qq", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-m", "not long"]
    pytest.main([*options, *tests_of(package)], plugins=[plugin])
    return plugin.counts


def main() -> int:
    """Print each error that is not found, and the number of those found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("packages", nargs="+", help="folders or files of src/paramsched, or packages/runner")
    parser.add_argument("--count", type=int, default=40, help="errors per package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="errors that are tried at the same time")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    sources = [str(ROOT / source) for source in SOURCES]
    sys.path[:0] = sources
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*sources, os.environ.get("PYTHONPATH")]))
    for heavy in ("numpy", "torch", "hypothesis", "yaml", "_pytest.assertion.rewrite"):
        importlib.import_module(heavy)  # imported once here, and inherited by each package
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for package in arguments.packages:
            record = Path(temporary) / "counts.json"

            def write(package: str = package, record: Path = record) -> None:
                counts = counts_of(package, arguments.count, arguments.seed, arguments.jobs)
                record.write_text(json.dumps(counts), encoding="utf-8")

            os.waitpid(_forked(write), 0)
            rows.append((package, Counter(json.loads(record.read_text(encoding="utf-8")))))
            record.unlink()
    for package, counts in rows:
        print(f"{package}: {counts['found']} of {counts['planted']} found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
