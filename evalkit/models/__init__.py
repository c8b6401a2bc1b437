"""What can be evaluated? A model takes bare documents and gives them back with its marks.

`load_model` makes one of whatever you have: a name such as "spacy:en_core_web_sm", a function from a text, an object with
`.predict(documents)`, or a spaCy pipeline. A kind is one module with `load(what, **arguments)`, named in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from evalkit.document import Document
from evalkit.errors import InputError, UnknownName, shown


@dataclass(frozen=True)
class Model:
    """A name for reports, and what answers a batch: as many documents as were asked, in their order.

    `knows`: the ids of all documents that it can answer, where it can answer no others.
    """

    name: str
    answer: Callable[[Sequence[Document]], Iterator[Document]]
    batch_size: int = 32
    knows: Collection[str] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of model as `evalkit models` lists it."""

    spelled: str
    gives: str
    module: str
    what: str


KINDS = {
    "rules":       Kind("rules",            "entities, events, attributions", "rules",       "the baseline that comes with evalkit: word lists and patterns"),
    "spacy":       Kind("spacy:NAME",       "entities, event triggers",       "spacy",       "a spaCy pipeline: an installed package or a folder"),
    "predictions": Kind("predictions:FILE", "whatever the file holds",        "predictions", "predictions that were saved as JSONL"),
    "file":        Kind("FILE.py:FUNCTION", "whatever it returns",            "function",    "a function, or an object with .predict, in a Python file"),
}  # fmt: skip


def load_model(source: object, **arguments: Any) -> Model:
    """A model from a name or from any object that can be one; `arguments` go to its kind.

    Raises UnknownName for a kind that is not known, InputError for what cannot be a model.
    """
    if isinstance(source, Model):
        return source
    kind, what = _kind(source)
    try:
        model: Model = import_module(f"{__name__}.{KINDS[kind].module}").load(what, **arguments)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise InputError(f"{kind} models: {str(error).partition('() ')[2]}") from None
    return model


def _kind(source: object) -> tuple[str, object]:
    if isinstance(source, str):
        kind, _, what = source.partition(":")
        if kind.endswith(".py"):
            return "file", source
        if kind not in KINDS or kind == "file":
            raise UnknownName("kind of model", kind, [k.spelled for k in KINDS.values()], within=source if what else "")
        return kind, what
    if any(base.__module__.partition(".")[0] == "spacy" for base in type(source).__mro__):
        return "spacy", source
    if callable(source) or callable(getattr(source, "predict", None)):
        return "file", source
    raise InputError(f"{shown(source)} is no model: a name, a callable, or an object with .predict(documents) would do")
