"""Names in other libraries and what to write instead. `peers.json` contains the names, in the order of search.

Docstrings, errors and the documentation show these names. No function accepts them as arguments.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from textwrap import wrap
from typing import Any, Final, NamedTuple, TypeAlias

from paramsched.core.base.near_names import certain_name, closest
from paramsched.core.base.special_shapes import name_in_code

_INDEX: Final[Mapping[str, Any]] = json.loads(Path(__file__).with_name("peers.json").read_text(encoding="utf-8"))


def _by_their_word(table: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    return {word: ours for ours, theirs in table.items() for word in theirs}


EDGES: Final[Mapping[str, str]] = {name: library["edge"] for name, library in _INDEX["libraries"].items()}
"""A dict from library to a note on how it counts: the first and last update of a decay. It is empty for papers."""
UNCLEAR_NAMES: Final = frozenset(_INDEX["unclear fields"])
"""The names in `OTHER_NAMES` that may also mean something else, so that no fix renames them."""
OTHER_NAMES: Final = _by_their_word(_INDEX["fields"])
"""A dict from names in other libraries, such as `learning_rate`, to the fields of torch's optimizers, such as `lr`."""
LENGTHS_OF_RUN: Final = _by_their_word(_INDEX["lengths of a run"])
"""A dict from names of the horizon in other libraries, such as `max_epochs`, to their unit, such as `epochs`."""
"""The arguments of Calendar, without `total`, which is one of `LENGTHS_OF_RUN`."""
DROPPED: Final = frozenset(_INDEX["dropped"])
"""Arguments of schedulers that a schedule does not need."""
SEQUENCES: Final = frozenset(_INDEX["sequences"])
"""Names in other libraries for functions that build sequences."""
ABSOLUTE: Final = frozenset(_INDEX["absolute"])
"""Arguments of other libraries whose value is a rate, not a multiple of base."""
_FUNCTIONS_OF_RATES: Final = frozenset(_INDEX["functions of rates"])
"""Functions whose arguments are rates."""
UNITS: Final[Mapping[str, str]] = _INDEX["units"]
"""A dict from units of time in other libraries, such as the `ep` of `10ep` in Composer, to units here."""

_WARMUPS = frozenset(_INDEX["arguments"]["warmup"])
_OF_WARMUPS = frozenset({"warmup", "up"})
"""Arguments that are the length of a warmup. The shape `warmup` is one without them."""
_UNITS_IN_NAMES = ("epochs", "samples", "tokens")
_FUNCTION = re.compile(r"(?<![\w.\"'])([a-z]\w*(?=[.(])|(?:Binding|Calendar|Plan|Target)(?=\()|previous\b|following\b)")

OtherName: TypeAlias = tuple[str, str, str, str]
"""A name in another library, the name here, a line to write, and how the two differ, which may be empty."""

_OURS = re.compile(r"(?:recurrence\(|anneal\(curve=)?([\w.]+)")


@cache
def other_names() -> Sequence[tuple[str, OtherName]]:
    """Return a pair (library, `OtherName`) for each name of other libraries, in the order of `peers.json`.

    An entry of `peers.json` contains the name, the line, the difference and the name here. If the name here is missing,
    it is the shape of the last stage in the line.
    """
    found = []
    for library, entry in _INDEX["libraries"].items():
        for name, line, *more in entry["names"]:
            different, ours = (*more, "", "")[:2]
            begun = None if ours else _OURS.match(line.rpartition(">> ")[2])
            found.append((library, (name, begun[1] if begun else ours, line, different)))
    return tuple(found)


def meant_by(name: str) -> tuple[str, OtherName] | None:
    """Return the library and the `OtherName` of a peer's name, which may contain its module; None if it is unknown.

    >>> meant_by("torch.optim.lr_scheduler.CosineAnnealingLR")[1][2]
    'cosine(to=0.0, over=100)'
    """
    spaces, _, last = name.rpartition(".")
    kind = next((end for end in ("Momentum", "LR") if last.endswith(end)), "")
    if kind == "Momentum" or (kind and "mmengine" in spaces):  # MMEngine has such names for each scheduler
        last = f"{last.removesuffix(kind)}ParamScheduler"
    places = _places_by_letters()
    rows = other_names()
    site = {letters_of(last), letters_of(name)}
    found = [rows[place] for place in sorted(place for letters in site for place in places.get(letters, ()))]
    if found and found[0][0] != "papers":
        found.sort(key=lambda hit: hit[1][0] != last)  # Keras' ExponentialDecay in front of optax's exponential_decay
    return next((hit for hit in found if hit[0] in spaces), found[0] if found else None)


