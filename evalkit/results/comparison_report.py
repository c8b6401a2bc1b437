"""The report of a comparison: verdicts, a ranking, and a table of differences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, NamedTuple

from evalkit.results.contribution_report import Contributions, build_table
from evalkit.results.differences import Difference
from evalkit.results.item_comparison import ItemComparison
from evalkit.results.item_report import build_items_table
from evalkit.results.lenient_report import plain_gold_lines
from evalkit.results.metadata import find_independence_assumption
from evalkit.results.report_builder import format_interval, name_interval, name_sample_limit
from evalkit.results.scores import Scores
from evalkit.results.summary import signatures
from evalkit.results.tables import DEFAULT_FORMAT, NumberFormat, Report, Table
from evalkit.results.verdicts import Verdicts, format_p
from evalkit.results.wording import join_some, pluralize
from evalkit.stats.intervals import Resampling
from evalkit.stats.paired_differences import (
    LEAST_DIFFERING_UNITS,
    LEAST_EFFECTIVE_UNITS,
    LEAST_RUNS,
)
from evalkit.stats.randomization import MAX_EXACT_PERMUTATIONS
from evalkit.stats.ranking import group_letters
from evalkit.stats.ratio_intervals import Interval

MAY_DIFFER = ("model", "corpus")  # fields of a signature; of the corpus only its name may differ
INTERVAL_FIELDS = ("interval", "level")  # intervals are computed from counts, again if need be


class RankedSystem(NamedTuple):
    """A system in a ranking: means over its runs, and the letters of its groups.

    sd: the standard deviation of F1 over runs. interval: of F1; None for several runs.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    sd: float | None
    runs: int
    interval: Interval | None
    group: str

    def as_dict(self) -> dict[str, Any]:
        """All fields by name; of the interval its ends."""
        fields = self._asdict()
        interval = fields.pop("interval")
        fields["f1_low"] = None if interval is None else interval.low
        fields["f1_high"] = None if interval is None else interval.high
        return fields


