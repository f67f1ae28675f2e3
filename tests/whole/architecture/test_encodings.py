"""Text files and pipes name their encoding, because the default of Windows is not UTF-8."""

import ast
from pathlib import Path

import pytest

from support.source import tree_of

ROOT = Path(__file__).parents[3]
FOLDERS = ("src", "examples", "tools", "docs")
OPENING = ("open", "fdopen", "read_text", "write_text")
NOT_TEXT = ("os", "tree", "webbrowser", "archive")  # their open() has no encoding; archive is a ZipFile


def calls_without_encoding(tree: ast.Module) -> list[str]:
    """Return the calls that open a text file or a text pipe with the encoding of the system."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [ast.unparse(call) for call in calls if uses_default_encoding(call)]


def uses_default_encoding(call: ast.Call) -> bool:
    function = call.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name not in OPENING and not any(word.arg == "text" for word in call.keywords):
        return False
    keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if "encoding" in keywords:
        return False
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name in ("open", "fdopen"):
        texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        is_other = isinstance(function, ast.Attribute) and ast.unparse(function.value) in NOT_TEXT
        return (name == "fdopen" or not is_other) and not any("b" in one for one in [*texts, keywords.get("mode", "")])
    return keywords.get("text") == "True"  # of a process


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_text_file_has_an_encoding(folder):
    found = {
        str(file.relative_to(ROOT)): calls
        for file in (ROOT / folder).rglob("*.py")
        if (calls := calls_without_encoding(tree_of(file)))
    }

    assert found == {}, f'add encoding="utf-8" to these calls: {found}'


def test_a_call_without_an_encoding_is_found():
    code = "open(file)\nfile.open()\nfile.write_text(a)\nrun(x, text=True)\nopen(file, 'rb')\nfile.read_text('utf-8')"

    assert len(calls_without_encoding(ast.parse(code))) == 4
