"""optax: `planned` builds an optimizer whose hyperparameters follow a plan, inside `jit`, `scan` and across devices.

    tx = planned(optax.adamw, plan, ps.Calendar(total=10_000), base={"lr": 3e-4}, b2=0.95)
    state = tx.init(params)
    updates, state = tx.update(gradients, state, params)
    values(state)  # {"lr": …}: the values that the last update used

The result is an ordinary `optax.GradientTransformationExtraArgs`. Its state has one count for all fields and labels.
The plan is part of the compiled function, and never of the state, so that a restored checkpoint follows the plan of the
code.

Source: optax 0.2.8, `inject_hyperparams` and `partition`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core.advice.calls import explain_wrong_keywords
from paramsched.core.advice.number_checks import finite_number, require_choice, whole_number
from paramsched.core.base.problem import Problem
from paramsched.core.base.user_warnings import warn_user
from paramsched.core.plan import Plan, bind
from paramsched.core.plan.binding import amount_clock
from paramsched.core.plan.forms import PlanLike, plan_of
from paramsched.core.plan.resolve import counted_plan, plan_number, planned_amounts, updates_of_horizon
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.time import Calendar
from paramsched.core.time.amounts import times_on
from paramsched.core.time.progress import PROGRESS
from paramsched.errors import (
    CallSite,
    InvalidArgument,
    MissingDependency,
    PlanChanged,
    StateError,
    UnknownField,
    UnknownGroup,
    Unresolved,
    shown,
)

try:
    import jax
    import jax.numpy as jnp
    import optax
except ModuleNotFoundError:
    raise MissingDependency("paramsched.engines.optax", "optax", "optax") from None

Factory: TypeAlias = Callable[..., Any]
"""A function that returns an optimizer of optax, such as `optax.adamw`."""

Bases: TypeAlias = Mapping[str, Any]
"""The bases of the fields of one optimizer, such as `{"lr": 3e-4, "betas": (0.9, 0.95)}`."""

_MOST_UPDATES: Final = 2**31 - 1
_TOO_LONG: Final = "the count of updates in the state is an int32, at most 2,147,483,647"
_MAX_TABLE: Final = 2**23  # updates; a table of float32 then takes 32 MB
_ALL: Final = "all"  # the label of an optimizer without labels
_OF_MOMENTS: Final = ("b1", "b2", "momentum")
"""Arguments that have the type of the parameters, as by `optax.inject_hyperparams`."""


class PlannedState(NamedTuple):
    """The state of a planned optimizer.

    Args:
        count: the number of completed updates.
        plan: the first 60 bits of the fingerprint of the plan whose values are in `hyperparams`, as two numbers. If the
            plan resolves only with run facts, it is the fingerprint of the resolved plan.
        hyperparams: for each label, a dict from optax's arguments to the values that the last update used; after
            `init` those that the first update will use.
        inner: the state of the optimizer.
    """

    count: Any
    plan: Any
    hyperparams: Any
    inner: Any


@final
@dataclass(frozen=True, slots=True)
class _Curve:
    """The values of one argument: a table, or a schedule if the run is too long for a table.

    Args:
        schedule: the resolved schedule.
        base: the base of the field.
        total: the length of the run.
        values: the value of each update; None for a run that is too long.
    """

    schedule: Schedule
    base: float
    total: int
    values: Any

    def at(self, count: Any) -> Any:
        """Return the value of update `count` in JAX's default float. After the horizon the last value is held."""
        count = jnp.clip(count, 0, self.total - 1)
        return self.schedule(count, self.base) if self.values is None else jnp.asarray(self.values)[count]


@final
@dataclass(frozen=True, slots=True)
class _LabeledOptimizer:
    """The optimizer of one label.

    Args:
        factory: the function that returns it.
        fixed: the arguments that the plan does not schedule, as passed to the factory.
        recorded: the bases among `fixed`, which the state records.
        curves: the scheduled arguments.
    """

    factory: Factory
    fixed: Mapping[str, Any]
    recorded: tuple[str, ...]
    curves: Mapping[str, _Curve]

    def values(self, count: Any) -> dict[str, Any]:
        """Return the recorded arguments and the scheduled ones at update `count`, in JAX's default float."""
        found = {name: jnp.asarray(self.fixed[name], dtype=float) for name in self.recorded}
        return found | {name: jnp.asarray(curve.at(count), dtype=float) for name, curve in self.curves.items()}

    def build(self, values: Mapping[str, Any]) -> Any:
        """Return the optimizer with these values of the scheduled arguments."""
        return self.factory(**self.fixed, **{name: values[name] for name in self.curves})


