"""Options as the command lines of other libraries say them: in a list of words, in a line, or in a script."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from paramsched.config._text_places import Place
from paramsched.config.faults import ROOT, child_path
from paramsched.config.text_limits import MOST_BYTES

_END: Final = "--"
"""Stands among words where a command, or a line of a script, is over."""

_SIGNS_OF_SHELL = re.compile(r"(?<!\S)\d?>+&?\d?|[<>|&;()]+")
_COMMENT = re.compile(r"(^|\s)#.*")
_ASSIGNED = re.compile(r"^\w+=\(?(?=-)")
_OPTION_WITHIN = re.compile(r"\s--?[A-Za-z]|^--?[A-Za-z][^\s=]*\s")
_DEFAULT_OF_VARIABLE = re.compile(r"\$\{\w+:-([^{}$]*)\}")
_VARIABLE_SET = re.compile(r"""(?m)^[ \t]*(?:export[ \t]+)?(\w+)=(["']?)([\w.+-]{0,50})\2[ \t]*(?:;.*|#.*)?$""")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def words_of_command(text: str) -> list[str]:
    r"""The words of a command line, or of a script that says one; [] where no word is an option.

    >>> words_of_command("torchrun train.py --lr 0.1 \\\n  --lr-decay-style cosine  # as published")
    ['torchrun', 'train.py', '--lr', '0.1', '--lr-decay-style', 'cosine', '--']
    >>> words_of_command("lr: 0.1")
    []
    """
    words: list[str] = []
    for line in _with_variables(text).replace("\\\n", " ").splitlines():
        for word in _words_of_line(_COMMENT.sub("", line)):
            unsaid = word.startswith("$") and not _is_option(words[-1] if words else "")  # more options, unknown here
            words.append(_END if unsaid else word)
        words.append(_END)
    return words if any(map(_is_option, words)) else []


def _with_variables(text: str) -> str:
    """A script with the values of variables that it sets once, or to one value."""
    text = _DEFAULT_OF_VARIABLE.sub(r"\1", text)
    values: dict[str, set[str]] = {}
    for found in _VARIABLE_SET.finditer(text):
        values.setdefault(found[1], set()).add(found[3])
    known = {name: said.pop() for name, said in values.items() if len(said) == 1}
    filled = _VARIABLE.sub(lambda found: known.get(found[1] or found[2], found[0]), text)
    return filled if len(filled) <= MOST_BYTES else text  # a variable that is named over and over makes gigabytes


def _words_of_line(line: str) -> Iterator[str]:
    """What is quoted is one word, but options in it, `ARGS="--lr 0.1"`, are words too."""
    try:
        found = shlex.split(line)
    except ValueError:  # the quote ends in another line
        found = line.replace('"', " ").replace("'", " ").split()
    for word in found:
        said = _ASSIGNED.sub("", word)
        quoted = re.search(r"\s", word) is not None
        if quoted and (said != word or _OPTION_WITHIN.search(word)):
            yield from (*_words_of_line(said), _END)
        elif quoted or word.startswith(("{", "[")):  # JSON
            yield word
        else:
            yield from _SIGNS_OF_SHELL.sub(f" {_END} ", word).split()


def command_places(text: str) -> Place:
    """Where the options of a command line, or of a script, stand; each reaches to the next."""
    places: dict[str | int, Place] = {}
    at = 0
    for word in words_of_command(text):
        begin = text.find(word, at)
        if _is_option(word) and begin >= 0:
            at = begin + len(word)
            places[option_name(word.partition("=")[0])] = Place(begin, at, key=begin)
    return Place(0, len(text), parts=places)


def _is_option(word: Any) -> bool:
    """A negative number is none."""
    return isinstance(word, str) and re.match(r"--?[A-Za-z]", word) is not None


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
    name, words = "", list[Any]()
    for word in [*data, _END]:
        if word == _END or _is_option(word):
            if name:
                found[name] = (words[0] if len(words) == 1 else words or True, child_path(ROOT, name))
            first, equals, value = word.partition("=")
            name, words = option_name(first), [value] if equals else []
        else:
            words.append(word)
    return found


def value_of_words(words: Any) -> Any:
    """The value of an option of a command line: numbers are read.

    >>> value_of_words("3e-4"), value_of_words(["30", "60"]), value_of_words("cosine")
    (0.0003, [30, 60], 'cosine')
    """
    if isinstance(words, list):
        return [value_of_words(word) for word in words]
    if isinstance(words, bool):
        return words
    try:
        number = float(words)
    except (TypeError, ValueError):
        return words
    return int(number) if number.is_integer() else number


def mapping_of_options(data: Any) -> Any:
    """The words of a command line as a mapping; any other data as it is."""
    if not isinstance(data, (list, tuple)) or not any(map(_is_option, data)):
        return data
    return {name: value_of_words(words) for name, (words, _) in named_options(data).items()}
