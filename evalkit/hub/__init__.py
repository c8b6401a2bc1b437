"""Publishing a corpus: its card, its files, and scores in the card of a model."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.hub.card_builder import build_card
    from evalkit.hub.model_card import update_model_card
    from evalkit.hub.publishing import publish

__all__ = ["build_card", "publish", "update_model_card"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.hub.card_builder": ("build_card",),
        "evalkit.hub.model_card": ("update_model_card",),
        "evalkit.hub.publishing": ("publish",),
    },
)
