"""The options of `score`, checked when they are given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import UNSET

from evalkit.data.label_maps import (
    LabelMapOption,
    LabelMapping,
    LabelsOption,
    resolve_label_mapping,
)
from evalkit.data.schema import Schema
from evalkit.data.surface_normalization import parse_normalization
from evalkit.errors import (
    InputError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    spell_option,
)
from evalkit.evaluation.other_texts import check_metrics_without_texts
from evalkit.results.metadata import ScoredOptions
from evalkit.scoring.event_items import HEAD
from evalkit.scoring.layers import get_layer
from evalkit.scoring.links import MENTION_FREE, parse_nil
from evalkit.scoring.metrics import Metric, add_companions, flat_layer_of, parse_metrics
from evalkit.scoring.parsed_heads import parse_heads
from evalkit.stats.intervals import Resampling, make_resampling

MISSING = ("error", "empty")
LOKY, THREADING, DASK = "loky", "threading", "dask:"
BACKENDS = (LOKY, THREADING, "dask:ADDRESS")


def parse_missing(missing: str) -> str:
    """What missing predictions are. Raises UnknownNameError."""
    if missing == "refuse":
        return "error"
    if missing not in MISSING:
        raise UnknownNameError("value", missing, MISSING, within=spell_option("missing"))
    return missing


@dataclass(frozen=True)
class ScoreOptions:
    """What to score, and how; see `score`. metrics: None for those that the layers allow.
    normalization: None if no metric has strings. match_texts: whether both sides must have the
    same texts. nil: None if no metric is of links. heads: the source of those that arguments lack;
    None for no other than the corpus.
    """

    metrics: tuple[Metric, ...] | None
    labels: LabelsOption
    label_map: LabelMapOption
    zones: str | frozenset[str]
    missing: str
    units: str
    boot: int
    seed: int
    level: float
    normalization: str | None = None
    match_texts: bool = True
    nil: str | None = None
    plain_gold: bool = False
    heads: str | None = None

    @classmethod
    def create(
        cls,
        metrics: str | Iterable[str | Metric] | None = None,
        *,
        labels: LabelsOption = None,
        label_map: LabelMapOption = None,
        zones: str | Iterable[str] = "primary",
        missing: str = "error",
        units: str = "auto",
        boot: int = 1000,
        seed: int = 12345,
        level: float = 0.95,
        normalization: str | None = None,
        match_texts: bool = True,
        nil: str | None = None,
        plain_gold: bool = False,
        heads: str | None = None,
    ) -> ScoreOptions:
        """The options as `score` takes them.

        Raises InputError for a value that is not allowed; labels and label maps are checked against
        the schema by `resolve_labels`.
        """
        missing = parse_missing(missing)
        parsed = None if metrics is None else tuple(add_companions(parse_metrics(metrics)))
        if normalization is not None:
            normalization = parse_normalization(normalization)
        layers = [get_layer(metric.layer) for metric in parsed or ()]
        if any(layer.has_strings for layer in layers):
            normalization = normalization or "verbatim"
        elif normalization is not None:
            raise InputError(
                f"{spell_option('normalization', normalization)}: applies to the strings of"
                " surfaces and speakers only; add surfaces/strict or speakers/strict to the metrics"
            )
        if not isinstance(match_texts, bool):
            raise InputError(
                f"invalid {spell_option('match_texts', match_texts)}: expected True or False"
            )
        if not match_texts:
            check_metrics_without_texts(parsed)
        for metric, layer in zip(parsed or (), layers):
            if layer.compares_strings or metric.scheme == MENTION_FREE:
                units = _require_documents(units, metric)
        if nil is not None:
            nil = parse_nil(nil)
        if any(layer.has_links for layer in layers):
            nil = nil or "string"
        elif nil is not None:
            raise InputError(
                f"{spell_option('nil', nil)}: applies to links only; add links/strict to"
                " the metrics"
            )
        return cls(
            parsed,
            labels,
            label_map,
            _parse_zones(zones),
            missing,
            units,
            boot,
            seed,
            level,
            normalization,
            match_texts,
            nil,
            bool(plain_gold),
            None if heads is None else _check_heads(heads, parsed),
        )

    def resolve_labels(self, schema: Schema | None) -> LabelMapping:
        """The label maps of both sides. Raises InputError for labels and maps that cannot be."""
        return resolve_label_mapping(
            self.labels, self.label_map, schema, flat_layer_of(self.metrics)
        )

    def resampling(self, documents: int) -> Resampling:
        """How intervals are made for a corpus of so many documents.

        Raises InputError for numbers out of range.
        """
        return make_resampling(documents, self.units, self.boot, self.seed, self.level)

    def to_scored_options(self, mapping: LabelMapping) -> ScoredOptions:
        """The options as a result keeps them. mapping: what `resolve_labels` returned."""
        metrics = None if self.metrics is None else [str(metric) for metric in self.metrics]
        return ScoredOptions(
            metrics=metrics,
            **mapping.options(),
            zones=self.zones if isinstance(self.zones, str) else sorted(self.zones),
            missing=self.missing,
            units=self.units,
            normalization=self.normalization or UNSET,
            match_texts=UNSET if self.match_texts else False,
            nil=self.nil or UNSET,
            plain_gold=self.plain_gold or UNSET,
            heads=self.heads or UNSET,
        )


def _check_heads(heads: str, metrics: Iterable[Metric] | None) -> str:
    """The source of syntactic heads. Raises InputError for another one, and without a metric that
    compares heads.
    """
    source = parse_heads(heads)
    if not any(metric.scheme == HEAD for metric in metrics or ()):
        raise InputError(
            f"{spell_option('heads', heads)}: applies to the scheme head only; add"
            " arguments/head to the metrics"
        )
    return source


def _require_documents(units: str, metric: Metric) -> str:
    """The sampling units of scores with a metric that compares strings: documents. Raises
    InputError for sentences, since a string that is compared without its offsets is in none.
    """
    if units == "sentences":
        raise InputError(
            f"{spell_option('units', units)}: {metric} compares strings, which are in no sentence;"
            f" expected {spell_option('units', 'documents')}"
        )
    return "documents" if units == "auto" else units


def _parse_zones(zones: str | Iterable[str]) -> str | frozenset[str]:
    """The names of zones; or "primary", or "all"."""
    if zones in ("primary", "all"):
        return str(zones)
    is_list = isinstance(zones, Iterable) and not isinstance(zones, str)
    names = list(zones) if is_list else [zones]
    if not all(isinstance(name, str) for name in names):
        raise InputError(
            f"invalid {spell_option('zones', zones)}: expected primary, all, or names of zones"
        )
    chosen = frozenset(str(name).strip() for name in names)
    if chosen in ({"primary"}, {"all"}):
        return next(iter(chosen))
    return chosen


def validate_backend(backend: str | None) -> None:
    """Raise InputError for a backend that does not exist, MissingDependencyError for one whose
    package is not installed.
    """
    if backend in (None, LOKY, THREADING):
        return
    if not isinstance(backend, str) or not backend.startswith(DASK):
        raise UnknownNameError("value", backend, BACKENDS, within=spell_option("backend"))
    if backend == DASK:
        raise InputError(
            f"invalid {spell_option('backend', backend)}: expected the address of a scheduler, as"
            " in dask:tcp://127.0.0.1:8786"
        )
    try:
        import distributed  # noqa: F401 - only whether it is there
    except ImportError:
        raise MissingDependencyError(
            f"{spell_option('backend', backend)} needs the package distributed, which is not"
            f" installed: {advise_extra('dask')}"
        ) from None
