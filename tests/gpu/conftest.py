"""The devices for the tests of this folder, including the CPU, so that the tests also run without a GPU."""

from collections.abc import Iterator

import pytest
import torch

CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
)


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> str:
    """The device of a test."""
    return request.param  # type: ignore[no-any-return]  # one of the two above


@pytest.fixture
def fresh_accelerate(device: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Accelerate use the device: it keeps those of the first Accelerator for the whole process."""
    from accelerate.state import AcceleratorState, GradientState

    def forget() -> None:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()

    monkeypatch.setenv("ACCELERATE_USE_CPU", str(device == "cpu").lower())
    forget()
    yield
    forget()
