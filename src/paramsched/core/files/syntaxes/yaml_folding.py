"""Long lines of YAML in several lines that YAML reads as one."""

from textwrap import wrap

from paramsched.core.files.syntaxes.yaml_text import read_yaml
from paramsched.errors import ConfigError


def folded_yaml(text: str, width: int) -> str:
    """Break lines of more than `width` characters in front of `>>` and at spaces.

    The text is returned unchanged if its data would change: a name must be in one line, and keep its spaces.

    >>> print(folded_yaml('lr: warmup("5 epochs") >> cosine(to=0.1)', 30))
    lr: warmup("5 epochs")
      >> cosine(to=0.1)
    """
    lines = text.split("\n")
    if max(map(len, lines)) <= width:
        return text
    folded = "\n".join(one for line in lines for one in _folded_line(line, width))
    try:
        same = read_yaml(folded, "") == read_yaml(text, "")
    except ConfigError:
        same = False
    return folded if same else text


def _folded_line(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    margin = len(line) - len(line.lstrip(" ")) + 2
    first, *stages = line.split(" >> ")
    lines, depth = [first], first.count("(") - first.count(")")
    for stage in stages:
        if len(lines[-1]) + len(stage) + 4 <= width:
            lines[-1] += f" >> {stage}"
        else:
            lines.append(f"{' ' * (margin + 2 * depth)}>> {stage}")
        depth += stage.count("(") - stage.count(")")
    indent = " " * (margin + 4)
    return [
        row
        for one in lines
        for row in wrap(one, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    ]
