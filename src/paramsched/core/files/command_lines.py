"""Options of other libraries' command lines, as a list of words, a line or a script."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final, final

from paramsched.core.base.codes import NOT_IN_SCRIPT, ONE_OF_COMMANDS, SYNTAX
from paramsched.core.base.diagnostic import ROOT, Diagnostic, TextLines, child_path, names_listed
from paramsched.core.files.shell_script import ShellCommand, ShellScript, ShellWord, read_script
from paramsched.core.files.text_places import Place
from paramsched.core.files.unused_settings import looks_like_schedule

_END: Final = "--"
"""Separator between commands, or between lines of a script, in a list of words."""

_ENDS: Final = (_END, "&&", ";")
"""What ends a command; a quoted command may have an escaped `&&`."""

_HAS_OPTION: Final = re.compile(r"(?:^|[\s\"'(=])--?[A-Za-z]")
_CONTINUED_CRLF: Final = re.compile(r"\\\r\n")
_HOLDS_OPTIONS: Final = re.compile(
    r"(?:\$\{?|\$\(\s*|`)\w*(ARG|OPT|FLAG|EXTRA|PARAMS|CMD|COMMAND)|\$[@*]|\$\{\w+\[[@*]|(\$\(|`)\s*(cat\b|<|python)",
    re.IGNORECASE,
)
"""Substitutions such as `$EXTRA_ARGS`, which may contain further options even as the value of an option."""
_UNKNOWN: Final = re.compile(r"[$`]")
_LAUNCHER: Final = re.compile(
    r"i?python[\d.]*|torchrun|accelerate|deepspeed|composer|colossalai|horovodrun|torchx|msrun|ray|mpi(run|exec)"
    r"|[sai]p?b?run|jsrun|flux|sbatch|bsub|qsub|salloc|docker|podman|singularity|apptainer|kubectl|uv|poetry|pipenv|pdm"
    r"|hatch|(micro)?mamba|conda|(ba|z|da)?sh|env|sudo|exec|eval|time|timeout|nohup|nice|ionice|setsid|stdbuf|numactl"
    r"|taskset|nsys|ncu|ts|tsp|dotenv|xvfb-run|debugpy|kernprof|pdb|torch"
)
"""Programs that start a Python script."""
_OTHER_PROGRAMS: Final = ("swift", "megatron", "oumi", "litgpt", "axolotl", "tune", "torchtune", "autotrain", "xtuner",
                          "llamafactory-cli", "trl", "open_instruct")  # fmt: skip
_SCRIPT: Final = (".py", ".sh")
_ASSIGNS: Final = re.compile(r"[A-Za-z_]\w*=")


def words_of_command(text: str) -> list[str]:
    r"""Return the words of the commands in a script or a command line; [] if no word is an option.

    >>> words_of_command("torchrun train.py --lr 0.1 \\\n  --lr-decay-style cosine  # as published")
    ['torchrun', 'train.py', '--lr', '0.1', '--lr-decay-style', 'cosine', '--']
    >>> words_of_command("lr: 0.1")
    []
    """
    if not _HAS_OPTION.search(text):
        return []
    commands = [one for one in read_script(text).commands if not one.runs or any(map(_is_option, _texts(one)))]
    words = [word for command in commands for word in (*_texts(command), _END)]
    return words if any(map(_is_option, words)) else []


def _texts(command: ShellCommand) -> Iterator[str]:
    return (word.text for word in command.words)


@final
@dataclass(frozen=True, slots=True)
class CommandLine:
    """The training command of a script.

    Args:
        words: the words of the command.
        cautions: warnings about options and commands that were not read.
        diagnostics: errors because of which the script cannot be read.
        places: the locations of the options.
    """

    words: list[str]
    cautions: tuple[Diagnostic, ...]
    diagnostics: tuple[Diagnostic, ...]
    places: Place


def read_command_line(text: str) -> CommandLine | None:
    """Read the training command of a script or command line. Returns None if the text has no options.

    The training command is the last command with options that look like settings of a schedule. If there is no such
    command, the options in the values of variables are read, or else the lines that start with an option.
    """
    script = read_script(text) if _HAS_OPTION.search(text) else ShellScript((), None, is_whole=True)
    begun = [one for one in script.commands if one.runs and not _is_option(one.words[0].text)]
    broken = [one for one in script.commands if one.runs and _is_option(one.words[0].text)]
    values = [one for one in script.commands if not one.runs]
    training = {one: settings for one in begun if (settings := _schedule_options(one))}
    chosen: Sequence[ShellWord]
    if training:
        chosen = next(reversed(training)).words
    else:
        several = next((some for some in (values, broken, begun) if any(map(_schedule_options, some))), begun or broken)
        chosen = tuple(word for one in several for word in (*one.words, ShellWord(_END, one.words[0].begin)))
    if not any(_is_option(word.text) for word in chosen):
        return None
    lines = TextLines(text)
    used = chosen if training else [word for one in begun for word in one.words]
    cautions = (*_not_known(used, lines), *(_not_counted(training, broken, lines) if training else ()))
    unknown = set(_may_hold_options(chosen))
    words = [_END if index in unknown else word.text for index, word in enumerate(chosen)]
    diagnostics: list[Diagnostic] = []
    if crlf := _CONTINUED_CRLF.search(text):
        found = "the lines end in CRLF, and bash continues a line only if a backslash is the last character before LF"
        diagnostics = [lines.fault(crlf.start(), found, "Save the file with LF line ends")]
    elif script.unclosed is not None:
        diagnostics = [lines.fault(script.unclosed, "the quote is never closed", "Add the closing quote")]
    elif not script.is_whole:
        diagnostics = [Diagnostic("", "the script has too many words; a plan is a short text", code=SYNTAX)]
    places: dict[str | int, Place] = {}  # the last occurrence of an option counts
    for word in chosen:
        if _is_option(word.text):
            name = word.text.partition("=")[0]
            places[option_name(name)] = Place(word.begin, word.begin + len(name), key=word.begin)
    return CommandLine([*words, _END], cautions, tuple(diagnostics), Place(0, len(text), parts=places))


def _schedule_options(command: ShellCommand) -> dict[str, Any]:
    """Return the options of a command that look like schedule settings."""
    named = named_options([*_texts(command)])
    return {name: value for name, (value, _) in named.items() if _counts(name)}


def _counts(name: str) -> bool:
    """Return whether an option may affect the schedule."""
    return looks_like_schedule(name) or "accum" in name


def _may_hold_options(words: Sequence[ShellWord]) -> Iterator[int]:
    """Yield the indices of words that may expand to options: substitutions of unknown value that follow no option."""
    for index, word in enumerate(words):
        if word.unknown and word.unknown[0].several and word.unknown[0].text == word.text:
            before = words[index - 1].text if index else ""
            value = _is_option(before) and "=" not in before and not _is_option(word.text)
            if not value or (_HOLDS_OPTIONS.match(word.text) and not _counts(before)):
                yield index


def _not_known(words: Sequence[ShellWord], lines: TextLines) -> Iterator[Diagnostic]:
    """Yield a warning about substitutions that may contain options, because only the shell knows their values."""
    program = next((index for index, word in enumerate(words) if word.text.endswith(".py")), 0)
    found = {words[index].text: words[index].unknown[0] for index in _may_hold_options(words) if index > program}
    if found:
        reasons = [f"line {lines.of(one.begin)[0]}: {one.text} {one.why}" for one in found.values()]
        line, column = lines.of(next(iter(found.values())).begin)
        text = f"{names_listed(reasons, 5)}; options in {'it' if len(reasons) == 1 else 'them'} are not read"
        yield Diagnostic("", text, code=NOT_IN_SCRIPT, line=line, column=column)


def _not_counted(
    training: dict[ShellCommand, dict[str, Any]], broken: Iterable[ShellCommand], lines: TextLines
) -> Iterator[Diagnostic]:
    """Yield warnings about training commands that are not read, and about options that bash takes for commands.

    A training command is reported only if its settings differ from those of the command that is read.
    """
    counts = next(reversed(training))
    others = [one for one, settings in training.items() if settings != training[counts]]
    if others:
        line, column = _begin_of(counts, lines)
        rest = names_listed((str(_begin_of(one, lines)[0]) for one in others), 5)
        found = f"line {line}: only this command is read; commands in other lines have other settings: {rest}"
        yield Diagnostic("", found, code=ONE_OF_COMMANDS, line=line, column=column)
    for one in (one for one in broken if _schedule_options(one)):
        line, column = _begin_of(one, lines)
        names = names_listed(map(option_name, _schedule_options(one)))
        found = f"line {line}: {names}: bash takes this for a separate command, because the line above ends the command"
        yield Diagnostic("", found, code=ONE_OF_COMMANDS, line=line, column=column)


def _begin_of(command: ShellCommand, lines: TextLines) -> tuple[int, int]:
    return lines.of(command.words[0].begin)


def command_places(text: str) -> Place:
    """Return the locations of the options in a command line or a script."""
    command = read_command_line(text)
    return Place(0, len(text)) if command is None else command.places


def program_of_command(words: Any) -> str | None:
    """Return the program of a command. Returns None for a Python script, a launcher of one, and an unknown program.

    >>> program_of_command("CUDA_VISIBLE_DEVICES=0 swift sft --learning_rate 1e-4".split())
    'swift'
    >>> program_of_command("my_tool swift --learning_rate 1e-4".split())
    'my_tool'
    >>> program_of_command("torchrun --nproc_per_node 8 train.py --learning_rate 1e-4".split())
    """
    if not isinstance(words, (list, tuple)):
        return None
    commands = [[*group] for ends, group in groupby(map(str, words), _ENDS.__contains__) if not ends]
    counting = [one for one in commands if any(_is_option(word) and _counts(option_name(word)) for word in one)]
    command = (counting or commands or [[]])[-1]
    is_launched = False
    for before, word in pairwise(["", *(word for word in command if not _ASSIGNS.match(word))]):
        name = re.split(r"[/\\]", word.strip("$()`"))[-1].rpartition(" ")[2]  # $(which swift)
        is_module = before in ("-m", "--module")
        name = name.partition(".")[0] if is_module else name
        if name in _OTHER_PROGRAMS and (is_module or not _is_option(before) or "=" in before):
            return name
        if word.endswith(_SCRIPT) or (is_module and not _LAUNCHER.fullmatch(name)):
            return next((part for part in word.split("/")[:-1] if part in _OTHER_PROGRAMS), None)
        if not is_launched and (_is_option(word) or is_unknown(word)):
            return None
        if not is_launched and not _LAUNCHER.fullmatch(name):
            return name
        is_launched = True
    return None


def is_unknown(value: Any) -> bool:
    """Return whether a value of a command depends on running its script.

    >>> is_unknown("$LR"), is_unknown("0.1")
    (True, False)
    """
    return isinstance(value, str) and _UNKNOWN.search(value) is not None


def _is_option(word: Any) -> bool:
    """Return whether a word is an option; a negative number is not."""
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
        if word == _END or _is_option(word):
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
    if not isinstance(data, (list, tuple)) or not any(map(_is_option, data)):
        return data
    return {name: value_of_words(words) for name, (words, _) in named_options(data).items()}