@dataclass(frozen=True)
class ComparisonReport:
    """What a report of a comparison is made from; see `Comparison` for the fields.

    contributions, items: what explains the differences. notes: what is missing there, and why.
    """

    runs: Mapping[str, Sequence[Scores]]
    differences: Sequence[Difference]
    resampling: Resampling
    permutations: int
    numbers: NumberFormat = DEFAULT_FORMAT
    contributions: Sequence[Contributions] = ()
    items: Sequence[ItemComparison] = ()
    notes: Sequence[str] = ()

    @property
    def systems(self) -> dict[str, Scores]:
        """The scores of each system; of several runs the first."""
        return {name: runs[0] for name, runs in self.runs.items()}

    @property
    def metrics(self) -> list[str]:
        """The metrics that are compared."""
        return list(dict.fromkeys(difference.metric for difference in self.differences))

    @property
    def average(self) -> str:
        """The average whose F1 is compared."""
        return self.differences[0].average

    def build(self, *, with_system_tables: bool = False) -> Report:
        """The report; on request with a table of precision, recall and F1 for each metric first.

        Its rows are those of the contributions, if there are any.
        """
        tables = [self._ranking_table(metric) for metric in self._ranked_metrics]
        tables.append(self.difference_table())
        if with_system_tables:
            tables = [*(self._system_table(metric) for metric in self.metrics), *tables]
        tables += self.contribution_tables()
        tables += [build_items_table(items) for items in self.items]
        rows = [difference.as_dict() for difference in self.differences]
        if self.contributions:
            rows = [row for contributions in self.contributions for row in contributions.rows()]
        return Report(self._header(), tuple(tables), tuple(self._footer()), tuple(rows))

    def contribution_tables(self) -> list[Table]:
        """A table for each difference that is broken down."""
        return [
            build_table(split, self.numbers)
            for contributions in self.contributions
            for split in contributions.differences
        ]

    @property
    def _ranked_metrics(self) -> list[str]:
        """The metrics under which the average is defined."""
        defined = {each.metric for each in self.differences if each.difference is not None}
        return [metric for metric in self.metrics if metric in defined]

    def rank(self, metric: str) -> list[RankedSystem]:
        """The systems by F1, best first, with the letters of their groups."""
        systems = [self._average_runs(name, metric) for name in self.runs]
        systems.sort(key=lambda system: -math.inf if system.f1 is None else -system.f1)
        different = [
            (each.a, each.b)
            for each in self.differences
            if each.metric == metric and each.is_significant
        ]
        ranked = [system.name for system in systems if system.f1 is not None]
        letters = group_letters(ranked, different)
        return [system._replace(group=letters.get(system.name, "–")) for system in systems]

    def _average_runs(self, name: str, metric: str) -> RankedSystem:
        """A system without its group."""
        rows = [
            scores[metric].micro if self.average == "micro" else scores[metric].macro
            for scores in self.runs[name]
        ]
        f1s = [row.f1 for row in rows if row.f1 is not None]
        is_single = len(rows) == 1
        return RankedSystem(
            name=name,
            precision=_mean([row.precision for row in rows]),
            recall=_mean([row.recall for row in rows]),
            f1=_mean([row.f1 for row in rows]),
            sd=None if is_single or len(f1s) < len(rows) else stdev(f1s),
            runs=len(rows),
            interval=rows[0].interval("f1") if is_single else None,
            group="",
        )

    @property
    def verdicts(self) -> Verdicts:
        """The sentences about the order of the systems."""
        return Verdicts(
            list(self.runs),
            self.differences,
            self.resampling,
            self.permutations,
            {metric: self._annotated_documents(metric) for metric in self.metrics},
            self._assumption(),
        )

    def _annotated_documents(self, metric: str) -> int:
        """The number of documents that gold annotates in the layer of a metric."""
        first = next(iter(self.systems.values()))
        annotated = first[metric].signature_fields["docs"].partition("/")[0]
        return int(annotated)

    @property
    def _defined(self) -> list[Difference]:
        """The differences of systems whose F1 is defined."""
        return [each for each in self.differences if each.difference is not None]

    def _assumption(self) -> str:
        """What intervals and p assume, if the units are sentences as documents."""
        if self.resampling.describes_sample_only:
            return ""
        first = next(iter(self.systems.values()))
        return find_independence_assumption(first[self.metrics[0]].signature_fields)

    def _header(self) -> tuple[str, ...]:
        separator = " and " if len(self.systems) == 2 else ", "
        corpus = next(iter(self.systems.values())).metadata.corpus.name
        documents = pluralize(self.resampling.documents, "document")
        lines = [f"{separator.join(self.systems)} on {corpus} ({documents})"]
        if self._assumption():
            lines.append(self._assumption())
        for name, scores in self.systems.items():
            warnings = scores.label_warnings(command_line=True)
            lines += [f"Warning: {name}: {warning}" for warning in warnings]
        return tuple(lines)

    def _footer(self) -> list[str]:
        resampling = self.resampling
        documents = pluralize(resampling.documents, "document")
        lines = [*self.notes, *self.verdicts.iter_sentences()]
        for name, runs in self.runs.items():
            failures = max(len(scores.metadata.failures) for scores in runs)
            if failures:
                lines.append(
                    f"Warning: {name} failed on {failures} of {documents}; their gold items count"
                    " as missed"
                )
        if resampling.describes_sample_only:
            lines.append(
                f"descriptive: {name_sample_limit(resampling)}; intervals and p say nothing about"
                " other texts"
            )
        lines += self.verdicts.iter_disagreements()
        if self.average == "macro":
            lines.append(f"win/tie/loss: by the micro F1 of each {resampling.unit}")
        if self._defined:
            lines.append(self._describe_test())
            if resampling.boot:
                lines += [self._describe_interval(), self._describe_detectable()]
        lines += self._run_lines()
        first = next(iter(self.systems.values()))
        lines += plain_gold_lines(first.metadata)
        fields = {
            metric: fields_that_must_match(first[metric].signature_fields)
            for metric in self.metrics
        }
        return [*lines, *signatures(fields)]

    def _describe_test(self) -> str:
        resampling = self.resampling
        permuted = [each for each in self._defined if each.exact is not None]
        holm = f"Holm over {pluralize(self.verdicts.tests, 'test')}"
        t_test = "t-test with the standard error of the interval"
        if not permuted:
            return f"p: {t_test}; {holm}"
        permutations = "all permutations"
        if not all(each.exact for each in permuted):
            permutations = (
                f"{self.permutations:,} random permutations, or all where there are at most"
                f" {MAX_EXACT_PERMUTATIONS:,}"
            )
        line = f"p: paired permutation test over {resampling.units} ({permutations})"
        if self._has_runs:
            line += f"; for systems with several runs, {t_test}"
        return f"{line}; {holm}; seed {resampling.seed}"

    def _describe_interval(self) -> str:
        unit = self.resampling.unit
        effective = [each.effective_units for each in self._defined]
        low, high = f"{min(effective):.1f}", f"{max(effective):.1f}"
        effective_text = low if low == high else f"{low} to {high}"
        method = "t" if self.average == "micro" else "MOVER over the F1 of the labels"
        return (
            f"interval: {method}, delete-one jackknife over {self.resampling.units}; effective"
            f" {unit}s: {effective_text}"
        )

    @property
    def _has_detectable(self) -> bool:
        return any(each.minimum_detectable_difference is not None for each in self.differences)

    def _describe_detectable(self) -> str:
        if not self._has_detectable and self._has_runs:
            return "no minimum detectable difference: it takes more runs or more documents"
        if not self._has_detectable:
            unit = self.resampling.unit
            return (
                f"no minimum detectable difference: it takes {LEAST_EFFECTIVE_UNITS} effective"
                f" {unit}s, and {LEAST_DIFFERING_UNITS} {unit}s in which the systems differ"
            )
        tests = self.verdicts.tests
        level = ".05" if tests == 1 else f".05/{tests}, Holm's first step"
        return (
            "MDD (minimum detectable difference): a true difference of this size would be"
            f" significant in 80 % of such corpora (level {level}); in brackets its 90 % range"
        )

    @property
    def _has_runs(self) -> bool:
        return any(len(runs) > 1 for runs in self.runs.values())

    def _run_lines(self) -> Iterator[str]:
        """What was computed for systems with several runs."""
        if not self._has_runs:
            return
        counts = ", ".join(f"{name} {len(runs)}" for name, runs in self.runs.items())
        yield (
            f"runs: {counts}; F1 is the mean over runs ± standard deviation, and the interval of a"
            " difference allows for the variance of documents and of runs"
        )
        few = [name for name, runs in self.runs.items() if len(runs) < LEAST_RUNS]
        if few:
            yield (
                f"fewer than {LEAST_RUNS} runs of {join_some(few)}: the variance of runs is pooled"
                " over both systems of a pair, as if it were the same"
            )

    def _system_table(self, metric: str) -> Table:
        """Precision, recall and F1 of each system; the best of a column stands out."""
        systems = [self._average_runs(name, metric) for name in self.runs]
        ratios = [(system.precision, system.recall, system.f1) for system in systems]
        lines = []
        for name, means in zip(self.runs, ratios):
            lines.append((name, *(self.numbers.format(value) for value in means)))
        best: set[tuple[int, int]] = set()
        for column, column_values in enumerate(zip(*ratios), start=1):
            best.update((row, column) for row in _best(column_values))
        notes = (f"{self.average} average; * or bold: the highest value of a column",)
        columns = ("system", "P", "R", "F1")
        return Table(
            f"Systems, {metric}", columns, tuple(lines), notes, highlighted=frozenset(best)
        )

    def _ranking_table(self, metric: str) -> Table:
        """F1 of each system, best first, with its interval and group."""
        has_runs = self._has_runs
        has_intervals = self.resampling.boot > 0 and not has_runs
        columns = ["system", "F1"]
        if has_intervals:
            columns.append(name_interval(self.resampling))
        if has_runs:
            columns += ["± sd", "runs"]
        columns.append("group")
        lines = []
        for system in self.rank(metric):
            cells = [system.name, self.numbers.format(system.f1)]
            if has_intervals and system.interval is not None:
                cells.append(format_interval(system.interval, self.numbers))
            if has_runs:
                cells += [self.numbers.format(system.sd), str(system.runs)]
            lines.append((*cells, system.group))
        notes = ("group: systems that share a letter do not differ significantly",)
        return Table(f"Ranking, {metric} ({self.average} F1)", tuple(columns), tuple(lines), notes)

    def difference_table(self) -> Table:
        """The differences of all pairs; with one metric it is in the title."""
        has_metrics = len(self.metrics) > 1
        has_intervals = self.resampling.boot > 0
        columns = ["systems", "difference", "p", "p (Holm)", "win/tie/loss"]
        if has_metrics:
            columns.insert(0, "metric")
        if has_intervals:
            columns.insert(columns.index("p"), name_interval(self.resampling))
        if has_intervals and self._has_detectable:
            columns.append("MDD")
        rows = []
        for each in self.differences:
            interval = "–"
            if each.low is not None:
                ends = (self.numbers.format_signed(end) for end in (each.low, each.high))
                interval = " to ".join(ends)
            cells = {
                "metric": each.metric,
                "systems": f"{each.a} – {each.b}",
                "difference": self.numbers.format_signed(each.difference),
                name_interval(self.resampling): interval,
                "p": format_p(each.p),
                "p (Holm)": format_p(each.p_holm),
                "win/tie/loss": f"{each.wins}/{each.ties}/{each.losses}",
                "MDD": self._format_detectable(each),
            }
            rows.append(tuple(cells[column] for column in columns))
        notes = ["difference: F1 of the first system minus F1 of the second"]
        if has_intervals:
            notes += self._interval_notes()
        title = "Differences of F1" if has_metrics else f"Differences of F1, {self.metrics[0]}"
        return Table(
            title,
            tuple(columns),
            tuple(rows),
            tuple(notes),
            tuple(name for name in ("win/tie/loss", "MDD", "p") if name in columns),
            keeps_names=True,
        )

    def _interval_notes(self) -> list[str]:
        """Why there is no interval, or why one is to be read with care."""
        reasons: dict[str, None] = {}
        missing: dict[str, None] = {}
        for each in self.differences:
            if each.reason:
                (missing if each.low is None else reasons)[each.reason] = None
        notes = [f"no interval (–): {'; '.join(missing)}"] if missing else []
        return [*notes, *reasons]

    def _format_detectable(self, difference: Difference) -> str:
        """The minimum detectable difference and its range, with one significant digit."""
        value = difference.minimum_detectable_difference
        low, high = difference.minimum_detectable_low, difference.minimum_detectable_high
        if value is None or low is None or high is None:
            return "–"
        return f"{self._round(value)} ({self._round(low)}–{self._round(high)})"

    def _round(self, value: float) -> str:
        """A number with one significant digit, as a fraction or in percent."""
        shown = 100 * value if self.numbers.percent else value
        return f"{float(f'{shown:.0e}'):.10f}".rstrip("0").rstrip(".")


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None if a value is undefined."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def fields_that_must_match(signature_fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a signature that are equal for all systems of a comparison: all but the model
    and the name of the corpus.
    """
    fields = {name: value for name, value in signature_fields.items() if name not in MAY_DIFFER}
    if "corpus" in signature_fields:
        fields["digest of the corpus"] = signature_fields["corpus"].rpartition("@")[2]
    return fields


def _best(values: Sequence[float | None]) -> list[int]:
    """The indices of the largest values; none if all are equal."""
    known = [value for value in values if value is not None]
    if not known or max(known) == min(known):
        return []
    return [n for n, value in enumerate(values) if value == max(known)]
