"""Planned optimizers of optax: values in every transformation, labels, wrappers, states, and what is refused."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from hypothesis import given, reject  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import paramsched as ps  # noqa: E402
from paramsched.engines import optax as engine  # noqa: E402
from paramsched.errors import (  # noqa: E402
    InvalidArgument,
    MissingFact,
    PlanChanged,
    StateError,
    UnknownField,
    UnknownGroup,
    Unresolved,
)
from support import strategies  # noqa: E402
from support.examples import at_most  # noqa: E402
from support.spread import spread  # noqa: E402
from support.tables import table  # noqa: E402

pytestmark = pytest.mark.heavy

T = 60
EAGER = 12  # updates of a run that are not compiled together
BASE = {"lr": 3e-4, "weight_decay": 0.1}
PLAN = ps.Plan(lr="warmup('5%') >> cosine(to=0.1)", weight_decay="linear(to=0.5)", horizon=T)
# In NumPy, because the first array of JAX starts threads, and a process that forks later must not have them.
PARAMS = {"body": {"w": np.ones((4, 4), np.float32)}, "head": {"w": np.arange(4, dtype=np.float32)}}
LABELS = {"body": "body", "head": "head"}


def gradients(params: Any) -> Any:
    return jax.tree.map(lambda one: jnp.sin(one) + 1, params)


def run(
    tx: Any, params: Any = PARAMS, updates: int = T, state: Any = None, values: Callable[[Any], Any] = engine.values
) -> Any:
    """Scan over updates; return the parameters, the state and the values of each update."""

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        changes, state = tx.update(gradients(params), state, params)
        return (optax.apply_updates(params, changes), state), values(state)

    def scanned(params: Any, state: Any) -> Any:
        return jax.lax.scan(step, (params, state), None, length=updates)

    (params, state), used = jax.jit(scanned)(params, tx.init(params) if state is None else state)
    return params, state, used


def is_same(found: Any, expected: Any) -> bool:
    """Return whether two arrays or trees are equal bit for bit."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return all(np.asarray(one).tobytes() == np.asarray(other).tobytes() for one, other in pairs)


def rounded(values: Any) -> Any:
    return np.asarray(values).astype(np.float32)


def optimizer_of_every_field(
    learning_rate: Any, weight_decay: Any, momentum: Any, eps: Any, b1: Any, b2: Any
) -> optax.GradientTransformation:
    return optax.scale(learning_rate + weight_decay + momentum + eps + b1 + b2)


NAMED = [{**group, "name": name} for group, name in zip(strategies.GROUPS, ("body", "head", "rest"), strict=True)]
BASES = {group["name"]: {key: value for key, value in group.items() if key != "name"} for group in NAMED}


@at_most(2, share=2.0)
@given(st.data())
def test_the_values_of_any_plan_are_those_of_the_trace_in_float32(data: st.DataObject) -> None:
    world = data.draw(strategies.worlds())
    plan = data.draw(strategies.plans(world, rules=0, follow=True, attachable=True))
    try:
        expected = ps.trace(plan, NAMED, world.calendar)
    except (InvalidArgument, Unresolved):
        reject()
    params = dict.fromkeys(BASES, jnp.ones(()))
    tx = engine.planned(
        optimizer_of_every_field, plan, world.calendar, base=BASES, labels={label: label for label in BASES}
    )
    state = tx.init(params)
    counts = jnp.arange(min(len(expected), 500))

    found = jax.vmap(lambda t: engine.values(tx.update(params, engine.seek(state, t), params)[1]))(counts)

    with np.errstate(over="ignore"):
        for field, label in expected.keys():
            if label:
                values = rounded(expected[field, label])[: len(counts)]
                np.testing.assert_array_equal(
                    np.asarray(found[f"{label}/{field}"]).view(np.int32), values.view(np.int32)
                )


