"""Running a model over documents, in batches, threads or processes, resumable."""

from evalkit.inference.runner import predict

__all__ = ["predict"]
