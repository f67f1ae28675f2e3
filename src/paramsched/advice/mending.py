"""Correct an invalid line of text if its mistake has one likely correction: wrong operators, brackets, quotes or calls.

This module corrects mistakes in the syntax. Diagnostics about calls and names have their own edits
(`LineDiagnostics.edits`).
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import signature
from typing import Any, Final

from paramsched.advice.lookalikes import straighten_text
from paramsched.advice.peer_calls import CALLS, line_of_call
from paramsched.advice.peer_words import SEQUENCES, letters_of, meant_argument, meant_by

STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
CLOSING: Final = {"(": ")", "[": "]", "{": "}"}

_NAMED_CALL: Final = r"(?=[A-Za-z_]\w*\s*\()"
_REWRITES: Final = (
    (r"(?<![\w.])1cycle\b", "one_cycle"),
    (r"(?<=[\w(])(?<![\w.]\w{3}),(?=000\b)", ""),  # 10,000
    (r"\A\s*(\d+),(\d+)\s*\Z", r"\1.\2"),
    (r"(?<=\d)f\b|\.\s*\Z", ""),
    (r"(?<=[(,])(\s*[A-Za-z_]\w*)\s*(?:=>|->|==|:=|:)\s*", r"\1="),  # to: 0.1
    (r"(?<=[(,])(\s*[a-z_]\w*)\s+(?=[\d.])", r"\1="),  # cosine(over 40)
    (r"\)\s*\.\s*then\s*\(", ") >> ("),
    (r"(?<=\))\s*\.\s*" + _NAMED_CALL, " >> "),
    (r"\b([a-z_]\w*)\s*\[([^\[\]{}=]*,[^\[\]{}=]*)\]", r"\1([\2])"),  # multistep[20, 70]
    (r"\b([a-z_]\w*)\s*[\[{]([^\[\]{}]*)[\]}]", r"\1(\2)"),
    (r"\{([^\[\]{}:]*)\}", r"[\1]"),
    (r";(?=\s*\S)(?=[^(]*\))", ","),
    (r"\s*(?:>>>+|=>|-+>|>=|\|+>?|&+|(?<!>)>(?!>)|\b(?:then|and)\b)\s*", " >> "),
    (r"\s*\^\s*", " ** "),
    (r"(?<=[\w)])\s*//\s*", " / "),
    (r"(?<=[\w)])\s*@\s*|(?<=[\w)])\s+[xX]\s+(?=[\w(])", " * "),
    (r"(?:>>\s*){2,}", ">> "),
    (r"(?:,\s*){2,}", ", "),
    (r"\A\s*(?:>>|\*+|/)\s*|\s*(?:>>|[-+*/])\s*\Z|[,;]\s*\Z|(?<=\()\s*,", ""),
    (r"[A-Za-z_]\w*\s*=\s*(?=[,)])", ""),
    (r"(?<=[(,=\[])\s*((?:until )?\d[^\[\](),\"'=]*(?:%|[A-Za-z]+))(?=\s*[\],)])", r'"\1"'),  # 5 epochs
    (r"(?<![\w.])([\d.]+(?:e-?\d+)?)\s*" + _NAMED_CALL, r"\1 * "),  # 0.5 cosine()
    (r"(?<=[\w)\]\"'])\s+(?=[A-Za-z_]\w*\s*=(?!=))|(?<=\d)\s+(?=\d)", ", "),  # to=0.2 over=50
)
"""Patterns of mistakes with their replacements, in the order of correction. `\\1` is the first group of the pattern."""


def rewritten(text: str, names: Mapping[str, Callable[..., Any]]) -> str | None:
    """Return an invalid line with its first mistake corrected; None if no correction is known.

    >>> rewritten("warmup(10) -> cosine()", {})
    'warmup(10) >> cosine()'
    """
    outside = without_strings(text)
    pairs = zip(text, outside.replace("`", '"'), strict=True)
    straight = "".join(one if seen == " " else straighten_text(seen) for one, seen in pairs)
    if straight != text:
        return straight
    if (place := next((place for place, one in enumerate(outside) if one in "\"'"), None)) is not None:
        rest = re.compile(r"[^,()[\]\"']*").match(text, place + 1)
        end = place + 1 if rest is None else rest.end()  # an unclosed quote is closed in front of the next comma
        return text[:end] + text[place] + text[end:].removeprefix("'").removeprefix('"')
    by_letters = {letters_of(name): name for name in names}
    for found in re.finditer(r"[A-Za-z]\w*(?:-[A-Za-z]\w*)+(?=\s*\()", outside):  # warm-up(10)
        if (name := by_letters.get(letters_of(found[0]))) is not None:
            return text[: found.start()] + name + text[found.end() :]
    known = "|".join(map(re.escape, names))
    rules = (
        (rf"\A\s*({known})\s*[:=]\s*(.*?)(?=\s*(?:>>|\Z))", r"\1(\2)"),  # warmup: 20 >> cosine()
        (r"\A\s*[A-Za-z_]\w*(?:\[\d\])?\s*(?::|=(?!=))\s*", ""),  # lr: cosine()
        (rf"\b({known})\s+([\d.][\w.%-]*|\w+\s*=[^>)]*)\)?(?=\s*(?:>>|[,)]|\Z))", r"\1(\2)"),
        *_REWRITES,
    )
    solid = STRING.sub(lambda quoted: "_" * len(quoted[0]), text)  # the patterns see quoted text as a name
    for pattern, template in rules:
        if (slip := re.search(pattern, solid)) is not None:
            groups = [text[begin:end] for begin, end in slip.regs]
            new = re.sub(r"\\(\d)", lambda group: groups[int(group[1])], template)  # noqa: B023
            return text[: slip.start()] + new + text[slip.end() :]
    if closed := _with_brackets_closed(text, outside):
        return closed
    # Insert a missing operator: `>>` between stages, `,` between arguments.
    for found in re.finditer(r"[,;]\s*(?=[A-Za-z_(]|\Z)|(?<=\))\s+" + _NAMED_CALL, solid):
        inside = solid.count("(", 0, found.start()) > solid.count(")", 0, found.start())
        if not inside or found[0].isspace():
            return f"{text[: found.start()]}{',' if inside else ' >>'} {text[found.end() :]}"
    return None


def first_unpaired(outside: str) -> tuple[list[int], int | None]:
    """Return the open brackets at the first wrong closing bracket, and its index; None if there is none.

    >>> first_unpaired("(a, [b)"), first_unpaired("(a, [b]")
    (([0, 4], 6), ([0], None))
    """
    opened: list[int] = []
    for place, one in enumerate(outside):
        if one in CLOSING:
            opened.append(place)
        elif one in CLOSING.values():
            if not opened or one != CLOSING[outside[opened[-1]]]:
                return opened, place
            opened.pop()
    return opened, None


def _with_brackets_closed(text: str, outside: str) -> str | None:
    """Return the line with its first wrong bracket closed, replaced or removed; None if all are paired."""
    opened, place = first_unpaired(outside)
    wanted = [CLOSING[outside[opening]] for opening in opened]
    if place is not None:
        missing = outside[place] in wanted
        return text[:place] + "".join(wanted[-1:]) + text[place + (not missing) :]
    if not opened:
        return None
    stage = outside.find(">>", opened[-1])  # the bracket is closed in front of the next `>>`
    place = len(outside[:stage].rstrip()) if stage > 0 else len(text)
    return text[:place] + wanted[-1] + text[place:]


def call_as_meant(
    name: str,
    advice: str,
    positional: Sequence[tuple[str, Any]],
    named: Mapping[str, tuple[str, Any]],
    shapes: Mapping[str, Callable[..., Any]],
) -> str | None:
    """Translate a call of another library's scheduler to text with the same values; return None if they are unknown.

    Args:
        name: the name in the call.
        advice: what to write for a name that is not one of another library; else empty.
        positional, named: the arguments: a pair (text, value) for each, with values as `line_of_call` takes them.
        shapes: the functions here.

    >>> call_as_meant("StepLR", "", [("25", 25)], {}, {})
    'step(25, 0.1)'
    """
    texts = [*(text for text, _ in positional), *(f"{key}={text}" for key, (text, _) in named.items())]
    if advice == name and not texts:  # `previous()`
        return advice
    if advice.startswith("curves."):
        return f"{advice.partition('(')[0]}({', '.join(texts)})" if texts else advice
    if advice.startswith("anneal(curve="):  # the curve has no parameters
        return advice if not texts else None if positional else f"anneal({', '.join(texts)}, {advice[7:]}"
    line = line_of_call(name, [value for _, value in positional], {key: value for key, (_, value) in named.items()})
    if line is not None or not texts:
        return line
    if name.rpartition(".")[2] not in (*SEQUENCES, "SequentialLR"):
        return _with_own_name(name, texts, len(positional), named, shapes)
    listed = texts[0][1:-1] if len(texts) == 1 and texts[0][:1] in "[(" else None
    if listed is None and name.endswith("SequentialLR"):  # with milestones that do not fit
        return None
    return " >> ".join(texts) if listed is None else re.sub(r"(?<=\)),\s*", " >> ", listed)


def without_strings(text: str) -> str:
    """Return the text with every quoted string replaced by blanks."""
    return STRING.sub(lambda found: " " * len(found[0]), text)


def _with_own_name(
    name: str,
    texts: Sequence[str],
    positional: int,
    named: Collection[str],
    shapes: Mapping[str, Callable[..., Any]],
) -> str | None:
    """Return a call with the name of the function here; None if its arguments may mean something else there.

    Args:
        name: a term of papers or a name in lowercase. Classes have arguments of their own.
        texts: the arguments; the first of them are positional.
        positional: the number of positional arguments.
        named: the keywords of the others.
        shapes: the functions here.
    """
    library, (_, ours, line, _) = meant_by(name) or ("", ("", "", "", ""))
    is_function = library == "optax" or any(name in calls for calls in CALLS.values())
    builder = shapes.get(ours)
    if builder is None or positional > 1 or (is_function and not named) or not (name.islower() or library == "papers"):
        return None
    is_stage = re.fullmatch(rf"(warmup\([^()]*\) >> )?{ours}\([^()]*\)", line) and "warmup" not in letters_of(name)
    known = signature(builder).parameters
    if not (is_stage or ours == "warmup") or not all(meant_argument(key, known, ours) for key in named):
        return None
    return f"{ours}({', '.join(texts)})"
