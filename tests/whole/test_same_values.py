"""Values have the same bits in every process of a machine, in one call and in many; on other CPUs, nearly the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paramsched.core.schedules import SHAPES
from support.spread import every, spread
from support.updates import probe, used
from whole import recorded_values

RECORDED = json.loads(Path(__file__).with_name("recorded_values.json").read_text("utf-8"))
"""Numbers of each recipe, and of a line for each shape and each curve. A change of a plan's values changes them."""

NOT_RECORDED = {"like"}  # its values are those of another line


def features() -> list[str]:
    """Return the extensions of this CPU that NumPy has functions for, by NumPy's own names."""
    try:
        from numpy._core import _multiarray_umath as umath
    except ImportError:
        from numpy.core import _multiarray_umath as umath  # NumPy 1
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


LONGEST = ["recipe:dqn-atari", "recipe:rainbow-atari"]  # 12.5 million updates each
OTHERS = [name for name in RECORDED if name not in LONGEST]


@pytest.mark.parametrize("names", spread([OTHERS, LONGEST], OTHERS))
def test_values_are_those_recorded(names):
    actual = {name: recorded_values.numbers_of(name) for name in names}

    assert [name for name in names if not recorded_values.is_recorded(name, actual[name], RECORDED[name])] == []


@pytest.mark.heavy
@pytest.mark.parametrize("kept", every(2, [0, 1]))
def test_values_on_other_cpus_are_those_recorded_although_the_bits_of_numpy_differ(kept):
    """The environment hides extensions of the CPU from NumPy, and from the C library of Linux."""
    hidden = features()[kept:]
    if not hidden:
        pytest.skip(
            f"NumPy has functions for {kept} extensions of this CPU only, so there are no other bits to compare"
        )
    tunables = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"} if kept == 0 else {}
    program = subprocess.run(
        [sys.executable, recorded_values.__file__],
        input=json.dumps(OTHERS),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(hidden)} | tunables,
        check=True,
    )
    there = json.loads(program.stdout)

    assert there["bits"] != recorded_values.bits_of_numpy()
    values = there["values"]
    assert [name for name in OTHERS if not recorded_values.is_recorded(name, values[name], RECORDED[name])] == []


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("kernel", ["Nehalem", "Haswell", "SkylakeX"])
def test_recorded_answers_are_the_same_on_other_cpus(kernel):
    """The audit fits curves with functions of NumPy and of OpenBLAS, whose last bits depend on the CPU."""
    if kernel == "SkylakeX" and not {"X86_V4", "AVX512F", "AVX512_SKX"} & {*features()}:
        pytest.skip("this CPU has no AVX-512, whose instructions that kernel uses")
    tests = Path(__file__).parents[1].rglob("test_*.py")
    files = [str(file) for file in tests if "@answers.in_parts(" in file.read_text("utf-8")]
    hidden = features()[{"Nehalem": 0, "Haswell": 1, "SkylakeX": 2}[kernel] :]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not heavy", *files]
    environment = {"NPY_DISABLE_CPU_FEATURES": " ".join(hidden), "OPENBLAS_CORETYPE": kernel}

    ran = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout[-3000:]


def test_each_shape_and_each_recipe_is_recorded():
    lines = [line for line in RECORDED if not line.startswith("recipe:")]

    modules = [module for name, module in sys.modules.items() if name.startswith("paramsched.")]
    built_in = [
        name for name, builder in SHAPES.items() if any(vars(module).get(name) is builder for module in modules)
    ]
    assert {name for name in built_in if not any(f"{name}(" in line for line in lines)} == NOT_RECORDED
    assert {f"recipe:{name}" for name in recorded_values.ps.recipes} <= set(RECORDED)


@pytest.mark.parametrize("line", ["warmup(100) >> cosine(to=0.1)", "polynomial(0.9)", "exponential(0.9995)", "tanh()"])
def test_a_value_has_the_same_bits_alone_and_among_others(line):
    schedule = recorded_values.ps.resolve(recorded_values.ps.parse(line), facts=recorded_values.FACTS)
    times = np.arange(0, recorded_values.UPDATES, 7)
    all_values = schedule(np.arange(recorded_values.UPDATES))

    assert [schedule(int(t)) for t in times] == all_values[times].tolist()
    assert schedule(times[:20]).tolist() == all_values[times[:20]].tolist()
    assert schedule(times[::-1]).tolist() == all_values[times[::-1]].tolist()


@pytest.mark.parametrize(
    "line",
    [
        'warmup("10%") >> cosine(to=0.1)',
        "polynomial(0.9)",
        'exponential(0.01, per="5%")',
        "geometric(1.0, 0.05)",
        "tanh()",
        "cosine() ** 0.7",
        'warmup("10%", curve=curves.sigmoid(10)) >> inverse_sqrt("10%")',
        "anneal(1, 0.1, curve=curves.log)",
    ],
)
@pytest.mark.parametrize("sizes", [[1000], [997, 1003, 1013]], ids=["equal", "varying"])
@pytest.mark.filterwarnings("ignore:the learning rate is nearly 0")
def test_the_values_that_are_applied_are_those_of_the_trace(line, sizes):
    """Values of equal amounts are computed in blocks, and those of varying amounts one by one."""
    plan = recorded_values.ps.Plan(lr=line, clock="tokens", total="100_000 tokens")
    optimizer = probe()
    scheduler = recorded_values.ps.Scheduler(optimizer, plan)
    amounts = []
    for t in range(99):
        amounts.append(scheduler.amount)
        scheduler.consumed(tokens=sizes[t % len(sizes)])
        optimizer.step()

    assert used(optimizer) == recorded_values.ps.trace(plan, {"lr": 0.1}, amounts=amounts)["lr", 0].tolist()


if __name__ == "__main__":
    values_by_name = {name: recorded_values.numbers_of(name) for name in RECORDED}
    text = ",\n".join(
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(numbers)}" for name, numbers in values_by_name.items()
    )
    Path(__file__).with_name("recorded_values.json").write_text(f"{{\n{text}\n}}\n", "utf-8")
