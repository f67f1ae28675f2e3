"""Options of other libraries' command lines as a list of words, and the launch command in a file."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

from paramsched.core.base.diagnostic import ROOT, Diagnostic, TextLines, child_path
from paramsched.core.files.text_places import Place

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


_HAS_OPTION: Final = re.compile(r"(?:^|[\s\"'(=])--?[A-Za-z]")
_PASSED: Final = re.compile(r"(?:[ \t]|\\(?:\n|\Z)|(?<!\S)#[^\n]*)+")
_WORD: Final = re.compile(
    r"(?:'[^']*'|\"(?:[^\"\\$`]|\\[^$`\r])*\"|\\[^\r]|\{(?![^\s{},.]*[,.])|[^ \t\r\n\\'\"{$`|&;<>()*?])+", re.DOTALL
)
_QUOTING: Final = re.compile(r"['\"\\]")
_JOINED: Final = re.compile(r"('[^']*')|\\\n")
_REFUSED: Final = (
    (re.compile(r"\$|`|\"(?:[^\"\\]|\\.)*\"", re.DOTALL), "got a variable or a substitution", "Use its value"),
    (re.compile(r"['\"]"), "the quote is never closed", "Add the closing quote"),
    (re.compile(r"[|<>]|&>"), "got a pipe or a redirection", "Leave it out"),
    (re.compile(r"[*?{]"), "got a pattern, which the shell expands", "Quote it"),
    (re.compile(r"\\?\r"), "the line ends in CRLF", "Save the file with LF line ends"),
)
_SEVERAL: Final = ("got several commands, or a condition", "Keep one command")
_BLOCKS: Final = ("if", "for", "while", "until", "case", "function", "select", "{", "[[", "[", "!")
_PREPARES: Final = (
    "set", "export", "cd", "echo", "mkdir", "ulimit", "module", "source", ".", "conda", "mamba", "micromamba",
)  # fmt: skip
"""Commands without an effect on the words of a literal command, which public scripts write before it."""
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_LAUNCHERS: Final = re.compile(r"(?:torch\.distributed|accelerate|deepspeed)\b.*")
"""Modules that start a script: `python -m torch.distributed.launch train.py`."""


class _Word(NamedTuple):
    text: str
    begin: int


@final
@dataclass(frozen=True, slots=True)
class Launch:
    """The words that a script receives.

    Args:
        words: the words after the script.
        places: the locations of the options.
        fault: why the text is not one literal command; None if it is.
    """

    words: list[str]
    places: Place
    fault: Diagnostic | None = None


def has_option(text: str) -> bool:
    """Return whether a word of a text may be an option."""
    return _HAS_OPTION.search(text) is not None


def read_launch(text: str) -> Launch | None:
    r"""Read the command that launches a script. Returns None if no word of the text is an option.

    Lines are joined at a backslash, comments are passed over, and words are unquoted like those of a shell. Before the
    command, a file may set variables of the environment and have commands such as `set -e` and `cd`. Whatever gives the
    words another reading is a fault: a variable, a pattern, a pipe, a redirection, a condition, and a second command.

    >>> read_launch("cd /runs\ntorchrun --nproc_per_node 8 train.py --lr 3e-4 \\\n  --min_lr 0  # as published").words
    ['--lr', '3e-4', '--min_lr', '0']
    >>> read_launch("train.py --lr $LR").fault.line
    1
    """
    if not has_option(text):
        return None
    lines, whole = TextLines(text), Place(0, len(text))
    commands, end = _commands(text)
    launched = [one for one in commands if not _is_preparation(one)]
    block = next((one[0].begin for one in launched if one[0].text in _BLOCKS), len(text))
    second = launched[1][0] if len(launched) > 1 else _Word("", len(text))
    first = min(end, block, second.begin)
    if first < len(text):
        found, instead = _SEVERAL
        if first == end:
            found, instead = next((rest for sign, *rest in _REFUSED if sign.match(text, end)), _SEVERAL)
        elif is_option(second.text):
            found, instead = "bash takes the option for a command", "End the line above with a backslash"
        return Launch([], whole, lines.fault(first, f"expected one literal command; {found}", instead))
    command = launched[0] if launched else []
    received = command[_begin_of_options(command) :]
    if not any(is_option(one.text) for one in received):
        if not any(is_option(one.text) for one in command):
            return None
        found = f"expected the command of a Python script with options, got {command[0].text}"
        return Launch([], whole, lines.fault(command[0].begin, found, "For example: torchrun train.py --lr 3e-4"))
    places: dict[str | int, Place] = {}  # the last occurrence of an option counts
    for one in received:
        if is_option(one.text):
            name = one.text.partition("=")[0]
            places[option_name(name)] = Place(one.begin, one.begin + len(name), key=one.begin)
    return Launch([one.text for one in received], Place(0, len(text), parts=places))


def _commands(text: str) -> tuple[list[list[_Word]], int]:
    """Return the words of each line, and the offset at which the text stops being literal."""
    commands, at = [list[_Word]()], 0
    while at < len(text):
        if passed := _PASSED.match(text, at):
            at = passed.end()
        elif text[at] == "\n":
            commands.append([])
            at += 1
        elif found := _WORD.match(text, at):
            is_plain = _QUOTING.search(found[0]) is None  # splitting takes long
            commands[-1].append(_Word(found[0] if is_plain else "".join(shlex.split(_JOINED.sub(r"\1", found[0]))), at))
            at = found.end()
        else:
            break
    return [one for one in commands if one], at


def _is_preparation(command: list[_Word]) -> bool:
    return command[0].text in _PREPARES or all(_ASSIGNMENT.match(one.text) for one in command)


def _begin_of_options(command: list[_Word]) -> int:
    """Return the index after the script or the module that receives the options."""
    for index, (before, word) in enumerate(zip(["", *(one.text for one in command)], command, strict=False)):
        is_module = before in ("-m", "--module") and not _LAUNCHERS.fullmatch(word.text)
        if is_module or word.text.endswith((".py", ".sh")):
            return index + 1
    return 0 if command and is_option(command[0].text) else len(command)


def launch_places(text: str) -> Place:
    """Return the locations of the options of a launch command."""
    launch = read_launch(text)
    return Place(0, len(text)) if launch is None else launch.places
