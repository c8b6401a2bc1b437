"""The YAML metadata of a dataset card: what its author wrote, and what the corpus determines."""

from __future__ import annotations

from typing import Any

from evalkit.corpus import Corpus
from evalkit.errors import escape_controls
from evalkit.formats.hf_tables import CONFIGS, card_data
from evalkit.hub.allowed_values import size_category
from evalkit.hub.card_source import CardSource
from evalkit.results.tables import dump_yaml


def build_metadata(corpus: Corpus, source: CardSource, *, with_text: bool) -> dict[str, Any]:
    """The metadata as plain values: those of the hand-written part, then those of the corpus.

    Sizes in bytes are left out: a wrong one would keep the data from loading.
    """
    return {
        **source.metadata,
        "size_categories": [size_category(len(corpus))],
        **card_data(corpus, with_text=with_text),
    }


def to_yaml(data: dict[str, Any]) -> str:
    """The metadata as YAML, as huggingface_hub writes it."""
    from huggingface_hub.repocard_data import DatasetCardData

    metadata: Any = DatasetCardData(**data)
    text = str(metadata.to_yaml())
    if escape_controls(text, keep="\n") == text:
        return text + "\n"
    # Dumped again rather than escaped: YAML takes some control characters for line breaks.
    return dump_yaml(metadata.to_dict())


def holds_text(data: dict[str, Any]) -> bool:
    """Whether a card's metadata declares a column with the texts."""
    infos = data.get("dataset_info")
    for info in infos if isinstance(infos, list) else ():
        if not isinstance(info, dict) or info.get("config_name") != CONFIGS[0]:
            continue
        features = info.get("features")
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict) and feature.get("name") == "text":
                return True
    return False
