"""What a corpus holds: documents, characters, and how often each label occurs in each layer; and
how many such documents it takes to detect a difference between two systems.

`layer_stats` has the definitions, `corpus_differences` those of two corpora, `stats/planning` those
of the number of documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import escape_controls
from evalkit.results.comparison import HEADLINES
from evalkit.results.corpus_counts import CorpusCounts, count_documents
from evalkit.results.corpus_differences import CorpusDifferences, compare_corpora
from evalkit.results.corpus_examples import DEFAULT_EXAMPLES, ExampleOptions
from evalkit.results.corpus_rows import build_rows
from evalkit.results.sample_size import (
    SampleSize,
    compute_sample_size,
    sample_size_without_metric,
)
from evalkit.results.stats_report import StatsReport, arrange_corpora
from evalkit.results.tables import (
    NumberFormat,
    to_html_fragment,
)
from evalkit.results.wording import pluralize
from evalkit.scoring.layers import LAYERS
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import split_credits
from evalkit.stats.planning import sample_gold, sample_predictions, validate_difference


@dataclass(frozen=True, repr=False)
class CorpusStats(CorpusCounts):
    """What a corpus holds: print it, get its rows, or write a page about it.

    documents, characters: how many there are; failed_documents: those that a model could not
    process. layers: by name. document_stats, event_types, attribution_types: lengths, zones and
    languages; arguments and roles; sources and cues.
    """

    def rows(self, *, no_text: bool = False) -> list[dict[str, Any]]:
        """A dict for each label of each annotated layer, and one for the layer, whose label is
        None. no_text: without surface forms.
        """
        return build_rows(self.name, self, no_text=no_text)

    def render(
        self,
        format: str = "table",
        *,
        other: CorpusStats | None = None,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
        examples: int = DEFAULT_EXAMPLES,
        context: bool = False,
        no_text: bool = False,
    ) -> str:
        """The statistics as table, markdown, latex, csv, html or json.

        other: a second corpus, which is shown beside this one. width: columns of the terminal, for
        the table. digits: decimals of shares (default 3, in percent 1). percent: percent instead of
        fractions. Tables have the 50 most frequent labels; csv and json have all of them, with
        unrounded fractions. examples: surface forms of each
        label; context: whether each is shown in a text as well; no_text: leave out surface forms.
        """
        report = StatsReport(
            *arrange_corpora(self, other),
            numbers=NumberFormat(digits, percent),
            examples=ExampleOptions(examples, context, no_text),
        )
        return report.render(format, width)

    def to_html(
        self,
        *,
        other: CorpusStats | None = None,
        examples: int = DEFAULT_EXAMPLES,
        no_text: bool = False,
    ) -> str:
        """A page for readers: documents, the labels of each layer with bars, details, and examples
        in context; see `render` for the parameters. `render("html")` has the tables alone.
        """
        options = ExampleOptions(examples, no_text=no_text)
        return StatsReport(*arrange_corpora(self, other), examples=options).to_html()

    def compare_with(self, other: CorpusStats) -> CorpusDifferences:
        """How another corpus differs from this one, such as test data from training data: shares
        of labels, surface forms that are not here, documents that are in both.
        """
        return compare_corpora(self, other)

    def documents_needed(
        self, difference: float, predicted: str | Path | Iterable[Any] | None = None
    ) -> SampleSize:
        """The number of documents like these that it takes to detect a difference of micro F1
        between two systems with a power of 80 % in a two-sided test at level .05.

        predicted: a corpus or path with predictions for the same documents, whose errors show how
        much F1 varies between documents; without it, F1 is assumed to be 0.8. The metric is
        entities/strict, or the first of one for each layer that has annotations. Raises InputError
        for a difference that is not between 0 and 1.
        """
        validate_difference(difference)
        # Corpora and scoring are above this folder; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.corpus import JsonlFile, to_corpus
        from evalkit.evaluation.corpus_scores import score

        is_measured = predicted is not None
        other = self.corpus
        if isinstance(predicted, JsonlFile):
            other = predicted
        elif predicted is not None:
            other = to_corpus(predicted, "predictions", predictions=True)
        metric = self._planning_metric(other)
        if metric is None:
            return sample_size_without_metric(difference, self.documents, is_measured=is_measured)
        # A file is scored batch by batch.
        gold, answers = (
            each.path if isinstance(each, JsonlFile) else each for each in (self.corpus, other)
        )
        # Compared with itself, gold has no use for what it accepts beside itself.
        scores = score(gold, answers, metric, units="documents", boot=0, plain_gold=not is_measured)
        counts = scores[metric].counts
        credits = counts.credits_by_document()
        documents = counts.resampling_unit_count
        if is_measured:
            sample = sample_predictions(*split_credits(credits)["f1"], documents)
        else:
            sample = sample_gold(credits[:, 0], documents)
        return compute_sample_size(metric, difference, sample, is_measured=is_measured)

    def _planning_metric(self, predicted: Iterable[Document]) -> str | None:
        """The first headline metric whose layer has annotations here and is annotated in
        `predicted`; None if there is none.
        """
        for metric in HEADLINES:
            layer = _ANNOTATIONS_OF[Metric.parse(metric).layer]
            document_layer = LAYERS[layer].document_layer
            if self.layers[layer].total.annotations and any(
                getattr(document, document_layer) is not None for document in predicted
            ):
                return metric
        return None

    def __repr__(self) -> str:
        parts = [pluralize(self.documents, "document")]
        for name, layer in self.layers.items():
            if layer.annotated_documents:
                parts.append(f"{layer.total.annotations:,} {name}")
        return escape_controls(f"<CorpusStats of {self.name}: {', '.join(parts)}>")

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(StatsReport({self.name: self}).build())


# The layer here that has the annotations of a layer of HEADLINES.
_ANNOTATIONS_OF = {
    "entities": "entities",
    "triggers": "triggers",
    "arguments": "arguments",
    "attribution-relations": "attributions",
    "relations": "relations",
}


def count_corpus(name: str, documents: Iterable[Document], schema: Schema | None) -> CorpusStats:
    """The statistics of a corpus; the documents are read once, and none is kept."""
    return CorpusStats(**vars(count_documents(name, documents, schema)))
