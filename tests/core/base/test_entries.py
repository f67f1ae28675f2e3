"""Modules that are registered by their purpose and imported on first use."""

import json
from types import SimpleNamespace

import pytest

from paramsched.core.base import entries


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(entries, "_ENTRIES", {})
    entries.register_entries("readers", {"one": "json.gone"})
    entries.register_entries("readers", {"known": "json.decoder", "absent": "json.no_door.reader"})


def test_an_entry_is_a_module_whose_door_is_installed(registered):
    assert entries.entry_names("readers") == ("known",)
    assert entries.entry_names("shapes") == ()
    assert entries.load_entry("readers", "known") is json.decoder
    with pytest.raises(KeyError):
        entries.load_entry("readers", "one")


def test_a_notebook_shows_what_the_module_for_drawing_returns(monkeypatch):
    drawing = SimpleNamespace(mime_bundle=lambda value: {"text/plain": f"drawn {value}"})
    monkeypatch.setattr(entries, "load_entry", lambda *place: {("packages", "drawing"): drawing}[place])

    assert entries.notebook_display(3, include=["text/plain"]) == {"text/plain": "drawn 3"}
