"""The page "Stop using paramsched": a run that continues from the table of values uses the same bits."""

from support import pages


def test_a_run_without_the_library_uses_the_bits_of_the_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (pages.DOCS / "how-to" / "leave.md").read_text(encoding="utf-8")
    session = pages.page_code.Page("leave")

    for block in pages.page_code.blocks(text):
        session.run(block)

    assert session.names["without"].keys() == set(range(8, 20))