@partial(explain_wrong_keywords, name="planned")
def planned(
    factory: Factory | Mapping[str, Factory],
    plan: PlanLike,
    calendar: Calendar | None = None,
    *,
    base: Bases | Mapping[str, Bases] | None = None,
    labels: Any = None,
    **arguments: Any,
) -> Any:
    """Return an optimizer of optax whose hyperparameters follow a plan.

    The factory is called inside `update` with the values of the update, as by `optax.inject_hyperparams`. Only
    scheduled arguments are arrays. The value of an update equals the plan's trace, rounded to JAX's default float.

    The fields of a plan are optax's arguments under other names: `lr` is `learning_rate`, `betas[0]` and `betas[1]` are
    `b1` and `b2`, and `momentum` is `b1` if the factory has no `momentum`. Targets such as `batch_size` are not driven.

    Args:
        factory: a function such as `optax.adamw`, or a dict from label to function.
        plan: the plan, with a horizon, without metric rules. Labels are the names of groups in the plan.
        calendar: the run facts that convert units. Amounts such as tokens are the planned ones.
        base: the base of each field, such as `{"lr": 3e-4, "weight_decay": 0.1}`; with labels, a dict from label to
            bases. All of them are recorded in the state, so that a plan that schedules one of them later restores it.
        labels: a tree of labels like the parameters, or a function from parameters to labels, as for `optax.partition`.
        arguments: other arguments of the factory. If there are several factories, a dict of arguments for each label.

    Returns:
        An `optax.GradientTransformationExtraArgs`.

    Raises:
        Unresolved: the length of the run is unknown.
        MissingFact: a run fact is missing.
        InvalidArgument: the plan has a metric rule or a clock of seconds, or `base` and `labels` do not match.
        UnknownField: a planned field is not in `base`, or the factory has no such argument.

    >>> plan = Plan(lr="warmup(2) >> linear()", horizon=4)
    >>> tx = planned(optax.sgd, plan, base={"lr": 0.5}, momentum=0.9)
    >>> state = tx.init({"w": jnp.ones(3)})
    >>> _, state = tx.update({"w": jnp.ones(3)}, state)
    >>> _, state = tx.update({"w": jnp.ones(3)}, state)
    >>> float(values(state)["lr"]), int(count(state))
    (0.25, 2)
    """
    if callable(plan) and isinstance(factory, (str, Schedule)):
        found = "the factory comes first, and the plan after it"
        instead = f'For example: planned(optax.adamw, {str(factory)!r}, base={{"lr": 3e-4}})'
        raise InvalidArgument(f"planned({shown(factory)}, …)", found, instead)
    plan = plan_of(plan, "planned")
    if plan.metric_rules:
        found = "the plan reacts to a metric, but the values in a compiled update depend only on the count"
        raise InvalidArgument("planned(…)", found, "Use optax.chain(tx, optax.contrib.reduce_on_plateau())")
    if amount_clock(plan.clock) == "seconds":
        found = "the clock of the plan counts seconds, which a compiled update cannot measure"
        raise InvalidArgument("planned(…)", found, 'Use Plan(…, clock="updates")')
    calendar = calendar or Calendar()
    resolved, (bases, factories) = plan.resolve(calendar), _by_label(factory, base, labels)
    optimizers = _optimizers_of(resolved, calendar, bases, factories, arguments, shared=callable(factory))
    number = np.array(divmod(plan_number(plan, resolved), 2**30), np.uint32)

    def optimizer_of(values: Mapping[str, Mapping[str, Any]]) -> Any:
        built = {label: one.build(values[label]) for label, one in optimizers.items()}
        return optax.with_extra_args_support(built[_ALL] if labels is None else optax.partition(built, labels))

    def init(params: Any) -> PlannedState:
        at_start = {label: one.values(0) for label, one in optimizers.items()}
        of_params = jnp.result_type(*(jax.tree.leaves(params) or [float]))
        of_moments = [(label, name) for label, one in optimizers.items() for name in _OF_MOMENTS if name in one.curves]
        for label, name in of_moments:
            at_start[label][name] = at_start[label][name].astype(of_params)
        if of_moments and of_params == jnp.bfloat16:
            names = ", ".join(dict.fromkeys(name for _, name in of_moments))
            warn_user(Problem(site=names, found="scheduled in bfloat16, the type of the parameters, with 8 bits"))
        return PlannedState(
            jnp.zeros((), jnp.int32), jnp.asarray(number), at_start, optimizer_of(at_start).init(params)
        )

    def update(updates: Any, state: PlannedState, params: Any = None, **extra: Any) -> tuple[Any, PlannedState]:
        used: dict[str, dict[str, Any]] = {}
        for label, one in optimizers.items():
            before = state.hyperparams[label]
            used[label] = {name: value.astype(before[name].dtype) for name, value in one.values(state.count).items()}
        updates, inner = optimizer_of(used).update(updates, state.inner, params, **extra)
        # A float32 value times moments in bfloat16 gives float32, but the types of a state must not change in `scan`.
        inner = jax.tree.map(lambda new, old: jnp.asarray(new, jnp.result_type(old)), inner, state.inner)
        return updates, PlannedState(optax.safe_increment(state.count), jnp.asarray(number), used, inner)

    return optax.GradientTransformationExtraArgs(init, update)


