"""The agreement of the annotators of gold, under the metrics of a score.

The annotators of each pair are scored against each other, and each annotator against gold, over the
documents of gold that they annotated, with the zones and labels of the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from msgspec.structs import replace as replace_fields

from evalkit.corpus import Corpus, CorpusSource, load_corpus
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.evaluation.agreement_inputs import (
    Annotator,
    PreparedAnnotators,
    load_annotators,
    prepare_annotators,
)
from evalkit.evaluation.document_join import Side, path_of
from evalkit.evaluation.pair_scores import PairMeans, score_pair
from evalkit.evaluation.score_options import ScoreOptions
from evalkit.results.ceiling import AnnotatorF1, Ceiling
from evalkit.results.scores import Scores
from evalkit.results.wording import unique_name
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric

# The annotators of gold: by name, or a list in which a pair is name and corpus, or one file with
# several annotators
Named = tuple[str | None, CorpusSource]
CeilingOption = Mapping[str, CorpusSource] | Sequence[CorpusSource | Named] | str | Path | None


def list_sources(ceiling: CeilingOption) -> list[Named]:
    """Name and corpus of each annotator; None for the name of the corpus. Raises InputError for
    anything else.
    """
    if isinstance(ceiling, (str, Path)):
        return [(None, ceiling)]
    if isinstance(ceiling, Mapping):
        return list(ceiling.items())
    sources: list[Named] = []
    for each in ceiling if isinstance(ceiling, (list, tuple)) else ():
        name, source = each if isinstance(each, tuple) and len(each) == 2 else (None, each)
        if isinstance(source, (Corpus, str, Path)) and (name is None or isinstance(name, str)):
            sources.append((name, source))
    if sources and isinstance(ceiling, (list, tuple)) and len(sources) == len(ceiling):
        return sources
    raise InputError(
        f"invalid {spell_option('ceiling')}: expected the annotators as a mapping of names to"
        " corpora, a list of corpora or paths, or the path of one file with several annotators"
    )


def measure_ceilings(
    gold: Side, ceiling: CeilingOption, options: ScoreOptions, metrics: Sequence[str]
) -> dict[str, Ceiling]:
    """The agreement of annotators under each metric of a score.

    Raises InputError for annotators without documents of gold, and for other texts or zones.
    """
    annotators = load_annotators(list_sources(ceiling))
    corpus = gold if isinstance(gold, Corpus) else load_corpus(path_of(gold))
    names = [each.name for each in annotators]
    gold_name = unique_name("gold", names)
    sides = [Annotator(gold_name, corpus)]
    for name, annotated in annotators:
        documents = []
        for document in annotated:
            if document.id in corpus:
                # Zones are those of gold, also where it has none.
                has_zones = bool(corpus[document.id].zones)
                documents.append(document if has_zones else replace_fields(document, zones=()))
        if not documents:
            raise InputError(
                f"{name}: no document of {corpus.name}: expected annotations of documents with the"
                f" same ids, such as {quoted_repr(corpus.ids[0])}"
            )
        sides.append(Annotator(name, annotated.with_documents(documents)))
    prepared = prepare_annotators(sides)
    label_map = options.label_map
    if isinstance(label_map, (list, tuple)):
        # Annotators have the labels of gold, and not those of the predictions.
        options = replace(options, label_map=label_map[0])
    ceilings: dict[str, Ceiling] = {}
    for group in _group_metrics(metrics):
        ceilings |= _measure_group(prepared, gold_name, options, group)
    return {metric: ceilings[metric] for metric in metrics if metric in ceilings}


def _group_metrics(metrics: Sequence[str]) -> list[list[Metric]]:
    """The metrics of each layer of documents."""
    groups: dict[str, list[Metric]] = {}
    for metric in map(Metric.parse, metrics):
        groups.setdefault(get_layer(metric.layer).document_layer, []).append(metric)
    return list(groups.values())


def _measure_group(
    prepared: PreparedAnnotators, gold: str, options: ScoreOptions, metrics: Sequence[Metric]
) -> dict[str, Ceiling]:
    """The agreement under metrics of one layer of documents."""
    names = [name for name in prepared.names if name != gold]
    # Alternatives of gold would make the F1 of a pair depend on who is taken for gold.
    symmetric = replace(options, plain_gold=True, units="documents")
    pairs = [score_pair(prepared, symmetric, a, b, metrics) for a, b in combinations(names, 2)]
    against = {name: score_pair(prepared, options, gold, name, metrics) for name in names}
    ceilings = {}
    for metric in metrics:
        of_pairs = [None if scores is None else scores[str(metric)] for scores in pairs]
        means = PairMeans(metric, of_pairs, options.level if options.boot else None)
        overall, *labels = means.rows(
            [None if each is None else each.micro.f1 for each in of_pairs]
        )
        ceilings[str(metric)] = Ceiling(
            f1=overall.f1,
            low=overall.low,
            high=overall.high,
            min=overall.min,
            max=overall.max,
            pairs=overall.pairs,
            documents=overall.documents,
            labels={row.label or "": row.f1 for row in labels},
            annotators=[_annotator_f1(name, metric, against[name]) for name in names],
        )
    return ceilings


def _annotator_f1(name: str, metric: Metric, scores: Scores | None) -> AnnotatorF1:
    if scores is None:
        return AnnotatorF1(name, None, 0)
    of_metric = scores[str(metric)]
    return AnnotatorF1(name, of_metric.micro.f1, scores.resampling.documents)
