"""The inputs of `emulate`: two CoNLL files with options, and what does not fit."""

import json

import pytest
from helpers.cli import run_evalkit

from evalkit import InputError, emulate, score

GOLD = "Ada B-PER\nleft O\n\nBob B-PER\nLee I-PER\n"
PREDICTED = "Ada B-PER\nleft O\n\nBob B-PER\nLee O\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes files of some contents to the working folder and returns their names."""
    monkeypatch.chdir(tmp_path)

    def write(*contents, encoding="utf-8"):
        names = []
        for number, content in enumerate(contents):
            names.append(f"file{number}.conll")
            (tmp_path / names[-1]).write_text(content, encoding=encoding)
        return names

    return write


def micro_of(emulated):
    return next(row for row in emulated.rows if row["name"] == "micro avg")


def test_two_files_of_tags(files):
    emulated = emulate("seqeval", *files(GOLD, PREDICTED))

    assert micro_of(emulated)["f1-score"] == 0.5
    assert emulated.title == "What seqeval 1.2.2 prints (2 sequences of tags)"


def test_tags_are_taken_as_they_are(files):
    gold, predicted = files(GOLD, PREDICTED.replace("B-PER", "I-PER"))

    assert micro_of(emulate("seqeval", gold, predicted))["precision"] == 0.5
    assert micro_of(emulate("seqeval-strict", gold, predicted))["precision"] == 0
    with pytest.raises(
        InputError, match="predicted tags: document 'sentence-1', sequence 0, token 0"
    ):
        emulate("seqscore", gold, predicted)


def test_columns_are_chosen_by_options(files):
    both = "Ada B-PER B-PER\nleft O O\n\nBob B-PER O\n"
    [name] = files(both)

    emulated = emulate("seqeval", f"conll:{name}?tag_column=1", f"conll:{name}?tag_column=2")

    assert (micro_of(emulated)["precision"], micro_of(emulated)["recall"]) == (1.0, 0.5)


def test_files_in_another_encoding(files):
    names = files("Bob\u00e9 B-PER\n", "Bob\u00e9 B-PER\n", encoding="latin-1")

    emulated = emulate("seqeval", *(f"conll:{name}?encoding=latin-1" for name in names))

    assert micro_of(emulated)["f1-score"] == 1


def test_the_tagging_of_a_file_is_that_of_its_items(files):
    names = files("Ada S-PER\n", "Ada S-PER\n")

    emulated = emulate("seqeval", *(f"conll:{name}?tagging=BIOES" for name in names))

    assert emulated.differences[0].evalkit.f1 == 1


def test_a_sentence_may_be_one_of_many_in_a_document(files):
    marks = "-DOCSTART- O\n\n{}\n-DOCSTART- O\n\n{}"
    first, second = GOLD.split("\n\n")
    gold = marks.format(first + "\n\n" + second, first + "\n")
    emulated = emulate("seqeval", *files(gold, gold), practices="drop-empty")

    assert emulated.title == "What seqeval 1.2.2 prints (2 sequences of tags)"
    assert micro_of(emulated)["support"] == 3


def test_only_the_sentences_without_gold_are_dropped_from_a_document(files):
    mark = "-DOCSTART- O\n\n"
    gold = mark + "Ada B-PER\n\nwe O\nleft O\n\nBob B-PER\n"
    predicted = mark + "Ada B-PER\n\nwe B-ORG\nleft O\n\nBob B-LOC\n"
    names = files(gold, predicted)

    assert micro_of(emulate("seqeval", *names))["precision"] == pytest.approx(1 / 3)
    assert micro_of(emulate("seqeval", *names, practices="drop-empty"))["precision"] == 0.5
    tokens = emulate("sklearn-tokens", *names, practices="drop-empty")
    assert tokens.rows[-1] == {"name": "accuracy", "f1-score": 0.5, "support": 2}


def test_documents_without_predictions_are_read_as_outside_and_counted(files):
    first = GOLD.partition("\n\n")[0]
    names = files(GOLD, first + "\n")
    with pytest.raises(InputError, match="lacks document 'sentence-2' of file0.conll; predict it"):
        emulate("seqeval", *names)
    emulated = emulate("seqeval", *names, missing="empty")

    assert micro_of(emulated)["recall"] == 0.5
    assert emulated.notes == ("1 document of gold without predictions: read as tags O",)
    assert emulated.notes[0] in str(emulated)
    assert emulated.to_json()["notes"] == list(emulated.notes)


def test_other_words_are_counted(files):
    emulated = emulate("seqeval", *files(GOLD, GOLD.replace("Lee", "[UNK]")))

    [note] = emulated.notes
    assert note.startswith("1 word of the predictions that gold spells in another way")


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        (
            GOLD.partition("\n\n")[0] + "\n",
            GOLD,
            "evalkit: file1.conll: 1 document not in file0.conll: sentence-2; expected predictions"
            " for the documents of gold, which are joined by their ids",
        ),
        (
            GOLD,
            GOLD.replace("Lee I-PER\n", ""),
            "evalkit: file1.conll:4: document 'sentence-2', sentence 0: 1 tag, but 2 at"
            " file0.conll:4: expected as many",
        ),
        (
            "-DOCSTART- O\n\n" + GOLD,
            "-DOCSTART- O\n\n" + GOLD.partition("\n\n")[0] + "\n",
            "evalkit: file1.conll: document 'doc-1': 1 sentence, but 2 in"
            " file0.conll: expected as many",
        ),
        (
            GOLD,
            PREDICTED.replace("B-PER", "PERSON"),
            "evalkit: predicted tags: document 'sentence-1', token 0: invalid IOB2 tag 'PERSON':"
            " expected O, B-LABEL or I-LABEL; correct the tags",
        ),
    ],
)
def test_files_that_do_not_fit_each_other_are_refused(files, gold, predicted, message):
    result = run_evalkit("emulate", "seqeval", *files(gold, predicted))

    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("seqscore", GOLD, GOLD.replace("B-", "I-")), "SCORER?repair=conlleval or discard"),
        (("seqscore?repair=all", GOLD, GOLD), "unknown value 'all' in 'repair='"),
        (("seqeval?practices=drop-al", GOLD, GOLD), "did you mean 'drop-unaligned'"),
        (("seqeval?scheme=IOB2", GOLD, GOLD), "unknown option 'scheme' in 'seqeval'"),
        (("seqval", GOLD, GOLD), "did you mean 'seqeval'"),
    ],
)
def test_invalid_calls_end_with_exit_code_2(files, arguments, message):
    scorer, *contents = arguments
    result = run_evalkit("emulate", scorer, *files(*contents))

    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())