@cache
def _places_by_letters() -> Mapping[str, Sequence[int]]:
    """Return a dict from `letters_of(name)` to the indices of the name in `other_names()`.

    The result is cached, because a file may have thousands of unknown names.
    """
    places: dict[str, list[int]] = {}
    for place, (_, one) in enumerate(other_names()):
        places.setdefault(letters_of(one[0]), []).append(place)
    return places


_OF_DEEPSPEED: Final = frozenset({"warmup_num_steps", "total_num_steps", "warmup_min_ratio", "cos_min_ratio"})
"""Arguments of DeepSpeed's schedulers only."""


def with_library(name: str, keywords: Iterable[str]) -> str:
    """Return a name of several libraries with the one whose arguments the keywords are.

    >>> with_library("WarmupCosineLR", ["warmup_num_steps"]), with_library("WarmupCosineLR", ["max_iters"])
    ('deepspeed.WarmupCosineLR', 'WarmupCosineLR')
    >>> with_library("ReduceLROnPlateau", ["monitor"]), with_library("ReduceLROnPlateau", ["optimizer", "monitor"])
    ('keras.ReduceLROnPlateau', 'ReduceLROnPlateau')
    """
    keywords = set(keywords)
    is_callback = "optimizer" not in keywords and not keywords.isdisjoint(("monitor", "min_delta"))
    if name == "ReduceLROnPlateau" and is_callback:
        return f"keras.{name}"
    is_deepspeed = "." not in name and not _OF_DEEPSPEED.isdisjoint(keywords)
    return f"deepspeed.{name}" if is_deepspeed and (meant_by(f"deepspeed.{name}") or ("",))[0] == "deepspeed" else name


def advice_for_peer(name: str) -> tuple[str, str] | None:
    """Return the description of a peer's name and a line to write; None if the name is unknown.

    >>> advice_for_peer("StepLR")
    ('"StepLR" is a name of torch; use step', 'step(30, gamma=0.1)')
    """
    if (found := meant_by(name)) is None:
        return None
    library, (_, ours, line, different) = found
    origin = "a term of papers" if library == "papers" else f"a name of {library}"
    return f'"{name}" is {origin}; use {ours}{different and f" ({library}: {different})"}', line


def advice_for_name(word: str) -> tuple[str, str] | None:
    """Return the description of a name or keyword and a line to write, which may be empty; None if it is unknown.

    >>> advice_for_name("--lr-warmup-iters")[1], advice_for_name("num_cycles")[1]
    ('warmup(500) >> cosine()', 'cosine_wave(2.0)')
    >>> advice_for_name("T_max")
    ('"T_max" is an argument of other libraries; use over', 'cosine(over=100)')
    """
    written = _as_identifier(word)
    if (found := advice_for_peer(word)) is not None or "_" not in written or written not in _keywords():
        return found
    argument, instead = _keywords()[written]
    meant = f"use {argument}" if argument else instead
    return f'"{word}" is an argument of other libraries; {meant}', line_of_keyword(argument)


@cache
def _keywords() -> Mapping[str, tuple[str | None, str | None]]:
    """Return a dict from keywords of other libraries to pairs (argument here, advice); each may be None.

    The argument has the meaning of the keyword. The advice describes what to write if no argument has this meaning.
    """
    ours: dict[str, str] = {}
    for argument, theirs in _INDEX["arguments"].items():
        for name in theirs:
            ours.setdefault(name, argument)
    without = _INDEX["no argument"]
    return {name: (ours.get(name), without.get(name)) for name in dict.fromkeys([*ours, *without])}


def line_of_keyword(argument: str | None) -> str:
    """Return an example line with an argument of a schedule or a Calendar; empty if the argument is None.

    >>> line_of_keyword("to"), line_of_keyword("accumulation")
    ('cosine(to=0.1)', 'Calendar(accumulation=100)')
    """
    found: str = "" if argument is None else _INDEX["lines"].get(argument, f"Calendar({argument}=100)")
    return found


def instead_of(name: str) -> str | None:
    """Return what to write instead of a peer's keyword without an equivalent argument; None if nothing is known.

    >>> instead_of("lr-warmup-iters")
    'a warmup is a separate stage: warmup(500) >> cosine()'
    """
    found: str | None = _INDEX["no argument"].get(_as_identifier(name))
    return found


