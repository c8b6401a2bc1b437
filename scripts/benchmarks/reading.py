"""Reading, converting and saving: formats, result files, many labels, intervals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import (
    Figure,
    Goal,
    Line,
    RowError,
    child_command,
    evalkit_command,
    measure_cpu,
    run_process,
)
from benchmarks.scorers import span_sides
from benchmarks.sizes import Sizes, Workspace, megabytes
from benchmarks.workload import SCHEMES, build_corpora, draw_samples

from evalkit import load_corpus, score, score_spans
from evalkit.results.metric_scores import MetricScores

FORMATS = {  # the name of the files, and the MB that are to be read in a CPU second
    "jsonl": ("corpus.jsonl", 150),
    "brat": ("brat", 25),
    "conll": ("corpus.conll", 25),
    "docbin": ("corpus.spacy", 5),
}
MAX_CONVERT_SECONDS = 30


def measure_loading(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """`load_corpus` of the same documents in four formats, in MB of these files a CPU second."""
    count = sizes.format_documents
    gold = workspace.corpora(count) / "gold.jsonl"
    for name, (file, bound) in FORMATS.items():
        path = workspace.folder / f"formats-{count}" / file
        try:
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                run_process(evalkit_command("convert", gold, path, "--to", name))
        except RowError as error:
            yield Line(f"load_corpus, {name}", problem=str(error))
            continue
        size = megabytes(path)
        source = f"{name}:{path}"
        seconds = [measure_cpu(partial(load_corpus, source)) for _ in range(sizes.rounds)]
        speed = Figure.of([size / min(seconds)], "MB/s")
        title = f"load_corpus, {name}, {count:,} documents, {size:,.1f} MB"
        yield Line(title, figure=speed, goal=Goal(">=", bound, of="value"))


def measure_conversion(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """`evalkit convert` to docbin, and how its time grows with the number of documents."""
    count = sizes.format_documents
    seconds: dict[int, list[float]] = {count: [], 2 * count: []}
    for _ in range(sizes.slow_rounds):
        for documents, measured in seconds.items():
            gold = workspace.corpora(documents) / "gold.jsonl"
            target = gold.with_name("converted.spacy")
            target.unlink(missing_ok=True)
            measured.append(run_process(evalkit_command("convert", gold, target)).cpu)
    yield Line(
        f"convert to docbin, {count:,} documents, CPU",
        figure=Figure.least(seconds[count], "s"),
        goal=Goal("<=", MAX_CONVERT_SECONDS, of="value"),
    )
    yield Line(
        f"convert to docbin, {2 * count:,} documents against {count:,}, CPU",
        figure=Figure.ratio(seconds[2 * count], seconds[count]),
        goal=Goal("<=", 2.3, of="value"),
    )


def measure_to_json(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """`to_json` of a result under four schemes: CPU seconds and size."""
    count = sizes.json_documents
    corpora = build_corpora(draw_samples(count))
    seconds, size = [], 0
    for _ in range(sizes.slow_rounds):
        scores = score(*corpora, SCHEMES, boot=0)
        started = time.process_time()
        text = scores.to_json()
        seconds.append(time.process_time() - started)
        size = len(text.encode())
    name = f"to_json of {count:,} documents under four schemes"
    yield Line(f"{name}, CPU", figure=Figure.least(seconds, "s"), goal=Goal("<=", 0.2, of="value"))
    yield Line(
        f"{name}, size", figure=Figure.of([size / 1e6], "MB"), goal=Goal("<=", 5, of="value")
    )


def measure_many_labels(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """10,000 labels, in a process of its own for its peak memory."""
    count = sizes.label_documents
    command = child_command("many_labels", count, sizes.slow_rounds)
    result = json.loads(run_process(command).output)
    name = f"10,000 labels, {count:,} documents of 25 spans"
    yield Line(
        f"{name}, score and rows, CPU",
        figure=Figure.least(result["seconds"], "s"),
        goal=Goal("<=", 0.5, of="value"),
    )
    yield Line(
        f"{name}, peak memory",
        figure=Figure.of([result["peak"]], "MB"),
        goal=Goal("<=", 150, of="value"),
        note=f"{result['before']:.0f} MB of it before scoring",
    )


def measure_intervals(sizes: Sizes, _: Workspace) -> Iterator[Line]:
    """The intervals of P, R and F1 of 8 labels and the averages, after scoring."""
    count = sizes.interval_documents
    distinct = min(count, 5_000)  # drawn once, and repeated
    sides = [side * (count // distinct) for side in span_sides(distinct)]
    scores = [score_spans(*sides)["ner"] for _ in range(sizes.slow_rounds)]

    def read_intervals(metric: MetricScores) -> None:
        for row in metric.rows():
            for ratio in ("precision", "recall", "f1"):
                row.interval(ratio)

    seconds = [measure_cpu(partial(read_intervals, metric)) for metric in scores]
    yield Line(
        f"intervals of 8 labels and 4 averages, P, R and F1, {count:,} documents, CPU",
        figure=Figure.least(seconds, "s"),
        goal=Goal("<=", 1, of="value"),
        note="closed form",
    )
