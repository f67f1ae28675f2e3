"""A class has a noun of its own: no two classes have one name, and the words that meant several things are gone."""

import ast
import re
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


# A class of the core ends in one of these words, in the singular or the plural.
WORDS = {
    # The nouns that carry the core. The twelfth, the problem, is in `base`.
    "Plan": "schedules for the fields of an optimizer, with the total of their run",
    "Line": "one line of a plan: a field, the groups that follow it, and a schedule",
    "Field": "an entry of a group of parameters, such as lr",
    "Schedule": "a function of time and base",
    "Curve": "a function from 0 to 1",
    "Base": "what a level is a multiple of",
    "Update": "a step of an optimizer that counts",
    "Clock": "what time counts, and how lengths are converted to it",
    "Run": "a training that follows a plan",
    "Table": "the values of the next updates, a row for each",
    "Record": "what a checkpoint has of a run",
    # The words of torch and of the users.
    "Amount": "samples, tokens, frames or batches that updates consume, or the progress",
    "Argument": "what a user passes to a call",
    "Binding": "a line of a plan as it is written",
    "Column": "the values of one field in a table",
    "Diff": "how two plans differ",
    "Duration": "a length of time in any unit",
    "Fact": "what a run knows of itself, such as its length",
    "Group": "a group of parameters",
    "Handle": "what an engine asks of a run",
    "History": "the plans of a run, one after another",
    "Hook": "a function that torch or a run calls",
    "Lambda": "a function for torch's LambdaLR",
    "Observer": "an object that is told what happens",
    "Optimizer": "an optimizer of torch",
    "Position": "an update and the amount before it",
    "Process": "one of the programs that train together",
    "Range": "all numbers or updates between two",
    "Report": "what the diagnosis says of a run",
    "Rule": "what a metric changes",
    "Scheduler": "what applies a plan to optimizers",
    "Scope": "the lines of a plan that concern one optimizer",
    "Shape": "a kind of schedule, such as cosine",
    "Span": "the part of a run in which a schedule is planned",
    "State": "what changes during a run",
    "Target": "a value outside of the optimizer that a plan schedules",
    "Trace": "all values of a plan",
    "Unit": "a unit of time in a picture",
    "Value": "a number of a field, a target or a level",
    "Write": "an assignment to a parameter or to an entry of a group",
}


def last_word(name):
    """Return the last word of the name of a class, in the singular."""
    word = re.findall(r"[A-Z][a-z]*", name)[-1]
    singulars = (word, word.removesuffix("s"), word.removesuffix("es"))
    return next((singular for singular in singulars if singular in WORDS), word)


def test_a_class_of_the_core_ends_in_a_word_of_the_list_and_each_word_is_used():
    words = {name: last_word(name) for name, files in classes().items() if files[0].startswith("core/")}

    assert {name for name, word in words.items() if word not in WORDS} == set()
    assert WORDS.keys() - words.values() == set()
    assert len(WORDS) <= 40
