"""A message is printed from its Problem: no code writes a warning as text, or takes a message of the library apart."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from paramsched import errors
from support.source import tree_of

LIBRARY = Path(errors.__file__).parent
OWN = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.ParamschedError)}
MESSAGES = {"message", "instead", "found", "advice", "summary", "path_and_message", "place_and_message", "write"}
"""The attributes of errors and diagnostics that are text for a reader."""
CUTS = {"partition", "rpartition", "split", "rsplit", "splitlines", "removeprefix", "removesuffix", "replace"} | {
    "strip", "lstrip", "rstrip", "startswith", "endswith", "find", "index",
}  # fmt: skip
PATTERNS = {"match", "search", "fullmatch", "sub", "subn", "findall", "finditer"}
WARNS = {
    "core/base/diagnostic.py": "it prints the problem",
    "cli/_lint_output.py": "it passes on warnings of other libraries",
}


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield the files of the library and their syntax trees."""
    for path in LIBRARY.rglob("*.py"):
        yield str(path.relative_to(LIBRARY)), tree_of(path)


@cache
def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def owner_of(call: ast.Call) -> str:
    """Return the name in front of the dot: `warnings` for `warnings.warn(…)`; empty for other calls."""
    return getattr(getattr(call.func, "value", None), "id", "")


def printed_errors(tree: ast.AST) -> set[ast.AST]:
    """Return the calls `str(error)` in the handlers of the library's own exceptions."""
    handlers = [one for one in ast.walk(tree) if isinstance(one, ast.ExceptHandler) and one.type is not None]
    own = [one for one in handlers if OWN & {part.id for part in ast.walk(one.type) if isinstance(part, ast.Name)}]
    return {call for one in own for call in calls(one) if ast.unparse(call) == f"str({one.name})"}


def taken_apart(tree: ast.AST) -> list[str]:
    """Return the expressions of a file that take a message apart: by a method, a pattern, a slice or `in`."""
    printed, found = printed_errors(tree), list[ast.AST]()

    def is_message(node: ast.AST) -> bool:
        return node in printed or (isinstance(node, ast.Attribute) and node.attr in MESSAGES)

    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=text, attr=method), args=args):
                wrong = is_message(text) if method in CUTS else method in PATTERNS and any(map(is_message, args))
            case ast.Subscript(value=text, slice=ast.Slice()):
                wrong = is_message(text)
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[text]):
                wrong = is_message(text)
            case _:
                wrong = False
        found += [node] * wrong
    return [ast.unparse(node) for node in found]


def test_the_check_finds_each_way_to_take_a_message_apart():
    code = """
try: read()
except (ConfigError, OSError) as error:
    str(error).split(":"), error.found[:10], re.sub("Write", "", one.message), "Write" in one.instead
except TypeError as other:
    str(other).split(":")
"""
    assert sorted(taken_apart(ast.parse(code))) == [
        "'Write' in one.instead",
        "error.found[:10]",
        "re.sub('Write', '', one.message)",
        "str(error).split(':')",
    ]


def test_no_code_takes_a_message_of_the_library_apart():
    assert {file: found for file, tree in trees() if (found := taken_apart(tree))} == {}


def test_only_one_function_issues_warnings():
    issued = {file for file, tree in trees() if {"warn", "warn_explicit"} & module_calls(tree, "warnings")}

    assert issued == set(WARNS)


def module_calls(tree: ast.AST, module: str) -> set[str]:
    """Return the names of a module's functions that a file calls."""
    imported = {
        one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for one in node.names
    }
    return {name_of(one) for one in calls(tree) if owner_of(one) == module or name_of(one) in imported}


@pytest.mark.parametrize("function", ["warn_user", "warn", "_warn_once"])
def test_a_warning_is_a_problem_and_no_text(function):
    texts = {
        (file, ast.unparse(argument))
        for file, tree in trees()
        for one in calls(tree)
        if name_of(one) == function and owner_of(one) != "warnings"
        for argument in one.args[-1:]
        if isinstance(argument, (ast.Constant, ast.JoinedStr, ast.BinOp))
    }

    assert texts == set()


def test_an_error_of_the_command_line_is_a_problem_and_no_text():
    texts = {
        (file, ast.unparse(one))
        for file, tree in trees()
        for one in calls(tree)
        if name_of(one) == "UsageError"
        and one.args
        and isinstance(one.args[0], (ast.Constant, ast.JoinedStr, ast.BinOp))
    }

    assert texts == set()


@pytest.mark.parametrize("error", sorted(OWN - {"ConfigError"}))
def test_every_exception_prints_its_problem(error):
    made = {
        "MissingDependency": lambda kind: kind("a picture", "matplotlib", "plot"),
    }.get(error, lambda kind: kind("cosine(to=2)", "it is wrong"))(getattr(errors, error))

    assert str(made) == str(made.problem) != ""
