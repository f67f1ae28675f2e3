"""Fields: the entries of a param group that can be scheduled, and how they are read."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias, final

from paramsched.base.near_names import closest, did_you_mean
from paramsched.base.peer_words import OTHER_NAMES
from paramsched.errors import InvalidArgument, PlanError, UnknownField

Group: TypeAlias = Mapping[str, Any]
"""A param group: a dict as torch's optimizers hold them, or one like it."""

KNOWN = (
    "alpha", "betas", "beta2_decay", "d", "dampening", "eps", "etas", "initial_accumulator_value", "lambd", "lr",
    "lr_decay", "momentum", "momentum_decay", "rho", "step_sizes", "t0", "weight_decay",
)  # fmt: skip
"""The numeric entries of torch's own optimizers."""

KNOWN_ELSEWHERE = (
    *("beta3", "d0", "d_coef", "growth_rate", "k", "prodigy_steps", "r", "weight_lr_power", "warmup_steps"),
    *("clip_threshold", "decay_rate", "final_lr", "gamma", "hessian_power", "lr_scale", "max_grad_norm"),
    *("ns_steps", "precondition_frequency", "scale", "shampoo_beta", "trust_coefficient", "update_proj_gap"),
    *("accumulation", "batch_size", "frames_per_step", "seconds_per_step", "sequence_length", "tokens_per_step"),
)
"""The numeric entries of other optimizers that are scheduled often, and the sizes of a run that a plan may change."""

_NAME = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[0-9]{1,4})\])?")
OURS = "paramsched_"


@final
@dataclass(frozen=True, slots=True, order=True)
class Field:
    """An entry of a param group, or one element of it: `lr`, `betas[0]`.

    >>> str(Field.of("betas[0]")), Field.of("betas[0]").slot
    ('betas[0]', 'betas_0')
    """

    key: str
    index: int | None

    @staticmethod
    def of(name: str) -> "Field":
        """Read a field's name.

        Raises:
            InvalidArgument: no identifier, or one that cannot be a number.
        """
        found = _NAME.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            example = "" if "(" in str(name) else 'Write "lr"'  # a schedule in the place of the field
            raise InvalidArgument(f"field {name!r}", "no name of a field", example)
        key = found["key"]
        if key == "params" or key.startswith(OURS):
            raise InvalidArgument(f"field {name!r}", "not a hyperparameter", 'Write "lr"')
        return Field(key, None if found["index"] is None else int(found["index"]))

    @property
    def slot(self) -> str:
        """The name in flat keys of a param group: `betas_0`."""
        return self.key if self.index is None else f"{self.key}_{self.index}"

    def fill(self, group: dict[str, Any], value: float) -> None:
        """Write a value into a group that need not have the entry; other elements of a tuple such as betas become 1."""
        if self.index is None:
            group[self.key] = value
            return
        row = list(group.get(self.key, ()))
        row += [1.0] * (self.index + 1 - len(row))
        row[self.index] = value
        group[self.key] = tuple(row)

    def __str__(self) -> str:
        return self.key if self.index is None else f"{self.key}[{self.index}]"

    def within(self, group: Group, where: str) -> "Field":
        """The field as `group` has it: momentum is `betas[0]` where it has betas; what is not there is an error."""
        if self.key == "momentum" and self.index is None and "momentum" not in group and "betas" in group:
            return Field("betas", 0).within(group, where)
        if self.key not in group:
            names = numeric(group)
            ours = OTHER_NAMES.get(self.key.lower())
            near = ours if ours in names else closest(str(self), names)
            found = f"unknown field; {did_you_mean(str(self), names)}" if names else "the group has no number at all"
            instead = "" if near is None else f'Write "{near}"'
            raise UnknownField(
                f'"{self}" in {where}', found, instead if names else f'Give it one: group["{self.key}"] = 0.1'
            )
        entry = group[self.key]
        if self.index is None:
            if isinstance(entry, (tuple, list)):
                raise PlanError(f'"{self}" in {where}', f"it is {entry!r}", f'Write "{self.key}[0]"')
        elif not isinstance(entry, (tuple, list)):
            instead = f'Write "{self.key}"' if is_number(entry) else f"Give the group {self.key}=(0.9, 0.999)"
            raise PlanError(f'"{self}" in {where}', f"{self.key} is {entry!r}, not a tuple", instead)
        elif self.index >= len(entry):
            some = " or ".join(f'"{self.key}[{i}]"' for i in range(len(entry)))
            raise PlanError(f'"{self}" in {where}', f"{self.key}={entry!r} has {len(entry)} entries", f"Write {some}")
        spoiled = [one for one in (entry if self.index is not None else [entry]) if not is_number(one)]
        if spoiled:
            instead = f"Use one of {', '.join(numeric(group))}"
            raise PlanError(f'"{self}" in {where}', f"expected a number, got {spoiled[0]!r}", instead)
        return self

    def read(self, group: Group) -> Any:
        """What the group holds: a number, or a tensor."""
        entry = group[self.key]
        return entry if self.index is None else entry[self.index]

    def base(self, group: Group) -> float:
        """The value schedules are multiples of: the recorded one, or the group's own."""
        recorded = recorded_base(group, self.slot)
        return base_of(str(self), self.read(group) if recorded is None else recorded)


