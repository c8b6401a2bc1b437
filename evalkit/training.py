"""How is a model watched while it trains?

By the number that is reported: entities, strict, counted as `score` counts them.

For transformers' Trainer `compute_metrics` makes a function of that name; spaCy finds
`spacy_scorer` under the name evalkit.entities.v1:

    Trainer(..., compute_metrics=evalkit.training.compute_metrics(model.config.id2label))

    [components.ner.scorer]
    @scorers = "evalkit.entities.v1"

What is undefined (the precision of a model that predicts nothing) is 0.0 here, as in seqeval and
spaCy, although reports say so instead: a loop compares numbers. NaN is never exceeded, so that the
first checkpoint would stay the best; a key that is missing ends a run of Trainer, and where spaCy
once found None it gives a score no weight for the rest of the run.

Departures: on valid gold tags the numbers are those of seqeval 1.2.2 in its default mode; it
repairs invalid tags of gold, too, which are an error here. spaCy 3.8.18 leaves out predictions that
do not align with gold's tokens, or that lie where gold is not annotated, and takes those that cover
the same gold tokens as equal. Here every prediction counts, by its characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from evalkit.corpus import Corpus
from evalkit.data.document import Document, Entity
from evalkit.data.tags import TagReader
from evalkit.errors import DocumentError, InputError, quoted_repr
from evalkit.evaluation.corpus_scores import score
from evalkit.evaluation.span_scores import score_tags
from evalkit.models.python_function import document_with_entities
from evalkit.results.scores import MetricScores, Row
from evalkit.stats.intervals import RATIOS

METRIC = "entities/strict"
IGNORE_INDEX = (
    -100
)  # the label id of what is not scored: special tokens, padding, all subwords of a word but one
Tagged = list[list[str]]


def compute_metrics(
    labels: Mapping[Any, str] | Sequence[str],
    *,
    tagging: str = "IOB2",
    repair: str = "begin",
    per_label: bool = False,
    prefix: str = "",
    undefined: float | None = 0.0,
) -> Callable[[Any], dict[str, float]]:
    """A function for Trainer: from an EvalPrediction to precision, recall, f1, accuracy (0 to 1)
    and predicted_repaired (a number of tags).

    labels: id2label, or the tags in the order of their ids. tagging, repair: those of `score_tags`;
    the repair is for predictions alone and begins a span at an improper tag, as conlleval and
    seqeval's default mode do; where gold's tags are valid, the numbers are those of seqeval 1.2.2
    in that mode. seqeval repairs invalid tags of gold, too; here they are an error. per_label: also
    PER_precision, PER_recall, PER_f1 and PER_number (of gold) of each label that gold or the
    prediction has. prefix: stands before the first four, as in "overall_". undefined: what stands
    for a ratio of 0/0; None leaves its key out. accuracy: the share of labelled tokens with the
    right tag.

    EvalPrediction, or a pair (predictions, label_ids): predictions are logits (sequences, tokens,
    labels), ids (sequences, tokens), or a tuple that begins with either; label_ids are ids
    (sequences, tokens), and where one is -100 both sides are dropped. Sequences and tokens of
    messages count from 0, tokens only where they are labelled. Raises InputError for labels that
    are no tags, arrays that do not go together, ids that are no labels, and improper tags in gold.
    """
    tags = _ordered_tags(labels)
    TagReader(tagging, repair).read([tags], "label")

    def computed(outcome: Any) -> dict[str, float]:
        gold, said = _sequences(outcome, tags)
        _refuse_improper(gold, tagging)
        scores = score_tags(gold, said, tagging=tagging, repair=repair, boot=0)[METRIC]
        found = {
            **_named(scores.micro, prefix),
            f"{prefix}accuracy": _accuracy(gold, said),
            **(_per_label(scores) if per_label else {}),
        }
        known = {name: undefined if value is None else value for name, value in found.items()}
        ratios = {name: value for name, value in known.items() if value is not None}
        return {**ratios, "predicted_repaired": scores.counts.set_aside["predicted_repaired"]}

    return computed


def _ordered_tags(labels: Mapping[Any, str] | Sequence[str]) -> list[str]:
    """The tags in the order of their ids."""
    if isinstance(labels, str) or not isinstance(labels, (Mapping, Sequence)):
        raise InputError(f"labels: {quoted_repr(labels)}: id2label, or a list of tags would do")
    if not isinstance(labels, Mapping):
        return list(labels)
    by_id = {str(id): tag for id, tag in labels.items()}  # as JSON, a config has texts for ids
    missing = [n for n in range(len(by_id)) if str(n) not in by_id]
    if missing:
        raise InputError(
            f"labels: no label has the id {missing[0]}; ids from 0 to {len(by_id) - 1} would do"
        )
    return [by_id[str(n)] for n in range(len(by_id))]


def _sequences(outcome: Any, tags: Sequence[str]) -> tuple[Tagged, Tagged]:
    """The tags of gold and of the prediction, of the tokens that are labelled."""
    predictions, label_ids = _predictions_and_labels(outcome)
    truth, ids = _array("label_ids", label_ids), _ids(predictions, len(tags))
    if truth.ndim != 2 or truth.shape != ids.shape:
        raise InputError(
            f"label_ids have the shape {truth.shape}, predictions {ids.shape}: (sequences, tokens)"
            " of both would do"
        )
    labelled = truth != IGNORE_INDEX
    for name, side in (("label_ids", truth), ("predictions", ids)):
        for id in side[labelled & ((side < 0) | (side >= len(tags)))][:1]:
            raise InputError(
                f"{name}: {id} is the id of no label; 0 to {len(tags) - 1} would do, and"
                f" {IGNORE_INDEX} in label_ids for what is not scored"
            )
    gold, said = (
        [[tags[id] for id in row[there].tolist()] for row, there in zip(side, labelled)]
        for side in (truth, ids)
    )
    return gold, said


def _predictions_and_labels(outcome: Any) -> tuple[Any, Any]:
    """Predictions and label ids of an EvalPrediction, or of a pair of them."""
    if hasattr(outcome, "predictions") and hasattr(outcome, "label_ids"):
        return outcome.predictions, outcome.label_ids
    if isinstance(outcome, (tuple, list)) and len(outcome) == 2:
        return outcome[0], outcome[1]
    raise InputError(
        "expected an EvalPrediction or a pair (predictions, label_ids), got"
        f" {type(outcome).__name__} {quoted_repr(outcome)}"
    )


def _ids(predictions: Any, labels: int) -> Any:
    found = _array(
        "predictions",
        predictions[0] if isinstance(predictions, tuple) and predictions else predictions,
    )
    if found.ndim == 3 and found.shape[2] == labels:
        return found.argmax(axis=2)
    if found.ndim == 2 and np.issubdtype(found.dtype, np.integer):
        return found
    raise InputError(
        f"predictions: {found.dtype} of the shape {found.shape}: logits (sequences, tokens,"
        f" {labels} labels) or ids (sequences, tokens) would do"
    )


def _array(name: str, values: Any) -> Any:
    try:
        return np.asarray(values)
    except ValueError:
        raise InputError(
            f"{name}: arrays of several shapes: one for all batches would do"
            " (eval_do_concat_batches)"
        ) from None


def _refuse_improper(gold: Tagged, tagging: str) -> None:
    tags = TagReader(tagging, "error")
    try:
        tags.spans(tags.read(gold, "gold"), "gold")
    except InputError as error:
        what = str(error).partition("; correct them")[0]
        raise InputError(
            f"{what}; the repair is for predictions alone: mend the labels (a window that opens"
            " inside an entity begins it anew)"
        ) from None


def _named(row: Row, prefix: str) -> dict[str, float | None]:
    return {f"{prefix}{name}": getattr(row, name) for name in RATIOS}


def _per_label(scores: MetricScores) -> dict[str, float | None]:
    """The ratios of each label and the number of its gold entities."""
    found: dict[str, float | None] = {}
    for label in scores.labels:
        row = scores[label]
        if row.gold or row.predicted:
            found |= {**_named(row, f"{label}_"), f"{label}_number": row.gold}
    return found


def _accuracy(gold: Tagged, said: Tagged) -> float | None:
    same = [
        one == other for one, other in zip(chain.from_iterable(gold), chain.from_iterable(said))
    ]
    return sum(same) / len(same) if same else None


def spacy_scorer(spans_key: str | None = None) -> Callable[..., dict[str, Any]]:
    """A scorer for a spaCy component, in its config "evalkit.entities.v1": from examples to ents_p,
    ents_r, ents_f (0 to 1) and ents_per_type.

    spans_key: score this span group instead of the entities; its keys are spans_KEY_p and so on. An
    example whose reference is not annotated is set aside, as in spaCy, and counted as
    ents_unannotated; all four are None where all are, or where there is nothing on either side. In
    a reference that is annotated in part, what is not annotated counts as no entity. The scorer
    raises InputError for two texts in one example, and for references that mark one thing twice.
    """
    name = "ents" if spans_key is None else f"spans_{spans_key}"

    def scored(examples: Iterable[Any], **_settings: Any) -> dict[str, Any]:
        every = list(enumerate(examples))
        annotated = [
            (n, example) for n, example in every if _is_annotated(example.reference, spans_key)
        ]
        gold = Corpus([_gold(n, example, spans_key) for n, example in annotated], "reference")
        said = Corpus(
            [_predicted_document(n, example, spans_key) for n, example in annotated], "predicted"
        )
        found = score(gold, said, METRIC, boot=0)[METRIC] if annotated else None
        return {**_spacy_keys(name, found), f"{name}_unannotated": len(every) - len(annotated)}

    return scored


def _is_annotated(doc: Any, key: str | None) -> bool:
    return bool(doc.has_annotation("ENT_IOB")) if key is None else key in doc.spans


def _spans(doc: Any, key: str | None) -> list[dict[str, Any]]:
    return [
        {"start": span.start_char, "end": span.end_char, "label": span.label_}
        for span in (doc.ents if key is None else doc.spans.get(key, ()))
    ]


def _gold(n: int, example: Any, key: str | None) -> Document:
    text = example.reference.text
    if example.predicted.text != text:
        raise InputError(
            f"example {n}: predicted over {quoted_repr(example.predicted.text)}, but the reference"
            f" is {quoted_repr(text)}: offsets need one text"
        )
    try:
        return Document(
            str(n), text, tuple(Entity(**span) for span in _spans(example.reference, key))
        )
    except DocumentError as error:
        raise InputError(f"example {n}: reference: {error}") from None


def _predicted_document(n: int, example: Any, key: str | None) -> Document:
    return document_with_entities(
        Document(str(n), example.predicted.text), _spans(example.predicted, key)
    )


def _spacy_keys(name: str, scores: MetricScores | None) -> dict[str, Any]:
    """The scores under spaCy's names."""
    if scores is None or not (scores.micro.gold or scores.micro.predicted):
        return dict.fromkeys((f"{name}_p", f"{name}_r", f"{name}_f", f"{name}_per_type"))
    each = {label: _letters(scores[label]) for label in scores.labels}
    return {
        **{f"{name}_{letter}": value for letter, value in _letters(scores.micro).items()},
        f"{name}_per_type": each,
    }


def _letters(row: Row) -> dict[str, float]:
    return {name[0]: getattr(row, name) or 0.0 for name in RATIOS}
