"""Loads one split of a data set from the Hub or from a folder, with one-line errors."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.errors import InputError, quoted_repr, spell_option, to_one_line
from evalkit.files import list_inputs, open_input
from evalkit.formats.front_matter import parse_yaml, split_front_matter

PARQUET_SUFFIXES = (".parquet", ".pq")


def name_of(path: Path) -> str:
    """Returns the name of a data set: OWNER/NAME on the Hub, or the folder.

    >>> name_of(Path("//me/news"))
    'me/news'
    """
    return str(path).removeprefix("//")


def is_remote(path: Path) -> bool:
    """Whether a path is the name of a data set on the Hub."""
    return str(path).startswith("//")


def load_split(
    path: Path, *, config: str | None, split: str | None, revision: str | None
) -> tuple[Any, str]:
    """Returns the Dataset and the name of its split.

    Raises InputError, on one line, if it cannot be loaded.
    """
    name = name_of(path)
    if not is_remote(path) and not path.exists():
        raise InputError(
            f"{name}: no such file or folder; a data set on the Hub is written hf://OWNER/NAME"
        )
    if not is_remote(path) and path.is_dir():
        list_inputs(path)  # `datasets` would wait for a pipe, and follow links
        _check_readme(path / "README.md")
    with quiet(name):
        if path.is_file():
            datasets_by_split = _load_file(path)
        else:
            location = name if is_remote(path) else str(path.resolve())
            datasets_by_split = _from_disk(path) or _load_dataset(location, config, revision)
    splits = list(datasets_by_split)
    if split is None and len(splits) > 1:
        raise InputError(
            f"{name}: several splits: {', '.join(splits)}; name one:"
            f" {spell_option('split', 'NAME', of='format')}"
        )
    if split is not None and split not in splits:
        raise InputError(
            f"{name}: unknown split {quoted_repr(split)}; expected one of: {', '.join(splits)}"
        )
    selected = split or splits[0]
    return datasets_by_split[selected], selected


def _check_readme(path: Path) -> None:
    """Raises LoadError for a README.md with YAML that is invalid or expands without bound."""
    if path.is_file():
        front = split_front_matter(path.read_bytes().decode("utf-8", "replace"))
        if front is not None:
            parse_yaml(front.block, str(path), "metadata")


def _from_disk(path: Path) -> Any:
    """Returns the splits that `save_to_disk` wrote to the folder; None for another folder."""
    import datasets

    if is_remote(path):
        return None
    if not (path / "dataset_dict.json").is_file() and not (path / "state.json").is_file():
        return None
    loaded = datasets.load_from_disk(str(path))
    return loaded if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}


def _load_file(path: Path) -> Any:
    """Returns the rows of a JSON, JSONL or Parquet file as the only split, named train."""
    import datasets

    open_input(path).close()  # which refuses what is no file
    kind = "parquet" if path.suffix in PARQUET_SUFFIXES else "json"
    with tempfile.TemporaryDirectory() as cache:
        return datasets.load_dataset(
            kind, data_files=str(path.resolve()), cache_dir=cache, keep_in_memory=True
        )


def _load_dataset(name: str, config: str | None, revision: str | None) -> Any:
    import datasets

    if config is None:
        known = datasets.get_dataset_config_names(name, revision=revision)
        if "documents" in known:
            config = "documents"
        elif len(known) == 1:
            config = known[0]
        else:
            raise InputError(
                f"several configs: {', '.join(known)}; name one:"
                f" {spell_option('config', 'NAME', of='format')}"
            )
    if Path(name).is_absolute():
        # `datasets` caches a folder by name and would ignore changed files: use an empty cache
        with tempfile.TemporaryDirectory() as cache:
            return datasets.load_dataset(
                name, config, revision=revision, cache_dir=cache, keep_in_memory=True
            )
    return datasets.load_dataset(name, config, revision=revision)


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Hides progress bars, and raises errors as an InputError of one line."""
    import datasets

    shows = not datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    except Exception as error:
        while error.__cause__ is not None and isinstance(
            error, datasets.exceptions.DatasetGenerationError
        ):
            error = error.__cause__  # type: ignore[assignment]
        raise InputError(f"{name}: {to_one_line(error, 300)}") from None
    finally:
        if shows:
            datasets.enable_progress_bars()
