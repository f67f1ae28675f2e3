"""Plant small errors in the source, one at a time, and report those that no test finds: `make mutants`.

    python tools/mutants.py scheduler plan --count 40 --seed 1

The tests of a package are those that a contributor runs: its doctests, `tests/core/laws`, and its folders in `tests`
and `tests/whole`. They run once with coverage, which records the lines that each test executes. For
each error the process forks, and the child runs the tests of the changed line, those with the fewest lines first, until
one fails.

No maintained tool fits: they run all tests for each error, or count as found what a test does not execute.
"""

import argparse
import ast
import contextlib
import copy
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
CACHE = ROOT / ".mutants"
SECONDS_OF_TESTS = 40.0
"""The tests of one error: as many as ran in this time with coverage."""
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


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted error."""

    file: Path
    line: int
    description: str
    source: str


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


def _in_functions(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield (parent, field, index) of each node that runs in a function, without messages, types and default values."""
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        parent, inside = stack.pop()
        for field, value in ast.iter_fields(parent):
            # The text of an error is no behavior.
            is_type = field in ("annotation", "returns", "decorator_list", "args") and not isinstance(parent, ast.Call)
            if is_type or isinstance(parent, ast.Raise):
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                    continue
                if inside:
                    yield parent, field, index
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                stack.append((child, inside or function))


