"""The steps of docs/contributing/extend.md add a shape to a copy of the library."""

import json
import re

from cli.library_copies import ROOT, LibraryCopy, copy_library
from support.pages import sections

SHAPE = sections("contributing/extend.md")["A shape"]
REGISTRY = ROOT / "tests" / "whole" / "architecture" / "test_registry.py"

FACTS = """
import json
import paramsched as ps
builder = getattr(ps.shapes, "inverse_power")
schedule = builder(2.0, per=10)
facts = [ps.__file__, schedule(10, base=0.4), str(schedule), ps.parse(str(schedule)) == schedule]
print(json.dumps([*facts, "inverse_power" in dir(ps.shapes)]))
"""


def add_import(file, line):
    """Add an import beside those of the same module."""
    module = line.partition(" import ")[0]
    before, separator, after = file.read_text().partition(f"\n{module} import ")
    assert separator, f"{file} imports nothing {module}"
    file.write_text(f"{before}\n{line}{separator}{after}")


def test_a_shape_is_added_by_the_steps_of_the_page(tmp_path):
    library = copy_library(tmp_path)
    for block in re.findall(r"```python\n(# src/paramsched/.+?)```", SHAPE, re.DOTALL):
        name, code = block.removeprefix("# src/paramsched/").split("\n", 1)
        if "@formula()" in code:
            family = library / name
            family.write_text(f"{family.read_text()}\n\n{code}")
        else:
            add_import(library / name, code.strip())

    copy = LibraryCopy(tmp_path)
    done = copy.run("-c", FACTS)
    assert done.returncode == 0, done.stderr
    file, *facts = json.loads(done.stdout)
    assert file == str(library / "__init__.py")
    assert facts == [0.1, "inverse_power(2.0, 10)", True, True]
    documented = copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=tests", str(REGISTRY))
    assert documented.returncode == 0, documented.stdout
