"""Comparisons of systems: which pairs differ, by how much, and how certain that is.

Scores are compared only if their signatures differ in nothing but the model and the name of the
corpus. `differences` has the definitions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from evalkit.analysis.item_changes import ItemChange
from evalkit.data.option_aliases import accept_former_names
from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_controls,
    escape_controls_in_json,
    quoted_repr,
    spell_option,
    warn_deprecated,
)
from evalkit.results.comparison_report import (
    INTERVAL_FIELDS,
    ComparisonReport,
    RankedSystem,
    fields_that_must_match,
)
from evalkit.results.confusion import import_pandas
from evalkit.results.contribution_report import Contributions
from evalkit.results.contributions import KIND
from evalkit.results.difference_explainer import DifferenceExplainer
from evalkit.results.differences import Difference, complete_differences, compute_difference
from evalkit.results.gates import parse_gate, require_comparison_gate
from evalkit.results.item_comparison import ItemComparison
from evalkit.results.scores import Scores
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    to_html_fragment,
)
from evalkit.scoring.cells import GOLD
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import Metric
from evalkit.scoring.zones import CountUnit
from evalkit.stats.intervals import MOST_REPLICATES, Resampling

COMPARED_AVERAGES = ("micro", "macro")
ONLY_ALIKE = "only scores of the same gold with the same options can be compared"
HEADLINES = (  # one metric for each kind of annotation
    "entities/strict",
    "triggers/strict",
    "arguments/strict",
    "attribution-relations/strict",
    "relations/strict",
)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two or more systems, compared pair by pair: print it, or get its rows.

    systems: of each system the scores of its first run; `runs` has all. permutations: random
    permutations of a test, if there are too many to compute all. features: what reports break the
    differences down by, see `by`.
    """

    runs: Mapping[str, Sequence[Scores]]
    differences: tuple[Difference, ...]
    resampling: Resampling
    permutations: int
    features: tuple[str, ...] = ()

    @property
    def systems(self) -> dict[str, Scores]:
        """The scores of each system; of several runs the first."""
        return {name: runs[0] for name, runs in self.runs.items()}

    @property
    def metrics(self) -> list[str]:
        """The metrics that are compared."""
        return list(dict.fromkeys(difference.metric for difference in self.differences))

    def ranking(self, metric: str) -> list[RankedSystem]:
        """The systems by F1, best first, with groups: two systems share a letter if they do not
        differ significantly.
        """
        return self._reporter().rank(str(Metric.parse(metric)))

    def check_gate(self, rule: str) -> None:
        """Raise AssertionError, with a sentence, if a rule such as "ner: better" or "ner: no worse
        by 0.01" is not met; the first system is the base. See `gates`.
        """
        gate = require_comparison_gate(parse_gate(rule))
        _, sentence = gate.check(self.differences, self.resampling.level)
        if sentence:
            raise AssertionError(f"gate failed: {sentence}")

    def by(self, feature: str) -> Contributions:
        """What each "label", "document", "zone" or "kind" of error contributes to the differences:
        the contributions of a feature add up to the difference exactly, and have its sign.

        feature: a single one. Raises UnknownNameError for others, and InputError for those that
        macro F1 is not made of (it has contributions of labels only), and for kinds if the
        documents are not available or no metric is strict. A difference without items in zones has
        a note instead of contributions by zone.
        """
        return self._explainer.split(feature)

    def explain(self, feature: str) -> Contributions:
        """Deprecated name of `by`."""
        warn_deprecated("Comparison.explain is deprecated: use Comparison.by")
        return self.by(feature)

    def items(self) -> list[ItemChange]:
        """The gold items that at least one of two systems has wrong, such as those that only one
        has right, and wrong predictions without a gold item; for each pair of systems, in the
        layers of the strict metrics. See `analysis.item_changes` for their status.

        Raises InputError for several runs of a system, and if the documents are not available.
        """
        return [change for _, _, change in self.iter_items()]

    def iter_items(self) -> Iterator[tuple[str, str, ItemChange]]:
        """The same as `items` for each pair of systems: their names and an item, one at a time.
        Goes through all documents again.
        """
        return self._explainer.iter_items()

    def iter_item_lines(self, *, no_text: bool = False) -> Iterator[str]:
        """The same as lines of JSON. no_text: without context, and with hashes instead of surface
        forms.
        """
        for a, b, change in self.iter_items():
            fields = {"a": a, "b": b, **change.to_json(no_text=no_text)}
            yield escape_controls_in_json(json.dumps(fields, ensure_ascii=False))

    def compare_items(self) -> list[ItemComparison]:
        """How many items only one system has right, for each pair of systems and strict metric.
        Raises InputError as `items` does.
        """
        return self._explainer.compare_items()

    @cached_property
    def _explainer(self) -> DifferenceExplainer:
        return DifferenceExplainer(self.runs, self.differences, self.resampling, self.permutations)

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each metric and pair of systems."""
        return [difference.as_dict() for difference in self.differences]

    def verdicts(self) -> list[str]:
        """Sentences about the order of the systems. They follow the corrected p-values."""
        return list(self._reporter().verdicts.iter_sentences())

    @accept_former_names(form="format")
    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The comparison as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of F1 and differences
        (default 3, in percent 1). percent: percent instead of fractions. csv and json always hold
        the unrounded fractions; csv has the contributions, if there are any, instead of the
        differences.
        """
        numbers = NumberFormat(digits, percent)
        if format == "json":
            data: dict[str, Any] = {
                "systems": {name: scores.signature_fields for name, scores in self.systems.items()},
                "ranking": {
                    metric: [system.as_dict() for system in self.ranking(metric)]
                    for metric in self.metrics
                },
                "differences": self.rows(),
                "verdicts": self.verdicts(),
            }
            if self.features:
                reporter = self._reporter()
                data["contributions"] = [
                    row for each in reporter.contributions for row in each.rows()
                ]
                data["items"] = [each.as_dict() for each in reporter.items]
            return escape_controls_in_json(
                json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
            )
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        report = self._reporter(numbers).build(with_system_tables=format == "latex")
        return RENDERERS[format](report, width)

    def _reporter(
        self, numbers: NumberFormat = DEFAULT_FORMAT, features: Sequence[str] | None = None
    ) -> ComparisonReport:
        features = self.features if features is None else features
        contributions = [self.by(feature) for feature in features]
        notes = [note for each in contributions for note in each.notes]
        items: list[ItemComparison] = []
        if KIND in features:
            try:
                items = self.compare_items()
            except InputError as error:
                notes.append(f"no table of items: {error}")
        return ComparisonReport(
            self.runs,
            self.differences,
            self.resampling,
            self.permutations,
            numbers,
            contributions,
            items,
            notes,
        )

    def to_markdown(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The comparison as markdown tables; see `render`."""
        return self.render("markdown", digits=digits, percent=percent)

    def to_latex(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The comparison in LaTeX, for the package booktabs.

        First a table for each metric with precision, recall and F1 of each system, the best in
        bold; then the tables of `render`. Each has a label, such as tab:systems-entities-strict.
        """
        return self.render("latex", digits=digits, percent=percent)

    def to_pandas(self) -> Any:
        """The differences as a pandas DataFrame with the index (metric, a, b)."""
        frame = import_pandas().DataFrame(self.rows())
        return frame.set_index(["metric", "a", "b"])

    def to_html(self, *, no_text: bool = False) -> str:
        """A page for readers: verdicts, the scores of each system, differences with intervals as
        bars, their contributions by label (and by kind of error, if the documents are available),
        and items that only one system has right. `render("html")` has the tables alone.

        no_text: leave out the text of the corpus, and so these items.
        """
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        from evalkit.report.comparison_page import build_comparison_page

        features = ["label", *self.features]
        if self.differences[0].average == "micro" and self._has_kinds():
            features.insert(1, KIND)
        reporter = self._reporter(features=tuple(dict.fromkeys(features)))
        return build_comparison_page(self, reporter, text=not no_text)

    def _has_kinds(self) -> bool:
        """Whether a metric has kinds of error, and these are known of all systems."""
        try:
            self.by(KIND)
        except InputError:
            return False
        return True

    def __repr__(self) -> str:
        return escape_controls(
            f"<Comparison of {', '.join(self.systems)}: {len(self.metrics)}"
            f" metric{'' if len(self.metrics) == 1 else 's'}; {'; '.join(self.verdicts())}>"
        )

    def __str__(self) -> str:
        return self.render()

    def _repr_html_(self) -> str:
        return to_html_fragment(self._reporter().build())


def compare_scores(
    systems: Mapping[str, Scores | Sequence[Scores]],
    metrics: Sequence[Metric] | None = None,
    *,
    average: str = "micro",
    permutations: int = 10_000,
) -> Comparison:
    """Compare systems pair by pair; several scores of a system are its runs. Default metrics: the
    HEADLINES that all systems have, with relations/boundaries beside relations/strict, or else all
    metrics that they have in common.

    Raises InputError for fewer than two systems, and for scores of other data or with other
    options.
    """
    if len(systems) < 2:
        raise InputError(f"{len(systems)} system to compare: expected two or more")
    if average not in COMPARED_AVERAGES:
        raise UnknownNameError("average", average, COMPARED_AVERAGES)
    is_number = isinstance(permutations, int) and not isinstance(permutations, bool)
    if not is_number or not 1 <= permutations <= MOST_REPLICATES:
        raise InputError(
            f"invalid {spell_option('permutations', permutations)}: expected a whole number from 1"
            f" to {MOST_REPLICATES:,}"
        )
    runs: dict[str, Sequence[Scores]] = {}
    for name, scores in systems.items():
        runs[name] = (scores,) if isinstance(scores, Scores) else tuple(scores)
    named_runs = _name_runs(runs)
    compared = _select_metrics(named_runs, metrics)
    _check_comparable(named_runs, compared)
    all_resampling = [scores.resampling for scores in named_runs.values()]
    # Intervals come from the counts, so that one result with intervals is enough for all.
    resampling = next((each for each in all_resampling if each.boot), all_resampling[0])
    differences = []
    for metric in compared:
        for a, b in combinations(runs, 2):
            counts_a = [scores[metric].counts for scores in runs[a]]
            counts_b = [scores[metric].counts for scores in runs[b]]
            differences.append(
                compute_difference((a, b), (counts_a, counts_b), resampling, average, permutations)
            )
    return Comparison(runs, tuple(complete_differences(differences)), resampling, permutations)


def _name_runs(runs: Mapping[str, Sequence[Scores]]) -> dict[str, Scores]:
    """The scores of all runs; those of several runs of a system are numbered."""
    named = {}
    for name, scores in runs.items():
        for number, each in enumerate(scores, start=1):
            named[name if len(scores) == 1 else f"{name} (run {number})"] = each
    return named


def _select_metrics(systems: Mapping[str, Scores], requested: Sequence[Metric] | None) -> list[str]:
    if requested is not None:
        for scores in systems.values():
            for metric in requested:
                scores[str(metric)]  # raises UnknownNameError for a metric that was not scored
        return list(map(str, requested))
    first, *others = systems.values()
    metrics = [metric for metric in first if all(metric in scores for scores in others)]
    if not metrics:
        raise InputError(f"{', '.join(systems)} have no metric in common")
    headlines = [metric for metric in HEADLINES if metric in metrics]
    if "relations/strict" in headlines and "relations/boundaries" in metrics:
        # The literature reports either as "relation F1", so that neither stands alone.
        headlines.insert(headlines.index("relations/strict") + 1, "relations/boundaries")
    return headlines or metrics


def _check_comparable(systems: Mapping[str, Scores], metrics: Sequence[str]) -> None:
    """Raise InputError for scores of other gold, or with other options."""
    (first, scores), *others = systems.items()
    for name, other in others:
        for metric in metrics:
            _check_same_fields(metric, first, scores, name, other)
            has_digest = "corpus" in scores[metric].signature_fields
            if not has_digest and not _has_same_gold(scores[metric].counts, other[metric].counts):
                raise InputError(
                    f"{metric}: gold of {first} and of {name} is not the same: {ONLY_ALIKE}"
                )
        has_intervals = scores.resampling.boot and other.resampling.boot
        if has_intervals and scores.resampling.level != other.resampling.level:
            raise InputError(
                f"level is {scores.resampling.level} for {first} and {other.resampling.level} for"
                f" {name}: {ONLY_ALIKE}"
            )


def _check_same_fields(metric: str, first: str, scores: Scores, name: str, other: Scores) -> None:
    fields = fields_that_must_match(scores[metric].signature_fields)
    other_fields = fields_that_must_match(other[metric].signature_fields)
    for field in dict.fromkeys([*fields, *other_fields]):
        one, two = fields.get(field), other_fields.get(field)
        if one != two and field not in INTERVAL_FIELDS:
            raise InputError(
                f"{metric}: {field} is {_quote_field(one)} for {first} and {_quote_field(two)} for"
                f" {name}: {ONLY_ALIKE}"
            )


def _quote_field(value: str | None) -> str:
    return "not set" if value is None else quoted_repr(value)


def _has_same_gold(a: Counts, b: Counts) -> bool:
    """Whether both have as many gold items of each label in each unit: all that is known of the
    gold of scores that were made without documents.
    """
    return len(a.units) == len(b.units) and _gold_counts(a) == _gold_counts(b)


def _gold_counts(counts: Counts) -> dict[tuple[CountUnit, str], int]:
    gold = counts.values[GOLD].tolist()
    return {
        (counts.units[unit], counts.labels[label]): number
        for unit, label, number in zip(counts.unit, counts.label, gold)
        if number
    }
