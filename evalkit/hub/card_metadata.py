"""What do the Hub and `load_dataset` read of a card?

A corpus and what a person wrote in; the YAML block out.
"""

from __future__ import annotations

from typing import Any

from evalkit.corpus import Corpus
from evalkit.errors import escape_controls
from evalkit.formats.hf_tables import CONFIGS, card_data
from evalkit.hub.allowed_values import size_category
from evalkit.hub.card_source import CardSource
from evalkit.results.tables import dump_yaml


def metadata(corpus: Corpus, part: CardSource, *, with_text: bool) -> dict[str, Any]:
    """The metadata, as plain values: what the part says, then what the corpus says.

    No sizes in bytes: where they were wrong, the data would not load.
    """
    return {
        **part.metadata,
        "size_categories": [size_category(len(corpus))],
        **card_data(corpus, with_text=with_text),
    }


def to_yaml(data: dict[str, Any]) -> str:
    """The metadata as YAML, as huggingface_hub writes it."""
    from huggingface_hub.repocard_data import DatasetCardData

    metadata: Any = DatasetCardData(**data)
    text = str(metadata.to_yaml())
    # Not from the text: YAML takes some control characters in it for line breaks.
    return (
        dump_yaml(metadata.to_dict()) if escape_controls(text, keep="\n") != text else text + "\n"
    )


def holds_text(data: dict[str, Any]) -> bool:
    """Whether a card's metadata declares a column with the texts."""
    infos = data.get("dataset_info")
    every = [of for of in infos if isinstance(of, dict)] if isinstance(infos, list) else []
    features = next(
        (of.get("features") for of in every if of.get("config_name") == CONFIGS[0]), None
    )
    return any(
        isinstance(of, dict) and of.get("name") == "text"
        for of in features or ()
        if isinstance(features, list)
    )
