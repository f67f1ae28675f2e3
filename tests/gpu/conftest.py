"""The devices for the tests of this folder, including the CPU, so that the tests also run without a GPU."""

import pytest
import torch

CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
)


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> str:
    """The device of a test."""
    return request.param  # type: ignore[no-any-return]  # one of the two above