def test_options_on_the_command_line(files):
    gold = GOLD + "\nwe O\n"
    predicted = PREDICTED + "\nwe B-ORG\n"
    result = run_evalkit(
        "emulate",
        "seqeval?practices=drop-empty+drop-unaligned",
        *files(gold, predicted),
        "--explain",
        "--format",
        "json",
    )

    assert result.returncode == 0
    printed = json.loads(result.stdout)
    steps = printed["differences"][0]["steps"]
    assert [step["rule"].partition(":")[0] for step in steps] == ["drop-empty"]
    assert "scorer:seqeval@1.2.2[practices=drop-unaligned+drop-empty]" in printed["signature"]


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"], ["O"]], [["O"]], "2 sequences of gold tags, 1 of predicted ones"),
        ([["O", "O"]], [["O"]], "sequence 0: 2 gold tags, 1 predicted tag: expected as many"),
    ],
)
def test_lists_of_other_lengths_are_refused(gold, predicted, message):
    with pytest.raises(InputError, match=message):
        emulate("seqeval", gold, predicted)


def test_tags_and_a_file_do_not_fit(files):
    [name] = files(GOLD)

    with pytest.raises(InputError, match="expected tags, or else corpora"):
        emulate("seqeval", [["O"]], name)


def test_the_list_names_the_options_of_all_scorers():
    printed = " ".join(run_evalkit("emulate", "--list").stdout.split())

    assert "seqeval-strict 1.2.2 chunks of tagged words under a scheme" in printed
    assert "invalid ones dropped (options: scheme)" in printed
    assert "Options of all scorers: practices (drop-unaligned, drop-empty, " in printed


@pytest.mark.parametrize(
    ("tags", "remedy"),
    [
        ("S-PER O B-LOC E-LOC", 'tagging="BIOES" reads all tags'),
        ("B-PER M-PER E-PER", 'tagging="BMES" reads all tags'),
        ("U-PER O", 'tagging="BILOU" reads all tags'),
        ("B-PER L-PER", 'tagging="BILOU" reads all tags'),
        ("I-PER E-PER", 'tagging="IOE2" or tagging="IOE1" or tagging="BIOES" reads all tags'),
        ("PER-B PER-I", 'tagging="suffix" reads all tags'),
        ("PER O", 'if the tags are labels without prefix, use tagging="bare"'),
        ("S-PER U-PER", "correct the tags"),
        ("PER I-LOC", "correct the tags"),
    ],
)
@pytest.mark.parametrize("scorer", ["seqeval", "nervaluate"])
def test_tags_of_another_tagging_are_answered_with_the_one_that_reads_them(scorer, tags, remedy):
    gold, predicted = [["O"] * len(tags.split())], [tags.split()]

    with pytest.raises(InputError, match="predicted tags: document '0', token") as caught:
        emulate(scorer, gold, predicted)

    assert str(caught.value).endswith(f"; {remedy}")


def test_the_remedy_for_tags_of_another_tagging_works(files):
    names = files(GOLD.replace("Lee I-PER", "Lee E-PER"), PREDICTED.replace("Lee I-PER", "Lee O"))
    refused = run_evalkit("emulate", "seqeval", *names)
    assert refused.returncode == 2
    assert "SCORER?tagging=BIOES" in refused.stderr

    assert run_evalkit("emulate", "seqeval?tagging=BIOES", *names).returncode == 0


def test_files_with_two_taggings_are_refused(files):
    gold, predicted = files(GOLD, PREDICTED)

    with pytest.raises(InputError, match='gold has tagging="IOB2", the predictions tagging="IOB1"'):
        emulate("seqeval", f"conll:{gold}?tagging=IOB2", f"conll:{predicted}?tagging=IOB1")


def test_the_signature_of_files_of_tags_has_the_digest_and_names_of_score(files):
    gold = "-DOCSTART- O\n\nAda B-PER\nLee I-PER\n\nin O\nRome B-LOC\n\n-DOCSTART- O\n\nx O\n"
    names = files(gold, gold.replace("B-LOC", "O"))

    emulated = emulate("seqeval", *names)

    scores = score(*names, "entities/strict", boot=0)
    expected = scores["entities/strict"].signature_fields
    for field in ("corpus", "docs", "model"):
        assert emulated.signature_fields[field] == expected[field]
    assert emulated.differences[0].evalkit.f1 == scores["entities/strict"].micro.f1
    fields = list(emulated.signature_fields)
    assert fields[:5] == ["evalkit", "corpus", "docs", "metric", "scorer"]
    assert fields[-1] == "model"