def test_every_transformation_gives_the_same_bits() -> None:
    tx = engine.planned(optax.adamw, PLAN, base=BASE)
    trace = ps.trace(PLAN, BASE)

    *_, scanned = run(tx)
    state, compiled, plain, single = tx.init(PARAMS), tx.init(PARAMS), [], []
    step = jax.jit(tx.update)
    for _ in range(EAGER):
        _, compiled = step(PARAMS, compiled, PARAMS)
        single.append(engine.values(compiled))
        _, state = tx.update(PARAMS, state, PARAMS)
        plain.append(engine.values(state))

    for field in BASE:
        expected = rounded(trace[field, 0])
        assert is_same(scanned[field], expected)
        assert is_same([one[field] for one in single], list(expected[:EAGER]))
        assert is_same([one[field] for one in plain], list(expected[:EAGER]))
    assert int(engine.count(state)) == EAGER


def test_parameters_are_those_of_optax_with_a_table_bit_for_bit() -> None:
    plan = ps.Plan(lr="warmup('5%') >> cosine(to=0.1)", horizon=T)
    table = jnp.asarray(ps.trace(plan, BASE)["lr", 0])

    planned, *_ = run(engine.planned(optax.adamw, plan, base={**BASE, "betas": (0.9, 0.95)}, eps=1e-6))
    rate = optax.adamw(lambda t: table[t], b1=0.9, b2=0.95, eps=1e-6, weight_decay=0.1)
    params, *_ = run(rate, values=len)

    assert is_same(planned, params)


def test_with_x64_the_values_are_those_of_the_trace() -> None:
    trace = ps.trace(PLAN, BASE)

    with jax.enable_x64(True):
        params = jax.tree.map(lambda one: jnp.asarray(one, jnp.float64), PARAMS)
        *_, used = run(engine.planned(optax.adamw, PLAN, base=BASE), params)

    for field in BASE:
        assert is_same(used[field], trace[field, 0])


def test_bfloat16_keeps_the_type_of_the_moments_and_warns_of_scheduled_betas() -> None:
    params = jax.tree.map(lambda one: one.astype(jnp.bfloat16), PARAMS)
    plan = ps.Plan(**{"lr": "linear()", "betas[0]": "linear(1.0, 0.9)"}, horizon=T)
    tx = engine.planned(optax.adamw, plan, base={"lr": 0.1, "betas": (0.9, 0.95)})

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx.init(PARAMS)
        engine.planned(optax.adamw, ps.Plan(lr="linear()", horizon=T), base={"lr": 0.1}).init(params)
    with pytest.warns(UserWarning, match="b1: scheduled in bfloat16"):
        state = tx.init(params)
    _, state, used = run(tx, params, state=state)

    assert {one.dtype for one in jax.tree.leaves(state.inner[0].mu)} == {jnp.dtype(jnp.bfloat16)}
    assert (used["lr"].dtype, used["betas[0]"].dtype) == (jnp.float32, jnp.bfloat16)
    assert is_same(used["lr"], rounded(ps.trace(plan, {"lr": 0.1, "betas": (0.9, 0.95)})["lr", 0]))


@pytest.mark.parametrize(
    ("factory", "base"),
    spread(
        [(optax.lars, {"lr": 0.1}), (optax.rmsprop, {"lr": 0.1, "decay": 0.9})],
        (optax.rmsprop, {"lr": 0.1, "decay": 0.9}),
    ),
)
def test_scheduled_values_do_not_change_the_types_of_a_state_in_bfloat16(factory: Any, base: Any) -> None:
    params = jax.tree.map(lambda one: one.astype(jnp.bfloat16), PARAMS)
    plan = ps.Plan(*(ps.Binding(name, "linear(1.0, 0.5)") for name in base), horizon=T)
    tx = engine.planned(factory, plan, base=base)

    _, state, used = run(tx, params)

    assert [one.dtype for one in jax.tree.leaves(state)] == [one.dtype for one in jax.tree.leaves(tx.init(params))]
    assert is_same(used["lr"], rounded(ps.trace(plan, base)["lr", 0]))


# ---------------------------------------------------------------- labels and several optimizers


def test_after_init_the_values_are_those_of_the_first_update() -> None:
    tx = engine.planned(optax.sgd, ps.Plan(lr="linear(1, 0.2)", horizon=4), base={"lr": 0.5})
    state = tx.init(PARAMS)
    before = [float(engine.values(state)["lr"])]

    for _ in range(2):
        _, state = tx.update(PARAMS, state)
        before.append(float(engine.values(state)["lr"]))

    assert before == pytest.approx([0.5, 0.5, 0.4])


