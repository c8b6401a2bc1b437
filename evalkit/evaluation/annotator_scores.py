"""`agreement`: from the annotations of several people, or of several models, to their agreement.

The annotators of each pair are scored against each other, layer by layer, over the documents that
both of them annotated; `agreement_items` has the measures beside F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from evalkit.analysis.annotator_agreement import compute_cohen_kappa
from evalkit.corpus import CorpusSource
from evalkit.data.label_maps import LabelMapOption, LabelsOption, encode_label_map
from evalkit.errors import InputError, UnknownNameError, escape_controls, spell_option
from evalkit.evaluation.agreement_inputs import (
    Annotator,
    PreparedAnnotators,
    load_annotators,
    prepare_annotators,
)
from evalkit.evaluation.agreement_items import CHARACTERS, TOKENS, AnnotatedItems
from evalkit.evaluation.pair_scores import PairMeans, score_pair
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.results.agreement import Agreement
from evalkit.results.agreement_result import (
    AgreementResult,
    AnnotatorInfo,
    FleissKappa,
    LabelKappa,
    LabelPair,
    NominalAlpha,
    PairF1,
    PairGamma,
    UnitizingAlpha,
    parse_measures,
)
from evalkit.results.metric_scores import MetricScores
from evalkit.results.scores import Scores
from evalkit.results.wording import join_some, pluralize
from evalkit.scoring.digest import DigestBuilder
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import DEFAULT_METRICS, Metric
from evalkit.version import __version__

# Layers whose items are labels on spans, which the measures beside F1 need
SPAN_LAYERS = ("entities", "triggers", "realis", "attributions")

# The scores of each pair of annotators in each layer of documents
PairScores = dict[tuple[str, str, str], Scores]


def agreement(
    *annotators: CorpusSource,
    metrics: str | Iterable[str | Metric] | None = None,
    layer: str | None = None,
    measures: str | Sequence[str] | None = None,
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    zones: str | Iterable[str] = "primary",
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
    normalization: str | None = None,
    nil: str | None = None,
    heads: str | None = None,
    models: bool | None = None,
    **named_annotators: CorpusSource,
) -> Agreement:
    """Measure the agreement of two or more annotators of the same texts; `agreement(a=…, b=…)`
    names them.

    - An annotator is a corpus, a path, or a list as `Corpus.from_examples` takes it. A single file
      of the formats labelstudio, prodigy, cas and webanno is split into its annotators.
    - `metrics`: of the agreement F1 of each pair. Default: those of the layers that two annotators
      have.
    - `layer`: of the other measures: entities, triggers, realis or attributions. Default: the first
      of these that two annotators have.
    - `measures`: some of "f1", "kappa", "fleiss", "alpha", "alpha-tokens", "alpha-u" and "gamma".
      Default: all but "alpha-tokens" and "gamma".
    - `labels`, `label_map`: see `score`; one map for all annotators.
    - `zones`: see `score`; those of a document are those of the first annotator who has any.
    - `boot`: 0 for no intervals. `level`: their confidence level. `seed`: of the random corpora of
      γ.
    - `normalization`, `nil`, `heads`: see `score`.
    - `models`: whether the annotators are models, so that the report calls it consistency. Default:
      whether all of them have scores, failures or items without offsets.

    A document counts for the pairs of annotators who both annotated it, and in α, αU and Fleiss' κ
    if all annotators did. Duplicates count once. Alternatives, optional items and ignore regions
    are ignored. Raises InputError for fewer than two annotators, other texts, other zones, and
    layers that no two annotators have.
    """
    sources: list[tuple[str | None, CorpusSource]] = [(None, source) for source in annotators]
    sources += named_annotators.items()
    return measure_agreement(
        load_annotators(sources),
        metrics=metrics,
        layer=layer,
        measures=measures,
        labels=labels,
        label_map=label_map,
        zones=zones,
        boot=boot,
        seed=seed,
        level=level,
        normalization=normalization,
        nil=nil,
        heads=heads,
        models=models,
    )


def measure_agreement(
    annotators: Sequence[Annotator],
    *,
    metrics: str | Iterable[str | Metric] | None = None,
    layer: str | None = None,
    measures: str | Sequence[str] | None = None,
    models: bool | None = None,
    **score_options: Any,
) -> Agreement:
    """The agreement of annotators that were loaded; see `agreement`."""
    requested = parse_measures(measures)
    label_map = score_options.get("label_map")
    if isinstance(label_map, (list, tuple)):
        raise InputError(
            f"{spell_option('label_map')}: a pair of maps: expected one map, for all annotators"
        )
    options = ScoreOptions.create(metrics, units="documents", plain_gold=True, **score_options)
    prepared = prepare_annotators(annotators)
    _check_zones(options, prepared)
    chosen = _select_metrics(options, prepared)
    span_layer = None
    if any(measure != "f1" for measure in requested):
        span_layer = _select_layer(layer, prepared, is_optional=measures is None)
    options = replace(options, metrics=tuple(chosen))
    measurement = _Measurement(prepared, options, requested)
    if "f1" in requested:
        measurement.score_pairs()
    if span_layer is not None:
        measurement.measure_layer(span_layer)
    is_consistency = prepared.are_models if models is None else models
    return measurement.finish(consistency=is_consistency, given_metrics=metrics is not None)


def _check_zones(options: ScoreOptions, prepared: PreparedAnnotators) -> None:
    """Raise UnknownNameError for a zone that no document has."""
    if not isinstance(options.zones, frozenset):
        return
    known = {
        zone.label
        for side in prepared.documents.values()
        for document in side.values()
        for zone in document.zones
    }
    for zone in sorted(options.zones - known):
        raise UnknownNameError("zone", zone, ("primary", "all", *sorted(known)))


def _select_metrics(options: ScoreOptions, prepared: PreparedAnnotators) -> list[Metric]:
    """The requested metrics, or those of the layers that two annotators have in a document."""
    if options.metrics is not None:
        for metric in options.metrics:
            document_layer = get_layer(metric.layer).document_layer
            if not prepared.has_layer(document_layer):
                raise InputError(
                    f"{metric}: no document is annotated in {document_layer} by two of"
                    f" {', '.join(prepared.names)}"
                )
        return list(options.metrics)
    metrics = []
    for name in DEFAULT_METRICS:
        metric = Metric.parse(name)
        if prepared.has_layer(get_layer(metric.layer).document_layer):
            metrics.append(metric)
    if not metrics:
        raise InputError(
            f"no document is annotated by two of {', '.join(prepared.names)}: expected documents"
            " with the same ids"
        )
    return metrics


def _select_layer(
    layer: str | None, prepared: PreparedAnnotators, *, is_optional: bool
) -> str | None:
    """The layer of the measures beside F1; None if the default measures do not apply.

    Raises InputError for a layer that no two annotators have.
    """
    if layer is not None and layer not in SPAN_LAYERS:
        raise UnknownNameError("layer", layer, SPAN_LAYERS, within=spell_option("layer"))
    for name in SPAN_LAYERS if layer is None else (layer,):
        if prepared.has_layer(get_layer(name).document_layer):
            return name
    if layer is None and is_optional:
        return None
    wanted = layer or " or ".join(SPAN_LAYERS)
    raise InputError(
        f"no document is annotated in {wanted} by two of {', '.join(prepared.names)}, as the"
        f" measures beside f1 need it; leave them out with {spell_option('measures', 'f1')}"
    )


class _Measurement:
    """Measures one thing after the other, and puts the result together."""

    def __init__(
        self, prepared: PreparedAnnotators, options: ScoreOptions, measures: tuple[str, ...]
    ) -> None:
        self._prepared, self._options, self._measures = prepared, options, measures
        self._scores: PairScores = {}
        self._fields: dict[str, Any] = {}
        self._notes: list[str] = []
        self._unused_labels: list[set[str]] = []

    def score_pairs(self) -> None:
        """The agreement F1 of all pairs, metrics, labels and documents."""
        metrics = self._options.metrics or ()
        rows: dict[str, list[Any]] = {"f1": [], "pairs": [], "by_document": []}
        for document_layer in dict.fromkeys(
            get_layer(each.layer).document_layer for each in metrics
        ):
            in_layer = [
                each for each in metrics if get_layer(each.layer).document_layer == document_layer
            ]
            for a, b in combinations(self._prepared.names, 2):
                scores = score_pair(self._prepared, self._options, a, b, in_layer)
                if scores is not None:
                    self._scores[a, b, document_layer] = scores
                    self._unused_labels.append(set(scores.metadata.unused_labels))
        for metric in metrics:
            by_pair = self._scores_of(metric)
            pair_rows = [self._pair_row(metric, pair, each) for pair, each in by_pair.items()]
            summary = PairMeans(metric, list(by_pair.values()), self._level)
            rows["pairs"] += pair_rows
            rows["f1"] += summary.rows([row.f1 for row in pair_rows])
            rows["by_document"] += summary.document_rows(list(self._prepared.ids))
        self._fields |= rows

    @property
    def _level(self) -> float | None:
        return self._options.level if self._options.boot else None

    def _scores_of(self, metric: Metric) -> dict[tuple[str, str], MetricScores | None]:
        """The scores of each pair; None for a pair without a common document."""
        document_layer = get_layer(metric.layer).document_layer
        found: dict[tuple[str, str], MetricScores | None] = {}
        for a, b in combinations(self._prepared.names, 2):
            scores = self._scores.get((a, b, document_layer))
            found[a, b] = None if scores is None else scores[str(metric)]
        return found

    def _pair_row(
        self, metric: Metric, pair: tuple[str, str], scores: MetricScores | None
    ) -> PairF1:
        a, b = pair
        if scores is None:
            reason = "no common document"
            return PairF1(str(metric), a, b, 0, None, None, None, reason, 0.0, 0, 0)
        micro = scores.micro
        interval = micro.interval("f1")
        return PairF1(
            str(metric),
            a,
            b,
            scores.counts.resampling_unit_count,
            micro.f1,
            interval.low,
            interval.high,
            interval.reason if self._level is not None else "",
            float(micro.tp or 0),
            int(micro.gold or 0),
            int(micro.predicted or 0),
        )

    def measure_layer(self, layer: str) -> None:
        """κ, α, αU and γ of a layer."""
        items = AnnotatedItems(self._prepared, layer, self._options)
        self._unused_labels.append(items.unused_labels)
        self._fields["layer"] = layer
        common = len(items.common)
        if "kappa" in self._measures:
            self._fields["kappa"] = [
                self._kappa_row(items, layer, a, b) for a, b in combinations(items.names, 2)
            ]
        if "fleiss" in self._measures and len(items.names) > 2:
            fleiss = items.compute_fleiss()
            self._fields["fleiss"] = FleissKappa(layer, len(items.names), common, *fleiss)
        if not common and {"fleiss", "alpha", "alpha-tokens", "alpha-u"} & set(self._measures):
            self._notes.append(
                "no document was annotated by all annotators: no α, αU and Fleiss' κ"
            )
            self._measures = tuple(
                each for each in self._measures if each not in ("alpha", "alpha-tokens", "alpha-u")
            )
        self._fields["alpha"] = [
            *self._alpha_rows(items, layer, "alpha", CHARACTERS),
            *self._alpha_rows(items, layer, "alpha-tokens", TOKENS),
        ]
        if "alpha-u" in self._measures:
            self._fields["alpha_u"] = _unitizing_rows(items, layer)
        if "gamma" in self._measures:
            self._fields["gamma"] = [
                PairGamma(layer, a, b, documents, *gamma)
                for a, b, documents, gamma in items.compute_gammas(
                    self._options.seed, self._options.level
                )
            ]
        if items.discontinuous and {"alpha-u", "gamma"} & set(self._measures):
            self._notes.append(
                f"{pluralize(items.discontinuous, 'discontinuous item')}: αU takes each fragment as"
                " a unit, γ all from the first to the last character"
            )

    def _kappa_row(self, items: AnnotatedItems, layer: str, a: str, b: str) -> LabelKappa:
        counts = items.count_same_spans(a, b)
        exact = Metric(layer, "exact")
        scores = self._scores.get((a, b, get_layer(layer).document_layer))
        if scores is None or str(exact) not in scores:
            scores = score_pair(self._prepared, self._options, a, b, [exact])
        pairs = [LabelPair(*labels, n) for labels, n in sorted(counts.items())]
        f1 = None if scores is None else scores[str(exact)].micro.f1
        kappa = compute_cohen_kappa(counts.elements())
        return LabelKappa(layer, a, b, len(items.pair_documents(a, b)), f1, *kappa, pairs)

    def _alpha_rows(
        self, items: AnnotatedItems, layer: str, measure: str, unit: str
    ) -> list[NominalAlpha]:
        if measure not in self._measures:
            return []
        alphas = items.compute_alphas(unit)
        share = alphas.unlabeled / alphas.units if alphas.units else None
        documents = len(items.common)
        return [
            NominalAlpha(layer, unit, label, documents, alphas.units, share, *alpha[1:])
            for label, alpha in alphas.alphas.items()
        ]

    def finish(self, *, consistency: bool, given_metrics: bool) -> Agreement:
        """The result of all that was measured."""
        prepared, options = self._prepared, self._options
        annotators = []
        for name in prepared.names:
            annotators.append(
                AnnotatorInfo(
                    name,
                    len(prepared.documents[name]),
                    prepared.duplicates[name],
                    prepared.unplaced[name],
                    prepared.failures[name],
                    [id for id in prepared.ids if id not in prepared.documents[name]],
                )
            )
        metrics = [str(metric) for metric in options.metrics or ()] if given_metrics else None
        labels = options.labels
        unused = sorted(set.intersection(*self._unused_labels))
        if unused:
            named = f"{spell_option('labels')} or {spell_option('label_map')}"
            self._notes.insert(0, f"labels in {named} that nobody used: {join_some(unused)}")
        result = AgreementResult(
            annotators=annotators,
            consistency=consistency,
            documents=len(prepared.ids),
            options={
                "metrics": metrics,
                "measures": list(self._measures),
                "labels": list(labels) if isinstance(labels, (list, tuple)) else labels,
                "label_map": encode_label_map(options.label_map),
                "zones": _plain_zones(options),
                "boot": options.boot,
                "seed": options.seed,
                "level": options.level,
            },
            level=self._level,
            signature=self._signatures(),
            notes=[*_exclusions(annotators, len(prepared.ids)), *self._notes],
            **self._fields,
        )
        return Agreement(result, self._scores)

    def _signatures(self) -> dict[str, dict[str, str]]:
        """The fields of the signature of each metric, or of the layer of other measures."""
        prepared, options = self._prepared, self._options
        metrics = list(options.metrics or ()) if "f1" in self._measures else []
        names = {str(metric): metric.layer for metric in metrics}
        layer = self._fields.get("layer")
        if layer is not None and not any(name == layer for name in names.values()):
            names[layer] = layer
        fields: dict[str, dict[str, str]] = {}
        digests = self._digests(names)
        for name, each in names.items():
            fields[name] = {
                "evalkit": __version__,
                "annotators": "+".join(
                    f"{annotator}@{digest}" for annotator, digest in digests[each].items()
                ),
                "docs": self._describe_documents(each),
                "metric": name,
                "zones": self._describe_zones(each),
                **options.resolve_labels(prepared.schema).signature_fields(),
                "duplicates": "drop",
                "units": "documents",
            }
            if self._level is not None:
                fields[name] |= {"interval": "jackknife-t", "level": str(self._level)}
            if "gamma" in self._measures:
                fields[name]["seed"] = str(options.seed)
            if get_layer(each).has_links:
                fields[name]["nil"] = options.nil or "string"
            if get_layer(each).has_strings:
                fields[name]["normalization"] = options.normalization or "verbatim"
            read = [
                f"{annotator}=" + "+".join(f"{key}:{value}" for key, value in given.items())
                for annotator, given in prepared.read_options.items()
                if given
            ]
            if read:
                fields[name]["read"] = ",".join(read)
            fields[name] = {
                key: escape_controls(" ".join(value.replace("|", "/").split()))
                for key, value in fields[name].items()
            }
        return fields

    def _digests(self, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """The digest of what each annotator annotated: of each layer of metrics."""
        prepared = self._prepared
        layers = {layer: get_layer(layer).digest_layer for layer in names.values()}
        digests: dict[str, dict[str, str]] = {layer: {} for layer in layers}
        for annotator, documents in prepared.documents.items():
            builder = DigestBuilder(sorted(set(layers.values())))
            builder.add(list(documents.values()))
            of_corpus = builder.with_schema(prepared.schema)
            for layer, digest_layer in layers.items():
                digests[layer][annotator] = of_corpus.digest_of(digest_layer)[:8]
        return digests

    def _describe_documents(self, layer: str) -> str:
        """How many documents two annotators or more annotated in the layer, of how many."""
        shared = self._prepared.shared_ids(get_layer(layer).document_layer)
        return f"{len(shared)}/{len(self._prepared.ids)}"

    def _describe_zones(self, layer: str) -> str:
        zones: Iterable[str] | None = None
        if isinstance(self._options.zones, frozenset):
            zones = self._options.zones
        elif self._options.zones == "primary" and self._prepared.schema is not None:
            zones = self._prepared.schema.primary_zones(get_layer(layer).document_layer)
        return "all" if zones is None else "+".join(sorted(zones)) or "none"


def _unitizing_rows(items: AnnotatedItems, layer: str) -> list[UnitizingAlpha]:
    rows = []
    documents = len(items.common)
    for label, (alpha, has_overlap) in items.compute_unitizing_alphas().items():
        reason = ""
        if has_overlap:
            reason = "units of one label overlap within one annotator"
        elif alpha.alpha is None:
            reason = "no disagreement is to be expected"
        rows.append(UnitizingAlpha(layer, label, documents, *alpha, reason))
    return rows


def _plain_zones(options: ScoreOptions) -> str | list[str]:
    return options.zones if isinstance(options.zones, str) else sorted(options.zones)


def _exclusions(annotators: Sequence[AnnotatorInfo], documents: int) -> list[str]:
    """Sentences about what was left out."""
    notes = []
    lacking = [
        f"{each.name}: {documents - each.documents:,}"
        for each in annotators
        if each.documents < documents
    ]
    if lacking:
        notes.append(
            f"documents without annotations by an annotator, left out of their pairs:"
            f" {', '.join(lacking)}"
        )
    for field, what in (
        ("failures", "documents on which a model failed"),
        ("duplicates", "duplicate annotations, which count once"),
        ("unplaced", "annotations that have no place in the text, set aside"),
    ):
        counts = [
            f"{each.name}: {getattr(each, field):,}" for each in annotators if getattr(each, field)
        ]
        if counts:
            notes.append(f"{what}: {', '.join(counts)}")
    return notes
