"""The scores of a system under several metrics: reports, exports and result files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.data.option_aliases import accept_former_names
from evalkit.errors import (
    InputError,
    UnknownNameError,
    escape_controls,
    quoted_repr,
    shorten,
    warn_deprecated,
)
from evalkit.files import replace_file
from evalkit.results.ceiling import build_ceiling_table
from evalkit.results.label_advice import iter_label_warnings
from evalkit.results.metadata import ResultMetadata
from evalkit.results.metric_scores import (
    CountsOnly,
    MetricScores,
    ScoringSource,
    describe_micro,
)
from evalkit.results.result import Result
from evalkit.results.rows import COUNTS
from evalkit.results.summary import build_report, warnings
from evalkit.results.tables import (
    DEFAULT_FORMAT,
    RENDERERS,
    NumberFormat,
    Report,
    to_html_fragment,
)
from evalkit.results.wording import pluralize
from evalkit.scoring.counts import Counts
from evalkit.scoring.digest import CorpusDigests
from evalkit.scoring.layers import get_layer
from evalkit.scoring.metrics import Metric
from evalkit.scoring.pairs import ItemPair
from evalkit.stats.intervals import Resampling

if TYPE_CHECKING:
    from evalkit.analysis.error_counts import ErrorCounts
    from evalkit.results.confusion import ConfusionMatrix
    from evalkit.results.error_analysis import ErrorAnalysis
    from evalkit.results.error_report import StrictNotes


class Scores:
    """The scores of a system: print them, index them by metric, or get their rows."""

    def __init__(
        self,
        counts: Sequence[Counts],
        resampling: Resampling,
        metadata: ResultMetadata,
        source: ScoringSource,
        error_counts: Mapping[str, ErrorCounts] | None = None,
    ) -> None:
        """Keep the counts of each metric. `source` computes pairs, digests and MUC's counts.
        error_counts: of layers whose errors were analyzed.
        """
        self.resampling = resampling
        self.metadata = metadata
        self._source = source
        self._error_counts = dict(error_counts or {})
        differences, ceilings = metadata.plain_differences, metadata.ceiling
        self._metrics = {}
        for each in counts:
            difference, ceiling = differences.get(each.metric), ceilings.get(each.metric)
            self._metrics[each.metric] = MetricScores(each, resampling, source, difference, ceiling)

    @classmethod
    def from_result(cls, result: Result, source: ScoringSource | None = None) -> Scores:
        """The scores of a result; without a source, only what its counts give."""
        return cls(
            result.counts,
            result.resampling,
            result.metadata,
            source or CountsOnly(result.digests, result.error_counts),
            result.error_counts,
        )

    @property
    def about(self) -> dict[str, Any]:
        """Deprecated: `metadata` as a dictionary."""
        warn_deprecated("Scores.about is deprecated: use Scores.metadata")
        return self.metadata.to_builtins()

    @property
    def how(self) -> Resampling:
        """Deprecated name of `resampling`."""
        warn_deprecated("Scores.how is deprecated: use Scores.resampling")
        return self.resampling

    @property
    def signed(self) -> dict[str, dict[str, str]]:
        """Deprecated name of `signature_fields`."""
        warn_deprecated("Scores.signed is deprecated: use Scores.signature_fields")
        return self.signature_fields

    def digests(self) -> CorpusDigests | None:
        """The digests of gold; None for scores that were made without documents."""
        return self._source.digests()

    def pairs(self, metric: str | Metric) -> list[ItemPair]:
        """The matched items of a metric: (document, kind, gold item, predicted item), in the order
        of the text.

        Raises InputError if the documents are not available: for scores read from a file.
        """
        return list(self._source.pairs(Metric.parse(metric)))

    def errors(
        self,
        layer: str = "entities",
        *,
        by: str | Iterable[str] | None = None,
        train: Any = None,
        metric: str | None = None,
        ignore_case: bool = False,
        examples: int = 50,
    ) -> ErrorAnalysis:
        """The errors of a layer: kinds, what each costs in F1, and the items. Goes through all
        documents again.

        - `layer`: entities, triggers, arguments, attached-arguments, realis, attributions,
          attached-attributions, relations or tokens.
        - `by`: features to break recall and precision down by, such as "length,frequency", which
          the report shows in full. Default: some, of which it shows the worst buckets; others can
          be added later with `ErrorAnalysis.by`.
        - `train`: a training corpus or its path, for the features novelty and consistency; the
          label map of gold holds for it, too.
        - `metric`: the one that is broken down (default: strict).
        - `ignore_case`: ignore case and white space in surface forms.
        - `examples`: how many errors of each kind to keep as examples.

        Raises InputError if the documents are not available, and for other layers.
        """
        from evalkit.results.error_analysis import analyze_errors

        strict = f"{layer}/strict"
        signature = self._metrics[strict].signature if strict in self._metrics else ""
        analysis = analyze_errors(
            self._source,
            layer,
            self.resampling,
            self.metadata,
            signature,
            by=by,
            train=train,
            metric=metric,
            ignore_case=ignore_case,
            examples=examples,
            with_texts=self._source.has_texts,
            notes=self._strict_notes(layer),
        )
        self._error_counts[layer] = analysis.error_counts
        return analysis

    def _strict_notes(self, layer: str) -> StrictNotes:
        """What the report of the scores says about a layer's strict metric."""
        from evalkit.results.error_report import StrictNotes

        strict = self._metrics.get(f"{layer}/strict")
        if strict is None:
            return StrictNotes()
        warnings = iter_label_warnings([strict.counts], self.metadata, command_line=True)
        return StrictNotes(strict.signature_fields, strict.counts.set_aside, tuple(warnings))

    def confusion(self, layer: str = "entities") -> ConfusionMatrix:
        """The number of spans with each pair of gold label and predicted label.

        None stands for no item of the same span. Rows sum up to the gold items, columns to the
        predicted items, and the diagonal is tp of strict. Raises InputError if the documents are
        not available, and for layers that are sets.
        """
        from evalkit.analysis.error_collector import ErrorRequest
        from evalkit.results.confusion import count_confusions

        metric = Metric.parse(f"{layer}/exact")
        if get_layer(metric.layer).deduplicate:
            raise InputError(
                f"{layer} are a set whose labels `exact` drops; labels of entities, realis, tokens"
                " and attributions can be confused"
            )
        summary = self._source.summarize_errors(ErrorRequest(Metric(metric.layer), examples=0))
        return count_confusions(summary.counts).same_span

    def __getitem__(self, metric: str) -> MetricScores:
        name = str(Metric.parse(metric))
        if name not in self._metrics:
            raise UnknownNameError("metric", metric, self._metrics, within="these scores")
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def __contains__(self, metric: str) -> bool:
        return metric in self._metrics

    def check_gate(self, rule: str) -> None:
        """Raise AssertionError, with a sentence, if a rule such as "ner>=0.80" or
        "entities/strict[PER].recall>=0.9" is not met; see `gates`.
        """
        from evalkit.results.gates import parse_gate, require_score_gate

        _, sentence = require_score_gate(parse_gate(rule)).check(self)
        if sentence:
            raise AssertionError(f"gate failed: {sentence}")

    check = check_gate

    def rows(self) -> list[dict[str, Any]]:
        """A dict for each label and average of each metric."""
        return [row.as_dict() for metric in self._metrics.values() for row in metric.rows()]

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame with the index (metric, label).

        An average has its name in the place of the label and in the column `average`, which is
        empty for labels. Labels that neither gold nor the prediction has are left out. Counts are
        whole numbers where all of a column are.
        """
        from evalkit.results.confusion import import_pandas

        pandas = import_pandas()
        records = []
        for row in self.rows():
            if row["average"] is None and not (row["gold"] or row["predicted"]):
                continue
            row["label"] = row["average"] if row["label"] is None else row["label"]
            row["average"] = row["average"] or ""
            records.append(row)
        frame = pandas.DataFrame(records, columns=list(records[0]) if records else None)
        for name in COUNTS:
            column = frame[name].astype("Float64")
            is_whole = bool((column.dropna() % 1 == 0).all())
            frame[name] = column.astype("Int64") if is_whole else column
        return frame.set_index(["metric", "label"])

    @accept_former_names(form="format")
    def render(
        self,
        format: str = "table",
        *,
        width: int | None = None,
        digits: int | None = None,
        percent: bool = False,
    ) -> str:
        """The report as table, markdown, latex, csv, html or json.

        width: columns of the terminal, for the table. digits: decimals of ratios (default 3, in
        percent 1). percent: percent instead of fractions. csv and json always hold the unrounded
        fractions.
        """
        numbers = NumberFormat(digits, percent)
        if format == "json":
            return self.to_json()
        if format not in RENDERERS:
            raise UnknownNameError("format", format, ("json", *RENDERERS))
        return RENDERERS[format](self._report(numbers), width)

    def to_json(self) -> str:
        """The text of a result file: options, signatures, rows, counts; see `result_file`."""
        return "".join(self._iter_json())

    def _iter_json(self) -> Iterator[str]:
        from evalkit.results.result_file import iter_json

        counts = [metric.counts_with_muc for metric in self._metrics.values()]
        result = Result(counts, self.resampling, self.digests(), self.metadata, self._error_counts)
        return iter_json(result, self.rows(), self.signature_fields, self.warnings)

    def to_markdown(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The report as markdown tables; see `render`."""
        return self.render("markdown", digits=digits, percent=percent)

    def to_latex(self, *, digits: int | None = None, percent: bool = False) -> str:
        """The tables in LaTeX, for the package booktabs; see `render`."""
        return self.render("latex", digits=digits, percent=percent)

    def to_csv(self) -> str:
        """The rows, with a header line."""
        return self.render("csv")

    def to_html(
        self, *, errors: bool = False, no_text: bool = False, max_documents: int | None = 20
    ) -> str:
        """A page for readers: all metrics with bars and intervals, the confusion of labels, and the
        documents with the lowest F1. `render("html")` has the tables alone.

        errors: also the errors of each layer with examples, and the documents with the most errors,
        as `ErrorAnalysis.to_html`; of scores that were read from a file, what they hold.
        no_text: offsets and hashes instead of the text of the corpus. max_documents: how many
        documents are shown in full; None for all.
        """
        # The folder of pages is above this one; see LAZY_IMPORTS in tests/test_architecture.py.
        if errors:
            from evalkit.report.errors_page import build_errors_page
            from evalkit.results.error_requests import analyzable_layers

            has_documents = self._source.has_documents
            layers = analyzable_layers(self) if has_documents else self._error_counts
            analyses = [self.errors(layer) for layer in layers]
            return build_errors_page(analyses, self, text=not no_text, max_documents=max_documents)
        from evalkit.report.scores_page import build_scores_page

        return build_scores_page(self, self._report())

    def _repr_html_(self) -> str:
        return to_html_fragment(self._report())

    def __repr__(self) -> str:
        system, corpus = self.metadata.system_name, self.metadata.corpus.name
        first = next(iter(self._metrics.values()), None)
        headline = "" if first is None else f"; {first.metric} {describe_micro(first)}"
        return escape_controls(
            f"<Scores of {system} on {corpus}: {pluralize(self.resampling.documents, 'document')},"
            f" {pluralize(len(self), 'metric')}{headline}>"
        )

    def __str__(self) -> str:
        return self.render("table")

    @property
    def warnings(self) -> list[str]:
        """Warnings about the numbers: labels that do not fit, few documents, repairs."""
        return [*self.label_warnings(), *warnings(self.metadata)]

    def label_warnings(self, *, command_line: bool = False) -> list[str]:
        """The warnings about labels. command_line: name options as they are typed, instead of
        parameters as they are called.
        """
        return list(
            iter_label_warnings(
                [metric.counts for metric in self._metrics.values()],
                self.metadata,
                command_line=command_line,
            )
        )

    @property
    def signature_fields(self) -> dict[str, dict[str, str]]:
        """The fields of each metric's signature."""
        return {name: metric.signature_fields for name, metric in self._metrics.items()}

    def _report(self, numbers: NumberFormat = DEFAULT_FORMAT) -> Report:
        return build_scores_report(self, numbers)

    def save(self, path: str | Path) -> None:
        """Write the result to a file, which holds no text of the corpus.

        Raises InputError for a path that cannot be written to, WriteError if writing fails; then an
        existing file is unchanged.
        """
        pieces = self._iter_json()
        with replace_file(path) as file:
            for piece in pieces:
                file.write(piece.encode())
            file.write(b"\n")

    @classmethod
    def from_json(cls, text: str) -> Scores:
        """The scores that `to_json` wrote. Raises InputError for any other text."""
        from evalkit.results.result_file import from_json

        return cls.from_result(from_json(text))

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """The scores that `save` wrote. Raises InputError for any other file."""
        if not isinstance(path, (str, Path)):
            raise InputError(
                f"expected the path of a saved result, got {type(path).__name__}"
                f" {quoted_repr(path)}"
            )
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{shorten(str(path), 200)}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a result of evalkit: not UTF-8") from None
        try:
            return cls.from_json(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    @classmethod
    def merge(cls, shards: Sequence[Scores]) -> Scores:
        """The scores of a corpus that was scored in shards, in any order; equal to the scores of
        the whole.

        Raises InputError, naming the field, for shards that were scored with other options, and for
        a document that is in two shards.
        """
        from evalkit.results.merging import merge_results
        from evalkit.results.result_file import from_json

        for shard in shards:
            if not isinstance(shard, Scores):
                raise InputError(
                    f"expected Scores to merge, got {type(shard).__name__} {quoted_repr(shard)}"
                )
        return cls.from_result(merge_results([from_json(shard.to_json()) for shard in shards]))


def build_scores_report(scores: Scores, numbers: NumberFormat = DEFAULT_FORMAT) -> Report:
    """The report of some scores: what stands above the tables, the tables, and what stands below
    them.
    """
    metrics = [scores[name] for name in scores]
    report = build_report(
        [row for metric in metrics for row in metric.rows()],
        scores.signature_fields,
        {str(metric.metric): metric.counts.set_aside for metric in metrics},
        scores.metadata,
        scores.resampling,
        {str(metric.metric): metric.counts.resampling_unit_count for metric in metrics},
        scores.label_warnings(command_line=True),
        numbers,
        {str(each.metric): each.accuracy for each in metrics if each.accuracy is not None},
        {str(each.metric): each.plain for each in metrics if each.plain is not None},
    )
    ceilings = scores.metadata.ceiling
    if not ceilings:
        return report
    f1_of = {name: scores[name].micro.f1 for name in scores}
    table = build_ceiling_table(f1_of, ceilings, numbers)
    return replace(report, tables=(*report.tables, table))
