"""Models: what can be evaluated, and the kinds that can be loaded by name."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.models.registry import MODEL_KINDS, Model, load_model

__all__ = ["MODEL_KINDS", "Model", "load_model"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.models.registry": ("MODEL_KINDS", "Model", "load_model"),
    },
)
