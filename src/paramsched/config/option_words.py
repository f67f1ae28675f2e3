"""Options of another program: a mapping, or the words of its command line."""

from collections.abc import Mapping
from typing import Any

from paramsched.config.data_paths import ROOT, child_path


def option_name(word: Any) -> str:
    """The argument that a key or a word of a command line names.

    >>> option_name("--lr-decay-style"), option_name("min_lr")
    ('lr_decay_style', 'min_lr')
    """
    return str(word).lstrip("-").replace("-", "_")


def named_options(data: Any) -> dict[str, tuple[Any, str]]:
    """Each argument with its value and where it stands; the words of a command line are taken apart."""
    if isinstance(data, Mapping):
        return {option_name(key): (value, child_path(ROOT, key)) for key, value in data.items()}
    if not isinstance(data, (list, tuple)):
        return {}
    found: dict[str, tuple[Any, str]] = {}
    name, path = "", ROOT
    words: list[Any] = []
    for index, word in enumerate([*data, "--"]):
        if isinstance(word, str) and word.startswith("--"):
            if name:
                found[name] = (words[0] if len(words) == 1 else words or True, path)
            first, equals, value = word.partition("=")
            name, words, path = option_name(first), [value] if equals else [], child_path(ROOT, index)
        else:
            words.append(word)
    return found
