"""What run.json says of a run: the settings of its model, versions, and the corpus, and whether
another run has the same.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from evalkit.corpus import Corpus
from evalkit.errors import quoted_repr
from evalkit.redaction import redact
from evalkit.version import evalkit_version


class RunRecord(msgspec.Struct):
    """What run.json must contain to be resumed.

    parsing: the settings with which its answers were parsed again.
    """

    model: str
    settings: dict[str, Any]
    versions: dict[str, str]
    sessions: list[dict[str, Any]]
    state: str = ""
    parsing: dict[str, Any] | None = None


def read_requested_layers(folder: str | Path | None) -> tuple[str, ...] | None:
    """The layers that a stored run prompts for; None if there is no run, or it names none."""
    if folder is None:
        return None
    try:
        record = msgspec.json.decode(Path(folder, "run.json").read_bytes(), type=RunRecord)
    except (OSError, msgspec.MsgspecError):  # opening the run directory reports what is wrong
        return None
    layers = record.settings.get("layers")
    return tuple(map(str, layers)) if isinstance(layers, list) else None


def to_json_values(settings: Any) -> Any:
    """Settings as they are written: JSON values without secrets; objects by their class names."""
    values = msgspec.to_builtins(
        settings,
        enc_hook=lambda value: f"{type(value).__module__}.{type(value).__qualname__}",
        str_keys=True,
    )
    return redact(msgspec.json.decode(msgspec.json.encode(values)))


def restore_former_names(
    settings: Mapping[str, Any], stored: Mapping[str, Any], aliases: Mapping[str, str]
) -> dict[str, Any]:
    """The settings, under their former names where those are used in the stored settings.

    aliases: the present name of each former one.
    """
    former_names = {
        present: former
        for former, present in aliases.items()
        if former in stored and present not in stored and former not in settings
    }
    return {former_names.get(name, name): value for name, value in settings.items()}


def compare_settings(stored: Mapping[str, Any], current: Mapping[str, Any]) -> Iterable[str]:
    """The differences between the stored run and the current one, a line for each field."""
    stored_model, current_model = stored.get("model"), current["model"]
    if stored_model != current_model:
        yield f"model: {quoted_repr(stored_model)}, now {quoted_repr(current_model)}"
    stored_settings, current_settings = stored.get("settings") or {}, current["settings"]
    for name in dict.fromkeys([*stored_settings, *current_settings]):
        stored_value, value = stored_settings.get(name), current_settings.get(name)
        if stored_value != value:
            yield f"{name}: {quoted_repr(stored_value)}, now {quoted_repr(value)}"


def is_moved(stored: object, current: object) -> bool:
    """Whether two addresses differ in host and port only.

    >>> base = "http://127.0.0.1:8000/v1"
    >>> is_moved(base, "http://node7:8001/v1"), is_moved(base, "http://127.0.0.1:8000/v2")
    (True, False)
    """
    if not isinstance(stored, str) or not isinstance(current, str) or stored == current:
        return False
    old, new = urlsplit(stored), urlsplit(current)
    return bool(old.netloc and new.netloc) and old._replace(netloc="") == new._replace(netloc="")


def collect_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python, evalkit and the packages of the model."""
    versions = {"python": platform.python_version(), "evalkit": evalkit_version()}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def hash_corpus(corpus: Corpus) -> str:
    """The digest of the ids and texts of a corpus, in order."""
    digest = hashlib.sha256()
    for document in corpus:
        digest.update(msgspec.json.encode([document.id, document.text]))
    return digest.hexdigest()
