"""Fields: the entries of a parameter group that can be scheduled."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, TypeAlias, final

from paramsched.base.words import KNOWN as KNOWN
from paramsched.base.words import closest, did_you_mean
from paramsched.errors import InvalidArgument, PlanError, UnknownField, shown

Group: TypeAlias = Mapping[str, Any]
"""A parameter group: a dict of a torch optimizer's `param_groups`, or any other mapping."""

PAIRS = ("betas", "etas", "step_sizes")
"""The fields in `KNOWN` whose values are tuples."""

KNOWN_ELSEWHERE = (
    *("beta3", "d0", "d_coef", "growth_rate", "k", "prodigy_steps", "r", "weight_lr_power", "warmup_steps"),
    *("clip_threshold", "decay_rate", "final_lr", "gamma", "hessian_power", "lr_scale", "max_grad_norm"),
    *("ns_steps", "precondition_frequency", "scale", "shampoo_beta", "trust_coefficient", "update_proj_gap"),
    *("accumulation", "batch_size", "frames_per_step", "sequence_length", "tokens_per_step"),
)
"""Entries of other optimizers that are often scheduled, and run facts that a plan may schedule."""

ELSEWHERE = {
    **dict.fromkeys(("learning_rate", "learningrate", "lrate"), "lr"),
    **dict.fromkeys(("adam_beta1", "beta1", "beta_1"), "betas[0]"),
    **dict.fromkeys(("adam_beta2", "beta2", "beta_2"), "betas[1]"),
    **dict.fromkeys(("adam_epsilon", "epsilon"), "eps"),
    "mom": "momentum",
    "wd": "weight_decay",
}
"""A dict from names in other libraries to the fields of torch's optimizers."""

_NAME = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[0-9]{1,4})\])?")
RECORD = "paramsched"
"""The key in a parameter group for the bases of its scheduled fields and, in the first group, the record of the run."""


def _of_one_group(name: str) -> str:
    """Return how to write the line of one group, if the name is one such as `lr[head]` or `head.lr`; else ""."""
    words = re.findall(r"\w+", name)
    fields = [word for word in words if word in KNOWN and word not in PAIRS]
    if not fields or len(words) != 2:
        return ""
    field, group = fields[0], words[1 - words.index(fields[0])]
    return f'For one group: {{"groups": {{"{group}": {{"{field}": "cosine()"}}}}}}'


def is_own(key: object) -> bool:
    """Return whether the key of an entry in a parameter group is one of paramsched's."""
    return isinstance(key, str) and (key == RECORD or key.startswith(f"{RECORD}_"))


