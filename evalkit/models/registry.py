"""The registry of the kinds of models, and `load_model`.

`load_model` accepts a name such as "spacy:en_core_web_sm", a function from a text, an object with
`.predict(documents)`, a spaCy or transformers pipeline, or predicted documents. A kind is one
module with `load(source, **options)`, named in MODEL_KINDS. Other packages register a kind in the
entry-point group `evalkit.models`; their `load` may return anything that `load_model` accepts.

`Model.predict` gets documents without annotations and yields an annotated one for each, in the same
order, as soon as it is there. Invalid parts of an answer become `Unplaced`. A document that could
not be annotated has a `failure`. ModelError means that no other document can be annotated either.
The `meta` of an answer is kept. Under RUN_METADATA_KEY it may hold what the request took (requests,
retries, seconds), and under SAMPLES_METADATA_KEY the list of requests with their responses; these
go to the log and the samples of the run only, so that two runs give equal predictions.
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

from evalkit.corpus import Corpus
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
    to_one_line,
)
from evalkit.models.option_names import MODEL_OPTION_ALIASES, resolve_model_options
from evalkit.redaction import is_secret

PLUGINS = "evalkit.models"
RUN_METADATA_KEY = "evalkit:run"
SAMPLES_METADATA_KEY = "evalkit:samples"


@dataclass(frozen=True, repr=False)
class Model:
    """A loaded model: its name, and a function that annotates a batch of documents.

    - `name`: stands in reports.
    - `predict`: yields as many documents as it is given, in the same order.
    - `batch_size`: documents per call; 0 for all documents in one call.
    - `document_ids`: the ids of all documents that it has answers for, if these are known.
    - `settings`: what its answers depend on beside its name; a resumed run must have the same.
    - `with_schema`: returns this model, prepared for the schema of a corpus.
    - `with_layers`: returns this model, prompted for these layers of documents only; one whose
      layers were named is returned as it is.
    - `needed_layers`: the layers that it was prepared for; None for all.
    - `is_io_bound`: it mostly waits for an endpoint, so that batches may be sent concurrently.
    - `packages`: the packages whose versions its answers depend on.
    - `load_spec`: name and options that it was loaded from, to load it in another process.
    - `streams`: it yields answers one by one, so that a run can stop in the middle of a batch.
    - `secrets`: texts that are never written.
    - `setting_aliases`: the present name of each setting that had another one in earlier versions.
    - `messages`: returns the messages of the request for a document, for a model with a prompt.
    - `parse_stored`: returns a document with the annotations of an answer that the `meta` of its
      prediction holds; None where it holds none.
    - `parse_settings`: the names of the settings that `parse_stored` depends on.
    - `example_texts`: the texts of examples in its prompt, which must not be evaluated.
    - `accepts_any_address`: a stored run is resumed although the setting base_url differs.
    """

    name: str
    predict: Callable[[Sequence[Document]], Iterator[Document]]
    batch_size: int = 32
    document_ids: Collection[str] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    with_schema: Callable[[Schema | None], Model] | None = None
    with_layers: Callable[[Collection[str]], Model] | None = None
    needed_layers: tuple[str, ...] | None = None
    is_io_bound: bool = False
    packages: tuple[str, ...] = ()
    load_spec: tuple[str, Mapping[str, Any]] | None = None
    streams: bool = False
    secrets: tuple[str, ...] = ()
    setting_aliases: Mapping[str, str] = field(default_factory=dict)
    messages: Callable[[Document], list[dict[str, str]]] | None = None
    parse_stored: Callable[[Document, Mapping[str, Any]], Document | None] | None = None
    parse_settings: tuple[str, ...] = ()
    example_texts: tuple[str, ...] = ()
    accepts_any_address: bool = False

    def __repr__(self) -> str:
        return f"<Model {escape_controls(self.name)}>"


@dataclass(frozen=True)
class ModelKind:
    """A kind of model as `evalkit models` lists it; `extra`: the extra of evalkit that it needs,
    `package`: the package that this extra installs.
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
        "a GLiNER model, prompted with the labels of the schema",
        "gliner",
        "gliner",
    ),
    "openai": ModelKind(
        "openai:NAME",
        "entities, events, attributions",
        "openai",
        "a language model behind any OpenAI-compatible endpoint, prompted for quotes",
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
        "saved predictions in any format of corpora",
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
        "the same, in an importable module",
    ),
}
# The kind of the model in a folder, by the first of these files that is there
_KIND_BY_FILE = {"gliner_config.json": "gliner", "config.cfg": "spacy", "config.json": "hf"}
# Kinds recognized by the form of the name, not by a word before the colon
_WITHOUT_PREFIX = ("file", "module")


