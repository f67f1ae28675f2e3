"""The page on schedules of your own: its examples are run, and its plans are read."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import paramsched as ps
from support.registered_shapes import shapes_as_before

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "your-own.md"
TEXT = PAGE.read_text(encoding="utf-8")
PLANS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def beside_tables(tmp_path, monkeypatch):
    """A folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    Path("lr.csv").write_text("t,lr\n" + "".join(f"{t},{0.1 / (1 + t)!r}\n" for t in range(20)), encoding="utf-8")
    np.save("lr.npy", np.linspace(0.1, 0.0, 20))


@pytest.mark.usefixtures("beside_tables")
def test_the_examples_print_the_documented_output():
    examples = doctest.DocTestParser().get_doctest(TEXT.replace("```", ""), {"ps": ps}, PAGE.name, str(PAGE), 0)

    assert examples.examples
    with shapes_as_before():
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


@pytest.mark.parametrize("text", PLANS)
@pytest.mark.usefixtures("beside_tables")
def test_the_plans_on_the_page_are_read_and_written_back(text):
    plan = ps.loads(text)

    assert ps.loads(ps.dump(plan)) == plan
