"""Models: what can be evaluated, and the kinds that can be loaded by name."""

from evalkit.models.registry import MODEL_KINDS, Model, load_model

__all__ = ["MODEL_KINDS", "Model", "load_model"]
