"""Pasting advice: the texts that an advice offers, and the inputs in which one of them takes the place of a part."""

import ast
import copy
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import reduce
from operator import getitem
from typing import Any

import yaml

import paramsched as ps
from paramsched.base.problem import Problem
from paramsched.core.files.problem_collector import child_path
from paramsched.core.schedules import SHAPES

LINE = {**SHAPES, "absolute": ps.absolute, "plateau": ps.plateau, "curves": ps.curves}
_BEGINNING = re.compile(r"(?:\b(?:[Ff]or example|[Ww]rite|[Uu]se|[Pp]ass|[Ss]et|[Cc]all|[Aa]dd|such as)|:) ")
_END = re.compile(r", | or |: | for | to | in | if | first| before | outside|; |\.(?= |$)|$")


def offered(advice: str) -> list[str]:
    """Return the texts that an advice may offer, because no mark separates code from words.

    >>> offered("Write linear(to=0.1), or omit it")
    ['linear(to=0.1), or omit it', 'linear(to=0.1)', 'omit it']
    """
    texts = list[str]()
    for match in _BEGINNING.finditer(advice):
        rest = advice[match.end() :]
        texts += [rest[: end.start()].strip() for end in _END.finditer(rest)][::-1]
        texts += re.split(r",? or ", rest)
    texts += [f"{entry[1]}={entry[2]}" for entry in re.finditer(r'group\["(\w+)"\] = (.+)', advice)]
    return [text for text in dict.fromkeys(texts) if text]


def keywords_in(text: str) -> list[ast.keyword]:
    """Return the arguments of a text such as `total=1000`; none if it is something else."""
    with suppress(SyntaxError, ValueError):
        call = ast.parse(f"f({text})", mode="eval").body
        if isinstance(call, ast.Call) and not call.args and all(keyword.arg for keyword in call.keywords):
            return call.keywords
    return []


def is_code(text: str) -> bool:
    """Return whether a text is code: a call, an argument, text in quotes, an entry of YAML or a command."""
    if "…" in text:  # the user's own part
        return False
    if text.startswith(("--", "paramsched ")) or keywords_in(text) or re.match(r"[\w.*]+: [^ ]", text):
        return True
    with suppress(SyntaxError, ValueError):
        words = ast.Name | ast.Tuple | ast.Compare | ast.BoolOp
        return not isinstance(ast.parse(text.removeprefix("."), mode="eval").body, words)
    return False
    if text.startswith(("--", "paramsched ")) or keywords_in(text) or re.match(r"[\w.*]+: [^ ]", text):
        return True
    with suppress(SyntaxError, ValueError):
        return not isinstance(
            ast.parse(text.removeprefix("."), mode="eval").body, ast.Name | ast.Tuple | ast.Compare | ast.BoolOp
        )
    return False


