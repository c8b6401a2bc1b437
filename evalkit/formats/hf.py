"""Data sets of the package `datasets`: `hf://OWNER/NAME` on the Hub, `hf:DIR`, or `hf:FILE`.

Two kinds of data sets are read. One has the config `documents`, which `evalkit publish` and this
module write; it is read without loss. The other has a column of tokens and a column of tags, such
as CoNLL-2003 (`tokens`, `ner_tags` with a ClassLabel). There a row is a document: its text is the
tokens joined by one space, its id the `id` of the row, else SPLIT-N. A file is one of such rows, in
JSON, JSONL or Parquet, and its split is `train`. (Source: the documentation of datasets 4.)

**Reading options**

- `config`, `split`, `revision`: as in `load_dataset`. They are required where a data set has
  several configs or splits.
- `token_column`, `tag_column`: the names of the columns. By default the tags are in `ner_tags`, the
  only column with a ClassLabel, or the only one whose name ends with "tags", except for pos_tags
  and chunk_tags.
- `tagging`, `repair`: how tags are read, as for conll.
- `names`: the tags that numbers stand for, from 0 on, such as names=O,B-PER,I-PER, where the data
  set does not name them (a ClassLabel does).
- `texts`: a folder with the texts of a data set that was published without them.

Columns that are not read are counted as dropped. Everything is loaded by `datasets` (HF_ENDPOINT,
HF_TOKEN and HF_HUB_OFFLINE have their usual effect). No scripts of a data set are run.

**Writing** creates a folder with data/CONFIG.jsonl and a README.md whose YAML declares the configs.
What is on the Hub is changed by `evalkit publish` alone. Nothing is lost, except the digits of
scores beyond the tenth in a config with a column of dates only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.data.json_keys import reject_duplicate_keys
from evalkit.data.schema import Schema, encode_schema, load_schema
from evalkit.data.tags import TagReader
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr, spell_option
from evalkit.files import write_folder
from evalkit.formats import jsonl
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.hf_load import is_remote, load_split, name_of, quiet
from evalkit.formats.hf_tables import (
    card_data,
    date_like_columns,
    features,
    table_rows,
)
from evalkit.formats.hf_tags import TokenTagDataset
from evalkit.formats.hf_withheld import Texts, digest_errors, text_lookup
from evalkit.formats.registry import DocumentResults

DOCUMENT_COLUMNS = {"id", "sha256", "layers"}  # columns that only a config of documents has


def to_datasets(documents: Iterable[Document]) -> dict[str, Any]:
    """Returns a Dataset for each config. Importing `datasets` takes a few seconds."""
    from datasets import Dataset

    types = features()
    datasets_by_config = {}
    for config, rows in table_rows(list(documents)).items():
        table = list(rows)
        columns = {name: [row[name] for row in table] for name in types[config]}
        datasets_by_config[config] = Dataset.from_dict(columns, features=types[config])
    return datasets_by_config


def documents_of(
    dataset: Iterable[Mapping[str, Any]], texts: Texts | None = None
) -> Iterator[Document]:
    """Yields the documents of the rows of the config `documents`.

    Raises DocumentError if a row does not agree with its text.
    """
    for row in dataset:
        yield document_of(row, texts)


def document_of(row: Mapping[str, Any], texts: Texts | None = None) -> Document:
    """Returns the document of a row, and checks its surface forms.

    `texts` looks up the text of a row that was published without it.
    """
    text = row.get("text")
    if text is None:
        if texts is None:
            raise InputError(
                f"document {quoted_repr(row['id'])} was published without its text;"
                f" {spell_option('texts', 'DIR', of='format')} puts it back, from a folder that"
                " holds it"
            )
        text = texts(row["sha256"], row["id"])
    if hashlib.sha256(text.encode()).hexdigest() != row["sha256"]:
        raise DocumentError(
            f"not the text with the sha256 {row['sha256']}",
            document=row["id"],
            field="text",
        )
    plain = {
        name: to_jsonl_value(value)
        for name, value in row.items()
        if value is not None and name not in ("layers", "sha256", "text", *LAYERS)
    }
    layers = {layer: to_jsonl_value(row[layer] or []) for layer in row["layers"]}
    if "meta" in plain:
        plain["meta"] = json.loads(plain["meta"], object_pairs_hook=reject_duplicate_keys)
    return jsonl.document_of(msgspec.convert({**plain, **layers, "text": text}, jsonl.DocumentLine))


def to_jsonl_value(value: Any) -> Any:
    """Returns a nested value in the form of evalkit's JSONL.

    Nulls are removed, except for `cue`; fragments become pairs, and JSON strings become objects.
    """
    if isinstance(value, list):
        return [to_jsonl_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: to_jsonl_value(item)
        for name, item in value.items()
        if name == "cue" or (item is not None and name != "digest")
    }
    if "fragments" in kept:
        kept["fragments"] = [(piece["start"], piece["end"]) for piece in kept["fragments"]]
    if "attributes" in kept:
        kept["attributes"] = json.loads(kept["attributes"], object_pairs_hook=reject_duplicate_keys)
    return kept


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    config: str | None = None,
    split: str | None = None,
    revision: str | None = None,
    token_column: str = "tokens",  # noqa: S107 - no password
    tag_column: str | None = None,
    tagging: str = "IOB2",
    repair: str = "error",
    names: str | Sequence[str] | None = None,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields "NAME: row N", counted from 0, with the document or a LoadError."""
    name = name_of(path)
    dataset, split = load_split(path, config=config, split=split, revision=revision)
    if set(dataset.column_names) >= DOCUMENT_COLUMNS:
        yield from _documents(name, dataset, None if texts is None else text_lookup(texts))
    else:
        yield from TokenTagDataset(
            name, dataset, conversion, tokens=token_column, tags=tag_column, names=names
        ).documents(TagReader(tagging, repair), split)


