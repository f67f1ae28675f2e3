"""Characters that look like those of a line of text: curly quotes, long dashes, letters of other scripts."""

import unicodedata

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
