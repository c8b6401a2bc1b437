"""Layers, metrics, matching and counting: documents of both sides in, integer counts out."""

from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import SCHEMES, Metric

__all__ = ["LAYERS", "SCHEMES", "Metric"]