def test_labels_are_groups_of_the_plan() -> None:
    plan = ps.Plan(ps.Binding("lr", "constant(0.5)", groups="head"), lr="linear()", horizon=T)
    bases = {"body": {"lr": 0.1}, "head": {"lr": 0.01}}

    *_, used = run(engine.planned(optax.adamw, plan, base=bases, labels=LABELS, b2=0.95))

    trace = ps.trace(plan, [{"name": label, **base} for label, base in bases.items()])
    assert is_same(used["body/lr"], rounded(trace["lr", "body"]))
    assert set(np.asarray(used["head/lr"]).tolist()) == {float(np.float32(0.005))}


def test_labels_may_have_optimizers_and_arguments_of_their_own() -> None:
    plan = ps.Plan(lr="linear()", horizon=T)
    factories = {"body": optax.sgd, "head": optax.adamw}
    bases = {"body": {"lr": 0.1, "momentum": 0.9}, "head": {"lr": 0.01}}
    tx = engine.planned(factories, plan, base=bases, labels=lambda params: LABELS, head={"b2": 0.5})

    params, _, used = run(tx)

    assert set(used) == {"body/lr", "body/momentum", "head/lr"}
    tables = {label: jnp.asarray(ps.trace(plan, bases[label])["lr", 0]) for label in bases}
    apart = {
        "body": optax.sgd(lambda t: tables["body"][t], momentum=0.9),
        "head": optax.adamw(lambda t: tables["head"][t], b2=0.5),
    }
    assert is_same(params, run(optax.partition(apart, LABELS), values=len)[0])


def test_a_label_without_bases_may_be_frozen() -> None:
    factories = {"body": optax.sgd, "head": optax.set_to_zero}
    plan = ps.Plan(lr="linear()", horizon=T)

    params, *_ = run(engine.planned(factories, plan, base={"body": {"lr": 0.1}}, labels=LABELS))

    assert is_same(params["head"], PARAMS["head"])
    assert not is_same(params["body"], PARAMS["body"])


@pytest.mark.parametrize(
    ("factory", "base", "argument"),
    spread(
        [
            (optax.sgd, {"lr": 0.1, "momentum": 0.9}, "momentum"),
            (optax.adamw, {"lr": 0.1, "momentum": 0.9}, "b1"),
            (optax.adamw, {"lr": 0.1, "betas": (0.9, 0.95)}, "b1"),
        ],
        (optax.sgd, {"lr": 0.1, "momentum": 0.9}, "momentum"),
        (optax.adamw, {"lr": 0.1, "betas": (0.9, 0.95)}, "b1"),
    ),
)
def test_momentum_is_the_argument_that_the_factory_has(factory: Any, base: Any, argument: str) -> None:
    plan = ps.Plan(lr="linear()", momentum="linear(1.0, 0.5)", horizon=4)
    tx = engine.planned(factory, plan, base=base)

    _, state, _ = run(tx, updates=3)

    assert state.hyperparams["all"][argument] == np.float32(0.9 * 0.75)
    assert optax.tree_utils.tree_get(state, argument) == np.float32(0.9 * 0.75)


def test_a_function_of_ones_own_may_schedule_other_arguments() -> None:
    plan = ps.Plan(ps.Binding("max_norm", "linear(1.0, 0.5)"), lr="linear()", horizon=T)

    def clipped(learning_rate: Any, max_norm: Any) -> Any:
        return optax.chain(optax.clip_by_global_norm(max_norm), optax.sgd(learning_rate))

    *_, used = run(engine.planned(clipped, plan, base={"lr": 0.1, "max_norm": 1.0}))

    assert is_same(used["max_norm"], rounded(ps.trace(plan, {"lr": 0.1, "max_norm": 1.0})["max_norm", 0]))


# ---------------------------------------------------------------- clocks, horizons, long runs


