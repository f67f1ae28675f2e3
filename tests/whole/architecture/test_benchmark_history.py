"""The figures of the README are those of the newest benchmark in the repository, and two benchmarks can be compared."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = {
    file: json.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "benchmarks" / "history").glob("*.json")
}
HISTORY = sorted(FILES, key=lambda file: (FILES[file]["date"], file.stem))


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("compare", ROOT / "benchmarks" / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_shows_the_newest_figures():
    newest = json.loads(HISTORY[-1].read_text(encoding="utf-8"))
    figures = newest["figures"]
    curve = figures["curve of 1e6, cosine"]["ours"]
    names = (f"added to step(), 100 groups, {bases}, vs StepLR" for bases in ("equal", "distinct"))
    equal, distinct = (figures[name]["ratio"] for name in names)

    shown = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())

    for words in (
        f"a curve of a million updates takes {curve:.0f} ms,",
        f"costs {equal:.0%} to {distinct:.0%} of torch's cheapest scheduler",
        f"([{newest['date']}, {newest['machine']}](benchmarks/history/{HISTORY[-1].name}))",
    ):
        assert words in shown, f"write into README.md: {words}"


def run(**ratios):
    figures = {name: {"ratio": ratio} for name, ratio in ratios.items()}
    return {"date": "2026-11-22", "machine": "2 cores", "figures": figures}


def compared(tool, folder, capsys, old, new):
    for name, content in (("old", old), ("new", new)):
        (folder / name).write_text(json.dumps(content))
    status = tool.main(folder / "old", folder / "new")
    return status, [line.split() for line in capsys.readouterr().out.splitlines()[1:]]


def test_a_ratio_that_rose_by_more_than_a_tenth_fails(tool, tmp_path, capsys):
    status, lines = compared(tool, tmp_path, capsys, run(step=1.0, curve=2.0), run(step=1.11, curve=2.19))

    assert status == 1
    assert lines == [["step", "1.000", "->", "1.110", "SLOWER"], ["curve", "2.000", "->", "2.190"]]


def test_a_new_and_a_removed_benchmark_are_listed(tool, tmp_path, capsys):
    status, lines = compared(tool, tmp_path, capsys, run(step=1.0), run(curve=1.0))

    assert (status, lines) == (0, [["step", "removed"], ["curve", "new"]])