BASES = f"{OURS}bases"
"""The entry of a param group that keeps the bases of its scheduled fields: JSON text of a mapping from flat name."""

BASE = f"{OURS}base_"
"""The prefix of the entries in which older checkpoints keep each base by itself."""


def recorded_base(group: Group, slot: str) -> Any:
    """Return the base that a plan recorded in a group for the field with this flat name; None if there is none."""
    return group.get(f"{BASE}{slot}", recorded_bases(group).get(slot))


def recorded_bases(group: Group) -> dict[str, Any]:
    """Return what `BASES` holds; nothing if it is spoiled."""
    found = json_or_none(group.get(BASES))
    return found if isinstance(found, dict) else {}


def json_or_none(text: Any) -> Any:
    """Return what a text in JSON holds; None for what is no such text."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):  # of a spoiled checkpoint
        return None


def base_of(site: str, value: Any) -> float:
    """What a schedule's values are multiples of: a finite real number, else every value of the run would be none.

    Args:
        asked: the field, and where it stands, for the message.
        value: a number, or a tensor of one element.

    Raises:
        PlanError: it is not finite, or no real number.
    """
    if isinstance(value, complex) or "complex" in str(getattr(value, "dtype", "")):
        raise PlanError(f"{site}={value!r}", "expected a real number, got complex", "Use a real number, 0.1 say")
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        base = float(value)
    except (TypeError, ValueError):
        raise PlanError(f"{site}={value!r}", "expected a number", "Use a number, 0.1 say") from None
    except OverflowError:  # an integer of more than 308 digits
        base = math.inf
    if not math.isfinite(base):
        raise PlanError(f"{site}={base!r}", "must be finite", "Use a finite number, 0.1 say")
    return base


def is_number(value: object) -> bool:
    """A finite-dimensional zero-d number: Python's, NumPy's, or a tensor of one element; never a bool or text."""
    if isinstance(value, (bool, str, bytes)) or value is None:
        return False
    if isinstance(value, Real):
        return True
    # Not probing for a type: a 0-d tensor of any library says `ndim` 0, and nothing else in a param group does.
    kind = str(getattr(value, "dtype", ""))
    return getattr(value, "ndim", None) == 0 and "bool" not in kind and "complex" not in kind


def finite_or_none(value: Any) -> float | None:
    """A value as a float, where it is a finite number; it may be anything."""
    if not is_number(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if math.isfinite(number) else None


def numeric(group: Group) -> list[str]:
    """The names of the fields that can be scheduled in a group."""
    names: list[str] = []
    for key, entry in group.items():
        if not isinstance(key, str) or key == "params" or key.startswith(OURS):
            continue
        if isinstance(entry, (tuple, list)):
            names += [f"{key}[{i}]" for i, item in enumerate(entry) if is_number(item)]
        elif is_number(entry):
            names.append(key)
    return names


def label(group: Group, index: int) -> str | int:
    """How a group is called: by its name, else by its index."""
    name = group.get("name")
    return name if isinstance(name, str) and name else index


def known_field(name: str) -> str | None:
    """Return the field of torch's optimizers that `name` is a misspelling of; None if it is a field, or like none.

    >>> [known_field(name) for name in ("weight_decy", "LR", "wd", "beta1", "steps", "temperature")]
    ['weight_decay', 'lr', 'weight_decay', 'betas[0]', None, None]
    """
    key = Field.of(name).key
    if key in KNOWN or key in KNOWN_ELSEWHERE:
        return None
    letters = key.lower().replace("_", "")
    if (same := next((one for one in KNOWN if one.replace("_", "") == letters), None)) is not None:
        return same
    near = closest(key, KNOWN)
    if near is not None and "[" not in name and (ours := OTHER_NAMES.get(key.lower())) is not None:
        return ours
    # Names of a few letters are near to many: "wd" to "d", "steps" to "eps".
    is_slip = near is not None and len(near) > 1 and abs(len(near) - len(key)) <= 1
    is_long = near is not None and len(near) >= 4 and near[0] == key[0].lower()
    return near if is_slip or is_long else None


_REFUSED = re.compile(r"[^\w.-]")


def flat_groups(groups: Sequence[Any]) -> tuple[str, ...]:
    """What follows a field's name for each of several groups: `/` and its name, or index.

    A name that other groups have too, or that is no more than digits and dots, gives way to the index.

    >>> flat_groups([{"name": "body"}, {"name": "the head"}, {}])
    ('/body', '/the_head', '/2')
    >>> flat_groups([{"name": "body"}])
    ('',)
    """
    if len(groups) == 1:
        return ("",)
    names = [_REFUSED.sub("_", str(label(group, index))) for index, group in enumerate(groups)]
    return tuple(
        f"/{name}" if names.count(name) == 1 and re.search(r"[^\W\d]", name) else f"/{index}"
        for index, name in enumerate(names)
    )
