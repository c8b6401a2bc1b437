"""Models from a Python callable or an object with `.predict(documents)`.

For a text, a callable may return (start, end, label) triples, dicts as transformers returns them
(start, end and label, entity_group or entity; optionally a score), a dict with such a list under
"entities", a Doc of spaCy, or a Document. A dict may also have the other layers, as a line of JSONL
has them. An entity without a valid span becomes `Unplaced`, and a
document on which the model raises has a `failure`: both stay in the score.

Dicts with `text` and without offsets are unplaced, and their texts count in the layer of surfaces.
The option `ground` searches the texts in the document; a model with a parameter `ground` of its own
gets it instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

from evalkit.data.document import LAYERS, Document, Entity, Unplaced
from evalkit.errors import (
    DocumentError,
    InputError,
    UnknownNameError,
    past_end_problem,
    quoted_repr,
    to_one_line,
)
from evalkit.formats.quoted_entities import NOT_IN_TEXT
from evalkit.formats.reading_options import parse_bool
from evalkit.models.exec_answers import build_document
from evalkit.models.fingerprint import compute_fingerprint, hash_file
from evalkit.models.malformed_answers import UNLABELED, note_malformed
from evalkit.models.quoted_answers import (
    GROUNDING,
    QUOTE_WITHOUT_OFFSETS,
    ground_items,
    quote_of,
)
from evalkit.models.registry import Model

EXPECTED = "(start, end, label) with character offsets, or a dict with start, end and label"
DEFAULT_NAME = "model"  # the name that is loaded from a file if none is given
MAX_NAMES = 20  # in messages
_LABEL_KEYS = ("label", "entity_group", "entity")


def load(source: Any, **model_args: Any) -> Model:
    """A model from a callable, an object with .predict, "file.py:name" or "package.module:name";
    `model_args` are passed on with each call, or to a class when it is instantiated, except for
    `ground`.

    The settings include a digest of the code, so that a run is not resumed with another model of
    the same name.
    """
    if isinstance(source, str):
        name = source
        target, settings = _import_target(source)
    else:
        name = getattr(source, "__name__", type(source).__name__)
        target, settings = source, {"made of (sha256)": compute_fingerprint(source)}
    settings |= model_args
    ground = False
    if "ground" in model_args and not _has_parameter(target, "ground"):
        ground = parse_bool("ground", model_args.pop("ground"))
    if isinstance(target, type):
        target, model_args = _instantiate(name, target, model_args), {}
    predict = getattr(target, "predict", None)
    if callable(predict):
        _refuse_unknown_arguments(name, predict, model_args)
        return Model(
            name,
            lambda documents: _predict_batch(predict, documents, model_args, ground=ground),
            settings=settings,
        )
    if not callable(target):
        raise InputError(
            f"{name}: expected a function or an object with .predict, got {quoted_repr(target)}"
        )
    _refuse_unknown_arguments(name, target, model_args)
    return Model(
        name,
        lambda documents: (
            _predict_one(target, document.text, document, model_args, ground=ground)
            for document in documents
        ),
        settings=settings,
        streams=True,
    )


def _has_parameter(target: Any, name: str) -> bool:
    """Whether a function, class or `predict` method has a parameter of this name."""
    function = target if isinstance(target, type) else getattr(target, "predict", target)
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # no function, or a builtin without a signature
        return False


def _instantiate(name: str, model_class: type, arguments: Mapping[str, Any]) -> Any:
    """An object of a class, which takes the arguments."""
    try:
        return model_class(**arguments)
    except Exception as error:  # user code may raise anything
        raise InputError(
            f"{name}: {type(error).__name__} when it was instantiated: {to_one_line(error)}"
        ) from error


def _import_target(source: str) -> tuple[Any, dict[str, Any]]:
    """The function or object of a name, and the digest of its file."""
    if source.partition(":")[0].endswith(".py") or source.endswith(".py"):
        return _import_from_file(source)
    module_name, _, name = source.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(_import_error(module_name, error)) from error
    file = getattr(module, "__file__", None)
    settings = {"file (sha256)": hash_file(Path(file))} if file else {}
    return _get_attribute(module, name, module_name), settings


def _import_error(location: str, error: BaseException) -> str:
    """The message for a module that cannot be imported."""
    return f"{location}: {type(error).__name__} when it was imported: {to_one_line(error)}"


def _refuse_unknown_arguments(name: str, function: Any, arguments: Mapping[str, Any]) -> None:
    """Raise InputError for arguments that the model does not have, before it is called."""
    if not arguments:
        return
    try:
        inspect.signature(function).bind(None, **arguments)
    except TypeError as error:
        raise InputError(f"{name}: {error}") from None
    except ValueError:  # a builtin without a signature raises when it is called
        return


def _import_from_file(source: str) -> tuple[Any, dict[str, Any]]:
    """The function or object in a Python file, and the digest of the file."""
    if source.endswith(".py"):
        file, name = source, ""
    else:
        file, _, name = source.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{source}: no file {file}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{source}: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pickle look up a module by its name.
    sys.modules.setdefault(path.stem, module)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # As for a script, modules in its folder can be imported, now and when it is called.
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(_import_error(file, error)) from error
    return _get_attribute(module, name, file), {"file (sha256)": hash_file(path)}


def _get_attribute(module: ModuleType, name: str, location: str) -> Any:
    """The value of a name in a module, which may have dots: `Class.method`.

    Without a name, the value of `model`. Raises InputError if the module has no such name.
    """
    value: Any = module
    for part in (name or DEFAULT_NAME).split("."):
        if not hasattr(value, part):
            raise _missing_name_error(module, name, location)
        value = getattr(value, part)
    return value


def _missing_name_error(module: ModuleType, name: str, location: str) -> InputError:
    """The error for a name that a module lacks; it lists the names that can be models."""
    candidates = _model_names(module)
    if name:
        return UnknownNameError("function", name, candidates, within=location)
    if not candidates:
        return InputError(f"{location}: no functions, or objects with .predict, in the file")
    names = [f"{location}:{candidate}" for candidate in candidates]
    if len(names) == 1:
        return InputError(f"{location}: name the function: {names[0]}")
    listed = ", ".join(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        listed += f", and {len(names) - MAX_NAMES} more"
    return InputError(f"{location}: name the function; expected one of: {listed}")


def _model_names(module: ModuleType) -> list[str]:
    """The public names of functions, classes, and objects with .predict that a module defines."""
    names = []
    for name, value in vars(module).items():
        is_defined_here = getattr(value, "__module__", None) == module.__name__
        is_model = callable(getattr(value, "predict", None))
        if not name.startswith("_") and (is_model or (callable(value) and is_defined_here)):
            names.append(name)
    return names


def _predict_batch(
    predict: Any,
    documents: Sequence[Document],
    arguments: Mapping[str, Any],
    *,
    ground: bool,
) -> Iterator[Document]:
    """One call for all documents. If it raises or returns another number of answers, one call for
    each, so that one document fails alone.
    """
    try:
        answers = list(predict(documents, **arguments))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:
        answers = []
    if len(answers) == len(documents):
        for document, answer in zip(documents, answers, strict=True):
            yield _document_from_answer(document, answer, ground=ground)
        return
    for document in documents:
        yield _predict_one(
            lambda batch, **options: _single(predict(batch, **options)),
            [document],
            document,
            arguments,
            ground=ground,
        )


def _single(answers: Iterable[Any]) -> Any:
    """The only answer of a batch of one document. Raises ValueError for another number."""
    listed = list(answers)
    if len(listed) != 1:
        raise ValueError(f"{len(listed)} answers to one document")
    return listed[0]


def _predict_one(
    function: Any,
    model_input: Any,
    document: Document,
    arguments: Mapping[str, Any],
    *,
    ground: bool,
) -> Document:
    """The document with the model's annotations, or with its failure."""
    try:
        answer = function(model_input, **arguments)
        return _document_from_answer(document, answer, ground=ground)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    # A model may raise anything, even SystemExit, and must not end the run.
    except BaseException as error:
        return msgspec.structs.replace(document, failure=f"{type(error).__name__}: {error}")


