"""No command writes over what it reads: files with a format or options, and files in folders."""

import hashlib
import json

import pytest
from helpers.cli import run_evalkit

TEXT = "Ann Lee of Rovers met Bo."


@pytest.fixture
def folder(tmp_path):
    """Two annotators as files and as folders, with their adjudication for each tool."""
    for name, end in (("ann", 7), ("bob", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "d.txt").write_text(TEXT, encoding="utf-8")
        lines = f"T1\tPER 0 {end}\t{TEXT[:end]}\nT2\tORG 11 17\tRovers\n"
        (tmp_path / name / "d.ann").write_text(lines, encoding="utf-8")
        entity = {"label": "PER", "start": 0, "end": end}
        line = {"id": "d", "text": TEXT, "entities": [entity]}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    for target in ("todo.jsonl", "other.jsonl", "brat:todo", "labelstudio:todo.json"):
        done = run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", target, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    return tmp_path


def hash_files(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


ALREADY = "the command reads or writes this file already"
IN_FOLDER = "exists in the folder"
ADJUDICATION = "holds an adjudication, which the gold would overwrite"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("score jsonl:ann.jsonl bob.jsonl --save ann.jsonl", ALREADY),
        ("score ann.jsonl?duplicates=drop bob.jsonl --save-errors ann.jsonl", ALREADY),
        ("score ann.jsonl jsonl:bob.jsonl -o ./bob.jsonl --format json", ALREADY),
        ("errors jsonl:ann.jsonl bob.jsonl -o ann.jsonl", ALREADY),
        ("compare ann.jsonl jsonl:bob.jsonl b=ann.jsonl -o bob.jsonl --format json", ALREADY),
        ("emulate seqeval jsonl:ann.jsonl bob.jsonl -o ann.jsonl --format json", ALREADY),
        ("agreement jsonl:ann.jsonl bob.jsonl --save ann.jsonl", ALREADY),
        ("agreement brat:ann brat:bob -o ann/d.txt", IN_FOLDER),
        ("agreement ann bob --save bob/d.ann", IN_FOLDER),
        ("score ann bob -o ann/d.txt", IN_FOLDER),
        ("stats brat:ann -o ann/d.txt", IN_FOLDER),
        ("convert brat:ann conll:ann/d.txt", IN_FOLDER),
        ("convert ann conll:ann/d.ann", IN_FOLDER),
        ("adjudicate ann bob -o brat:ann", ALREADY),
        ("adjudicate ann bob -o brat:bob/todo", "lies in the folder bob, which is read"),
        ("adjudicate ann bob --apply brat:todo --undecided ann -o brat:ann", ALREADY),
        ("adjudicate jsonl:ann.jsonl bob.jsonl --apply todo.jsonl -o ann.jsonl", ALREADY),
        ("adjudicate --apply todo.jsonl --undecided ann -o todo.jsonl", ALREADY),
        (
            "adjudicate --apply todo.jsonl --undecided ann -o labelstudio:todo.annotations.json",
            ALREADY,
        ),
        ("adjudicate --apply todo.jsonl --undecided ann -o other.jsonl", ADJUDICATION),
        ("adjudicate --apply todo.jsonl --undecided ann -o brat:todo", ADJUDICATION),
        ("adjudicate --apply todo.jsonl --undecided ann -o labelstudio:todo.json", ADJUDICATION),
        ("adjudicate ann bob -o mine.jsonl", "mine.annotations.json, which is another file"),
    ],
)
def test_inputs_are_not_overwritten(folder, arguments, problem):
    (folder / "mine.annotations.json").write_text("[1]\n", encoding="utf-8")
    before = hash_files(folder)

    done = run_evalkit(*arguments.split(), cwd=folder)

    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert hash_files(folder) == before


@pytest.mark.parametrize(
    "arguments",
    [
        "agreement . ../bob -o page.html",
        "agreement . ../bob -o page.html --save agreement.json",
        "adjudicate . ../bob -o todo-2.jsonl",
        "convert brat:. gold.conll",
        "convert . conll:gold.tsv",
        "adjudicate ../ann ../bob -o ../todo-3.jsonl",
    ],
)
def test_other_files_in_a_folder_that_is_read_are_written_again(folder, arguments):
    for _ in range(2):
        done = run_evalkit(*arguments.split(), cwd=folder / "ann")
        assert done.returncode == 0, done.stderr
