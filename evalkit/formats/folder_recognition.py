"""Recognizes the format of a folder by its files.

The suffix of the files tells most formats (FOLDER_SUFFIXES). Others are recognized by the content
of the first file (FOLDER_CONTENTS), and data sets in the layout of the package `datasets` by their
columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from evalkit.errors import InputError
from evalkit.files import strip_compression
from evalkit.formats.line_recognition import LITBANK_LINE
from evalkit.formats.recognition import (
    TAGS,
    has_tagged_tokens,
    iter_records,
    read_head,
    recognize_all,
)

# Files of a data set on the Hub, or saved by `datasets`
DATASET_FILES = ("dataset_dict.json", "dataset_info.json", "state.json")
HUB_DOCUMENTS = "data/documents.jsonl"  # which evalkit writes, with these columns
DOCUMENT_COLUMNS = {"id", "sha256", "layers"}
ROW_SUFFIXES = (".jsonl", ".json", ".parquet")
MAX_INNER_FILES = 1000  # of subfolders that are looked at
MAX_FILES = 20  # of a data set whose columns are looked at
# Tables of novels of the Project Dialogism Novel Corpus
NOVEL_TABLES = ("quotation_info.csv", "*/quotation_info.csv", "data/*/quotation_info.csv")
# The format of the files with a suffix, and whether it is read from a folder of them
FOLDER_SUFFIXES = {
    ".ann": ("brat", True),
    ".a1": ("brat", True),
    ".a2": ("brat", True),
    ".xmi": ("cas", True),
    ".conll": ("conll", False),
    ".conllu": ("conllu", False),
    ".gold_conll": ("conll2012", False),
    ".v4_gold_conll": ("conll2012", False),
    ".auto_conll": ("conll2012", False),
    ".v4_auto_conll": ("conll2012", False),
    ".spacy": ("docbin", False),
}
# Formats that are read from a folder of files with a suffix that other formats have, too
FOLDER_CONTENTS = {".tsv": "webanno", ".json": "casie"}


def folder_formats() -> frozenset[str]:
    """Returns the formats whose folders are recognized."""
    by_suffix = {format for format, reads_folders in FOLDER_SUFFIXES.values() if reads_folders}
    return frozenset(by_suffix | set(FOLDER_CONTENTS.values()) | {"hf", "litbank", "pdnc"})


def recognize_folder(path: Path) -> str | None:
    """Returns how the files of a folder are written as a location, such as "brat:DIR" or
    "conll:DIR/a.conll"; None unless all files with a known suffix are of one format.
    """
    locations = _locations_in(path)
    return next(iter(locations.values())) if len(locations) == 1 else None


def recognize_folder_formats(path: Path) -> dict[str, str]:
    """Returns the formats of a folder, each with the location to write: one format if it is
    certain, several if it is in doubt, none if no file is of a format that is read from folders.
    """
    if is_dataset_folder(path):
        return {"hf": f"hf:{path}"}
    if any(next(path.glob(pattern), None) for pattern in NOVEL_TABLES):
        return {"pdnc": f"pdnc:{path}"}
    locations = _locations_in(path)
    return locations if locations.keys() & folder_formats() else {}


def is_dataset_folder(path: Path) -> bool:
    """Whether a folder is certain to be a data set of the package `datasets`: it was saved by it,
    has the documents that evalkit writes for the Hub, or all its files have tokens and tags.
    """
    if any((path / name).is_file() for name in DATASET_FILES):
        return True
    if _first_row(path / HUB_DOCUMENTS).keys() >= DOCUMENT_COLUMNS:
        return True
    files = _dataset_files(path)
    return bool(files) and all(map(_has_tagged_tokens, files))


def _dataset_files(path: Path) -> list[Path]:
    """The first files in a folder, or in its folder `data`, that may hold rows of a data set."""
    files = []
    for folder in (path, path / "data"):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            is_row_file = strip_compression(file).suffix in ROW_SUFFIXES
            if is_row_file and file.name not in ("schema.json", "dataset_infos.json"):
                files.append(file)
    return files[:MAX_FILES]


def _has_tagged_tokens(file: Path) -> bool:
    """Whether the rows of a file have a list `tokens`, and one of tags for the same tokens."""
    if file.suffix == ".parquet":
        return has_columns_of_tags(file)
    return has_tagged_tokens(_first_row(file))


def has_columns_of_tags(file: Path) -> bool:
    """Whether a Parquet file has lists of tokens and of tags."""
    from pyarrow import ArrowException, types
    from pyarrow.parquet import read_schema

    try:
        schema = read_schema(file)
    except (ArrowException, OSError):
        return False
    lists = {field.name for field in schema if types.is_list(field.type)}
    return "tokens" in lists and any(name.endswith(TAGS) for name in lists)


def _first_row(file: Path) -> Mapping[str, Any]:
    """The first record of a JSON or JSONL file; empty for any other file."""
    try:
        row = next(iter_records(file), None)
    except (InputError, OSError):  # which the reader of the folder explains
        return {}
    return row if isinstance(row, dict) else {}


def _locations_in(path: Path) -> dict[str, str]:
    """The location of the files of each format in a folder, by format."""
    files = sorted(path.iterdir()) if path.is_dir() else []
    return _locations_of(files, path) or _locations_of(_files_in_subfolders(path), path)


def _files_in_subfolders(path: Path) -> list[Path]:
    """The first files in the subfolders of a folder, which brat, cas and webanno read, too."""
    inner = chain.from_iterable(path.glob(pattern) for pattern in ("*/*", "*/*/*"))
    return sorted(islice(inner, MAX_INNER_FILES))


def _locations_of(files: Iterable[Path], path: Path) -> dict[str, str]:
    """The location of each format that some files of a folder, or of its subfolders, have."""
    locations: dict[str, str] = {}
    for file in files:
        format, reads_folders = FOLDER_SUFFIXES.get(file.suffix, ("", False))
        if reads_folders:
            locations[format] = f"{format}:{path}"
        elif format and file.parent == path:
            locations.setdefault(format, f"{format}:{file}")
    if "brat" in locations and _has_litbank_lines(files):
        del locations["brat"]
        locations["litbank"] = f"litbank:{path}"
    for suffix, format in FOLDER_CONTENTS.items():
        first = next((file for file in files if strip_compression(file).suffix == suffix), None)
        if first is not None and recognize_all(first) == (format,):
            locations[format] = f"{format}:{path}"
    return locations


def _has_litbank_lines(files: Iterable[Path]) -> bool:
    """Whether the first .ann file that is not empty is one of LitBank."""
    for file in files:
        try:
            head = read_head(file) if file.suffix == ".ann" else b""
        except (InputError, OSError):  # which the reader of the folder explains
            return False
        if head:
            return LITBANK_LINE.match(head) is not None
    return False
