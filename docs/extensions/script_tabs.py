"""The directive `{script}`: a script with a plan, and in a second tab what changes in the script without one.

Its content is a diff of the complete script. The first tab is the script after the change, which can be pasted and run;
the second tab is the diff. `tests/engines/test_docs.py` runs the script before and after the change.
"""

from docutils import nodes
from page_code import after
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_TABS = """\
::::{{tab-set}}
:::{{tab-item}} Complete script
:sync: script
```{{code-block}} python
{script}
```
:::
:::{{tab-item}} What changes
:sync: changes
```{{code-block}} diff
{diff}
```
:::
::::
"""


class ScriptDirective(SphinxDirective):
    """A script in one tab, and its change in another."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        diff = "\n".join(self.content)
        container = nodes.container()
        text = _TABS.format(script=after(diff), diff=diff)
        self.state.nested_parse(text.splitlines(), self.content_offset, container)
        for block in container.findall(nodes.literal_block):
            block["source"] = self.get_source_info()[
                0
            ]  # the tests run it, the build of the pages does not
        return container.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("script", ScriptDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
