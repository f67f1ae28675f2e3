"""A class has a noun of its own: no two classes have one name, and the words that meant several things are gone."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("src/paramsched", "packages/runner/src")
DROP_INS = ("compat", "mmengine/schedulers")  # the names of other libraries
RETIRED = {"Member", "Piece", "Situation", "Place", "Reading", "Restored", "Entry", "Found", "Part"}


def classes():
    """Return the files of each class of the library, without a leading underscore."""
    files = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT / folder).as_posix()
            if not name.startswith(DROP_INS):
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.ClassDef):
                        files[node.name.lstrip("_")].append(name)
    return files


def test_no_two_classes_have_one_name():
    assert {name: files for name, files in classes().items() if len(files) > 1} == {}


def test_no_class_has_a_name_that_meant_several_things():
    assert RETIRED & classes().keys() == set()
