"""What other libraries call things, and our words for it: for messages, docstrings and `paramsched find`."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import TypeAlias

from paramsched.base.near_names import closest
from paramsched.base.peer_keywords import advice_for_keyword
from paramsched.base.peer_names import EDGES, LIBRARIES

UNITS: Mapping[str, str] = {
    "ep": "epochs", "e": "epochs",
    "ba": "steps", "it": "steps", "its": "steps", "sp": "samples", "img": "samples", "imgs": "samples",
    "tok": "tokens", "toks": "tokens",
    "dur": "%", "percent": "%", "pct": "%",
    "secs": "s", "mins": "min", "hr": "h", "hrs": "h", "d": "24 h", "day": "24 h", "days": "24 h",
}  # fmt: skip
"""Units of time: Composer's `10ep`, `5ba`, `0.06dur`, `2000tok`, and what people write."""

_FUNCTION = re.compile(r"(?<![\w.\"'])([a-z]\w*(?=[.(])|Calendar(?=\()|previous\b|following\b)")


OtherName: TypeAlias = tuple[str, str, str, str]
"""A name elsewhere; ours; a line to write; what is different there, or nothing."""

_OURS = re.compile(r"(?:recurrence\(|anneal\(curve=)?([\w.]+)")


def other_names() -> Iterator[tuple[str, OtherName]]:
    """Every name with its library, in the order of the table."""
    for library, names in LIBRARIES.items():
        for name, line, *more in names:
            different, ours = (*more, "", "")[:2]
            begun = None if ours else _OURS.match(line.rpartition(">> ")[2])
            yield library, (name, begun[1] if begun else ours, line, different)


def meant_by(name: str) -> tuple[str, OtherName] | None:
    """The library and the row of a name that peers have, also behind its module's; None where it is none.

    >>> meant_by("torch.optim.lr_scheduler.CosineAnnealingLR")[1][2]
    'cosine(to=0.0, over=100)'
    """
    spaces, _, last = name.rpartition(".")
    kind = next((end for end in ("Momentum", "LR") if last.endswith(end)), "")
    if kind == "Momentum" or (kind and "mmengine" in spaces):  # MMEngine's, one each for each of its schedulers
        last = f"{last.removesuffix(kind)}ParamScheduler"
    places = _places_by_letters()
    rows = _all_names()
    asked = {letters_of(last), letters_of(name)}
    found = [rows[place] for place in sorted(place for letters in asked for place in places.get(letters, ()))]
    return next((hit for hit in found if hit[0] in spaces), found[0] if found else None)


@cache
def _all_names() -> Sequence[tuple[str, OtherName]]:
    return tuple(other_names())


@cache
def _places_by_letters() -> Mapping[str, Sequence[int]]:
    """The rows of `_all_names` by the letters of their names, because a file may have thousands of unknown names."""
    places: dict[str, list[int]] = {}
    for place, (_, one) in enumerate(_all_names()):
        places.setdefault(letters_of(one[0]), []).append(place)
    return places


def advice_for_peer(name: str) -> tuple[str, str] | None:
    """What a peer's name is, and a line to write; None where it is none.

    >>> advice_for_peer("StepLR")
    ('"StepLR" is a name of torch; here it is step', 'step(30, gamma=0.1)')
    """
    if (found := meant_by(name)) is None:
        return None
    library, (_, ours, line, different) = found
    origin = "a word of papers" if library == "papers" else f"a name of {library}"
    return f'"{name}" is {origin}; here it is {ours}{different and f" ({library}: {different})"}', line


def advice_for_word(word: str) -> tuple[str, str] | None:
    """The same for a name or a keyword, also as a command line has it; the line is empty where there is none.

    >>> advice_for_word("--lr-warmup-iters")[1], advice_for_word("num_cycles")[1]
    ('warmup(500) >> cosine()', 'cosine_wave(2.0)')
    """
    return advice_for_peer(word) or advice_for_keyword(word)


# A word starts where no word character precedes it: otherwise the search is quadratic in the length of a name.
_DASHED_WORD = re.compile(r"(?<!\w)-{0,2}[a-z]\w*(?:-\w+)+", re.IGNORECASE)
_WORD_AND_DASHES = re.compile(r"[\w-]*")


def dashed_word_at(text: str, place: int) -> tuple[str, int, int] | None:
    """The word with dashes around a place that peers have, `--lr-decay-style`, and where it stands; None without one.

    >>> dashed_word_at("cosine(lr-warmup-iters=500)", 10)
    ('lr-warmup-iters', 7, 22)
    """
    before = _WORD_AND_DASHES.match(text[:place][::-1])  # the characters of the same word, read backward
    words = _DASHED_WORD.finditer(text, place - (before.end() if before else 0))
    found = next((one for one in takewhile(lambda one: one.start() <= place, words) if place < one.end()), None)
    return None if found is None or advice_for_word(found[0]) is None else (found[0], *found.span())


