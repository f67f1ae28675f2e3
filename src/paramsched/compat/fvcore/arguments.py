"""The table of arguments of detectron2's solver."""

from typing import Literal, final

from paramsched.core.files.arguments import argument, argument_table


@final
@argument_table
class SolverArguments:
    """The entries of `SOLVER` that schedule lr."""

    LR_SCHEDULER_NAME: Literal[
        "WarmupMultiStepLR", "WarmupCosineLR", "WarmupStepWithFixedGammaLR", "WarmupPolyLR"  # WarmupPolyLR is DeepLab's
    ] = argument("WarmupMultiStepLR")
    MAX_ITER: int = argument(40000, low=1)
    BASE_LR: float = argument(0.001, above=0)
    BASE_LR_END: float = argument(0.0, low=0)
    GAMMA: float = argument(0.1, low=0)
    STEPS: tuple[float, ...] = argument((30000,), example=[60000, 80000])
    NUM_DECAYS: int = argument(3, low=0, high=10_000)
    WARMUP_FACTOR: float = argument(1.0 / 1000, low=0)
    WARMUP_ITERS: int = argument(1000, low=0)
    WARMUP_METHOD: Literal["linear", "constant"] = argument("linear")
    RESCALE_INTERVAL: bool = argument(False)
    POLY_LR_POWER: float = argument(0.9, low=0)
    POLY_LR_CONSTANT_ENDING: float = argument(0.0, low=0)
