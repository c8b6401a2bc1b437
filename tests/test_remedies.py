"""A remedy names an option as whoever reads it gives it: typed on the command line, called in
Python.
"""

import ast
import re
import sys
from pathlib import Path

import pytest

import evalkit
from evalkit import Corpus, Document, Entity, InputError, LoadError, load_corpus, score, score_tags
from evalkit.cli import main
from evalkit.errors import spell_option, use_command_line_spelling

PACKAGE = Path(evalkit.__file__).parent
# What a document is to hold, and an argument that only Python has
NO_OPTIONS = {"entities=[]", "options={"}


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder with a few files, and gives its exit code and its stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.jsonl").write_text(
        '{"id": "1", "text": "Ann", "entities": []}\n{"id": "2", "text": "Bob", "entities": []}\n'
    )
    (tmp_path / "p.jsonl").write_text('{"id": "1", "text": "Ann", "entities": []}\n')
    (tmp_path / "iob1.conll").write_text("Ann I-PER\n")
    (tmp_path / "one.conll").write_text("do O\nn't O\nAnn B-PER\n")
    (tmp_path / "other.conll").write_text("don't O\nAnn B-PER\n")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["evalkit", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr().err

    return run


ON_THE_COMMAND_LINE = [
    (["score", "g.jsonl", "p.jsonl"], "with --missing empty\n"),
    (["score", "g.jsonl", "g.jsonl", "--missing", "x"], "in '--missing'"),
    (["score", "g.jsonl", "g.jsonl", "--units", "x"], "in '--units'"),
    (
        ["score", "g.jsonl", "g.jsonl", "--level", "2"],
        "--level 2.0: expected a number between 0 and 1",
    ),
    (["compare", "p.jsonl", "p.jsonl"], "name it (--gold CORPUS)"),
    (
        ["validate", "iob1.conll"],
        "reads tags as the CoNLL script does); FILE?tagging=IOB1 fits all tags of the file",
    ),
    (
        ["score", "one.conll", "other.conll"],
        (
            "read both files with the original texts (FILE?texts=DIR), so that tokens are aligned"
            " with them"
        ),
    ),
    (
        ["run", "g.jsonl", "-m", "exec:cat", "-a", "timeout=soon"],
        "exec: -a timeout=soon: expected a number of seconds",
    ),
    (
        ["run", "g.jsonl", "--concurrency", "2", "--jobs", "2"],
        "--concurrency 2 and --jobs 2: give one of them",
    ),
    (
        ["run", "g.jsonl", "--concurrency", "2"],
        "--concurrency 2 is for models behind an endpoint; use --jobs 2",
    ),
    (
        ["run", "g.jsonl", "--retry-failed"],
        ("--retry-failed: there is no run directory with failures: use --run-dir DIR"),
    ),
]


@pytest.mark.parametrize(
    ("words", "remedy"),
    ON_THE_COMMAND_LINE,
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_names_options_as_they_are_typed(words, remedy, command):
    code, messages = command(*words)

    assert code == 2
    assert remedy in messages


def test_python_names_options_as_they_are_called(command, tmp_path):
    command("score", "g.jsonl", "p.jsonl")

    with pytest.raises(InputError, match=r'with missing="empty"$'):
        score("g.jsonl", "p.jsonl")
    with pytest.raises(
        LoadError, match=r'repair="discard" .*, begin .* or conlleval .*; tagging="IOB1" fits'
    ):
        load_corpus("iob1.conll")
    with pytest.raises(InputError, match=r'\(texts="DIR"\)'):
        score(load_corpus("one.conll"), load_corpus("other.conll"))


@pytest.mark.parametrize(
    ("value", "called", "typed"),
    [
        ("empty", 'x_y="empty"', "--x-y empty"),
        (True, "x_y=True", "--x-y"),
        (5, "x_y=5", "--x-y 5"),
        (None, "x_y=None", "--x-y None"),
        ("a b", 'x_y="a b"', "--x-y 'a b'"),
        (["A"], 'x_y=["A"]', "--x-y '[\"A\"]'"),
    ],
)
def test_values_are_written_for_python_and_for_a_shell(value, called, typed):
    assert spell_option("x_y", value) == called
    use_command_line_spelling()
    try:
        assert spell_option("x_y", value) == typed
    finally:
        use_command_line_spelling(on=False)


def messages():
    """Every text of the package that may be a message, with f-strings as they are written."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and re.search("Error|Name|Stopped|Failed|PartialRun|Package", node.func.id)
            ):
                for argument in node.args:
                    yield path, node.lineno, ast.unparse(argument)


def test_no_message_writes_an_option_by_hand():
    wrong = []
    for path, line, text in messages():
        plain = re.sub(r"spell_option\([^)]*\)|within=|of=|keep=", "", text)
        found = re.findall(r"(?<![?&\w.])[a-z_]+=[\w'\"{\[]\S*|\w+=: ", plain)
        wrong += [
            f"{path.name}:{line}: {option}"
            for option in found
            if not option.startswith(tuple(NO_OPTIONS))
        ]

    assert wrong == []


@pytest.mark.parametrize(
    ("tags", "tagging", "message"),
    [
        (
            ["B-LOC", "E-ORG", "O"],
            "BIOES",
            (
                "token 0: 'B-LOC' is followed by 'E-ORG', which is invalid BIOES: I-LOC or E-LOC is"
                " expected after it"
            ),
        ),
        (
            ["O", "E-ORG", "O"],
            "BIOES",
            (
                "token 1: 'E-ORG' is preceded by 'O', which is invalid BIOES: B-ORG or I-ORG is"
                " expected before it"
            ),
        ),
        (
            ["E-ORG", "O", "O"],
            "BIOES",
            (
                "token 0: 'E-ORG' begins the sentence, which is invalid BIOES: B-ORG or I-ORG is"
                " expected before it"
            ),
        ),
        (
            ["O", "O", "B-ORG"],
            "BIOES",
            (
                "token 2: 'B-ORG' ends the sentence, which is invalid BIOES: I-ORG or E-ORG is"
                " expected after it"
            ),
        ),
        (
            ["O", "U-ORG", "L-ORG"],
            "BILOU",
            (
                "token 2: 'L-ORG' is preceded by 'U-ORG', which is invalid BILOU: B-ORG or I-ORG is"
                " expected before it"
            ),
        ),
        (
            ["O", "I-PER", "O"],
            "IOB2",
            (
                "token 1: 'I-PER' is preceded by 'O', which is invalid IOB2: B-PER or I-PER is"
                " expected before it"
            ),
        ),
        (
            ["O", "B-PER", "O"],
            "IOB1",
            "token 1: 'B-PER' is preceded by 'O', which is invalid IOB1: I-PER is expected",
        ),
    ],
)
def test_invalid_tags_name_the_tags_that_do_not_fit_and_what_is_expected(tags, tagging, message):
    with pytest.raises(InputError, match=re.escape(f"predicted tags: sequence 0, {message}")):
        score_tags([["O", "O", "O"]], [tags], tagging=tagging)


def test_sequences_of_different_length_name_token_alignment():
    with pytest.raises(
        InputError, match="sequence 0: 1 tags of gold, 2 predicted; .*align the tokens"
    ):
        score_tags([["O"]], [["O", "O"]])


def test_advice_that_many_errors_share_is_printed_once(tmp_path):
    (tmp_path / "f.conll").write_text("".join(f"w{n} TAG{n}\n" for n in range(30)))

    with pytest.raises(LoadError) as refused:
        load_corpus(tmp_path / "f.conll")

    lines = str(refused.value).splitlines()
    file = tmp_path / "f.conll"
    assert lines[0] == (
        f"{file}:1: invalid IOB2 tag 'TAG0': expected O, B-LABEL or I-LABEL (19 more of this kind,"
        f" the last at {file}:20)"
    )
    assert lines[-2:] == [
        "and 10 more",
        'to fix: if the tags are labels without prefix, use tagging="bare"',
    ]
    assert sum("labels without prefix" in line for line in lines) == 1


def test_advice_in_quoted_text_stays_where_it_is():
    error = LoadError(
        ["a:1: 'x; y' is no label; write one", "a:2: 'z; y' is no label; write one", "a:3: other"]
    )

    assert str(error).splitlines() == [
        "a:1: 'x; y' is no label",
        "a:2: 'z; y' is no label",
        "a:3: other",
        "to fix: write one",
    ]
    assert error.errors[0] == "a:1: 'x; y' is no label; write one"


def test_texts_that_differ_in_more_than_white_space_get_no_advice_on_tokens():
    gold, other = (Corpus([Document("d", text, [Entity("PER", 0, 3)])]) for text in ("Ada", "Bob"))

    with pytest.raises(
        InputError,
        match=r"another text than in corpus: from character 0 on, 'Bob' where 'Ada' is expected$",
    ):
        score(gold, other)
