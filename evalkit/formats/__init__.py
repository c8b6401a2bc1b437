"""File formats: `read` and `write` of each, and the table that names them."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.formats.conversion import ConversionReport
    from evalkit.formats.registry import FORMATS, parse_location

__all__ = ["FORMATS", "ConversionReport", "parse_location"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.formats.conversion": ("ConversionReport",),
        "evalkit.formats.registry": ("FORMATS", "parse_location"),
    },
)