def test_planned_amounts_are_converted_with_the_calendar() -> None:
    plan = ps.Plan(lr="warmup('4000 tokens') >> linear()", clock="tokens", horizon="60_000 tokens")
    calendar = ps.Calendar(tokens_per_step=1000)

    *_, used = run(engine.planned(optax.sgd, plan, calendar, base={"lr": 0.1}))

    assert is_same(used["lr"], rounded(ps.trace(plan, {"lr": 0.1}, calendar)["lr", 0]))


def test_planned_progress_is_spread_evenly() -> None:
    plan, calendar = ps.Plan(lr="warmup('10%') >> cosine()", clock="progress"), ps.Calendar(total=T)

    *_, used = run(engine.planned(optax.sgd, plan, calendar, base={"lr": 0.1}))

    assert is_same(used["lr"], rounded(ps.trace(plan, {"lr": 0.1}, calendar)["lr", 0]))


def test_a_planned_batch_size_determines_the_amounts_and_is_not_driven() -> None:
    batch = ps.Binding(ps.Target("batch_size", 1), "constant(4, 20) >> constant(8)")
    plan = ps.Plan(batch, lr="linear(over='400 samples')", horizon=T, clock={"lr": "samples"})

    *_, used = run(engine.planned(optax.sgd, plan, base={"lr": 0.1}))

    assert set(used) == {"lr"}
    assert is_same(used["lr"], rounded(ps.trace(plan, {"lr": 0.1})["lr", 0]))


def test_after_the_horizon_the_last_value_is_held() -> None:
    *_, used = run(engine.planned(optax.sgd, ps.Plan(lr="linear()", horizon=4), base={"lr": 1.0}), updates=8)

    assert np.asarray(used["lr"]).tolist() == [1.0, 0.75, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25]


def test_a_run_that_is_too_long_for_a_table_computes_its_values() -> None:
    plan = ps.Plan(lr="warmup(10) >> linear()", horizon=2**24)
    with pytest.warns(UserWarning, match="16,777,216 updates are too many for a table"):
        tx = engine.planned(optax.sgd, plan, base={"lr": 1.0})

    state = engine.seek(tx.init(PARAMS), 2**23)
    _, state = jax.jit(tx.update)(PARAMS, state)

    assert float(engine.values(state)["lr"]) == pytest.approx(0.5, rel=1e-6)


# ---------------------------------------------------------------- inside other transformations, and resume


def test_accumulation_counts_updates_and_not_calls() -> None:
    tx = optax.MultiSteps(engine.planned(optax.sgd, ps.Plan(lr="linear()", horizon=4), base={"lr": 1.0}), 3)
    state, counts, used, update = tx.init(PARAMS), [], [], jax.jit(tx.update)

    for _ in range(9):
        _, state = update(gradients(PARAMS), state, PARAMS)
        counts.append(int(engine.count(state)))
        used.append(float(engine.values(state)["lr"]))

    assert counts == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert used[2::3] == [1.0, 0.75, 0.5]


def test_a_skipped_update_does_not_count() -> None:
    tx = optax.apply_if_finite(engine.planned(optax.sgd, ps.Plan(lr="linear()", horizon=4), base={"lr": 1.0}), 5)
    state, counts, update = tx.init(PARAMS), [], jax.jit(tx.update)

    for value in (1.0, jnp.nan, 1.0):
        _, state = update(jax.tree.map(lambda one, v=value: one * v, PARAMS), state, PARAMS)
        counts.append((int(engine.count(state)), float(engine.values(state)["lr"])))

    assert counts == [(1, 1.0), (1, 1.0), (2, 0.75)]


def test_a_state_is_found_in_a_chain_and_extra_arguments_reach_the_optimizer() -> None:
    def scaled_by_loss(learning_rate: Any) -> Any:
        def update(updates: Any, state: Any, params: Any = None, *, loss: Any, **_: Any) -> Any:
            return jax.tree.map(lambda one: one * learning_rate * loss, updates), state

        return optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update)

    tx = optax.chain(
        optax.clip(1.0), engine.planned(scaled_by_loss, ps.Plan(lr="constant()", horizon=4), base={"lr": 0.5})
    )
    changes, state = tx.update({"w": jnp.ones(2)}, tx.init({"w": jnp.ones(2)}), loss=4.0)

    assert changes["w"].tolist() == [2.0, 2.0]
    assert int(engine.count(state)) == 1


