"""The whole library on one page: predict, join, take the items, pair them, count.

corpus → predict → documents of both sides, chunk by chunk → layer → columns → match → counts →
Scores
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evalkit.corpus import (
    Corpus,
    CorpusSource,
    load_corpus,
    load_schema_for,
    refuse_empty_texts,
    refuse_invalid,
    to_corpus,
)
from evalkit.data.document import Document
from evalkit.data.label_maps import (
    LabelMapOption,
    LabelMapping,
    LabelsOption,
    resolve_label_mapping,
)
from evalkit.data.option_aliases import resolve_option_aliases
from evalkit.data.schema import Schema
from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_surrogates,
    quoted_repr,
    spell_option,
)
from evalkit.evaluation.ambiguity import (
    ambiguous_spans,
    best_and_worst_placements,
    may_be_ambiguous,
)
from evalkit.evaluation.document_join import EvaluationInputs, FileRange, is_jsonl
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.jsonl_stream import count_documents
from evalkit.formats.reading_options import signature_field
from evalkit.formats.registry import parse_location, validate_path
from evalkit.inference.runner import predict, take_documents
from evalkit.results.comparison import Comparison, compare_scores
from evalkit.results.label_advice import flat_layer_of
from evalkit.results.scores import Scores
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import Metric, parse_metrics
from evalkit.stats.intervals import FEW_DOCUMENTS, make_resampling


def evaluate(
    model: object,
    corpus: CorpusSource | None = None,
    metrics: Any = None,
    *,
    run_dir: str | Path | None = None,
    concurrency: int = 1,
    jobs: int = 1,
    max_failures: int | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
    model_args: Mapping[str, Any] | None = None,
    **options: Any,
) -> Scores:
    """Run a model over a corpus (default: the bundled one) and score its predictions.

    - `run_dir`, `concurrency`, `jobs`, `max_failures`, `retry_failed`: see `predict`.
    - `limit`: use the first documents only, so many.
    - `model_args`: the options of the model.
    - `metrics` and all others: see `score`.
    """
    if model_args is not None:
        options["model_args"] = model_args
    options = resolve_option_aliases(options, {"arguments": "model_args"}, of="command")
    all_documents = load_corpus() if corpus is None else to_corpus(corpus)
    predicted = predict(
        model,
        all_documents,
        run_dir=run_dir,
        concurrency=concurrency,
        jobs=jobs,
        max_failures=max_failures,
        retry_failed=retry_failed,
        limit=limit,
        model_args=options.pop("model_args", None),
    )
    return score(take_documents(all_documents, limit), predicted, metrics, **options)


def score(
    gold: CorpusSource,
    predicted: CorpusSource,
    metrics: str | Iterable[str | Metric] | None = None,
    *,
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    zones: str | Iterable[str] = "primary",
    missing: str = "error",
    units: str = "auto",
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
    jobs: int = 1,
    name: str | None = None,
) -> Scores:
    """Score predictions, or a second annotator's work, against gold annotations of the same texts.

    - `gold`, `predicted`: corpora, paths, or lists as `Corpus.from_examples` takes them. JSONL
      files are read in blocks, and never held whole.
    - `metrics`: names such as "entities/strict" or "tri-c". Default: those that fit the layers that
      gold and the prediction have.
    - `labels`: a list of labels to score.
    - `label_map`: a map such as {"person": "PER", "*": None} (None drops a label, "*" stands for
      all others), the name of a map in gold's schema, or a pair of maps (gold, predicted). Applied
      before `labels`. Both are about entities and tokens, or about event types where all metrics
      are of events; maps of several layers are keyed by layer.
    - `zones`: "primary" (those that the schema calls primary), "all", or names.
    - `missing`: gold documents without a prediction are an "error", or scored as "empty".
    - `units`: the resampling units of intervals, "documents" or "sentences"; "auto" takes sentences
      where there are fewer than 20 documents.
    - `boot`, `seed`, `level`: bootstrap replicates (0 for no intervals), random seed, confidence
      level.
    - `jobs`: worker processes, where both sides are JSONL files in one order.
    - `name`: the name of the system in headings and files. Default: the model's.

    Raises InputError for documents that are missing, unknown or have other texts, and LoadError for
    duplicates in gold.
    """
    if missing == "refuse":
        missing = "error"
    if missing not in ("error", "empty"):
        raise UnknownNameError("value", missing, ("error", "empty"), within=spell_option("missing"))
    source = _open_inputs(gold, predicted, missing)
    asked = None if metrics is None else parse_metrics(metrics)
    mapping, scored = (
        resolve_label_mapping(labels, label_map, source.schema, flat_layer_of(asked)),
        _zones(zones),
    )
    how = make_resampling(
        _count_documents_up_to(source.gold, FEW_DOCUMENTS), units, boot, seed, level
    )
    options = {
        "metrics": None if asked is None else [str(metric) for metric in asked],
        **mapping.options(),
        "zones": scored if isinstance(scored, str) else sorted(scored),
        "missing": missing,
        "units": units,
    }
    run = ScoringRun(source, asked, mapping, scored, how, options)
    try:
        scores = run.scores() if jobs == 1 else run.scores_in_parallel(jobs)
    except InputError:
        # Errors of a file come before those of both together, and all of them are reported, as
        # load_corpus does.
        for side, of_predictions in ((source.gold, False), (source.predicted, True)):
            if isinstance(side, Path):
                refuse_invalid(side, predictions=of_predictions)
        raise
    again = {
        "label_map": mapping.applied,
        "zones": zones,
        "missing": "empty",
        "units": "documents",
        "boot": 0,
    }
    if choices := _ambiguity(source, scores, mapping, again):
        scores.metadata["ambiguity"] = choices
    if name is not None:
        scores.metadata["name"] = escape_surrogates(name)
    return scores


def _ambiguity(
    source: EvaluationInputs,
    scores: Scores,
    mapping: LabelMapping,
    score_options: Mapping[str, Any],
) -> dict[str, dict[str, float]]:
    """Of each metric: how many marks are ambiguous, and by how much the worst and the best choice
    of their places would move tp; see choices.py.
    """
    said = source.predicted
    if isinstance(said, Path) and may_be_ambiguous(said):
        said = load_corpus(said, predictions=True)
    unsure = (
        said.filter(lambda document: bool(ambiguous_spans(document)))
        if isinstance(said, Corpus)
        else ()
    )
    if not unsure:
        return {}
    every = source.gold if isinstance(source.gold, Corpus) else load_corpus(str(source.gold))
    gold = Corpus((every[document.id] for document in unsure), every.name, source.schema)
    sides: Iterable[tuple[Document, ...]] = zip(
        *(
            best_and_worst_placements(
                gold[document.id], document, (mapping.gold, mapping.predicted)
            )
            for document in unsure
        ),
        strict=True,
    )
    marks = Counter(
        layer
        for document in unsure
        for choice in ambiguous_spans(document)
        for layer in choice.layers
    )
    metrics = [
        metric
        for metric in scores
        if Metric.parse(metric).scheme == "strict"
        and marks[Metric.parse(metric).layer]
        and any(
            getattr(d, LAYERS[Metric.parse(metric).layer].document_layer) is not None for d in gold
        )
    ]
    if not metrics:
        return {}
    chosen = (replace(document, meta=None) for document in unsure)
    now, worst, best = (
        score(gold, Corpus(side), metrics, **score_options) for side in (chosen, *sides)
    )
    moved = {
        m: [_true_positives(found, m) - _true_positives(now, m) for found in (worst, best)]
        for m in metrics
    }
    return {
        m: {
            "annotations": marks[Metric.parse(m).layer],
            "worst": min(0.0, *moved[m]),
            "best": max(0.0, *moved[m]),
        }
        for m in metrics
    }


def _true_positives(scores: Scores, metric: str) -> float:
    return float(scores[metric].micro.tp or 0)


def compare(
    *systems: Scores | CorpusSource,
    gold: CorpusSource | None = None,
    average: str = "micro",
    permutations: int = 10_000,
    metrics: str | Iterable[str | Metric] | None = None,
    options: Mapping[str, Any] | None = None,
    **named_systems: Scores | CorpusSource,
) -> Comparison:
    """Compare two or more systems; `compare(a=…, b=…)` names them.

    - A system is a Scores object, or predictions (with `gold`); a path leads to a saved result or
      to predictions. A name that occurs twice gets a number.
    - `average`: "micro" or "macro".
    - `permutations`: random permutations where there are too many to compute all.
    - `metrics`: those to compare. Default: one for each layer, strict.
    - `options`: those of `score`, for predictions.

    Raises InputError for scores that were made with other options.
    """
    return compare_named(
        [*((None, system) for system in systems), *named_systems.items()],
        gold=gold,
        average=average,
        permutations=permutations,
        metrics=metrics,
        options=options,
    )


def compare_named(
    systems: Sequence[tuple[str | None, Scores | CorpusSource]],
    *,
    gold: CorpusSource | None = None,
    average: str = "micro",
    permutations: int = 10_000,
    metrics: str | Iterable[str | Metric] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Comparison:
    """Compare systems that are given as pairs of name and system; see `compare`.

    None stands for the name of the result, of its file, or of the model.
    """
    if options and any(_is_result(system) for _, system in systems):
        raise InputError(
            f"{', '.join(options)}: of saved results these are settled; give predictions and gold,"
            " or leave them out"
        )
    found: dict[str, Scores] = {}
    for name, system in systems:
        scores = _scored(system, gold, metrics, options or {})
        own = escape_surrogates(
            name
            or scores.metadata.get("name")
            or (
                Path(system).stem
                if isinstance(system, (str, Path)) and _is_result(system)
                else str(scores.metadata["model"])
            )
        )
        if own in found:
            own = next(
                f"{own}-{n}" for n in range(2, len(systems) + 2) if f"{own}-{n}" not in found
            )
        found[own] = scores
    return compare_scores(
        found,
        None if metrics is None else parse_metrics(metrics),
        average=average,
        permutations=permutations,
    )


def _is_result(system: object) -> bool:
    """Whether a system is scores, or a file of them: by its name, or by how it begins."""
    if not isinstance(system, (str, Path)):
        return isinstance(system, Scores)
    validate_path(system)
    path = Path(system)
    if path.suffix == ".json" or not path.is_file():
        return path.suffix == ".json"
    with path.open("rb") as file:
        return b'"schema_version"' in file.read(100)


def _scored(
    system: Scores | CorpusSource,
    gold: CorpusSource | None,
    metrics: Any,
    options: Mapping[str, Any],
) -> Scores:
    if isinstance(system, Scores):
        return system
    if isinstance(system, (str, Path)) and _is_result(system):
        return Scores.load(system)
    if gold is None:
        raise InputError(
            f"{quoted_repr(str(system))}: predictions are compared over gold; name it"
            f" ({spell_option('gold', 'CORPUS')}), or give saved results (.json)"
        )
    return score(gold, system, metrics, **options)


def _open_inputs(gold: CorpusSource, predicted: CorpusSource, missing: str) -> EvaluationInputs:
    golden, schema, name = _open_corpus(gold, predictions=False)
    said, _, model = _open_corpus(predicted, predictions=True)
    sides = {"gold": golden, "predicted": said}
    conversion = {
        side: (corpus.conversion if isinstance(corpus, Corpus) else ConversionReport()).to_json()
        for side, corpus in sides.items()
    }
    duplicates = (
        golden.read_options.get("duplicates", "error") if isinstance(golden, Corpus) else "error"
    )
    read = signature_field(
        *(corpus.read_options if isinstance(corpus, Corpus) else {} for corpus in sides.values())
    )
    return EvaluationInputs(
        name,
        model,
        schema,
        golden,
        said,
        missing,
        conversion=conversion,
        duplicates=duplicates,
        read=read,
    )


def _open_corpus(
    corpus: CorpusSource, *, predictions: bool
) -> tuple[Corpus | Path, Schema | None, str]:
    """A corpus, or the path of a file that is read block by block; with its schema and its name."""
    if isinstance(corpus, (str, Path)):
        place = parse_location(corpus)
        if place.format in (None, "jsonl") and not place.options and is_jsonl(place.path):
            return (
                place.path,
                load_schema_for(place),
                place.path.stem.encode("utf-8", "backslashreplace").decode(),
            )
        corpus = load_corpus(corpus, predictions=predictions)
        refuse_empty_texts(corpus, place)
    corpus = to_corpus(corpus, "predictions" if predictions else "gold")
    return corpus, corpus.schema, corpus.name


def _count_documents_up_to(gold: Corpus | Path | FileRange, most: int) -> int:
    """How many documents there are; of a file no more are counted than are asked for."""
    return (
        len(gold)
        if isinstance(gold, Corpus)
        else count_documents(gold if isinstance(gold, Path) else gold.path, most)
    )


def _zones(zones: str | Iterable[str]) -> str | frozenset[str]:
    if zones in ("primary", "all"):
        return str(zones)
    names = (
        [zones]
        if isinstance(zones, str)
        else list(zones)
        if isinstance(zones, Iterable)
        else [zones]
    )
    if not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{spell_option('zones', zones)}: primary, all, or names of zones would do"
        )
    chosen = frozenset(str(name).strip() for name in names)
    return next(iter(chosen)) if chosen in ({"primary"}, {"all"}) else chosen
