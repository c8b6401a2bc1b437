"""Predictions whose tokens differ from gold's, which are aligned by the positions of tokens."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.profiles import examples

from evalkit import InputError, Scores, compare, load_corpus, score
from evalkit.evaluation.token_alignment import ALIGNED_DOCUMENTS, ALIGNED_TOKENS

GOLD = "Ada B-PER\n( O\nUSA B-LOC\n) O\n\nZoë B-PER\nran O\n1984 O\n"
OTHER = "ada B-PER\n-LRB- O\nUSA B-LOC\n-RRB- O\n\nzoe B-PER\n[UNK] O\n0000 O\n"


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def test_tokens_are_aligned_by_their_positions_and_counted(tmp_path):
    gold = load_corpus(write(tmp_path / "g.conll", GOLD))
    predicted = load_corpus(write(tmp_path / "p.conll", OTHER))

    scores = score(gold, predicted, "ner,surfaces/strict", boot=0)

    counts = scores["ner"].micro
    assert (counts.tp, counts.fp, counts.fn) == (3, 0, 0)
    assert scores["surfaces/strict"].micro.tp == 3
    repaired = scores.metadata.conversion["predicted"]["repaired"]
    assert repaired == {ALIGNED_DOCUMENTS: 2, ALIGNED_TOKENS: 6}
    assert predicted[0].text == "ada -LRB- USA -RRB-"
    assert not predicted.conversion
    assert json.loads(json.dumps(scores.metadata.conversion))["gold"]["repaired"] == {}


def test_the_report_and_the_result_file_have_the_counts(tmp_path):
    write(tmp_path / "g.conll", GOLD)
    write(tmp_path / "p.conll", OTHER)

    done = run_evalkit(
        "score", "g.conll", "p.conll", "--boot", "0", "--save", "r.json", cwd=tmp_path
    )

    assert done.returncode == 0
    assert f"predicted: repaired 2 {ALIGNED_DOCUMENTS}, 6 {ALIGNED_TOKENS}" in done.stdout
    saved = Scores.load(tmp_path / "r.json")
    assert saved.metadata.conversion["predicted"]["repaired"][ALIGNED_TOKENS] == 6
    verified = run_evalkit("verify", "r.json", "g.conll", "p.conll", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (OTHER.replace("-RRB- O\n", ""), "it has 3 tokens, and gold 4, .*texts="),
        (OTHER.replace("ran", "sat").replace("zoe", "she").replace("0000", "-"), "most tokens"),
    ],
)
def test_what_cannot_be_aligned_is_an_error_that_names_the_option(tmp_path, other, message):
    gold = write(tmp_path / "g.conll", GOLD)
    predicted = write(tmp_path / "p.conll", other)

    with pytest.raises(InputError, match=f"has another text than in g: .*{message}"):
        score(gold, predicted, "ner", boot=0)


def test_either_side_may_have_the_changed_tokens(tmp_path):
    gold = write(tmp_path / "g.conll", OTHER.replace("zoe B-PER", "zoe O"))
    predicted = write(tmp_path / "p.conll", GOLD)

    counts = score(gold, predicted, "ner", boot=0)["ner"].micro
    mirrored = score(predicted, gold, "ner", boot=0)["ner"].micro

    assert (counts.tp, counts.fp, counts.fn) == (mirrored.tp, mirrored.fn, mirrored.fp) == (2, 1, 0)


def test_sentences_in_another_order_are_not_aligned(tmp_path):
    sentences = ["Ada B-PER\nran O\n", "Rome B-LOC\nfell O\n"]
    gold = write(tmp_path / "g.conll", "\n".join(sentences))
    predicted = write(tmp_path / "p.conll", "\n".join(sentences[::-1]))

    with pytest.raises(InputError, match="most tokens differ"):
        score(gold, predicted, "ner", boot=0)


def test_texts_that_are_given_are_not_aligned(tmp_path):
    gold = write(tmp_path / "g.jsonl", '{"id": "sentence-1", "text": "Ada ran", "entities": []}\n')
    predicted = write(tmp_path / "p.conll", "ada O\nran O\n")

    with pytest.raises(InputError, match="from character 0 on, 'ada ran' where 'Ada ran'"):
        score(gold, predicted, "ner", boot=0)


def test_spans_inside_a_token_keep_their_place_if_it_is_as_long(tmp_path):
    gold = write(tmp_path / "g.conll", "Ada, B-PER\nran O\n")
    same, other = "ada, B-PER\nRan O\n", "[UNK] B-PER\nran O\n"

    for content, tp in ((same, 1), (other, 0)):
        predicted = write(tmp_path / "p.conll", content)
        scores = score(
            load_corpus(gold, trim=True), load_corpus(predicted, trim=True), "ner", boot=0
        )
        assert scores["ner"].micro.tp == tp


def test_two_systems_are_compared(tmp_path):
    gold = write(tmp_path / "g.conll", GOLD)
    same = write(tmp_path / "a.conll", GOLD)
    other = write(tmp_path / "b.conll", OTHER)

    comparison = compare(same, other, gold=gold, metrics="ner", options={"boot": 20})

    assert [scores["ner"].micro.f1 for scores in comparison.systems.values()] == [1, 1]


CHANGES = (
    lambda token, draw: token.lower(),
    lambda token, draw: token.upper(),
    lambda token, draw: {"(": "-LRB-", ")": "-RRB-", '"': "``"}.get(token, token),
    lambda token, draw: "0" * len(token) if token.isdigit() else token,
    lambda token, draw: draw.choice([token, token, token, "[UNK]"]),
    lambda token, draw: token.replace("é", "e"),
)
WORDS = ("Ada", "Renée", "(", ")", '"', "12", "USA", "ran", "of")


@pytest.mark.parametrize("seed", range(examples(100)))
def test_random_predictions_score_as_with_the_tokens_of_gold(tmp_path, seed):
    draw = random.Random(seed)
    gold, plain, changed = [], [], []
    documents = tokens = 0
    for _ in range(draw.randint(1, 8)):
        change = draw.choice(CHANGES)
        differing = 0
        for _ in range(draw.randint(1, 7)):
            word = draw.choice(WORDS)
            tag, predicted_tag = (draw.choice(["O", "B-A", "B-B"]) for _ in range(2))
            other = change(word, draw)
            gold.append(f"{word} {tag}")
            plain.append(f"{word} {predicted_tag}")
            changed.append(f"{other} {predicted_tag}")
            differing += other != word
        documents += differing > 0
        tokens += differing
        for lines in (gold, plain, changed):
            lines.append("")
    files = {
        name: write(tmp_path / f"{name}.conll", "\n".join(lines))
        for name, lines in (("g", gold), ("plain", plain), ("changed", changed))
    }
    metrics = "ner,entities/partial,surfaces/strict"

    expected = score(files["g"], files["plain"], metrics, boot=0)
    scores = score(files["g"], files["changed"], metrics, boot=0)

    for metric in metrics.split(","):
        assert scores[metric].micro == expected[metric].micro
        assert scores[metric].labels == expected[metric].labels
    counts = {ALIGNED_DOCUMENTS: documents, ALIGNED_TOKENS: tokens} if documents else {}
    assert scores.metadata.conversion["predicted"]["repaired"] == counts


def test_shards_and_processes_give_the_same(tmp_path):
    for side, content in (("g", GOLD), ("p", OTHER)):
        (tmp_path / side).mkdir()
        for number in range(3):
            text = content.replace("\n\n", f"\n\n-DOCSTART- (b{number})\n\n")
            write(tmp_path / side / f"{number}.conll", f"-DOCSTART- (a{number})\n\n{text}")
        parts = [(tmp_path / side / f"{number}.conll").read_text() for number in range(3)]
        write(tmp_path / f"{side}.conll", "\n".join(parts))

    whole = run_evalkit("score", "g.conll", "p.conll", "--boot", "0", cwd=tmp_path)
    parts = ["g/*.conll", "p/*.conll", "--jobs", "2"]
    shards = run_evalkit("score", *parts, "--boot", "0", cwd=tmp_path)

    for done in (whole, shards):
        assert done.returncode == 0, done.stderr
        assert f"repaired 6 {ALIGNED_DOCUMENTS}, 18 {ALIGNED_TOKENS}" in done.stdout
        assert "micro     1.000  1.000  1.000   9   0   0        9" in done.stdout
