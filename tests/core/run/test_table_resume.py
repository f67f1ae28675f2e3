"""A plan with a table in a file: its checkpoint contains the file name and resumes without the file."""

import numpy as np
import torch

import paramsched as ps


def test_a_checkpoint_without_its_table_file_resumes_with_the_plan_in_the_code(tmp_path, caplog):
    np.save(tmp_path / "lr.npy", np.array([0.5, 0.25, 0.125, 0.0625]))
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.table_file(tmp_path / "lr.npy")))
    optimizer.step()
    state = scheduler.state_dict()
    (tmp_path / "lr.npy").unlink()
    fresh = torch.optim.SGD([weight], lr=1.0)

    resumed = ps.Scheduler(fresh, ps.Plan(lr=ps.table([0.5, 0.25])))
    resumed.load_state_dict(state)

    assert fresh.param_groups[0]["lr"] == 0.25
    assert "the file does not exist" in caplog.text
