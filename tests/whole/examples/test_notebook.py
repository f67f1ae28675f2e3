"""The notebook of the first tutorial has the text, the code and the output of its page."""

import json
import re

from support.pages import of_the_docs

(notebook,) = of_the_docs("notebook")


def test_the_notebook_is_the_page_as_executed():
    made = json.dumps(notebook.notebook(notebook.PAGE.read_text(encoding="utf-8")))
    kept = json.dumps(json.loads(notebook.FILE.read_text(encoding="utf-8")))

    # The accuracy depends on the version of torch.
    same = [re.sub(r"\d+% accuracy", "accuracy", text) for text in (made, kept)]
    assert same[0] == same[1], "run python docs/extensions/notebook.py"
    assert "240 updates" in kept
