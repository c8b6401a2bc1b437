"""A byte that is not UTF-8 is named with its place in all JSON formats, whatever msgspec raises."""

import pytest

from evalkit import LoadError, load_corpus

LINES = (
    "jsonl",
    "doccano",
    "prodigy",
    "dygie",
    "textee",
    "langextract",
    "spacy-json",
    "universal-ner",
)
LISTS = (
    "labelstudio",
    "spert",
    "gliner-json",
    "gliner2-json",
    "bigbio",
    "spacy-json",
    "instruct-uie",
)


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, b'{"id": "a", "text": "\xff"}\n') for name in LINES]
    + [(name, b'[{"id": "a", "text": "\xff"}]') for name in LISTS],
)
def test_bytes_that_are_not_utf8_are_named(tmp_path, name, content):
    path = tmp_path / "f.json"
    path.write_bytes(content)

    with pytest.raises(LoadError, match="not UTF-8: invalid start byte at byte 2[0-9] of the"):
        load_corpus(f"{name}:{path}")
