"""Files with contiguous entities only are read at once: with the same outcome as line by line."""

import pytest

from evalkit import LoadError, load_corpus
from evalkit.formats import brat
from evalkit.formats.brat_plain import read_plain_entities

TEXT = 'Ada met "Bob" in\nCafé 😀\r\nand left.'
LINES = ["T1\tPER 0 3\tAda", 'T2\tPER 8 13\t"Bob"', "T30\tLOC 17 21\tCafé"]
# A line that is added, or replaces the second one if it begins with T2
OTHER_LINES = {
    "none": 'T2\tPER 8 13\t"Bob"',
    "id twice": "T1\tPER 4 7\tmet",
    "id with zeros": "T01\tPER 4 7\tmet",
    "id that is no number": "Tx\tPER 4 7\tmet",
    "id of other digits": "T٣\tPER 4 7\tmet",
    "duplicate": "T4\tPER 0 3\tAda",
    "wrong text": "T2\tPER 8 13\tBob",
    "trailing space": 'T2\tPER 8 13\t"Bob" ',
    "tab at the end": 'T2\tPER 8 13\t"Bob"\t',
    "empty": "T2\tPER 8 8\t",
    "past the end": "T2\tPER 27 999\tleft.",
    "start behind the end": "T2\tPER 13 8\t",
    "two ranges": 'T2\tPER 0 3;8 11\tAda "Bo',
    "over a line end": "T2\tPER 14 21\tin Café",
    "no offsets": "T2\tPER\tAda",
    "no tab": "T2 PER 0 3 Ada",
    "two spaces": 'T2\tPER  8 13\t"Bob"',
    "no label": 'T2\t 8 13\t"Bob"',
    "label with a no-break space": 'T2\tA\u00a0B 8 13\t"Bob"',
    "carriage return at the end": 'T2\tPER 8 13\t"Bob"\r',
    "blank line": " \t",
    "ids that were none": "#1\tevalkit T1\tno id: T1-T2",
    "ids that were none, of events too": "#1\tevalkit T1\tno id: T1-T2 E1-E3",
    "two notes of ids": "#1\tevalkit T1\tno id: T1-T1\n#2\tevalkit T1\tno id: T30-T30",
    "an original id": '#1\tevalkit T1\tid: "Ada"',
    "note": "#1\tAnnotatorNotes T1\ta note",
    "attribute": "A1\tNegated T1",
    "event": "E1\tAttack:T2 Agent:T1",
    "relation": "R1\tknows Arg1:T1 Arg2:T2",
    "not UTF-8": "T2\tPER 8 13\t\udcff",
    "not a brat line": "Ada",
}


def outcome(path, **options):
    """What loading a folder comes to: documents and counts, or the error."""
    try:
        corpus = load_corpus(f"brat:{path}", **options)
    except LoadError as error:
        return str(error), error.errors
    return corpus.documents, corpus.conversion.to_json(), corpus.conversion.dropped.examples


@pytest.mark.parametrize("name", OTHER_LINES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("options", [{}, {"layers": "events"}, {"predictions": True}])
def test_files_have_the_same_outcome_at_once_and_line_by_line(
    tmp_path, monkeypatch, name, line_end, options
):
    line = OTHER_LINES[name]
    lines = [LINES[0], line, LINES[2]] if line.startswith("T2") else [*LINES, line]
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8", newline="")
    content = line_end.join([*lines, ""]).encode("utf-8", "surrogateescape")
    (tmp_path / "a.ann").write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr(brat, "read_plain_entities", lambda *_: None)
        line_by_line = outcome(tmp_path, **options)

    assert outcome(tmp_path, **options) == line_by_line


def test_the_files_that_evalkit_writes_are_read_at_once(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8", newline="")
    (tmp_path / "a.ann").write_text("\n".join(LINES), encoding="utf-8")
    load_corpus(f"brat:{tmp_path}").save(f"brat:{tmp_path / 'out'}")

    entities = read_plain_entities((tmp_path / "out" / "a.ann").read_bytes(), TEXT)

    assert [entity.label for entity in entities] == ["PER", "PER", "LOC"]
