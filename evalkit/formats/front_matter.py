"""Splits Markdown files into YAML front matter and body, and parses the YAML.

Model cards and dataset cards have such front matter. With YAML aliases, a few lines can expand to
billions of values; `parse_yaml` counts the values before it builds them, and refuses more than
MAX_REPEATED.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from evalkit.errors import LoadError, quoted_repr, to_one_line

MAX_REPEATED = 100_000  # maximum number of values that aliases add
_FRONT = re.compile(
    r"(\ufeff?\s*---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE
)


class FrontMatter(NamedTuple):
    """The parts of a Markdown text: the opening line ---, the YAML, the closing line ---, the rest.
    Joined, they are the text.
    """

    opening: str
    block: str
    closing: str
    body: str


def split_front_matter(text: str) -> FrontMatter | None:
    """Returns the parts of a text that begins with front matter; None for any other text."""
    match = _FRONT.match(text)
    return FrontMatter(match[1], match[2], match[3], text[match.end() :]) if match else None


def parse_mapping(block: str, where: str, what: str) -> dict[str, Any]:
    """Returns the mapping of a YAML text; an empty one for an empty text.

    `where` and `what` are used in messages: "WHERE: the WHAT is not YAML". Raises LoadError for
    a text that is not YAML or not a mapping.
    """
    data = parse_yaml(block, where, what)
    if data is not None and not isinstance(data, dict):
        raise LoadError([f"{where}: invalid {what} {quoted_repr(data)}: expected names and values"])
    return data or {}


def parse_yaml(text: str, where: str, what: str) -> Any:
    """Returns the content of a YAML text as plain values.

    Raises LoadError if it is not YAML, or if its aliases expand to too many values.
    """
    import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, and without types

    try:
        try:
            # Ten times as fast, where PyYAML has it; its messages show no excerpt.
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
            root = loader.get_single_node()
        except yaml.YAMLError:
            loader = yaml.SafeLoader(text)
            root = loader.get_single_node()
        if root is None:
            return None
        counts: dict[int, int] = {}
        if _count_values(root, counts) - len(counts) > MAX_REPEATED:
            raise LoadError(
                [
                    f"{where}: the {what} has YAML aliases that expand to more than"
                    f" {MAX_REPEATED:,} values; write the values out"
                ]
            )
        return loader.construct_document(root)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError([f"{where}: the {what} is not YAML: {to_one_line(error)}"]) from None
    except RecursionError:
        raise LoadError([f"{where}: the {what} is nested too deeply"]) from None


def _count_values(node: Any, counts: dict[int, int]) -> int:
    """Returns the number of values that a node expands to, including itself.

    A node that contains itself has more than are allowed. `counts` has the numbers of the nodes
    visited so far, by id.
    """
    if id(node) in counts:
        return counts[id(node)]
    if isinstance(node.value, str):
        counts[id(node)] = 1
        return 1
    counts[id(node)] = 2 * MAX_REPEATED  # used if the node is visited again below itself
    total = 1
    for item in node.value:
        for child in item if isinstance(item, tuple) else (item,):
            total += _count_values(child, counts)
    counts[id(node)] = total
    return total
