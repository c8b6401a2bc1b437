"""A folder of a corpus may hold anything: pipes and devices are not waited for, and links lead
nowhere outside the folder.
"""

import os
import socket
from pathlib import Path

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, InputError, load_corpus
from evalkit.data.schema import Schema

DOCUMENT = Document("d1", "Ada met Bob.", [Entity("PER", 0, 3)])
# A corpus in each format that is a folder: the location, and the files in it that are read
FILES = {
    "brat": ("brat:{}", ["d1.txt", "d1.ann"]),
    "directory": (
        "{}",
        [
            "corpus/corpus.jsonl",
            "corpus/d1.txt",
            "annotations/entities.jsonl",
            "annotations/schema.json",
        ],
    ),
    "cas": ("cas:{}", ["d1.xmi"]),
    "hf": ("hf:{}", ["data/documents.jsonl"]),
}
CASES = [(name, file) for name, (_, files) in FILES.items() for file in files]


@pytest.fixture
def corpus_in(tmp_path):
    def write(name):
        if name == "cas":
            pytest.importorskip("cassis")
        folder = tmp_path / "corpus"
        Corpus([DOCUMENT], schema=Schema(labels={"PER": "a person"})).save(
            FILES[name][0].format(folder)
        )
        return folder

    return write


def pipe(path, _outside):
    os.mkfifo(path)


def device(path, _outside):
    path.symlink_to("/dev/zero")


def unix_socket(path, _outside):
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def loop(path, _outside):
    path.symlink_to(path.name)


def link_out(path, outside):
    path.symlink_to(outside)


def broken_link(path, _outside):
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [pipe, device, unix_socket, loop, link_out, broken_link])
@pytest.mark.parametrize(("name", "file"), CASES)
@pytest.mark.slow
def test_what_is_no_file_of_the_folder_is_refused_and_named(corpus_in, tmp_path, name, file, make):
    folder = corpus_in(name)
    outside = tmp_path / "outside"
    (folder / file).replace(outside)
    make(folder / file, outside)

    with pytest.raises(InputError) as error:  # a hang would end in the time limit of the test run
        load_corpus(FILES[name][0].format(folder))
    assert Path(file).name in str(error.value).splitlines()[0]


@pytest.mark.parametrize("make", [pipe, device, loop, link_out])
def test_a_folder_of_texts_is_read_by_the_same_rules(tmp_path, make):
    (tmp_path / "texts").mkdir()
    (tmp_path / "outside").write_text("Ada")
    (tmp_path / "a.conll").write_text("-DOCSTART- (d1) O\n\nAda B-PER\n")
    make(tmp_path / "texts" / "d1.txt", tmp_path / "outside")

    with pytest.raises(InputError, match=r"d1\.txt"):
        load_corpus(f"conll:{tmp_path}/a.conll", texts=tmp_path / "texts")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["loop", "loop.jsonl", "brat:loop", "conll:loop", "hf:loop", "doccano:loop"]
)
@pytest.mark.parametrize("command", ["validate", "score", "convert"])
def test_a_link_to_itself_is_no_bug(tmp_path, name, command):
    (tmp_path / name.rpartition(":")[2]).symlink_to(name.rpartition(":")[2])
    arguments = {"validate": [name], "score": [name, name], "convert": [name, "out.jsonl"]}[command]

    done = run_evalkit(command, *arguments, cwd=tmp_path)

    assert (done.returncode, done.stderr.count("\n"), "bug" in done.stderr) == (2, 1, False)


def test_links_within_the_folder_are_followed(tmp_path):
    Corpus([DOCUMENT]).save(f"brat:{tmp_path}/corpus")
    (tmp_path / "corpus" / "d1.ann").rename(tmp_path / "corpus" / "d1.kept")
    (tmp_path / "corpus" / "d1.ann").symlink_to("d1.kept")

    assert list(load_corpus(f"brat:{tmp_path}/corpus")) == [
        load_corpus(f"brat:{tmp_path}/corpus")[0]
    ]
    assert load_corpus(f"brat:{tmp_path}/corpus")[0].entities[0].label == "PER"


@pytest.mark.parametrize(("blobs", "is_read"), [("blobs", True), ("elsewhere", False)])
def test_a_snapshot_in_the_hub_cache_is_read_through_its_links_to_blobs(tmp_path, blobs, is_read):
    snapshot, blob = tmp_path / "snapshots" / "0123abcd", tmp_path / blobs
    Corpus([DOCUMENT]).save(f"brat:{snapshot}")
    blob.mkdir()
    for number, path in enumerate(sorted(snapshot.iterdir())):
        path.rename(blob / str(number))
        path.symlink_to(blob / str(number))

    if is_read:
        assert load_corpus(f"brat:{snapshot}")["d1"].text == DOCUMENT.text
    else:
        with pytest.raises(InputError, match="a symbolic link to .*, which is outside"):
            load_corpus(f"brat:{snapshot}")
