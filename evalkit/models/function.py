"""Any Python callable, or any object with `.predict(documents)`.

What a callable returns for a text may be (start, end, label) triples, dicts as transformers gives them (start, end and
label, entity_group or entity; a score if there is one), or a Document. What has no valid place in the text is kept as
`Unplaced`, and a document on which the model raises is kept as a failure: neither leaves the score.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.document import Document, Entity, Unplaced
from evalkit.errors import DocumentError, InputError, shown
from evalkit.models import Model

UNLABELLED = "unlabelled"


def load(source: Any, **arguments: Any) -> Model:
    """A model from a callable, an object with .predict, "file.py:name" or "package.module:name"; arguments are passed on with each call.

    Of a file, what it says is part of the settings: a run does not go on with another model under the same name.
    """
    name = source if isinstance(source, str) else getattr(source, "__name__", type(source).__name__)
    found, settings = _named(source) if isinstance(source, str) else (source, {})
    settings |= arguments
    if isinstance(found, type):
        found, arguments = _made(name, found, arguments), {}
    predict = getattr(found, "predict", None)
    _refuse_unknown(name, predict if callable(predict) else found, arguments)
    if callable(predict):
        return Model(name, lambda documents: _batch(predict, documents, arguments), settings=settings)
    if not callable(found):
        raise InputError(f"{name}: {shown(found)} is neither a function nor an object with .predict")
    return Model(name, lambda documents: (_one(found, document.text, document, arguments) for document in documents), settings=settings)


def _made(name: str, found: type, arguments: Mapping[str, Any]) -> Any:
    """An object of a class, which takes the arguments."""
    try:
        return found(**arguments)
    except Exception as error:  # it is the user's code, and may raise anything
        raise InputError(f"{name}: {type(error).__name__} while it was made: {error}") from error


def _named(source: str) -> tuple[Any, dict[str, Any]]:
    """What a name means, and the digest of the file that it stands in."""
    if source.partition(":")[0].endswith(".py") or source.endswith(".py"):
        return _from_file(source)
    where, _, name = source.partition(":")
    try:
        module = importlib.import_module(where)
    except (Exception, SystemExit) as error:
        raise InputError(f"{where}: {type(error).__name__} while it was imported: {error}") from error
    file = getattr(module, "__file__", None)
    return _attribute(module, name, where), _digest(Path(file)) if file else {}


def _digest(path: Path) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _refuse_unknown(name: str, call: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that the model does not take before it is asked anything."""
    if not arguments or not callable(call):
        return
    try:
        inspect.signature(call).bind(None, **arguments)
    except TypeError as error:
        raise InputError(f"{name}: {error}") from None
    except ValueError:  # a builtin without a signature: it will say itself
        return


def _from_file(source: str) -> tuple[Any, dict[str, Any]]:
    file, _, name = source.rpartition(":") if not source.endswith(".py") else (source, ":", "model")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{source}: no file {file}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    folder = str(path.resolve().parent)
    if spec is None or spec.loader is None:
        raise InputError(f"{source}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses and pickling look a module up by its name
    if folder not in sys.path:
        sys.path.append(folder)  # so that it finds what lies beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{file}: {type(error).__name__} while it was imported: {error}") from error
    return _attribute(module, name, file), _digest(path)


def _attribute(module: Any, name: str, where: str) -> Any:
    """A name in a module, which may have dots: `Class.method`."""
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{where}: holds no {name!r}; it holds {', '.join(n for n in vars(module) if not n.startswith('_')) or 'nothing'}")
        found = getattr(found, part)
    return found


def _batch(predict: Any, documents: Sequence[Document], arguments: Mapping[str, Any]) -> Iterator[Document]:
    """One call for all; where it raises, or miscounts, one call for each, so that a bad document takes no other with it."""
    try:
        answers = list(predict(documents, **arguments))
    except (Exception, SystemExit):
        answers = []
    if len(answers) == len(documents):
        for document, answer in zip(documents, answers, strict=True):
            yield _placed(document, answer)
        return
    for document in documents:
        yield _one(lambda batch, **kw: _only(predict(batch, **kw)), [document], document, arguments)


def _only(answers: Iterable[Any]) -> Any:
    every = list(answers)
    if len(every) != 1:
        raise ValueError(f"{len(every)} answers to one document")
    return every[0]


def _one(call: Any, question: Any, document: Document, arguments: Mapping[str, Any]) -> Document:
    try:
        return _placed(document, call(question, **arguments))
    except (Exception, SystemExit) as error:  # a model may raise anything, and none of it may end a run
        return msgspec.structs.replace(document, failure=f"{type(error).__name__}: {error}")


def _placed(document: Document, answer: Any) -> Document:
    """The document with the answer on it."""
    if isinstance(answer, Document):
        if answer.text != document.text:
            return msgspec.structs.replace(document, failure="the model returned another text")
        return msgspec.structs.replace(answer, id=document.id, zones=(), meta=None)
    if answer is None or isinstance(answer, (str, bytes, Mapping)):
        problem = f"the model returned {shown(answer)}: a list of (start, end, label), of dicts, or a Document would do"
        return msgspec.structs.replace(document, failure=problem)
    return with_entities(document, answer)


def with_entities(document: Document, answer: Iterable[Any]) -> Document:
    """The document with entities from triples, dicts or Entities; what cannot be one becomes Unplaced, with the reason."""
    entities: list[Entity] = []
    unplaced: list[Unplaced] = []
    for item in answer:
        placed = _entity(item, len(document.text))
        if isinstance(placed, Unplaced):
            unplaced.append(placed)
        else:
            entities.append(placed)
    return Document(document.id, document.text, entities=tuple(entities), unplaced=tuple(unplaced))


def _entity(item: Any, length: int) -> Entity | Unplaced:
    found = _fields(item)
    if found is None:
        return Unplaced("entities", UNLABELLED, f"{shown(item)} is neither (start, end, label) nor a dict with these")
    label = str(next((found[key] for key in ("label", "entity_group", "entity") if found.get(key)), "")) or UNLABELLED
    score = found.get("score")
    known = score if isinstance(score, (int, float)) or hasattr(score, "__float__") else None
    try:
        finite = known is not None and math.isfinite(float(known))
        fragments = found.get("fragments") or ()
        entity = Entity(label, found["start"], found["end"], fragments=fragments, score=float(known) if finite else None)  # type: ignore[arg-type]
        if entity.end > length:
            raise DocumentError(f"{entity.end} runs past the end of the text, at {length}", field="end")
    except (DocumentError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        return Unplaced("entities", label, reason, quote=str(found["word"]) if found.get("word") else None)
    return entity


def _fields(item: Any) -> Mapping[str, Any] | None:
    """An item of an answer as a dict; None for what is no item."""
    if isinstance(item, Entity):
        return msgspec.structs.asdict(item)
    if isinstance(item, Mapping):
        return item
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)) and len(item) >= 3:
        return {"start": item[0], "end": item[1], "label": item[2]}
    return None
