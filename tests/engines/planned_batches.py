"""The data and the plans of runs whose batches a plan schedules."""

import torch

import paramsched as ps

LENGTH = 37
X = torch.rand(LENGTH, generator=torch.Generator().manual_seed(0))
STAIRS = ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over=8)")
BY_SAMPLES = ps.Plan(
    ps.Binding(ps.Target("batch_size", 1), "rounded(linear(4, 12, over='60%'), 2)"),
    lr="cosine() * like('batch_size') / 4", clock="samples", total="150 samples",
)  # fmt: skip
BATCHES = list(ps.BatchSampler(BY_SAMPLES, LENGTH, seed=7))


class Killed(Exception):
    """The end of a run that is killed."""
