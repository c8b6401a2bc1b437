"""Lines are split at once: with the same documents and errors as one by one."""

import random

import pytest

from evalkit import LoadError, load_corpus
from evalkit.formats import conll_lines, conll_rows

WORDS = ["Ada", "met", "Bob", ".", "-", "--", "#5", "café", "😀", "1", "3-4", "a\u00a0b", "x\vy"]
# Changes of one line, "Ada _ O" with these separators
CHANGES = {
    "none": lambda line, separator: line,
    "separator at the end": lambda line, separator: line + separator,
    "separator at the start": lambda line, separator: separator + line,
    "two separators": lambda line, separator: line.replace(separator, separator * 2, 1),
    "other separator": lambda line, separator: line.replace(separator, "\t ", 1),
    "one column": lambda line, separator: "Ada",
    "one column, and another with an empty column": lambda line, separator: (
        f"Ada\n{separator}_{separator}O"
    ),
    "more columns": lambda line, separator: f"{line}{separator}x",
    "blanks": lambda line, separator: "\n \t\n",
    "blanks in each column": lambda line, separator: separator.join("  \t"),
    "carriage return": lambda line, separator: f"Ada\r{line}",
    "carriage return at the end": lambda line, separator: f"{line}\r",
    "byte order mark": lambda line, separator: f"\ufeff{line}",
    "not UTF-8": lambda line, separator: f"\udcff{line}",
    "no tag": lambda line, separator: line[:-1] + "X",
    "invalid tag": lambda line, separator: line[:-1] + "I-PER",
    "comment": lambda line, separator: "# a comment",
    "document mark": lambda line, separator: "-DOCSTART- (d9) O",
    "token like a document mark": lambda line, separator: f"-DOCSTART-{line}",
    "text": lambda line, separator: '# doc_text = "Ada"',
    "multiword token": lambda line, separator: line.replace("Ada", "2-3"),
}
OPTIONS = [
    {},
    {"documents": "sentence"},
    {"documents": "2", "repair": "begin"},
    {"documents": "file", "comments": "true"},
    {"separator": "tab"},
    {"separator": "space", "token_column": "1"},
]


def random_sentence(draw, separator):
    """Lines with three columns, of which the first is a word and the last a tag."""
    words = draw.choices(WORDS, k=draw.randint(1, 6))
    tags = draw.choices(["O", "O", "B-PER", "B-ORG"], k=len(words))
    return [separator.join([word, "_", tag]) for word, tag in zip(words, tags, strict=True)]


def outcome(path, **options):
    """What loading a file comes to: documents and counts, or the error."""
    try:
        corpus = load_corpus(path, **options)
    except LoadError as error:
        return str(error), error.errors, error.omitted
    counts = {name: dict(each) for name, each in corpus.conversion.sections().items()}
    return corpus.documents, counts, corpus.conversion.dropped.examples, corpus.read_options


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("options", OPTIONS)
def test_lines_have_the_same_outcome_at_once_and_one_by_one(tmp_path, monkeypatch, change, options):
    draw = random.Random(change)
    path = tmp_path / "a.conll"
    for separator, line_end in ((" ", "\n"), ("\t", "\n"), ("\t", "\r\n")):
        lines = []
        for number in range(8):
            if number in (0, 4):
                lines += [f"-DOCSTART- (d{number}) O", ""]
            lines += [*random_sentence(draw, separator), *[""] * draw.randint(1, 3)]
        line = separator.join(["Ada", "_", "O"])
        lines.insert(draw.randrange(len(lines)), CHANGES[change](line, separator))
        path.write_bytes(line_end.join(lines).encode("utf-8", "surrogateescape"))

        with monkeypatch.context() as patch:
            patch.setattr(conll_lines, "split_rows", lambda *_: None)
            one_by_one = outcome(path, **options)
        for size in (1, 50, 200_000):
            monkeypatch.setattr(conll_rows, "CHUNK_SIZE", size)
            assert outcome(path, **options) == one_by_one


@pytest.mark.parametrize(("separator", "name"), [(" ", "any"), ("\t", "any"), ("\t", "tab")])
def test_rows_with_empty_lines_between_them_are_split_at_once(separator, name):
    data = f"Ada{separator}O\nmet{separator}B-X\n\n\nBob{separator}O\n".encode()

    rows = conll_rows.split_rows(data, name, 2, 0, 1)

    assert rows == (["Ada", "met", "Bob"], ["O", "B-X", "O"], [2, 0, 1])