def load_model(source: object, **model_args: Any) -> Model:
    """Load a model from a name such as "spacy:en_core_web_sm" or from its folder, or wrap any
    object that can serve as a model: a function from a text, an object with `.predict(documents)`,
    a spaCy or transformers pipeline, a Corpus or a list of predicted documents.

    `model_args` are the options of the kind of model. Raises UnknownNameError for an unknown kind
    or option, InputError for what cannot be a model, MissingDependencyError where an extra of
    evalkit is needed.
    """
    return _load(source, model_args, "load")


def load_parser(source: object, **model_args: Any) -> Model:
    """The model as `load_model` loads it, to parse stored answers or to show its prompt; a model
    behind an endpoint needs no key for this, and its `predict` must not be called.

    Raises the errors of `load_model`.
    """
    return _load(source, model_args, "load_parser")


def _load(source: object, model_args: Mapping[str, Any], function: str) -> Model:
    """The model of a function of its kind: `load`, or another one where the kind has it."""
    if isinstance(source, Model):
        if model_args:
            raise InputError(
                f"{source.name} is already loaded: give {', '.join(model_args)} to load_model"
            )
        return source
    kind, location = _resolve_kind(source)
    if isinstance(kind, EntryPoint):
        return _load_plugin(kind, location, source, model_args)
    options = resolve_model_options(kind, model_args)
    load = _built_in_loader(kind, function, is_name=isinstance(source, str))
    model: Model = _call_loader(load, kind, location, options)
    return replace(
        model,
        settings=model.settings or options,
        load_spec=(source, options) if isinstance(source, str) else None,
        secrets=(*model.secrets, *_secret_values(options)),
        setting_aliases=MODEL_OPTION_ALIASES.get(kind, {}),
    )


def prepare_model(
    model: Model, schema: Schema | None, layers: Collection[str] | None = None
) -> Model:
    """The model, prepared for the schema of a corpus, and prompted for the needed layers only."""
    prepared = model
    if layers is not None and prepared.with_layers is not None:
        prepared = prepared.with_layers(layers)
    if prepared.with_schema is not None:
        prepared = prepared.with_schema(schema)
    return replace(
        prepared,
        load_spec=model.load_spec,
        secrets=model.secrets,
        setting_aliases=model.setting_aliases,
        needed_layers=None if layers is None else tuple(layers),
    )


def find_plugins() -> list[EntryPoint]:
    """The kinds of models of other packages, except for names that evalkit itself uses."""
    return [plugin for plugin in entry_points(group=PLUGINS) if plugin.name not in MODEL_KINDS]


def _load_plugin(
    plugin: EntryPoint, location: object, source: object, options: Mapping[str, Any]
) -> Model:
    """The model that another package loads, with its options as settings."""
    loaded: object = _call_loader(_plugin_loader(plugin), plugin.name, location, options)
    # A function or an object gets the name that was given.
    model = loaded if isinstance(loaded, Model) else replace(load_model(loaded), name=str(source))
    return replace(
        model,
        settings={**options, **model.settings},
        load_spec=(source, options) if isinstance(source, str) else None,
        secrets=(*model.secrets, *_secret_values(options)),
    )


def _call_loader(
    load: Callable[..., Any], kind: str, location: object, options: Mapping[str, Any]
) -> Any:
    """What `load` returns. Raises UnknownNameError for an option that it does not have."""
    try:
        return load(location, **options)
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None or unknown[1] not in options:
            raise
        raise UnknownNameError(
            "argument", unknown[1], _option_names(load), within=f"{kind} models"
        ) from None


