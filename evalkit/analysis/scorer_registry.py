"""The registry of the scorers whose numbers `emulate` prints.

Each is a module of this folder with a function `build_rules(**options)`, which returns the rules of
the scorer; its keyword parameters are the options of the scorer.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from evalkit.analysis.scorer_rules import ScorerRules
from evalkit.errors import UnknownNameError


@dataclass(frozen=True)
class Scorer:
    """The entry of a scorer in the registry.

    module: in evalkit.analysis. version: whose numbers are reproduced; "" for a practice. layer:
    the layer of evalkit whose items it compares. needs_tokens: it compares words, of the tags in
    the input or of the text. description: what it compares, for lists.
    """

    module: str
    version: str
    layer: str
    description: str
    needs_tokens: bool = False
    arguments: Mapping[str, Any] | None = None  # of build_rules, beside the options

    @property
    def options(self) -> dict[str, Any]:
        """The options and their defaults."""
        parameters = inspect.signature(self._build).parameters.values()
        fixed = self.arguments or {}
        return {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in fixed
        }

    def build_rules(self, options: Mapping[str, Any]) -> ScorerRules:
        """The rules of the scorer. Raises UnknownNameError for an unknown option."""
        known = self.options
        for name in options:
            if name not in known:
                raise UnknownNameError("option", name, known, within=self.module)
        rules: ScorerRules = self._build(**{**(self.arguments or {}), **options})
        return rules

    @property
    def _build(self) -> Any:
        return import_module(f"evalkit.analysis.{self.module}").build_rules


SCORERS = {
    "seqeval": Scorer(
        "scorer_seqeval",
        "1.2.2",
        "entities",
        "chunks of tagged words, invalid tags repaired",
        needs_tokens=True,
    ),
    "universal-ner": Scorer(
        "scorer_universal_ner", "4e454fe", "entities", "sets of strings, normalized as in SQuAD"
    ),
    "instruct-uie": Scorer(
        "scorer_instruct_uie", "e919e88", "entities", "sets of strings with their labels"
    ),
    "iepile": Scorer(
        "scorer_iepile", "11911a7", "entities", "strings, precision and recall rounded before F1"
    ),
    "gollie": Scorer(
        "scorer_gollie", "c08b28d", "entities", "strings, predictions in the text only"
    ),
}


def find_scorer(name: str) -> Scorer:
    """The scorer of a name. Raises UnknownNameError."""
    if name not in SCORERS:
        raise UnknownNameError("scorer", name, SCORERS)
    return SCORERS[name]
