"""Scores for the page of a model on the Hugging Face Hub, as YAML.

    model-index      in the front matter of a model's README.md: an entry for each metric, whose
                     value is the micro F1, from 0 to 1
    .eval_results    a file in a model's repository: the same F1 for each task of a benchmark

Values are not rounded. In the model-index, precision, recall, counts and the interval of a metric
are its `args`; signatures, warnings and the kind of the intervals are given once, as `args` of the
data set. huggingface_hub keeps both as they are. In .eval_results they are in the field `notes`. An
undefined F1 is left out, with a comment. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import InputError, MissingDependencyError, escape_controls, quoted_repr
from evalkit.files import write_atomically
from evalkit.formats.front_matter import FrontMatter, parse_mapping, split_front_matter
from evalkit.results.metric_scores import MetricScores
from evalkit.results.report_builder import name_interval
from evalkit.results.scores import Scores
from evalkit.results.summary import signatures
from evalkit.results.tables import dump_yaml
from evalkit.stats.intervals import NOT_ASKED

TASK = "token-classification"  # the Hub has no name for events or attributions
F1_UNDEFINED = "F1 is undefined (neither side has an item) and left out"
REQUIRED_HUB_NAMES = (
    "ModelCardData",
    "EvalResult",
    "EvalResultEntry",
    "eval_result_entries_to_yaml",
)


@dataclass(frozen=True)
class HubDataset:
    """A data set as the Hub knows it. id: "owner/name"; name: what a reader calls it; config,
    split, revision (of git): as in `load_dataset`.
    """

    id: str
    name: str = ""
    config: str | None = None
    split: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if not self.id or not isinstance(self.id, str):
            raise InputError(
                f"invalid data set id {quoted_repr(self.id)}: expected a name on the Hub, such as"
                " owner/name"
            )


def model_index(
    scores: Scores,
    *,
    model_name: str | None = None,
    dataset: HubDataset | None = None,
    task_type: str = TASK,
) -> str:
    """A front matter block with the model-index, to stand at the top of a README.md.

    model_name: what the page calls the model; without it the name of the scores' model. dataset:
    without it the scores' corpus. task_type: the Hub's name of the task. Raises InputError where no
    F1 is defined, MissingDependencyError where huggingface_hub is missing or too old.
    """
    name = model_name or scores.metadata.model
    block = {"model-index": [{"name": name, "results": [_result(scores, dataset, task_type)]}]}
    return f"---\n{_comments(undefined_score_notes(scores))}{dump_yaml(block)}---\n"


def eval_results(
    scores: Scores,
    *,
    dataset: HubDataset,
    tasks: Mapping[str, str] | None = None,
    date: str | None = None,
    source_url: str | None = None,
) -> str:
    """The text of a file for .eval_results: an entry for each metric, its value the F1.

    dataset: the benchmark. tasks: a metric to the id of its task, as the benchmark's eval.yaml has
    it; others are not written. Without it, all metrics under their own names. date: of the
    evaluation, ISO 8601. source_url: a page about the evaluation. Raises InputError where no F1 is
    defined, UnknownNameError for a metric that the scores lack, MissingDependencyError where
    huggingface_hub is missing or too old.
    """
    hub = _hub()
    named = dict(tasks) if tasks is not None else {metric: metric for metric in scores}
    known = {metric: scores[metric].micro.f1 for metric in named}
    entries = [
        hub.EvalResultEntry(
            dataset.id,
            named[metric],
            float(f1),
            dataset_revision=dataset.revision,
            date=date,
            source_url=source_url,
            notes=_result_notes(scores[metric], scores.warnings),
        )
        for metric, f1 in known.items()
        if f1 is not None
    ]
    _require_values(entries)
    left_out = [f"{metric}: {F1_UNDEFINED}" for metric, f1 in known.items() if f1 is None]
    return _comments(left_out) + dump_yaml(hub.eval_result_entries_to_yaml(entries))


def undefined_score_notes(scores: Scores) -> list[str]:
    """A line for each metric whose F1 is undefined, and is left out therefore."""
    return [f"{metric}: {F1_UNDEFINED}" for metric in scores if scores[metric].micro.f1 is None]


def update_model_card(
    path: str | Path,
    scores: Scores,
    *,
    model_name: str | None = None,
    dataset: HubDataset | None = None,
    task: str = TASK,
) -> list[str]:
    """Write the scores into the model-index of a README.md, and return the lines of
    `undefined_score_notes`.

    All else stays the same, to the byte. Other results stay; those of the same task, data set and
    signature are replaced, unless the Hub verified them. The signature has the metric, the digest
    of the corpus, the model and evalkit's version. model_name: without it the one that the
    model-index has, or that of the scores. Raises InputError for a file that cannot be read or
    written, for front matter that is no YAML or no model-index, and for a model that the
    model-index does not name.
    """
    card = _read_card(path)
    name = _model_name(path, card.index, model_name, scores.metadata.model)
    new = _result(scores, dataset, task)
    write_atomically(path, card.with_index(_merge_index(card.index, name, new, list(scores))))
    return undefined_score_notes(scores)


def check_model_card(path: str | Path, *, model_name: str | None = None) -> None:
    """Check that `update_model_card` can change a card, before there are scores.

    Raises InputError, or MissingDependencyError where huggingface_hub is missing or too old.
    """
    _hub()
    card = _read_card(path)
    name = _model_name(path, card.index, model_name, "model")
    card.with_index(_merge_index(card.index, name, None, []))


@dataclass(frozen=True)
class _Card:
    """A model's card: its front matter, the metadata, the model-index, and the line end."""

    path: str | Path
    front: FrontMatter
    data: dict[str, Any]
    index: list[dict[str, Any]]
    line_end: str

    def with_index(self, index: list[dict[str, Any]]) -> str:
        """The text of the card with another model-index.

        Raises InputError where it cannot be put in.
        """
        data = {**self.data, "model-index": index}
        changed = _replace_model_index(self.path, self.front.block, data, self.line_end)
        return f"{self.front.opening}{changed}{self.front.closing}{self.front.body}"