def unknown_attribute(name: str, known: Iterable[str]) -> str:
    """What to write for an attribute that the package has not; nothing where nothing is near.

    >>> unknown_attribute("StepLR", [])
    '; "StepLR" is a name of torch; here it is step. Write ps.step(30, gamma=0.1)'
    """
    if name.startswith("_"):  # what Python and its tools ask every module for
        return ""
    if peer := advice_for_word(name):
        return f"; {peer[0]}{peer[1] and f'. Write {line_in_code(peer[1])}'}"
    near = closest(name, known)
    return f'; did you mean "{near}"?' if near else ""


def line_in_code(line: str) -> str:
    """A line of text as Python has it.

    >>> line_in_code('warmup("5%") >> anneal(curve=curves.rex)')
    'ps.warmup("5%") >> ps.anneal(curve=ps.curves.rex)'
    """
    return _FUNCTION.sub(r"ps.\1", line)


def letters_of(name: str) -> str:
    """A name without case, spaces and punctuation, so that `warm-up` is `warmup`."""
    return "".join(filter(str.isalnum, name.lower()))


def with_other_names(documented: str | None, ours: str) -> str | None:
    """A docstring with what others call the same at its end, and by which edge they count.

    Args:
        documented: the docstring; None where Python drops them.
    """
    rows = rows_by_our_name().get(ours)
    if documented is None or rows is None:
        return documented
    body = documented.partition("\n")[2].lstrip("\n")
    margin = body[: len(body) - len(body.lstrip(" "))]
    lines = "\n".join(f"{margin}- {row}" for row in rows)
    return f"{documented.rstrip()}\n\n{margin}In other libraries:\n\n{lines}\n"


@cache
def rows_by_our_name() -> dict[str, list[str]]:
    """For each name of ours a row for each library: its names, what is different there, its edge."""
    gathered: dict[tuple[str, str], dict[str, list[str]]] = {}
    for library, (name, ours, _, different) in other_names():
        gathered.setdefault((ours, library), {}).setdefault(different, []).append(f"`{name}`")
    rows: dict[str, list[str]] = {}
    for (ours, library), names in gathered.items():
        pieces = (", ".join(several) + (different and f" ({different})") for different, several in names.items())
        rows.setdefault(ours, []).append(f"{library} {', '.join(pieces)}{EDGES[library] and f': {EDGES[library]}'}")
    return rows


_SIGNS = {
    '"': "“”„‟«»″",
    "'": "‘’‚‛′`´",
    "-": "–—−‐‑‒―",
    ">>": "≫»⟫→⇒",
    "*": "×·∗⋅",
    ">": "›",
}
_LETTERS = {
    **dict(zip("асеорхуіјѕһԁԛԝӏкмтвнгпʟ", "aceopxyijshdqwlkmtbhrnl", strict=True)),
    **dict(zip("АВЕЅІЈКМНОРСТХУ", "ABESIJKMHOPCTXY", strict=True)),
    **dict(zip("οανρικυτε", "oavpikute", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    "ı": "i",
}
_MEANT = {one: sign for sign, others in _SIGNS.items() for one in others} | _LETTERS
_CALLED = {'"': "a curly quote", "'": "a curly quote", "-": "a long dash", ">>": "a sign of its own"}


def first_lookalike(text: str) -> tuple[int, str, str] | None:
    """The first character of a text that looks like another: where it is, what it is, and what was meant.

    >>> first_lookalike("сosine()")
    (0, '"с" is CYRILLIC SMALL LETTER ES', 'c')
    >>> first_lookalike("warmup(“5%”)")
    (7, '“ is a curly quote', '"')
    >>> first_lookalike("cosine()") is None
    True
    """
    for place, one in enumerate(text):
        meant = _meant_character(one)
        if meant != one:
            if meant in _CALLED:
                return place, f"{one} is {_CALLED[meant]}", meant
            name = unicodedata.name(one, f"U+{ord(one):04X}")
            return place, f'"{one}" is {name}' if one.isprintable() else f"here is {name}", meant
    return None


def straighten_text(text: str) -> str:
    """The text with every such character as the one that was meant.

    >>> straighten_text("сosine(to=0.1) ≫ warmup(“5%”)")
    'cosine(to=0.1) >> warmup("5%")'
    """
    return text if text.isascii() else "".join(map(_meant_character, text))


def _meant_character(one: str) -> str:
    if one.isascii():
        return one
    meant = " " if one.isspace() else _MEANT.get(one) or unicodedata.normalize("NFKC", one)
    return meant if meant.isascii() and meant else one
