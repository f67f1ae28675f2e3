"""Text of users measured in terminal cells, and fitted to a width."""

import unicodedata


def cells(text: str) -> int:
    r"""Cells a text takes: two for wide characters, none for combining marks.

    >>> cells("lr"), cells("学習率"), cells("e\u0301")
    (2, 6, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut a text that is wider than `width`, and say so by an ellipsis.

    >>> clip("warmup >> cosine", 10)
    'warmup >>…'
    """
    if cells(text) <= width:
        return text
    kept = ""
    for character in text:
        if cells(kept + character) > width - len(ellipsis):
            break
        kept += character
    return (kept + ellipsis)[: max(width, 0)]


def wrap(text: str, width: int, *, most: int = 3, ellipsis: str = "…") -> list[str]:
    """Break a text at spaces into at most `most` rows of `width`; what does not fit is cut.

    >>> wrap('warmup("5%") >> cosine(to=0.1)', 16)
    ['warmup("5%") >>', 'cosine(to=0.1)']
    """
    rows: list[str] = []
    # A text far longer than the picture is not measured to its end.
    for word in text[: width * (most + 1) + 1].split(" "):
        if rows and cells(f"{rows[-1]} {word}") <= width:
            rows[-1] += f" {word}"
            continue
        while cells(word) > width:
            head = clip(word, width, "")
            rows.append(head)
            word = word[len(head) :]
        rows.append(word)
    if len(rows) > most:
        last = rows[most - 1]
        fits = cells(last) + len(ellipsis) <= width
        rows = [*rows[: most - 1], last + ellipsis if fits else clip(last + " " * width, width, ellipsis)]
    return rows
