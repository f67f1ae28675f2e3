"""One of several processes whose job ends before its plan.

Arguments: the rank, the number of processes, the port of the store, the seconds of an update, "together" if the
processes wait for each other at every update, the moment of `stop_before` or "", and the result file.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

import paramsched as ps
from support.updates import probe

if __name__ == "__main__":
    rank, size, port, pace, waits, moment, file = sys.argv[1:]
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=int(rank), world_size=int(size))
    plan = ps.Plan(lr="cosine()", horizon=10_000_000)
    stop_before = (moment if rank == "0" else "in 1 h") if moment else None  # rank 0 decides
    scheduler = ps.Scheduler(probe(), plan, stop_on="SIGTERM", stop_before=stop_before)
    ends, number, began = [], torch.ones(1), time.time()
    dist.barrier()
    Path(f"{file}.pid").write_text(str(os.getpid()))
    while not scheduler.should_stop and time.time() < began + 120:
        if waits == "together":
            dist.all_reduce(number)
        time.sleep(float(pace) * (1 + int(rank) * (waits != "together")))
        scheduler.optimizer.step()
        ends.append(time.time())
    Path(file).write_text(json.dumps({"t": scheduler.t, "reason": scheduler.stop_reason, "ends": ends}))
    dist.barrier()
