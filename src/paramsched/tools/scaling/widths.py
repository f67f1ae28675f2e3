"""Bases for a wider model: the maximal update parametrization (muP), without initialization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

from paramsched.core.advice.number_checks import not_negative, positive_number, whole_number
from paramsched.core.base.frozen_values import text_on_screen
from paramsched.core.base.near_names import did_you_mean
from paramsched.errors import CallSite, InvalidArgument, shown

WidthRule: TypeAlias = Literal["mup-adam", "mup-sgd", "spectral-adam", "spectral-sgd"]


@final
@dataclass(frozen=True, slots=True)
class _Rule:
    """The power of width / base_width in the factor of lr for each role, where it is not 0."""

    powers: Mapping[str, int]
    source: str
    tested: str
    model: str
    decay: bool


_MUP = "2203.03466, table 8; microsoft/mup 1981497, mup/optim.py"
_SPECTRAL = "2203.03466, table 3; 2310.17813"
_MULTIPLIER = "the model multiplies the input of its output layer by base_width / width, as mup's MuReadout does"
_NO_MULTIPLIER = "the model has no multiplier in its output layer"
_ADAM = "40M to 6.7B parameters (2203.03466), 2M to 10B (2404.05728, with exceptions); Adam and AdamW"
_SGD = "widths 256 to 8192 (microsoft/mup, README); perceptrons with SGD"
_RULES = {
    "mup-adam": _Rule({"hidden": -1}, _MUP, _ADAM, _MULTIPLIER, decay=True),
    "mup-sgd": _Rule({"input": 1, "output": 1, "vector": 1}, _MUP, _SGD, _MULTIPLIER, decay=True),
    "spectral-adam": _Rule({"hidden": -1, "output": -1}, _SPECTRAL, _ADAM, _NO_MULTIPLIER, decay=False),
    "spectral-sgd": _Rule({"input": 1, "output": -1, "vector": 1}, _SPECTRAL, _SGD, _NO_MULTIPLIER, decay=False),
}
_ROLES = {  # the names of groups with this role, and which dimensions of its weights grow
    "input": ("input embedding embeddings embed wte", "only the output dimension grows"),
    "hidden": ("hidden matrix matrices", "both dimensions grow"),
    "output": ("output readout head lm_head", "only the input dimension grows"),
    "vector": ("vector vectors bias biases norm norms", "a bias, or a gain of a norm"),
    "fixed": ("fixed", "no dimension grows"),
}
_ROLE_OF_NAME = {name: role for role, (names, _) in _ROLES.items() for name in names.split()}


@final
@dataclass(frozen=True, slots=True, repr=False)
class WidthBases:
    """The bases of a wider model; `print` shows each with its reason and the limits of the rule.

    Args:
        bases: for each group, its new `lr`, and `weight_decay` if the group has one and the rule covers it.
        reasons: for each group, the change, the formula and the role of the group.
        source: where the rule is published.
        notes: the requirement on the model, the range in which the rule was tested, and the limits of the rule.
    """

    bases: Mapping[str, Mapping[str, float]]
    reasons: Mapping[str, str]
    source: str
    notes: tuple[str, ...]

    __repr__ = text_on_screen

    def __str__(self) -> str:
        lines = [f"{name}: {reason}" for name, reason in self.reasons.items()]
        return "\n".join([*lines, f"source: {self.source}", *(f"note: {note}" for note in self.notes)])


def width(
    groups: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    base_width: int,
    width: int,
    rule: WidthRule,
) -> WidthBases:
    """Return the bases of named groups for a model of another width, by a published rule. No weights are initialized.

    With m = width / base_width, lr is multiplied by this factor. The other factors are 1.

    - `"mup-adam"`: 1/m for hidden weights.
    - `"mup-sgd"`: m for input weights, output weights and vectors.
    - `"spectral-adam"`: 1/m for hidden and output weights.
    - `"spectral-sgd"`: m for input weights and vectors, 1/m for output weights.

    The mup rules divide weight_decay by the factor of lr, as mup does by default, so lr · weight_decay is kept.

    Args:
        groups: for each name, the lr of the group, or a dict with `lr`, `weight_decay` and `role`; or param groups
            with a `name`. A role is input, hidden, output, vector or fixed. Default: the role that the name means,
            such as `embedding`, `matrices`, `head`, `biases`.
        base_width: the width for which the values were tuned.
        width: the width of the model.
        rule: the name of the rule.

    Raises:
        InvalidArgument: a group has no lr, no name or no known role, or a number is out of range.

    >>> narrow = {"embedding": 3e-3, "hidden": 3e-3}
    >>> width(narrow, base_width=256, width=1024, rule="mup-adam").bases
    {'embedding': {'lr': 0.003}, 'hidden': {'lr': 0.00075}}
    """
    call = "scaling.width"
    if str(rule) not in _RULES:
        found = f"unknown rule {shown(rule)}; {did_you_mean(str(rule), _RULES)}"
        raise InvalidArgument(CallSite(call, "rule", shown(rule)), found, 'For example: rule="mup-adam"')
    chosen = _RULES[rule]
    old, new = whole_number(CallSite(call, "base_width"), base_width), whole_number(CallSite(call, "width"), width)
    listed = groups if isinstance(groups, (list, tuple)) else [groups]
    named = groups.items() if isinstance(groups, Mapping) else [(_name_of(group), group) for group in listed]
    bases, reasons, left = dict[str, dict[str, float]](), dict[str, str](), ""
    for name, given in named:
        values = given if isinstance(given, Mapping) else {"lr": given}
        role = str(values.get("role", _ROLE_OF_NAME.get(name)))
        if role not in _ROLES or "lr" not in values or name in bases:
            found = f"group {shown(name)} needs an lr, a role ({', '.join(_ROLES)}) and a name of its own"
            raise InvalidArgument(f"{call}(…)", found, 'For example {"blocks": {"lr": 3e-3, "role": "hidden"}}')
        of_group = f"{call}: group {shown(name)}"
        rate = positive_number(CallSite(of_group, "lr"), values["lr"])
        power = chosen.powers.get(role, 0)
        up, down = (new / old) ** max(power, 0), (new / old) ** max(-power, 0)
        bases[name] = {"lr": rate * up / down}
        formula = {0: "1", 1: "width/base_width", -1: "base_width/width"}[power]
        reasons[name] = f"lr {rate:.6g} -> {bases[name]['lr']:.6g}   × {formula}   {role}: {_ROLES[role][1]}"
        if "weight_decay" in values and chosen.decay:
            decay = not_negative(CallSite(of_group, "weight_decay"), values["weight_decay"])
            bases[name]["weight_decay"] = decay * down / up
            reasons[name] += f"\n  weight_decay {decay:.6g} -> {decay * down / up:.6g}, so lr · weight_decay stays"
        elif "weight_decay" in values:
            left = "the rule does not cover weight_decay"
    notes = (
        chosen.model,
        f"tested: {chosen.tested}",
        "initialization, attention scale and depth are not covered",
        left,
    )
    return WidthBases(bases, reasons, chosen.source, tuple(note for note in notes if note))


def _name_of(group: Any) -> str:
    if not isinstance(group, Mapping) or not isinstance(group.get("name"), str):
        found = f"expected groups with a name, got {shown(group)}"
        raise InvalidArgument(
            "scaling.width(…)", found, 'For example: {"embedding": 3e-3, "hidden": 3e-3, "head": 3e-3}'
        )
    name: str = group["name"]
    return name
