"""The YAML front matter of Markdown files, as model cards and dataset cards have it.

With YAML aliases, a few lines can stand for billions of values. `parse_yaml` counts them before it
builds any, and refuses more than MAX_REPEATED.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from evalkit.errors import LoadError, quoted_repr, to_one_line

MAX_REPEATED = 100_000  # values that aliases add to those that are written out
_FRONT = re.compile(
    r"(\ufeff?\s*---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE
)


class FrontMatter(NamedTuple):
    """A Markdown text in four parts, which together are the text: the line ---, the YAML, the
    second line ---, and all that follows.
    """

    opening: str
    block: str
    closing: str
    body: str


def split_front_matter(text: str) -> FrontMatter | None:
    """The parts of a text that begins with front matter; None for one that does not."""
    match = _FRONT.match(text)
    return FrontMatter(match[1], match[2], match[3], text[match.end() :]) if match else None


def parse_mapping(block: str, where: str, what: str) -> dict[str, Any]:
    """The names and values of a YAML text; none where it is empty.

    Raises LoadError, which begins with `where: the what`.
    """
    data = parse_yaml(block, where, what)
    if data is not None and not isinstance(data, dict):
        raise LoadError([f"{where}: invalid {what} {quoted_repr(data)}: expected names and values"])
    return data or {}


def parse_yaml(text: str, where: str, what: str) -> Any:
    """The plain values of a YAML text.

    Raises LoadError where it is not YAML, or where its aliases expand to too many values.
    """
    import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, and without types

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            return None
        counts: dict[int, int] = {}
        if _count_values(root, counts) - len(counts) > MAX_REPEATED:
            raise LoadError(
                [
                    f"{where}: the {what} has YAML aliases that stand for more than"
                    f" {MAX_REPEATED:,} values; write the values out"
                ]
            )
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError([f"{where}: the {what} is not YAML: {to_one_line(error)}"]) from None
    except RecursionError:
        raise LoadError([f"{where}: the {what} is nested too deeply"]) from None


def _count_values(node: Any, counts: dict[int, int]) -> int:
    """How many values a node stands for, itself included; a node that holds itself stands for more
    than are allowed.

    counts: of the nodes that were counted before, and of those that are being counted.
    """
    if id(node) in counts:
        return counts[id(node)]
    if isinstance(node.value, str):
        counts[id(node)] = 1
        return 1
    counts[id(node)] = (
        2 * MAX_REPEATED
    )  # what is found while this node is being counted is the node itself
    children = [
        child for item in node.value for child in (item if isinstance(item, tuple) else (item,))
    ]
    counts[id(node)] = 1 + sum(_count_values(child, counts) for child in children)
    return counts[id(node)]
