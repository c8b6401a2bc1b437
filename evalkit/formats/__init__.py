"""File formats: `read` and `write` of each, and the table that names them."""

from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import FORMATS, parse_location

__all__ = ["FORMATS", "ConversionReport", "parse_location"]
