"""Scaling rules for the learning rate, Adam's betas and eps, the weight decay and the batch size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from html import escape
from math import inf, isfinite, log2, sqrt
from typing import Any, Literal, TypeAlias, final

from paramsched.core.advice.number_checks import MOST_COUNT, finite_number, not_negative, positive_number, whole_number
from paramsched.core.base.near_names import closest, did_you_mean
from paramsched.errors import CallSite, InvalidArgument, shown, site_with_value


@final
@dataclass(frozen=True, slots=True)
class _Ratios:
    """The new value divided by the old one: of the batch size, the tokens, and the learning rate so far."""

    batch: Fraction
    tokens: float
    lr: float = 1.0


@final
@dataclass(frozen=True, slots=True)
class _Formula:
    """How a rule changes one value: the factor as text, its source, and as a function. Of betas, it changes 1 - β."""

    text: str
    source: str
    factor: Callable[[_Ratios], float | Fraction]


_BY_ROOT = _Formula("√(B/B₀)", "arXiv 2205.10287", lambda ratios: sqrt(ratios.batch))
_BY_TIMESCALE = _Formula(
    "(B/B₀)/(lr/lr₀)/(D/D₀)",
    "arXiv 2405.13698, 2505.13738",
    lambda ratios: float(ratios.batch) / ratios.lr / ratios.tokens,
)
RuleName: TypeAlias = Literal["linear", "adam-sqrt", "adamw-timescale", "nanochat"]

_RULES: Mapping[str, Mapping[str, _Formula]] = {
    "linear": {"lr": _Formula("B/B₀", "arXiv 1706.02677", lambda ratios: float(ratios.batch))},
    "adam-sqrt": {
        "lr": _BY_ROOT,
        "betas": _Formula("1 - (B/B₀)(1 - β)", "arXiv 2205.10287", lambda ratios: ratios.batch),
        "eps": _Formula("1/√(B/B₀)", "arXiv 2205.10287", lambda ratios: 1 / sqrt(ratios.batch)),
    },
    "adamw-timescale": {"weight_decay": _BY_TIMESCALE},
    "nanochat": {"lr": _BY_ROOT, "weight_decay": _BY_TIMESCALE},
}
"""The formula of each value that a rule covers."""

_NANOCHAT_BATCH = 2**19


@final
@dataclass(frozen=True, slots=True)
class Rescaled:
    """Rescaled hyperparameters; `print` shows each value with its formula and source.

    Args:
        values: the new values, by the names of the old ones.
        lines: for each value, its change, the formula and the source.
        notes: limits of the rules that concern this change.
    """

    values: Mapping[str, Any]
    lines: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Rescaled {', '.join(f'{name}={value!r}' for name, value in self.values.items())}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def __str__(self) -> str:
        return "\n".join([*self.lines, *(f"note: {note}" for note in self.notes)])


def rescale(
    values: Mapping[str, Any],
    *,
    rule: RuleName | Sequence[RuleName],
    batch: tuple[int, int] | None = None,
    tokens: tuple[float, float] | None = None,
) -> Rescaled:
    """Move hyperparameters to another batch size B, or another number of tokens D, by published rules.

    - `"linear"`: lr · B/B₀, for SGD with momentum.
    - `"adam-sqrt"`: lr · √(B/B₀), 1 - (B/B₀)(1 - β), eps / √(B/B₀), for Adam and RMSprop.
    - `"adamw-timescale"`: weight_decay · (B/B₀) / (lr/lr₀) / (D/D₀), which keeps B / (lr · weight_decay · D).
    - `"nanochat"`: lr · √(B/B₀), weight_decay · √(B/B₀) / (D/D₀).

    Args:
        values: the old values of `lr`, `betas`, `eps` and `weight_decay`; each must be covered by the rule.
        rule: the name of a rule, or several names. `adamw-timescale` uses the lr of the rules in front of it.
        batch: the old and the new batch size, in any unit. Default: it does not change.
        tokens: the old and the new number of training tokens. Default: it does not change.

    Raises:
        InvalidArgument: a rule does not cover a value or the change, or a number is out of range.

    >>> print(rescale({"lr": 3e-4}, batch=(256, 512), rule="adam-sqrt"))
    lr: 0.0003 -> 0.000424264   × 1.41421 = √(B/B₀)   arXiv 2205.10287
    """
    names: list[Any] = list(rule) if isinstance(rule, (list, tuple)) else [rule]
    for name in names or [rule]:
        if str(name) not in _RULES:
            found = f"unknown rule {shown(name)}; {did_you_mean(str(name), _RULES)}"
            near = closest(str(name), _RULES) or "adam-sqrt"
            raise InvalidArgument(CallSite("scaling.rescale", "rule", shown(rule)), found, f'Write rule="{near}"')
    covered = [key for name in names for key in _RULES[name]]
    if twice := next((key for key in covered if covered.count(key) > 1), None):
        found = f"{twice} is covered by two rules"
        raise InvalidArgument(CallSite("scaling.rescale", "rule", shown(rule)), found, f'Write rule="{names[0]}"')
    if not isinstance(values, Mapping) or not values:
        found = f"expected a dict of hyperparameters, got {shown(values)}"
        raise InvalidArgument("scaling.rescale(…)", found, 'For example: {"lr": 3e-4}')
    unknown = [key for key in values if key not in covered]
    if unknown:
        strange = unknown[0]
        found = f"the rule covers {', '.join(covered)}, not {strange}"
        both = strange in ("lr", "weight_decay") and {"adam-sqrt", "adamw-timescale"} & set(names)
        instead = 'For example: rule=["adam-sqrt", "adamw-timescale"]' if both else f"Leave {strange} out"
        raise InvalidArgument(CallSite("scaling.rescale", "rule", shown(rule)), found, instead)
    if tokens is not None and "weight_decay" not in covered:
        found = "the rule cannot change the number of tokens"
        raise InvalidArgument(CallSite("scaling.rescale", "tokens", shown(tokens)), found, "Omit tokens")
    if batch is None and tokens is None:
        raise InvalidArgument("scaling.rescale(…)", "no change is specified", "For example: batch=(256, 512)")
    old, new = (1, 1) if batch is None else _pair("rescale", "batch", batch, whole_number, (256, 512))
    before, after = (1.0, 1.0) if tokens is None else _pair("rescale", "tokens", tokens, positive_number, (1e9, 8e9))
    ratios = _Ratios(Fraction(new, old), after / before)
    if not 0 < ratios.tokens < inf:
        site = CallSite("scaling.rescale", "tokens", shown(tokens))
        raise InvalidArgument(site, "the numbers are too far apart", "For example: tokens=(1e9, 8e9)")
    changed: dict[str, tuple[Any, str]] = {}
    for key, formula in (item for name in names for item in _RULES[name].items()):
        if key in values:
            changed[key] = _changed(key, values[key], formula, ratios)
        if key == "lr":  # the first key of a rule
            ratios = replace(ratios, lr=float(formula.factor(ratios)))
    notes = []
    if "linear" in names and not Fraction(1, 32) <= ratios.batch <= 32:
        notes.append("linear was shown for batch sizes that change by a factor of at most 32, with a warmup")
    if "adamw-timescale" in names[:-1]:
        notes.append("adamw-timescale assumes the old lr, because the rules for lr come after it")
    if ratios.tokens != 1:
        notes.append("the timescale is kept, but the best one falls with tokens per parameter (arXiv 2505.13738)")
    if "nanochat" in names:
        notes.append('nanochat: scripts/base_train.py, 92d63d4; for Muon its author writes "not studied carefully"')
        if batch is not None and old != _NANOCHAT_BATCH:
            notes.append(f"nanochat was tuned at a batch of {_NANOCHAT_BATCH} tokens, not {old}")
    return Rescaled({key: changed[key][0] for key in values}, tuple(changed[key][1] for key in values), tuple(notes))


def _changed(key: str, value: Any, formula: _Formula, ratios: _Ratios) -> tuple[Any, str]:
    """Return the new value, and the line that explains it."""
    if key != "betas":
        site = CallSite("scaling.rescale", key)
        old = not_negative(site, value) if key == "weight_decay" else positive_number(site, value)
        by = float(formula.factor(ratios))
        if not isfinite(old * by):
            raise InvalidArgument(site_with_value(site, value), f"{formula.text} is too large", f"Leave {key} out")
        return old * by, f"{key}: {old:.6g} -> {old * by:.6g}   × {by:.6g} = {formula.text}   {formula.source}"
    site = CallSite("scaling.rescale", key, shown(value))
    if not isinstance(value, (tuple, list)) or not all(0 <= finite_number(site, one) < 1 for one in value):
        raise InvalidArgument(site, "expected a tuple of numbers from 0 to below 1", "For example: betas=(0.9, 0.999)")
    growth = formula.factor(ratios)
    betas = tuple(float(1 - growth * (1 - Fraction(repr(float(one))))) for one in value)
    if not all(one > 0 for one in betas):
        found = f"{formula.text} must be above 0, got {min(betas):g}: the batch grows too much for it"
        raise InvalidArgument(site, found, "Leave betas out")
    before, after = (", ".join(f"{one:.6g}" for one in pair) for pair in (value, betas))
    return betas, f"betas: ({before}) -> ({after})   {formula.text}   {formula.source}"


def _pair(call: str, argument: str, given: Any, check: Callable[..., Any], example: tuple[Any, Any]) -> tuple[Any, Any]:
    """Check a pair of an old and a new number."""
    site = CallSite(f"scaling.{call}", argument, shown(given))
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise InvalidArgument(site, "expected the old and the new number", f"For example: {argument}={example}")
    return check(site, given[0]), check(site, given[1])


def batch_for_tokens(
    batch: int, *, tokens: tuple[float, float], exponent: float = 0.383, power_of_two: bool = True
) -> int:
    """Return the batch size for another number of training tokens: B₀ · (D/D₀) ** exponent.

    Args:
        batch: B₀, the batch size for D₀ tokens, in any unit.
        tokens: D₀ and D, the old and the new number of training tokens.
        exponent: the exponent of the power law.
        power_of_two: True rounds to the nearest power of two, by the logarithm; False to the nearest integer.

    Raises:
        InvalidArgument: a number is out of range.

    Source: 2505.13738, as used by nanochat.

    >>> batch_for_tokens(2**19, tokens=(1e9, 8e9)) == 2**20
    True
    """
    old = whole_number(CallSite("scaling.batch_for_tokens", "batch"), batch)
    before, after = _pair("batch_for_tokens", "tokens", tokens, positive_number, (1e9, 8e9))
    power = finite_number(CallSite("scaling.batch_for_tokens", "exponent"), exponent)
    size = log2(old) + power * (log2(after) - log2(before))
    if not size <= log2(MOST_COUNT):
        site = CallSite("scaling.batch_for_tokens", "exponent", shown(exponent))
        raise InvalidArgument(site, "the batch would be larger than 1e18", "For example: exponent=0.383")
    size = max(0.0, size)
    return 2 ** round(size) if power_of_two else round(2**size)