@partial(explain_wrong_keywords, name="optax.values")
def values(state: Any) -> dict[str, Any]:
    """Return the values that the last update used; after `init`, those that the first update will use.

    Args:
        state: the state of a planned optimizer, or a tree that contains it, such as the state of `optax.chain` or
            `optax.MultiSteps`, or a `TrainState`.

    Returns:
        A dict from field to array: `lr`, or `head/lr` if there are labels.

    Raises:
        StateError: the tree contains no state of a planned optimizer, or several.
    """
    found = _state_in(state).hyperparams
    prefixes = {label: "" if set(found) == {_ALL} else f"{label}/" for label in found}
    return {
        f"{prefixes[label]}{_FIELDS.get(name, name)}": value
        for label, named in found.items()
        for name, value in named.items()
    }


@partial(explain_wrong_keywords, name="optax.count")
def count(state: Any) -> Any:
    """Return the number of completed updates as an int32. The argument and the errors are those of `values`."""
    return _state_in(state).count


@partial(explain_wrong_keywords, name="optax.seek")
def seek(state: Any, t: Any) -> Any:
    """Return the same state at update `t`: the next update uses the values planned for it.

    Counts of the optimizer itself, such as that of Adam's bias correction, are unchanged.

    Args:
        state: as for `values`.
        t: the number of completed updates, an integer of at least 0 or an array.

    Raises:
        StateError: as for `values`.
        InvalidArgument: `t` is not an integer of at least 0.
    """
    _state_in(state)
    at = t if isinstance(t, jax.Array) else whole_number(CallSite("seek", "t"), t, least=0)
    if not isinstance(at, jax.Array) and at > _MOST_UPDATES:
        raise InvalidArgument(CallSite("seek", "t", shown(t)), _TOO_LONG, f"Write t={_MOST_UPDATES}")
    at = jnp.asarray(at, jnp.int32)
    return jax.tree.map(lambda one: one._replace(count=at) if _is_planned(one) else one, state, is_leaf=_is_planned)


