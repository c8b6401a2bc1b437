"""Layers, metrics, matching and counting: documents of both sides in, integer counts out."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.scoring.layers import LAYERS
    from evalkit.scoring.metrics import SCHEMES, Metric

__all__ = ["LAYERS", "SCHEMES", "Metric"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.scoring.layers": ("LAYERS",),
        "evalkit.scoring.metrics": ("SCHEMES", "Metric"),
    },
)