def _read_card(path: str | Path) -> _Card:
    text = _read(path)
    line_end = "\r\n" if "\r\n" in text else "\n"
    empty = FrontMatter(f"---{line_end}", "", f"---{line_end}", text)
    front = split_front_matter(text) or empty
    data = parse_mapping(front.block, str(path), "front matter")
    index = _validate_index(path, data.get("model-index") or [])
    return _Card(path, front, data, index, line_end)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise MissingDependencyError(
            "a model's page needs huggingface_hub, which is not installed: pip install"
            " 'huggingface_hub>=1.4'"
        ) from None
    if not all(hasattr(huggingface_hub, name) for name in REQUIRED_HUB_NAMES):
        version = huggingface_hub.__version__
        raise MissingDependencyError(
            f"a model's page needs huggingface_hub 1.4 or later, and {version} is installed: pip"
            " install -U 'huggingface_hub>=1.4'"
        )
    return huggingface_hub


def _result(scores: Scores, dataset: HubDataset | None, task: str) -> dict[str, Any]:
    """The entry of the model-index for the scores: the F1 of each metric where it is defined."""
    hub = _hub()
    hub_dataset = dataset or HubDataset(scores.metadata.corpus.name)
    shared = {
        "signatures": list(signatures(scores.signature_fields)),
        **_interval_kind(scores),
        **({"warnings": list(scores.warnings)} if scores.warnings else {}),
    }
    values = []
    for metric in scores:
        f1 = scores[metric].micro.f1
        if f1 is None:
            continue
        value = hub.EvalResult(
            task_type=task,
            dataset_type=hub_dataset.id,
            dataset_name=hub_dataset.name or hub_dataset.id,
            dataset_config=hub_dataset.config,
            dataset_split=hub_dataset.split,
            dataset_revision=hub_dataset.revision,
            dataset_args=shared,
            metric_type="f1",
            metric_value=float(f1),
            metric_name=_metric_name(metric),
            metric_args=_metric_args(scores[metric]),
        )
        values.append(value)
    _require_values(values)
    card = hub.ModelCardData(model_name="model", eval_results=values)
    result: dict[str, Any] = card.to_dict()["model-index"][0]["results"][0]
    return result


