"""Finds the annotators of UIMA CAS files where a folder has several files for a document; cas.py
describes the format.

INCEpTION names the annotator in documentId and the document in documentTitle; a file with only one
of them has no annotator.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from evalkit.errors import InputError, LoadError, UnknownNameError
from evalkit.formats.cas_file import load_cas, type_system_loader
from evalkit.formats.conversion import ConversionReport

DOCUMENT_ANNOTATION = "uima.tcas.DocumentAnnotation"
# What INCEpTION calls a document before anyone annotated it, and after curation
NOT_ANNOTATORS = ("INITIAL_CAS", "CURATION_USER")


def find_annotators(
    path: Path, files: Iterable[Path], typesystem: str | Path | None
) -> dict[Path, str]:
    """Returns the annotator of each file; "" where it names none, or cannot be read."""
    annotators = {}
    for file in files:
        try:
            annotators[file] = _annotator_of(file, path, typesystem)
        except (InputError, LoadError):  # reading the file says what is wrong with it
            annotators[file] = ""
    return annotators


def select_files(
    path: Path,
    files: Iterable[Path],
    typesystem: str | Path | None,
    annotator: str,
    conversion: ConversionReport,
) -> list[Path]:
    """Returns the files of an annotator; the others are counted as skipped. Raises
    UnknownNameError if there are none.
    """
    selected = []
    annotators = find_annotators(path, files, typesystem)
    for file, name in annotators.items():
        if name == annotator:
            selected.append(file)
        else:
            conversion.skipped.add("files of other annotators", str(file))
    if not selected:
        known = sorted(set(filter(None, annotators.values())))
        raise UnknownNameError("annotator", annotator, known, within=str(path))
    return selected


def _annotator_of(file: Path, path: Path, typesystem: str | Path | None) -> str:
    """Returns the annotator of a file; "" for none."""
    cas = load_cas(file, type_system_loader(file, path, typesystem), ConversionReport())
    for view in cas.views:
        for fs in cas.get_view(view.sofa.sofaID).select(DOCUMENT_ANNOTATION):
            title = getattr(fs, "documentTitle", None)
            name: str | None = getattr(fs, "documentId", None)
            if title and name and name not in NOT_ANNOTATORS:
                return name
    return ""
