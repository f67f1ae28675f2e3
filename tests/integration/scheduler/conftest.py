"""The library supports torch 2.1; tests that also use torch's distributed checkpoints need torch 2.2."""

from importlib.util import find_spec

if find_spec("torch.distributed.checkpoint.state_dict") is None:
    collect_ignore = [
        f"test_{name}.py" for name in ("counting", "dcp", "dcp_of_processes", "distributed", "hidden_steps", "history")
    ]
