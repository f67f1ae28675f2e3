"""torch's fake process group has one process, which trains alone."""

import logging

import pytest
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore

import paramsched as ps
from paramsched.core.run import processes as messages
from support.updates import probe


@pytest.fixture(params=[FakeStore, dist.HashStore])
def fake_group(request):
    messages._note_fake_group.cache_clear()
    dist.init_process_group("fake", store=request.param(), rank=1, world_size=8)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("clock", ["updates", "tokens", "progress"])
def test_a_process_of_a_fake_group_trains_alone_and_logs_it_once(fake_group, clock, caplog):
    plan = ps.Plan(lr="linear()", clock=clock)
    if clock in ("updates", "tokens"):
        plan = ps.Plan(lr="linear()", clock=clock, horizon=f"100 {clock}")
    caplog.set_level(logging.INFO, "paramsched")
    scheduler = ps.Scheduler(probe(), plan)
    for t in range(5):
        if clock == "tokens":
            scheduler.consumed(tokens=5)
        if clock == "progress":
            scheduler.report(progress=t / 10)
        scheduler.optimizer.step()

    assert scheduler.t == 5
    assert [one.levelname for one in caplog.records if "fake one" in one.getMessage()] == ["INFO"]
    assert not [one for one in caplog.records if one.levelno > logging.INFO]


def test_a_process_is_in_the_groups_that_contain_it(fake_group):
    plan = ps.Plan(lr="linear()", horizon=10)
    for ranks in (None, [1], [0, 1]):
        group = dist.group.WORLD if ranks is None else dist.new_group(ranks)
        scheduler = ps.Scheduler(probe(), plan, process_group=group)
        scheduler.optimizer.step()
        assert scheduler.t == 1
    for wrong, found in ((dist.new_group([0, 2]), "rank 1 is not in the process group"), ("world", "got str")):
        with pytest.raises(ps.errors.InvalidArgument, match=found):
            ps.Scheduler(probe(), plan, process_group=wrong)
