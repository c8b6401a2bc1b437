"""What scoring counts, from which scores are made and result files are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalkit.results.metadata import ResultMetadata
from evalkit.scoring.counts import Counts
from evalkit.scoring.digest import CorpusDigests
from evalkit.stats.intervals import Resampling

if TYPE_CHECKING:
    from evalkit.analysis.error_counts import ErrorCounts


@dataclass(frozen=True)
class Result:
    """The counts of each metric, and what belongs to them.

    digests: those of gold; None for scores that were made without documents. error_counts: a layer
    to the counts of its errors, for layers that were analyzed.
    """

    counts: list[Counts]
    resampling: Resampling
    digests: CorpusDigests | None
    metadata: ResultMetadata
    error_counts: Mapping[str, ErrorCounts] = field(default_factory=dict)

    def plain_metrics(self) -> list[str]:
        """The metrics under which gold is plain; see `ResultMetadata.plain_differences`."""
        lenient = self.metadata.plain_differences
        return [counts.metric for counts in self.counts if counts.metric not in lenient]
