"""Any Python callable, or any object with `.predict(documents)`.

For a text a callable may return (start, end, label) triples, dicts as transformers gives them
(start, end and label, entity_group or entity; a score if there is one), a dict with such a list
under "entities", a Doc of spaCy, or a Document. What has no valid span in the text is kept as
`Unplaced`, and a document on which the model raises is kept as a failure: neither leaves the score.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Document, Entity, Unplaced
from evalkit.errors import DocumentError, InputError, quoted_repr
from evalkit.models.fingerprint import compute_fingerprint, digest_of_file
from evalkit.models.malformed_answers import note_malformed
from evalkit.models.registry import Model

UNLABELLED = "unlabelled"
MOST_NAMES = 20
EXPECTED = (
    "(start, end, label) with offsets of characters, a dict with start, end and label, or a"
    " Document"
)


def load(source: Any, **arguments: Any) -> Model:
    """A model from a callable, an object with .predict, "file.py:name" or "package.module:name";
    arguments are passed on with each call.

    Of a file, what it says is part of the settings: a run does not go on with another model under
    the same name.
    """
    name = source if isinstance(source, str) else getattr(source, "__name__", type(source).__name__)
    found, settings = (
        _named(source)
        if isinstance(source, str)
        else (source, {"made of (sha256)": compute_fingerprint(source)})
    )
    settings |= arguments
    if isinstance(found, type):
        found, arguments = _instantiate(name, found, arguments), {}
    predict = getattr(found, "predict", None)
    _refuse_unknown(name, predict if callable(predict) else found, arguments)
    if callable(predict):
        return Model(
            name, lambda documents: _batch(predict, documents, arguments), settings=settings
        )
    if not callable(found):
        raise InputError(
            f"{name}: {quoted_repr(found)} is neither a function nor an object with .predict"
        )
    return Model(
        name,
        lambda documents: (
            _answer_one(found, document.text, document, arguments) for document in documents
        ),
        settings=settings,
        streams=True,
    )


def _instantiate(name: str, found: type, arguments: Mapping[str, Any]) -> Any:
    """An object of a class, which takes the arguments."""
    try:
        return found(**arguments)
    except Exception as error:  # it is the user's code, and may raise anything
        raise InputError(
            f"{name}: {type(error).__name__} while it was made: {' '.join(str(error).split())}"
        ) from error


def _named(source: str) -> tuple[Any, dict[str, Any]]:
    """What a name means, and the digest of the file that it stands in."""
    if source.partition(":")[0].endswith(".py") or source.endswith(".py"):
        return _from_file(source)
    where, _, name = source.partition(":")
    try:
        module = importlib.import_module(where)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{where}: {type(error).__name__} while it was imported: {' '.join(str(error).split())}"
        ) from error
    file = getattr(module, "__file__", None)
    return _attribute(module, name, where), _digest(Path(file)) if file else {}


def _digest(path: Path) -> dict[str, Any]:
    return {"file (sha256)": digest_of_file(path)}


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
    sys.modules.setdefault(
        path.stem, module
    )  # dataclasses and pickling look a module up by its name
    if folder not in sys.path:
        sys.path.append(folder)  # so that it finds what lies beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{file}: {type(error).__name__} while it was imported: {' '.join(str(error).split())}"
        ) from error
    return _attribute(module, name, file), _digest(path)


def _attribute(module: Any, name: str, where: str) -> Any:
    """A name in a module, which may have dots: `Class.method`."""
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            names = [n for n in vars(module) if not n.startswith("_")]
            raise InputError(
                f"{where}: holds no {name!r}; it holds"
                f" {', '.join(names[:MOST_NAMES]) or 'nothing'}{' …' * (len(names) > MOST_NAMES)}"
            )
        found = getattr(found, part)
    return found


def _batch(
    predict: Any, documents: Sequence[Document], arguments: Mapping[str, Any]
) -> Iterator[Document]:
    """One call for all; where it raises, or miscounts, one call for each, so that a bad document
    takes no other with it.
    """
    try:
        answers = list(predict(documents, **arguments))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:
        answers = []
    if len(answers) == len(documents):
        for document, answer in zip(documents, answers, strict=True):
            yield _placed(document, answer)
        return
    for document in documents:
        yield _answer_one(
            lambda batch, **kw: _single(predict(batch, **kw)), [document], document, arguments
        )


def _single(answers: Iterable[Any]) -> Any:
    every = list(answers)
    if len(every) != 1:
        raise ValueError(f"{len(every)} answers to one document")
    return every[0]


def _answer_one(
    call: Any, question: Any, document: Document, arguments: Mapping[str, Any]
) -> Document:
    try:
        return _placed(document, call(question, **arguments))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    # A model may raise anything, even what is no Exception, and none of it may end a run
    except BaseException as error:
        return msgspec.structs.replace(document, failure=f"{type(error).__name__}: {error}")


def _placed(document: Document, answer: Any) -> Document:
    """The document with the answer on it."""
    if isinstance(answer, Document):
        if answer.text != document.text:
            return msgspec.structs.replace(document, failure="the model returned another text")
        return msgspec.structs.replace(answer, id=document.id, zones=(), meta=None)
    if isinstance(answer, Mapping) and "entities" in answer:
        answer = answer["entities"]
    elif hasattr(answer, "ents"):  # a Doc of spaCy
        answer = [(span.start_char, span.end_char, span.label_) for span in answer.ents]
    if answer is None or isinstance(answer, (str, bytes, Mapping)):
        problem = (
            f"the model returned {quoted_repr(answer)}: a list of (start, end, label), of dicts, or"
            " a Document would do"
        )
        return msgspec.structs.replace(document, failure=problem)
    return document_with_entities(document, answer)


def document_with_entities(document: Document, answer: Iterable[Any]) -> Document:
    """The document with entities from triples, dicts or Entities; what cannot be one becomes
    Unplaced, with the reason.
    """
    entities: list[Entity] = []
    unplaced: list[Unplaced] = []
    malformed: list[tuple[Any, str]] = []
    for item in answer:
        placed = _entity(item)
        if isinstance(placed, Unplaced):
            malformed.append((item, placed.reason))
        elif placed.end > len(document.text):
            placed = Unplaced(
                "entities",
                placed.label,
                f"end: {placed.end} runs past the end of the text, at {len(document.text)}",
                _word(item),
            )
        if isinstance(placed, Unplaced):
            unplaced.append(placed)
        else:
            entities.append(placed)
    found = Document(document.id, document.text, entities=tuple(entities), unplaced=tuple(unplaced))
    return (
        note_malformed(found, *malformed[0], EXPECTED)
        if malformed and len(malformed) == len(unplaced) and not entities
        else found
    )


def _entity(item: Any) -> Entity | Unplaced:
    found = _fields(item)
    if found is None:
        return Unplaced(
            "entities",
            UNLABELLED,
            f"{quoted_repr(item)} is neither (start, end, label) nor a dict with these",
        )
    said = next(
        (
            found[key]
            for key in ("label", "entity_group", "entity")
            if found.get(key) not in (None, "")
        ),
        UNLABELLED,
    )
    if not isinstance(said, (str, int)) or not str(said).isprintable():
        return Unplaced(
            "entities",
            UNLABELLED,
            f"label: {quoted_repr(said)} is no label: a text that can be printed would do",
        )
    label = str(said)
    try:
        return Entity(
            label,
            found["start"],
            found["end"],
            fragments=found.get("fragments") or (),
            score=_finite(found.get("score")),
        )
    except (DocumentError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        return Unplaced("entities", label, reason, quote=_word(item))


def _word(item: Any) -> str | None:
    """The words of an item, where it is a dict that says them, as those of transformers do."""
    word = item.get("word") if isinstance(item, Mapping) else None
    return str(word) if word else None


def _finite(score: Any) -> float | None:
    """A score as a number; None where it is none: a wrong score makes no answer wrong."""
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(score, str) else None


def _fields(item: Any) -> Mapping[str, Any] | None:
    """An item of an answer as a dict; None for what is no item."""
    if isinstance(item, Entity):
        return msgspec.structs.asdict(item)
    if isinstance(item, Mapping):
        return item
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)) and len(item) >= 3:
        return {"start": item[0], "end": item[1], "label": item[2]}
    return None
