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

SHARED_OPTIONS = ("practices", "tagging", "heads")  # of all scorers


@dataclass(frozen=True)
class Scorer:
    """The entry of a scorer in the registry.

    module: in evalkit.analysis. version: whose numbers are reproduced; "" for a practice. layer:
    the layer of evalkit whose items it compares. needs_tokens: it compares words, of the tags in
    the input or of the text. reads_tags: it reads the tags of a file as they are, valid or not.
    reads_events: it reads the events of documents itself. description: what it compares, for lists.
    """

    module: str
    version: str
    layer: str
    description: str
    needs_tokens: bool = False
    reads_tags: bool = False
    reads_events: bool = False
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
                names = (*known, *SHARED_OPTIONS)
                scorer = self.module.removeprefix("scorer_").replace("_", "-")
                raise UnknownNameError("option", name, names, within=scorer)
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
    "nervaluate": Scorer(
        "scorer_nervaluate",
        "1.2.1",
        "entities",
        "overlapping spans in the order of predictions, under four measures",
        reads_tags=True,
    ),
    "spacy-ents": Scorer(
        "scorer_spacy_ents",
        "3.8",
        "entities",
        "the entities of docs, by the tokens of gold",
        reads_tags=True,
    ),
    "spacy-spans": Scorer(
        "scorer_spacy_spans",
        "3.8",
        "entities",
        "the spans of a group of docs that align exactly, as sets",
        reads_tags=True,
    ),
    "semeval2013": Scorer(
        "scorer_semeval2013",
        "9.1",
        "entities",
        "the counts of MUC under strict, exact, partial and type matching",
        reads_tags=True,
    ),
    "gliner": Scorer(
        "scorer_gliner",
        "0.2.29",
        "entities",
        "labels and spans of words, as sets",
        reads_tags=True,
    ),
    "i2b2": Scorer(
        "scorer_i2b2",
        "2014",
        "entities",
        "entities of clinical notes: strict, relaxed and by tokens",
    ),
    "n2c2": Scorer(
        "scorer_n2c2",
        "2018",
        "entities",
        "entities of clinical notes: strict and lenient, in the order of predictions",
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
        "scorer_gollie",
        "c08b28d",
        "entities",
        "strings, predictions in the text only",
        reads_events=True,
    ),
    "gen-arg": Scorer(
        "scorer_gen_arg",
        "fcdc5b0",
        "attached-arguments",
        "arguments of gold events, many to one",
        reads_events=True,
    ),
    "seqeval-strict": Scorer(
        "scorer_seqeval_strict",
        "1.2.2",
        "entities",
        "chunks of tagged words under a scheme, invalid ones dropped",
        needs_tokens=True,
    ),
    "conlleval": Scorer(
        "scorer_conlleval",
        "2004-01-26",
        "entities",
        "chunks of tagged words and the accuracy of tags, in percent",
        needs_tokens=True,
    ),
    "seqscore": Scorer(
        "scorer_seqscore",
        "0.9.0",
        "entities",
        "mentions of BIO tags, invalid tags refused or repaired",
        needs_tokens=True,
    ),
    "sklearn-tokens": Scorer(
        "scorer_sklearn_tokens",
        "1.9.1",
        "entities",
        "the tag or the type of each word",
        needs_tokens=True,
    ),
    "hipe": Scorer(
        "scorer_hipe",
        "0d94382",
        "entities",
        "entities of tagged documents, strict and fuzzy, micro and by document",
        needs_tokens=True,
    ),
    "faireval": Scorer(
        "scorer_faireval",
        "5d43e1e",
        "entities",
        "spans of words, in which each error counts once, in percent",
        needs_tokens=True,
    ),
    "textee": Scorer(
        "scorer_textee", "db8a95e", "triggers", "triggers and arguments as sets, in percent"
    ),
    "oneie": Scorer(
        "scorer_oneie",
        "db8a95e",
        "triggers",
        "entities, triggers, relations and arguments, many to one, in percent",
    ),
    "dygie": Scorer(
        "scorer_dygie",
        "b55dec4",
        "triggers",
        "entities, relations, triggers and arguments in dictionaries by span",
    ),
    "evmeval": Scorer(
        "scorer_evmeval",
        "1.8",
        "triggers",
        "triggers paired by their overlap, with type and realis, in percent",
    ),
    "spert": Scorer(
        "scorer_spert",
        "5afcedf",
        "relations",
        "entities and relations as sets, with and without the labels of entities, in percent",
    ),
    "citron": Scorer(
        "scorer_citron",
        "b140405",
        "attribution-relations",
        "cues, sources and contents of quotations, overlaps summed over all pairs",
    ),
    "drop-empty": Scorer(
        "scorer_practices",
        "",
        "entities",
        "practice: documents and sentences without gold items are removed",
        arguments={"practice": "drop-empty"},
    ),
    "drop-unaligned": Scorer(
        "scorer_practices",
        "",
        "entities",
        "practice: entities that do not begin and end at the borders of words are removed",
        arguments={"practice": "drop-unaligned"},
    ),
    "gold-triggers": Scorer(
        "scorer_practices",
        "",
        "arguments",
        "practice: arguments are scored on gold events only",
        arguments={"practice": "gold-triggers"},
    ),
    "head-words": Scorer(
        "scorer_practices",
        "",
        "arguments",
        "practice: arguments are reduced to their heads",
        arguments={"practice": "head-words"},
    ),
}


def find_scorer(name: str) -> Scorer:
    """The scorer of a name. Raises UnknownNameError."""
    if not isinstance(name, str) or name not in SCORERS:
        raise UnknownNameError("scorer", name, SCORERS)
    return SCORERS[name]
