"""Predictions in another order than gold give the same bytes, from temporary files that are gone
when the command ends, however it ends.
"""

import gzip
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.cli import COMMAND, run_evalkit
from helpers.perturbed import perturbed
from helpers.quick import choose_quick

from evalkit import Corpus, InputError, LoadError, load_corpus, score
from evalkit.errors import WriteError
from evalkit.evaluation import document_join, unordered_predictions
from evalkit.formats import jsonl_stream

N = 300


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    gold, predicted = perturbed(N, 9)
    gold.save(folder / "gold.jsonl")
    predicted.save(folder / "predicted.jsonl")
    return folder


@pytest.fixture(scope="module")
def whole(files):
    return score(files / "gold.jsonl", files / "predicted.jsonl", boot=20)


@pytest.fixture(params=[100, 5_000, 10_000_000], ids=["many parts", "parts", "memory"])
def small_parts(request, monkeypatch):
    monkeypatch.setattr(document_join, "MAX_READ_AHEAD", 10)
    monkeypatch.setattr(jsonl_stream, "CHUNK", 2000)
    monkeypatch.setattr(unordered_predictions, "PARTITION_BYTES", request.param)


def write_in_other_order(files, tmp_path, kind, *, change=None):
    lines = (files / "predicted.jsonl").read_bytes().splitlines(keepends=True)
    if kind == "reversed":
        lines.reverse()
    elif kind == "late":  # the orders differ from the middle on
        lines[N // 2 :] = random.Random(1).sample(lines[N // 2 :], N - N // 2)
    elif kind == "moved":  # the first document comes last
        lines = [*lines[1:], lines[0]]
    else:
        random.Random(kind).shuffle(lines)
    if change:
        change(lines)
    path = tmp_path / "predicted.jsonl"
    path.write_bytes(b"".join(lines))
    return path


@pytest.mark.parametrize("kind", choose_quick([1, "reversed", 2, "late", "moved"], 3))
@pytest.mark.parametrize("gold_in_memory", [False, True])
def test_any_order_gives_the_same_bytes(files, whole, tmp_path, small_parts, kind, gold_in_memory):
    path = write_in_other_order(files, tmp_path, kind)
    gold = files / "gold.jsonl"

    scores = score(load_corpus(gold) if gold_in_memory else gold, path, boot=20)

    assert scores.to_json() == whole.to_json()
    assert scores.pairs("entities/strict") == whole.pairs("entities/strict")


def test_compressed_files_in_another_order_give_the_same_bytes(files, whole, tmp_path, small_parts):
    path = write_in_other_order(files, tmp_path, 3)
    packed = tmp_path / "predicted.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))

    assert score(files / "gold.jsonl", packed, boot=20).to_json() == whole.to_json()


def test_the_last_line_needs_no_line_end_and_blank_lines_are_none(
    files, whole, tmp_path, small_parts
):
    def change(lines):
        lines[-1] = lines[-1].rstrip()
        lines.insert(50, b"\n")

    path = write_in_other_order(files, tmp_path, 4, change=change)

    assert score(files / "gold.jsonl", path, boot=20).to_json() == whole.to_json()


def test_missing_and_unknown_documents_are_named(files, tmp_path, small_parts):
    path = write_in_other_order(files, tmp_path, 5, change=lambda lines: lines.pop(40))
    with pytest.raises(InputError, match="predicted: lacks document 'd[0-9]+' of gold"):
        score(files / "gold.jsonl", path)
    scores = score(files / "gold.jsonl", path, missing="empty", boot=0)
    assert scores.metadata.missing_documents == 1

    def add(lines):
        lines.insert(200, lines[40].replace(b'"d', b'"x', 1))

    path = write_in_other_order(files, tmp_path, 5, change=add)
    with pytest.raises(InputError, match="predicted: 1 document not in gold, such as 'x"):
        score(files / "gold.jsonl", path)


def test_errors_have_their_lines(files, tmp_path, small_parts):
    def repeat(lines):
        lines.append(lines[250])

    def break_line(lines):
        lines[250] = lines[250].replace(b'"start":', b'"start":9')

    path = write_in_other_order(files, tmp_path, 6, change=repeat)
    with pytest.raises(LoadError, match=r"predicted.jsonl:301: id: duplicate"):
        score(files / "gold.jsonl", path)
    path = write_in_other_order(files, tmp_path, 6, change=break_line)
    with pytest.raises(LoadError, match=r"predicted.jsonl:251: "):
        score(files / "gold.jsonl", path)
    path = write_in_other_order(files, tmp_path, 6, change=lambda lines: lines.insert(250, b"{]\n"))
    with pytest.raises(LoadError, match=r"predicted.jsonl:251: "):
        score(files / "gold.jsonl", path)


def test_a_full_disk_is_an_error_that_names_the_folder(files, tmp_path, monkeypatch):
    monkeypatch.setattr(document_join, "MAX_READ_AHEAD", 10)
    monkeypatch.setattr(jsonl_stream, "CHUNK", 2000)
    monkeypatch.setattr(unordered_predictions, "PARTITION_BYTES", 100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    path = write_in_other_order(files, tmp_path, 7)

    with pytest.raises(WriteError, match="0 MB are free: predicted.jsonl has another order than"):
        score(files / "gold.jsonl", path)


def test_no_temporary_file_remains(files, tmp_path, monkeypatch, small_parts):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    score(files / "gold.jsonl", write_in_other_order(files, tmp_path, 8), boot=0)
    path = write_in_other_order(files, tmp_path, 8, change=lambda lines: lines.pop(40))
    with pytest.raises(InputError):
        score(files / "gold.jsonl", path)

    assert list(temporary.iterdir()) == []


def unlinked_files(pid, folder):
    """Yields the open files of a process that have no name in a folder, as temporary ones have."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # a file that was closed meanwhile
            target = str(entry.readlink())
            if target.startswith(f"{folder}/#"):
                yield target


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the files of a process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_temporary_file_remains_of_a_command_that_is_ended(files, tmp_path, number):
    documents = [
        line.replace(b'"d', f'"x{copy}-'.encode(), 1)
        for copy in range(300)
        for line in (files / "gold.jsonl").read_bytes().splitlines(keepends=True)
    ]
    filler = b'"meta": {"filler": "' + b"x" * 1500 + b'"}, "text"'
    documents = [line.replace(b'"text"', filler, 1) for line in documents]
    (tmp_path / "gold.jsonl").write_bytes(b"".join(documents))
    documents.reverse()
    (tmp_path / "predicted.jsonl").write_bytes(b"".join(documents))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "score", "gold.jsonl", "predicted.jsonl"],
        cwd=tmp_path,
        env={"TMPDIR": str(temporary), "PATH": ""},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    while not list(unlinked_files(process.pid, temporary)):  # until the file is being partitioned
        assert process.poll() is None
        time.sleep(0.001)

    process.send_signal(number)
    process.communicate(timeout=30)

    assert process.returncode != 0
    assert list(temporary.iterdir()) == []


def test_the_command_line_joins_files_in_any_order(files, tmp_path):
    documents = list(load_corpus(files / "predicted.jsonl"))
    Corpus(reversed(documents)).save(tmp_path / "predicted.jsonl")

    one = run_evalkit("score", files / "gold.jsonl", files / "predicted.jsonl")
    other = run_evalkit("score", files / "gold.jsonl", tmp_path / "predicted.jsonl", "--jobs", "2")

    assert other.stdout == one.stdout
