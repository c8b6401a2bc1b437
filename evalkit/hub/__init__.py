"""Publishing a corpus: its card, its files, and scores in the card of a model."""

from evalkit.hub.card_builder import build_card
from evalkit.hub.model_card import update_model_card
from evalkit.hub.publishing import publish

__all__ = ["build_card", "publish", "update_model_card"]