@partial(explain_wrong_keywords, name="optax.resumed")
def resumed(state: Any, tx: Any, params: Any, on_change: Literal["new", "error"] = "new") -> Any:
    """Compare a restored state with the optimizer that continues the run. Call it once, outside of `jit`.

    Without this call a changed plan takes effect at the next update, without a message.

    Args:
        state: the restored state, or a tree that contains it.
        tx: the optimizer of the code, which contains a planned optimizer.
        params: the parameters.
        on_change: if the plan has changed, `"new"` (default) warns and continues with the plan of the code, and
            `"error"` raises.

    Returns:
        The state.

    Raises:
        PlanChanged: the plan has changed, and `on_change` is "error".
        StateError: the state is not one of this optimizer.
    """
    require_choice(CallSite("resumed", "on_change"), on_change, Literal["new", "error"], "unknown policy")
    restored = _state_in(state)
    expected = jax.jit(lambda one: _state_in(tx.init(one))._replace(inner=None))(params)
    found, wanted = jax.tree.structure(restored.hyperparams), jax.tree.structure(expected.hyperparams)
    if found != wanted:
        raise StateError(
            f"resumed(…): the state records {sorted(values(restored))}, but the optimizer {sorted(values(expected))}. "
            "Pass the bases of the run that is resumed"
        )
    before, now = (f"{(int(one.plan[0]) << 30) + int(one.plan[1]):015x}" for one in (restored, expected))
    if before != now:
        text = f"the plan has changed since update {int(restored.count)}: {before} is now {now}"
        if on_change == "error":
            raise PlanChanged(f'resumed(…, on_change="error"): {text}')
        warn_user(Problem(found=f"{text}. The plan of the code applies from this update on"))
    elif not np.any(expected.plan):
        warn_user(Problem(found="the plan contains an unregistered function, so that a change of it cannot be found"))
    return state


_FIELDS: Final = {"learning_rate": "lr", "b1": "betas[0]", "b2": "betas[1]"}
"""The names in plans of optax's arguments."""


def _is_planned(one: Any) -> bool:
    return isinstance(one, PlannedState)


def _state_in(state: Any) -> PlannedState:
    """Return the only state of a planned optimizer in a tree."""
    found = [one for one in jax.tree.leaves(state, is_leaf=_is_planned) if _is_planned(one)]
    if len(found) != 1:
        number = "no state" if not found else f"{len(found)} states"
        raise StateError(f"the tree contains {number} of a planned optimizer. Pass the state that tx.init returned")
    return found[0]  # type: ignore[no-any-return]  # checked by its type


def _by_label(
    factory: Factory | Mapping[str, Factory], base: Any, labels: Any
) -> tuple[dict[str, Bases], dict[str, Factory]]:
    """Return the bases and the factory of each label, after checking that they match."""
    if not all(map(callable, factory.values() if isinstance(factory, Mapping) else [factory])):
        found = "expected a function that returns an optimizer; its arguments are passed to planned"
        instead = 'For example: planned(optax.adamw, plan, base={"lr": 3e-4})'
        raise InvalidArgument(CallSite("planned", "factory", shown(factory)), found, instead)
    if not isinstance(base, Mapping):
        raise InvalidArgument(
            CallSite("planned", "base", repr(base)), "expected the base of each field", 'For example: base={"lr": 3e-4}'
        )
    nested = all(isinstance(one, Mapping) for one in base.values())
    if labels is None:
        if not callable(factory) or (base and nested):
            found = "factories or bases by label need labels"
            raise InvalidArgument("planned(…)", found, "Pass labels=, a tree of labels like the parameters")
        return {_ALL: base}, {_ALL: factory}
    if not nested:
        found, instead = "with labels, expected a dict from label to bases", 'For example: base={"body": {"lr": 3e-4}}'
        raise InvalidArgument(CallSite("planned", "base", repr(dict(base))), found, instead)
    if callable(factory):
        return dict(base), dict.fromkeys(base, factory)
    if unknown := sorted(base.keys() - factory.keys()):
        found = f"no factory for {', '.join(unknown)}"
        raise UnknownGroup(
            CallSite("planned", "base"), found, f"For example: factory={{{unknown[0]!r}: optax.adamw, …}}"
        )
    return {label: base.get(label, {}) for label in factory}, dict(factory)


