"""Print the tests of one file, and run them: `python tools/tests_for.py src/paramsched/core/plan/traces.py`.

They are those of its package, its doctests, the properties that call its functions, and a training in each engine for a
file of the run.
"""

import ast
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "paramsched"
RUNNER = "packages/runner"
ENGINES = "tests/engines/test_table.py::test_every_update_of_one_process_uses_the_planned_values"
"""A training in each engine."""


def source_of(package: str) -> Path:
    """Return the folder or the file of a package: below `src/paramsched`, or all of `packages/runner`."""
    return ROOT / RUNNER / "src" / "paramsched_runner" if package == RUNNER else PACKAGE / package


def tests_of(package: str) -> list[str]:
    """Return the paths of the tests that a contributor to a package runs, its doctests included.

    Args:
        package: a folder or a file below `src/paramsched`, or `packages/runner`. The tests of a file in a package are
            those of the package.
    """
    if package == RUNNER:
        return [f"{RUNNER}/src", f"{RUNNER}/tests"]
    if package.endswith(".py") and "/" in (parent := str(Path(package).parent)):
        return tests_of(parent)
    others = {
        "tools/audit": ["tools/records"],  # what an audit reads, and the facts of a log
        "tools/records": ["tools/audit"],
        "base": ["whole/test_files_of_runs.py", "cli/test_terminal.py"],
        "core/plan": ["core/functions"],  # its functions are exported ones
        "core/diagnosis": ["core/run", "whole/run"],  # what it says of a run
        "core/calls": [  # the errors of wrong calls of each package
            "core/test_number_checks.py",
            "whole/test_mistakes.py",
            "core/schedules/test_calls.py",
            "core/plan/test_calls.py",
            "core/run/test_calls.py",
        ],
        "core/metrics": ["whole/run/test_answers.py"],  # values that a run refuses
        "checks": ["whole/run/test_warnings.py", "whole/test_check_rules.py", "whole/test_mistakes.py"],
        "core/schedules": ["whole/records"],  # wrong lines
    }
    top, name = package.split("/")[0], package.split("/")[-1]
    paths = [f"src/paramsched/{package}", f"src/paramsched/{package}.py"]
    names = (package, f"{top}/test_{name}.py", f"whole/{name}", f"whole/test_{name}.py", *others.get(package, []))
    paths += [f"tests/{one}" for one in names]
    if top == "mmengine":  # the configs in its tests have most of the cases
        paths.append(f"{RUNNER}/tests")
    if top in ("base", "core", "checks", "files"):
        paths.append("tests/core/properties")
    elif top != package:  # such as tests/mmengine/test_engine.py
        paths += [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests" / top).glob("test_*.py"))]
    return list(dict.fromkeys(path for path in paths if (ROOT / path).exists()))


def tests_for(file: Path) -> list[str]:
    """Return the tests of one file; of the properties, only those that call one of its functions or classes."""
    name = str(file.resolve().relative_to(ROOT))
    path = RUNNER if name.startswith(RUNNER) else str(file.resolve().relative_to(PACKAGE))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    defined = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    public = [re.escape(name) for name in defined if not name.startswith("_")]
    word = re.compile(rf"\b({'|'.join(public)})\(") if public else re.compile(r"(?!)")
    properties = sorted((ROOT / "tests" / "core" / "properties").glob("test_*.py"))
    named = [str(one.relative_to(ROOT)) for one in properties if word.search(one.read_text(encoding="utf-8"))]
    found = [one for one in tests_of(path) if one != "tests/core/properties"]
    engines = [ENGINES] if path.startswith(("core/run/", "engines/")) else []
    others = [one for one in found if not one.startswith(("src/", f"{RUNNER}/src"))]
    return list(dict.fromkeys([name, *others, *named, *engines]))


def main() -> None:
    """Run the tests of the file in the first argument; the other arguments are those of pytest."""
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_file():
        sys.exit("For example: make for FILE=src/paramsched/core/plan/traces.py")
    tests = tests_for(Path(sys.argv[1]))
    print(*tests, sep="\n", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q", "-m", "not heavy and not long"]
    os.environ.setdefault("HYPOTHESIS_PROFILE", "glance")
    os.execv(sys.executable, [*command, *tests, *sys.argv[2:]])  # noqa: S606  # the tests of this folder


if __name__ == "__main__":
    main()
