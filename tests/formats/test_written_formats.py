"""Every written format: a corpus is what is read back and what was counted as dropped."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.any_text import corpora
from helpers.format_losses import (
    CORPORA,
    FOLDERS,
    REFUSED,
    build_corpora,
    count_dropped,
    find_problems,
    list_written_formats,
    write_and_read,
)
from helpers.profiles import examples
from hypothesis import given, settings

from evalkit import Document, Entity, InputError, load_corpus

SCRIPT = Path(__file__).parents[2] / "scripts" / "formats"


@pytest.mark.parametrize("name", list_written_formats())
@settings(max_examples=examples(15), deadline=None)
@given(documents=corpora(layers=("entities", "events", "attributions", "relations"), broken=True))
def test_any_corpus_is_read_back_but_for_what_was_counted(name, tmp_path_factory, documents):
    counts, back = write_and_read(name, documents, tmp_path_factory.mktemp("written"))

    assert find_problems(name, documents, counts, back) == []


@pytest.mark.parametrize("kind", CORPORA)
@pytest.mark.parametrize("name", list_written_formats())
def test_corpora_of_all_kinds_are_read_back_but_for_what_was_counted(name, kind, tmp_path):
    documents = build_corpora(seed=1)[kind]
    try:
        counts, back = write_and_read(name, documents, tmp_path)
    except InputError as error:
        assert REFUSED[name] in str(error)  # noqa: PT017 - most formats refuse nothing
        return

    assert find_problems(name, documents, counts, back) == []


@pytest.mark.parametrize("name", [name for name in list_written_formats() if name not in FOLDERS])
def test_a_compressed_file_is_read_as_the_file(name, tmp_path):
    if name in ("docbin", "parquet"):
        pytest.skip("binary files are compressed already")
    documents = build_corpora(seed=2)["nested"]
    _, plain = write_and_read(name, documents, tmp_path)
    (written,) = (file for file in tmp_path.iterdir() if file.name != "schema.json")
    packed = Path(f"{written}.gz")
    packed.write_bytes(gzip.compress(written.read_bytes()))

    assert list(load_corpus(f"{name}:{packed}", predictions=True)) == plain


def test_losses_that_are_not_counted_are_found():
    entity = Entity("PER", 0, 3)
    written = [Document("a", "Ada Bo", [entity, Entity("PER", 4, 6)])]
    less = [Document("a", "Ada Bo", [entity])]
    other = [Document("a", "Ada Bo", [entity, Entity("PER", 0, 6)])]
    more = [*written, Document("b", "Ada", [])]

    assert find_problems("conll", written, {}, written) == []
    assert find_problems("conll", written, {"entities that overlap another": 1}, less) == []
    for counts, back in (
        ({}, less),
        ({"ids of entities": 1}, less),
        ({"entities that overlap another": 1}, written),
        ({}, other),
        ({}, more),
        ({}, [Document("b", "Ada Bo", written[0].entities)]),
    ):
        assert len(find_problems("conll", written, counts, back)) >= 1
    assert count_dropped({"triggers of events of white space alone": 2, "events": 1}, "events") == 3
    assert count_dropped({"realis values of events": 2}, "events") == 0


@pytest.mark.slow
def test_the_script_finds_no_difference():
    command = [sys.executable, str(SCRIPT), "--seed", "100", "--corpora", "5"]

    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")
    assert "DIFFERS" not in run.stdout
    assert all(name in run.stdout for name in list_written_formats())
