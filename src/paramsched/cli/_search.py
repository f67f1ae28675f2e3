"""The search of `paramsched find`: shapes, rules, curves, names of other libraries, keywords and recipes."""

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
"""Synonyms: a word of a query, and the word that is searched instead."""

_EMPTY = frozenset((
    "a", "an", "and", "as", "at", "by", "epoch", "epochs", "for", "from", "get", "in", "is", "learning", "lr", "of",
    "on", "or", "param", "rate", "schedule", "scheduler", "schedulers", "the", "then", "to", "up", "with",
))  # fmt: skip
"""Words that do not distinguish one schedule from another, and are ignored."""


_LAYERS = """# {"params": layer.parameters(), "name": f"layer_{i}", "lr": lr * decay ** (n - 1 - i)}"""
_FREEZE = 'constant(0, over="2 epochs") >> warmup("1 epoch") >> cosine()'
_TOPICS = (
    *(
        (name, _LAYERS, "param groups: one for each layer, with its own lr as base; see docs/how-to/groups.md")
        for name in (
            "layer-wise lr decay", "layerwise lr decay", "llrd", "discriminative learning rates",
            "discriminative fine-tuning", "param groups", "parameter groups",
        )
    ),
    *(
        (name, _FREEZE, "freezing: lr of the group that starts frozen; see docs/how-to/freeze-and-thaw.md")
        for name in ("freeze", "freezing", "frozen layers", "thaw", "unfreeze", "gradual unfreezing")
    ),
)  # fmt: skip
"""Subjects that have a page in the documentation: the query, a line, and the description."""


@final
@dataclass(frozen=True, slots=True)
class Hit:
    """A result: a line to paste, and its descriptions."""

    line: str
    descriptions: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    line: str
    description: str
    text: str = ""
    library: str = ""


def schedules_for(site: str) -> list[Hit]:
    """Return the matching shapes, rules, curves, names of other libraries and keywords, the best first.

    An entry whose name equals the query comes first, then entries that differ from the query only in case, spaces and
    punctuation. Other entries are ranked by the fraction of words that the query and the name have in common, then by
    whether the description contains the words of the query.
    Entries with less than a third of the best score are dropped. Entries of equal score keep the order of the tables.

    >>> schedules_for("1cycle")[0].line
    'one_cycle("30%")'
    """
    return _best_of(site, list(_schedules()))


_WARMUP = re.compile(r"\b(?:linear(?:ly)?[\s-]+)?warm[\s-]?up\b", re.IGNORECASE)
_ENDINGS = frozenset(("anneal", "decay"))  # words that may follow the name of any shape


def warmup_for(site: str) -> list[Hit]:
    """Return a line for a query about a warmup and a shape, such as "linear warmup with cosine decay".

    Returns an empty list for a query that is a known name or names a library, because the
    entry of that name is more precise.

    >>> warmup_for("linear warmup with cosine decay")[0].line
    'warmup("5%") >> cosine()'
    """
    rest, count = _WARMUP.subn(" ", site)
    wanted = _significant_words(rest) - _ENDINGS
    words_of_shapes = {name: _significant_words(name) - _ENDINGS for name in SHAPES}
    matching = [name for name, words in words_of_shapes.items() if words and words <= wanted]
    known = any(letters_of(site) == letters_of(entry.name) for entry in _schedules())
    if not count or not matching or known or _named_library(site)[0]:
        return []
    name = max(matching, key=lambda one: len(words_of_shapes[one]))
    found = schedules_for(f"{name} with warmup")
    if found := [hit for hit in found if hit.line.startswith("warmup(") and f">> {name}(" in hit.line]:
        return found[:1]
    needed = [one for one in inspect.signature(SHAPES[name]).parameters.values() if one.default is one.empty]
    line = example_call(SHAPES[name], name) if needed else f"{name}()"
    return [Hit(f'warmup("5%") >> {line}', (f"shape warmup, then shape {name}",))]


def recipes_for(site: str) -> list[Hit]:
    """Return the published recipes whose name, title, source or plan contains the words.

    They are ranked as in `schedules_for`.

    >>> recipes_for("gpt3")[0].line
    'recipe:gpt3-175b'
    """
    entries = []
    for recipe in recipes.values():
        text = f"{recipe.title} {recipe.area} {recipe.source} {recipe.plan}"
        description = f"recipe {recipe.title}: {recipe.source}"
        entries.append(_Entry(recipe.name, f"recipe:{recipe.name}", description, text))
    return _best_of(site, entries)


def nearest_for(site: str) -> list[Hit]:
    """Return the closest entries for a query that no entry matches completely.

    Their names contain at least half of the words of the query. If there are none, the name that is spelled most
    similarly is searched.

    >>> nearest_for("cosin")[0].descriptions[0].partition(":")[0]
    'shape cosine'
    >>> nearest_for("wsd with 3 wobbles")[0].line
    'wsd("2%", "20%")'
    >>> nearest_for("PolynomialLR power 0.9")[0].descriptions[0]
    'torch PolynomialLR: polynomial'
    """
    wanted = _significant_words(site)
    if len(wanted) > 1 and (found := _best_of(site, list(_schedules()), all_words=False)):
        return found
    near = closest(site, {entry.name for entry in _schedules()})
    return [] if near is None else schedules_for(near)


