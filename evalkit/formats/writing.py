"""Finds the function that writes a format; some formats are only read.

HELD_LAYERS has the layers that the files of a format hold, if these are more than entities, so that
messages name the formats that can take the place of one that is only read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evalkit.data.document import LAYERS
from evalkit.errors import InputError
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS, CorpusLocation

ENTITIES_ONLY = ("entities",)
HELD_LAYERS: dict[str, tuple[str, ...]] = {
    "jsonl": LAYERS,
    "directory": LAYERS,
    "brat": LAYERS,
    "docbin": LAYERS,
    "parquet": LAYERS,
    "hf": LAYERS,
    "labelstudio": ("entities", "relations"),
    "cas": ("entities", "events", "relations"),
    "webanno": ("entities", "events", "relations"),
    "dygie": ("entities", "events", "relations"),
    "textee": ("entities", "events"),
    "spert": ("entities", "relations"),
    "gliner-json": ("entities", "relations"),
    "bigbio": ("entities", "events", "relations"),
    "bioc": ("entities", "events", "relations"),
    "maven": ("entities", "events", "relations"),
    "rams": ("events",),
    "wikievents": ("entities", "events"),
    "casie": ("entities", "events"),
    "docred": ("entities", "relations"),
    "pdnc": ("attributions",),
    "quotes": ("attributions",),
    "litbank": ("entities", "attributions", "relations"),
}


def find_writer(location: CorpusLocation) -> Callable[..., Any]:
    """The function that writes the format of a location.

    Raises InputError for a format that is only read; the message lists the formats that hold the
    same layers.
    """
    name = location.format
    if name is None or not FORMATS[name].read_only:
        return location.module.write  # type: ignore[no-any-return]
    layers = HELD_LAYERS.get(name, ENTITIES_ONLY)
    alternatives = []
    for other in WRITTEN_FORMATS:
        if set(layers) <= set(HELD_LAYERS.get(other, ENTITIES_ONLY)):
            alternatives.append(other)
    raise InputError(
        f"{location.path}: the format {name} is only read; write one of the formats that hold"
        f" {', '.join(layers)}: {', '.join(alternatives)}"
    )