def test_a_tree_without_a_planned_state_or_with_two_is_refused() -> None:
    state = engine.planned(optax.sgd, PLAN_OF_LR, base={"lr": 1.0}).init(PARAMS)

    for tree, found in ((optax.sgd(0.1).init(PARAMS), "no state"), ((state, state), "2 states")):
        for function in (engine.values, engine.count, lambda one: engine.seek(one, 3)):
            with pytest.raises(StateError, match=found):
                function(tree)


PLAN_OF_LR = ps.Plan(lr="linear()", horizon=T)


def test_seek_jumps_to_an_update_and_keeps_the_counts_of_the_optimizer() -> None:
    tx = engine.planned(optax.adamw, PLAN_OF_LR, base={"lr": 1.0})
    _, state, _ = run(tx, updates=5)

    jumped = engine.seek((state, "kept"), 30)
    _, after, used = run(tx, updates=1, state=jumped[0])

    assert jumped[1] == "kept"
    assert float(used["lr"][0]) == 0.5
    assert (int(after.count), int(after.inner[0].count)) == (31, 6)


@pytest.mark.parametrize("t", [-1, 0.5, "3"])
def test_seek_refuses_what_is_not_a_count(t: Any) -> None:
    state = engine.planned(optax.sgd, PLAN_OF_LR, base={"lr": 1.0}).init(PARAMS)

    with pytest.raises(InvalidArgument, match="expected an integer of at least 0"):
        engine.seek(state, t)


def test_a_resumed_run_continues_bit_for_bit_and_a_changed_plan_takes_effect() -> None:
    tx = engine.planned(optax.adamw, PLAN, base=BASE)
    whole, *_ = run(tx)
    params, state, _ = run(tx, updates=20)
    restored = jax.tree.map(lambda one: jnp.asarray(np.asarray(one)), state)

    continued, *_ = run(tx, params, T - 20, engine.resumed(restored, tx, params, on_change="error"))
    other = engine.planned(optax.adamw, ps.Plan(lr="linear()", horizon=T), base=BASE)
    with pytest.warns(UserWarning, match=r"the plan has changed since update 20: \w{15} is now \w{15}"):
        changed = engine.resumed(restored, other, params)
    _, after, used = run(other, params, 1, changed)

    assert is_same(continued, whole)
    assert is_same(used["lr"], rounded([3e-4 * (1 - 20 / T)]))
    with pytest.raises(PlanChanged, match="since update 20"):
        engine.resumed(restored, other, params, on_change="error")
    assert engine.resumed(after, other, params, on_change="error") is after


def test_another_length_of_the_run_is_another_plan() -> None:
    plan = ps.Plan(lr="warmup('5%') >> cosine()")
    short, long = (engine.planned(optax.sgd, plan, ps.Calendar(total=total), base={"lr": 0.1}) for total in (40, 80))

    assert engine.resumed(short.init(PARAMS), short, PARAMS, on_change="error")
    with pytest.raises(PlanChanged):
        engine.resumed(short.init(PARAMS), long, PARAMS, on_change="error")


def test_a_plan_with_an_unregistered_function_cannot_be_compared() -> None:
    tx = engine.planned(optax.sgd, ps.Plan(lr=ps.from_function(lambda t: 1.0), horizon=T), base={"lr": 0.1})

    with pytest.warns(UserWarning, match="unregistered function, so that a change of it cannot be found"):
        engine.resumed(tx.init(PARAMS), tx, PARAMS)


def test_resumed_finds_the_optimizer_in_a_chain() -> None:
    chains = [
        optax.chain(optax.clip(1.0), engine.planned(optax.sgd, ps.Plan(lr=line, horizon=T), base={"lr": 1.0}))
        for line in ("linear()", "cosine()")
    ]
    state = chains[0].init(PARAMS)

    assert engine.resumed(state, chains[0], PARAMS, on_change="error") is state
    with pytest.raises(PlanChanged):
        engine.resumed(state, chains[1], PARAMS, on_change="error")


