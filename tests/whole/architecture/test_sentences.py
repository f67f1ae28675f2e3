"""The sentences of the library stand in messages files: an algorithm has the condition, and a function the sentence."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "src" / "paramsched"
FOLDERS = ("core", "checks", "files", "engines")
"""The folders whose texts are counted."""
LONG = 40
MOST_LONG_TEXTS = 80


def text_of(node):
    """Return the constant text of an expression, None if it is not a text, and the expressions inside of it."""
    match node:
        case ast.Constant(value=str(text)):
            return text, []
        case ast.JoinedStr(values=parts):
            texts = [expression.value for expression in parts if isinstance(expression, ast.Constant)]
            return "".join(texts), [expression for expression in parts if isinstance(expression, ast.FormattedValue)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [left, right]
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            text, inside = text_of(left)
            return text, [*inside, right]
        case ast.Call(func=ast.Attribute(value=text, attr="format"), args=args, keywords=keywords):
            text, inside = text_of(text)
            return text, [*inside, *args, *keywords]
        case ast.Call(func=ast.Attribute(value=separator, attr="join"), args=[ast.List() | ast.Tuple() as items]):
            parts = [separator, *items.elts]
        case _:
            return None, []
    several = [(expression, *text_of(expression)) for expression in parts]
    texts = [text for _, text, _ in several if text is not None]
    inside = [node for expression, text, nodes in several for node in ([expression] if text is None else nodes)]
    return "".join(texts) if texts else None, inside


def long_texts(tree):
    """Yield the line and the text of each long one. A docstring, also of a variable, is a statement of its own."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        text, inside = text_of(node)
        nodes += ast.iter_child_nodes(node) if text is None else inside
        if text is not None and len(text) > LONG:
            yield node.lineno, text


def is_of_messages(file):
    return file.name == "messages.py" or file.parent.name == "messages"


def texts_in(*folders):
    """Return the long texts of folders, outside of docstrings and messages files."""
    return [
        f"{file.relative_to(PACKAGE)}:{line}: {text}"
        for folder in folders
        for file in sorted((PACKAGE / folder).rglob("*.py"))
        if not is_of_messages(file)
        for line, text in long_texts(ast.parse(file.read_text(encoding="utf-8")))
    ]


def test_few_sentences_stand_in_algorithms():
    assert len(texts_in(*FOLDERS)) <= MOST_LONG_TEXTS, "\n".join(texts_in(*FOLDERS))


def test_a_text_of_several_parts_is_counted_once():
    half = "a text of thirty characters, x"
    sources = [
        f'f"{half}{{a}}{half}"',
        f'("{half}" "{half}")',
        f'"{half}" + name + "{half}"',
        f'"{half} %s {half}" % name',
        f'"{half} {{}} {half}".format(name)',
        f'" ".join(["{half}", name, "{half}"])',
    ]

    assert [len([*long_texts(ast.parse(f"raise E({source})"))]) for source in sources] == [1] * 6
    assert len([*long_texts(ast.parse(f'f"{{name or {2 * half!r}}}" + name({2 * half!r}) % {2 * half!r}'))]) == 3
    assert [*long_texts(ast.parse(f'"""{half}{half}"""\nraise E("{half}", "{half}")'))] == []
