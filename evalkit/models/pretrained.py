"""Models saved in a folder or on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.errors import InputError
from evalkit.models.fingerprint import hash_folder

# The files of a saved model, without states of its training
_MODEL_FILES = (".json", ".safetensors", ".bin", ".txt", ".model")


def validate_model_name(kind: str, name: str, example: str) -> None:
    """Raise InputError for an empty name, or for a path at which there is no folder, before the Hub
    is asked for it.
    """
    if not name:
        raise InputError(f"{kind}: name a model after the colon, as in {kind}:{example}")
    is_path = name.count("/") > 1 or name.startswith((".", "~", "/"))
    if is_path and not Path(name).is_dir():
        raise InputError(f"{kind}:{name}: no such folder; a name on the Hub looks like {example}")


def find_model_version(
    name: str, revision: str | None, commit: str | None = None
) -> dict[str, Any]:
    """The version of a model: the SHA-256 of a folder's files, or the revision and the commit of a
    name on the Hub.
    """
    if not name:
        return {}
    if Path(name).is_dir():
        return {"sha256": hash_folder(Path(name), _MODEL_FILES)}
    return {"revision": revision, "commit": commit}


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Hide progress bars and advice of transformers; its own settings are restored afterwards."""
    from transformers.utils import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