def _document_from_answer(document: Document, answer: Any, *, ground: bool) -> Document:
    """The document with the annotations of an answer."""
    if isinstance(answer, Document):
        if answer.text != document.text:
            return msgspec.structs.replace(document, failure="the model returned another text")
        return msgspec.structs.replace(answer, id=document.id, zones=(), meta=None)
    if isinstance(answer, Mapping) and any(answer.get(layer) is not None for layer in LAYERS[1:]):
        return build_document(document, _layers_of(answer), ground=ground)
    if isinstance(answer, Mapping) and "entities" in answer:
        answer = answer["entities"]
    elif hasattr(answer, "ents"):  # a Doc of spaCy
        answer = [(span.start_char, span.end_char, span.label_) for span in answer.ents]
    if not isinstance(answer, Iterable) or isinstance(answer, (str, bytes, Mapping)):
        problem = (
            f"the model returned {quoted_repr(answer)}: expected a list of (start, end, label), a"
            " list of dicts, or a Document"
        )
        return msgspec.structs.replace(document, failure=problem)
    if ground:
        return _add_searched_entities(document, answer)
    return _parse_items(document.text, answer, QUOTE_WITHOUT_OFFSETS).build_document(document)


def _layers_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The layers of an answer as they are in a line of JSONL."""
    layers: dict[str, Any] = {}
    for layer in LAYERS:
        items = answer.get(layer)
        layers[layer] = list(items) if isinstance(items, tuple) else items
    if isinstance(layers["entities"], list):
        layers["entities"] = [_item_fields(item) or item for item in layers["entities"]]
    return layers


def add_entities(document: Document, answer: Iterable[Any]) -> Document:
    """The document with entities from triples, dicts or Entities; an invalid one becomes Unplaced,
    with the reason.
    """
    return _parse_items(document.text, answer, None).build_document(document)


def _add_searched_entities(document: Document, answer: Iterable[Any]) -> Document:
    """Like `add_entities`, with offsets for items without offsets that are in the text."""
    grounded = ground_items(document.text, list(answer))
    parsed = _parse_items(document.text, grounded.items, NOT_IN_TEXT)
    annotated = parsed.build_document(document)
    if not grounded.groundings:
        return annotated
    positions = {index: position for position, index in enumerate(parsed.indices)}
    meta = {**(annotated.meta or {}), GROUNDING: grounded.describe(positions)}
    return msgspec.structs.replace(annotated, meta=meta)


class _ParsedItems(NamedTuple):
    """The entities of an answer, the index of the item of each, and what is invalid: all unplaced
    items, and those that are malformed with the reason.
    """

    entities: list[Entity]
    indices: list[int]
    unplaced: list[Unplaced]
    malformed: list[tuple[Any, str]]

    def build_document(self, document: Document) -> Document:
        """The document with these entities, and a note if all items are malformed."""
        annotated = Document(
            document.id, document.text, entities=tuple(self.entities), unplaced=tuple(self.unplaced)
        )
        if self.malformed and len(self.malformed) == len(self.unplaced) and not self.entities:
            return note_malformed(annotated, *self.malformed[0], EXPECTED)
        return annotated


def _parse_items(text: str, answer: Iterable[Any], reason_for_quotes: str | None) -> _ParsedItems:
    """The items of an answer. reason_for_quotes: why those with a text and without offsets are
    unplaced; None if they are malformed.
    """
    parsed = _ParsedItems([], [], [], [])
    for index, item in enumerate(answer):
        entity = _parse_triple(item) or _parse_entity(item, reason_for_quotes)
        if isinstance(entity, Unplaced):
            if entity.reason != reason_for_quotes:
                parsed.malformed.append((item, entity.reason))
            parsed.unplaced.append(entity)
        elif entity.end > len(text):
            reason = f"end: {past_end_problem(entity.end, len(text))}"
            parsed.unplaced.append(Unplaced("entities", entity.label, reason, _quote(item)))
        else:
            parsed.entities.append(entity)
            parsed.indices.append(index)
    return parsed


def _parse_triple(item: Any) -> Entity | None:
    """The entity of a valid (start, end, label), the most frequent item, in a third of the time;
    None for all other items.
    """
    if type(item) is not tuple or len(item) != 3:
        return None
    start, end, label = item
    if type(label) is not str or not label or not label.isprintable():
        return None
    try:
        return Entity(label, start, end)
    except (DocumentError, TypeError, ValueError, OverflowError):
        return None


def _parse_entity(item: Any, reason_for_quotes: str | None) -> Entity | Unplaced:
    """The entity of an item of an answer; for an invalid item, an Unplaced with the reason."""
    fields = _item_fields(item)
    if fields is None:
        return Unplaced(
            "entities",
            UNLABELED,
            f"expected {EXPECTED}, got {quoted_repr(item)}",
        )
    label = UNLABELED
    for key in _LABEL_KEYS:
        if fields.get(key) not in (None, ""):
            label = fields[key]
            break
    if not isinstance(label, (str, int)) or not str(label).isprintable():
        return Unplaced(
            "entities",
            UNLABELED,
            f"label: invalid label {quoted_repr(label)}: expected printable characters",
        )
    if reason_for_quotes is not None and (quote := quote_of(item)) is not None:
        return Unplaced("entities", str(label), reason_for_quotes, quote)
    try:
        return Entity(
            str(label),
            fields["start"],
            fields["end"],
            fragments=fields.get("fragments") or (),
            score=_parse_score(fields.get("score")),
        )
    except (DocumentError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        return Unplaced("entities", str(label), reason, quote=_quote(item))


def _quote(item: Any) -> str | None:
    """The surface form of an item, where it is a dict with a `word`, as those of transformers."""
    word = item.get("word") if isinstance(item, Mapping) else None
    return str(word) if word else None


def _parse_score(score: Any) -> float | None:
    """A score as a finite number; None for anything else: an invalid score is no error."""
    if isinstance(score, str):
        return None
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _item_fields(item: Any) -> Mapping[str, Any] | None:
    """The fields of an item of an answer; None for a value of another type."""
    if isinstance(item, Entity):
        return msgspec.structs.asdict(item)
    if isinstance(item, Mapping):
        return item
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)) and len(item) >= 3:
        return {"start": item[0], "end": item[1], "label": item[2]}
    return None
