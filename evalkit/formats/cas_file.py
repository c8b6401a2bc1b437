"""Opening UIMA CAS files with cassis: type systems, XMI and JSON; cas.py describes the format."""

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
DESCRIBED, NAMED = f"{CORE}metadata.type.DocumentMetaData", f"{CORE}ner.type.NamedEntity"
PREDICATE, ARGUMENT, LINK = (
    f"{CORE}semantics.type.{name}" for name in ("SemPred", "SemArg", "SemArgLink")
)
ARRAY = "uima.cas.FSArray"
LABELS = ("value", "category")  # the features that hold labels in DKPro Core's types
_TEXT = ("uima.cas.String",)
TYPES: dict[
    str, tuple[str, dict[str, tuple[str, ...]]]
] = {  # each with the type above, and its features
    DESCRIBED: (
        "uima.tcas.DocumentAnnotation",
        {
            **dict.fromkeys(
                (
                    "documentTitle",
                    "documentId",
                    "documentUri",
                    "collectionId",
                    "documentBaseUri",
                ),
                _TEXT,
            ),
            "isLastSegment": ("uima.cas.Boolean",),
        },
    ),
    NAMED: ("uima.tcas.Annotation", {"value": _TEXT, "identifier": _TEXT}),
    ARGUMENT: ("uima.tcas.Annotation", {}),
    LINK: ("uima.cas.TOP", {"role": _TEXT, "target": (ARGUMENT,)}),
    PREDICATE: ("uima.tcas.Annotation", {"category": _TEXT, "arguments": (ARRAY, LINK)}),
}


def cassis() -> Any:
    """The package. Raises MissingDependencyError."""
    try:
        return importlib.import_module("cassis")
    except ImportError:
        raise MissingDependencyError(
            f"the format cas needs cassis, which is not installed: {advise_extra('cas')}"
        ) from None


UNKNOWN = "annotations of types that the type system does not know"