def mutants(file: Path) -> Iterator[Mutant]:
    """Yield every error that can be planted in the functions of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for parent, field, index in list(_in_functions(tree)):
        held = getattr(parent, field)
        node = held if index is None else held[index]
        for replacement in _replacements(node):
            new = ast.copy_location(copy.deepcopy(replacement), node)
            if index is None:
                setattr(parent, field, new)
            else:
                held[index] = new
            try:
                source = ast.unparse(ast.fix_missing_locations(tree))
            finally:
                if index is None:
                    setattr(parent, field, node)
                else:
                    held[index] = node
            before, after = (ast.unparse(one).split("\n")[0] for one in (node, new))
            yield Mutant(file, node.lineno, f"{before}  ->  {after}", source)


def tests_of(package: str) -> list[str]:
    """Return the paths of the tests that a contributor to the package runs, its doctests included."""
    room = package.rpartition("/")[2]
    names = [package.replace("core/runs", "core/scheduler"), f"whole/{room}", f"whole/test_{room}.py", "core/laws"]
    paths = [f"src/paramsched/{package}", f"src/paramsched/{package}.py", *(f"tests/{name}" for name in names)]
    return [path for path in paths if (ROOT / path).exists()]


def _executed_lines(tests: list[str]) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
    """Return the tests of each line of each file, and the seconds of each test, from runs with coverage."""
    CACHE.mkdir(exist_ok=True)
    lines: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, float] = {}
    for path in tests:
        record = CACHE / f"{path.replace('/', '.')}.json"
        if not record.exists():
            folders = [str(SOURCE), str(ROOT / "tools"), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders), "PARAMSCHED_MUTANTS": str(record)}
            options = ["-q", "-p", "mutants", "-p", "no:cacheprovider", "-m", "not long"]
            subprocess.run([sys.executable, "-m", "pytest", *options, path], cwd=ROOT, env=environment, check=False)  # noqa: S603
        read = json.loads(record.read_text(encoding="utf-8"))
        names = list(read["seconds"])
        seconds |= read["seconds"]
        for file, by_line in read["lines"].items():
            for line, indexes in by_line.items():
                lines[file][int(line)] += [names[index] for index in indexes]
    return lines, seconds


def pytest_configure(config: object) -> None:
    """Record the lines that each test executes, in the run that `_executed_lines` starts."""
    record = os.environ.pop("PARAMSCHED_MUTANTS", None)
    if record is None:
        return
    import coverage  # only this run needs it
    import pytest

    measured = coverage.Coverage(data_file=None, source=[str(SOURCE / "paramsched")])
    seconds: dict[str, float] = {}

    class Plugin:
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
            measured.switch_context(item.nodeid)
            start = time.perf_counter()
            result = yield
            seconds[item.nodeid] = time.perf_counter() - start
            return result

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.add(report.nodeid)

        def pytest_sessionfinish(self) -> None:
            measured.stop()
            data = measured.get_data()
            for name in failed:
                seconds.pop(name, None)
            numbers = {name: index for index, name in enumerate(seconds)}
            lines: dict[str, dict[int, list[int]]] = {}
            for file in data.measured_files():
                by_line = data.contexts_by_lineno(file)
                lines[str(Path(file).relative_to(SOURCE))] = {
                    line: [numbers[one] for one in names if one in numbers] for line, names in by_line.items()
                }
            Path(record).write_text(json.dumps({"lines": lines, "seconds": seconds}), encoding="utf-8")

    failed: set[str] = set()
    measured.start()
    config.pluginmanager.register(Plugin())  # type: ignore[attr-defined]


def _selected(by_line: dict[int, list[str]], line: int, seconds: dict[str, float], sizes: dict[str, int]) -> list[str]:
    # Python reports the first line of an expression that spans several.
    line = max((one for one in by_line if one <= line), default=line)
    chosen, total = [], 0.0
    for test in sorted(by_line.get(line, []), key=lambda one: (sizes[one], seconds[one])):
        total += seconds[test]
        if total > SECONDS_OF_TESTS and chosen:
            break
        chosen.append(test)
    return chosen


def is_found(mutant: Mutant, tests: list[str], folder: Path) -> bool:
    """Run the tests in a forked child with the error in its copy of the source; a hang counts as found."""
    place = folder / mutant.file.relative_to(SOURCE)
    original = place.read_text(encoding="utf-8")
    place.write_text(mutant.source, encoding="utf-8")
    child = os.fork()
    if child == 0:
        os.setsid()
        with Path(os.devnull).open("w", encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        os.environ["PYTHONPATH"] = str(folder)
        os.environ["HYPOTHESIS_PROFILE"] = "quick"
        sys.path.insert(0, str(folder))
        os.chdir(ROOT)
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-o", f"pythonpath={folder} tests"]
        # A doctest is collected from the copy, because pytest imports the module at the path that it gets.
        copied = [f"{folder}/{test.removeprefix('src/')}" if test.startswith("src/") else test for test in tests]
        os._exit(int(pytest.main([*options, f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *copied])))
    end = time.monotonic() + 3 * SECONDS_OF_TESTS
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() < end:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    place.write_text(original, encoding="utf-8")
    return code != 0


def main() -> None:
    """Print each error that is not found, and the share of those found in each package."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("packages", nargs="+", help="folders or files of src/paramsched")
    parser.add_argument("--count", type=int, default=40, help="errors per package")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for heavy in ("numpy", "torch", "hypothesis", "pytest", "yaml", "_pytest.assertion.rewrite"):
        __import__(heavy)  # imported once here, and inherited by each child
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "src"
        shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        for package in arguments.packages:
            lines, seconds = _executed_lines(tests_of(package.removesuffix(".py")))
            sizes: dict[str, int] = defaultdict(int)
            for by_line in lines.values():
                for tests in by_line.values():
                    for test in tests:
                        sizes[test] += 1
            place = SOURCE / "paramsched" / package
            files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
            drawn = random.Random(arguments.seed)  # noqa: S311
            every = [mutant for file in files for mutant in mutants(file)]
            found = executed = 0
            unchanged = Mutant(files[-1], 1, "", files[-1].read_text(encoding="utf-8"))
            if is_found(unchanged, sorted(sizes, key=lambda one: seconds[one])[:20], folder):
                raise SystemExit("expected tests that pass without an error, got a failure")
            chosen = drawn.sample(every, min(arguments.count, len(every)))
            for mutant in chosen:
                tests = _selected(lines.get(str(mutant.file.relative_to(SOURCE)), {}), mutant.line, seconds, sizes)
                executed += bool(tests)
                if tests and is_found(mutant, tests, folder):
                    found += 1
                else:
                    reason = f"{len(tests)} tests" if tests else "not executed"
                    where = f"{mutant.file.relative_to(ROOT)}:{mutant.line}"
                    print(f"{where}  {mutant.description}  ({reason})", flush=True)
            rows.append((package, len(chosen), executed, found))
    print(f"\n{'package':<24}{'planted':>8}{'executed':>9}{'found':>7}")
    for package, planted, executed, found in rows:
        print(f"{package:<24}{planted:>8}{executed:>9}{found:>7}  {found / max(planted, 1):.0%}")


if __name__ == "__main__":
    main()
