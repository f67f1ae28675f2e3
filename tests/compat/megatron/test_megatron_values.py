"""The drop-in `OptimizerParamScheduler` and Megatron's class: equal values bit for bit."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from compat.clones import clone_of, import_peer
from compat.megatron.peer import AUTOMODEL, MEGATRON
from paramsched.compat import megatron as ours
from support.examples import examples
from support.tables import table

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ARGUMENTS = {
    "init_lr": 0.0,
    "max_lr": 1.0,
    "min_lr": 0.1,
    "lr_warmup_steps": 10,
    "lr_decay_steps": 100,
    "start_wd": 0.0,
    "end_wd": 0.1,
    "wd_incr_steps": 100,
    "wd_incr_style": "linear",
}


def built(kind: Any, groups: list[dict[str, Any]] | None = None, **arguments: Any) -> Any:
    optimizer = SimpleNamespace(param_groups=[{}] if groups is None else groups)
    return kind(optimizer, **{**ARGUMENTS, "lr_decay_style": "cosine", **arguments})


TABLE = {
    ("cosine", None): {0: 0, 5: 0.5, 10: 1, 11: 0.999725872159, 55: 0.55, 99: 0.100274127841, 100: 0.1, 101: 0.1},
    ("linear", None): {0: 0, 5: 0.5, 10: 1, 11: 0.99, 55: 0.55, 99: 0.11, 100: 0.1, 101: 0.1},
    ("inverse-square-root", None): {
        0: 0, 5: 0.5, 10: 1, 11: 0.953462589246, 55: 0.426401432711, 99: 0.317820863082, 100: 0.316227766017, 101: 0.1,
    },
    ("WSD", "linear"): {0: 0, 5: 0.5, 10: 1, 11: 1, 55: 1, 90: 0.55, 99: 0.145, 100: 0.1, 101: 0.1},
    ("WSD", "exponential"): {10: 1, 55: 1, 90: 0.472792206136, 99: 0.131738431457, 100: 0.1, 101: 0.1},
    ("WSD", "cosine"): {10: 1, 55: 1, 90: 0.55, 99: 0.105540246732, 100: 0.1, 101: 0.1},
    ("WSD", "minus_sqrt"): {10: 1, 55: 1, 90: 0.363603896932, 99: 0.122788508967, 100: 0.1, 101: 0.1},
    ("constant", None): {0: 0, 5: 0.5, 10: 1, 101: 1},
}  # fmt: skip


@table(("style", "wsd"), TABLE)
def test_the_values_are_those_of_megatron(style: str, wsd: str | None) -> None:
    scheduler = built(ours.OptimizerParamScheduler, lr_decay_style=style, wsd_decay_steps=20, lr_wsd_decay_style=wsd)
    (group,) = scheduler.optimizer.param_groups

    found = {}
    for n in TABLE[style, wsd]:
        scheduler.step(n - scheduler.num_steps)
        found[n] = group["lr"]

    assert found == pytest.approx(TABLE[style, wsd], abs=1e-12)  # the table has 12 digits


rates = st.floats(0, 1, allow_subnormal=False)
lengths = st.one_of(st.integers(0, 60), st.floats(0, 60))


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments that both classes accept."""
    minimum, start, maximum = draw(rates), draw(rates), draw(rates)
    low, high = sorted((draw(rates), draw(rates)))
    decay = draw(lengths)
    assume(decay > 0)
    style = draw(st.sampled_from(["constant", "linear", "cosine", "inverse-square-root", "WSD"]))
    increase = draw(st.sampled_from(["constant", "linear", "cosine"]))
    arguments = {
        "init_lr": min(start, maximum),
        "max_lr": maximum,
        "min_lr": min(minimum, maximum),
        "lr_warmup_steps": decay * draw(st.floats(0, 0.99)) if draw(st.booleans()) else 0,
        "lr_decay_steps": decay,
        "lr_decay_style": style,
        "start_wd": high if increase == "constant" else low,
        "end_wd": high,
        "wd_incr_steps": draw(lengths.filter(bool)),
        "wd_incr_style": increase,
    }
    assume(arguments["lr_warmup_steps"] < decay)
    if style == "WSD":
        arguments["wsd_decay_steps"] = draw(lengths)
        arguments["lr_wsd_decay_style"] = draw(st.sampled_from(["linear", "cosine", "exponential", "minus_sqrt"]))
    return arguments