def own_name(name: str, known: Iterable[str], function: str = "") -> str | None:
    """Return the known argument that a peer calls `name`; None if there is none.

    Args:
        name: the keyword of a peer.
        known: the arguments to choose from.
        function: the function that has these arguments.

    >>> own_name("T_max", ["start", "to", "over"]), own_name("--lr-warmup-iters", ["warmup", "to"])
    ('over', 'warmup')
    >>> own_name("warmup_lr", ["start", "to"], "warmup"), own_name("warmup_lr", ["start", "to"], "cosine")
    ('start', None)
    >>> own_name("start_factor", ["start", "to"], "linear")
    'start'
    """
    known, name = set(known), _as_identifier(name)
    own = _INDEX["arguments of one function"].get(function, {})
    if (found := next((ours for ours, theirs in own.items() if name in theirs), None)) is not None:
        return found or None
    if name.startswith(("warmup", "lr_warmup")) and function != "warmup" and known.isdisjoint(_OF_WARMUPS):
        known.discard("start")  # the first level of a warmup, which the shape does not have
    return next((ours for ours, theirs in _INDEX["arguments"].items() if ours in known and name in theirs), None)


def meant_argument(name: str, known: Iterable[str], function: str = "") -> str | None:
    """Return the argument that an unknown one means: a peer's keyword, or the only one of which it is a slip; or None.

    >>> [meant_argument(name, ["start", "to", "over"]) for name in ("T_max", "TO", "ovr", "power", "end")]
    ['over', 'to', 'over', None, None]
    """
    names = list(known)
    same = next((one for one in names if one.replace("_", "") == name.lower().replace("_", "")), None)
    return same or own_name(name, names, function) or (None if instead_of(name) else certain_name(name, names))


def has_same_value(name: str, ours: str, function: str = "") -> bool:
    """Return whether a peer's argument can be renamed without another value: it is no rate, share or count of epochs.

    Args:
        name: the keyword of a peer.
        ours: the argument that has its meaning.
        function: the function that has these arguments. Those of some functions are rates, not multiples of base.

    >>> [has_same_value(*one) for one in (("T_max", "over"), ("eta_min", "to"), ("warmup_ratio", "over"))]
    [True, False, False]
    """
    is_share = ours not in ("to", "start") and re.search("ratio|fraction|pct|share|cut", name) is not None
    is_rate = name in ABSOLUTE and function not in _FUNCTIONS_OF_RATES
    return not is_rate and not is_share and re.search("epoch|sample|token", name) is None


def misspelled_argument(name: str, known: Iterable[str], function: str) -> str | None:
    """Return the argument that a misspelled one means; None for a peer's keyword, and if it is unclear.

    >>> names = ["start", "to", "over"]
    >>> [misspelled_argument(name, names, "cosine") for name in ("ovr", "T_max", "total", "warmup", "qwerty")]
    ['over', None, None, None, None]
    """
    names = list(known)
    theirs = own_name(name, names, function) or instead_of(name) or name in LENGTHS_OF_RUN or is_warmup_length(name)
    return None if theirs else certain_name(name, names)


def is_warmup_length(name: str) -> bool:
    """Return whether an argument is the length of a warmup, which is a separate stage in this library."""
    return name == "warmup" or name in _WARMUPS


def warmup_text(name: str, value: object) -> str:
    """Return the length of a warmup from a peer's argument, as schedule text.

    >>> [warmup_text(*one) for one in {"warmup_steps": 500.0, "warmup_ratio": 0.1, "warmup_epochs": 5}.items()]
    ['500.0', '"10%"', '"5 epochs"']
    """
    if isinstance(value, float) and 0 < value < 1:
        return f'"{value * 100:.12g}%"'
    unit = name.removeprefix("warmup_")
    return f'"{value} {unit}"' if unit in _UNITS_IN_NAMES and isinstance(value, (int, float)) else repr(value)


def unit_of_length(name: str) -> str:
    """Return the unit in the name of an argument, such as `warmup_epochs`; empty if it has none.

    >>> unit_of_length("max_epochs"), unit_of_length("warmup_epochs"), unit_of_length("over")
    ('epochs', 'epochs', '')
    """
    prefix, _, unit = name.rpartition("_")
    return (
        unit
        if unit in (*_UNITS_IN_NAMES, "steps") and prefix in ("", "num", "max", "n", "total", "warmup", "decay")
        else ""
    )


def is_total(name: str) -> bool:
    """Return whether an argument is a length that includes the warmup.

    >>> is_total("num_training_steps"), is_total("T_max")
    (True, False)
    """
    return name in LENGTHS_OF_RUN and name.startswith(("num_training", "total", "max_", "train"))


def is_share_of_run(name: str, value: object) -> bool:
    """Return whether an argument is a length as a fraction of the run: `ratio=0.1`, `warmup_ratio=0.1`."""
    shares = ("ratio", "fraction", "proportion", "pct", "share", "warmup_ratio", "warmup_fraction", "pct_warmup")
    return name in shares and isinstance(value, float) and 0 < value < 1