def _metric_name(metric: str) -> str:
    return f"F1 ({metric})"


def _metric_args(scored: MetricScores) -> dict[str, Any]:
    """Precision, recall, counts and the interval of F1, or the reason why there is none."""
    row = scored.micro
    args: dict[str, Any] = {}
    if row.precision is not None:
        args["precision"] = float(row.precision)
    if row.recall is not None:
        args["recall"] = float(row.recall)
    args |= {"gold": row.gold, "predicted": row.predicted}
    interval = row.interval("f1")
    if interval == NOT_ASKED:
        return args
    if interval.low is None or interval.high is None:
        return {**args, "interval": {"none": interval.reason}}
    ends: dict[str, float | str] = {"low": float(interval.low), "high": float(interval.high)}
    if interval.reason:
        ends["note"] = interval.reason
    return {**args, "interval": ends}


def _interval_kind(scores: Scores) -> dict[str, str]:
    """The level and kind of the intervals; empty where there are none."""
    if not scores.resampling.boot:
        return {}
    return {"intervals": name_interval(scores.resampling)}


def _result_notes(scored: MetricScores, warnings: list[str]) -> str:
    """The precision, recall, interval, warnings and signature of an F1, in one line."""
    row = scored.micro
    notes = [f"F1 from 0 to 1, micro, {scored.metric}"]
    if row.precision is not None:
        notes.append(f"precision {row.precision}")
    if row.recall is not None:
        notes.append(f"recall {row.recall}")
    if row.f1_low is not None and row.f1_high is not None:
        interval = row.interval("f1")
        kind = "; ".join(filter(None, [name_interval(scored.resampling), interval.reason]))
        notes.append(f"{float(row.f1_low)} to {float(row.f1_high)} ({kind})")
    notes += [f"warning: {warning}" for warning in warnings]
    return "; ".join([*notes, scored.signature])


def _require_values(results: list[Any]) -> None:
    if not results:
        raise InputError(
            "no F1 is defined: neither gold nor the prediction has an item of the scored metrics;"
            " nothing was written"
        )


def _comments(lines: list[str]) -> str:
    return "".join(f"# {escape_controls(line)}\n" for line in lines)


def _validate_index(path: str | Path, index: Any) -> list[dict[str, Any]]:
    """The model-index of a card. Raises InputError where the Hub could not read it."""
    from huggingface_hub.repocard_data import model_index_to_eval_results

    try:
        if index:
            model_index_to_eval_results(index)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: invalid model-index ({type(error).__name__}: {error}); fix or delete it"
        ) from None
    return list(index)


def _model_name(
    path: str | Path, index: list[dict[str, Any]], requested: str | None, default: str
) -> str:
    """The name of the model whose results are written.

    Raises InputError where the model-index is of other models, or of several and none is named.
    """
    names = [str(entry["name"]) for entry in index]
    if requested is None and len(names) < 2:
        return names[0] if names else default
    if not names or requested in names:
        return str(requested)
    problem = "no name was given" if requested is None else f"not of {requested!r}"
    raise InputError(
        f"{path}: the model-index is of {', '.join(map(repr, names))}, and {problem}; name one of"
        " them"
    )


