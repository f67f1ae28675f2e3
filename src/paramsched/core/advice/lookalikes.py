"""Characters that look like those of schedule text: curly quotes, long dashes, letters of other scripts."""

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
_CALLED = {'"': "a curly quote", "'": "a curly quote", "-": "a long dash", ">>": "a single character, not >>"}


def first_lookalike(text: str) -> tuple[int, str, str] | None:
    """Return the index, the description and the replacement of the first lookalike character; None if there is none.

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
    """Return the text with every lookalike character replaced.

    >>> straighten_text("сosine(to=0.1) ≫ warmup(“5%”)")
    'cosine(to=0.1) >> warmup("5%")'
    """
    return text if text.isascii() else "".join(map(_meant_character, text))


def _meant_character(one: str) -> str:
    if one.isascii():
        return one
    meant = " " if one.isspace() else _MEANT.get(one) or unicodedata.normalize("NFKC", one)
    return meant if meant.isascii() and meant else one