class PeerKeyword(NamedTuple):
    """What is known of a keyword of another library.

    Args:
        ours: the argument that has its meaning; None if there is none.
        unit: the unit in its name; empty if it has none.
        instead: what to write instead if no argument has its meaning; None if nothing is known.
        is_warmup: True for the length of a warmup.
        is_total: True for a length that includes the warmup.
    """

    ours: str | None
    unit: str
    instead: str | None
    is_warmup: bool
    is_total: bool


def peer_keyword(name: str, known: Iterable[str], function: str) -> PeerKeyword:
    """Return what is known of a keyword of another library, in a call of `function` with the arguments `known`.

    >>> peer_keyword("warmup_epochs", ["start", "to", "over"], "cosine")[1:4:2]
    ('epochs', True)
    """
    ours = own_name(name, known, function)
    return PeerKeyword(ours, unit_of_length(name), instead_of(name), is_warmup_length(name), is_total(name))


def _as_identifier(name: str) -> str:
    """Return an option or a config key, such as `--lr-warmup-iters` or `SOLVER.STEPS`, as an identifier."""
    word = name.rpartition(".")[2].lstrip("-").replace("-", "_")
    return word.lower() if word.isupper() else word


# A word starts where no word character precedes it: otherwise the search is quadratic in the length of a name.
_DASHED_WORD = re.compile(r"(?<!\w)-{0,2}[a-z]\w*(?:-\w+)+", re.IGNORECASE)
_WORD_AND_DASHES = re.compile(r"[\w-]*")
_LONGEST_OPTION = 100  # characters; no option is so long, and longer words would be compared once for each part


def dashed_word_at(text: str, place: int) -> tuple[str, int, int] | None:
    """Return (option, start, end) of a peer's option at an offset, such as `--lr-decay-style`; None if there is none.

    >>> dashed_word_at("cosine(lr-warmup-iters=500)", 10)
    ('lr-warmup-iters', 7, 22)
    """
    # The characters of the same word, read backward.
    before = _WORD_AND_DASHES.match(text[max(place - _LONGEST_OPTION, 0) : place][::-1])
    behind = _WORD_AND_DASHES.match(text, place)
    if max(one.end() - one.start() for one in (before, behind) if one) >= _LONGEST_OPTION:
        return None
    words = _DASHED_WORD.finditer(text, place - (before.end() if before else 0), behind.end() if behind else place)
    found = next((one for one in takewhile(lambda one: one.start() <= place, words) if place < one.end()), None)
    return None if found is None or advice_for_name(found[0]) is None else (found[0], *found.span())


def unknown_attribute(name: str, known: Iterable[str]) -> str:
    """Return the advice for an unknown attribute of the package; empty if no known name is similar.

    >>> unknown_attribute("StepLR", [])
    '; "StepLR" is a name of torch; use step. For example: ps.step(30, gamma=0.1)'
    """
    if name.startswith("_"):  # what Python and its tools ask every module for
        return ""
    if peer := advice_for_name(name):
        return f"; {peer[0]}{peer[1] and f'. For example: {line_in_code(peer[1])}'}"
    near = closest(name, known)
    return f'; did you mean "{near}"?' if near else ""


def line_in_code(line: str) -> str:
    """Return schedule text as Python code.

    >>> line_in_code('warmup("5%") >> anneal(curve=curves.rex)')
    'ps.warmup("5%") >> ps.anneal(curve=ps.curves.rex)'
    """
    return _FUNCTION.sub(lambda found: name_in_code(found[1]), line)


def letters_of(name: str) -> str:
    """Return the lowercase letters and digits of a name, so that `warm-up` equals `warmup`."""
    return "".join(filter(str.isalnum, name.lower()))


def with_other_names(documented: str | None, ours: str) -> str | None:
    """Append one name of each peer for the same shape or curve to a docstring.

    Args:
        documented: the docstring; None if Python strips docstrings (`-OO`).
        ours: the name of the shape or curve.
    """
    names = peer_names_by_ours().get(ours)
    if documented is None or names is None:
        return documented
    body = documented.partition("\n")[2].lstrip("\n")
    margin = body[: len(body) - len(body.lstrip(" "))]
    listed = ", ".join(f"{library} `{name}`" for library, name in names.items())
    lines = wrap(f"In other libraries: {listed}", 120 - len(margin), break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{documented.rstrip()}\n", *(margin + line for line in lines)]) + "\n"


@cache
def peer_names_by_ours() -> dict[str, dict[str, str]]:
    """Return a dict from each name here to a dict from library to its first name for the same shape or curve."""
    names: dict[str, dict[str, str]] = {}
    for library, (name, ours, _, _) in other_names():
        names.setdefault(ours, {}).setdefault(library, name)
    return names
