"""What words mean here: shapes, rules, curves, names elsewhere, keywords and recipes, the best first."""

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from paramsched.base.calls import example_call
from paramsched.base.near_names import closest
from paramsched.base.peer_words import EDGES, keywords_elsewhere, letters_of, line_of_keyword, other_names
from paramsched.curves import CONSTANTS, FAMILIES, curve_text
from paramsched.recipe_book import recipes
from paramsched.schedules.registry import RULES, SHAPES

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SAME = {
    "annealing": "anneal", "cycles": "cycle", "cyclical": "cyclic", "decaying": "decay",
    "restarts": "restart", "steps": "step", "square": "sqrt", "root": "sqrt",
    "poly": "polynomial", "exp": "exponential", "milestones": "milestone", "plateaus": "plateau", "one": "1",
    "floor": "min", "minimum": "min", "triangle": "triangular", "flat": "constant", "stable": "constant",
}  # fmt: skip
"""Words that are looked for as another."""

_EMPTY = frozenset((
    "a", "an", "and", "as", "at", "by", "epoch", "epochs", "for", "from", "get", "in", "is", "learning", "lr", "of",
    "on", "or", "param", "rate", "schedule", "scheduler", "schedulers", "the", "then", "to", "up", "with",
))  # fmt: skip
"""Words that every schedule's name may have, so that they tell none from another."""