@final
@dataclass(frozen=True, slots=True, order=True)
class Field:
    """An entry of a parameter group, or one element of a tuple in it: `lr`, `betas[0]`.

    Args:
        key: the key of the entry.
        index: the index of the element; None for the entry itself.

    >>> str(Field.of("betas[0]")), Field.of("betas[0]").slot
    ('betas[0]', 'betas_0')
    """

    key: str
    index: int | None

    @staticmethod
    def of(name: str) -> "Field":
        """Return the field with a name such as `lr` or `betas[0]`.

        Raises:
            InvalidArgument: `name` is not the name of a field, or the field is not a hyperparameter.
        """
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            example = "" if "(" in str(name) else _of_one_group(str(name)) or 'For example: "lr"'  # "(": a schedule
            raise InvalidArgument(f"field {name!r}", "expected the name of a field", example)
        key = match["key"]
        if key == "params" or is_own(key):
            raise InvalidArgument(f"field {name!r}", "not a hyperparameter", 'For example: "lr"')
        return Field(key, None if match["index"] is None else int(match["index"]))

    @property
    def slot(self) -> str:
        """The name without brackets, for keys of a parameter group: `betas_0`."""
        return self.key if self.index is None else f"{self.key}_{self.index}"

    def fill(self, group: dict[str, Any], value: float) -> None:
        """Write a value into a group. A missing entry is created; missing elements of a tuple become 1."""
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
        """Check that `group` contains this field, and return it.

        For `momentum` in a group that has `betas` but no `momentum`, return `betas[0]`.

        Args:
            group: the parameter group.
            where: a description of the group, for messages.

        Raises:
            UnknownField: the group has no such entry.
            PlanError: the entry is not a number, or the index does not fit.
        """
        if self.key == "momentum" and self.index is None and "momentum" not in group and "betas" in group:
            return Field("betas", 0).within(group, where)
        if self.key not in group:
            raise self._missing(group, f'"{self}" in {where}')
        entry = group[self.key]
        is_tuple = isinstance(entry, (tuple, list))
        if self.index is None:
            if is_tuple:
                raise self._refused_form(entry, f'"{self}" in {where}')
        elif not is_tuple or self.index >= len(entry):
            raise self._refused_form(entry, f'"{self}" in {where}')
        for number in entry if is_tuple else (entry,):
            if not is_number(number):
                raise self._not_a_number(number, group, f'"{self}" in {where}')
        return self

    def _missing(self, group: Group, site: str) -> PlanError:
        """Return the error for a field whose entry is not in the group."""
        if self.index is not None and str(self) in group:
            right: dict[str, Any] = {}
            self.fill(right, group[str(self)])
            return PlanError(site, f'expected a tuple "{self.key}", got "{self}"', f"Write {right}")
        names = numeric(group)
        if not names:
            return UnknownField(site, "the group has no numeric field", self._example)
        near = next((name for name in names if name == ELSEWHERE.get(self.key)), None) or closest(str(self), names)
        message = f"unknown field; {did_you_mean(near or str(self), names)}"
        if near is not None or self.index is not None:  # a name of a target has no index
            return UnknownField(site, message, "")
        instead = f'A value outside the optimizer is a target: targets: in a file, ps.Target("{self}", 1.0) in code'
        return UnknownField(site, message, instead)

    def _refused_form(self, entry: Any, site: str) -> PlanError:
        """Return the error for an index of a number, a tuple without an index, or an index outside of the tuple."""
        if not isinstance(entry, (tuple, list)):
            instead = f'For example: "{self.key}"' if is_number(entry) else f"Set {self.key}=(0.9, 0.999) in the group"
            return PlanError(site, f"{self.key} is {entry!r}, not a tuple", instead)
        if self.index is None:
            return PlanError(site, f"{self.key} is {entry!r}, not a single number", f'For example: "{self.key}[0]"')
        some = " or ".join(f'"{self.key}[{i}]"' for i in range(len(entry)))
        return PlanError(site, f"{self.key}={entry!r} has length {len(entry)}", f"Use {some}")

    def _not_a_number(self, value: Any, group: Group, site: str) -> PlanError:
        """Return the error for an entry, or an element of a tuple, that is not a number."""
        numbers = numeric(group)
        instead = f"Use one of {', '.join(numbers)}" if numbers else self._example
        if self.key == "lr" and group[self.key] is None:  # Adafactor computes its own, unless these are off
            options = [f"{name}=False" for name in ("relative_step", "warmup_init") if group.get(name)]
            instead = f"Pass it to the optimizer: {', '.join(['lr=1e-3', *options])}"
        if getattr(value, "ndim", 0):  # torch accepts a tensor of one element
            instead = f"Write a number, or a tensor without dimensions: {self.key}=torch.tensor(0.1)"
        return PlanError(site, f"expected a number, got {value!r}", instead)

    @property
    def _example(self) -> str:
        return f'For example: group["{self.key}"] = {"0.1" if self.index is None else "(0.9, 0.999)"}'

    def read(self, group: Group) -> Any:
        """Return the current value of this field in `group`: a number or a tensor."""
        entry = group[self.key]
        return entry if self.index is None else entry[self.index]

    def base(self, group: Group) -> float:
        """Return the base of this field: the one that a plan recorded in `group`, else the current value in `group`.

        Raises:
            PlanError: the value is not a finite real number.
        """
        recorded = recorded_base(group, self.slot)
        return base_of(str(self), self.read(group) if recorded is None else recorded)


def recorded_base(group: Group, slot: str) -> Any:
    """Return the base that a plan recorded in a group for the field with this `slot`; None if there is none."""
    return recorded_bases(group).get(slot)


def recorded_bases(group: Group) -> dict[str, Any]:
    """Return the dict from `Field.slot` to base that a plan recorded in `group`; empty if it is missing or invalid."""
    entry = entry_of(group)
    bases = entry.get("bases") if isinstance(entry, dict) else None
    return bases if isinstance(bases, dict) else {}


def entry_of(group: Group) -> Any:
    """Return what paramsched's entry in a group contains; None if it is missing or no JSON. It must not be changed."""
    text = group.get(RECORD)
    return json_or_none(text) if isinstance(text, str) else None


