"""The line that an error advises for a call of timm, from its table.

`tests/whole/reference/test_calls_of_peers.py` compares the values of such lines with those of timm.
"""

from support.peer_lines import as_printed, line_of
from support.tables import table


@table(
    ("call", "line"),
    [
        ("timm.CosineLRScheduler(90)", 'every(cosine(1.0, 0.0, "90 epochs"), "epoch")'),
        (
            "timm.CosineLRScheduler(9, 1e-5, warmup_t=5, warmup_lr_init=1e-6)",
            'every(overlay(warmup("5 epochs", absolute(1e-06)), cosine(1.0, absolute(1e-05), "9 epochs")), "epoch")',
        ),
        (
            "timm.CosineLRScheduler(90, warmup_t=5, warmup_prefix=True)",
            'every(warmup("5 epochs", 0.0) >> cosine(1.0, 0.0, "90 epochs"), "epoch")',
        ),
        ("timm.CosineLRScheduler(900, t_in_epochs=False)", "cosine(1.0, 0.0, 900)"),
        ("timm.CosineLRScheduler(90, cycle_limit=2)", 'every(restarts(cosine(), "90 epochs", 2), "epoch")'),
        ("timm.CosineLRScheduler(90, noise_range_t=5)", None),
        (
            "timm.CosineLRScheduler(90, k_decay=2)",
            'every(anneal(over="90 epochs", curve=curves.cosine_k_decay(2.0)), "epoch")',
        ),
        ("timm.CosineLRScheduler(90, initialize=False)", None),
        ("timm.CosineLRScheduler(90, cycle_mul=2.0)", 'every(cosine(1.0, 0.0, "90 epochs"), "epoch")'),
        ("timm.CosineLRScheduler(90, other=1)", None),
        ("timm.PolyLRScheduler(90, 2.0, 0.1)", 'every(polynomial(2.0, 1.0, absolute(0.1), "90 epochs"), "epoch")'),
        (
            "timm.StepLRScheduler(30, 0.1, warmup_t=5)",
            'every(warmup("5 epochs", 0.0) >> step("30 epochs", 0.1), "epoch")',
        ),
        (
            "timm.StepLRScheduler(30, 0.1, warmup_t=5, warmup_prefix=False)",
            'every(overlay(warmup("5 epochs", 0.0), step("30 epochs", 0.1)), "epoch")',
        ),
        ("timm.MultiStepLRScheduler([60, 30], 0.1)", None),
        ("timm.MultiStepLRScheduler([30, 60], 0.1)", 'multistep(["29 epochs", "59 epochs"], 0.1)'),
        ("timm.StepLRScheduler(2.5, 0.1)", None),
        (
            "timm.MultiStepLRScheduler([30, 60], 0.1, warmup_t=5)",
            'every(warmup("5 epochs", 0.0) >> take(multistep(["29 epochs", "59 epochs"]), "60 epochs"), "epoch")',
        ),
    ],
)
def test_a_call_of_timm_has_this_line_here(call, line):
    assert line_of(call) == as_printed(line)
