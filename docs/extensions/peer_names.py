"""Directives that make a page the first result of a search: `{peer-names}` and `{search-words}`.

`{peer-names}` lists the names of a library:

    ```{peer-names} Hugging Face
    get_scheduler
    ```

Each name of the library's schedulers becomes a main entry of the index, as does each line of the content. The search
ranks such entries above classes, titles and text. `{search-words}` does the same for the words of its content, which a
user types and no title contains.
"""

from collections.abc import Iterable

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from paramsched.core.schedules.text import NAMES_OF_LIBRARIES


def entries(
    library: str, names: Iterable[str]
) -> list[tuple[str, str, str, str, None]]:
    """Return the entries of the index for the names of a library, and for more names."""
    listed = dict.fromkeys([*NAMES_OF_LIBRARIES.get(library, ()), *names])
    return [("single", name, "", "main", None) for name in listed]


class PeerNames(SphinxDirective):
    """Entries of the index for the names of a library."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        return [
            addnodes.index(
                entries=entries(self.arguments[0], filter(None, self.content))
            )
        ]


class SearchWords(SphinxDirective):
    """Main entries of the index for words that a user types, one a line."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        listed = [
            ("single", word, "", "main", None) for word in filter(None, self.content)
        ]
        return [addnodes.index(entries=listed)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("peer-names", PeerNames)
    app.add_directive("search-words", SearchWords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
