"""`evalkit score` of shards: options, notices, progress, and resuming from a run directory."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from helpers.cli import COMMAND, run_evalkit
from helpers.perturbed import perturbed

from evalkit import Corpus, score


def write_shards(folder, shards, documents=12):
    gold, predicted = perturbed(documents, 4)
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        (folder / name).mkdir()
        corpus.save(folder / f"{name}.jsonl")
        for number in range(shards):
            Corpus(list(corpus)[number::shards]).save(folder / name / f"part-{number}.jsonl")


@pytest.fixture
def folder(tmp_path):
    write_shards(tmp_path, 3)
    return tmp_path


PATTERNS = "gold/*.jsonl", "predicted/*.jsonl"


def run(folder, *arguments):
    return run_evalkit("score", *PATTERNS, *arguments, cwd=folder)


def test_shards_print_and_save_what_one_file_does(folder):
    whole = run_evalkit("score", "gold.jsonl", "predicted.jsonl", "--save", "a.json", cwd=folder)

    sharded = run(folder, "--save", "b.json", "--jobs", "2", "--backend", "threading")

    assert (sharded.returncode, sharded.stderr) == (0, "")
    assert sharded.stdout == whole.stdout
    assert (folder / "b.json").read_bytes() == (folder / "a.json").read_bytes()


def test_the_same_command_resumes(folder):
    first = run(folder, "--run-dir", "run")
    again = run(folder, "--run-dir", "run")

    assert (first.stderr, again.stderr) == ("", "run: resumes after 3 of 3 shards\n")
    assert again.stdout == first.stdout


def test_a_changed_file_is_counted_again(folder):
    run(folder, "--run-dir", "run")
    changed = folder / "predicted" / "part-1.jsonl"
    lines = changed.read_bytes().splitlines(keepends=True)
    changed.write_bytes(b"".join(reversed(lines)))
    os.utime(changed, (1, 1))

    again = run(folder, "--run-dir", "run")

    assert again.stderr == (
        "run: resumes after 2 of 3 shards\n"
        "run: 1 shard counted before with other files, options or version: counted again\n"
    )
    assert again.stdout == run(folder).stdout
    assert len(list((folder / "run/shards").iterdir())) == 3


@pytest.mark.parametrize(
    "options",
    [("--level", "0.9"), ("--labels", "A"), ("--zones", "all"), ("--metrics", "entities/type")],
)
def test_other_options_count_all_shards_again(folder, options):
    run(folder, "--run-dir", "run")

    again = run(folder, "--run-dir", "run", *options)

    assert again.stderr.endswith(
        "run: 3 shards counted before with other files, options or version: counted again\n"
    )
    assert again.stdout == run(folder, *options).stdout


def test_damaged_counts_are_counted_again(folder):
    first = run(folder, "--run-dir", "run")
    for number, path in enumerate(sorted((folder / "run/shards").iterdir())):
        data = path.read_bytes()
        path.write_bytes([b"", data[:-9], data][number])

    again = run(folder, "--run-dir", "run")

    assert again.stderr == "run: resumes after 1 of 3 shards\n"
    assert again.stdout == first.stdout


def test_after_an_error_the_other_shards_are_kept(folder):
    path = folder / "gold" / "part-2.jsonl"
    data = path.read_bytes()
    path.write_bytes(data + b"{}\n")

    failed = run(folder, "--run-dir", "run")
    path.write_bytes(data)
    again = run(folder, "--run-dir", "run")

    assert failed.returncode == 2
    assert re.match(r"evalkit: gold/part-2.jsonl:5: ", failed.stderr)
    assert again.stderr.startswith("run: resumes after 2 of 3 shards\n")
    assert again.stdout == run(folder).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gold.jsonl", "predicted.jsonl"), "--run-dir .*: the counts of shards are stored: expe"),
        (PATTERNS, "other: holds other files, and no counts of shards; use a new folder"),
        (("gold/*.jsonl", "predicted.jsonl"), "predicted.jsonl: one file, while the other side"),
        (("gold", "gold.jsonl"), "gold: no corpus: .* scored as shards against a folder"),
        (("gold/x*.jsonl", "predicted/*"), "gold/x.*: no file matches"),
    ],
)
def test_what_cannot_be_resumed_is_refused(folder, arguments, message):
    (folder / "other").mkdir()
    (folder / "other" / "notes.txt").touch()

    refused = run_evalkit("score", *arguments, "--run-dir", "other", cwd=folder)

    assert refused.returncode == 2
    assert re.search(message, refused.stderr)


def test_an_unknown_backend_is_refused(folder):
    refused = run(folder, "--backend", "spark")

    assert refused.returncode == 2
    assert refused.stderr == (
        "evalkit: unknown value 'spark' in '--backend'; expected one of: loky, threading,"
        " dask:ADDRESS\n"
    )


def test_errors_of_workers_write_options_as_on_the_command_line(folder):
    lines = (folder / "predicted/part-1.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "predicted/part-1.jsonl").write_bytes(b"".join(lines[1:]))

    refused = run(folder, "--jobs", "2", "--backend", "loky")

    assert refused.returncode == 2
    assert re.match(
        r"evalkit: shard part-1.jsonl: predicted: lacks document 'd1' of gold; .* --missing empty$",
        refused.stderr,
    )


def test_python_stores_counts_too(folder):
    sides = folder / "gold", folder / "predicted"

    first = score(*sides, run_dir=folder / "run")

    assert score(*sides, run_dir=folder / "run", jobs=2).to_json() == first.to_json()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_command_keeps_the_finished_shards(folder, jobs):
    """The last shard takes seconds; the interrupt arrives when the others are stored."""
    for name in ("gold", "predicted"):
        line = (folder / name / "part-0.jsonl").read_text().splitlines()[0]
        with (folder / name / "part-9.jsonl").open("w") as file:
            for number in range(600_000):
                file.write(line.replace('"d0"', f'"x{number}"') + "\n")
    command = [*COMMAND, "score", *PATTERNS, "--run-dir", "run", "--jobs", str(jobs)]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    while len(list((folder / "run").glob("shards/*.counts"))) < 3:
        time.sleep(0.001)
        assert process.poll() is None

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)

    assert process.returncode == 130
    assert stderr.splitlines()[-1] == (
        "evalkit: interrupted: the counts of finished shards are in run; the same command resumes"
    )
    assert "Traceback" not in stderr
    for name in ("gold", "predicted"):
        (folder / name / "part-9.jsonl").unlink()
    assert run(folder, "--run-dir", "run").stderr == "run: resumes after 3 of 3 shards\n"


@pytest.mark.slow
def test_a_bar_is_shown_on_a_terminal_only(folder):
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "evalkit.cli", "score", *PATTERNS]
    with subprocess.Popen(command, cwd=folder, stderr=child, stdout=subprocess.DEVNULL):
        os.close(child)
        shown = b""
        while True:
            try:
                data = os.read(parent, 4096)
            except OSError:  # Linux, when the other end is closed
                break
            if not data:
                break
            shown += data
    os.close(parent)

    assert b"3/3" in shown
    assert b"shards" in shown
