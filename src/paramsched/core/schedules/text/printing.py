"""Print a tree as a line of text."""

from typing import Final

from paramsched.core.base.node import Call, List, Node, Number, Text, Value, Word
from paramsched.core.schedules.text.writing import written_value

_TIGHTNESS: Final = {">>": 1, "<<": 1, "+": 2, "*": 3, "/": 3, "**": 5}
_UNARY: Final = 4
_CALL: Final = 6


def text_of(node: Node, around: int = 0) -> str:
    """Return the line of a tree; in brackets if it is an operator that binds less than `around`.

    >>> text_of(Call("*", (Call(">>", (Call("warmup", (Number(5, "5"),)), Call("cosine"))), Number(0.5, "0.5"))))
    '(warmup(5) >> cosine()) * 0.5'
    """
    match node:
        case Number(written=written):
            return f"({written})" if written.startswith("-") and around > _UNARY else written
        case Text(value=text):
            return written_value(text)
        case Word(name=name):
            return name
        case Value(value=value):
            return written_value(value)
        case List(items=items):
            return f"[{', '.join(map(text_of, items))}]"
        case Call(name=name, args=args, kwargs=kwargs):
            if name == "-" and len(args) == 1:
                return _bracketed(f"-{text_of(args[0], _UNARY + 1)}", _UNARY, around)
            if name in _TIGHTNESS:
                return _operator_text(name, args, around)
            given = [text_of(one) for one in args]
            given += [f"{key.name}={text_of(key.value)}" if key.name else text_of(key.value) for key in kwargs]
            return f"{name}({', '.join(given)})"


def _operator_text(name: str, args: tuple[Node, ...], around: int) -> str:
    own = _TIGHTNESS[name]
    text = text_of(args[0], own + (name == "**"))
    for one in args[1:]:
        if name == "+" and isinstance(one, Call) and one.name == "-":
            text += f" - {text_of(one.args[0], own + 1)}"
        else:
            text += f" {name} {text_of(one, own + (name != '**'))}"
    return _bracketed(text, own, around)


def _bracketed(text: str, own: int, around: int) -> str:
    return f"({text})" if own < around else text
