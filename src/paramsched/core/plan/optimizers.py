"""Several optimizers under one plan: their names, and the lines of the plan that each of their groups follows."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, final

from paramsched.base.words import closest
from paramsched.core.groups.fields import Field, Group, flat_groups, flat_name, label, numeric
from paramsched.core.plan.binding import (
    Binding,
    Selector,
    Target,
    binding_key,
    is_selected,
    matches_part,
    parts_of,
)
from paramsched.core.plan.messages import optimizers as messages
from paramsched.core.plan.plan import Plan
from paramsched.core.time.run_facts import UPDATES
from paramsched.errors import InvalidArgument, StateError

ALONE = "optimizer"
"""The name of a single optimizer, which was not passed in a mapping; a mapping cannot contain it."""

_NOT_IN_NAMES = "/,=*?[]"
_RESERVED = (ALONE, "manual")  # the other choices of `drive=`
_SHOWN = 5  # names that a message lists


def check_names(call: str, optimizers: Mapping[Any, Any]) -> None:
    """Raise for a mapping of optimizers that is empty, or whose names selectors and `drive=` cannot use."""
    if not optimizers:
        raise messages.no_optimizer(call)
    for name in optimizers:
        if not isinstance(name, str):
            raise messages.name_is_not_text(call, name)
        if name in _RESERVED:
            raise messages.name_is_reserved(call, name)
        if not name or name != name.strip() or set(name) & set(_NOT_IN_NAMES):
            raise messages.name_cannot_be_selected(call, name, _NOT_IN_NAMES)


@contextmanager
def errors_of(optimizer: str) -> Iterator[None]:
    """Name the optimizer in errors about one of several optimizers."""
    try:
        yield
    except InvalidArgument as refusal:
        if optimizer == ALONE:
            raise
        raise messages.in_optimizer(refusal, optimizer) from None
    except StateError as error:
        if optimizer == ALONE:
            raise
        raise messages.state_of_optimizer(error, optimizer) from None


def refuse_several_plans(call: str, plans: Any, names: Collection[str], line: str | None = None) -> None:
    """Raise for a list or a mapping of plans; the error contains the one plan to write.

    Args:
        call: the call, for the message.
        plans: the argument that should be one plan.
        names: the names of the optimizers; empty if there is only one.
        line: the line to write, with `{plan}` and the `{names}` of the optimizers; None for a plan without an engine.
    """
    by_name = _plans_by_name(plans, names)
    is_mapping_by_name = bool(names) and bool(by_name) and set(by_name) <= set(names)
    if not is_mapping_by_name and not any(isinstance(plan, Plan) for plan in by_name.values()):
        return
    advice = messages.PLAN_OF_SEVERAL
    with suppress(InvalidArgument):  # the text of an entire plan, or something else
        read = {str(name): plan if isinstance(plan, Plan) else Plan(lr=plan) for name, plan in by_name.items()}
        advice = one_plan_advice(read, line)
    raise messages.several_plans(call, plans, advice)


def _plans_by_name(plans: Any, names: Collection[str]) -> Mapping[Any, Any]:
    """Return a list or a mapping of plans by the names of their optimizers; nothing for any other value."""
    if isinstance(plans, Mapping):
        return plans
    if not isinstance(plans, (list, tuple)):
        return {}
    labels = names if len(names) == len(plans) else [f"optimizer_{index}" for index in range(len(plans))]
    return dict(zip(labels, plans, strict=True))


def shown_names(names: Iterable[str]) -> str:
    """Return at most five names, then how many more there are.

    >>> shown_names("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def unique_labels(groups: Sequence[Group]) -> Sequence[str | int]:
    """Return the label of each group of an optimizer: its name if that is unique, else its index."""
    labels = [label(group, index) for index, group in enumerate(groups)]
    if len(set(labels)) == len(labels):  # usual, and a load asks often
        return labels
    times = Counter(labels)
    return [text if times[text] == 1 else index for index, text in enumerate(labels)]


def flat_optimizers(optimizers: Mapping[str, Sequence[Group]]) -> dict[str, tuple[str, ...]]:
    """Return the suffix of each group of each optimizer for the name of a logged value; a single optimizer has no name.

    >>> flat_optimizers({"muon": [{}], "adamw": [{"name": "embed"}, {}]})
    {'muon': ('/muon',), 'adamw': ('/adamw/embed', '/adamw/1')}
    """
    if ALONE in optimizers:
        return {ALONE: flat_groups(optimizers[ALONE])}
    times = Counter(map(flat_name, optimizers))
    return {
        name: tuple(f"/{flat if times[flat] == 1 else f'{flat}.{index}'}{group}" for group in flat_groups(groups))
        for index, (name, groups) in enumerate(optimizers.items())
        for flat in [flat_name(name)]
    }


@final
@dataclass(frozen=True, slots=True)
class OptimizerScope:
    """An optimizer, and the lines of a plan that concern it.

    Args:
        optimizer: the name of the optimizer; empty for a single one.
        fields: the fields whose lines for all groups apply to this optimizer, because its groups have them; None for a
            single optimizer, to which all lines apply.
        derived: the keys of lines for some groups that were derived from a line for all groups, because that line
            follows a field with lines for these groups.
    """

    optimizer: str
    fields: frozenset[str] | None
    derived: frozenset[Any]

    @property
    def is_whole(self) -> bool:
        """True for a single optimizer: all lines concern it, and its groups have no prefix."""
        return self.fields is None

    def labels(self, groups: Sequence[Group]) -> Sequence[str | int]:
        """Return the name of each group, or its index if that is not unique; of several, `optimizer/name`."""
        labels = unique_labels(groups)
        return [f"{self.optimizer}/{label}" for label in labels] if self.optimizer else labels

    def applies(self, name: str, key: Any) -> bool:
        """Return whether a line concerns the optimizer. A line for all groups does if the optimizer has the field."""
        if self.fields is None or name in self.fields:
            return True
        return bool(self.optimizer) and not (key[-1] is None or key in self.derived)

    def selects(self, selector: Selector, group: Group, label: str | int, index: int | None = None) -> bool:
        """Return whether a selector selects a group of this optimizer, which has this label."""
        if not self.optimizer or not isinstance(selector, str) or group.get("name") == selector:
            return is_selected(selector, group, index)
        return any(self.selects_part(pattern, group, label) for pattern in parts_of(selector))

    def matched_parts(self, selector: Selector, groups: Sequence[Group]) -> Iterator[Selector]:
        """Yield the parts of a selector that select a group of this optimizer."""
        labels = self.labels(groups)
        for pattern in parts_of(selector) if isinstance(selector, str) else [selector]:
            for index, group in enumerate(groups):
                if group.get("name") == selector or self.selects(pattern, group, labels[index], index):
                    yield pattern
                    break

    def selects_part(self, pattern: str, group: Group, label: str | int) -> bool:
        """Return whether one part of a selector selects a group of this optimizer, which has this label."""
        if pattern == self.optimizer or matches_part(pattern, group):
            return True
        if "/" not in pattern or "=" in pattern:
            return False
        return fnmatchcase(str(label), pattern) or fnmatchcase(f"{self.optimizer}/{group.get('name')}", pattern)


WHOLE = OptimizerScope("", None, frozenset())
"""The scope of a single optimizer."""


def scopes_of(plan: Plan, resolved: Plan, optimizers: Mapping[str, Sequence[Group]]) -> dict[str, OptimizerScope]:
    """Return the scope of each optimizer, after the lines of a plan were checked against all of them.

    Args:
        plan: the plan as written.
        resolved: the plan with followed fields replaced.
        optimizers: the groups of each optimizer, by its name.

    Raises:
        UnknownGroup: a part of a selector selects nothing, and its line is not optional.
        UnknownField: no optimizer has the field of a line for all groups.
        PlanError: an index selects groups, or a part means an optimizer and also a group of another one.
    """
    derived = frozenset[Any]()
    if len(resolved.bindings) != len(plan.bindings):
        derived = frozenset(map(binding_key, resolved.bindings)).difference(map(binding_key, plan.bindings))
    if ALONE in optimizers:
        return {ALONE: replace(WHOLE, derived=derived)}
    scopes = {name: OptimizerScope(name, frozenset(), derived) for name in optimizers}
    fields = fields_of(resolved, derived, optimizers, needed=True)
    labeled = [
        (scopes[name], group, label)
        for name, groups in optimizers.items()
        for group, label in zip(groups, scopes[name].labels(groups), strict=True)
    ]
    for binding in resolved.bindings:
        if binding.groups is not None and not isinstance(binding.field, Target):
            _check_selector(binding, labeled, optimizers)
    return {name: replace(scope, fields=fields[name]) for name, scope in scopes.items()}


def fields_of(
    resolved: Plan, derived: Collection[Any], optimizers: Mapping[str, Sequence[Group]], *, needed: bool
) -> dict[str, frozenset[str]]:
    """Return the fields whose lines for all groups apply to each optimizer, because one of its groups has them.

    Args:
        resolved: the plan with followed fields replaced.
        derived: as in `OptimizerScope`.
        optimizers: the groups of each optimizer, by its name.
        needed: True to raise for a line for all groups whose field no optimizer has.
    """
    fields: dict[str, set[str]] = {name: set() for name in optimizers}
    for binding in resolved.bindings:
        if isinstance(binding.field, str) and (binding.groups is None or binding_key(binding) in derived):
            for name in _having(binding.field, optimizers, needed=needed and binding.groups is None):
                fields[name].add(binding.field)
    return {name: frozenset(field) for name, field in fields.items()}


def _having(name: str, optimizers: Mapping[str, Sequence[Group]], *, needed: bool) -> list[str]:
    """Return the optimizers whose groups have a field; `momentum` means `betas[0]` only if none has a momentum."""
    key = Field.of(name).key
    for entry in (key, "betas") if name == "momentum" else (key,):
        names = [name for name, groups in optimizers.items() if any(entry in group for group in groups)]
        if names:
            return names
    if not needed:
        return []
    fields = dict.fromkeys(text for groups in optimizers.values() for group in groups for text in numeric(group))
    raise messages.no_optimizer_has_field(name, shown_names(optimizers), list(fields))


def _check_selector(
    binding: Binding,
    labeled: Sequence[tuple[OptimizerScope, Group, str | int]],
    optimizers: Mapping[str, Sequence[Group]],
) -> None:
    """Raise for an index, for a part that selects nothing, and for a part with two meanings."""
    selector = binding.groups
    optional = ", optional=True" * binding.optional
    text = f"Binding({binding.name!r}, groups={selector!r}{optional})"
    if isinstance(selector, int):
        raise messages.index_without_optimizer(text, selector, shown_names(optimizers), next(iter(optimizers)))
    if not isinstance(selector, str):
        return
    named: dict[str, list[str]] = {}
    for scope, group, _ in labeled:
        named.setdefault(str(group.get("name", "")), []).append(scope.optimizer)
    if selector in named and selector not in optimizers:
        return
    for pattern in parts_of(selector):
        owners = [owner for owner in named.get(pattern, []) if owner != pattern]
        if pattern in optimizers and owners:
            raise messages.name_has_two_meanings(text, pattern, shown_names(dict.fromkeys(owners)), owners[0])
        if (
            binding.optional
            or pattern in optimizers
            or any(scope.selects_part(pattern, group, label) for scope, group, label in labeled)
        ):
            continue
        labels = [str(label) for _, _, label in labeled]
        near = _near_group(pattern, optimizers, labels, named)
        listed = [
            f"{name}: {shown_names(map(str, unique_labels(groups)))}"
            for name, groups in islice(optimizers.items(), _SHOWN)
        ]
        raise messages.no_group_is_called(text, pattern, listed, len(optimizers) - _SHOWN, near)


def _near_group(pattern: str, optimizers: Iterable[str], labels: Sequence[str], names: Iterable[str]) -> str | None:
    """Return the optimizer or group that a part of a selector probably means; None if it is like none.

    Args:
        pattern: the part of the selector.
        optimizers: the names of the optimizers.
        labels: the label of each group, `optimizer/group`.
        names: the names of the groups.
    """
    index = pattern.strip("[]")  # as in configs
    for label_of_group in labels:
        if label_of_group.endswith(f"/{index}"):
            return label_of_group
    return closest(pattern, [*optimizers, *labels, *filter(None, names)])


def find_group(keys: Iterable[tuple[str, Any]], optimizers: Iterable[str], field: str, group: Any) -> Any:
    """Return the key of a curve of several optimizers, or None.

    Args:
        keys: the known pairs of field and `optimizer/group`, in order; "" as the group of a target.
        optimizers: the names of the optimizers.
        field: the name of the field or target.
        group: `optimizer/group`, an optimizer, a group that only one optimizer has, or None for the first group.

    >>> keys = [("lr", "muon/0"), ("lr", "adamw/embed"), ("lr", "adamw/1")]
    >>> [find_group(keys, ("muon", "adamw"), "lr", group) for group in (None, "adamw", "embed", "head")]
    [('lr', 'muon/0'), ('lr', 'adamw/embed'), ('lr', 'adamw/embed'), None]
    """
    keys_of_field = [key for key in keys if key[0] == field]
    for key in keys_of_field:
        if key[1] in ("", group) or group is None:
            return key
    if not isinstance(group, str):
        return None
    if group in optimizers:
        return next((key for key in keys_of_field if key[1].startswith(f"{group}/")), None)
    same_name = [key for key in keys_of_field if key[1].partition("/")[2] == group]
    return same_name[0] if len(same_name) == 1 else None


def _binding_of_one_plan(binding: Binding, optimizer: str) -> str:
    """Return the code of a binding of one optimizer as a binding of a plan for several."""
    if isinstance(binding.field, Target):
        target = f"ps.Target({binding.name!r}, {binding.field.initial!r})"
        return f"ps.Binding({target}, {str(binding.schedule)!r})"
    patterns = parts_of(str(binding.groups)) if isinstance(binding.groups, (int, str)) else []
    groups = ", ".join(pattern if "=" in pattern else f"{optimizer}/{pattern}" for pattern in patterns) or optimizer
    optional = ", optional=True" * binding.optional
    return f"ps.Binding({binding.name!r}, {str(binding.schedule)!r}, groups={groups!r}{optional})"


def one_plan_advice(plans: Mapping[str, Plan], line: str | None = None) -> str:
    """Return the advice to write one plan for several optimizers in place of a plan for each of them.

    Args:
        plans: the plan of each optimizer, by its name.
        line: the line to write, with `{plan}` and the `{names}` of the optimizers; None for a plan without an engine.

    >>> print(one_plan_advice({"a": Plan(lr="linear()", total=9), "b": Plan(Binding("eps", 1.0, groups="x"))}))
    Write ps.Plan(ps.Binding('lr', 'linear()', groups='a'), ps.Binding('eps', 'constant(1.0)', groups='b/x'), total=9)
    """
    lines: dict[str, None] = {}  # a target that several plans have occurs once
    for name, plan in plans.items():
        for binding in plan.bindings:
            lines[_binding_of_one_plan(binding, name)] = None
    totals = [plan.total for plan in plans.values() if plan.total is not None]
    if totals:
        longest = max(totals, key=lambda total: total.updates if total.is_resolved else 0)
        lines[f"total={(longest.updates if longest.is_resolved else str(longest))!r}"] = None
    clocks = [plan.clock for plan in plans.values() if plan.clock != UPDATES]
    if clocks:
        lines[f"clock={clocks[0]!r}"] = None
    # A group with an index may have a name, which the selector must then contain.
    certain = not any(isinstance(binding.groups, int) for plan in plans.values() for binding in plan.bindings)
    if not totals and line is None:  # no engine knows the length of the run
        certain = False
        lines["total=10_000"] = None
    text = (line or "{plan}").format(plan=f"ps.Plan({', '.join(lines)})", names=tuple(plans))
    return f"{'Write' if certain else 'For example:'} {text}"
