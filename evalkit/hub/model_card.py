"""What does a model's own page say of its scores?

Scores in; out the YAML that the Hugging Face Hub reads.

    model-index      in the front matter of a model's README.md: precision, recall and F1 of each
                     metric, micro, from 0 to 1
    .eval_results    a file in a model's repository: F1 of each metric, for each the task of a
                     benchmark that it answers

Values are not rounded. In model-index each carries its signature, counts, interval and warnings
under `args`, which huggingface_hub keeps as they are; .eval_results has one field for words,
`notes`, where they stand. What is undefined is left out, and a comment says so. Nothing is sent
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import InputError, MissingDependencyError, escape_controls, quoted_repr
from evalkit.files import write_atomically
from evalkit.formats.front_matter import FrontMatter, parse_mapping, split_front_matter
from evalkit.results.scores import MetricScores, Scores
from evalkit.results.tables import dump_yaml
from evalkit.stats.intervals import NOT_ASKED, RATIOS

TASK = "token-classification"  # the Hub has no name for events or attributions
NAMES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
WHY_UNDEFINED = {
    "precision": "nothing was predicted",
    "recall": "gold holds nothing",
    "f1": "neither side holds anything",
}
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
                f"data set: {quoted_repr(self.id)} is no id: a name on the Hub would do, such as"
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
    without it the scores' corpus. task: the Hub's name of the task. Raises InputError where no
    value is defined, MissingPackage where huggingface_hub is missing or too old.
    """
    block = {
        "model-index": _index(
            scores, model_name or str(scores.metadata["model"]), dataset, task_type
        )
    }
    return f"---\n{_comments(undefined_ratio_notes(scores))}{dump_yaml(block)}---\n"


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
    evaluation, ISO 8601. source_url: where more is told. Raises InputError where no value is
    defined, UnknownName for a metric that the scores lack, MissingPackage as above.
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
    _refuse_none(entries)
    left_out = [f"{metric}: {_undefined('f1')}" for metric, f1 in known.items() if f1 is None]
    return _comments(left_out) + dump_yaml(hub.eval_result_entries_to_yaml(entries))


def undefined_ratio_notes(scores: Scores) -> list[str]:
    """A line for each ratio that is undefined, and is left out therefore."""
    return [
        f"{metric}: {_undefined(ratio)}"
        for metric in scores
        for ratio in RATIOS
        if getattr(scores[metric].micro, ratio) is None
    ]


def update_card(
    path: str | Path,
    scores: Scores,
    *,
    model_name: str | None = None,
    dataset: HubDataset | None = None,
    task: str = TASK,
) -> list[str]:
    """Put the scores into the model-index of a README.md, where all else stays as it is to the
    byte.

    The lines of `undefined_ratio_notes` come back.

    Other results stay; those of the same task, data set and signature are replaced, unless the Hub
    verified them. The signature has the metric, the corpus's digest, the model and evalkit's
    version. model_name: without it the one that the model-index has, or that of the scores. Raises
    InputError for a file that cannot be read or written, for front matter that is no YAML or no
    model-index, and for a model that the model-index does not name.
    """
    card = _read_card(path)
    name = _name(path, card.index, model_name, str(scores.metadata["model"]))
    index = _merged(card.index, _index(scores, name, dataset, task)[0])
    write_atomically(path, card.with_index(index))
    return undefined_ratio_notes(scores)


def check_card(path: str | Path, *, model_name: str | None = None) -> None:
    """Refuse a card that `update_card` could not change, before there are scores.

    Raises InputError, or MissingPackage as above.
    """
    _hub()
    card = _read_card(path)
    name = _name(path, card.index, model_name, "model")
    card.with_index(_merged(card.index, {"name": name, "results": []}))


@dataclass(frozen=True)
class _Card:
    """A model's card: its front matter, the metadata, the model-index, and how lines end."""

    path: str | Path
    front: FrontMatter
    data: dict[str, Any]
    index: list[dict[str, Any]]
    line: str

    def with_index(self, index: list[dict[str, Any]]) -> str:
        """The text of the card with another model-index.

        Raises InputError where it cannot be put in.
        """
        changed = _replaced(
            self.path, self.front.block, {**self.data, "model-index": index}, self.line
        )
        return f"{self.front.opening}{changed}{self.front.closing}{self.front.body}"


def _read_card(path: str | Path) -> _Card:
    text = _read(path)
    line = "\r\n" if "\r\n" in text else "\n"
    front = split_front_matter(text) or FrontMatter(f"---{line}", "", f"---{line}", text)
    data = parse_mapping(front.block, str(path), "front matter")
    return _Card(path, front, data, _checked(path, data.get("model-index") or []), line)


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


def _index(
    scores: Scores, name: str, dataset: HubDataset | None, task: str
) -> list[dict[str, Any]]:
    hub, where = _hub(), dataset or HubDataset(str(scores.metadata["corpus"]["name"]))
    results = [
        hub.EvalResult(
            task_type=task,
            dataset_type=where.id,
            dataset_name=where.name or where.id,
            dataset_config=where.config,
            dataset_split=where.split,
            dataset_revision=where.revision,
            metric_type=ratio,
            metric_value=value,
            metric_name=f"{NAMES[ratio]} ({metric})",
            metric_args=args,
        )
        for metric in scores
        for ratio, value, args in _values(scores[metric], scores.warnings)
    ]
    _refuse_none(results)
    index: list[dict[str, Any]] = hub.ModelCardData(
        model_name=name, eval_results=results
    ).to_dict()["model-index"]
    return index