def test_resumed_refuses_a_state_with_other_bases() -> None:
    state = engine.planned(optax.adamw, PLAN_OF_LR, base={"lr": 1.0}).init(PARAMS)
    tx = engine.planned(optax.adamw, PLAN_OF_LR, base={"lr": 1.0, "weight_decay": 0.1})

    with pytest.raises(StateError, match=r"the state records \['lr'\], but the optimizer \['lr', 'weight_decay'\]"):
        engine.resumed(state, tx, PARAMS)
    with pytest.raises(InvalidArgument, match="unknown policy"):
        engine.resumed(state, tx, PARAMS, on_change="old")


def test_a_plan_that_schedules_one_more_field_keeps_the_structure_of_the_state() -> None:
    one, two = (engine.planned(optax.adamw, plan, base=BASE).init(PARAMS) for plan in (PLAN_OF_LR, PLAN))

    assert jax.tree.structure(one) == jax.tree.structure(two)


def test_orbax_restores_the_state(tmp_path: Any) -> None:
    checkpoint = pytest.importorskip("orbax.checkpoint")
    tx = engine.planned(optax.adamw, PLAN, base=BASE)
    whole, *_ = run(tx)
    params, state, _ = run(tx, updates=20)

    with checkpoint.StandardCheckpointer() as saver:
        saver.save(tmp_path / "state", state)
        saver.wait_until_finished()
        restored = saver.restore(tmp_path / "state", tx.init(params))

    continued, *_ = run(tx, params, T - 20, restored)
    assert isinstance(restored, engine.PlannedState)
    assert is_same(continued, whole)


# ---------------------------------------------------------------- refused


@table(
    ("options", "error", "message"),
    [
        ({"plan": ps.Plan(lr=ps.constant() * ps.plateau("loss"), horizon=9)}, InvalidArgument, "reduce_on_plateau"),
        ({"plan": ps.Plan(lr="constant()", clock="seconds", horizon=9)}, InvalidArgument, "cannot measure"),
        ({"plan": ps.Plan(lr="constant()")}, Unresolved, r"Calendar\(total=…\)"),
        ({"plan": ps.Plan(lr="constant()", clock="tokens", horizon="9 tokens")}, MissingFact, "tokens_per_step"),
        ({"plan": 3}, InvalidArgument, "expected a plan, got int"),
        ({"plan": ps.Plan(lr="constant()", eps="linear()", horizon=9)}, UnknownField, "eps"),
        ({"base": {"lr": 0.1, "weight_decay": 0.1}}, UnknownField, "sgd has no argument weight_decay; it has learning"),
        ({"base": {"learning_rate": 0.1}}, UnknownField, 'name of optax. Write "lr"'),
        ({"base": {"lr": "0.1"}}, InvalidArgument, r"base\['lr'\].*expected a number, got str"),
        ({"base": 0.1}, InvalidArgument, "expected the base of each field"),
        ({"base": {"all": {"lr": 0.1}}}, InvalidArgument, "need labels"),
        ({"factory": {"body": optax.sgd}}, InvalidArgument, "need labels"),
        ({"factory": "sgd"}, InvalidArgument, "expected a function that returns an optimizer"),
        ({"factory": {"body": "sgd"}, "labels": LABELS}, InvalidArgument, "expected a function that returns"),
        ({"labels": LABELS}, InvalidArgument, "expected a dict from label to bases"),
        (
            {"factory": {"body": optax.sgd}, "labels": LABELS, "base": {"head": {"lr": 0.1}}},
            UnknownGroup,
            "no factory for head",
        ),
        (
            {"factory": {"body": optax.sgd}, "labels": LABELS, "base": {"body": {"lr": 0.1}}, "tail": {}},
            UnknownGroup,
            "tail",
        ),
        ({"learning_rate": 0.1}, InvalidArgument, "it is also in base"),
        ({"base": {}}, UnknownField, "lr"),
        (
            {"factory": optax.adamw, "base": {"lr": 0.1, "momentum": 0.9, "betas": (0.8, 0.9)}},
            InvalidArgument,
            "another field is also the argument b1. Leave betas",
        ),
        (
            {
                "plan": ps.Plan(lr="constant()", clock="tokens", horizon=2**24),
                "calendar": ps.Calendar(tokens_per_step=1),
            },
            InvalidArgument,
            "too long for a plan on the clock of tokens",
        ),
    ],
)
def test_what_a_compiled_update_cannot_follow_is_refused(options: Any, error: Any, message: str) -> None:
    options = {"factory": optax.sgd, "plan": PLAN_OF_LR, "base": {"lr": 0.1}, **options}

    with pytest.raises(error, match=message):
        engine.planned(options.pop("factory"), options.pop("plan"), options.pop("calendar", None), **options)


