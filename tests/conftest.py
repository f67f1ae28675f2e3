"""How long the property tests look, and how a case is called.

The quick profile draws the same few examples each time and shows a failure as it was drawn. With
`HYPOTHESIS_PROFILE=thorough` there are many, drawn anew, and a failure is made small first.
"""

import gc
import os
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, Phase, settings

# What is imported while tests are collected stays. The collector would go through all of it again and again.
gc.disable()

_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}
settings.register_profile("quick", max_examples=6, derandomize=True, phases=[Phase.explicit, Phase.generate], **_common)
# `make full`: before a release.
settings.register_profile("release", max_examples=30, derandomize=True, **_common)
# `make quick`: for the minutes between two edits.
settings.register_profile(
    "glance", max_examples=4, derandomize=True, phases=[Phase.explicit, Phase.generate], **_common
)
settings.register_profile("thorough", max_examples=1000, **_common)
# `make fuzz`: drawn anew in every round, as many as asked for.
settings.register_profile("fuzz", max_examples=int(os.environ.get("PARAMSCHED_EXAMPLES", "2000")), **_common)
PEERS = ["composer", "fvcore", "keras", "megatron", "mmengine", "optax", "timm", "torch", "torchtitan", "transformers"]
"""The libraries that have a folder in `paramsched.peers`."""

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the cases of libraries whose folders in `paramsched.peers` are not there, by their marks or parameters."""
    absent = {name for name in PEERS if find_spec(f"paramsched.peers.{name}") is None}
    for item in items if absent else ():
        named = {mark.args[0] for mark in item.iter_markers("peer")}
        callspec = getattr(item, "callspec", None)
        if callspec is not None:
            named |= {one for one in callspec.params.values() if isinstance(one, str)}
        if missing := absent & named:
            item.add_marker(pytest.mark.skip(f"without {', '.join(missing)} in paramsched.peers"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what the imports made to itself, and collect what the tests make."""
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Show a value in a test's id as it is written, where pytest would number it: `[{'lr': 0.1}]`, not `[config0]`."""
    if isinstance(val, bool | int | float | complex | str | bytes | type | None):
        return None  # pytest shows these itself
    text = getattr(val, "__name__", None) or repr(val)
    if not isinstance(text, str) or " at 0x" in text:
        return None  # an address is another in each process
    return text.encode("ascii", "backslashreplace").decode()[:60].replace("::", ":")
