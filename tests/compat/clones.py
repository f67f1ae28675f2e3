"""Modules of peers from the files of clones that environment variables name, without their dependencies."""

import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest


def clone_of(variable: str) -> Path:
    """Return the clone that an environment variable names; skip the test if it is missing."""
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable} does not name a clone")
    return Path(folder)


def stubs_of(name: str) -> dict[str, ModuleType]:
    """Return empty packages for a module of a peer, and the function of Megatron's that it imports."""
    parents = name.split(".")[:-1]
    stubs = {path: ModuleType(path) for path in (".".join(parents[:end]) for end in range(1, len(parents) + 1))}
    utils = stubs["megatron.core.utils"] = ModuleType("megatron.core.utils")
    utils.log_single_rank = lambda logger, level, text: logger.log(level, text)  # type: ignore[attr-defined]
    return stubs


@cache
def import_peer(variable: str, name: str) -> ModuleType:
    """Import the module `name` from the file of a clone, without adding it to `sys.modules`."""
    spec = importlib.util.spec_from_file_location(name, clone_of(variable) / f"{name.replace('.', '/')}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, stubs_of(name)):
        spec.loader.exec_module(module)
    return module
