"""Formats by name: the syntaxes of native files, and the dialects."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from paramsched.base.codes import KEY_TWICE
from paramsched.base.diagnostic import Diagnostic
from paramsched.base.near_names import did_you_mean
from paramsched.base.user_warnings import warn_user
from paramsched.config import native
from paramsched.config._text_places import Place, faults_with_places
from paramsched.config.command_lines import CommandLine, command_places, read_command_line, words_of_command
from paramsched.config.faults import Faults, Pairs, entry_text, peer_data, plain_data, refuse_large_plan
from paramsched.config.known_dialects import (
    BaseLike,
    KnownDialect,
    Loaded,
    dialect_named,
    dialect_names,
    dialects_that_recognize,
    own_names,
)
from paramsched.config.python_config.source import python_places
from paramsched.config.schedule_text import ShapeLike
from paramsched.config.syntaxes.json_and_toml import json_places, read_json, read_toml, write_json, write_toml
from paramsched.config.syntaxes.toml_places import toml_places
from paramsched.config.syntaxes.yaml_text import (
    peer_yaml_places,
    read_peer_yaml,
    read_yaml,
    write_yaml,
    yaml_places,
)
from paramsched.config.text_limits import refuse_long_text
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES
from paramsched.schedules.table_file import folder_of_tables
from paramsched.time import Calendar

PLACES: Mapping[str, Callable[[str], Place]] = {
    "yaml": yaml_places,
    "toml": toml_places,
    "json": json_places,
    "python": python_places,
    "command": command_places,
}
"""How the values of a text are found again, by syntax."""

SYNTAXES: Mapping[str, tuple[Callable[[str, str], Any], Callable[[Any], str]]] = {
    "yaml": (read_yaml, write_yaml),
    "toml": (read_toml, write_toml),
    "json": (read_json, write_json),
}
SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json", ".py": "mmengine"}


def formats() -> tuple[str, ...]:
    """What may be given as `format`: `yaml`, `toml`, `json`, and the dialects."""
    return (*SYNTAXES, *dialect_names())


def known_format(name: str) -> str:
    """The name itself, if it is a format's; else an error that names the nearest."""
    if name not in (*SYNTAXES, *own_names()) and name not in formats():
        raise InvalidArgument(f"format={name!r}", f"no such format; {did_you_mean(str(name), formats())}").use_format(
            "yaml"
        )
    return name


def format_of(path: Path) -> str:
    """The format a file's suffix says."""
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        asked = f"{path.name}: its suffix is {path.suffix!r}" if path.suffix else f"{path.name}: it has no suffix"
        raise InvalidArgument(asked, f"known: {', '.join(SUFFIXES)}").use_format("yaml")
    return found


def loaded_from(
    text: str,
    format: str,
    source: str,
    *,
    syntax: str | None = None,
    folder: Path | None = None,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
    run_config: bool = False,
) -> Loaded:
    """The plan a text says, and the optimizer's values that stand beside it.

    Args:
        source: what faults call it.
        syntax: what the file's suffix says, where the format is a dialect.
        folder: from which paths in a native file count; None: from where the process stands.
        run_config: execute the file `source` in the library of the dialect, instead of reading the text.
    """
    known_format(format)
    dialect = None if format in SYNTAXES or format == "native" else dialect_named(format)
    if run_config and (dialect is None or dialect.execute is None):
        raise InvalidArgument(
            "run_config=True", f"expected a config of MMEngine, got {format}", 'Add format="mmengine"'
        )
    refuse_long_text(text, source)
    try:
        if dialect is None:
            own = {"folder": folder, "shapes": shapes, "calendar": calendar, "base": base}
            data = _syntax_of(format, syntax)[0](text, source)
            refuse_large_plan(data, source)
            return Loaded(_plan_of_native(data, **own))
        if run_config and dialect.execute is not None:
            data = dialect.call(dialect.execute, source)
        else:
            data = _data_of_dialect(dialect, text, source, syntax)
        plan = dialect.plan_of(data, calendar=calendar, base=base)
        bases = NO_BASES if dialect.bases_of is None else dialect.call(dialect.bases_of, data, calendar)
        facts = None if dialect.facts_of is None else dialect.call(dialect.facts_of, data)
        notes = () if dialect.notes_of is None else tuple(dialect.call(dialect.notes_of, data))
        return Loaded(plan, bases, native=False, facts=facts, entry=dialect.entry_in(data), notes=notes)
    except ConfigError as error:
        raise ConfigError(source, placed(error.faults, text, format, syntax)) from error.__cause__


