"""Scores are the same bytes whether documents come from JSONL, Parquet or memory, in batches of any
size and in any order.
"""

import os
import random
import subprocess
import sys
from contextlib import closing

import pytest
from helpers.arrow_tables import make_sides, rewrite
from helpers.cli import run_evalkit
from helpers.quick import choose_quick

from evalkit import Corpus, Document, Entity, InputError, Zone, score
from evalkit.formats import parquet_stream


def write_sides(folder, seed):
    """Both sides as JSONL, as Parquet, and as Parquet in another order."""
    gold, predicted = make_sides(seed)
    draw = random.Random(seed)
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        corpus.save(folder / f"{name}.jsonl")
        corpus.save(folder / f"{name}.parquet")
        rewrite(folder / f"{name}.parquet", draw.choice([1, 2, 7, 2000]))
        (folder / "other").mkdir(exist_ok=True)
        Corpus(draw.sample(list(corpus), len(corpus))).save(folder / "other" / f"{name}.parquet")
        rewrite(folder / "other" / f"{name}.parquet", draw.choice([1, 5, 2000]))
    return gold, predicted


def scored(gold, predicted, **options):
    return score(gold, predicted, name="x", missing="empty", boot=20, **options).to_json()


@pytest.mark.parametrize("seed", choose_quick(range(40), 1))
def test_the_kind_of_file_changes_no_byte(tmp_path, monkeypatch, seed):
    write_sides(tmp_path, seed)
    monkeypatch.setattr(parquet_stream, "BATCH_ROWS", random.Random(seed).choice([1, 3, 1024]))
    expected = scored(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")

    for gold, predicted in (
        ("gold.parquet", "predicted.parquet"),
        ("gold.jsonl", "predicted.parquet"),
        ("gold.parquet", "predicted.jsonl"),
        ("gold.parquet", "other/predicted.parquet"),
        ("other/gold.parquet", "predicted.parquet"),
    ):
        assert scored(tmp_path / gold, tmp_path / predicted) == expected, (gold, predicted)


def test_a_corpus_in_memory_has_the_same_rows(tmp_path):
    gold, predicted = write_sides(tmp_path, 5)

    in_memory = score(gold, predicted, missing="empty")
    from_files = score(tmp_path / "gold.parquet", tmp_path / "predicted.parquet", missing="empty")

    assert list(from_files.rows()) == list(in_memory.rows())
    assert from_files.errors("entities").counts == in_memory.errors("entities").counts
    assert list(from_files.pairs("entities/strict")) == list(in_memory.pairs("entities/strict"))


def test_label_maps_tokens_and_sentences_read_the_entities_of_columns(tmp_path):
    write_sides(tmp_path, 7)
    options = {
        "metrics": "entities/strict,tokens/strict,entities/characters",
        "label_map": {"PER": "ORG"},
        "units": "sentences",
    }

    assert scored(tmp_path / "gold.parquet", tmp_path / "predicted.parquet", **options) == scored(
        tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", **options
    )


def test_tables_of_spans_have_the_scores_of_their_corpora(tmp_path):
    sides = []
    for name, corpus in zip(("gold", "predicted"), make_sides(0)):
        documents = [Document(d.id, d.text, d.entities or ()) for d in corpus]
        sides.append(Corpus(documents, name))
        sides[-1].save(tmp_path / f"{name}.parquet", layout="spans")
        sides[-1].save(tmp_path / f"{name}.jsonl")

    expected = scored(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")

    assert scored(tmp_path / "gold.parquet", tmp_path / "predicted.parquet") == expected
    assert scored(*sides) == expected


def test_two_processes_score_the_same(tmp_path):
    documents = [Document(f"d{n}", "Ada met Bo", [Entity("PER", 0, 3)]) for n in range(40)]
    for name in ("gold", "predicted"):
        Corpus(documents).save(tmp_path / f"{name}.parquet")
        rewrite(tmp_path / f"{name}.parquet", 7)

    paths = (tmp_path / "gold.parquet", tmp_path / "predicted.parquet")

    assert scored(*paths, jobs=2) == scored(*paths)


def test_missing_and_unknown_documents_are_errors(tmp_path):
    documents = [Document(f"d{n}", "Ada met Bo", [Entity("PER", 0, 3)]) for n in range(3)]
    Corpus(documents).save(tmp_path / "gold.parquet")
    Corpus(documents[:2]).save(tmp_path / "fewer.parquet")
    other_text = Document("d0", "Ada met Di", [])
    Corpus([other_text, *documents[1:]]).save(tmp_path / "other.parquet")

    with pytest.raises(InputError, match="fewer: lacks document 'd2' of gold"):
        score(tmp_path / "gold.parquet", tmp_path / "fewer.parquet")
    with pytest.raises(InputError, match="gold: 1 document not in fewer, such as 'd2'"):
        score(tmp_path / "fewer.parquet", tmp_path / "gold.parquet")
    with pytest.raises(InputError, match="document 'd0' has another text than in gold"):
        score(tmp_path / "gold.parquet", tmp_path / "other.parquet")


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_documents_with_zones_may_follow_many_without(tmp_path, suffix):
    documents = []
    for number in range(120):
        zones = [Zone("in", 0, 10)] if number >= 60 else ()
        documents.append(Document(f"d{number}", "x" * 5000, [Entity("A", 0, 3)], zones=zones))
    Corpus(documents).save(tmp_path / f"all.{suffix}")

    path = tmp_path / f"all.{suffix}"

    assert score(path, path, "ner")["ner"].micro.tp == 120


def test_the_command_line_scores_tables_of_spans_without_texts(tmp_path):
    documents = [Document(f"d{n}", "Ada met Bo", [Entity("PER", 0, 3)]) for n in range(3)]
    Corpus(documents).save(tmp_path / "gold.jsonl")
    Corpus(documents).save(tmp_path / "full.parquet", layout="spans")
    code = (
        "import pyarrow.parquet as pq;"
        "pq.write_table(pq.read_table('full.parquet').drop_columns('document_text'), 's.parquet')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=os.environ)

    for gold in ("gold.jsonl", "s.parquet"):
        done = run_evalkit("score", gold, "s.parquet", "--metrics", "ner", cwd=tmp_path)
        assert (done.returncode, "PER" in done.stdout) == (0, True), done.stderr


def test_ranges_of_rows_are_read_as_they_are_in_row_groups_of_any_size(tmp_path):
    ids = [f"d{n}" for n in range(23)]
    Corpus([Document(id, "Ada", []) for id in ids]).save(tmp_path / "all.parquet")

    for row_group_size in (1, 4, 23):
        rewrite(tmp_path / "all.parquet", row_group_size)
        for start, end in ((0, -1), (0, 23), (3, 9), (4, 8), (22, 23), (5, 5), (23, 23)):
            with closing(
                parquet_stream.open_batches(tmp_path / "all.parquet", start, end)
            ) as reader:
                read = []
                while (batch := reader.read(5)) is not None:
                    read += [document.id for document in batch]
            assert read == ids[start : 23 if end < 0 else end]
