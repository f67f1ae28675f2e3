"""How a message shows a value of a config, and calls its type."""

import json


def short_json(value: object) -> str:
    """A value as a file spells it, shortened.

    >>> short_json(True), short_json(None), short_json({"a": [1]}), short_json("x" * 100)[-4:]
    ('true', 'null', '{"a": [1]}', 'xxx…')
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def type_in_words(value: object) -> str:
    """What a value is, in the words of files.

    >>> type_in_words(True), type_in_words([1]), type_in_words("x"), type_in_words(None)
    ('a boolean', 'a list', 'text', 'nothing')
    """
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), f"a {type(value).__name__}")
