"""Many lines of one field: their rows are computed in parts, and each value is that of its line."""

import copy

import pytest
import torch

import paramsched as ps

COUNT = 40
END = 700


def line_of(index):
    return f"warmup({index + 1}) >> cosine(to=0.{index % 9 + 1})" if index % 3 else f"step({index + 7}, 0.9)"


PLAN = ps.Plan(
    *(ps.Binding("lr", ps.parse(line_of(index)), groups=f"g{index}") for index in range(COUNT)),
    weight_decay="linear(1.0, 0.5)",
    total=END,
)


def new():
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1 + index} for index in range(COUNT)]
    optimizer = torch.optim.SGD(
        [{**group, "name": f"g{index}"} for index, group in enumerate(groups)], weight_decay=0.1
    )
    return optimizer, ps.Scheduler(optimizer, PLAN)


def values_of(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


LINES = [ps.resolve(ps.parse(line_of(index)), total=END) for index in range(COUNT)]


def expected(t):
    return [schedule(t, base=0.1 + index) for index, schedule in enumerate(LINES)]


def train(optimizer, updates, begin):
    for t in range(begin, begin + updates):
        assert values_of(optimizer) == pytest.approx(expected(t), rel=0, abs=0), t
        optimizer.step()


def test_each_value_of_many_lines_is_that_of_its_line_up_to_the_end_of_the_plan_and_after_it():
    optimizer, scheduler = new()

    with pytest.warns(ps.PlanWarning, match="is over"):
        train(optimizer, END + 50, 0)
    assert scheduler.t == END + 50


@pytest.mark.parametrize("sought", [0, 3, 64, 65, 200, 330, END])
@pytest.mark.filterwarnings("ignore")
def test_a_jump_and_a_load_use_the_values_of_their_update(sought):
    optimizer, scheduler = new()
    train(optimizer, 70, 0)
    saved = copy.deepcopy(optimizer.state_dict())
    scheduler.seek(sought)
    train(optimizer, 40, sought)
    optimizer.load_state_dict(saved)
    train(optimizer, 300, 70)
    again, copied = copy.deepcopy((optimizer, scheduler))
    train(again, 40, 370)

    assert (scheduler.t, copied.t) == (370, 410)