@lru_cache(maxsize=16)
def json_or_none(text: str) -> Any:
    """Parse JSON; return None if it is not valid, as in a damaged checkpoint. The result must not be changed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def base_of(site: str, value: Any) -> float:
    """Convert a value to the base of a field.

    Args:
        site: the field and its location, for messages.
        value: a number, or a tensor of one element.

    Raises:
        PlanError: the value is not a finite real number.
    """
    if isinstance(value, complex) or "complex" in str(getattr(value, "dtype", "")):
        raise PlanError(f"{site}={value!r}", "expected a real number, got complex", "Use a real number, such as 0.1")
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        base = float(value)
    except (TypeError, ValueError, RuntimeError):  # torch raises a RuntimeError for a tensor without data
        raise PlanError(f"{site}={shown(value)}", "expected a number", "Use a number, such as 0.1") from None
    except OverflowError:  # an integer of more than 308 digits
        base = math.inf
    if not math.isfinite(base):
        raise PlanError(f"{site}={base!r}", "must be finite", "Use a finite number, such as 0.1")
    return base


def is_number(value: object) -> bool:
    """Return whether a value is a number: of Python or NumPy, or a 0-d tensor. A bool or text is not a number."""
    if isinstance(value, (bool, str, bytes)) or value is None:
        return False
    if isinstance(value, Real):
        return True
    # By `ndim`, not by type: 0-d tensors of every library have `ndim` 0, and no other kind of value in a group does.
    kind = str(getattr(value, "dtype", ""))
    return getattr(value, "ndim", None) == 0 and "bool" not in kind and "complex" not in kind


def finite_or_none(value: Any) -> float | None:
    """Convert any value to a float; return None if it is not a finite number."""
    if not is_number(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if math.isfinite(number) else None


def numeric(group: Group) -> list[str]:
    """Return the names of the fields that can be scheduled in a group."""
    names: list[str] = []
    for key, entry in group.items():
        if not isinstance(key, str) or key == "params" or is_own(key):
            continue
        if isinstance(entry, (tuple, list)):
            names += [f"{key}[{i}]" for i, item in enumerate(entry) if is_number(item)]
        elif is_number(entry):
            names.append(key)
    return names


def label(group: Group, index: int) -> str | int:
    """Return the name of a group, or its index if it has no name."""
    name = group.get("name")
    return name if isinstance(name, str) and name else index


def is_field_name(name: str) -> bool:
    """Return whether a text may be the name of a field.

    >>> is_field_name("betas[0]"), is_field_name("cosine()")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


def known_field(name: str) -> str | None:
    """Return the field of torch's optimizers that `name` misspells; None if `name` is a field or resembles none.

    >>> [known_field(name) for name in ("weight_decy", "LR", "wd", "betas1", "steps", "temperature")]
    ['weight_decay', 'lr', 'weight_decay', 'betas[0]', None, None]
    """
    field = Field.of(name)
    key = field.key
    if key in KNOWN or key in KNOWN_ELSEWHERE:
        return None
    if (known := ELSEWHERE.get(key.lower())) not in (None, "lr"):  # an optimizer may have a field learning_rate
        return known
    letters = key.lower().replace("_", "")
    if (same := next((text for text in KNOWN if text.replace("_", "") == letters), None)) is not None:
        return str(Field(same, field.index))
    near = closest(key, KNOWN)
    # Short names need a stricter test, because they resemble many others: "wd" and "d", "steps" and "eps".
    is_slip = near is not None and len(near) > 1 and abs(len(near) - len(key)) <= 1
    is_long = near is not None and len(near) >= 4 and near[0] == key[0].lower()
    if not (is_slip or is_long):
        return None
    if near not in PAIRS:
        return near
    index = int(key[-1] == "2") if field.index is None else field.index  # a number counts from 1, as in beta1
    return f"{near}[{index}]"


_REFUSED = re.compile(r"[^\w.-]")


def flat_name(name: str) -> str:
    """Return a name with each character replaced that some logger refuses in the name of a value."""
    return _REFUSED.sub("_", name)


def flat_groups(groups: Sequence[Any]) -> tuple[str, ...]:
    """Return the suffix of each group in the names of its logged values: `/` and the group's name or index.

    The index is used if the name is not unique, or consists of digits and dots only. A single group has no suffix.

    >>> flat_groups([{"name": "body"}, {"name": "the head"}, {}])
    ('/body', '/the_head', '/2')
    >>> flat_groups([{"name": "body"}])
    ('',)
    """
    if len(groups) == 1:
        return ("",)
    names = [flat_name(str(label(group, index))) for index, group in enumerate(groups)]
    return tuple(
        f"/{name}" if names.count(name) == 1 and re.search(r"[^\W\d]", name) else f"/{index}"
        for index, name in enumerate(names)
    )
