"""Values have the same bits on every CPU, in every process, and in one call and in many."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paramsched.core.schedules.registry import SHAPES
from support import value_digests
from support.spread import spread

DIGESTS = json.loads(Path(__file__).with_name("digests.json").read_text("utf-8"))
"""The digest of each recipe, and of a line for each shape and each curve. A change of a plan's values changes it."""

WITHOUT_DIGEST = {"like", "from_function", "table_file"}  # their values are those of another line, or of a user


def features() -> list[str]:
    """Return the extensions of this CPU that NumPy has functions for, from the oldest to the newest."""
    try:
        from numpy._core import _multiarray_umath as umath
    except ImportError:
        from numpy.core import _multiarray_umath as umath  # NumPy 1
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


def digests_with(**environment: str) -> dict[str, str]:
    program = subprocess.run(
        [sys.executable, value_digests.__file__],
        input=json.dumps(list(DIGESTS)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | environment,
        check=True,
    )
    return json.loads(program.stdout)


LONGEST = ["recipe:dqn-atari", "recipe:rainbow-atari"]  # 12.5 million updates each
OTHERS = [name for name in DIGESTS if name not in LONGEST]


@pytest.mark.parametrize("names", spread([OTHERS, LONGEST], OTHERS))
def test_values_have_the_recorded_bits(names):
    assert {name: value_digests.digest_of(name) for name in names} == {name: DIGESTS[name] for name in names}


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("kept", [0, 1])
def test_values_have_the_same_bits_on_other_cpus(kept):
    """The environment hides extensions of the CPU from NumPy, and from the C library of Linux."""
    hidden = features()[kept:]
    tunables = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"} if kept == 0 else {}

    assert digests_with(NPY_DISABLE_CPU_FEATURES=" ".join(hidden), **tunables) == DIGESTS


@pytest.mark.heavy
@pytest.mark.long
@pytest.mark.parametrize("kernel", ["Nehalem", "Haswell", "SkylakeX"])
def test_recorded_answers_are_the_same_on_other_cpus(kernel):
    """The audit fits curves with functions of NumPy and of OpenBLAS, whose last bits depend on the CPU."""
    tests = Path(__file__).parents[1].rglob("test_*.py")
    files = [str(file) for file in tests if "@answers.in_parts(" in file.read_text("utf-8")]
    hidden = features()[{"Nehalem": 0, "Haswell": 1, "SkylakeX": 2}[kernel] :]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not heavy", *files]
    environment = {"NPY_DISABLE_CPU_FEATURES": " ".join(hidden), "OPENBLAS_CORETYPE": kernel}

    ran = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout[-3000:]


def test_each_shape_and_each_recipe_has_a_digest():
    lines = [line for line in DIGESTS if not line.startswith("recipe:")]

    assert {name for name in SHAPES if not any(f"{name}(" in line for line in lines)} == WITHOUT_DIGEST
    assert {f"recipe:{name}" for name in value_digests.ps.recipes} <= set(DIGESTS)


@pytest.mark.parametrize("line", ["warmup(100) >> cosine(to=0.1)", "polynomial(0.9)", "exponential(0.9995)", "tanh()"])
def test_a_value_has_the_same_bits_alone_and_among_others(line):
    schedule = value_digests.ps.resolve(value_digests.ps.parse(line), value_digests.FACTS)
    times = np.arange(0, value_digests.UPDATES, 7)
    all_values = schedule(np.arange(value_digests.UPDATES))

    assert [schedule(int(t)) for t in times] == all_values[times].tolist()
    assert schedule(times[:20]).tolist() == all_values[times[:20]].tolist()


if __name__ == "__main__":
    found = {name: value_digests.digest_of(name) for name in DIGESTS}
    Path(__file__).with_name("digests.json").write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", "utf-8")
