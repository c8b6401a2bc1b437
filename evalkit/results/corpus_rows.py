"""The numbers of a corpus for programs: rows of labels, and all else as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_differences import CorpusDifferences
from evalkit.results.corpus_examples import ExampleOptions, find_examples
from evalkit.results.layer_stats import FLAGS, LabelStats, LayerStats
from evalkit.results.sample_size import SampleSize
from evalkit.results.surface_stats import display_form

MAX_AMBIGUOUS = 100  # surface forms with several labels


def build_rows(name: str, corpus: CorpusCounts, *, no_text: bool = False) -> list[dict[str, Any]]:
    """A dict for each label of each annotated layer, and one for the layer, whose label is None."""
    rows = []
    for layer in corpus.layers.values():
        if not layer.annotated_documents:
            continue
        for each in (*layer.labels, layer.total):
            rows.append(_build_row(name, layer.layer, each, no_text=no_text))
    return rows


def _build_row(name: str, layer: str, each: LabelStats, *, no_text: bool) -> dict[str, Any]:
    most_frequent = None
    if each.most_frequent is not None and not no_text:
        most_frequent = display_form(each.most_frequent[0])
    row = {
        "corpus": name,
        "layer": layer,
        "label": each.label,
        "annotations": each.annotations,
        "share": each.share,
        "documents": each.documents,
        "effective_documents": each.effective_documents,
        "tokens_median": each.tokens.median,
        "tokens_max": each.tokens.largest,
        "characters_median": each.characters.median,
        "characters_max": each.characters.largest,
        "surface_forms": each.surface_forms,
        "most_frequent": most_frequent,
        "most_frequent_share": each.most_frequent_share,
        "ambiguous_forms": each.ambiguous_forms,
        "is_rare": each.is_rare,
    }
    return row | {flag: getattr(each, flag) for flag in FLAGS}


def build_json(
    statistics: Mapping[str, CorpusCounts],
    differences: CorpusDifferences | None,
    sample_sizes: Mapping[str, SampleSize],
    options: ExampleOptions,
) -> dict[str, Any]:
    """All numbers of one or more corpora, by the names that are shown."""
    rows = []
    for name, corpus in statistics.items():
        rows += build_rows(name, corpus, no_text=options.no_text)
    return {
        "corpora": [_summarize(name, each, options) for name, each in statistics.items()],
        "rows": rows,
        "differences": None if differences is None else _summarize_differences(differences),
        "documents_needed": [
            {"corpus": name} | size.as_dict() for name, size in sample_sizes.items()
        ],
    }


def _summarize(name: str, corpus: CorpusCounts, options: ExampleOptions) -> dict[str, Any]:
    """What is known of a corpus beside its rows."""
    documents = corpus.document_stats
    return {
        "corpus": name,
        "name": corpus.name,
        "documents": corpus.documents,
        "characters": corpus.characters,
        "failed_documents": corpus.failed_documents,
        "repeated_texts": documents.repeated_texts,
        "languages": documents.languages,
        "gold_marks": vars(corpus.gold_marks),
        "per_document": {unit: each.as_dict() for unit, each in documents.lengths.items()},
        "zones": [
            {
                "zone": zone.label,
                "zones": zone.zones,
                "documents": zone.documents,
                "characters": zone.characters,
                "share": zone.share,
            }
            for zone in documents.zones
        ],
        "layers": {
            layer.layer: _summarize_layer(layer, options) for layer in corpus.layers.values()
        },
        "event_types": [
            {
                "label": each.label,
                "events": each.events,
                "arguments": each.arguments.total,
                "arguments_per_event": each.arguments_per_event,
                "arguments_median": each.arguments.median,
                "arguments_max": each.arguments.largest,
                "without_arguments": each.without_arguments,
                "roles": dict(each.roles),
            }
            for each in corpus.event_types
        ],
        "attribution_types": [
            {
                "label": each.label or None,
                "is_total": each.label is None,
                "attributions": each.attributions,
                "without_source": each.without_source,
                "without_cue": each.without_cue,
                "nested": each.nested,
            }
            for each in corpus.attribution_types
        ],
        "examples": [each.as_dict() for each in find_examples(corpus, options)],
    }


def _summarize_layer(layer: LayerStats, options: ExampleOptions) -> dict[str, Any]:
    """A layer as a whole; surface forms with several labels are left out without text."""
    ambiguous = [] if options.no_text else layer.ambiguous[:MAX_AMBIGUOUS]
    return {
        "annotated_documents": layer.annotated_documents,
        "unplaced": layer.unplaced,
        **({"without_trigger": layer.without_trigger} if layer.layer == "triggers" else {}),
        "unused_labels": list(layer.unused_labels),
        "rare_labels": list(layer.rare_labels),
        "per_document": layer.per_document.as_dict(),
        "ambiguous": [
            {"surface": display_form(form.surface), "labels": dict(form.labels)}
            for form in ambiguous
        ],
    }


def _summarize_differences(differences: CorpusDifferences) -> dict[str, Any]:
    layers = {}
    for layer in differences.layers.values():
        layers[layer.layer] = {
            "total_variation": layer.total_variation,
            "only_in_first": list(layer.only_in_first),
            "only_in_second": list(layer.only_in_second),
        }
    return {
        "first": differences.first,
        "second": differences.second,
        "same_documents": differences.same_documents,
        "first_texts": differences.first_texts,
        "second_texts": differences.second_texts,
        "same_ids": differences.same_ids,
        "layers": layers,
        "rows": differences.rows(),
    }
