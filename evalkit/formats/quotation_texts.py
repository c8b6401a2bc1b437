"""Compares the texts that files of quotations repeat with those at their offsets."""

from __future__ import annotations

from evalkit.errors import quoted_repr
from evalkit.formats.conversion import ConversionReport

OTHER_TEXTS = "texts of annotations that differ from the text at their offsets"


class TextComparison:
    """The texts of one document: how many differ from the text at their offsets.

    Some do in published corpora, which were corrected by hand: these are counted as repaired. Where
    most do, the text is another one, or its offsets count something else.
    """

    def __init__(self, position: str, conversion: ConversionReport) -> None:
        self._position, self._conversion = position, conversion
        self._compared = 0
        self._different: list[str] = []  # their positions
        self._example = ("", "")

    def compare(self, surface: str, covered_text: str, position: str) -> None:
        """Compare a text with that at its offsets, apart from white space."""
        self._compared += 1
        if surface.split() != covered_text.split():
            self._different.append(position)
            if len(self._different) == 1:
                self._example = (surface, covered_text)

    def errors(self) -> list[str]:
        """An error if most texts differ; else they are counted."""
        count = len(self._different)
        if count * 2 > self._compared:
            surface, covered_text = self._example
            return [
                f"{self._different[0]}: {quoted_repr(surface)} is not the text at its offsets:"
                f" {quoted_repr(covered_text)}; {count} of {self._compared} texts of"
                f" {self._position} are not: expected the text that the offsets were counted in"
            ]
        for position in self._different:
            self._conversion.repaired.add(OTHER_TEXTS, position)
        return []
