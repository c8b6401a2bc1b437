"""What explains the differences of a comparison: contributions, and the items behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from evalkit.analysis.error_counts import ErrorCounts
from evalkit.analysis.item_changes import ItemChange
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.results.contribution_report import Contributions
from evalkit.results.contributions import (
    COMPARED_FEATURES,
    KIND,
    ZONE,
    SplitDifference,
    parse_features,
    split_by_feature,
    split_by_kind,
)
from evalkit.results.differences import Difference
from evalkit.results.error_analysis import ErrorAnalysis
from evalkit.results.error_requests import ANALYZED_LAYERS
from evalkit.results.item_comparison import ItemComparison, compare_items, iter_changes
from evalkit.results.scores import Scores
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import Metric
from evalkit.stats.intervals import Resampling

KINDS_OF_STRICT = f"errors have kinds under strict, in the layers {', '.join(ANALYZED_LAYERS)}"


class DifferenceExplainer:
    """Explains the differences of a comparison; see `Comparison` for the methods. Error analyses
    and comparisons of items are made once.
    """

    def __init__(
        self,
        runs: Mapping[str, Sequence[Scores]],
        differences: Sequence[Difference],
        resampling: Resampling,
        permutations: int,
    ) -> None:
        """See `Comparison` for the parameters."""
        self._runs, self._differences = runs, differences
        self._resampling, self._permutations = resampling, permutations
        self._analyses: dict[tuple[str, str], list[ErrorAnalysis]] = {}
        self._item_comparisons: dict[tuple[str, str, str], ItemComparison] = {}

    def split(self, feature: str) -> Contributions:
        """The contributions of the parts of a feature."""
        if isinstance(feature, str) and "," in feature:
            raise InputError(
                f"by({quoted_repr(feature)}): expected a single one of:"
                f" {', '.join(COMPARED_FEATURES)}; call by() for each"
            )
        (name,) = parse_features([feature], self._differences[0].average)
        differences = self._differences
        notes: dict[str, None] = {}
        if name == KIND:
            differences = self._differences_with_kinds()
            for each in self._differences:
                if each not in differences:
                    notes[f"{each.metric}: no contributions by kind: {KINDS_OF_STRICT}"] = None
        splits: list[SplitDifference] = []
        for each in differences:
            split = self._split(each, name)
            pair = f"{each.metric}, {each.a} – {each.b}"
            if split is None:
                notes[f"{pair}: no contributions: F1 is undefined"] = None
            elif name == ZONE and all(part.part == "" for part in split.parts):
                notes[f"{pair}: no contributions by zone: no item is in a zone"] = None
            else:
                splits.append(split)
        return Contributions(name, tuple(splits), tuple(notes))

    def _split(self, difference: Difference, feature: str) -> SplitDifference | None:
        names = (difference.a, difference.b)
        if feature == KIND:
            return split_by_kind(names, self._error_counts(difference), difference.metric)
        return split_by_feature(names, self._counts(difference), difference.average, feature)

    def _differences_with_kinds(self) -> list[Difference]:
        """The differences of strict metrics. Raises InputError if there are none."""
        differences = []
        for each in self._differences:
            metric = Metric.parse(each.metric)
            if metric.scheme == "strict" and metric.layer in ANALYZED_LAYERS:
                differences.append(each)
        if not differences:
            metrics = dict.fromkeys(each.metric for each in self._differences)
            raise InputError(f"{', '.join(metrics)}: {KINDS_OF_STRICT}")
        return differences

    def _counts(self, difference: Difference) -> tuple[list[Counts], list[Counts]]:
        """The counts of all runs of both systems of a difference."""
        a, b = (
            [scores[difference.metric].counts for scores in self._runs[name]]
            for name in (difference.a, difference.b)
        )
        return a, b

    def _error_counts(self, difference: Difference) -> tuple[list[ErrorCounts], list[ErrorCounts]]:
        """The kinds of error in all runs of both systems of a difference."""
        a, b = (
            [analysis.error_counts for analysis in self._analyze(name, difference.metric)]
            for name in (difference.a, difference.b)
        )
        return a, b

    def _analyze(self, name: str, metric: str) -> list[ErrorAnalysis]:
        """The errors of each run of a system; computed once."""
        layer = Metric.parse(metric).layer
        if (name, layer) not in self._analyses:
            with _naming(name):
                self._analyses[name, layer] = [
                    scores.errors(layer, examples=0) for scores in self._runs[name]
                ]
        return self._analyses[name, layer]

    def iter_items(self) -> Iterator[tuple[str, str, ItemChange]]:
        """For each pair of systems their names and each item that one of them has wrong."""
        for a, b, metric in self._pairs_with_items():
            for change in iter_changes(*self._pair_with_documents(a, b, metric)):
                yield a, b, change

    def compare_items(self) -> list[ItemComparison]:
        """How many items only one system has right, for each pair of systems and strict metric."""
        compared = []
        for a, b, metric in self._pairs_with_items():
            key = (a, b, metric)
            if key not in self._item_comparisons:
                analyses = self._pair_with_documents(a, b, metric)
                self._item_comparisons[key] = compare_items(
                    (a, b), analyses, self._resampling, self._permutations
                )
            compared.append(self._item_comparisons[key])
        return compared

    def _pair_with_documents(
        self, a: str, b: str, metric: str
    ) -> tuple[ErrorAnalysis, ErrorAnalysis]:
        """The errors of two systems. Raises InputError if their documents are not available."""
        (analysis_a,), (analysis_b,) = self._analyze(a, metric), self._analyze(b, metric)
        for name, analysis in ((a, analysis_a), (b, analysis_b)):
            with _naming(name):
                analysis.iter_items()  # which fails without documents
        return analysis_a, analysis_b

    def _pairs_with_items(self) -> list[tuple[str, str, str]]:
        """The pairs of systems and strict metrics of which items can be compared."""
        for name, runs in self._runs.items():
            if len(runs) > 1:
                raise InputError(
                    f"{name}: items are compared between single runs: give one run of each system"
                )
        return [(each.a, each.b, each.metric) for each in self._differences_with_kinds()]


@contextmanager
def _naming(system: str) -> Iterator[None]:
    """Name the system in an error about its documents, and how to have them."""
    try:
        yield
    except InputError as error:
        raise InputError(
            f"{system}: {error}: give predictions, and {spell_option('gold', 'CORPUS')}"
        ) from None
