"""Opens UIMA CAS files with cassis: type systems, XMI and JSON; cas.py describes the format."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator
from functools import cache, partial
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from evalkit.errors import (
    InputError,
    LoadError,
    MissingDependencyError,
    UnknownNameError,
    advise_extra,
    quoted_repr,
    spell_option,
)
from evalkit.files import open_input
from evalkit.formats.conversion import ConversionReport

TYPESYSTEM = "TypeSystem.xml"
CORE = "de.tudarmstadt.ukp.dkpro.core.api."
METADATA = f"{CORE}metadata.type.DocumentMetaData"
NAMED = f"{CORE}ner.type.NamedEntity"
PREDICATE = f"{CORE}semantics.type.SemPred"
ARGUMENT = f"{CORE}semantics.type.SemArg"
LINK = f"{CORE}semantics.type.SemArgLink"
ARRAY = "uima.cas.FSArray"
# The relations that evalkit writes: the type of INCEpTION's template for spans and relations
RELATION = "custom.Relation"
HEAD, TAIL = "Governor", "Dependent"  # the features of relations in INCEpTION and WebAnno
LABELS = ("value", "category")  # the features that hold labels in DKPro Core's types
_TEXT = ("uima.cas.String",)
# The types that evalkit writes: supertype, and the range type of each feature
TYPES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    METADATA: (
        "uima.tcas.DocumentAnnotation",
        {
            "documentTitle": _TEXT,
            "documentId": _TEXT,
            "documentUri": _TEXT,
            "collectionId": _TEXT,
            "documentBaseUri": _TEXT,
            "isLastSegment": ("uima.cas.Boolean",),
        },
    ),
    NAMED: ("uima.tcas.Annotation", {"value": _TEXT, "identifier": _TEXT}),
    ARGUMENT: ("uima.tcas.Annotation", {}),
    LINK: ("uima.cas.TOP", {"role": _TEXT, "target": (ARGUMENT,)}),
    PREDICATE: ("uima.tcas.Annotation", {"category": _TEXT, "arguments": (ARRAY, LINK)}),
}
# The type of relations; it is declared where there are relations
RELATION_TYPES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    RELATION: (
        "uima.tcas.Annotation",
        {HEAD: ("uima.tcas.Annotation",), TAIL: ("uima.tcas.Annotation",), "label": _TEXT},
    ),
}


def cassis() -> Any:
    """Returns the package cassis; raises MissingDependencyError if it is not installed."""
    try:
        return importlib.import_module("cassis")
    except ImportError:
        raise MissingDependencyError(
            f"the format cas needs cassis, which is not installed: {advise_extra('cas')}"
        ) from None


UNKNOWN = "annotations of types that the type system does not know"


def load_cas(file: Path, system: Any, conversion: ConversionReport) -> Any:
    """Returns the CAS in a file, with offsets in code points.

    Raises LoadError for an invalid file, or an offset that is not on a character of the text.
    """
    data = read_limited(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if data.lstrip()[:1] == b"{":
            cas = _from_json(file, data, system)
        else:
            cas = _from_xml(file, data, system)
    for warning in caught:
        message = str(warning.message)
        if message.startswith("Not mapping"):
            offset = message.partition("[")[2].partition("]")[0]
            raise LoadError(
                [
                    f"{file}: invalid offset {offset}: expected the start or end of a character of"
                    " the text, in UTF-16 units"
                ]
            )
        if message.startswith("Type with name"):
            conversion.add(UNKNOWN, str(file))
    return cas


def read_limited(file: Path) -> bytes:
    """Returns the bytes of a file without a byte order mark.

    Raises LoadError for a file that is empty.
    """
    with open_input(file) as opened:
        data: bytes = opened.read().removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise LoadError([f"{file}: empty file: expected a CAS in XMI or JSON"])
    return data


def _from_json(file: Path, data: bytes, system: Any) -> Any:
    try:
        text = data.decode()
        parts = json.loads(text)
    except UnicodeDecodeError as error:
        raise LoadError(
            [f"{file}: not UTF-8: {error.reason} at byte {error.start}; save the file as UTF-8"]
        ) from None
    except json.JSONDecodeError as error:
        raise LoadError(
            [f"{file}:{error.lineno}: not JSON: {error.msg} at column {error.colno}"]
        ) from None
    except (RecursionError, ValueError) as error:  # numbers of too many digits
        raise LoadError([f"{file}: not a CAS: {_error_text(error)}"]) from None
    try:
        has_types = parts.get("%TYPES") is not None
        if _fill_empty_arrays(parts.get("%FEATURE_STRUCTURES") or ()):
            text = json.dumps(parts)
        return cassis().load_cas_from_json(
            text, typesystem=None if has_types else system(), merge_typesystem=has_types
        )
    except InputError:  # of the type system
        raise
    except Exception as error:  # cassis does not document what it raises
        raise LoadError([f"{file}: not a CAS in JSON: {_error_text(error)}"]) from None


def _fill_empty_arrays(structures: Any) -> bool:
    """Adds an empty list of elements to arrays without elements; returns whether there were any.

    cassis writes arrays without elements, but cannot read them.
    """
    filled = False
    for fs in structures.values() if isinstance(structures, dict) else structures:
        if fs["%TYPE"] == ARRAY and "%ELEMENTS" not in fs:
            fs["%ELEMENTS"] = []
            filled = True
    return filled


def _from_xml(file: Path, data: bytes, system: Any) -> Any:
    reject_doctype(file, data)
    try:
        # `trusted` lifts limits against entity expansion, which needs a DOCTYPE, and on long texts.
        return cassis().load_cas_from_xmi(
            BytesIO(data), typesystem=system(), lenient=True, trusted=True
        )
    except InputError:  # of the type system
        raise
    except Exception as error:
        raise LoadError([f"{file}{_line(error)}: not a CAS in XMI: {_error_text(error)}"]) from None


def _error_text(error: Exception) -> str:
    message = f"{type(error).__name__}: {getattr(error, 'message', error)}"
    one_line = " ".join(message.split())
    return quoted_repr(one_line, max_length=200)[1:-1]


def _line(error: Exception) -> str:
    number = getattr(error, "lineno", None)
    return f":{number}" if number else ""


class _RootReached(Exception):
    """Raised at the first element, since a DOCTYPE can only stand before it."""


def reject_doctype(file: Path, data: bytes) -> None:
    """Raises LoadError for a file with a DOCTYPE, or one that is not XML."""

    def refuse_declaration(*_: object) -> NoReturn:
        raise LoadError(
            [
                f"{file}:{parser.CurrentLineNumber}: DOCTYPE is not allowed, since it can expand"
                " entities; delete it"
            ]
        )

    def stop(*_: object) -> NoReturn:
        raise _RootReached

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_declaration
    parser.StartElementHandler = stop
    try:
        parser.Parse(data, True)
    except _RootReached:
        return
    except LoadError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise LoadError(
            [
                f"{file}{_line(error)}: not a CAS: expected JSON or XML, got"
                f" {quoted_repr(data[:12])}: {error}"
            ]
        ) from None


def type_system_loader(file: Path, root: Path, given: str | Path | None) -> Any:
    """Returns a function that loads the type system of a file.

    It is the given one, else the one beside the file or in the root folder, else DKPro Core's.
    """
    if given is not None:
        return partial(_load_system, Path(given))
    for path in (file.with_name(TYPESYSTEM), root / TYPESYSTEM):
        if path.is_file():
            return partial(_load_system, path)
    return dkpro


def _load_system(path: Path) -> Any:
    modified = path.stat().st_mtime_ns if path.exists() else 0
    return _read_system(path, modified)


@cache
def dkpro() -> Any:
    """Returns DKPro Core's type system from cassis, with the types that it lacks added."""
    # The function of cassis for this uses a deprecated API of Python.
    data = files("cassis.resources").joinpath("dkpro-core-types.xml").read_bytes()
    return _with_types(cassis().load_typesystem(BytesIO(data)))