def _secret_values(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of options whose names are those of secrets."""
    return tuple(
        value for name, value in options.items() if is_secret(name) and isinstance(value, str)
    )


def _built_in_loader(name: str, function: str, *, is_name: bool) -> Callable[..., Any]:
    """The function of a kind of evalkit that loads a model; its `load` where it has no other.

    Raises MissingDependencyError without its package.
    """
    kind = MODEL_KINDS[name]
    if is_name and kind.missing:
        raise MissingDependencyError(
            f"{name} models need {kind.package}, which is not installed: {advise_extra(kind.extra)}"
        )
    module = import_module(f"evalkit.models.{kind.module}")
    load: Callable[..., Any] = getattr(module, function, module.load)
    return load


def _plugin_loader(plugin: EntryPoint) -> Callable[..., Any]:
    """The `load` of another package, whose errors become ModelError.

    Raises ModelError if it cannot be imported.
    """
    try:
        load = plugin.load()
    except Exception as error:  # importing foreign code may raise anything
        raise ModelError(
            f"{plugin.name}: {plugin.value} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not callable(load):
        raise ModelError(
            f"{plugin.name}: {plugin.value} is {quoted_repr(load)}: expected a function"
        )

    @functools.wraps(load)
    def load_checked(location: str, **options: Any) -> Any:
        try:
            model = load(location, **options)
        except (EvalkitError, KeyboardInterrupt):
            raise
        except BaseException as error:
            if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
                raise
            raise ModelError(
                f"{plugin.name}:{location}: {type(error).__name__}: {to_one_line(error)}"
            ) from error
        if isinstance(model, str):
            raise ModelError(
                f"{plugin.name}:{location}: {plugin.value} returned {quoted_repr(model)}: expected"
                " a Model, a function, or an object with .predict"
            )
        return model

    return load_checked


def _resolve_kind(source: object) -> tuple[str | EntryPoint, object]:
    """The kind of a model, and what its `load` is given."""
    if isinstance(source, str):
        return _resolve_name(source)
    bases = {(base.__module__.partition(".")[0], base.__name__) for base in type(source).__mro__}
    if ("spacy", "Language") in bases:
        return "spacy", source
    if ("transformers", "Pipeline") in bases:
        return "hf", source
    if callable(getattr(source, "predict_entities", None)):
        return "gliner", source
    if callable(source) or callable(getattr(source, "predict", None)):
        return "file", source
    if isinstance(source, (Corpus, list, tuple)):
        return "predictions", source
    raise InputError(
        f"invalid model {quoted_repr(source)}: expected a name such as 'spacy:en_core_web_sm', a"
        " function, an object with .predict(documents), or a list of predicted documents"
    )


def _option_names(load: Callable[..., Any]) -> list[str]:
    """The names of the options of a kind's `load`."""
    _, *parameters = inspect.signature(load).parameters.values()  # the first is the model
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind not in variadic]


def _resolve_name(source: str) -> tuple[str | EntryPoint, object]:
    """The kind of a model's name, and the rest of the name. Raises UnknownNameError."""
    prefix, _, rest = source.partition(":")
    if prefix.endswith(".py"):
        return "file", source
    if prefix in MODEL_KINDS and prefix not in _WITHOUT_PREFIX:
        return prefix, rest
    known_plugins = find_plugins()
    for plugin in known_plugins:
        if plugin.name == prefix:
            return plugin, rest
    if rest and _is_importable(prefix):
        return "module", source
    for file, kind in _KIND_BY_FILE.items():
        if Path(source, file).is_file():
            return kind, source
    patterns = [kind.pattern for kind in MODEL_KINDS.values()]
    patterns += [f"{plugin.name}:NAME" for plugin in known_plugins]
    raise UnknownNameError("kind of model", prefix, patterns, within=source if rest else "")


def _is_importable(name: str) -> bool:
    """Whether a dotted name is that of a module, here or in the working folder.

    Where it is, the working folder stays on `sys.path`, since the module may import others later.
    """
    folder = str(Path.cwd())
    is_added = folder not in sys.path
    if is_added:
        sys.path.append(folder)
    is_found = all(part.isidentifier() for part in name.split(".")) and _has_spec(name)
    if is_added and not is_found:
        sys.path.remove(folder)
    return is_found


def _has_spec(name: str) -> bool:
    """Whether the import system finds a module."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False
