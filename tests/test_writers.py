"""Whatever evalkit writes, a full disk and a kill leave the old content or the new, and the same
command succeeds afterwards.
"""

import ast
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import get_type_hints

import pytest
from helpers import writers
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import evalkit
from evalkit import Corpus, Document, InputError, Schema, Scores, evaluate, load_corpus, predict
from evalkit.cli.command_table import COMMANDS
from evalkit.errors import LoadError, ModelError, WriteError
from evalkit.files import replace_file, system_calls, write_atomically, write_folder
from evalkit.files.folder_writing import COMMIT
from evalkit.formats.filenames import safe_names
from evalkit.formats.front_matter import parse_yaml
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS
from evalkit.hub.card_source import load_card_source
from evalkit.hub.model_card import update_model_card
from evalkit.hub.new_corpus import create_or_extend_corpus
from evalkit.models.registry import Model

PACKAGE = Path(evalkit.__file__).parent
READ = {
    "results",
    "baseline",
    "result",
    "check",
    "card_file",
    "license_file",
    "texts",
    "text",
    "run_dir",
    "gate_file",
    "apply",
    "previous",
}  # paths that are read; --run-dir has tests of its own below
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{n}: &{n} [{','.join([f'*{before}'] * 9)}]\n" for before, n in zip("abcdefgh", "bcdefghi")
)


PARTS = 4  # of the writers, which are tested in as many processes
ALSO_BY_CONVERT = {
    f"write:{name}" for name in WRITTEN_FORMATS if name not in ("jsonl", "directory")
}


def problems(kind, *names):
    """What went wrong with each writer that was checked."""
    done = subprocess.run(
        [sys.executable, writers.__file__, kind, *names], capture_output=True, text=True, check=True
    )
    return {name: found for name, found in json.loads(done.stdout).items() if found}


def evalkit_command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "evalkit.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["full", "killed"])
def test_every_writer_survives(kind, part):
    # evalkit convert kills the writer of a format at the same steps as a call of it, which the
    # writers without a command stand for.
    names = [name for name in writers.writers() if kind == "full" or name not in ALSO_BY_CONVERT]

    assert problems(kind, *names[part::PARTS]) == {}


def test_every_output_of_a_command_is_in_the_table():
    outputs = set()
    for name, command in COMMANDS.items():
        for parameter, kind in get_type_hints(command.load_function()).items():
            if "Path" in str(kind) and parameter not in READ:
                outputs.add(
                    f"{name} --{parameter.replace('_', '-')}" if parameter != "folder" else name
                )

    assert outputs - writers.writers().keys() == set()
    assert len(outputs) > 10


def test_every_format_is_in_the_table():
    there = {name for name in WRITTEN_FORMATS if not FORMATS[name].missing}

    assert {
        name.partition(":")[2] for name in writers.writers() if name.startswith("convert:")
    } == there
    assert {
        name.partition(":")[2] for name in writers.writers() if name.startswith("write:")
    } == there


def test_no_other_module_opens_a_file_to_write_it_anew():
    opened = [
        f"{file.name}:{call.lineno}"
        for file in PACKAGE.rglob("*.py")
        if file.parent.name != "files"
        for call in _writing_calls(file)
    ]

    assert opened == []


