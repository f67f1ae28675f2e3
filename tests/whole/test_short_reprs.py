"""What an interpreter prints of a value can be read: long lists are shortened, as numpy does."""

import torch

import paramsched as ps


def test_a_diagnostic_is_one_line():
    (found,) = ps.check(ps.Plan(lr="linear(0.5, 0)", horizon=100))[:1]

    assert repr(found) == f"<Diagnostic {found}>"
    assert "\n" not in repr(found)


def test_long_lists_of_numbers_are_shortened():
    numbers = [t / 8 for t in range(200)]
    table, plan = ps.table(numbers), ps.Plan(lr=ps.table(numbers), horizon=200)

    assert repr(table) == "table([0.0, 0.125, 0.25, ..., 24.625, 24.75, 24.875])"
    assert repr(plan) == "<Plan horizon: 200; lr: table([0.0, 0.125, 0.25, ..., 24.625, 24.75, 24.875])>"
    assert str(plan).count(",") == 199


def test_recorded_curves_are_shortened():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    halving = torch.optim.lr_scheduler.StepLR(optimizer, 100, 0.5)

    found = repr(ps.show.simulate(halving, 400))

    assert found == "<RecordedCurves of 400 updates; ('lr', 0): [1.    1.    1.    ... 0.125 0.125 0.125]>"
