"""The page on testing shows the recorded figures, and a new figure adds a row."""

import json

from support import figures


def test_the_table_shows_the_recorded_figures():
    page = figures.PAGE.read_text(encoding="utf-8")
    recorded = json.loads(figures.DATA.read_text(encoding="utf-8")) if figures.DATA.exists() else {}

    shown = figures.with_table(page, recorded)
    assert shown == page, f"write the table of {figures.PAGE.name} anew:\n{shown.split(figures.BEGIN)[1]}"


def test_a_new_figure_becomes_a_row():
    page = figures.PAGE.read_text(encoding="utf-8")

    shown = figures.with_table(page, {"a run": {"what": "cases", "tried": 12345, "failed": 0}})

    assert "| a run | cases | 12,345 | 0 |" in shown


def test_an_ordinary_run_does_not_write_figures(monkeypatch, tmp_path):
    monkeypatch.delenv("PARAMSCHED_FIGURES", raising=False)
    monkeypatch.setattr(figures, "DATA", tmp_path / "figures.json")

    figures.record("a run", tried=1, what="cases")

    assert not any(tmp_path.iterdir())