def _writing_calls(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            modes = [
                given.value
                for given in (
                    *node.args,
                    *(word.value for word in node.keywords if word.arg == "mode"),
                )
                if isinstance(given, ast.Constant)
            ]
            if name in {"write_text", "write_bytes", "to_disk"} or (
                name == "open"
                and any(str(mode) in {"w", "wb", "x", "xb", "w+", "w+b"} for mode in modes)
            ):
                yield node


# Files


def test_permissions_of_a_file_are_kept_and_a_link_is_followed(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")

    write_atomically(tmp_path / "link", "new")

    assert (tmp_path / "link").is_symlink()
    assert ((tmp_path / "file").read_text(), (tmp_path / "file").stat().st_mode & 0o777) == (
        "new",
        0o640,
    )


def test_a_new_file_has_the_permissions_that_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", "new")
    finally:
        os.umask(before)

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def _write_half(path, error):
    with replace_file(path) as file:
        file.write(b"half")
        raise error


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")

    with pytest.raises(ValueError, match="oh no"):
        _write_half(tmp_path / "file", ValueError("oh no"))

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}


def test_standard_output_is_not_replaced(tmp_path):
    code = "from evalkit.files import write_atomically; write_atomically('/dev/stdout', 'two\\n')"

    subprocess.run(
        ["bash", "-c", f'(echo one; "$0" -c "{code}"; echo three) > out.txt', sys.executable],
        cwd=tmp_path,
        check=True,
    )

    assert (tmp_path / "out.txt").read_text() == "one\ntwo\nthree\n"


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()

    write_atomically(tmp_path / "pipe", "words")

    reader.join()
    assert read == ["words"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("blocked", ["replace", "open"])
def test_a_file_that_cannot_be_renamed_over_is_overwritten(tmp_path, monkeypatch, blocked):
    (tmp_path / "file").write_text("the old content")
    original = os.open

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    def refuse_temporary(path, *arguments, **options):
        return (
            refuse()
            if ".evalkit-" in str(path) and arguments[0] & os.O_CREAT
            else original(path, *arguments, **options)
        )

    monkeypatch.setattr(os, blocked, {"replace": refuse, "open": refuse_temporary}[blocked])
    write_atomically(tmp_path / "file", "new")
    monkeypatch.undo()

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "new"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none/file", "none/file: No such file or directory"),
        (".", "is a folder; name a file"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_to_is_said_in_one_line(tmp_path, path, message):
    with pytest.raises(InputError, match=message):
        evaluate("rules", load_corpus(), ["entities/strict"], boot=0).save(tmp_path / path)


# Folders


@pytest.fixture(params=["exchanged", "in place"])
def folder(request, tmp_path, monkeypatch):
    """A folder with files of others, which is written in each of the two ways."""
    if request.param == "in place":
        monkeypatch.setattr(system_calls, "exchange_function", lambda: None)
    place = tmp_path / "folder"
    (place / "inner" / "deep").mkdir(parents=True)
    for name in ("one", "gone", "README.md", "inner/notes", "inner/deep/more"):
        (place / name).write_text(f"old {name}")
    (place / "link").symlink_to("README.md")
    (place / "one").chmod(0o600)
    place.chmod(0o750)
    return place


def test_other_files_of_a_folder_stay(folder):
    write_folder(folder, {"one": b"new", "inner/two": b"new", "gone": None, "never": None})

    files = {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert files == {
        "one": "new",
        "inner/two": "new",
        "README.md": "old README.md",
        "link": "old README.md",
        "inner/notes": "old inner/notes",
        "inner/deep/more": "old inner/deep/more",
    }
    assert (folder / "link").is_symlink()
    assert ((folder / "one").stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (
        0o600,
        0o750,
    )
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_a_link_to_a_folder_is_followed_and_one_in_it_is_too(folder):
    (folder.parent / "away").mkdir()
    (folder / "linked").symlink_to("../away")
    (folder.parent / "name").symlink_to("folder")

    write_folder(folder.parent / "name", {"linked/two": b"new"})

    assert (folder.parent / "name").is_symlink()
    assert (folder / "linked").is_symlink()
    assert (folder.parent / "away" / "two").read_bytes() == b"new"


def test_many_files_are_written(folder):
    write_folder(folder, {f"{n}/file": b"x" for n in range(100)})

    assert len(list(folder.rglob("file"))) == 100


def test_a_folder_whose_change_was_interrupted_is_not_read(tmp_path):
    Corpus([Document("a", "Ada", ())]).save(tmp_path / "c")
    (tmp_path / "c" / COMMIT).mkdir()

    with pytest.raises(
        InputError,
        match=r"c: writing this folder was interrupted; run the command that wrote it again$",
    ):
        load_corpus(tmp_path / "c")

    Corpus([Document("a", "Ada", ())]).save(tmp_path / "c")
    assert load_corpus(tmp_path / "c").ids == ["a"]


def test_an_interrupted_change_writes_nothing_outside_of_its_folder(tmp_path):
    (tmp_path / "c" / COMMIT).mkdir(parents=True)
    (tmp_path / "c" / COMMIT / "manifest").write_text('{"files":["../outside"],"deleted":[]}')
    (tmp_path / "c" / COMMIT / "0").write_text("evil")

    with pytest.raises(InputError, match="'../outside' is outside of the folder; delete "):
        write_folder(tmp_path / "c", {"a": b"x"})

    assert not (tmp_path / "outside").exists()


# Names


@pytest.mark.parametrize(
    "ids",
    [
        ("text-000002", "../x"),
        ("document-000002", "../x", "document-000001"),
        ("A", "a"),
        ("con", "CON", "aux.x"),
        ("a.", "a"),
        (" ", "\n"),
    ],
)
def test_no_text_overwrites_another(tmp_path, ids):
    documents = [Document(id, f"text {n}", ()) for n, id in enumerate(ids)]

    Corpus(documents).save(tmp_path / "c")

    assert list(load_corpus(tmp_path / "c")) == documents


ANY_ID = st.one_of(
    st.sampled_from(
        [
            "a",
            "A",
            "con",
            "nul.txt",
            "document-000001",
            "DOCUMENT-000002",
            "text-000001",
            "../x",
            "a/b",
            ".",
            "ß",
            "SS",
            "x.",
        ]
    ),
    st.text(max_size=6),
)


@given(
    ids=st.lists(ANY_ID, max_size=8, unique=True),
    reserved=st.lists(st.sampled_from(["a", "Document-000001", "X"]), max_size=3),
)
def test_names_are_safe_and_unique_in_any_case(ids, reserved):
    names = safe_names(ids, reserved)

    assert len({name.casefold() for name in (*names, *set(reserved))}) == len(names) + len(
        {name.casefold() for name in reserved}
    )
    assert all(
        name.isascii()
        and not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
        and name[0] not in ".-"
        and name[-1] != "."
        for name in names
    )
    assert not {name.partition(".")[0].lower() for name in names} & {
        "con",
        "prn",
        "aux",
        "nul",
        "com1",
        "lpt1",
    }


@settings(max_examples=examples(25))
@given(
    ids=st.lists(ANY_ID.filter(bool).filter(str.isprintable), min_size=1, max_size=5, unique=True),
    path=st.sampled_from(["directory:c", "brat:b"]),
)
def test_every_text_comes_back(tmp_path_factory, ids, path):
    place = tmp_path_factory.mktemp("names")
    format, _, name = path.partition(":")
    documents = [Document(id, f"text {n}", ()) for n, id in enumerate(ids)]

    Corpus(documents).save(f"{format}:{place / name}")

    assert {document.id: document.text for document in load_corpus(f"{format}:{place / name}")} == {
        document.id: document.text for document in documents
    }


def test_a_text_keeps_the_name_that_a_person_gave_it(tmp_path):
    corpus = Corpus([Document("a", "Ada", ())])
    corpus.save(tmp_path / "c")
    rows = tmp_path / "c/corpus/corpus.jsonl"
    rows.write_text(rows.read_text().replace("a.txt", "hers.txt"))
    (tmp_path / "c/corpus/a.txt").rename(tmp_path / "c/corpus/hers.txt")
    (tmp_path / "c/corpus/b.txt").write_text("not of the corpus")

    Corpus([*corpus, Document("b", "Bo", ())]).save(tmp_path / "c")

    assert (tmp_path / "c/corpus/b.txt").read_text() == "not of the corpus"
    assert sorted(path.name for path in (tmp_path / "c/corpus").iterdir()) == [
        "b.txt",
        "corpus.jsonl",
        "document-000001.txt",
        "hers.txt",
    ]


# New corpora, runs and cards


def test_a_new_corpus_does_not_overwrite_a_file_of_the_same_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"text {name}")
    create_or_extend_corpus(tmp_path / "c", [tmp_path / "a.txt"])
    (tmp_path / "c/corpus/b.txt").write_text("another")

    create_or_extend_corpus(tmp_path / "c", [tmp_path / "b.txt"])

    assert load_corpus(tmp_path / "c")["b"].text == "text b"
    assert (tmp_path / "c/corpus/b.txt").read_text() == "another"


def test_a_new_corpus_may_be_asked_for_twice(tmp_path):
    (tmp_path / "a.txt").write_text("text")

    first, second = (
        evalkit_command("new", tmp_path / "c", tmp_path / "a.txt", "--schema-from", "evalkit-news")
        for _ in range(2)
    )

    assert (first.returncode, second.returncode) == (0, 0)
    assert (
        second.stdout.splitlines()[0]
        == f"{tmp_path}/c: 0 documents added: the corpus has these texts already"
    )


@pytest.fixture
def gold(tmp_path):
    Corpus([Document(f"d{n}", "Ada wrote to Bo.", ()) for n in range(8)]).save(
        tmp_path / "gold.jsonl"
    )
    return tmp_path / "gold.jsonl"


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_a_run_folder_without_room_is_resumed(tmp_path, gold, blocks):
    command = [
        sys.executable,
        "-m",
        "evalkit.cli",
        "predict",
        str(gold),
        "--run-dir",
        str(tmp_path / "run"),
    ]

    full = subprocess.run(
        ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "run", *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    again = subprocess.run(command, capture_output=True, text=True, check=False)

    assert full.returncode == 3
    assert full.stderr.splitlines()[-1].startswith(f"evalkit: {tmp_path}/run/")
    assert full.stderr.splitlines()[-1].endswith(
        "stored answers are kept: make room, and run the same command again to resume"
    )
    assert (again.returncode, len(again.stdout.splitlines())) == (0, 8)
    assert not [
        path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".evalkit-")
    ]


@pytest.mark.parametrize("left", [".lock", ".run.json.new", ".evalkit-0123abcd-0123.tmp"])
def test_a_run_folder_that_was_killed_at_its_first_write_is_resumed(tmp_path, gold, left):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / left).write_text("{")

    assert len(predict("rules", gold, run_dir=tmp_path / "run")) == 8


def test_the_requests_of_the_document_that_stopped_a_run_are_counted(tmp_path):
    def answer(documents: Iterable[Document]):
        yield documents[0]
        raise ModelError(
            "the endpoint refuses the key",
            [{"id": documents[1].id, "requests": 3, "retries": ["429", "429"]}],
        )

    with pytest.raises(ModelError):
        predict(
            Model("m", answer),
            Corpus([Document("a", "Ada"), Document("b", "Bo")]),
            run_dir=tmp_path / "run",
        )

    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (told["requests"], told["retries"], told["answered"]) == (3, {"429": 2}, 1)


@pytest.mark.slow
@pytest.mark.parametrize("front", ["a: [", BOMB, "model-index: 5", "model-index: &a [*a]"])
def test_a_model_card_that_cannot_be_changed_is_refused_before_the_run(tmp_path, gold, front):
    card = tmp_path / "README.md"
    card.write_text(f"---\n{front}\n---\n# x\n")
    (tmp_path / "model.py").write_text(
        "def find(text):\n    open('asked', 'w').close()\n    return []\n"
    )
    before = card.read_bytes()

    done = evalkit_command(
        "run",
        gold,
        "-m",
        "model.py:find",
        "--model-card",
        card,
        "--save",
        tmp_path / "r.json",
        cwd=tmp_path,
    )

    assert (
        done.returncode,
        done.stderr.startswith(f"evalkit: {card}: "),
        len(done.stderr.splitlines()),
    ) == (2, True, 1)
    assert card.read_bytes() == before
    assert not (tmp_path / "asked").exists()


def test_the_result_is_saved_where_a_later_output_fails(tmp_path):
    done = evalkit_command(
        "run",
        "--boot",
        "0",
        "--save",
        tmp_path / "r.json",
        "--hub-dataset",
        "me/news",
        "--eval-results",
        "/dev/full",
    )

    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        3,
        "evalkit: /dev/full: No space left on device",
    )
    assert len(Scores.load(tmp_path / "r.json")) > 0


def test_two_outputs_are_not_written_to_one_file(tmp_path, gold):
    (tmp_path / "README.md").write_text("# x\n")

    done = evalkit_command(
        "run", gold, "--save", tmp_path / "README.md", "--model-card", tmp_path / "README.md"
    )

    assert (done.returncode, (tmp_path / "README.md").read_text()) == (2, "# x\n")


@pytest.mark.parametrize(
    "block", [BOMB, "a: &a [*a]", "a: &a {b: *a}", BOMB.replace("i: &i [", "<<: ["), "[" * 800]
)
def test_yaml_that_expands_without_bounds_is_refused_wherever_it_is_read(tmp_path, block):
    (tmp_path / "README.md").write_text(f"---\n{block}\n---\n# x\n")
    scores = evaluate("rules", load_corpus(), ["entities/strict"], boot=0)

    for read in (
        lambda: update_model_card(tmp_path / "README.md", scores),
        lambda: load_card_source(tmp_path / "README.md"),
        lambda: load_corpus(f"hf:{tmp_path}"),
    ):
        with pytest.raises(
            LoadError,
            match=(
                r"README\.md: the (front matter|metadata) (has YAML aliases that expand to more"
                r" than 100,000 values|is nested too deeply)"
            ),
        ):
            read()


def test_aliases_that_stand_for_a_few_values_are_read():
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]", "x", "metadata") == {
        "a": [1, 2],
        "b": [[1, 2], [1, 2]],
    }


def test_a_long_text_without_aliases_is_read():
    names = {f"label {n}": n for n in range(3000)}

    assert parse_yaml(json.dumps(names), "x", "metadata") == names


def test_a_writer_that_is_interrupted_leaves_the_old_file(tmp_path):
    (tmp_path / "file").write_text("old")

    with pytest.raises(KeyboardInterrupt):
        _write_half(tmp_path / "file", KeyboardInterrupt())

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}


def test_a_schema_is_written_with_its_corpus_or_not_at_all(tmp_path):
    corpus = Corpus([Document("a", "Ada", ())], schema=Schema(labels={"PER": ""}))

    with pytest.raises(WriteError, match=r"^/dev/full: No space left on device$"):
        corpus.save("jsonl:/dev/full")

    corpus.save(tmp_path / "c.jsonl")
    assert load_corpus(tmp_path / "c.jsonl") == corpus
