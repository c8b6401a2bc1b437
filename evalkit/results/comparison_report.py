"""The report of a comparison: verdicts, a table of F1 and a table of differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from evalkit.results.differences import Difference
from evalkit.results.scores import Scores
from evalkit.results.summary import pluralize, signatures
from evalkit.results.tables import DEFAULT_FORMAT, NumberFormat, Report, Table
from evalkit.stats.intervals import Resampling
from evalkit.stats.resampling import MAX_EXACT_PERMUTATIONS

MAY_DIFFER = ("model", "corpus")  # fields of a signature; of the corpus only its name may differ
SIGNIFICANCE_LEVEL = 0.05
SMALLEST_P = 0.001  # smaller p-values are printed as <.001


@dataclass(frozen=True)
class ComparisonReport:
    """What a report of a comparison is made from; see `Comparison` for the fields."""

    systems: Mapping[str, Scores]
    differences: Sequence[Difference]
    resampling: Resampling
    permutations: int
    numbers: NumberFormat = DEFAULT_FORMAT

    @property
    def metrics(self) -> list[str]:
        """The metrics that are compared."""
        return list(dict.fromkeys(difference.metric for difference in self.differences))

    @property
    def average(self) -> str:
        """The average whose F1 is compared."""
        return self.differences[0].average

    def build(self, *, with_system_tables: bool = False) -> Report:
        """The report; on request with a table of precision, recall and F1 for each metric first."""
        tables = [self._f1_table(), self._difference_table()]
        if with_system_tables:
            tables = [*(self._system_table(metric) for metric in self.metrics), *tables]
        rows = tuple(asdict(difference) for difference in self.differences)
        return Report(self._header(), tuple(tables), tuple(self._footer()), rows)

    def iter_verdicts(self) -> Iterator[str]:
        """A sentence for each significant difference, and one for the metrics without any."""
        unranked = []
        for metric in self.metrics:
            differences = [each for each in self.differences if each.metric == metric]
            significant = [each for each in differences if _is_significant(each)]
            if not significant:
                unranked.append(metric)
                continue
            yield from map(self._describe, significant)
            others = [each for each in differences if each not in significant]
            if others:
                pairs = ", ".join(f"{each.a} and {each.b}" for each in others)
                yield f"{metric}: no significant difference between {pairs}"
        if unranked:
            yield (
                f"these {len(self.systems)} systems cannot be ranked on this corpus (by"
                f" {', '.join(unranked)})"
            )

    def _describe(self, difference: Difference) -> str:
        better, worse = difference.a, difference.b
        if (difference.difference or 0) < 0:
            better, worse = worse, better
        p = _format_p(difference.p_holm)
        relation = "is better than"
        if self.resampling.is_single_document:
            relation = "is better on these sentences than"
        equals = "" if p.startswith("<") else "= "
        return f"{difference.metric}: {better} {relation} {worse} (p {equals}{p} after Holm)"

    def _header(self) -> tuple[str, ...]:
        separator = " and " if len(self.systems) == 2 else ", "
        corpus = next(iter(self.systems.values())).metadata.corpus.name
        documents = pluralize(self.resampling.documents, "document")
        lines = [f"{separator.join(self.systems)} on {corpus} ({documents})"]
        for name, scores in self.systems.items():
            warnings = scores.label_warnings(command_line=True)
            lines += [f"Warning: {name}: {warning}" for warning in warnings]
        return tuple(lines)

    def _footer(self) -> list[str]:
        resampling = self.resampling
        documents = pluralize(resampling.documents, "document")
        lines = list(self.iter_verdicts())
        for name, scores in self.systems.items():
            failures = len(scores.metadata.failures)
            if failures:
                lines.append(
                    f"Warning: {name} failed on {failures} of {documents}; their gold items count"
                    " as missed"
                )
        if resampling.is_single_document:
            units = "its sentences" if resampling.units == "sentences" else "it alone"
            lines.append(
                f"descriptive: one document; intervals and p-values are over {units}, and say"
                " nothing about other texts"
            )
        elif resampling.units == "sentences":
            lines.append(
                f"conditional on these {documents}: sentences were resampled within them; other"
                " documents may give other results"
            )
        if self.average == "macro":
            lines.append("win/tie/loss: by the micro F1 of each unit")
        lines.append(self._describe_test())
        if resampling.boot:
            lines.append(
                "interval, p (boot) and MDD: paired bootstrap,"
                f" {pluralize(resampling.boot, 'replicate')}; MDD (minimum detectable difference):"
                " a true difference of this size would be significant in 80 % of such corpora"
            )
        first = next(iter(self.systems.values()))
        fields = {
            metric: fields_that_must_match(first[metric].signature_fields)
            for metric in self.metrics
        }
        return [*lines, *signatures(fields)]

    def _describe_test(self) -> str:
        permutations = "all permutations"
        if not all(difference.exact for difference in self.differences):
            permutations = (
                f"{self.permutations:,} random permutations, or all where there are at most"
                f" {MAX_EXACT_PERMUTATIONS:,}"
            )
        return (
            f"p: paired approximate randomization over {self.resampling.units} ({permutations});"
            f" Holm over {pluralize(len(self.differences), 'test')}; seed {self.resampling.seed}"
        )

    def _system_table(self, metric: str) -> Table:
        """Precision, recall and F1 of each system; the best of a column stands out."""
        ratios = []
        for scores in self.systems.values():
            row = scores[metric].micro if self.average == "micro" else scores[metric].macro
            ratios.append((row.precision, row.recall, row.f1))
        rows = []
        for name, values in zip(self.systems, ratios):
            rows.append((name, *(self.numbers.format(value) for value in values)))
        best: set[tuple[int, int]] = set()
        for column, values in enumerate(zip(*ratios), start=1):
            best.update((row, column) for row in _best(values))
        notes = (f"{self.average} average; * or bold: the highest value of a column",)
        columns = ("system", "P", "R", "F1")
        return Table(f"Systems, {metric}", columns, tuple(rows), notes, highlighted=frozenset(best))

    def _f1_table(self) -> Table:
        """F1 of each system under each metric; the best stands out, with a letter for each system
        that it is significantly better than.
        """
        letters: dict[str, str] = {}
        if len(self.systems) <= 26:
            letters = {name: chr(ord("a") + n) for n, name in enumerate(self.systems)}
        rows: list[tuple[str, ...]] = []
        best: set[tuple[int, int]] = set()
        for row, metric in enumerate(self.metrics):
            values = [getattr(scores[metric], self.average).f1 for scores in self.systems.values()]
            cells = [metric]
            for name, value in zip(self.systems, values):
                worse = [other for other in letters if self._is_better(metric, name, other)]
                marks = "".join(letters[other] for other in worse)
                cells.append(f"{self.numbers.format(value)} {marks}".strip())
            rows.append(tuple(cells))
            best.update((row, column + 1) for column in _best(values))
        notes: tuple[str, ...] = ()
        if letters:
            notes = (
                "* or bold: the highest F1 of a line; b behind a number: significantly better than"
                " system (b), p < .05 after Holm",
            )
        names = [f"{name} ({letters[name]})" if letters else name for name in self.systems]
        return Table(
            f"F1, {self.average}",
            ("metric", *names),
            tuple(rows),
            notes,
            highlighted=frozenset(best),
        )

    def _is_better(self, metric: str, name: str, other: str) -> bool:
        """Whether a system is significantly better than another."""
        for each in self.differences:
            if each.metric != metric or {each.a, each.b} != {name, other}:
                continue
            if _is_significant(each) and each.difference:
                return (each.difference > 0) == (each.a == name)
        return False

    def _difference_table(self) -> Table:
        columns = (
            "metric",
            "systems",
            "difference",
            f"{100 * self.resampling.level:g} % interval",
            "p",
            "p (Holm)",
            "p (boot)",
            "win/tie/loss",
            "MDD",
        )
        rows = []
        for each in self.differences:
            interval = "–"
            if each.low is not None:
                interval = f"{self._format_signed(each.low)} to {self._format_signed(each.high)}"
            rows.append(
                (
                    each.metric,
                    f"{each.a} – {each.b}",
                    self._format_signed(each.difference),
                    interval,
                    _format_p(each.p),
                    _format_p(each.p_holm),
                    _format_p(each.p_bootstrap),
                    f"{each.wins}/{each.ties}/{each.losses}",
                    self.numbers.format(each.minimum_detectable_difference),
                )
            )
        reasons = dict.fromkeys(each.reason for each in self.differences if each.reason)
        notes = (f"no interval (–): {'; '.join(reasons)}",) if reasons else ()
        return Table(
            "Differences of F1",
            columns,
            tuple(rows),
            notes,
            ("p (boot)", "win/tie/loss", "p", "MDD"),
        )

    def _format_signed(self, difference: float | None) -> str:
        """A difference with its sign; – where it is undefined."""
        if difference is None:
            return "–"
        sign = "-" if difference < 0 else "+"
        return sign + self.numbers.format(abs(difference))


def fields_that_must_match(signature_fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a signature that are equal for all systems of a comparison: all but the model
    and the name of the corpus.
    """
    fields = {name: value for name, value in signature_fields.items() if name not in MAY_DIFFER}
    if "corpus" in signature_fields:
        fields["digest of the corpus"] = signature_fields["corpus"].rpartition("@")[2]
    return fields


def _is_significant(difference: Difference) -> bool:
    return difference.p_holm is not None and difference.p_holm < SIGNIFICANCE_LEVEL


def _best(values: Sequence[float | None]) -> list[int]:
    """The indices of the largest values; none if all are equal."""
    known = [value for value in values if value is not None]
    if not known or max(known) == min(known):
        return []
    return [n for n, value in enumerate(values) if value == max(known)]


def _format_p(value: float | None) -> str:
    """A p-value such as .013; – for none."""
    if value is None:
        return "–"
    if value < SMALLEST_P:
        return "<.001"
    return f"{value:.3f}".lstrip("0") if value < 0.9995 else "1"