@cache
def output_type_system(*, relations: bool = False) -> Any:
    """Returns a type system with the types that evalkit writes; with that of relations on request.

    All others are types of DKPro Core.
    """
    return _with_types(cassis().TypeSystem(), relations=relations)


def _with_types(system: Any, *, relations: bool = False) -> Any:
    """Adds the types that are missing, and returns the type system."""
    types = TYPES | RELATION_TYPES if relations else TYPES
    for name, (supertype, range_types) in types.items():
        if not system.contains_type(name):
            created = system.create_type(name, supertype)
            for feature, (range_type, *element_type) in range_types.items():
                system.create_feature(created, feature, range_type, *element_type)
    return system


@cache
def _read_system(path: Path, _modified: int) -> Any:
    """Returns the type system in a file. The time of its last change is part of the cache key."""
    data = read_limited(path)
    reject_doctype(path, data)
    try:
        return cassis().load_typesystem(BytesIO(data))
    except Exception as error:
        raise LoadError(
            [f"{path}{_line(error)}: not a type system: {_error_text(error)}"]
        ) from None


def short_type_name(name: str) -> str:
    """Returns the last part of the name of a type.

    >>> short_type_name("webanno.custom.Person")
    'Person'
    """
    return name.rpartition(".")[2]


def features(kind: Any) -> Iterator[tuple[str, str]]:
    """Yields the name of each feature of a type with its content, except for sofa, begin and end.

    The content is "text" for strings, "plain" for numbers and booleans, else the name of a type.
    """
    system = kind.typesystem
    for feature in kind.all_features:
        range_type = feature.rangeType
        if feature.name not in ("sofa", "begin", "end"):
            content = range_type.name
            if system.is_instance_of(range_type.name, "uima.cas.String"):
                content = "text"
            elif system.is_primitive(range_type):
                content = "plain"
            yield feature.name, content


def label_feature(kind: Any, requested: str | None = None) -> str | None:
    """Returns the feature of a type that holds the label; None if the type itself is the label.

    Raises InputError if the type has several features with text and none named in LABELS.
    """
    known = dict(features(kind))
    if requested is not None:
        if requested not in known:
            raise UnknownNameError("feature", requested, known, within=kind.name)
        return requested
    texts = [name for name, content in known.items() if content == "text"]
    candidates = [name for name in LABELS if name in texts] or texts
    if len(candidates) > 1 and candidates[0] not in LABELS:
        raise InputError(
            f"{kind.name} has several features with text: {', '.join(texts)}; name the one with the"
            f" label, as in {spell_option('feature', texts[0], of='format')}"
        )
    return candidates[0] if candidates else None


def relation_label_feature(kind: Any) -> str | None:
    """Returns the feature of a type of relations that holds the label; None if the type itself is
    the label, because no feature or several may hold it.
    """
    texts = [name for name, content in features(kind) if content == "text"]
    for name in (*LABELS, "label"):
        if name in texts:
            return name
    return texts[0] if len(texts) == 1 else None


def label_of(fs: Any, feature: str | None) -> Any:
    """Returns the value of the label feature; without a feature, the name of the type."""
    return short_type_name(fs.type.name) if feature is None else fs[feature]
