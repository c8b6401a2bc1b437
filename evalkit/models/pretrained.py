"""Where does a saved model come from: a folder, or the Hugging Face Hub?

What kinds share that load one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalkit.errors import InputError
from evalkit.models.fingerprint import digest_of_folder

_PARTS = (
    ".json",
    ".safetensors",
    ".bin",
    ".txt",
    ".model",
)  # what makes a saved model, beside states of its training


def validate_model_name(kind: str, name: str, example: str) -> None:
    """Raises InputError where nothing is named, or a path at which no folder is: the Hub would be
    asked for it in vain.
    """
    if not name:
        raise InputError(f"{kind}: name a model after the colon, as in {kind}:{example}")
    if (name.count("/") > 1 or name.startswith((".", "~", "/"))) and not Path(name).is_dir():
        raise InputError(f"{kind}:{name}: no such folder; a name on the Hub looks like {example}")


def model_version(name: str, revision: str | None, commit: str | None = None) -> dict[str, Any]:
    """Which version of a model it is: of a folder, the SHA-256 of what it holds; of a name on the
    Hub, its revision and commit.
    """
    if not name:
        return {}
    if Path(name).is_dir():
        return {"sha256": digest_of_folder(Path(name), _PARTS)}
    return {"revision": revision, "commit": commit}


@contextmanager
def quiet() -> Iterator[None]:
    """While it lasts, transformers shows neither progress bars nor advice; what it was told before
    holds again afterwards.
    """
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def one_line(error: Exception) -> str:
    """What an error says, without its line breaks; its type where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
