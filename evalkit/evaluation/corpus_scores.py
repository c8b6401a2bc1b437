"""`evaluate`, `score` and `compare`: from corpora to scores.

predict → join the documents of both sides → count the items of each layer → scores
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evalkit.corpus import (
    Corpus,
    CorpusSource,
    are_sharded,
    load_corpus,
    to_corpus,
)
from evalkit.data.label_maps import LabelMapOption, LabelsOption
from evalkit.data.option_aliases import resolve_option_aliases
from evalkit.errors import InputError, escape_surrogates, quoted_repr, spell_option
from evalkit.evaluation.ambiguity import measure_ambiguity
from evalkit.evaluation.document_join import Side, open_inputs, path_of, refuse_invalid_files
from evalkit.evaluation.score_options import ScoreOptions, validate_backend
from evalkit.evaluation.scoring_run import ScoringRun
from evalkit.formats.registry import stream_module, validate_path
from evalkit.results.emulated_scores import EmulatedScores, not_comparable
from evalkit.results.scores import Scores
from evalkit.results.wording import unique_name
from evalkit.scoring.metrics import Metric, list_document_layers, parse_metrics

if TYPE_CHECKING:
    from evalkit.evaluation.ceilings import CeilingOption
    from evalkit.results.comparison import Comparison

SEVERAL = 2  # documents, from which on they are the units of intervals
# The options of `score` that `compare` takes together, as `options`.
SCORE_OPTIONS = (
    "labels",
    "label_map",
    "zones",
    "missing",
    "units",
    "boot",
    "seed",
    "level",
    "normalization",
    "match_texts",
    "nil",
    "plain_gold",
    "heads",
    "jobs",
    "backend",
    "run_dir",
    "name",
    "ceiling",
)


# What `compare` compares: scores, predictions, or several runs of either.
System = Scores | CorpusSource | Sequence[Scores | CorpusSource]


def evaluate(
    model: object,
    corpus: CorpusSource | None = None,
    metrics: Any = None,
    *,
    run_dir: str | Path | None = None,
    concurrency: int = 1,
    jobs: int = 1,
    max_failures: int | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
    model_args: Mapping[str, Any] | None = None,
    log_samples: bool | None = None,
    reparse: bool = False,
    **options: Any,
) -> Scores:
    """Run a model over a corpus (default: the bundled one) and score its predictions.

    - `run_dir`, `concurrency`, `jobs`, `max_failures`, `retry_failed`, `log_samples`, `reparse`:
      see `predict`.
    - `limit`: use the first documents only, so many.
    - `model_args`: the options of the model.
    - `metrics`: see `score`; a language model is only prompted for the layers that they need,
      unless `layers` is given.
    - All others: see `score`.
    """
    from evalkit.inference.runner import predict, take_documents

    if model_args is not None:
        options["model_args"] = model_args
    options = resolve_option_aliases(options, {"arguments": "model_args"}, of="command")
    requested_metrics = None if metrics is None else parse_metrics(metrics)
    all_documents = load_corpus() if corpus is None else to_corpus(corpus)
    predicted = predict(
        model,
        all_documents,
        run_dir=run_dir,
        concurrency=concurrency,
        jobs=jobs,
        max_failures=max_failures,
        retry_failed=retry_failed,
        limit=limit,
        model_args=options.pop("model_args", None),
        log_samples=log_samples,
        reparse=reparse,
        needed_layers=list_document_layers(requested_metrics),
    )
    return score(take_documents(all_documents, limit), predicted, requested_metrics, **options)


def score(
    gold: CorpusSource,
    predicted: CorpusSource,
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
    jobs: int = 1,
    backend: str | None = None,
    run_dir: str | Path | None = None,
    name: str | None = None,
    ceiling: CeilingOption = None,
) -> Scores:
    """Score predictions, or a second annotator's work, against gold annotations of the same texts.

    - `gold`, `predicted`: corpora, paths, or lists or tables as `Corpus.from_examples` takes them.
      JSONL and Parquet files are read in blocks, and never held whole. A table of spans without
      texts (see the format parquet) gets those of the other side; two of them are compared by
      offsets alone. Patterns such as "gold/*.jsonl", and folders of JSONL files, are shards of one
      corpus, paired by name.
    - `metrics`: names such as "entities/strict" or "tri-c". Default: those that fit the layers that
      gold and the prediction have.
    - `labels`: a list of labels to score.
    - `label_map`: a map such as {"person": "PER", "*": None} (None drops a label, "*" stands for
      all others), the name of a map in gold's schema, or a pair of maps (gold, predicted). Applied
      before `labels`. Both are about entities and tokens, or about event types where all metrics
      are of events; maps of several layers are keyed by layer.
    - `zones`: "primary" (those that the schema calls primary), "all", or names.
    - `missing`: gold documents without a prediction are an "error", or scored as "empty".
    - `units`: the sampling units of intervals and tests, "documents" or "sentences"; "auto" takes
      documents, and sentences for a single document.
    - `boot`: 0 turns intervals off; any other number has no effect.
    - `seed`, `level`: the random seed of permutation tests; the confidence level.
    - `normalization`: of the strings that `surfaces` and `speakers` compare: "verbatim" (default),
      "casefold" (without case, white space collapsed) or "squad" (without case, punctuation and
      articles).
    - `match_texts`: False joins documents by id only, for metrics of `surfaces`: predictions for
      another text than gold's, such as a transcript, are compared by their strings.
    - `nil`: how `links` compares NIL, which is None or an id that begins with "NIL": as a "string"
      like any other id (default), or as "one" value.
    - `heads`: "spacy:NAME", a pipeline with a parser, for `arguments/head`: where arguments of
      either side have no head in the corpus. Default: those of the corpus only.
    - `plain_gold`: whether to ignore alternatives, optional items and ignore regions of gold.
    - `jobs`: workers, for shards, or where both sides are JSONL files in one order.
    - `backend`: what the workers are: "loky" processes, threads ("threading"), or those of a dask
      cluster ("dask:ADDRESS"). Default: local processes, forked where that is safe.
    - `run_dir`: a folder for the counts of finished shards; the same call resumes.
    - `name`: the name of the system in headings and files. Default: the model's.
    - `ceiling`: the annotators of gold, whose agreement stands beside each F1: a mapping of names
      to corpora, a list of corpora or paths, or one file with several annotators.

    Raises InputError for documents that are missing, unknown or have other texts, and LoadError for
    duplicates in gold.
    """
    validate_backend(backend)
    options = ScoreOptions.create(
        metrics,
        labels=labels,
        label_map=label_map,
        zones=zones,
        missing=missing,
        units=units,
        boot=boot,
        seed=seed,
        level=level,
        normalization=normalization,
        match_texts=match_texts,
        nil=nil,
        plain_gold=plain_gold,
        heads=heads,
    )
    if are_sharded(gold, predicted):
        if ceiling is not None:
            raise InputError(
                f"{spell_option('ceiling')}: gold is in shards: expected gold in one file or corpus"
            )
        from evalkit.evaluation.sharded_inputs import find_shards
        from evalkit.evaluation.shards import ShardPlan

        shards = find_shards(
            cast("str", gold),
            cast("str", predicted),
            options.missing,
            match_texts=options.match_texts,
        )
        plan = ShardPlan(shards, options, name)
        store = None if run_dir is None else plan.open_store(run_dir)
        return plan.merge(plan.iter_counts(jobs, backend, store))
    if run_dir is not None:
        raise InputError(
            f"{spell_option('run_dir', str(run_dir))}: the counts of shards are stored: expected"
            " patterns, such as gold/*.jsonl, or folders of JSONL files"
        )
    inputs = open_inputs(
        gold,
        predicted,
        options.missing,
        options.metrics or (),
        match_texts=options.match_texts,
    )
    run = ScoringRun(inputs, options, _count_documents_up_to(inputs.gold, SEVERAL))
    try:
        result = run.count(jobs, backend)
    except InputError:
        refuse_invalid_files(inputs)
        raise
    metadata = result.metadata
    metadata.name = None if name is None else escape_surrogates(name)
    if run.has_prediction_meta:
        metadata.ambiguity = measure_ambiguity(run.task, result.plain_metrics())
    if ceiling is not None:
        from evalkit.evaluation.ceilings import measure_ceilings

        names = [counts.metric for counts in result.counts]
        metadata.ceiling = measure_ceilings(inputs.gold, ceiling, options, names)
    return Scores.from_result(result, run)


def compare(
    *systems: System,
    gold: CorpusSource | None = None,
    average: str = "micro",
    permutations: int = 10_000,
    metrics: str | Iterable[str | Metric] | None = None,
    options: Mapping[str, Any] | None = None,
    **named_systems: System,
) -> Comparison:
    """Compare two or more systems; `compare(a=…, b=…)` names them.

    - A system is a Scores object, or predictions (with `gold`); a path leads to a saved result or
      to predictions. A list of these holds several runs of one system, such as seeds. A name that
      occurs twice gets a number.
    - `average`: "micro" or "macro".
    - `permutations`: random permutations where there are too many to compute all.
    - `metrics`: those to compare. Default: one for each layer, strict.
    - `options`: those of `score`, for predictions.

    Raises InputError for scores that were made with other options.
    """
    for name in named_systems:
        if name in SCORE_OPTIONS:
            raise InputError(
                f"{name}: an option of score: expected in the mapping `options`; keyword arguments"
                " name systems"
            )
    return compare_named(
        [*((None, system) for system in systems), *named_systems.items()],
        gold=gold,
        average=average,
        permutations=permutations,
        metrics=metrics,
        options=options,
    )


def compare_named(
    systems: Sequence[tuple[str | None, System]],
    *,
    gold: CorpusSource | None = None,
    average: str = "micro",
    permutations: int = 10_000,
    metrics: str | Iterable[str | Metric] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Comparison:
    """Compare systems that are given as pairs of name and system; see `compare`.

    None stands for the name of the result, of its file, or of the model.
    """
    from evalkit.results.comparison import compare_scores

    runs = [(name, _runs_of(system)) for name, system in systems]
    if options and any(_is_result(run) for _, runs_of_system in runs for run in runs_of_system):
        raise InputError(
            f"{', '.join(options)}: a saved result has its options already; give predictions and"
            " gold, or leave these options out"
        )
    scores_of: dict[str, list[Scores]] = {}
    for name, runs_of_system in runs:
        scores = [_load_or_score(run, gold, metrics, options or {}) for run in runs_of_system]
        unescaped = name or _system_name(runs_of_system[0], scores[0])
        scores_of[unique_name(escape_surrogates(unescaped), scores_of)] = scores
    return compare_scores(
        scores_of,
        None if metrics is None else parse_metrics(metrics),
        average=average,
        permutations=permutations,
    )


def _runs_of(system: System) -> list[Scores | CorpusSource]:
    """The runs of a system: a list of scores, paths or corpora, or what it is itself."""
    runs = list(system) if isinstance(system, (list, tuple)) else []
    if runs and all(isinstance(run, (Scores, Corpus, str, Path)) for run in runs):
        return runs
    return [cast("Scores | CorpusSource", system)]


def _system_name(system: Scores | CorpusSource, scores: Scores) -> str:
    """The name in a result; else that of its file, or of the model."""
    if scores.metadata.name:
        return scores.metadata.name
    if isinstance(system, (str, Path)) and _is_result(system):
        return Path(system).stem
    return scores.metadata.model


def _is_result(system: object) -> bool:
    """Whether a system is scores or a result file, which its suffix or first bytes show."""
    if not isinstance(system, (str, Path)):
        return isinstance(system, Scores)
    validate_path(system)
    path = Path(system)
    if path.suffix == ".json" or not path.is_file():
        return path.suffix == ".json"
    with path.open("rb") as file:
        return b'"schema_version"' in file.read(100)


def _load_or_score(
    system: Scores | CorpusSource,
    gold: CorpusSource | None,
    metrics: str | Iterable[str | Metric] | None,
    options: Mapping[str, Any],
) -> Scores:
    """The scores of a system, which is scores, the path of a result, or predictions."""
    if isinstance(system, Scores):
        return system
    if isinstance(system, EmulatedScores):
        raise InputError(not_comparable(system.scorer, system.version))
    if isinstance(system, (str, Path)) and _is_result(system):
        return Scores.load(system)
    if gold is None:
        raise InputError(
            f"{quoted_repr(str(system))}: predictions are compared over gold; name it"
            f" ({spell_option('gold', 'CORPUS')}), or give saved results (.json)"
        )
    return score(gold, system, metrics, **options)


def _count_documents_up_to(gold: Side, limit: int) -> int:
    """The number of documents; those of a file are counted up to a limit."""
    if isinstance(gold, Corpus):
        return len(gold)
    path = path_of(gold)
    count: int = stream_module(path).count_documents(path, limit)
    return count
