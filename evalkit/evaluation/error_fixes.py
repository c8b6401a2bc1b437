"""`fix_errors`: a prediction in which one kind of error is corrected, so that any scorer can show
what that kind costs.

Kinds of the layers `entities` and `triggers`:

    label, boundary, label+boundary   the predicted item gets the span and label of its gold item
    missed                            a correct prediction is added
    spurious, duplicate, unplaced     the prediction is removed

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
                      had its span move with it

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
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.evaluation.span_fixes import SPAN_FIXES, fix_entities, fix_spans

ENTITY_FIXES = ("entities",)
FAMILIES = (SPAN_FIXES, EVENT_FIXES, ATTRIBUTION_FIXES, ENTITY_FIXES)
FIXES = tuple(chain.from_iterable(FAMILIES))
# The metrics that determine what is scored
METRICS_OF_FAMILY = {
    EVENT_FIXES: ("triggers/strict", "attached-arguments/strict"),
    ATTRIBUTION_FIXES: ("attached-attributions/strict",),
    ENTITY_FIXES: ("entities/strict",),
}
SPAN_LAYERS = ("entities", "triggers")


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
      of entities or triggers; "triggers", "spurious events", "roles", "argument spans" or
      "attachment" of events; "cues" of attributions; "entities", with the arguments that have their
      spans. A list of kinds of one layer corrects all of them.
    - `layer`: "entities" or "triggers", for the first seven kinds. Default: entities, or triggers
      where gold has no entities, or the prediction has events and no entities.
    - `labels`, `label_map`, `zones`, `missing`: see `score`. What these set aside is not changed.

    Scoring the result with the same options shows what the errors cost. Raises UnknownNameError for
    an unknown kind, and InputError as `score` does.
    """
    kinds = _check_kinds(kind)
    gold_corpus = to_corpus(gold, "gold")
    predicted_corpus = to_corpus(predicted, "predictions", predictions=True)
    family = _family_of(kinds[0])
    if family == SPAN_FIXES:
        layer = _choose_layer(layer, gold_corpus, predicted_corpus)
        metrics: tuple[str, ...] = (f"{layer}/strict",)
    elif layer is None:
        metrics = METRICS_OF_FAMILY[family]
    else:
        raise InputError(f"layer: {quoted_repr(kinds[0])} belongs to a single layer: leave it out")
    options = ScoreOptions.create(
        metrics, labels=labels, label_map=label_map, zones=zones, missing=missing
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
    return fix_cues(task) if family == ATTRIBUTION_FIXES else fix_entities(task)


def repair(*arguments: Any, **options: Any) -> Corpus:
    """Deprecated name of `fix_errors`."""
    warn_deprecated("evalkit.repair is deprecated: use evalkit.fix_errors")
    return fix_errors(*arguments, **options)


def _check_kinds(kind: str | Sequence[str]) -> tuple[str, ...]:
    """The kinds. Raises UnknownNameError, and InputError for kinds of different families."""
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    if not kinds:
        raise InputError(f"kind: expected one or several of: {', '.join(FIXES)}")
    for each in kinds:
        if each not in FIXES:
            raise UnknownNameError("kind", each, FIXES)
        if _family_of(each) != _family_of(kinds[0]):
            raise InputError(
                f"kinds {quoted_repr(kinds[0])} and {quoted_repr(each)} cannot be corrected"
                " together: correct the first, and the second in the corpus that is returned"
            )
    return kinds


def _family_of(kind: str) -> tuple[str, ...]:
    return next(kinds for kinds in FAMILIES if kind in kinds)


def _choose_layer(layer: str | None, gold: Corpus, predicted: Corpus) -> str:
    """The layer of a kind that entities and triggers have. Raises UnknownNameError."""
    if layer is None:
        if not _has_layer(gold, "entities"):
            return "triggers"
        # Predictions without any layer, such as failed ones, lack the entities of gold.
        is_of_events = _has_layer(predicted, "events") and not _has_layer(predicted, "entities")
        return "triggers" if is_of_events else "entities"
    if layer not in SPAN_LAYERS:
        raise UnknownNameError("layer", layer, SPAN_LAYERS)
    return layer


def _has_layer(corpus: Corpus, layer: str) -> bool:
    return any(getattr(document, layer) is not None for document in corpus)
