"""MMEngine's own optimizer wrappers, given to the Runner: taken for ours, which Accelerate steps."""

import sys
from collections.abc import Mapping
from typing import Any

from paramsched.compat.mmengine import OptimWrapper
from paramsched.errors import InvalidArgument


def own_wrappers(config: Any) -> Any:
    """What stands at `optim_wrapper`, with MMEngine's wrappers and classes replaced by ours; anything else as it is.

    Raises:
        InvalidArgument: a wrapper that scales losses itself; Accelerate would do it again.
    """
    peer = sys.modules.get("mmengine.optim")
    return config if peer is None else _as_ours(config, peer)


def _as_ours(config: Any, peer: Any) -> Any:
    """The same as ours; `peer` is `mmengine.optim`. A wrapper's own class would step without Accelerate."""
    if isinstance(config, peer.OptimWrapperDict):
        return {name: _as_ours(one, peer) for name, one in config.items()}
    if isinstance(config, Mapping):
        kind = config.get("type")
        if isinstance(kind, type) and kind in (peer.OptimWrapper, peer.AmpOptimWrapper):
            return {**config, "type": kind.__name__}
        return {
            name: _as_ours(one, peer) if isinstance(one, peer.OptimWrapper) else one for name, one in config.items()
        }
    if isinstance(config, OptimWrapper) or not isinstance(config, peer.OptimWrapper):
        return config
    if type(config) is not peer.OptimWrapper:
        raise InvalidArgument(
            f"optim_wrapper=<{type(config).__name__}>",
            "it scales or steps in a way of its own, and here Accelerate does",
            "Write optim_wrapper=dict(type='AmpOptimWrapper', optimizer=wrapper.optimizer)",
        )
    limits = None if config.clip_grad_kwargs is None else {**config.clip_grad_kwargs, "type": config.grad_name[5:]}
    return OptimWrapper(config.optimizer, config._accumulative_counts, limits)
