"""Running a model over documents, in batches, threads or processes, resumable."""

from typing import TYPE_CHECKING

from evalkit.lazy_names import import_lazily

if TYPE_CHECKING:
    from evalkit.inference.runner import predict

__all__ = ["predict"]

__getattr__, __dir__ = import_lazily(
    __name__,
    {
        "evalkit.inference.runner": ("predict",),
    },
)
