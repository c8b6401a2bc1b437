"""Scores during training: strict entity scores, counted as `score` counts them.

For transformers' Trainer, `compute_metrics` returns a function of that name; spaCy finds
`spacy_scorer` under the name evalkit.entities.v1:

    Trainer(..., compute_metrics=evalkit.training.compute_metrics(model.config.id2label))

    [components.ner.scorer]
    @scorers = "evalkit.entities.v1"

An undefined ratio (the precision of a model without predictions) is 0.0 here, as in seqeval and
spaCy, although reports show it as undefined: a training loop compares numbers. NaN is never
exceeded, so that the first checkpoint would stay the best; a missing key ends a run of Trainer; and
after a None, spaCy gives a score no weight for the rest of the run.

Differences: on valid gold tags the numbers are those of seqeval 1.2.2 in its default mode, which
also repairs invalid gold tags; here these are an error. spaCy 3.8.18 ignores predictions that do
not align with gold's tokens, or that lie where gold is not annotated, and treats those that cover
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
from evalkit.models.python_function import add_entities
from evalkit.results.metric_scores import MetricScores
from evalkit.results.rows import Row
from evalkit.stats.intervals import RATIOS

METRIC = "entities/strict"
# The label id of tokens that are not scored: special tokens, padding, further subwords of a word
IGNORE_INDEX = -100
TagSequences = list[list[str]]


def compute_metrics(
    labels: Mapping[Any, str] | Sequence[str],
    *,
    tagging: str = "IOB2",
    repair: str = "begin",
    per_label: bool = False,
    prefix: str = "",
    undefined: float | None = 0.0,
) -> Callable[[Any], dict[str, float]]:
    """A function for Trainer, from an EvalPrediction to precision, recall, f1, accuracy (0 to 1)
    and predicted_repaired (a number of tags).

    - `labels`: id2label, or the tags in the order of their ids.
    - `tagging`, `repair`: those of `score_tags`. Only predictions are repaired; the default begins
      a span at an invalid tag, as conlleval and seqeval's default mode do. Invalid gold tags are an
      error.
    - `per_label`: also PER_precision, PER_recall, PER_f1 and PER_number (of gold) of each label in
      gold or predictions.
    - `prefix`: of the first four names, as in "overall_".
    - `undefined`: the value of a ratio 0/0; None leaves its key out.

    accuracy is the share of labeled tokens with the right tag. An EvalPrediction, or a pair
    (predictions, label_ids): predictions are logits (sequences, tokens, labels), ids (sequences,
    tokens), or a tuple that begins with either; label_ids are ids (sequences, tokens), and tokens
    where they are -100 are dropped on both sides. Messages count sequences and tokens from 0,
    tokens only where they are labeled. Raises InputError for labels that are not tags, arrays of
    other shapes, ids without a label, and invalid gold tags.
    """
    tags = _tags_by_id(labels)
    TagReader(tagging, repair).read([tags], "label")

    def compute(prediction: Any) -> dict[str, float]:
        gold, predicted = _tag_sequences(prediction, tags)
        _refuse_invalid_gold(gold, tagging)
        scores = score_tags(gold, predicted, tagging=tagging, repair=repair, boot=0)[METRIC]
        ratios = {
            **_ratios(scores.micro, prefix),
            f"{prefix}accuracy": _accuracy(gold, predicted),
        }
        if per_label:
            ratios |= _ratios_per_label(scores)
        metrics: dict[str, float] = {}
        for name, value in ratios.items():
            number = undefined if value is None else value
            if number is not None:
                metrics[name] = number
        metrics["predicted_repaired"] = scores.counts.set_aside["predicted_repaired"]
        return metrics

    return compute


def _tags_by_id(labels: Mapping[Any, str] | Sequence[str]) -> list[str]:
    """The tags in the order of their ids."""
    if isinstance(labels, str) or not isinstance(labels, (Mapping, Sequence)):
        raise InputError(
            f"invalid labels {quoted_repr(labels)}: expected id2label, or a list of tags"
        )
    if not isinstance(labels, Mapping):
        return list(labels)
    by_id = {str(id): tag for id, tag in labels.items()}  # a config read from JSON has string ids
    for id in range(len(by_id)):
        if str(id) not in by_id:
            raise InputError(
                f"labels: no label has the id {id}: expected ids from 0 to {len(by_id) - 1}"
            )
    return [by_id[str(id)] for id in range(len(by_id))]


def _tag_sequences(prediction: Any, tags: Sequence[str]) -> tuple[TagSequences, TagSequences]:
    """The tags of gold and of the prediction, of the labeled tokens."""
    predictions, label_ids = _predictions_and_labels(prediction)
    gold_ids = _to_array("label_ids", label_ids)
    predicted_ids = _predicted_ids(predictions, len(tags))
    if gold_ids.ndim != 2 or gold_ids.shape != predicted_ids.shape:
        raise InputError(
            f"label_ids have the shape {gold_ids.shape}, predictions {predicted_ids.shape}:"
            " expected (sequences, tokens) for both"
        )
    is_labeled = gold_ids != IGNORE_INDEX
    sequences: list[TagSequences] = []
    for name, ids in (("label_ids", gold_ids), ("predictions", predicted_ids)):
        unknown = ids[is_labeled & ((ids < 0) | (ids >= len(tags)))]
        if len(unknown):
            raise InputError(
                f"{name}: no label has the id {unknown[0]}: expected 0 to {len(tags) - 1}, or"
                f" {IGNORE_INDEX} in label_ids for tokens that are not scored"
            )
        tag_rows: TagSequences = []
        for row, kept in zip(ids, is_labeled):
            tag_rows.append([tags[id] for id in row[kept].tolist()])
        sequences.append(tag_rows)
    gold, predicted = sequences
    return gold, predicted


def _predictions_and_labels(prediction: Any) -> tuple[Any, Any]:
    """Predictions and label ids of an EvalPrediction, or of a pair of them."""
    if hasattr(prediction, "predictions") and hasattr(prediction, "label_ids"):
        return prediction.predictions, prediction.label_ids
    if isinstance(prediction, (tuple, list)) and len(prediction) == 2:
        return prediction[0], prediction[1]
    raise InputError(
        "expected an EvalPrediction or a pair (predictions, label_ids), got"
        f" {type(prediction).__name__} {quoted_repr(prediction)}"
    )


def _predicted_ids(predictions: Any, label_count: int) -> Any:
    """The predicted label ids, from ids or from logits: sequences × tokens."""
    if isinstance(predictions, tuple) and predictions:
        predictions = predictions[0]
    array = _to_array("predictions", predictions)
    if array.ndim == 3 and array.shape[2] == label_count:
        return array.argmax(axis=2)
    if array.ndim == 2 and np.issubdtype(array.dtype, np.integer):
        return array
    raise InputError(
        f"predictions: {array.dtype} of the shape {array.shape}: expected logits (sequences,"
        f" tokens, {label_count} labels) or ids (sequences, tokens)"
    )


def _to_array(name: str, values: Any) -> Any:
    """The values as one array. Raises InputError for arrays of several shapes."""
    try:
        return np.asarray(values)
    except ValueError:
        raise InputError(
            f"{name}: arrays of several shapes: expected one array of all batches"
            " (eval_do_concat_batches)"
        ) from None


def _refuse_invalid_gold(gold: TagSequences, tagging: str) -> None:
    """Raise InputError for an invalid sequence of gold tags."""
    tags = TagReader(tagging, "error")
    try:
        tags.spans(tags.read(gold, "gold"), "gold")
    except InputError as error:
        problem = str(error).partition("; correct them")[0]
        raise InputError(
            f"{problem}; only predictions are repaired: correct the labels (a window that starts"
            " inside an entity must begin it anew)"
        ) from None


def _ratios(row: Row, prefix: str) -> dict[str, float | None]:
    """Precision, recall and F1 of a row, by name."""
    return {f"{prefix}{name}": getattr(row, name) for name in RATIOS}


def _ratios_per_label(scores: MetricScores) -> dict[str, float | None]:
    """The ratios of each label and the number of its gold entities."""
    ratios: dict[str, float | None] = {}
    for label in scores.labels:
        row = scores[label]
        if row.gold or row.predicted:
            ratios |= {**_ratios(row, f"{label}_"), f"{label}_number": row.gold}
    return ratios


def _accuracy(gold: TagSequences, predicted: TagSequences) -> float | None:
    pairs = zip(chain.from_iterable(gold), chain.from_iterable(predicted))
    is_equal = [gold_tag == predicted_tag for gold_tag, predicted_tag in pairs]
    return sum(is_equal) / len(is_equal) if is_equal else None


def spacy_scorer(spans_key: str | None = None) -> Callable[..., dict[str, Any]]:
    """A scorer for a spaCy component, in its config "evalkit.entities.v1": from examples to ents_p,
    ents_r, ents_f (0 to 1) and ents_per_type.

    - `spans_key`: score this span group instead of the entities; the keys are spans_KEY_p and so
      on.

    An example whose reference is not annotated is set aside, as in spaCy, and counted as
    ents_unannotated; all four scores are None if all are, or if there is nothing on either side. In
    a reference that is annotated in part, the rest counts as without entities. The scorer raises
    InputError for an example with two texts, and for a reference with duplicate entities.
    """
    name = "ents" if spans_key is None else f"spans_{spans_key}"

    def score_examples(examples: Iterable[Any], **_settings: Any) -> dict[str, Any]:
        count = 0
        gold: list[Document] = []
        predicted: list[Document] = []
        for number, example in enumerate(examples):
            count += 1
            if _is_annotated(example.reference, spans_key):
                gold.append(_gold_document(number, example, spans_key))
                predicted.append(_predicted_document(number, example, spans_key))
        scores = None
        if gold:
            sides = Corpus(gold, "reference"), Corpus(predicted, "predicted")
            scores = score(*sides, METRIC, boot=0)[METRIC]
        return {**_spacy_keys(name, scores), f"{name}_unannotated": count - len(gold)}

    return score_examples


def _is_annotated(doc: Any, key: str | None) -> bool:
    """Whether a Doc has entities, or the span group, annotated."""
    return bool(doc.has_annotation("ENT_IOB")) if key is None else key in doc.spans


def _spans(doc: Any, key: str | None) -> list[dict[str, Any]]:
    """The entities or the span group of a Doc, as dicts with start, end and label."""
    return [
        {"start": span.start_char, "end": span.end_char, "label": span.label_}
        for span in (doc.ents if key is None else doc.spans.get(key, ()))
    ]


def _gold_document(number: int, example: Any, key: str | None) -> Document:
    """The reference of an example. Raises InputError for a prediction on another text."""
    text = example.reference.text
    if example.predicted.text != text:
        raise InputError(
            f"example {number}: the predicted text {quoted_repr(example.predicted.text)} differs"
            f" from the reference's {quoted_repr(text)}: offsets need one text"
        )
    try:
        entities = tuple(Entity(**span) for span in _spans(example.reference, key))
        return Document(str(number), text, entities)
    except DocumentError as error:
        raise InputError(f"example {number}: reference: {error}") from None


def _predicted_document(number: int, example: Any, key: str | None) -> Document:
    """The prediction of an example; invalid spans are unplaced."""
    document = Document(str(number), example.predicted.text)
    return add_entities(document, _spans(example.predicted, key))


def _spacy_keys(name: str, scores: MetricScores | None) -> dict[str, Any]:
    """The scores under spaCy's names."""
    if scores is None or not (scores.micro.gold or scores.micro.predicted):
        return dict.fromkeys((f"{name}_p", f"{name}_r", f"{name}_f", f"{name}_per_type"))
    keys: dict[str, Any] = {
        f"{name}_{letter}": value for letter, value in _prf(scores.micro).items()
    }
    keys[f"{name}_per_type"] = {label: _prf(scores[label]) for label in scores.labels}
    return keys


def _prf(row: Row) -> dict[str, float]:
    """p, r and f of a row."""
    return {name[0]: getattr(row, name) or 0.0 for name in RATIOS}
