"""Each page runs as a reader pastes its HTML: every block in order, with only the set-up that the page shows."""

import json
import re
import sys
from types import ModuleType

import pytest

import paramsched as ps
from paramsched.core.schedules import SHAPES
from support import pages, programs
from support.pages import DOCS
from support.tables import table

pytestmark = pytest.mark.heavy
NOT_BUILT = {"_build", "_generated", "contributing"}
FOLDERS = ["", *sorted(path.name for path in DOCS.iterdir() if any(path.glob("*.md")) and path.name not in NOT_BUILT)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of the built pages."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("built")
    pages.build(folder)
    return folder / "html"


@pytest.mark.long
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_block_of_a_built_page_runs_as_pasted(built, folder, tmp_path, subtests):
    sources = sorted((DOCS / folder).glob("*.md"))
    some = [(built / page.relative_to(DOCS)).with_suffix(".html") for page in sources]
    done = programs.run([pages.__file__, str(tmp_path / "found"), *map(str, some)])
    assert done.returncode == 0, done.stderr
    actual = {page: rest for page, *rest in map(json.loads, (tmp_path / "found").read_text().splitlines())}

    for page in some:
        with subtests.test(page=str(page.relative_to(built))):
            failure, absent = actual[str(page)]
            assert not failure, failure
            if absent:
                pytest.skip(absent)


def _is_built_in(shape):
    module = shape.__module__
    return module.startswith("paramsched.") and getattr(sys.modules[module], shape.__name__, None) is shape


def test_the_reference_has_every_public_name():
    public = {f"paramsched.{name}" for name in ps.__all__ if not isinstance(getattr(ps, name), ModuleType)}
    # Other tests of the process register shapes of their own; those of doctests name a module that does not have them.
    built_in = {name for name, shape in SHAPES.items() if _is_built_in(shape)}
    rare = {f"paramsched.shapes.{name}" for name in built_in - {*ps.__all__}}

    assert public | rare <= {*pages.public_paths()}


@table("page", sorted(DOCS.glob("[!_]*/*.md")))
def test_each_plan_on_a_page_is_valid(page):
    actual = [block for block in pages.page_code.blocks(page.read_text(encoding="utf-8")) if block.language == "yaml"]
    for block in actual:
        is_plan = re.search("^lr: [^0-9]", block.text, re.MULTILINE)
        if is_plan and block.file != "wrong.yaml":
            ps.loads(block.text)
