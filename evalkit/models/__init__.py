"""Models: what can be evaluated, and the kinds that can be loaded by name."""

from evalkit.models.registry import KINDS, Model, load_model

__all__ = ["KINDS", "Model", "load_model"]
