"""Refusing a wrong file takes at most twice the time of reading a right one with as many lines."""

import copy
import json
import sys
from pathlib import Path

import pytest
from helpers.quick import choose_quick

from evalkit import Document, LoadError, load_corpus
from evalkit.formats.annotated_layers import mark_annotated_layers
from evalkit.formats.registry import FORMATS

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from benchmarks import refusing  # noqa: E402 - of scripts, which are no package

sys.path.remove(str(SCRIPTS))
LINES = 5_000
SLACK = 0.1  # seconds: imports, and the documents that are read before a file is refused


def faulty(number, fault):
    return json.dumps({"id": number, "text": "Ada ran.", "label": [[0, 9 if fault else 3, "PER"]]})


def write_lines(path, lines):
    path.write_text("\n".join(lines))
    return f"doccano:{path}"


@pytest.mark.slow
@pytest.mark.parametrize("name", refusing.list_formats())
def test_a_wrong_file_is_refused_in_at_most_twice_the_time_of_reading_a_right_one(tmp_path, name):
    ratios = {}
    for kind, refused, read in refusing.compare_times(name, tmp_path, LINES, rounds=2):
        ratios[kind] = min(refused) / (refusing.MAX_RATIO * min(read) + SLACK)

    assert ratios["prose"] < 1
    assert {kind: ratio for kind, ratio in ratios.items() if ratio >= 1} == {}


def test_all_formats_are_measured():
    missing = [name for name in FORMATS if FORMATS[name].missing]

    assert sorted([*refusing.list_formats(), *missing]) == sorted(FORMATS)


@pytest.mark.parametrize("name", choose_quick(refusing.list_formats(), 2))
def test_wrong_files_are_refused_whatever_the_format(tmp_path, name):
    kinds = [kind for kind, *_ in refusing.compare_times(name, tmp_path, 200, rounds=1)]

    assert {"prose"} < set(kinds)


def test_an_error_before_the_first_document_is_given_before_the_rest_of_a_file_is_read():
    document = Document("d", "Ada", [])
    read = []

    def results():
        for position, result in [("1", LoadError(["1: x"])), ("2", document), ("3", document)]:
            read.append(position)
            yield position, result

    marked = mark_annotated_layers(results(), "relations")

    assert next(marked)[0] == "1"
    assert read == ["1"]
    assert [position for position, _ in marked] == ["2", "3"]


def test_errors_are_given_before_the_documents_so_that_a_file_is_not_read_to_its_end(tmp_path):
    document = Document("d", "Ada", [])
    read = []

    def results():
        for position, result in [("1", document), ("2", LoadError(["2: x"])), ("3", document)]:
            read.append(position)
            yield position, result

    marked = mark_annotated_layers(results(), "relations")

    assert next(marked)[0] == "2"
    assert read == ["1", "2"]
    assert [position for position, _ in marked] == ["1", "3"]


def test_a_file_of_which_the_first_document_is_valid_is_not_read_to_its_end(tmp_path):
    texts = [
        f"{n}|t|Ada ran.\n{n}|a|\n{n}\t0\t{3 if n == 0 else 99}\tAda\tP\tX\n" for n in range(3000)
    ]
    path = tmp_path / "f.pubtator"
    path.write_text("\n".join(texts))

    with pytest.raises(LoadError) as error:
        load_corpus(path)

    assert len(error.value.errors) + error.value.omitted == 2000


def test_offsets_are_diagnosed_only_if_errors_are_about_them(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "evalkit.formats.loading.diagnose_offsets", lambda cases: calls.append(1) or []
    )
    for count, entity in enumerate(({"start": 0, "end": 3}, {"start": 0, "end": 9, "label": "P"})):
        path = tmp_path / f"f{count}"
        path.write_text(json.dumps([{"text": "Ada", "entities": [entity]}]))

        with pytest.raises(LoadError):
            load_corpus(f"spacy-json:{path}")

        assert len(calls) == count


def test_reading_ends_after_2000_errors_if_no_document_is_valid(tmp_path):
    location = write_lines(tmp_path / "f", [faulty(n, True) for n in range(3000)])

    with pytest.raises(LoadError) as error:
        load_corpus(location)

    assert len(error.value.errors) + error.value.omitted == 2000
    assert error.value.advice == ["not read further, since 2,000 documents have errors"]


def test_reading_ends_after_10000_errors_if_a_document_is_valid(tmp_path):
    lines = [faulty(n, n != 1) for n in range(12_000)]

    with pytest.raises(LoadError) as error:
        load_corpus(write_lines(tmp_path / "f", lines))

    assert len(error.value.errors) + error.value.omitted == 10_000
    assert error.value.advice[0] == "not read further, since 10,000 documents have errors"
    assert error.value.advice[1].startswith(
        "to leave out documents with errors, load with on_error="
    )


def test_a_file_whose_errors_are_skipped_is_read_to_its_end(tmp_path):
    lines = [faulty(n, n != 2999) for n in range(3000)]

    corpus = load_corpus(write_lines(tmp_path / "f", lines), on_error="skip")

    assert list(corpus.ids) == ["2999"]
    assert corpus.conversion.skipped == {"documents with errors": 2999}


def test_a_brat_file_is_not_read_further_after_1000_invalid_lines(tmp_path):
    (tmp_path / "d.txt").write_text("Ada")
    (tmp_path / "d.ann").write_text("T1\tPER 0 3\tAda\n" + "nothing\n" * 1500)

    with pytest.raises(LoadError) as error:
        load_corpus(f"brat:{tmp_path}")

    assert len(error.value.errors) + error.value.omitted == 1000
    assert "not read further, since 1,000 lines are invalid" in str(error.value)


def test_the_message_of_an_error_from_another_process_is_the_same(tmp_path):
    error = LoadError(["a:1: x; do y", "a:2: x; do y"], more=3, advice=["to fix: z"])

    other = copy.copy(error)  # as pickle does

    assert str(other) == str(error) == "a:1: x\na:2: x\nand 3 more\nto fix: do y\nto fix: z"
    assert (other.errors, other.omitted, other.advice) == (error.errors, 3, ["to fix: z"])
