"""Each former name returns the current object and warns with its name, and the page on stability lists it."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

import paramsched as ps
from paramsched.base.former_names import FORMER_NAMES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "paramsched"
ROWS = {former: current for names in FORMER_NAMES.values() for former, current in names.items()}
MODULES = {
    ".".join(["paramsched", *file.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__"): file.read_text(
        encoding="utf-8"
    )
    for file in SOURCE.rglob("*.py")
}
FORMER_MODULES = sorted(name for name, text in MODULES.items() if "former_module(__name__)" in text)
NAMES = sorted(former for former in ROWS if former.startswith("paramsched.") and former not in FORMER_MODULES)


@pytest.mark.parametrize("former", FORMER_MODULES)
def test_a_former_module_is_the_current_one_and_warns(former, monkeypatch):
    monkeypatch.delitem(sys.modules, former, raising=False)

    with pytest.warns(DeprecationWarning, match=f"{former} is deprecated; use {ROWS[former]}"):
        module = import_module(former)

    assert module is import_module(ROWS[former])


def test_the_modules_of_a_former_package_are_the_current_ones():
    for name in (file.stem for file in (SOURCE / "peers").iterdir() if file.stem[0] != "_"):
        assert import_module(f"paramsched.config.dialects.{name}") is import_module(f"paramsched.peers.{name}")


@pytest.mark.parametrize("former", NAMES)
def test_a_former_name_is_the_current_object_and_warns(former):
    home, _, name = former.rpartition(".")
    current_home, _, current = ROWS[former].rpartition(".")

    with pytest.warns(DeprecationWarning, match=f"{former} is deprecated; use {ROWS[former]}") as caught:
        value = getattr(import_module(home), name)

    assert value is getattr(import_module(current_home), current)
    assert caught[0].filename == __file__


def test_the_table_has_exactly_the_former_attributes_of_the_classes():
    attributes = {
        f".{name}"
        for text in MODULES.values()
        for name in re.findall(r'^    (\w+) = former_attribute\("\1"\)$', text, re.M)
    }

    assert attributes == {former for former in ROWS if former.startswith(".")}


def test_a_former_attribute_has_the_current_value_and_warns():
    with pytest.raises(ps.InvalidArgument) as error:
        ps.cosine(to="x")

    with pytest.warns(DeprecationWarning, match=r"^\.asked is deprecated; use \.site$") as caught:
        assert error.value.asked == error.value.site
    assert caught[0].filename == __file__


def test_a_module_with_former_names_has_no_other_name():
    with pytest.raises(AttributeError, match=r"module 'paramsched\.errors' has no attribute 'Faults'"):
        _ = ps.errors.Faults


def test_the_page_on_stability_has_each_former_name_and_the_version_that_may_remove_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), str(ROOT / "docs" / "extensions"), *sys.path])
    table = import_module("reference_pages").former_names_table()

    assert "| `errors.Fault` | `errors.Diagnostic` | 0.4 |\n" in table
    assert table.count("\n") == len(ROWS) + 2
    page = (ROOT / "docs" / "explanation" / "stability.md").read_text(encoding="utf-8")
    assert "```{include} ../_generated/former_names.md\n" in page