def plan_of_data(
    data: Mapping[str, Any],
    format: str,
    *,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Plan:
    """The plan of a mapping as a file of this format holds it."""
    if known_format(format) in SYNTAXES or format == "native":
        return _plan_of_native(data, shapes=shapes, calendar=calendar, base=base)
    faults, dialect = Faults(), dialect_named(format)
    plain = peer_data(data, faults, []) if dialect.is_peer else plain_data(data, faults)
    faults.raise_any("config")
    return dialect.plan_of(plain, calendar=calendar, base=base)


def _plan_of_native(data: Any, **facts: Any) -> Plan:
    """The plan of what a native file holds; where it is refused and looks like a dialect, the error says which."""
    try:
        return native.to_plan(data, **facts)
    except ConfigError as error:
        hints = []
        for name in dialects_that_recognize(plain_data(data, Faults())):
            hints.append(Diagnostic("", f"it looks like a config of {name}", f'Give format="{name}"', format=name))
        raise ConfigError(error.source, (*hints, *error.faults)) from None


def _data_of_dialect(dialect: KnownDialect, text: str, source: str, syntax: str | None) -> Any:
    if dialect.read is not None and syntax != "toml":
        return dialect.call(dialect.read, text, source)
    command = _command_in(dialect, text, syntax)
    if command is None:
        if not dialect.is_peer:
            return read_data(text, _syntax_of(dialect.name, syntax)[0], source)
        return read_peer_data(text, syntax or "yaml", source)
    if command.faults:
        raise ConfigError(source, command.faults)
    for caution in command.cautions:
        warn_user(caution)
    return command.words


def _command_in(dialect: KnownDialect, text: str, syntax: str | None) -> CommandLine | None:
    """The command of a text that is a command line, or a script with one; None where it is YAML."""
    command = read_command_line(text) if dialect.command_lines and syntax is None else None
    try:
        data = read_peer_yaml(text, "") if command is not None else None
    except ConfigError:
        return command
    # A colon makes a mapping of a command line too: --lr_scheduler_kwargs '{"min_lr_rate": 0.1}'.
    within = isinstance(data, Pairs) and any(words_of_command(str(key)) for key, _ in data)
    return command if within or isinstance(data, str) else None


def read_data(text: str, read: Callable[[str, str], Any], source: str) -> Any:
    """What a text holds: dicts, lists, text, finite numbers, booleans and None; each key once."""
    faults = Faults()
    data = plain_data(read(text, source), faults)
    faults.raise_any(source)
    return data


_PEER_SYNTAXES: Final = {"yaml": read_peer_yaml, "toml": read_toml, "json": read_json}
_OF_SCHEDULES: Final = re.compile("lr|rate|sched|epoch|iter|step|warm|decay|cool|milestone|gamma|t_max|duration|solver")


def read_peer_data(text: str, syntax: str, source: str) -> Any:
    """The data of another library's text, as `peer_data` takes it; warns of a schedule's key that is there twice."""
    faults = Faults()
    twice: list[str] = []
    data = peer_data(_PEER_SYNTAXES[syntax](text, source), faults, twice)
    faults.raise_any(source)
    scheduling = [path for path in dict.fromkeys(twice) if _OF_SCHEDULES.search(path.lower())]
    if scheduling:
        more = f" (and {len(scheduling) - 1} other keys)" if len(scheduling) > 1 else ""
        found = f"the key is there twice{more}, and the last value counts; keep one"
        warn_user(Diagnostic(scheduling[0], found, code=KEY_TWICE))
    return data


def placed(faults: Iterable[Diagnostic], text: str, format: str, syntax: str | None = None) -> tuple[Diagnostic, ...]:
    """Faults of a text, each with its line and column where its syntax is known."""
    name = format if format in SYNTAXES else syntax or ""
    if name not in SYNTAXES:
        name = "yaml" if format == "native" else _syntax_of_dialect(dialect_named(format), text, syntax)
    faults = tuple(
        one if one.entry is None else replace(one, instead=f"Write {entry_text(*one.entry, name)}") for one in faults
    )
    if name == "json":  # where a line is a text in double quotes
        faults = tuple(
            one if one.entry is not None or one.span is None else replace(one, instead=one.instead.replace('"', "'"))
            for one in faults
        )
    if name == "yaml" and format not in SYNTAXES and dialect_named(format).is_peer:
        return faults_with_places(faults, text, peer_yaml_places)
    return faults_with_places(faults, text, PLACES[name]) if name in PLACES else tuple(faults)


def _syntax_of_dialect(dialect: KnownDialect, text: str, syntax: str | None) -> str:
    """How the places of a text of a dialect are found whose file's suffix says nothing."""
    if _command_in(dialect, text, syntax):
        return "command"
    if dialect.syntax_of is not None:
        return dialect.call(dialect.syntax_of, text)
    try:
        return "yaml" if dialect.read is None or isinstance(read_peer_yaml(text, ""), Pairs) else "python"
    except ConfigError:
        return "python"


def text_of(plan: Plan, format: str, *, syntax: str | None = None, folder: Path | None = None) -> str:
    """The text that says a plan; what it reads from other files is there for a file in the folder."""
    known_format(format)
    if format in SYNTAXES or format == "native":
        _, say = _syntax_of(format, syntax)
        text = say(native.from_plan(plan))
        tables = folder_of_tables(binding.schedule for binding in plan.bindings)
        _read_back(plan, text, format, syntax, tables if folder is None or tables is None else folder)
        return text
    dialect = dialect_named(format)
    if dialect.from_plan is None:
        raise InvalidArgument(f"format={format!r}", "the dialect can only be read").use_format("yaml")
    write = dialect.write or _syntax_of(format, syntax)[1]
    return dialect.call(write, dialect.call(dialect.from_plan, plan))


def _syntax_of(format: str, suffix: str | None) -> tuple[Callable[[str, str], Any], Callable[[Any], str]]:
    """How a format is spelled: as it says itself, else as the file's suffix says, else YAML (which JSON is too)."""
    return SYNTAXES.get(format) or SYNTAXES.get(suffix or "yaml") or SYNTAXES["yaml"]


def _read_back(plan: Plan, text: str, format: str, syntax: str | None, folder: Path | None) -> None:
    """Nothing is written that would not be read as the same plan."""
    try:
        same = loaded_from(text, format, "the plan as text", syntax=syntax, folder=folder).plan == plan
    except ConfigError as error:
        raise InvalidArgument(
            "dump(plan)", "; ".join(error.problems), "Make the plan smaller, or register its shapes"
        ) from None
    if not same:
        raise InvalidArgument("dump(plan)", "a part of it is written by a name that means something else", "Rename it")
