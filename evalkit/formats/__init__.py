"""File formats: `read` and `write` of each, and the table that names them."""

from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import FORMATS, location_of

__all__ = ["FORMATS", "ConversionReport", "location_of"]