entries = st.fixed_dictionaries(
    {}, optional={"max_lr": rates, "min_lr": rates, "wd_mult": rates, "lr": rates, "weight_decay": rates}
)


def both(groups: list[dict[str, Any]], arguments: dict[str, Any]) -> tuple[Any, Any]:
    theirs = import_peer(*MEGATRON).OptimizerParamScheduler
    return tuple(
        built(kind, [dict(one) for one in groups], **arguments) for kind in (ours.OptimizerParamScheduler, theirs)
    )


def groups_of(scheduler: Any) -> Any:
    return scheduler.num_steps, scheduler.optimizer.param_groups


@examples(2000)
@given(runs(), st.lists(entries, min_size=1, max_size=3), st.lists(st.integers(-5, 30), max_size=8))
def test_every_run_is_equal_to_megatrons(arguments: Any, groups: Any, increments: Any) -> None:
    mine, theirs = both(groups, arguments)

    for increment in increments:
        if mine.num_steps + increment >= 0:
            mine.step(increment)
            theirs.step(increment)
            assert groups_of(mine) == groups_of(theirs)


@examples(1000)
@given(runs(), runs(), st.lists(entries, min_size=1, max_size=3), st.integers(0, 60), st.booleans(), st.booleans())
def test_a_state_of_either_class_continues_the_run(
    saved: Any, present: Any, groups: Any, steps: int, override: bool, is_ours: bool
) -> None:
    source = both(groups, saved)[not is_ours]
    source.step(steps)
    present |= {"override_opt_param_scheduler": override, "use_checkpoint_opt_param_scheduler": not override}
    # Arguments that Megatron's states lack are compared in the rows of `test_megatron_divergences.py`.
    present |= {key: value for key, value in saved.items() if key == "init_lr" or "wsd" in key}
    assume(present["init_lr"] <= present["max_lr"])
    assume("wsd_decay_steps" in saved or present["lr_decay_style"] != "WSD" or not override)
    mine, theirs = both(groups, present)

    mine.load_state_dict(source.state_dict())
    theirs.load_state_dict(source.state_dict())
    theirs.step(0)  # row 1

    assert groups_of(mine) == groups_of(theirs)


def test_states_have_megatrons_keys_and_three_more() -> None:
    state = built(ours.OptimizerParamScheduler).state_dict()
    theirs = built(import_peer(*MEGATRON).OptimizerParamScheduler).state_dict()

    assert state.keys() - theirs.keys() == {"init_lr", "wsd_decay_steps", "lr_wsd_decay_style"}
    assert {key: state[key] for key in theirs} == theirs


UPSTREAM = {
    "tests/unit_tests/test_optimizer_param_scheduler.py": (MEGATRON, 18),
    # Row 8: an unknown style is refused by the constructor.
    "tests/unit_tests/optim/test_scheduler.py": (AUTOMODEL, 55),
}


@pytest.mark.long
@pytest.mark.parametrize("file", UPSTREAM)
def test_the_peers_own_tests_pass(file: str, tmp_path: Path) -> None:
    (variable, _), passing = UPSTREAM[file]
    path = clone_of(variable) / file
    clone_of(MEGATRON[0])
    support = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(support), os.environ.get("PYTHONPATH", "")])}
    command = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "compat.megatron.peer",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
    ]
    command += ["-c", os.devnull, "--confcutdir", str(path.parent), "--noconftest", "-W", "ignore", str(path)]

    run = subprocess.run(
        [sys.executable, *command, "-k", "not unsupported_style"], env=environment, capture_output=True, text=True
    )

    assert f"{passing} passed" in run.stdout, run.stdout[-3000:] + run.stderr[-3000:]
    assert run.returncode == 0
