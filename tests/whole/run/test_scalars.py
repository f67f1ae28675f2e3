"""`scheduler.scalars()`: the values that the update used, with names that every logger accepts.

These tests need further doors.
"""

import csv

import paramsched as ps
from paramsched.tools.records.log_file import read_log
from paramsched.tools.records.log_values import AmountColumn
from support.updates import probe, used


def test_audit_reads_a_csv_of_scalars(tmp_path):
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 1.0})
    scheduler = ps.Scheduler(optimizer, {"lr": "linear()", "betas[0]": "linear()", "horizon": 10})
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, ["t", *scheduler.scalars()])
        rows.writeheader()
        for _ in range(3):
            optimizer.step()
            rows.writerow({"t": scheduler.t - 1} | scheduler.scalars())

    logged = read_log(tmp_path / "log.csv", fields=("lr", "betas[0]"), amount=AmountColumn())

    assert logged.names == ("body", "head")
    found = {(one.field, one.group): (one.t.tolist(), one.values.tolist()) for one in logged.columns}
    assert found == {
        (field, index): ([0, 1, 2], used(optimizer, field, index)) for index in (0, 1) for field in ("lr", "betas[0]")
    }
