"""Refusing a wrong file, against reading a right one with as many lines, in each text format that
is written: files of another kind, and a file with a fault on each line.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.measure import Figure, Goal, Line, measure_cpu
from benchmarks.sizes import Sizes, Workspace

from evalkit import Corpus, Document, Entity, load_corpus
from evalkit.errors import InputError
from evalkit.formats.registry import FORMATS, format_module

MAX_RATIO = 2
SAMPLE = 100  # documents that are written to see how many lines they have
# Formats whose files are not text with a record on each line or few lines
OTHER_FILES = ("docbin", "parquet", "cas", "hf", "directory")
FILES_OF_FOLDERS = {"brat": "d.ann", "webanno": "d.tsv"}  # with one document
WORDS = "the of and to in is that for it as was with be by on not he at are this from or".split()


def list_formats() -> list[str]:
    """The text formats that are written."""
    names = [name for name in FORMATS if name not in OTHER_FILES and not FORMATS[name].missing]
    return [name for name in names if hasattr(format_module(Path("x"), name), "write")]


def build_corpus(documents: int) -> Corpus:
    """Documents of one sentence, with two entities."""
    made = []
    for number in range(documents):
        text = f"Ada {number} met Bob in Rome ."
        rome = text.index("Rome")
        entities = [
            Entity("PER", 0, 3, id="T1"),
            Entity("LOC", rome, rome + 4, id="T2"),
        ]
        made.append(Document(f"d{number}", text, entities))
    return Corpus(made)


def build_long_document(entities: int) -> Corpus:
    """A document with many entities."""
    marks = [Entity("PER", 12 * n, 12 * n + 3, id=f"T{n + 1}") for n in range(entities)]
    return Corpus([Document("d", "Ada met Bob " * entities, marks)])


def write_right(name: str, folder: Path, lines: int) -> Path:
    """The path of a file of about so many lines, without errors."""
    if name in FILES_OF_FOLDERS:
        build_long_document(lines).save(f"{name}:{folder / name}")
        return folder / name / FILES_OF_FOLDERS[name]
    path = folder / f"right{(FORMATS[name].suffixes or ('.x',))[0]}"
    build_corpus(SAMPLE).save(f"{name}:{path}")
    sample_lines = path.read_bytes().count(b"\n")
    path.unlink()
    build_corpus(max(1, lines * SAMPLE // sample_lines)).save(f"{name}:{path}")
    return path


def build_prose(lines: int) -> str:
    """Sentences of random words."""
    draw = random.Random(0)
    return "".join(f"{' '.join(draw.choices(WORDS, k=12)).capitalize()}.\n" for _ in range(lines))


def repeat_file(name: str, folder: Path, lines: int) -> str:
    """The content of a file of another format, with as many lines."""
    path = folder / f"other.{name}"
    if not path.exists():
        build_corpus(SAMPLE).save(f"{name}:{path}")
    content = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join((content * (lines // len(content) + 1))[:lines])


def cut_lines(text: str) -> str:
    """The file without the last character of each line."""
    return "\n".join(line[:-1] for line in text.split("\n"))


# Wrong files: the content from that of a right file
FAULTS: Mapping[str, Callable[[str], str]] = {
    "lines without their last character": cut_lines,
    "wrong numbers": lambda text: re.sub(r"\d+", "99999", text),
    "lines without quotation marks": lambda text: text.replace('"', ""),
    "wrong tags": lambda text: re.sub(r"\b[BI]-", "Q-", text),
    "wrong keys": lambda text: re.sub(r'"(text|tokens|start|label|type)"', r'"x\1"', text),
}


def iter_wrong_files(name: str, right: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yields the kind and the content of wrong files with as many lines as a right one."""
    lines = right.count("\n")
    yield "prose", build_prose(lines)
    for other in ("doccano", "conll"):
        if other != name:
            yield f"a file of {other}", repeat_file(other, folder, lines)
    for kind, change in FAULTS.items():
        changed = change(right)
        if changed != right:
            yield kind, changed


def is_refused(location: str) -> bool:
    """Whether a corpus is refused. Files of which nothing is wrong for a format are not."""
    try:
        load_corpus(location)
    except InputError:
        return True
    return False


def compare_times(
    name: str, folder: Path, lines: int, rounds: int
) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yields each kind of wrong file that is refused, with the CPU seconds of refusing it, and
    those of reading a right file.
    """
    path = write_right(name, folder, lines)
    location = f"{name}:{path}"
    read = partial(load_corpus, location)
    right = path.read_text(encoding="utf-8")
    reading = [measure_cpu(read) for _ in range(rounds)]
    for kind, content in iter_wrong_files(name, right, folder):
        path.write_text(content, encoding="utf-8")
        if is_refused(location):
            yield kind, [measure_cpu(partial(is_refused, location)) for _ in range(rounds)], reading


def measure_refusals(sizes: Sizes, workspace: Workspace) -> Iterator[Line]:
    """The slowest wrong file of each format, as a multiple of reading a right one."""
    for name in list_formats():
        folder = workspace.folder / f"refusing-{name}"
        folder.mkdir(exist_ok=True)
        compared = list(compare_times(name, folder, sizes.refused_lines, sizes.slow_rounds))
        kind, refusing, reading = max(compared, key=lambda each: min(each[1]))
        yield Line(
            f"refusing a wrong file, {name}, {sizes.refused_lines:,} lines, CPU ({kind})",
            "reading a right file",
            Figure.least(reading, "s"),
            Figure.least(refusing, "s"),
            Figure.ratio(refusing, reading),
            Goal("<=", MAX_RATIO),
        )