def pasted(line: str, text: str, problem: Problem, names: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line of Python with an advised text: as an argument, in place of a part, in a text, or as the line."""
    with suppress(SyntaxError, ValueError):
        tree = ast.parse(line.strip(), mode="eval")
        for place, node in enumerate(ast.walk(tree)):
            yield from (ast.unparse(new) for new in _at(tree, place, node, text, problem, names))


def _at(tree: Any, place: int, node: Any, text: str, problem: Problem, names: Mapping[str, Any]) -> Iterator[ast.AST]:
    new = copy.deepcopy(tree)
    same = [*ast.walk(new)][place]
    keywords = keywords_in(text)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        for other in in_text(node.value, text, problem):
            same.value = other
            yield new
    elif isinstance(node, ast.Dict) and keywords:
        for keyword in keywords:
            own = [one for one, key in enumerate(node.keys) if getattr(key, "value", None) == keyword.arg]
            same.values = [keyword.value if one in own else value for one, value in enumerate(same.values)]
        yield new
    elif isinstance(node, ast.Call) and keywords:
        parameters = list[str]()
        with suppress(Exception):  # a name of the line, or a builtin class without a signature
            parameters = list(inspect.signature(eval(ast.unparse(node.func), dict(names))).parameters)
        same.keywords += [one for one in keywords if one.arg not in {old.arg for old in same.keywords}]
        yield new
        same.keywords = copy.copy(node.keywords)
        for keyword in keywords:
            index = parameters.index(str(keyword.arg)) if keyword.arg in parameters else len(node.args)
            same.keywords = [one for one in same.keywords if one.arg not in (keyword.arg, problem.argument)]
            if index < len(node.args):
                same.args[index] = keyword.value
            else:
                same.keywords.append(keyword)
        yield new
    if isinstance(node, ast.Dict):
        with suppress(ValueError):
            for data in in_data(ast.literal_eval(node), text, problem):
                yield _replaced(tree, place, repr(data))
    if isinstance(node, ast.expr):
        owner = ""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_same = text.startswith(f"{node.func.attr}(")
            owner = f"({ast.unparse(node.func.value)})" + "." * is_same if is_same or text[0] == "." else ""
        with suppress(SyntaxError, ValueError):
            other = _replaced(tree, place, f"{owner}{text}")
            if not (node is tree.body and isinstance(other.body, ast.Constant | ast.Name)):
                yield other


def _replaced(tree: Any, place: int, text: str) -> Any:
    new = copy.deepcopy(tree)
    replacement = _Replacement([*ast.walk(new)][place], ast.parse(text, mode="eval").body)
    return replacement.visit(new)


class _Replacement(ast.NodeTransformer):
    def __init__(self, node: ast.AST, other: ast.AST) -> None:
        self.node, self.other = node, other

    def visit(self, node: ast.AST) -> Any:
        return self.other if node is self.node else self.generic_visit(node)


def in_text(given: str, text: str, problem: Problem) -> Iterator[str]:
    """Yield a text of a user, which is a line of a schedule or a plan file, with an advised text."""
    values = {text, *(ast.unparse(one.value) for one in keywords_in(text))}
    yield text
    yield text.strip("\"'")
    if problem.span is not None and problem.text and problem.text in given:
        begin, end = (given.index(problem.text) + one for one in problem.span)
        yield from (f"{given[:begin]}{value}{given[end:]}" for value in values)
    yield from pasted(given, text, problem, LINE)
    with suppress(yaml.YAMLError, RecursionError, ValueError):
        data = yaml.safe_load(given)
        if isinstance(data, dict):
            yield from (json.dumps(one, default=str) for one in in_data(data, text, problem))


def in_data(data: Any, text: str, problem: Problem) -> Iterator[Any]:
    """Yield the data of a plan file or a config with an advised text as an entry, or in place of the wrong part."""
    values: list[Any] = [text]
    with suppress(yaml.YAMLError):
        values.insert(0, yaml.safe_load(text))
    with suppress(Exception):  # it is not Python
        values.insert(0, eval(text, dict(LINE)))
    entries = next((one for one in values if isinstance(one, dict)), {})
    if keywords_in(text):
        with suppress(NameError):  # a class of the user
            entries = eval(f"dict({text})", dict(LINE))
    yield {**data, **entries}
    yield entries
    for keys, value in _parts(data):
        path = "$"
        for key in keys:
            path = child_path(path, key)
        if not problem.path.startswith(path):
            continue
        *outer, last = keys
        new = copy.deepcopy(data)
        holder = reduce(getitem, outer, new)
        lines = list[str]()
        if isinstance(value, str):
            lines = [*pasted(value, text, problem, LINE)]
            if problem.span is not None:
                lines.append(f"{value[: problem.span[0]]}{text}{value[problem.span[1] :]}")
        for other in [*values, *lines]:
            holder[last] = other
            yield copy.deepcopy(new)
        if isinstance(value, dict):
            holder[last] = {**value, **entries}
            yield copy.deepcopy(new)
        if isinstance(holder, dict):
            del holder[last]
            if entries:
                yield _with(data, outer, {**holder, **entries})
            if problem.at_key:
                yield _with(data, outer, {**holder, text.strip("\"'"): value})


def _with(data: Any, keys: list[Any], value: Any) -> Any:
    if not keys:
        return value
    new = copy.deepcopy(data)
    reduce(getitem, keys[:-1], new)[keys[-1]] = value
    return new


def _parts(data: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield (*keys, key), value
        yield from _parts(value, (*keys, key))
