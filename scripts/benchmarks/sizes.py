"""How much is measured: in full, and with --quick, which checks that every row works."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.workload import write_corpora, write_tiny_corpora


@dataclass(frozen=True)
class Sizes:
    """Numbers of documents of each kind of rows, and the rounds."""

    rounds: int = 5
    slow_rounds: int = 3  # of what takes minutes
    file_documents: int = 100_000
    tiny_documents: int = 1_000_000
    memory_documents: int = 5_000
    format_documents: int = 2_000
    json_documents: int = 10_000
    label_documents: int = 4_000
    interval_documents: int = 100_000
    refused_lines: int = 200_000
    predict_documents: int = 20_000
    model_documents: int = 500
    spans: int = 0  # of gold in the largest corpus; 0: not measured


QUICK = Sizes(
    rounds=2,
    slow_rounds=1,
    file_documents=2_000,
    tiny_documents=20_000,
    memory_documents=100,
    format_documents=100,
    json_documents=500,
    label_documents=200,
    interval_documents=2_000,
    refused_lines=20_000,
    predict_documents=1_000,
    model_documents=60,
)


class Workspace:
    """A folder of generated files, each written once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._stack = ExitStack()
        if folder is None:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.folder = folder

    def __enter__(self) -> Workspace:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def corpora(self, count: int) -> Path:
        """The folder with gold.jsonl and predicted.jsonl of so many documents."""
        return self._written(f"documents-{count}", lambda folder: write_corpora(folder, count))

    def tiny_corpora(self, count: int) -> Path:
        """The folder with gold.jsonl and predicted.jsonl of so many tiny documents."""
        return self._written(f"tiny-{count}", lambda folder: write_tiny_corpora(folder, count))

    def _written(self, name: str, write: Callable[[Path], object]) -> Path:
        folder = self.folder / name
        if not folder.exists():
            unfinished = self.folder / f"{name}.unfinished"
            unfinished.mkdir(parents=True)
            write(unfinished)
            unfinished.rename(folder)
        return folder


def megabytes(*paths: Path) -> float:
    """The size of files and folders."""
    total = 0
    for path in paths:
        files = path.rglob("*") if path.is_dir() else [path]
        total += sum(file.stat().st_size for file in files if file.is_file())
    return total / 1e6