def _documents(name: str, dataset: Any, texts: Texts | None) -> DocumentResults:
    if texts is None and "text" not in dataset.column_names:
        raise InputError(
            f"{name} was published without its text; {spell_option('texts', 'DIR', of='format')}"
            " puts it back, from a folder that holds it"
        )
    try:
        rows = list(dataset)
    except UnicodeDecodeError as error:  # the package datasets finds it no sooner
        raise LoadError(
            [
                f"{name}: not UTF-8: {error.reason} at byte {error.start} of a value; save its"
                " files as UTF-8"
            ]
        ) from None
    for number, row in enumerate(rows):
        position = f"{name}: row {number}"
        try:
            document = document_of(row, texts)
        except (InputError, msgspec.ValidationError, json.JSONDecodeError) as error:
            yield position, LoadError([f"{position}: {error}"])
            continue
        errors = []
        if row.get("text") is None:
            errors = [f"{position}: {error}" for error in digest_errors(row, document)]
        yield position, LoadError(errors) if errors else document


def schema_of(path: Path, *, revision: str | None = None) -> Schema | None:
    """Returns the schema in the schema.json of a data set; None for a data set without one."""
    if not is_remote(path):
        return load_schema(path / "schema.json") if (path / "schema.json").is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    with quiet(name_of(path)):
        try:
            file = hf_hub_download(
                name_of(path), "schema.json", repo_type="dataset", revision=revision
            )
            return load_schema(Path(file))
        except EntryNotFoundError:
            return None


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    schema: Schema | None = None,
) -> None:
    """Writes a folder that `datasets` can load, with a file for each config and a schema.json.

    Raises InputError for a folder that has another data set or another README.md.
    """
    if is_remote(path):
        raise InputError(
            f"{name_of(path)}: a data set on the Hub is changed by `evalkit publish`; to write a"
            " folder, say hf:DIR"
        )
    import yaml  # type: ignore[import-untyped]  # comes without types

    corpus = list(documents)
    if not corpus:
        raise InputError(f"{path}: no documents; datasets loads no empty data set")
    card = card_data(corpus)
    readme = f"---\n{yaml.safe_dump(card, sort_keys=False)}---\n"
    _reject_other_data_set(path, corpus, readme)
    count_rounded_scores(corpus, conversion)
    declared = {config["config_name"] for config in card["configs"]}
    files: dict[str, bytes | None] = {}
    if schema is not None:
        files["schema.json"] = encode_schema(schema)
    for config, rows in table_rows(corpus).items():
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        files[f"data/{config}.jsonl"] = lines if config in declared else None
    files["README.md"] = readme.encode()
    write_folder(path, files)


def _reject_other_data_set(folder: Path, documents: Sequence[Document], readme: str) -> None:
    """Raises InputError if a folder has documents with other ids, or another README.md."""
    ids = {document.id for document in documents}
    table = folder / "data" / "documents.jsonl"
    if table.exists():
        for _, row in jsonl.iter_lines(table, dict[str, Any]):
            if not isinstance(row, dict) or row.get("id") not in ids:
                raise InputError(
                    f"{folder}: has another data set, which would be replaced; save to another"
                    " folder"
                )
    readme_file = folder / "README.md"
    if readme_file.exists() and readme_file.read_text(encoding="utf-8") != readme:
        raise InputError(
            f"{readme_file}: has other content, which would be replaced; save to another folder"
        )


def count_rounded_scores(documents: Sequence[Document], conversion: ConversionReport) -> None:
    """Counts the annotations with a score that loses digits, where a column has only dates."""
    if not any(date_like_columns(documents).values()):
        return
    for document in documents:
        for layer in LAYERS:
            for index, annotation in enumerate(getattr(document, layer) or ()):
                arguments = getattr(annotation, "arguments", ())
                scores = [annotation.score, *(argument.score for argument in arguments)]
                if any(score is not None and round(score, 10) != score for score in scores):
                    conversion.add(
                        "digits of scores", f"document {quoted_repr(document.id)}, {layer}[{index}]"
                    )
