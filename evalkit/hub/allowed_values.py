"""The values that the Hugging Face Hub allows in a dataset card's metadata.

Creators, languages, multilinguality and sizes are read from files of the package `datasets`. No
package has the others; allowed_values.json has them, as read in November 2026 from the public
repositories of Hugging Face:

    license                      hub-docs, docs/hub/repositories-licenses.md at commit 008d54d
    task_categories, task_ids    huggingface.js, packages/tasks/src/pipelines.ts at commit 0057f40

A license that is newer than the list is written as `other`, with license_name and license_link.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evalkit.errors import MissingDependencyError


@lru_cache
def load_allowed_values() -> dict[str, frozenset[str]]:
    """The values that each field of the metadata may have.

    Raises MissingDependencyError where `datasets` is not installed.
    """
    bundled = json.loads((resources.files("evalkit.hub") / "allowed_values.json").read_bytes())
    creators = _resource("creators")
    return {
        "language": frozenset(_resource("languages")) | {"multilingual"},
        "annotations_creators": frozenset(creators["annotations"]),
        "language_creators": frozenset(creators["language"]),
        "multilinguality": frozenset(_resource("multilingualities")),
        "size_categories": frozenset(_resource("size_categories")),
        **{field: frozenset(values) for field, values in bundled.items()},
    }


def size_category(documents: int) -> str:
    """The Hub's name for a number of documents.

    >>> size_category(1), size_category(1000), size_category(2_000_000)
    ('n<1K', '1K<n<10K', '1M<n<10M')
    """
    bounds = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
    if documents < 1000:
        return "n<1K"
    thousands = len(str(documents)) - 4
    if thousands + 1 >= len(bounds):
        return "n>1T"
    return f"{bounds[thousands]}<n<{bounds[thousands + 1]}"


def _resource(name: str) -> Any:
    """A list of the package `datasets`, read as a file: importing the package takes seconds."""
    package = find_spec("datasets")
    if package is None or not package.submodule_search_locations:
        raise MissingDependencyError(
            "checking a card needs the package datasets, which is not installed: pip install"
            " 'datasets>=4'"
        )
    path = Path(package.submodule_search_locations[0]) / "utils" / "resources" / f"{name}.json"
    if not path.is_file():
        raise MissingDependencyError(
            f"checking a card needs utils/resources/{name}.json of the package datasets, which the"
            " installed version does not have: pip install 'datasets>=4,<6'"
        )
    return json.loads(path.read_text(encoding="utf-8"))
