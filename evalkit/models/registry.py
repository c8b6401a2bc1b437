"""What can be evaluated? A model takes bare documents and gives them back with its marks.

`load_model` makes one of whatever you have: a name such as "spacy:en_core_web_sm", a function from
a text, an object with `.predict(documents)`, a spaCy pipeline, or a transformers pipeline. A kind
is one module with `load(what, **arguments)`, named in KINDS; kinds of other packages come in by the
entry-point group `evalkit.models`, each a `load` that may return anything which `load_model` takes.

**How a model answers.** `Model.answer` gets bare documents and yields one for each, in their order,
as soon as it has it. What is invalid in an answer becomes `Unplaced`; a document that cannot be
answered comes back with its `failure`; ModelError says that no other document could be answered
either. What an answer carries in `meta` is kept with it; under RUN_NOTES it may say what asking
took (requests, retries, seconds), which goes to the record of the run alone, so that two runs give
the same predictions.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import (
    EvalkitError,
    InputError,
    MissingDependencyError,
    ModelError,
    UnknownNameError,
    advise_extra,
    escape_controls,
    quoted_repr,
)
from evalkit.redaction import is_secret

PLUGINS = "evalkit.models"
RUN_METADATA_KEY = "evalkit:run"


@dataclass(frozen=True, repr=False)
class Model:
    """A name for reports, and what answers a batch: as many documents as were asked, in their
    order.

    `knows`: the ids of all documents that it can answer, where it can answer no others. `settings`:
    what its answers depend on beside its name; a run that goes on elsewhere must have the same.
    `suited`: the same model, told the schema of the corpus. `waits`: it spends its time waiting, so
    that several batches may be asked at once. `packages`: whose versions matter. `load_spec`: the
    name and the arguments that it was loaded from, so that another process can load it too. A
    `batch_size` of 0 asks for all documents at once. `streams`: answers come one by one, so that a
    batch may be left in its middle. `secrets`: what is never written.
    """

    name: str
    predict: Callable[[Sequence[Document]], Iterator[Document]]
    batch_size: int = 32
    document_ids: Collection[str] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    with_schema: Callable[[Schema | None], Model] | None = None
    is_io_bound: bool = False
    packages: tuple[str, ...] = ()
    load_spec: tuple[str, Mapping[str, Any]] | None = None
    streams: bool = False
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Model {escape_controls(self.name)}>"


@dataclass(frozen=True)
class ModelKind:
    """A kind of model as `evalkit models` lists it; `extra`: the extra of evalkit that it needs,
    and `package`, what that brings.
    """

    pattern: str
    layers: str
    module: str
    description: str
    extra: str = ""
    package: str = ""

    @property
    def missing(self) -> bool:
        """Whether the package that the kind needs is not installed."""
        return bool(self.package) and find_spec(self.package) is None


MODEL_KINDS = {
    "rules": ModelKind(
        "rules",
        "entities, events, attributions",
        "rules",
        "the baseline that comes with evalkit: word lists and patterns",
    ),
    "spacy": ModelKind(
        "spacy:NAME",
        "entities, event triggers",
        "spacy",
        "a spaCy pipeline: an installed package or a folder",
    ),
    "hf": ModelKind(
        "hf:NAME",
        "entities",
        "hf",
        "a transformers model for token classification: a folder or a name on the Hub",
        "hf",
        "transformers",
    ),
    "gliner": ModelKind(
        "gliner:NAME",
        "entities",
        "gliner",
        "a GLiNER model, asked for the labels of the schema",
        "gliner",
        "gliner",
    ),
    "openai": ModelKind(
        "openai:NAME",
        "entities, events, attributions",
        "openai",
        "a language model behind any OpenAI-compatible endpoint, asked for quotes",
        "openai",
        "openai",
    ),
    "exec": ModelKind(
        "exec:COMMAND",
        "whatever it writes",
        "exec",
        "a program: documents as JSONL on stdin, predictions as JSONL on stdout",
    ),
    "predictions": ModelKind(
        "predictions:FILE",
        "whatever the file holds",
        "predictions",
        "predictions that were saved as JSONL",
    ),
    "file": ModelKind(
        "FILE.py:FUNCTION",
        "whatever it returns",
        "python_function",
        "a function, or an object with .predict, in a Python file",
    ),
    "module": ModelKind(
        "PACKAGE.MODULE:FUNCTION",
        "whatever it returns",
        "python_function",
        "the same, in a module that can be imported",
    ),
}
_FILES_OF_KINDS = {"gliner_config.json": "gliner", "config.cfg": "spacy", "config.json": "hf"}
_WITHOUT_NAME = (
    "file",
    "module",
)  # kinds that are told by what is named, not by a word before the colon


def load_model(source: object, **arguments: Any) -> Model:
    """A model from a name such as "spacy:en_core_web_sm", or from any object that can be a model.

    `arguments` are those of the kind of model. Raises UnknownNameError for an unknown kind,
    InputError for what cannot be a model, MissingDependencyError where an extra is needed.
    """
    if isinstance(source, Model):
        if arguments:
            raise InputError(
                f"{source.name} is loaded already; give {', '.join(arguments)} where it is loaded"
            )
        return source
    kind, what = _resolve_kind(source)
    load = (
        _plugin(kind)
        if isinstance(kind, EntryPoint)
        else _built_in(kind, named=isinstance(source, str))
    )
    try:
        model = load(what, **arguments)
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None or unknown[1] not in arguments:
            raise
        name = kind.name if isinstance(kind, EntryPoint) else kind
        raise UnknownNameError(
            "argument", unknown[1], _argument_names(load), within=f"{name} models"
        ) from None
    if not isinstance(model, Model):
        # A kind of another package may give a function or an object; what it was asked for is its
        # name.
        model = replace(load_model(model), name=str(source))
    load_spec = (source, arguments) if isinstance(source, str) else None
    hidden = tuple(
        value for name, value in arguments.items() if is_secret(name) and isinstance(value, str)
    )
    settings = (
        {**arguments, **model.settings}
        if isinstance(kind, EntryPoint)
        else model.settings or arguments
    )
    return replace(model, settings=settings, load_spec=load_spec, secrets=(*model.secrets, *hidden))


def plugins() -> list[EntryPoint]:
    """The kinds of model that other packages bring; those of evalkit's own win over their names."""
    return [found for found in entry_points(group=PLUGINS) if found.name not in MODEL_KINDS]


