"""`fix_errors`: a prediction in which one kind of error is corrected, so that any scorer can show
what that kind costs.

Kinds of the layers `entities` and `triggers`:

    label, boundary, label+boundary   the predicted item gets the span and label of its gold item
    missed                            a correct prediction is added
    spurious, duplicate, unplaced     the prediction is removed

Kinds of the layer `relations`:

    label, argument label,            the predicted relation gets the label and the arguments of its
    direction, argument span          gold relation
    missed                            a correct prediction is added
    spurious, unplaced                the prediction is removed

Kinds that show how one layer affects another:

    triggers          each predicted event whose trigger is paired gets the type and the trigger of
                      gold's event; its arguments stay
    spurious events   predicted events whose trigger is not paired are removed, with their arguments
    roles             each predicted argument gets the role of its gold argument
    argument spans    each predicted argument gets the span of its gold argument
    attachment        each predicted argument that belongs to another event moves to the event of
                      its gold argument; to a new event where the prediction has none of its type
                      and trigger
    cues              each paired attribution gets the cue of gold's
    entities          each paired entity gets the span and the label of gold's, and arguments that
                      had its span move with it; relations of it stay its relations

Where the prediction has no entity or event that equals an argument of a corrected relation, one is
added, since other relations keep theirs: score the relations of the result, not its entities.

An argument of which both role and span are wrong is corrected where both `roles` and `argument
spans` are. An argument stays where it is if gold's event is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from evalkit.corpus import Corpus, CorpusSource, to_corpus
from evalkit.data.document import Document
from evalkit.data.label_maps import LabelMapOption, LabelsOption
from evalkit.errors import InputError, UnknownNameError, quoted_repr, warn_deprecated
from evalkit.evaluation.annotation_copies import replace_documents
from evalkit.evaluation.document_counter import ScoringTask
from evalkit.evaluation.document_join import EvaluationInputs
from evalkit.evaluation.event_errors import iter_event_errors
from evalkit.evaluation.event_fixes import ATTRIBUTION_FIXES, EVENT_FIXES, fix_cues, fix_events
from evalkit.evaluation.relation_fixes import RELATION_FIXES, fix_relations
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.evaluation.span_fixes import SPAN_FIXES, fix_entities, fix_spans

ENTITY_FIXES = ("entities",)
# Of a kind that several families have, the first counts unless a layer is named.
FAMILIES = (SPAN_FIXES, EVENT_FIXES, ATTRIBUTION_FIXES, ENTITY_FIXES, RELATION_FIXES)
FIXES = tuple(dict.fromkeys(chain.from_iterable(FAMILIES)))
# The metrics that determine what is scored
METRICS_OF_FAMILY = {
    EVENT_FIXES: ("triggers/strict", "attached-arguments/strict"),
    ATTRIBUTION_FIXES: ("attached-attributions/strict",),
    ENTITY_FIXES: ("entities/strict",),
    RELATION_FIXES: ("relations/strict",),
}
SPAN_LAYERS = ("entities", "triggers")
FIXED_LAYERS = (*SPAN_LAYERS, "relations")


def fix_errors(
    gold: CorpusSource,
    predicted: CorpusSource,
    kind: str | Sequence[str],
    *,
    layer: str | None = None,
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    zones: str | Iterable[str] = "primary",
    missing: str = "error",
) -> Corpus:
    """Returns the prediction with one kind of error corrected; everything else stays as it is.

    - `gold`, `predicted`: see `score`.
    - `kind`: "label", "boundary", "label+boundary", "missed", "spurious", "duplicate" or "unplaced"
      of entities or triggers; "label", "argument label", "direction", "argument span", "missed",
      "spurious" or "unplaced" of relations; "triggers", "spurious events", "roles", "argument
      spans" or "attachment" of events; "cues" of attributions; "entities", with the arguments that
      have their spans, and their relations. A list of kinds of one layer corrects all of them.
    - `layer`: "entities", "triggers" or "relations", for kinds that several of these have. Default:
      entities, or triggers where gold has no entities, or the prediction has events and no
      entities.
    - `labels`, `label_map`, `zones`, `missing`: see `score`. What these set aside is not changed.

    Alternatives, optional items and ignore regions of gold are ignored.

    Scoring the result with the same options shows what the errors cost. Raises UnknownNameError for
    an unknown kind, and InputError as `score` does.
    """
    kinds, family = _check_kinds(kind, layer)
    gold_corpus = to_corpus(gold, "gold")
    predicted_corpus = to_corpus(predicted, "predictions", predictions=True)
    if family == SPAN_FIXES:
        layer = layer or _choose_layer(gold_corpus, predicted_corpus)
        metrics: tuple[str, ...] = (f"{layer}/strict",)
    else:
        metrics = METRICS_OF_FAMILY[family]
    options = ScoreOptions.create(
        metrics,
        labels=labels,
        label_map=label_map,
        zones=zones,
        missing=missing,
        plain_gold=True,
    )
    inputs = EvaluationInputs(
        name=gold_corpus.name,
        prediction_name=predicted_corpus.name,
        schema=gold_corpus.schema,
        gold=gold_corpus,
        predicted=predicted_corpus,
        missing=options.missing,
    )
    run = ScoringRun(inputs, options, len(gold_corpus))
    run.count()  # raises InputError for documents and options that do not fit
    return replace_documents(predicted_corpus, _fix_documents(run.task, family, kinds, layer))


def _fix_documents(
    task: ScoringTask, family: tuple[str, ...], kinds: tuple[str, ...], layer: str | None
) -> Iterator[Document]:
    """The documents that change; also those that the prediction lacks."""
    if family == SPAN_FIXES:
        return fix_spans(task, kinds, layer or "")
    if family == EVENT_FIXES:
        return fix_events(iter_event_errors(task), task.mapping, kinds)
    if family == RELATION_FIXES:
        return fix_relations(task, kinds)
    return fix_cues(task) if family == ATTRIBUTION_FIXES else fix_entities(task)


def repair(*arguments: Any, **options: Any) -> Corpus:
    """Deprecated name of `fix_errors`."""
    warn_deprecated("evalkit.repair is deprecated: use evalkit.fix_errors")
    return fix_errors(*arguments, **options)


def _check_kinds(
    kind: str | Sequence[str], layer: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds, and the family that has all of them. Raises UnknownNameError for an unknown kind
    or layer, and InputError for kinds of different families.
    """
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    if not kinds:
        raise InputError(f"kind: expected one or several of: {', '.join(FIXES)}")
    for each in kinds:
        if each not in FIXES:
            raise UnknownNameError("kind", each, FIXES)
    if layer is not None and layer not in FIXED_LAYERS:
        raise UnknownNameError("layer", layer, FIXED_LAYERS)
    families: Sequence[tuple[str, ...]] = FAMILIES
    if layer is not None:
        families = (RELATION_FIXES,) if layer == "relations" else (SPAN_FIXES,)
        for each in kinds:
            _check_layer(each, layer, families[0])
    for each in kinds:
        families = [family for family in families if each in family]
        if not families:
            raise InputError(
                f"kinds {quoted_repr(kinds[0])} and {quoted_repr(each)} cannot be corrected"
                " together: correct the first, and the second in the corpus that is returned"
            )
    return kinds, families[0]


def _check_layer(kind: str, layer: str, kinds: tuple[str, ...]) -> None:
    """Raise InputError if a kind is not one of those of a layer."""
    if kind in kinds:
        return
    if kind in SPAN_FIXES:
        raise InputError(
            f"layer: {layer} have no errors of the kind {quoted_repr(kind)}; expected one of:"
            f" {', '.join(kinds)}"
        )
    raise InputError(f"layer: {quoted_repr(kind)} belongs to a single layer: leave it out")


def _choose_layer(gold: Corpus, predicted: Corpus) -> str:
    """The layer of a kind that entities and triggers have."""
    if not _has_layer(gold, "entities"):
        return "triggers"
    # Predictions without any layer, such as failed ones, lack the entities of gold.
    is_of_events = _has_layer(predicted, "events") and not _has_layer(predicted, "entities")
    return "triggers" if is_of_events else "entities"


def _has_layer(corpus: Corpus, layer: str) -> bool:
    return any(getattr(document, layer) is not None for document in corpus)