def _optimizers_of(
    resolved: Plan,
    calendar: Calendar,
    bases: Mapping[str, Bases],
    factories: Mapping[str, Factory],
    arguments: Mapping[str, Any],
    *,
    shared: bool,
) -> dict[str, _LabeledOptimizer]:
    """Return the optimizer of each label. With `shared`, `arguments` apply to all labels."""
    if not shared and (unknown := sorted(arguments.keys() - factories.keys())):
        found = f"no factory of this label; the labels are {', '.join(factories)}"
        raise UnknownGroup(CallSite("planned", unknown[0]), found, f"For example: {next(iter(factories))}={{…}}")
    amounts = planned_amounts(resolved, calendar)
    total = calendar.horizon if resolved.clock == PROGRESS else updates_of_horizon(resolved, amounts)
    if total is None:
        found = "the length of the run is unknown"
        raise Unresolved("planned(…)", found, "Use Plan(…, horizon=…), or pass Calendar(total=…)")
    if total > _MOST_UPDATES:
        raise InvalidArgument(f"planned(…) with {total:,} updates", _TOO_LONG, "Use a shorter horizon")
    tabled = total <= _MAX_TABLE
    if not tabled:
        if amounts is not None:
            found = f"the run of {total:,} updates is too long for a plan on the clock of {amounts.clock}"
            raise InvalidArgument("planned(…)", found, 'Use Plan(…, clock="updates")')
        found = f"{total:,} updates are too many for a table, so that values are computed in JAX's default float"
        warn_user(Problem(found=found))
    times = np.arange(total) if tabled else None
    consumed = None if amounts is None else times_on(amounts.clock, amounts.amounts_from(0, 0, total))
    fields = {label: _arguments_of(bases[label], factory, label) for label, factory in factories.items()}
    named = {label: one for label, one in bases.items() if one} or bases
    groups = [{"name": label, **one} if label != _ALL else dict(one) for label, one in named.items()]
    try:
        bounds = dict(zip(named, bind(counted_plan(resolved), groups), strict=True))
    except UnknownField as error:
        found = "the plan schedules it, but it is not in base"
        raise error.changed(found=found, instead="Add it to base, a dict from each field to a number") from None
    tables: dict[tuple[Schedule, float, bool], Any] = {}
    found_optimizers: dict[str, _LabeledOptimizer] = {}
    for label, factory in factories.items():
        given = arguments if shared else arguments.get(label, {})
        fixed = dict(fields[label].values())
        curves: dict[str, _Curve] = {}
        for bound in bounds.get(label, ()):
            name, _ = fields[label][str(bound.field)]
            key = bound.schedule, fixed.pop(name), bound.by_amount
            if tabled and key not in tables:
                tables[key] = evaluate(bound.schedule, consumed if bound.by_amount else times, key[1])
            curves[name] = _Curve(bound.schedule, key[1], total, tables.get(key))
        if twice := sorted(given.keys() & (fixed.keys() | curves.keys())):
            found = "it is also in base"
            raise InvalidArgument(CallSite("planned", twice[0]), found, f"Leave {twice[0]} out of the arguments")
        found_optimizers[label] = _LabeledOptimizer(factory, {**fixed, **given}, tuple(fixed), curves)
    return found_optimizers


def _arguments_of(base: Bases, factory: Factory, label: str) -> dict[str, tuple[str, float]]:
    """Return the factory's argument and the base of each field, with `betas[0]` and `betas[1]` in place of `betas`."""
    parameters = inspect.signature(factory).parameters
    free = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    flat: dict[str, Any] = {}
    for key, value in base.items():
        flat |= {f"{key}[{i}]": one for i, one in enumerate(value)} if isinstance(value, tuple | list) else {key: value}
    found: dict[str, tuple[str, float]] = {}
    for field, value in flat.items():
        site = f"base[{field!r}]"
        if field in _FIELDS:
            raise UnknownField(site, "it is the name of optax", f'Write "{_FIELDS[field]}"')
        name = next((one for one, ours in _FIELDS.items() if ours == field), field)
        if name == "momentum" and "momentum" not in parameters and "b1" in parameters:
            name = "b1"
        if name not in parameters and not free:
            where = getattr(factory, "__name__", "the factory") + ("" if label == _ALL else f" of {label}")
            problem = f"{where} has no argument {name}; it has {', '.join(parameters)}"
            raise UnknownField(f"{field!r}", problem, "Leave it out")
        if name in dict(found.values()):
            raise InvalidArgument(site, f"another field is also the argument {name}", f"Leave {field} out")
        found[field] = name, finite_number(site, value)
        if abs(found[field][1]) > float(jnp.finfo(jnp.result_type(float)).max):
            raise InvalidArgument(site, f"{value!r} is too large for JAX's default float", "Use a smaller base")
    return found
