"""Inputs without errors in each format, and wrong ones with as many lines: files of another kind,
and files with a fault on each line or in each row, or on each line after a valid document.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from evalkit import Corpus, Document, Entity
from evalkit.formats.registry import FORMATS

SAMPLE = 100  # documents that are written to see how many lines they have
WORDS = "the of and to in is that for it as was with be by on not he at are this from or".split()
NO_TEXT = ("docbin", "parquet")  # formats of files that are not text
TEXTS = "texts.txt"


@dataclass(frozen=True)
class RefusedInput:
    """A corpus of a format, and the one of its files that is replaced by wrong ones."""

    location: str
    file: Path

    def iter_wrong_files(self, name: str) -> Iterator[tuple[str, bytes]]:
        """Yields the kind and the content of wrong files, with as many lines as the file."""
        right = self.file.read_bytes()
        lines = max(1, right.count(b"\n"))
        yield "prose", build_prose(lines).encode()
        for other in ("doccano", "conll"):
            if other != name:
                yield f"a file of {other}", repeat_file(other, self.file.parent, lines).encode()
        if name not in NO_TEXT:
            text = right.decode()
            for kind, change in FAULTS.items():
                changed = change(text)
                if changed != text:
                    yield kind, changed.encode()
                mixed = change_after_first(text, change)
                if mixed not in (text, changed):
                    yield f"{kind} after a valid document", mixed.encode()
            return
        yield "a file without its second half", right[: len(right) // 2]
        if name == "parquet":
            for kind, change_rows in ROW_FAULTS.items():
                yield kind, change_parquet(right, change_rows)


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


def write_right(name: str, folder: Path, lines: int) -> RefusedInput:
    """Writes a corpus whose file has about so many lines, or documents for a file that is not text,
    without errors.
    """
    if name in RECORDS or name in TABLES:
        return write_read_only(name, folder, lines)
    if name in FILES_OF_FOLDERS:
        path = folder / name
        few = name in FOLDERS_OF_ONE_DOCUMENT
        build = build_long_document if few else build_corpus
        documents = lines if few else _count_documents(name, folder, lines)
        build(documents).save(f"{name}:{path}")
        file = path / FILES_OF_FOLDERS[name]
        # A folder of one file is its file, so that the advice on its format is measured, too
        return RefusedInput(f"{name}:{file if few else path}", file)
    path = folder / f"right{(FORMATS[name].suffixes or ('.x',))[0]}"
    documents = lines if name in NO_TEXT else _count_documents(name, folder, lines)
    build_corpus(documents).save(f"{name}:{path}")
    return RefusedInput(f"{name}:{path}", path)


# The file that is replaced
FILES_OF_FOLDERS = {
    "brat": "d.ann",
    "webanno": "d.tsv",
    "cas": "d.xmi",
    "directory": "annotations/entities.jsonl",
    "hf": "data/documents.jsonl",
}
FOLDERS_OF_ONE_DOCUMENT = ("brat", "webanno", "cas")


def _count_documents(name: str, folder: Path, lines: int) -> int:
    """The number of documents that have about so many lines."""
    path = folder / f"sample{(FORMATS[name].suffixes or ('.x',))[0]}"
    build_corpus(SAMPLE).save(f"{name}:{path}")
    file = path / FILES_OF_FOLDERS[name] if path.is_dir() else path
    return max(1, lines * SAMPLE // file.read_bytes().count(b"\n"))


SENTENCE = ["Ada", "met", "Bob", "."]
TEXT = " ".join(SENTENCE)
# The records of formats that are only read, by the number of the document
RECORDS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "maven": lambda number: {
        "id": f"d{number}",
        "content": [{"sentence": TEXT, "tokens": SENTENCE}],
        "events": [
            {
                "id": "E1",
                "type": "Meet",
                "mention": [{"id": "m1", "trigger_word": "met", "sent_id": 0, "offset": [1, 2]}],
            }
        ],
    },
    "rams": lambda number: {
        "doc_key": f"d{number}",
        "sentences": [SENTENCE],
        "evt_triggers": [[1, 1, [["contact.meet", 1.0]]]],
        "gold_evt_links": [[[1, 1], [0, 0], "evt001arg01participant"]],
    },
    "wikievents": lambda number: {
        "doc_id": f"d{number}",
        "tokens": SENTENCE,
        "text": TEXT,
        "sentences": [[[["Ada", 0, 3], ["met", 4, 7], ["Bob", 8, 11], [".", 12, 13]], TEXT]],
        "entity_mentions": [{"id": "T1", "start": 0, "end": 1, "entity_type": "P", "text": "Ada"}],
        "event_mentions": [
            {
                "id": "E1",
                "event_type": "Meet",
                "trigger": {"start": 1, "end": 2, "text": "met"},
                "arguments": [{"entity_id": "T1", "role": "who", "text": "Ada"}],
            }
        ],
    },
    "casie": lambda number: {
        "sourcefile": f"{number}.txt",
        "content": TEXT,
        "cyberevent": {
            "hopper": [
                {
                    "index": "h1",
                    "events": [
                        {
                            "index": "E1",
                            "type": "Contact",
                            "subtype": "Meet",
                            "nugget": {"startOffset": 4, "endOffset": 7, "text": "met"},
                        }
                    ],
                }
            ]
        },
    },
    "docred": lambda number: {
        "title": f"d{number}",
        "sents": [SENTENCE],
        "vertexSet": [
            [{"name": "Ada", "sent_id": 0, "pos": [0, 1], "type": "PER"}],
            [{"name": "Bob", "sent_id": 0, "pos": [2, 3], "type": "PER"}],
        ],
        "labels": [{"h": 0, "t": 1, "r": "P1"}],
    },
}
LISTS = ("casie", "docred")  # of which a file is a list


def write_read_only(name: str, folder: Path, lines: int) -> RefusedInput:
    """Writes a corpus of a format that evalkit only reads."""
    if name in TABLES:
        return TABLES[name](folder, lines)
    records = [json.dumps(RECORDS[name](number)) for number in range(lines)]
    content = "\n".join(records) + "\n"
    if name in LISTS:
        content = "[" + ",\n".join(records) + "]\n"
    path = folder / "right.json"
    path.write_text(content, encoding="utf-8")
    return RefusedInput(f"{name}:{path}", path)


def _write_pdnc(folder: Path, lines: int) -> RefusedInput:
    """A novel with a quotation in each row."""
    novel = folder / "novel"
    novel.mkdir()
    unit = "“Oh.” said Ada. "
    (novel / "novel_text.txt").write_text(unit * lines, encoding="utf-8")
    rows = ["quoteID,quoteText,subQuotationList,quoteByteSpans,speaker,addressees,quoteType"]
    for number in range(lines):
        start = len(unit) * number + 1
        rows.append(f"""Q{number},Oh.,"['Oh.']","[[{start}, {start + 3}]]",Ada,['Bob'],Explicit""")
    table = novel / "quotation_info.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return RefusedInput(f"pdnc:{novel}", table)


def _write_litbank(folder: Path, lines: int) -> RefusedInput:
    """A document with a mention in each line."""
    book = folder / "book"
    book.mkdir()
    (book / "d.txt").write_text("Ada met Bob .\n" * lines, encoding="utf-8")
    rows = [f"MENTION\tT{n}\t{n}\t0\t{n}\t0\tAda\tPER\tPROP\n" for n in range(lines)]
    table = book / "d.ann"
    table.write_text("".join(rows), encoding="utf-8")
    return RefusedInput(f"litbank:{book}", table)


def _write_quotes(folder: Path, lines: int) -> RefusedInput:
    """A text with a quotation in each row."""
    unit = "“Oh.” said Ada. "
    texts = folder / TEXTS
    texts.write_text(unit * lines, encoding="utf-8")
    rows = ["start,end,quote,speaker"]
    rows += [f"{len(unit) * n + 1},{len(unit) * n + 4},Oh.,Ada" for n in range(lines)]
    table = folder / "quotes.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return RefusedInput(f"quotes:{table}?texts={texts}", table)


TABLES: Mapping[str, Callable[[Path, int], RefusedInput]] = {
    "pdnc": _write_pdnc,
    "litbank": _write_litbank,
    "quotes": _write_quotes,
}


def build_prose(lines: int) -> str:
    """Sentences of random words."""
    draw = random.Random(0)
    return "".join(f"{' '.join(draw.choices(WORDS, k=12)).capitalize()}.\n" for _ in range(lines))


def repeat_file(name: str, folder: Path, lines: int) -> str:
    """The content of a file of another format, with as many lines."""
    path = folder / f"other.{name}"
    build_corpus(SAMPLE).save(f"{name}:{path}")
    content = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.unlink()  # since folders of some formats have no other files
    return "".join((content * (lines // len(content) + 1))[:lines])


def cut_lines(text: str) -> str:
    """The file without the last character of each line."""
    return "\n".join(line[:-1] for line in text.split("\n"))


KEYS = "text|tokens|start|label|type|doc|id|sentences|content|title|sents"
# Wrong text files: the content from that of a right file
FAULTS: Mapping[str, Callable[[str], str]] = {
    "lines without their last character": cut_lines,
    "wrong numbers": lambda text: re.sub(r"\d+", "99999", text),
    "lines without quotation marks": lambda text: text.replace('"', ""),
    "wrong tags": lambda text: re.sub(r"\b[BI]-", "Q-", text),
    "tags of another tagging": lambda text: re.sub(r"\bB-", "I-", text),
    "tags without prefix": lambda text: re.sub(r"\b[BI]-", "", text),
    "wrong keys": lambda text: re.sub(rf'"({KEYS})"', r'"x\1"', text),
}


# What the second document of a file has: its text, its id, or the number of its annotation
SECOND_DOCUMENT = re.compile(r"Ada 1 |\bd1\b|\tT1\t1\t|^T2\t|^Q1,", re.MULTILINE)


def change_after_first(text: str, change: Callable[[str], str]) -> str:
    """The content of a file that is changed from the line on which the second document begins."""
    found = SECOND_DOCUMENT.search(text)
    if found is None:
        return text
    line = text.rfind("\n", 0, found.start() + 1) + 1
    return text[:line] + change(text[line:])


def _move_spans(row: dict[str, Any]) -> dict[str, Any]:
    """The row with entities that end after the text."""
    moved = [{**entity, "end": entity["end"] + 99_999} for entity in row["entities"]]
    return {**row, "entities": moved}


ROW_FAULTS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "wrong offsets": _move_spans,
    "wrong columns": lambda row: {f"x{key}": value for key, value in row.items()},
}


def change_parquet(content: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A Parquet file with changed rows."""
    rows = parquet.read_table(BytesIO(content)).to_pylist()
    changed = BytesIO()
    parquet.write_table(pa.Table.from_pylist([change(row) for row in rows]), changed)
    return changed.getvalue()