def _built_in(kind: str, *, named: bool) -> Callable[..., Any]:
    of = MODEL_KINDS[kind]
    if named and of.missing:
        raise MissingDependencyError(
            f"{kind} models need {of.package}, which is not installed: {advise_extra(of.extra)}"
        )
    load: Callable[..., Any] = import_module(f"evalkit.models.{of.module}").load
    return load


def _plugin(found: EntryPoint) -> Callable[..., Any]:
    """What another package brings. Raises ModelError where it cannot be had."""
    try:
        load = found.load()
    except Exception as error:  # it is code, and may raise anything
        raise ModelError(
            f"{found.name}: {found.value} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not callable(load):
        raise ModelError(
            f"{found.name}: {found.value} is {quoted_repr(load)}, and cannot be called"
        )

    @functools.wraps(load)
    def loaded(what: str, **arguments: Any) -> Any:
        try:
            model = load(what, **arguments)
        except (EvalkitError, KeyboardInterrupt):
            raise
        except BaseException as error:
            if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
                raise
            raise ModelError(
                f"{found.name}:{what}: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
        if isinstance(model, str):
            raise ModelError(
                f"{found.name}:{what}: {found.value} gave {quoted_repr(model)}: a Model, a function"
                " or an object with .predict would do"
            )
        return model

    return loaded


def _resolve_kind(source: object) -> tuple[str | EntryPoint, object]:
    if isinstance(source, str):
        return _named(source)
    bases = {(base.__module__.partition(".")[0], base.__name__) for base in type(source).__mro__}
    if ("spacy", "Language") in bases:
        return "spacy", source
    if ("transformers", "Pipeline") in bases:
        return "hf", source
    if callable(getattr(source, "predict_entities", None)):
        return "gliner", source
    if callable(source) or callable(getattr(source, "predict", None)):
        return "file", source
    raise InputError(
        f"{quoted_repr(source)} is no model: a name, a callable, or an object with"
        " .predict(documents) would do"
    )


def _argument_names(load: Callable[..., Any]) -> list[str]:
    """The names of the arguments of a kind's `load`."""
    _, *parameters = inspect.signature(load).parameters.values()  # the first is the model
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind not in variadic]


def _named(source: str) -> tuple[str | EntryPoint, object]:
    kind, _, what = source.partition(":")
    if kind.endswith(".py"):
        return "file", source
    if kind in MODEL_KINDS and kind not in _WITHOUT_NAME:
        return kind, what
    brought = plugins()
    for found in brought:
        if found.name == kind:
            return found, what
    if what and _is_module(kind):
        return "module", source
    for file, kind_of_folder in _FILES_OF_KINDS.items():
        if Path(source, file).is_file():
            raise InputError(
                f"no kind of model {quoted_repr(source)}; it is a folder with {file}; did you mean"
                f" {kind_of_folder}:{source}?"
            )
    known = [
        *(k.pattern for k in MODEL_KINDS.values()),
        *(f"{found.name}:NAME" for found in brought),
    ]
    raise UnknownNameError("kind of model", kind, known, within=source if what else "")


def _is_module(name: str) -> bool:
    """Whether a dotted name can be imported, here or from the working folder."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return all(part.isidentifier() for part in name.split(".")) and find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False