# ---------------------------------------------------------------- devices

DEVICES = """
import jax, jax.numpy as jnp, numpy as np, optax
from functools import partial
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import paramsched as ps
from paramsched.engines import optax as engine

plan = ps.Plan(lr="warmup('5%') >> cosine(to=0.1)", horizon=40)
tx = engine.planned(optax.adamw, plan, base={"lr": 3e-4})
expected = ps.trace(plan, {"lr": 3e-4})["lr", 0].astype(np.float32)
params = {"w": jnp.ones(8)}

def loss(params, batch):
    return jnp.mean((batch @ params["w"]) ** 2)

def step(carry, batch, mean=lambda one: one):
    params, state = carry
    changes, state = tx.update(mean(jax.grad(loss)(params, batch)), state, params)
    return (optax.apply_updates(params, changes), state), engine.values(state)["lr"]

assert jax.device_count() == 4
mesh = Mesh(np.array(jax.devices()), ("data",))
batches = jax.device_put(jnp.ones((40, 8, 8)), NamedSharding(mesh, PartitionSpec(None, "data")))
_, sharded = jax.jit(partial(jax.lax.scan, step))((params, tx.init(params)), batches)
assert np.asarray(sharded).tobytes() == expected.tobytes(), "jit over a sharded batch"

averaged = partial(step, mean=partial(jax.lax.pmean, axis_name="data"))
mapped = jax.shard_map(
    partial(jax.lax.scan, averaged),
    mesh=mesh,
    in_specs=(PartitionSpec(), PartitionSpec(None, "data")),
    out_specs=PartitionSpec(),
    check_vma=False,
)
_, used = jax.jit(mapped)((params, tx.init(params)), batches)
assert np.asarray(used).tobytes() == expected.tobytes(), "shard_map"

copies = jax.tree.map(lambda one: jnp.stack([one] * 4), (params, tx.init(params)))
_, used = jax.pmap(partial(jax.lax.scan, averaged), axis_name="data")(copies, jnp.ones((4, 40, 2, 8)))
assert all(np.asarray(one).tobytes() == expected.tobytes() for one in used), "pmap"
print("equal on 4 devices")
"""


@pytest.mark.long
def test_values_are_equal_on_four_devices() -> None:
    flags = "--xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}

    ran = subprocess.run([sys.executable, "-c", DEVICES], env=environment, capture_output=True, text=True)

    assert ran.stdout == "equal on 4 devices\n", ran.stderr[-3000:]


def test_without_torch_the_module_is_imported() -> None:
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "import paramsched.engines.optax\n"
        "print('torch' in sys.modules)\n"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ran.stdout == "False\n", ran.stderr[-3000:]


def test_more_updates_than_an_int32_counts_and_a_base_beyond_float32_are_rejected():
    plan = ps.Plan(lr="linear()", horizon=2**31)
    state = engine.planned(optax.sgd, ps.Plan(lr="linear()", horizon=4), base={"lr": 0.5}).init({"w": jnp.ones(3)})

    with pytest.raises(ps.InvalidArgument, match="int32"):
        engine.planned(optax.sgd, plan, base={"lr": 0.5})
    with pytest.raises(ps.InvalidArgument, match="int32"):
        engine.seek(state, 2**31)
    with pytest.raises(ps.InvalidArgument, match="too large for JAX"):
        engine.planned(optax.sgd, ps.Plan(lr="linear()", horizon=4), base={"lr": 1e39})
