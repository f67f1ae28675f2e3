"""Formats by name: the syntaxes of native files, and the dialects, each a module of this package."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from paramsched.config import dialects as _dialects
from paramsched.config import native
from paramsched.config._optimizer_values import NO_BASES, Bases, Loaded
from paramsched.config._plain_data import plain_data
from paramsched.config._text_places import Place, faults_with_places
from paramsched.config.faults import Faults
from paramsched.config.shape_names import ShapeLike
from paramsched.config.syntaxes.json_text import json_places, read_json, write_json
from paramsched.config.syntaxes.toml_places import toml_places
from paramsched.config.syntaxes.toml_text import read_toml, write_toml
from paramsched.config.syntaxes.yaml_text import read_yaml, write_yaml, yaml_places
from paramsched.config.text_limits import refuse_long_text
from paramsched.errors import ConfigError, Fault, InvalidArgument
from paramsched.near_names import did_you_mean
from paramsched.plan import Plan
from paramsched.time import Calendar

BaseLike = float | Mapping[str, float]
"""The value schedules are multiples of: lr's, or by field. Dialects that write absolute values need it."""

PLACES: Mapping[str, Callable[[str], Place]] = {
    "yaml": yaml_places,
    "toml": toml_places,
    "json": json_places,
}
"""How the values of a text are found again, by syntax."""

SYNTAXES: Mapping[str, tuple[Callable[[str, str], Any], Callable[[Any], str]]] = {
    "yaml": (read_yaml, write_yaml),
    "toml": (read_toml, write_toml),
    "json": (read_json, write_json),
}
SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json", ".py": "mmengine"}


class Dialect(Protocol):
    """What a module of this package gives to be a dialect.

    It may also have `from_plan(plan) -> data`, `read(text, source) -> data` where its files are no YAML and no JSON,
    `write(data) -> text`, and `bases_of(data, calendar) -> Bases` where its files say the optimizer's values.
    """

    def to_plan(self, data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
        """The plan that `data` means."""


def dialects() -> tuple[str, ...]:
    """The names of the dialects there are.

    >>> "native" in dialects()
    True
    """
    return tuple(sorted(["native", *(module.name for module in iter_modules(_dialects.__path__))]))


def formats() -> tuple[str, ...]:
    """What may be given as `format`: `yaml`, `toml`, `json`, and the dialects."""
    return (*SYNTAXES, *dialects())


def known_format(name: str) -> str:
    """The name itself, if it is a format's.

    Raises:
        InvalidArgument: it is none, with the nearest that is.
    """
    if name not in formats():
        raise InvalidArgument(
            f"format={name!r}", f"no such format; {did_you_mean(str(name), formats())}", 'Write format="yaml"'
        )
    return name


def format_of(path: Path) -> str:
    """The format a file's suffix says."""
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        asked = f"{path.name}: its suffix is {path.suffix!r}" if path.suffix else f"{path.name}: it has no suffix"
        raise InvalidArgument(asked, f"known: {', '.join(SUFFIXES)}", 'Write format="yaml"')
    return found


def loaded_from(
    text: str,
    format: str,
    source: str,
    *,
    syntax: str | None = None,
    shapes: Iterable[ShapeLike] = (),
    calendar: Calendar | None = None,
    base: BaseLike | None = None,
) -> Loaded:
    """The plan a text says, and the optimizer's values that stand beside it.

    Args:
        text: the whole text.
        format: `"yaml"`, `"toml"`, `"json"`, or a dialect's name.
        source: what faults call it.
        syntax: what the file's suffix says, where the format is a dialect.
        shapes, calendar, base: as in `load`.
    """
    known_format(format)
    try:
        refuse_long_text(text, source)
        if format in SYNTAXES or format == "native":
            read, _ = _syntax(format, syntax)
            return Loaded(native.to_plan(read(text, source), calendar=calendar, base=base, shapes=shapes))
        module = _module(format)
        own = vars(module).get("read")
        if own is not None and syntax != "toml":
            data = own(text, source)
        else:
            faults = Faults()
            read, _ = _syntax(format, syntax)
            data = plain_data(read(text, source), faults)
            faults.raise_any(source)
        values: Callable[[Any, Calendar | None], Bases] | None = vars(module).get("bases_of")
        plan = cast(Dialect, module).to_plan(data, calendar=calendar, base=base)
        return Loaded(plan, NO_BASES if values is None else values(data, calendar), native=False)
    except ConfigError as error:
        raise ConfigError(source, placed(error.faults, text, format, syntax)) from None


def placed(faults: Iterable[Fault], text: str, format: str, syntax: str | None = None) -> tuple[Fault, ...]:
    """Faults of a text, each with its line and column where its syntax is known."""
    name = format if format in SYNTAXES else syntax or ""
    if name not in SYNTAXES and (format == "native" or "read" not in vars(_module(format))):
        name = "yaml"
    return faults_with_places(faults, text, PLACES[name]) if name in PLACES else tuple(faults)


def text_of(plan: Plan, format: str, *, syntax: str | None = None) -> str:
    """The text that says a plan."""
    known_format(format)
    if format in SYNTAXES or format == "native":
        _, say = _syntax(format, syntax)
        text = say(native.from_plan(plan))
        _read_back(plan, text, format, syntax)
        return text
    module = _module(format)
    spell: Callable[[Plan], Any] | None = vars(module).get("from_plan")
    if spell is None:
        raise InvalidArgument(f"format={format!r}", "the dialect can only be read", 'Write format="yaml"')
    write: Callable[[Any], str] = vars(module).get("write") or _syntax(format, syntax)[1]
    return write(spell(plan))


def _syntax(format: str, suffix: str | None) -> tuple[Callable[[str, str], Any], Callable[[Any], str]]:
    """How a format is spelled: as it says itself, else as the file's suffix says, else YAML (which JSON is too)."""
    return SYNTAXES.get(format) or SYNTAXES.get(suffix or "yaml") or SYNTAXES["yaml"]


def _read_back(plan: Plan, text: str, format: str, syntax: str | None) -> None:
    """Nothing is written that would not be read as the same plan: too large, too deep, a shape of one process only."""
    try:
        same = loaded_from(text, format, "the plan as text", syntax=syntax).plan == plan
    except ConfigError as error:
        raise InvalidArgument(
            "dump(plan)", "; ".join(error.problems), "Make the plan smaller, or register its shapes"
        ) from None
    if not same:
        raise InvalidArgument("dump(plan)", "a part of it is written by a name that means something else", "Rename it")


def _module(name: str) -> Any:
    return native if name == "native" else import_module(f"{_dialects.__name__}.{name}")
