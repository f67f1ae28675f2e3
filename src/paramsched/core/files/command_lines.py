"""Options of other libraries' command lines, as a list of words."""

import re
from collections.abc import Mapping
from typing import Any, Final

from paramsched.core.base.diagnostic import ROOT, child_path

_END: Final = "--"
"""Separator between commands in a list of words."""


def is_option(word: Any) -> bool:
    """Return whether a word is an option; a negative number is not.

    >>> is_option("--lr"), is_option("-1")
    (True, False)
    """
    return isinstance(word, str) and re.match(r"--?[A-Za-z]", word) is not None


def option_name(word: Any) -> str:
    """Return the argument name of a key or an option.

    >>> option_name("--lr-decay-style"), option_name("min_lr")
    ('lr_decay_style', 'min_lr')
    """
    return str(word).lstrip("-").replace("-", "_")


def named_options(data: Any, path: str = ROOT) -> dict[str, tuple[Any, str]]:
    """Return a dict from argument to the pair (value, location), from the words of a command line or from a mapping."""
    if isinstance(data, Mapping):
        return {option_name(key): (value, child_path(path, key)) for key, value in data.items()}
    if not isinstance(data, (list, tuple)):
        return {}
    found: dict[str, tuple[Any, str]] = {}
    name, words = "", list[Any]()
    for word in [*data, _END]:
        if word == _END or is_option(word):
            if name:
                found[name] = (words[0] if len(words) == 1 else words or True, child_path(ROOT, name))
            first, equals, value = word.partition("=")
            name, words = option_name(first), [value] if equals else []
        else:
            words.append(word)
    return found


def value_of_words(words: Any) -> Any:
    """Return the value of an option; numbers are converted.

    >>> value_of_words("3e-4"), value_of_words(["30", "60"]), value_of_words("cosine")
    (0.0003, [30, 60], 'cosine')
    """
    if isinstance(words, list):
        return [value_of_words(word) for word in words]
    if isinstance(words, bool):
        return words
    try:
        number = float(words)
    except (TypeError, ValueError, OverflowError):
        return words
    return int(number) if number.is_integer() else number


def mapping_of_options(data: Any) -> Any:
    """Return the words of a command line as a mapping; other data is unchanged."""
    if not isinstance(data, (list, tuple)) or not any(map(is_option, data)):
        return data
    return {name: value_of_words(words) for name, (words, _) in named_options(data).items()}