def _merge_index(
    index: list[dict[str, Any]], name: str, new: dict[str, Any] | None, metrics: list[str]
) -> list[dict[str, Any]]:
    """The model-index with a new result of a model, and without those that it supersedes.

    metrics: that were scored, those with an undefined F1 included.
    """
    if all(str(entry["name"]) != name for entry in index):
        return [*index, {"name": name, "results": [] if new is None else [new]}]
    merged = []
    for entry in index:
        if str(entry["name"]) == name and new is not None:
            merged.append({**entry, "results": _replace_results(entry["results"], new, metrics)})
        else:
            merged.append(entry)
    return merged


def _replace_results(results: list[Any], new: dict[str, Any], metrics: list[str]) -> list[Any]:
    """The results with the new one in the position of the first that it supersedes, else last."""
    fields_of = _parse_signatures(new)
    superseded = {_value_key(new, metric, fields_of.get(metric)) for metric in metrics}
    kept: list[Any] = []
    position = None
    for result in results:
        remaining = _without_superseded(result, superseded)
        if remaining != result and position is None:
            position = len(kept)
        if remaining["metrics"] or not result["metrics"]:
            kept.append(remaining)
    if position is None:
        position = len(kept)
    return [*kept[:position], new, *kept[position:]]


def _without_superseded(result: dict[str, Any], superseded: set[Any]) -> dict[str, Any]:
    """A result without the values that a new one supersedes; its signatures name the others."""
    remaining_fields = dict(_parse_signatures(result))
    metrics = list(result["metrics"])
    for metric, fields in _parse_signatures(result).items():
        if _value_key(result, metric, fields) not in superseded:
            continue
        named = [value for value in metrics if value.get("name") == _metric_name(metric)]
        if not any(value.get("verified") for value in named):
            metrics = [value for value in metrics if value not in named]
            del remaining_fields[metric]
    if len(metrics) == len(result["metrics"]):
        return result
    args = {**result["dataset"]["args"], "signatures": list(signatures(remaining_fields))}
    return {**result, "dataset": {**result["dataset"], "args": args}, "metrics": metrics}


def _parse_signatures(result: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The fields of the signature of each metric of a result; empty where it is not evalkit's."""
    args = result["dataset"].get("args")
    lines = args.get("signatures") if isinstance(args, dict) else None
    fields_of: dict[str, dict[str, str]] = {}
    for line in lines if isinstance(lines, list) else ():
        pairs = (field.partition(":") for field in str(line).split("|"))
        fields = {name: value for name, _, value in pairs}
        for metric in fields.get("metric", "").split("+"):
            fields_of[metric] = {**fields, "metric": metric}
    return fields_of


def _value_key(
    result: Mapping[str, Any], metric: str, fields: Mapping[str, str] | None
) -> tuple[Any, ...]:
    """The key of a value: a new value supersedes the one with the same key."""
    dataset = result["dataset"]
    return (
        result["task"]["type"],
        *(dataset.get(key) for key in ("type", "config", "split", "revision")),
        metric,
        tuple((fields or {}).items()),
    )


def _replace_model_index(path: str | Path, block: str, data: dict[str, Any], line_end: str) -> str:
    """The front matter with the model-index of `data`, and nothing else changed."""
    start, end = _model_index_span(block)
    index = dump_yaml({"model-index": data["model-index"]}).replace("\n", line_end)
    changed = block[:start] + index + block[end:]
    try:
        # compared as text, since NaN equals nothing
        same = repr(parse_mapping(changed, str(path), "front matter")) == repr(data)
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"{path}: the model-index cannot be changed without the rest of the front matter; write"
            " it as a block of its own"
        )
    return changed


def _model_index_span(block: str) -> tuple[int, int]:
    """The start and end of the model-index, without the comments and blank lines that follow it;
    the end of the block where there is none.
    """
    import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, and without types

    root = yaml.compose(block, Loader=yaml.SafeLoader)
    for key, value in root.value if root else ():
        if key.value == "model-index":
            lines = block[key.start_mark.index : value.end_mark.index].splitlines(keepends=True)
            while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
                lines.pop()
            return key.start_mark.index, key.start_mark.index + sum(map(len, lines))
    return len(block), len(block)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
