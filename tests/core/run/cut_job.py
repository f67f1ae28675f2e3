"""One of two processes of a job with FSDP2 and torch's distributed checkpoint, which is cut and submitted again.

Arguments: the rank, the port of the store, the folder of the checkpoint, the clock of the plan, and the seconds of an
update. It exits with 0 at the end of the plan, else with 75. The result file of each job has what its updates used.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import paramsched as ps

UPDATES = 60
PLANS = {
    "updates": ps.Plan(lr="warmup(10) >> cosine()", weight_decay="linear(1, 0.5)", horizon=UPDATES),
    "tokens": ps.Plan(lr='warmup("900 tokens") >> linear()', clock="tokens", horizon=f"{UPDATES * 100} tokens"),
    "seconds": ps.Plan(lr='warmup("10 s") >> linear(1, 0.2)', clock="seconds", horizon=f"{UPDATES} s"),
}


def consumption(clock: str, t: int) -> float:
    """Return what update `t` consumes: tokens that vary, or seconds that all jobs report equally."""
    return 60 + 20 * (t % 5) if clock == "tokens" else 0.5 + t % 3 / 2


def trained(rank: int, folder: Path, clock: str, pace: float) -> ps.Scheduler:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4))
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    scheduler = ps.Scheduler(optimizer, PLANS[clock], stop_on="SIGTERM", stop_before=os.environ.get("CUT_BEFORE"))
    saved = sorted(folder.glob("checkpoint-*"))
    if saved:
        weights, states = get_state_dict(model, optimizer)
        state: dict[str, Any] = {"model": weights, "optimizer": states, "scheduler": scheduler.state_dict()}
        dcp.load(state, checkpoint_id=saved[-1])
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
    begin, used, inputs = scheduler.t, [], torch.Generator()
    while not scheduler.should_stop:
        inputs.manual_seed(2 * scheduler.t + rank)
        model(torch.randn(3, 4, generator=inputs)).square().mean().backward()
        if clock != "updates":
            scheduler.consumed(**{clock: consumption(clock, scheduler.t)})
        used.append(optimizer.param_groups[0]["lr"])
        time.sleep(pace)
        optimizer.step()
        optimizer.zero_grad()
    weights, states = get_state_dict(model, optimizer)
    target = folder / f"checkpoint-{scheduler.t:04}"
    dcp.save({"model": weights, "optimizer": states, "scheduler": scheduler.state_dict()}, checkpoint_id=target)
    found = {"begin": begin, "t": scheduler.t, "reason": scheduler.stop_reason, "used": used}
    (folder / f"job-{begin:04}-{rank}.json").write_text(json.dumps(found))
    if scheduler.stop_reason == "plan":
        torch.save([one.full_tensor() for one in model.parameters()], folder / f"weights-{rank}.pt")
    return scheduler


def main() -> int:
    rank, port, folder, clock, pace = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4], float(sys.argv[5])
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    scheduler = trained(rank, folder, clock, pace)  # it handles the signal until the process ends
    dist.barrier()
    dist.destroy_process_group()
    return 0 if scheduler.stop_reason == "plan" else 75


if __name__ == "__main__":
    sys.exit(main())
