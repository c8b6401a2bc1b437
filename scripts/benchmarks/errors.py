"""`evalkit errors` against `evalkit score`, over the same files; and a document in which 100,000
items form a chain of overlaps.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.measure import evalkit_command, run_process
from benchmarks.sizes import Workspace
from benchmarks.workload import SIDES, append_documents

from evalkit import Document, Entity

MAX_RATIO = 3  # of errors to score under four schemes
MAX_SECONDS = 10  # of the chain
CHAIN = 50_000  # items a side


def print_errors(sizes: Sequence[int], rounds: int, workspace: Workspace) -> None:
    """Print the ratio of both commands, and the time of the chain."""
    for size in sizes:
        folder = workspace.corpora(size)
        files = [folder / f"{side}.jsonl" for side in SIDES]
        ratios = []
        for _ in range(rounds):
            scoring = run_process(evalkit_command("score", *files)).cpu
            analysis = run_process(evalkit_command("errors", *files)).cpu
            ratios.append(analysis / scoring)
        ratio = statistics.median(ratios)
        verdict = "reached" if ratio <= MAX_RATIO else "MISSED"
        print(
            f"errors of {size:,} documents: {analysis:.2f} CPU s, {ratio:.2f} times score under"
            f" four schemes ({min(ratios):.2f} to {max(ratios):.2f}); goal {MAX_RATIO}, {verdict}"
        )
    chain = workspace.folder / "chain"
    chain.mkdir(exist_ok=True)
    gold = [Entity("ABC"[k % 3], 4 * k, 4 * k + 6) for k in range(CHAIN)]
    predicted = [Entity("ABC"[7 * k % 3], 4 * k + 1, 4 * k + 9) for k in range(CHAIN)]
    files = [chain / f"{side}.jsonl" for side in SIDES]
    for file, entities in zip(files, (gold, predicted), strict=True):
        file.unlink(missing_ok=True)
        append_documents(file, [Document("d", "x" * (4 * CHAIN + 9), entities)])
    seconds = run_process(evalkit_command("errors", *files)).cpu
    verdict = "reached" if seconds <= MAX_SECONDS else "MISSED"
    print(
        f"errors of a chain of {2 * CHAIN:,} overlapping items: {seconds:.2f} CPU s;"
        f" goal {MAX_SECONDS}, {verdict}"
    )