def _best_of(site: str, entries: list[_Entry], *, all_words: bool = True) -> list[Hit]:
    """Return the matching entries, each line once. If the query names a library, its entries come first.

    Args:
        all_words: True if a match must contain all words of the query; False if half of them suffice.
    """
    known = any(letters_of(site) == letters_of(entry.name) for entry in entries)
    library, site = ("", site) if known else _named_library(site)
    score = _score if all_words else _share_of_words
    scores = [score(site, entry) * (1.0 if library in ("", entry.library) else 0.5) for entry in entries]
    least = max(scores) / 3
    ranked = sorted(
        (place for place, score in enumerate(scores) if score and score >= least),
        key=lambda at: (-scores[at], _spelling_of(entries[at].name) != _spelling_of(site)),
    )
    gathered: dict[str, list[str]] = {}
    for place in ranked:
        gathered.setdefault(entries[place].line, []).append(entries[place].description)
    return [Hit(line, tuple(dict.fromkeys(descriptions))) for line, descriptions in gathered.items()]


_LIBRARY_ALIASES = {
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
"""A dict from other names of libraries to their names in the tables."""


def _named_library(site: str) -> tuple[str, str]:
    """Return the pair (library, remaining words) of a query; the library is empty if the query names none.

    If the query is only the name of a library, it is returned as the remaining words.

    >>> _named_library("fairseq cosine"), _named_library("LinearLR of MMEngine"), _named_library("keras")
    (('fairseq', 'cosine'), ('mmengine', 'LinearLR of'), ('', 'keras'))
    >>> _named_library("torch.optim.lr_scheduler.StepLR")
    ('torch', 'StepLR')
    """
    if site.replace(".", "").isidentifier() and "." in site:
        site = f"{site.partition('.')[0]} {site.rpartition('.')[2]}"
    libraries = {letters_of(name): name for name in EDGES if name != "papers"} | _LIBRARY_ALIASES
    words = site.split()
    for place, word in enumerate(words):
        if len(words) > 1 and (library := libraries.get(letters_of(word))) is not None:
            return library, " ".join(words[:place] + words[place + 1 :])
    return "", site


def _score(site: str, entry: _Entry) -> float:
    """Return the score of an entry: 3 for its exact name, up to 2 for words of its name, up to 1/2 for its text."""
    if letters_of(site) == letters_of(entry.name):
        return 3.0
    wanted, named = _significant_words(site), _significant_words(entry.name)
    if not wanted:
        return 0.0
    both = len(wanted & named)
    described = len(wanted & (named | _significant_words(entry.text)))
    return (4.0 * both / (len(wanted) + len(named)) if both == len(wanted) else 0.0) + 0.5 * (described == len(wanted))


def _share_of_words(site: str, entry: _Entry) -> float:
    """Return the score of an entry; 0 if its name contains less than half of the words of the query."""
    if not entry.name.islower() and entry.name in site.split():
        return 2.5
    words, named = _significant_words(site), _significant_words(entry.name)
    wanted = {word for word in words if not word.isdecimal()} or words
    both = len(wanted & named)
    return 2.0 * both / (len(wanted) + len(named)) if 2 * both >= len(wanted) else 0.0


def _spelling_of(name: str) -> str:
    return name.casefold().lstrip("-").replace("-", "_")


def _significant_words(text: str) -> frozenset[str]:
    """Return the words that distinguish a name or a sentence from others, with synonyms replaced."""
    pieces = (piece.lower() for piece in _PIECES.findall(text.replace("arm-up", "armup").replace("armUp", "armup")))
    return frozenset(_SAME.get(piece, piece) for piece in pieces) - _EMPTY


def _schedules() -> Iterator[_Entry]:
    """Yield the library's own shapes, rules and curves, then names and keywords of other libraries."""
    yield from _own("shape", "", SHAPES.items())
    yield from _own("rule", "rules.", RULES.items())
    for name, line, description in _TOPICS:
        yield _Entry(name, line, description)
    for name in [*CONSTANTS, *FAMILIES]:
        yield _Entry(name, f"anneal(curve={curve_text(name)})", f"curve curves.{name}")
    for library, (name, ours, line, different) in other_names():
        description = f"{library} {name}: {ours}{different and f'; {different}'}"
        yield _Entry(name, line, description, f"{library} {ours}", library)
    for name, argument, instead in keywords_elsewhere():
        if name in SHAPES:
            continue
        meaning = "; ".join(filter(None, [argument and f"the argument {argument}", instead]))
        line = line_of_keyword(argument) or f"# {instead}"
        yield _Entry(name, line, f"keyword {name}: {meaning}")


def _own(kind: str, prefix: str, builders: Iterable[tuple[str, object]]) -> Iterator[_Entry]:
    for name, builder in builders:
        if callable(builder):
            summary = (inspect.getdoc(builder) or "").partition("\n")[0]
            line = example_call(builder, f"{prefix}{name}")
            yield _Entry(name, f"recurrence({line})" if prefix else line, f"{kind} {prefix}{name}: {summary}", summary)
