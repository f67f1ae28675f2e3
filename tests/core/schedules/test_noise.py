"""Noise: draws that depend only on the seed and the update."""

from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.plan import resolve
from paramsched.core.schedules import absolute, constant, cosine, noise, parse
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument
from support.tables import table

RUN = np.arange(60_000)
SEEDS = st.integers(0, 10**18)
TIMES = st.integers(0, 10**18)


@given(SEEDS, st.lists(TIMES, min_size=1, max_size=20), st.sampled_from(["normal", "uniform"]))
def test_a_draw_is_the_same_in_any_order_and_in_any_block(seed, times, kind):
    schedule = noise(0.1, kind, seed=seed)

    alone = [schedule(t) for t in times]

    assert schedule(np.array(times)).tolist() == alone
    assert schedule(np.array(times[::-1])).tolist() == alone[::-1]
    assert schedule(torch.tensor(times)).numpy() == pytest.approx(alone, rel=1e-13)


def test_draws_are_stable_across_versions():
    """A plan has the same noise if it is loaded later or on another machine."""
    draws = noise(1.0, "uniform", around=0, seed=42)

    found = [round(draws(t) * 2**31 + 0.5) for t in (0, 1, 2**16, 2**31, 2**32 + 1, 10**18)]
    assert found == [863149570, 1810699281, -2070649409, -683191325, 368423228, 454266804]


@pytest.mark.parametrize("seed", [0, 1, 2024])
def test_uniform_draws_are_evenly_distributed_and_independent(seed):
    draws = noise(1.0, "uniform", around=0, seed=seed)(RUN)

    assert draws.min() > -1
    assert draws.max() < 1
    for lag in (1, 2, 3, 256, 4096):
        counts = np.histogram2d(draws[:-lag], draws[lag:], 16, [[-1, 1]] * 2)[0]
        expected = (RUN.size - lag) / 256
        assert 150 < ((counts - expected) ** 2 / expected).sum() < 380  # chi-square of 255 degrees: one in a million
    assert len(set(draws.tolist())) > RUN.size - 5


def test_another_seed_gives_other_draws():
    first, second = noise(1.0, around=0, seed=0)(RUN), noise(1.0, around=0, seed=1)(RUN)

    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert not np.array_equal(first[1:], second[:-1])


def test_normal_draws_are_the_quantiles_of_the_uniform_ones():
    uniform, normal = noise(1.0, "uniform", around=0)(RUN[:5000]), noise(1.0, around=0)(RUN[:5000])

    assert normal == pytest.approx([NormalDist().inv_cdf((1 + u) / 2) for u in uniform.tolist()], abs=1e-14)


@pytest.mark.parametrize("clip", [0.1, 0.67])
def test_clipped_draws_have_the_truncated_normal_distribution(clip):
    clipped = np.sort(noise(1.0, clip=clip, around=0, seed=3)(RUN))
    free = noise(1.0, around=0, seed=4)(np.arange(6 * RUN.size))
    again = np.sort(free[abs(free) < clip])

    assert abs(clipped).max() < clip
    at = np.linspace(-clip, clip, 50)
    shares = [np.searchsorted(draws, at) / draws.size for draws in (clipped, again)]
    assert np.abs(shares[0] - shares[1]).max() < 0.015


def test_noise_can_be_multiplied_and_added():
    draws = noise(1.0, around=0, seed=5)
    planned = cosine(over=100)

    assert (planned * noise(0.1, seed=5))(7, base=0.2) == pytest.approx(planned(7, base=0.2) * (1 + 0.1 * draws(7)))
    added = planned + noise(absolute(1e-3), around=0, seed=5)
    assert added(7, base=0.2) == pytest.approx(planned(7, base=0.2) + 1e-3 * draws(7))


def test_a_noise_stage_starts_at_the_end_of_the_preceding_stage():
    """Reproduce `noise_range` of timm: noise starts at 40 % of the run."""
    schedule = resolve(cosine() * (constant(1.0, "40%") >> noise(0.1)), Calendar(total=100))

    assert schedule(39) == cosine(over=100)(39)
    assert schedule(40) != cosine(over=100)(40)


def test_the_draw_between_two_updates_is_that_of_the_earlier_one():
    assert noise()(7.75) == noise()(7)


def test_noise_reads_back_from_its_text():
    assert str(noise()) == "noise()"
    assert parse('noise(0.1, "uniform", seed=7)') == noise(0.1, "uniform", seed=7)


@table(
    ("arguments", "message"),
    [
        ({"kind": "gauss"}, "For example: noise"),
        ({"clip": 0}, "must be greater than 0"),
        ({"kind": "uniform", "clip": 0.5}, "uniform draws are already between"),
        ({"seed": -1}, "expected an integer of at least 0"),
        ({"size": float("nan")}, "must be finite"),
    ],
)
def test_invalid_arguments_are_rejected(arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        noise(**arguments)