def _values(
    scored: MetricScores, warnings: list[str]
) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """The ratios that are defined, each with what a reader needs to judge it."""
    row = scored.micro
    corpus = (
        {"corpus": scored.signature_fields["corpus"]} if "corpus" in scored.signature_fields else {}
    )
    for ratio in RATIOS:
        value = getattr(row, ratio)
        if value is not None:
            told = {
                "signature": scored.signature,
                **corpus,
                "gold": row.gold,
                "predicted": row.predicted,
                **_interval(scored, ratio),
            }
            yield ratio, float(value), {**told, "warnings": list(warnings)} if warnings else told


def _interval(scored: MetricScores, ratio: str) -> dict[str, Any]:
    """The interval of a ratio, or why there is none; nothing where none was asked for."""
    found = scored.micro.interval(ratio)
    if found == NOT_ASKED:
        return {}
    if found.low is None or found.high is None:
        return {"interval": {"none": found.reason}}
    kind = (
        "sentence-resampling range, this article only"
        if scored.signature_fields["docs"].startswith("1/")
        else "bootstrap interval"
    )
    return {
        "interval": {
            "low": float(found.low),
            "high": float(found.high),
            "level": scored.resampling.level,
            "kind": kind,
        }
    }


def _result_notes(scored: MetricScores, warnings: list[str]) -> str:
    """What there is to say of an F1, in one line."""
    row, interval = scored.micro, _interval(scored, "f1").get("interval", {})
    ratios = [
        f"{name} {value}"
        for name in ("precision", "recall")
        if (value := getattr(row, name)) is not None
    ]
    sure = (
        [
            f"{interval['low']} to {interval['high']} ({100 * interval['level']:g} %,"
            f" {interval['kind']})"
        ]
        if "low" in interval
        else []
    )
    return "; ".join(
        [
            f"F1 from 0 to 1, micro, {scored.metric}",
            *ratios,
            *sure,
            *(f"warning: {warning}" for warning in warnings),
            scored.signature,
        ]
    )


def _undefined(ratio: str) -> str:
    return f"{ratio} is undefined ({WHY_UNDEFINED[ratio]}) and left out"


def _refuse_none(results: list[Any]) -> None:
    if not results:
        raise InputError(
            "no value is defined, so that there is nothing to write down: neither gold nor the"
            " prediction holds what was scored"
        )


def _comments(lines: list[str]) -> str:
    return "".join(f"# {escape_controls(line)}\n" for line in lines)


def _checked(path: str | Path, index: Any) -> list[dict[str, Any]]:
    """The model-index that is there already. Raises InputError where the Hub could not read it."""
    from huggingface_hub.repocard_data import model_index_to_eval_results

    try:
        if index:
            model_index_to_eval_results(index)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: the model-index is not as the Hub has it ({type(error).__name__}: {error});"
            " mend or delete it"
        ) from None
    return list(index)


def _name(path: str | Path, index: list[dict[str, Any]], asked: str | None, own: str) -> str:
    names = [str(entry["name"]) for entry in index]
    if asked is None and len(names) < 2:
        return names[0] if names else own
    if not names or asked in names:
        return str(asked)
    raise InputError(
        f"{path}: the model-index is of {', '.join(map(repr, names))}, and"
        f" {'no name was given' if asked is None else f'not of {asked!r}'}; name one of them"
    )


def _merged(index: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The model-index with new results in the place of those that they supersede, else last."""
    if all(str(entry["name"]) != new["name"] for entry in index):
        return [*index, new]
    return [
        (
            {**entry, "results": _replace_results(entry["results"], new["results"])}
            if str(entry["name"]) == new["name"]
            else entry
        )
        for entry in index
    ]


def _replace_results(results: list[Any], new: list[Any]) -> list[Any]:
    superseded = {_result_key(result, metric) for result in new for metric in result["metrics"]}
    kept: list[Any] = []
    place = None
    for result in results:
        metrics = [
            metric
            for metric in result["metrics"]
            if metric.get("verified") or _result_key(result, metric) not in superseded
        ]
        if len(metrics) < len(result["metrics"]) and place is None:
            place = len(kept)
        if metrics or not result["metrics"]:
            kept.append({**result, "metrics": metrics})
    place = len(kept) if place is None else place
    return kept[:place] + new + kept[place:]


def _result_key(result: Mapping[str, Any], metric: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """What two values must share for one to supersede the other; None for those that are not
    evalkit's, and have no signature.

    The ratio is not part of it: what has become undefined must not stay as it was.
    """
    args, dataset = metric.get("args"), result["dataset"]
    signature = args.get("signature") if isinstance(args, dict) else None
    return signature and (
        result["task"]["type"],
        *(dataset.get(key) for key in ("type", "config", "split", "revision")),
        signature,
    )


def _replaced(path: str | Path, block: str, wanted: dict[str, Any], line: str) -> str:
    """The front matter with the wanted model-index, and nothing else changed."""
    start, end = _model_index_span(block)
    changed = (
        block[:start]
        + dump_yaml({"model-index": wanted["model-index"]}).replace("\n", line)
        + block[end:]
    )
    try:
        same = repr(parse_mapping(changed, str(path), "front matter")) == repr(
            wanted
        )  # as text, since NaN equals nothing
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"{path}: the model-index cannot be changed without the rest of the front matter; write"
            " it as a block of its own"
        )
    return changed


def _model_index_span(block: str) -> tuple[int, int]:
    """Where the model-index stands, without the comments and blank lines that follow it; the end
    where there is none.
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