@final
@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: a line to paste, and what is said of it."""

    line: str
    says: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    line: str
    says: str
    text: str = ""
    library: str = ""


def schedules_for(site: str) -> list[Hit]:
    """The shapes, rules, curves, names elsewhere and keywords, the best first; of equals, what the tables have first.

    A name that is exactly the words comes first, then one of the same letters. Then counts how much of the words and
    of a name are the same, then whether the description has the words. What is less than a third as good as the best
    is left out.

    >>> schedules_for("1cycle")[0].line
    'one_cycle("30%")'
    """
    return _best_of(site, list(_schedules()))


def recipes_for(site: str) -> list[Hit]:
    """The published recipes whose names, titles, sources or plans have the words, in the same order.

    >>> recipes_for("gpt3")[0].line
    'recipe:gpt3-175b'
    """
    entries = []
    for recipe in recipes.values():
        text = f"{recipe.title} {recipe.area} {recipe.source} {recipe.plan}"
        says = f"recipe {recipe.title}: {recipe.source}"
        entries.append(_Entry(recipe.name, f"recipe:{recipe.name}", says, text))
    return _best_of(site, entries)


def nearest_for(site: str) -> list[Hit]:
    """What has the most of the words, at least half of them, or is spelled most like it, where nothing has all.

    >>> nearest_for("cosin")[0].says[0].partition(":")[0]
    'shape cosine'
    >>> nearest_for("wsd with 3 wobbles")[0].line
    'wsd("2%", "20%")'
    >>> nearest_for("PolynomialLR power 0.9")[0].says[0]
    'torch PolynomialLR: polynomial'
    """
    wanted = _telling_words(site)
    if len(wanted) > 1 and (found := _best_of(site, list(_schedules()), whole=False)):
        return found
    near = closest(site, {entry.name for entry in _schedules()})
    return [] if near is None else schedules_for(near)


def _best_of(site: str, entries: list[_Entry], *, whole: bool = True) -> list[Hit]:
    """The entries that answer, each line once; where a library is named beside other words, its own come first.

    Args:
        whole: whether an answer has all the words, or some of them.
    """
    known = any(letters_of(site) == letters_of(entry.name) for entry in entries)
    library, site = ("", site) if known else _named_library(site)
    score = _score if whole else _share_of_words
    scores = [score(site, entry) * (1.0 if library in ("", entry.library) else 0.5) for entry in entries]
    least = max(scores) / 3
    ranked = sorted(
        (place for place, score in enumerate(scores) if score and score >= least),
        key=lambda at: (-scores[at], _spelling_of(entries[at].name) != _spelling_of(site)),
    )
    gathered: dict[str, list[str]] = {}
    for place in ranked:
        gathered.setdefault(entries[place].line, []).append(entries[place].says)
    return [Hit(line, tuple(dict.fromkeys(says))) for line, says in gathered.items()]


_OTHERWISE = {
    "huggingface": "transformers",
    "pytorch": "torch",
    "hf": "transformers",
    "yolov5": "ultralytics",
    "yolov8": "ultralytics",
    "tensor2tensor": "t5x",
    "paddlepaddle": "paddle",
    "flax": "optax",
    "jax": "optax",
    "detectron2": "fvcore",
    "bolts": "lightning",
    "olmo": "olmo-core",
    "megatronlm": "megatron",
    "llmfoundry": "composer",
}
"""What libraries are called besides."""


def _named_library(site: str) -> tuple[str, str]:
    """The library that is named beside other words, and these; none where it is named alone.

    >>> _named_library("fairseq cosine"), _named_library("LinearLR of MMEngine"), _named_library("keras")
    (('fairseq', 'cosine'), ('mmengine', 'LinearLR of'), ('', 'keras'))
    >>> _named_library("torch.optim.lr_scheduler.StepLR")
    ('torch', 'StepLR')
    """
    if site.replace(".", "").isidentifier() and "." in site:
        site = f"{site.partition('.')[0]} {site.rpartition('.')[2]}"
    libraries = {letters_of(name): name for name in EDGES if name != "papers"} | _OTHERWISE
    words = site.split()
    for place, word in enumerate(words):
        if len(words) > 1 and (library := libraries.get(letters_of(word))) is not None:
            return library, " ".join(words[:place] + words[place + 1 :])
    return "", site


def _score(site: str, entry: _Entry) -> float:
    """How well an entry answers: 3 for its very name, at most 2 for words of its name, at most 1/2 for its text."""
    if letters_of(site) == letters_of(entry.name):
        return 3.0
    wanted, named = _telling_words(site), _telling_words(entry.name)
    if not wanted:
        return 0.0
    both = len(wanted & named)
    told = len(wanted & (named | _telling_words(entry.text)))
    return (4.0 * both / (len(wanted) + len(named)) if both == len(wanted) else 0.0) + 0.5 * (told == len(wanted))


def _share_of_words(site: str, entry: _Entry) -> float:
    """How well a name answers that has half of the words."""
    if not entry.name.islower() and entry.name in site.split():
        return 2.5
    words, named = _telling_words(site), _telling_words(entry.name)
    wanted = {word for word in words if not word.isdecimal()} or words
    both = len(wanted & named)
    return 2.0 * both / (len(wanted) + len(named)) if 2 * both >= len(wanted) else 0.0


def _spelling_of(name: str) -> str:
    return name.casefold().lstrip("-").replace("-", "_")


def _telling_words(text: str) -> frozenset[str]:
    """Words that tell a name or a sentence from others."""
    pieces = (piece.lower() for piece in _PIECES.findall(text.replace("arm-up", "armup").replace("armUp", "armup")))
    return frozenset(_SAME.get(piece, piece) for piece in pieces) - _EMPTY


def _schedules() -> Iterator[_Entry]:
    """Ours, theirs, and keywords."""
    yield from _ours("shape", "", SHAPES.items())
    yield from _ours("rule", "rules.", RULES.items())
    for name in [*CONSTANTS, *FAMILIES]:
        yield _Entry(name, f"anneal(curve={curve_text(name)})", f"curve curves.{name}")
    for library, (name, ours, line, different) in other_names():
        of = "papers" if library == "papers" else library
        says = f"{of} {name}: {ours}{different and f'; {different}'}"
        yield _Entry(name, line, says, f"{library} {ours}", library)
    for name, argument, instead in keywords_elsewhere():
        if name in SHAPES:
            continue
        says = "; ".join(filter(None, [argument and f"the argument {argument}", instead]))
        line = line_of_keyword(argument) or f"# {instead}"
        yield _Entry(name, line, f"keyword {name}: {says}")


def _ours(kind: str, prefix: str, builders: Iterable[tuple[str, object]]) -> Iterator[_Entry]:
    for name, builder in builders:
        if callable(builder):
            said = (inspect.getdoc(builder) or "").partition("\n")[0]
            line = example_call(builder, f"{prefix}{name}")
            yield _Entry(name, f"recurrence({line})" if prefix else line, f"{kind} {prefix}{name}: {said}", said)