def load_cas(file: Path, system: Any, conversion: ConversionReport) -> Any:
    """The CAS in a file, its offsets in code points.

    Raises LoadError where there is none, or an offset is none of its text.
    """
    data = read_limited(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = (
            _from_json(file, data, system)
            if data.lstrip()[:1] == b"{"
            else _from_xml(file, data, system)
        )
    for warning in map(str, (warning.message for warning in caught)):
        if warning.startswith("Not mapping"):
            raise LoadError(
                [
                    f"{file}: {warning.partition('[')[2].partition(']')[0]} is no offset into the"
                    " text, in UTF-16 units"
                ]
            )
        if warning.startswith("Type with name"):
            conversion.add(UNKNOWN, str(file))
    return result


def read_limited(file: Path) -> bytes:
    """The bytes of a file without a byte order mark.

    Raises LoadError for one that is empty, or an archive.
    """
    with open_input(file) as opened:
        data: bytes = opened.read().removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise LoadError([f"{file}: empty, and no CAS"])
    if data.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise LoadError([f"{file}: an archive; unpack it, and name the folder, as in cas:DIR"])
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
        raise LoadError([f"{file}: no CAS: {_error_text(error)}"]) from None
    try:
        own = parts.get("%TYPES") is not None
        text = (
            json.dumps(parts)
            if _fill_empty_arrays(parts.get("%FEATURE_STRUCTURES") or ())
            else text
        )
        return cassis().load_cas_from_json(
            text, typesystem=None if own else system(), merge_typesystem=own
        )
    except InputError:  # of the type system
        raise
    except Exception as error:  # cassis raises whatever it comes upon
        raise LoadError([f"{file}: no CAS in JSON: {_error_text(error)}"]) from None


def _fill_empty_arrays(structures: Any) -> bool:
    """Give arrays without elements an empty list of elements, since cassis writes such arrays and
    cannot read them. Returns whether there were any.
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
        # Without a DOCTYPE the limits that are lifted here keep nothing out but long texts.
        return cassis().load_cas_from_xmi(
            BytesIO(data), typesystem=system(), lenient=True, trusted=True
        )
    except InputError:  # of the type system
        raise
    except Exception as error:
        raise LoadError([f"{file}{_line(error)}: no CAS in XMI: {_error_text(error)}"]) from None


def _error_text(error: Exception) -> str:
    return quoted_repr(
        " ".join(f"{type(error).__name__}: {getattr(error, 'message', error)}".split()),
        max_length=200,
    )[1:-1]


def _line(error: Exception) -> str:
    return f":{number}" if (number := getattr(error, "lineno", None)) else ""


class _RootReached(Exception):
    """The part of an XML file that may declare entities is over."""


def reject_doctype(file: Path, data: bytes) -> None:
    """Raises LoadError for an XML file with a DOCTYPE, or for what is no XML."""

    def refuse_declaration(*_: object) -> NoReturn:
        raise LoadError(
            [
                f"{file}:{parser.CurrentLineNumber}: a DOCTYPE, which no CAS needs and by which"
                " entities expand; delete it"
            ]
        )

    def begun(*_: object) -> NoReturn:
        raise _RootReached

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse_declaration, begun
    try:
        parser.Parse(data, True)
    except _RootReached:
        return
    except LoadError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise LoadError(
            [
                f"{file}{_line(error)}: no CAS: neither JSON nor XML: it begins"
                f" {quoted_repr(data[:12])}: {error}"
            ]
        ) from None


def type_system_loader(file: Path, root: Path, given: str | Path | None) -> Any:
    """Returns a function that loads the type system of a file: the given one, else the one beside
    the file or at the root, else DKPro Core's.
    """
    if given is not None:
        return partial(_load_system, Path(given))
    for path in (file.with_name(TYPESYSTEM), root / TYPESYSTEM):
        if path.is_file():
            return partial(_load_system, path)
    return dkpro


def _load_system(path: Path) -> Any:
    return _system(path, path.stat().st_mtime_ns if path.exists() else 0)


@cache
def dkpro() -> Any:
    """DKPro Core's type system, as cassis brings it, and what that lacks."""
    # cassis's own function for this calls what Python deprecates.
    return _with_types(
        cassis().load_typesystem(
            BytesIO(files("cassis.resources").joinpath("dkpro-core-types.xml").read_bytes())
        )
    )


@cache
def output_type_system() -> Any:
    """The few types of DKPro Core's that evalkit writes."""
    return _with_types(cassis().TypeSystem())


def _with_types(system: Any) -> Any:
    for name, (above, held) in TYPES.items():
        if not system.contains_type(name):
            made = system.create_type(name, above)
            for feature, (kind, *of) in held.items():
                system.create_feature(made, feature, kind, *of)
    return system


@cache
def _system(path: Path, _changed: int) -> Any:
    data = read_limited(path)
    reject_doctype(path, data)
    try:
        return cassis().load_typesystem(BytesIO(data))
    except Exception as error:
        raise LoadError([f"{path}{_line(error)}: no type system: {_error_text(error)}"]) from None


def short_type_name(name: str) -> str:
    """The last part of the name of a type.

    >>> short_type_name("webanno.custom.Person")
    'Person'
    """
    return name.rpartition(".")[2]


def features(kind: Any) -> Iterator[tuple[str, str]]:
    """The features of a type of its own, and what each holds: "text", "plain" for numbers and truth
    values, else the name of a type.
    """
    system = kind.typesystem
    for feature in kind.all_features:
        held = feature.rangeType
        if feature.name not in ("sofa", "begin", "end"):
            content = held.name
            if system.is_instance_of(held.name, "uima.cas.String"):
                content = "text"
            elif system.is_primitive(held):
                content = "plain"
            yield feature.name, content


def label_feature(kind: Any, requested: str | None = None) -> str | None:
    """The feature of a type that holds the label; None where the type is the label.

    Raises InputError where it is not clear.
    """
    known = dict(features(kind))
    if requested is not None:
        if requested not in known:
            raise UnknownNameError("feature", requested, known, within=kind.name)
        return requested
    texts = [name for name, held in known.items() if held == "text"]
    result = [name for name in LABELS if name in texts] or texts
    if len(result) > 1 and result[0] not in LABELS:
        raise InputError(
            f"{kind.name} has the features {', '.join(texts)}; name the one with the label, as in"
            f" {spell_option('feature', texts[0], of='format')}"
        )
    return result[0] if result else None


def label_of(fs: Any, feature: str | None) -> Any:
    """The label of an annotation: what the feature holds, else the name of its type."""
    return short_type_name(fs.type.name) if feature is None else fs[feature]
