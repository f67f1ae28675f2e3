"""The wheel is complete."""

import zipfile
from pathlib import Path

import pytest

from support.wheels import ROOT, build_wheel

PACKAGE = ROOT / "src" / "paramsched"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


def test_the_wheel_contains_every_file_of_the_package_except_its_readmes(wheel):
    kept = {one for one in PACKAGE.rglob("*") if one.is_file() and "__pycache__" not in one.parts}

    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if name.startswith("paramsched/")}

    files = {one.relative_to(PACKAGE.parent).as_posix() for one in kept if one.name != "README.md"}
    assert sorted(files - names) == [], "[tool.hatch.build.targets.wheel] in pyproject.toml leaves these files out"
    assert sorted(names - files) == [], "[tool.hatch.build.targets.wheel] in pyproject.toml adds these files"
