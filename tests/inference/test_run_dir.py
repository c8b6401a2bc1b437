"""A run that was broken off goes on where it stopped, and nothing that was answered is asked for
again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
from helpers.cli import run_evalkit
from helpers.marked import corpus, marked

from evalkit import Corpus, Document, InputError, LoadError, load_corpus, load_model, predict, score
from evalkit.errors import ModelError, PartialRunError
from evalkit.models.registry import RUN_METADATA_KEY, Model

THREE = corpus("[Ada|PER] wrote", "[Bo|PER] read", "[Cy|PER] slept")
ROOT = Path(__file__).resolve().parents[2]


class Asked:
    """A model that remembers what it was asked, and fails on some texts."""

    def __init__(self, *fails, name="asked"):
        self.texts, self.fails, self.__name__ = [], list(fails), name

    def __call__(self, text, threshold=None, seed=None):
        self.texts.append(text)
        if text in self.fails:
            raise ValueError(f"no {text}")
        return [(0, 2, "PER")]


def always(label):
    """A function that closes over a label."""
    return lambda text: [(0, 3, label)]


def lines(folder, name="predictions.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def record(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def test_a_folder_keeps_the_predictions_and_what_they_were_made_with(tmp_path):
    predict(Asked("Bo read"), THREE, run_dir=tmp_path / "run", threshold=0.5)

    content = record(tmp_path / "run")
    assert content["settings"].pop("made of (sha256)")
    assert (
        content["model"],
        content["settings"],
        content["state"],
        content["answered"],
        content["failed"],
    ) == (
        "asked",
        {"threshold": 0.5},
        "finished",
        2,
        1,
    )
    assert content["corpus"]["documents"] == 3
    assert set(content["versions"]) == {"python", "evalkit"}
    assert [line["id"] for line in lines(tmp_path / "run")] == ["d0", "d1", "d2"]
    assert [line.get("failure") for line in lines(tmp_path / "run", "log.jsonl")] == [
        None,
        "ValueError: no Bo read",
        None,
    ]


def test_the_predictions_of_a_folder_are_a_corpus(tmp_path):
    predicted = predict(Asked(), THREE, run_dir=tmp_path)

    assert list(load_corpus(tmp_path / "predictions.jsonl", predictions=True)) == list(predicted)


def test_a_finished_run_asks_for_nothing_again(tmp_path):
    first, again = Asked("Bo read"), Asked()

    one, two = predict(first, THREE, run_dir=tmp_path), predict(again, THREE, run_dir=tmp_path)

    assert again.texts == []
    assert (list(one), one.schema) == (list(two), two.schema)


def test_failed_documents_are_repeated_with_retry_failed(tmp_path):
    predict(Asked("Bo read"), THREE, run_dir=tmp_path)
    again = Asked()

    predicted = predict(again, THREE, run_dir=tmp_path, retry_failed=True)

    assert again.texts == ["Bo read"]
    assert [document.failure for document in predicted] == [None] * 3
    assert [line["id"] for line in lines(tmp_path)] == ["d0", "d1", "d2"]


def test_an_interrupted_run_is_resumed(tmp_path):
    first, again = Asked("Ada wrote"), Asked("Ada wrote")
    with pytest.raises(
        PartialRunError,
        match=(
            r"1 document failed, more than max_failures=0, such as 'd0': ValueError: no Ada wrote;"
            r" fix"
        ),
    ):
        predict(one_by_one(first), THREE, run_dir=tmp_path, max_failures=0)

    predict(one_by_one(again), THREE, run_dir=tmp_path, max_failures=1)

    assert (first.texts, again.texts) == (["Ada wrote"], ["Bo read", "Cy slept"])
    assert [session.keys() for session in record(tmp_path)["sessions"]] == [
        {"started", "versions", "seconds"}
    ] * 2


def one_by_one(call):
    """The model of a function, asked in batches of one."""
    return replace(load_model(call), batch_size=1)


def test_a_torn_last_line_is_dropped(tmp_path):
    predict(Asked(), THREE, run_dir=tmp_path)
    whole = (tmp_path / "predictions.jsonl").read_bytes()
    (tmp_path / "predictions.jsonl").write_bytes(whole[:-7])
    again = Asked()

    predict(again, THREE, run_dir=tmp_path)

    assert again.texts == ["Cy slept"]
    assert (tmp_path / "predictions.jsonl").read_bytes() == whole


def test_a_line_that_is_broken_in_the_middle_is_refused_and_stays(tmp_path):
    predict(Asked(), THREE, run_dir=tmp_path)
    first, *rest = (tmp_path / "predictions.jsonl").read_bytes().splitlines(keepends=True)
    broken = b"{}\n" + first[:9] + b"\n" + b"".join(rest)
    (tmp_path / "predictions.jsonl").write_bytes(broken)

    with pytest.raises(LoadError, match=r"predictions.jsonl:1: "):
        predict(Asked(), THREE, run_dir=tmp_path)

    assert (tmp_path / "predictions.jsonl").read_bytes() == broken


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            Asked(name="other"),
            {"threshold": 0.5},
            "holds another run: model: 'asked', now 'other'; .*use another folder",
        ),
        (
            Asked(),
            {"threshold": 0.7},
            "holds another run: threshold: 0.5, now 0.7; use another folder",
        ),
        (Asked(), {"threshold": 0.5, "seed": 1}, "holds another run: seed: None, now 1"),
    ],
)
def test_another_run_in_the_same_folder_is_refused_naming_the_difference(
    tmp_path, model, arguments, message
):
    predict(Asked(), THREE, run_dir=tmp_path, threshold=0.5)
    before = (tmp_path / "predictions.jsonl").read_bytes()

    with pytest.raises(InputError, match=message):
        predict(model, THREE, run_dir=tmp_path, **arguments)

    assert (tmp_path / "predictions.jsonl").read_bytes() == before


def test_another_file_under_the_same_name_is_another_model(tmp_path):
    file = tmp_path / "another.py"
    file.write_text("def find(text):\n    return []\n")
    predict(f"{file}:find", THREE, run_dir=tmp_path / "run")
    file.write_text("def find(text):\n    return [(0, 1, 'X')]\n")

    with pytest.raises(
        InputError, match=r"holds another run: file \(sha256\): '[0-9a-f]{64}', now '[0-9a-f]{64}'"
    ):
        predict(f"{file}:find", THREE, run_dir=tmp_path / "run")


def test_a_corpus_may_grow_but_not_change(tmp_path):
    predict(Asked(), THREE, run_dir=tmp_path)
    again = Asked()

    predict(again, Corpus([*THREE, marked("Di sang", id="d3")]), run_dir=tmp_path)

    assert again.texts == ["Di sang"]
    with pytest.raises(
        InputError,
        match=(
            r"predictions.jsonl:1: document 'd0' was answered for another text, or by another model"
        ),
    ):
        predict(
            Asked(),
            Corpus([marked("Ada read", id="d0"), *list(THREE)[1:], marked("Di sang", id="d3")]),
            run_dir=tmp_path,
        )
    with pytest.raises(InputError, match=r"predictions.jsonl:3: document 'd2' is not in corpus"):
        predict(Asked(), Corpus([*list(THREE)[:2], marked("Di sang", id="d3")]), run_dir=tmp_path)


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "predictions.jsonl").write_text("")

    with pytest.raises(InputError, match=r"holds predictions.jsonl but no run.json"):
        predict(Asked(), THREE, run_dir=tmp_path)
    (tmp_path / "run.json").write_text(
        '{"model": "asked", "settings": {}, "versions": {}, "sessions": 5}'
    )
    with pytest.raises(InputError, match=r"run.json: not the record of a run"):
        predict(Asked(), THREE, run_dir=tmp_path)


def test_two_runs_do_not_share_a_folder(tmp_path):
    def model(text):
        predict(Asked(), THREE, run_dir=tmp_path)
        return []

    predicted = predict(model, THREE, run_dir=tmp_path)

    assert "another run is writing to it" in predicted[0].failure


def test_what_asking_took_is_in_the_log_and_not_in_the_predictions(tmp_path):
    def answer(documents):
        for n, document in enumerate(documents):
            usage = {"prompt_tokens": 10, "completion_tokens": 2, "cost": 0.5}
            yield Document(
                document.id,
                document.text,
                entities=(),
                meta={
                    "usage": usage,
                    RUN_METADATA_KEY: {"requests": n + 1, "retries": ["429"] * n},
                },
            )

    predict(Model("m", answer), THREE, run_dir=tmp_path)

    content = record(tmp_path)
    assert (content["requests"], content["retries"]) == (6, {"429": 3})
    assert content["usage"] == {"prompt_tokens": 30, "completion_tokens": 6, "cost": 1.5}
    assert [set(line["meta"]) for line in lines(tmp_path)] == [{"usage", "key"}] * 3


def test_no_secret_is_written_down(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-CANARY-12345678")

    def model(text, api_key, command):
        if text == "Bo read":
            raise ValueError(f"Incorrect API key provided: sk-CANARY-12345678, {api_key}")
        return []

    predicted = predict(
        model,
        THREE,
        run_dir=tmp_path,
        api_key="another-secret",
        command="curl -H 'Bearer sk-CANARY-12345678'",
    )

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"CANARY" not in written
    assert b"another-secret" not in written
    assert predicted[1].failure == "ValueError: Incorrect API key provided: [hidden], [hidden]"
    settings = record(tmp_path)["settings"]
    assert (settings["api_key"], settings["command"]) == ("[hidden]", "curl -H 'Bearer [hidden]'")


def test_a_model_error_ends_the_run_and_the_answers_so_far_are_kept(tmp_path):
    def answer(documents):
        if documents[0].id == "d2":
            raise ModelError("m: 401: the key is refused")
        return iter([Document(documents[0].id, documents[0].text, entities=())])

    with pytest.raises(ModelError, match="the key is refused"):
        predict(
            Model("m", answer, batch_size=1, is_io_bound=True),
            THREE,
            run_dir=tmp_path,
            concurrency=2,
        )

    assert [line["id"] for line in lines(tmp_path)] == ["d0", "d1"]
    assert record(tmp_path)["state"] == "stopped"


def evalkit(*arguments, **options):
    return run_evalkit(*arguments, **options)


def wait_for(process, happened):
    """Wait until something has happened, as long as a process runs."""
    while not happened():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def read_until(process, text):
    """What a process says on stderr, up to the line with a text."""
    notices = ""
    while text not in notices:
        line = process.stderr.readline()
        assert line, notices
        notices += line
    return notices


@pytest.fixture
def slow(tmp_path):
    """A corpus of sixty documents, and a model that notes what it is asked, and does not answer
    while there is a file `hold`.
    """
    Corpus([marked(f"[Ada|PER] wrote {n}", id=f"d{n}") for n in range(60)]).save(
        tmp_path / "gold.jsonl"
    )
    (tmp_path / "slow.py").write_text(
        "import os, time\nfrom pathlib import Path\n\nFOLDER = Path(__file__).parent\n\ndef"
        " find(text):\n    (FOLDER / f'pid{os.getpid()}').touch()\n    while (FOLDER /"
        " 'hold').exists():\n        time.sleep(0.01)\n    with (Path(__file__).parent /"
        " 'asked').open('a') as file:\n        file.write(text + '\\n')\n    return [(0, 3,"
        " 'PER')]\n"
    )
    return tmp_path


def test_the_command_line_says_what_it_finds_in_a_folder(slow):
    evalkit(
        "predict",
        slow / "gold.jsonl",
        "-m",
        f"{slow}/slow.py:find",
        "--run-dir",
        slow / "run",
        "-o",
        slow / "out.jsonl",
    )
    (slow / "run" / "predictions.jsonl").write_bytes(
        (slow / "run" / "predictions.jsonl").read_bytes()[:-5]
    )

    again = evalkit(
        "run", slow / "gold.jsonl", "-m", f"{slow}/slow.py:find", "--run-dir", slow / "run"
    )

    assert again.returncode == 0
    assert f"{slow}/run: dropped an incomplete last line of" in again.stderr
    assert f"{slow}/run: resumes after 59 of 60 documents" in again.stderr
    assert "slow.py:find on gold (60 documents)" in again.stdout
    assert len((slow / "asked").read_text().splitlines()) == 61


def test_an_interrupt_finishes_what_is_in_flight_and_writes(slow):
    command = [
        sys.executable,
        "-m",
        "evalkit.cli",
        "predict",
        f"{slow}/gold.jsonl",
        "-m",
        f"{slow}/slow.py:find",
        "--run-dir",
        f"{slow}/run",
        "-o",
        f"{slow}/out.jsonl",
    ]
    (slow / "hold").touch()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, lambda: any(slow.glob("pid*")))
        process.send_signal(signal.SIGINT)
        notices = read_until(process, "waiting for pending answers")
        (slow / "hold").unlink()
        notices += process.stderr.read()

    done = len(lines(slow / "run"))
    assert process.returncode == 4
    assert "waiting for pending answers; press Ctrl-C again to stop at once" in notices
    assert (
        f"evalkit: stopped: {done} of 60 documents are answered; run the same command again to"
        " resume" in notices
    )
    assert len(lines(slow, "out.jsonl")) == done < 60
    assert len((slow / "asked").read_text().splitlines()) == done


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes():
    run = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts/kills"),
            "--kills",
            "4",
            "--chain",
            "--documents",
            "100",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout.partition(": ")[2]) == (
        0,
        "the same bytes each time, nothing asked for twice unless it was in flight\n",
    )


def test_a_full_disk_is_one_line_and_the_run_is_resumed_later(slow):
    limit = "ulimit -f 4; exec " + " ".join(
        [
            "timeout 60",
            sys.executable,
            "-m evalkit.cli predict",
            f"{slow}/gold.jsonl",
            "-m",
            f"{slow}/slow.py:find",
            "--run-dir",
            f"{slow}/run",
        ]
    )
    full = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limit}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )

    again = evalkit(
        "predict",
        slow / "gold.jsonl",
        "-m",
        f"{slow}/slow.py:find",
        "--run-dir",
        slow / "run",
        "-o",
        slow / "out.jsonl",
    )

    assert full.returncode == 3
    assert full.stderr.splitlines()[-1].startswith("evalkit: ")
    assert "Traceback" not in full.stderr
    assert again.returncode == 0
    assert len(lines(slow, "out.jsonl")) == 60


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda text: [(0, 3, "PER")], lambda text: [(0, 3, "ORG")]),
        (always("PER"), always("ORG")),
        (Asked(name="PER"), Asked(name="ORG")),
    ],
)
def test_another_function_or_object_under_the_same_name_is_another_model(tmp_path, one, other):
    predict(one, THREE, run_dir=tmp_path)

    with pytest.raises(InputError, match="holds another run: .*made of"):
        predict(other, THREE, run_dir=tmp_path)


def test_another_pipeline_in_the_same_folder_is_another_model(tmp_path):
    for label in ("PER", "ORG"):
        nlp = spacy.blank("en")
        nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": "Ada"}])
        nlp.to_disk(tmp_path / label)
    (tmp_path / "PER").rename(tmp_path / "pipeline")
    predict(f"spacy:{tmp_path}/pipeline", THREE, run_dir=tmp_path / "run")
    (tmp_path / "pipeline").rename(tmp_path / "old")
    (tmp_path / "ORG").rename(tmp_path / "pipeline")

    with pytest.raises(InputError, match=r"holds another run: folder \(sha256\)"):
        predict(f"spacy:{tmp_path}/pipeline", THREE, run_dir=tmp_path / "run")


def test_predictions_that_were_edited_are_another_model(tmp_path):
    predict(Asked(), THREE).save(tmp_path / "out.jsonl")
    predict(f"predictions:{tmp_path}/out.jsonl", THREE, run_dir=tmp_path / "run")
    predict(lambda text: [], THREE).save(tmp_path / "out.jsonl")

    with pytest.raises(InputError, match=r"holds another run: file \(sha256\)"):
        predict(f"predictions:{tmp_path}/out.jsonl", THREE, run_dir=tmp_path / "run")


def test_other_versions_are_reported_and_stored_with_each_session(tmp_path):
    Corpus(THREE).save(tmp_path / "gold.jsonl")
    command = [
        "predict",
        tmp_path / "gold.jsonl",
        "--run-dir",
        tmp_path / "run",
        "-o",
        tmp_path / "out.jsonl",
    ]
    evalkit(*command)
    content = record(tmp_path / "run")
    content["versions"]["python"] = "2.7.18"
    (tmp_path / "run/run.json").write_text(json.dumps(content))

    again = evalkit(*command)

    assert (
        f"{tmp_path}/run: versions differ from the first run: python 2.7.18, now"
        f" {sys.version.split()[0]}; answers of both are used" in again.stderr
    )
    assert [session["versions"]["python"] for session in record(tmp_path / "run")["sessions"]] == [
        sys.version.split()[0]
    ] * 2


def test_a_panic_of_a_model_is_one_documents_failure(tmp_path):
    class Panic(BaseException):
        pass

    def model(text):
        if text == "Bo read":
            raise Panic("at the disco")
        return []

    assert [document.failure for document in predict(model, THREE, run_dir=tmp_path)] == [
        None,
        "Panic: at the disco",
        None,
    ]


@pytest.mark.parametrize(
    "meta",
    [
        {"run": "exp-12"},
        {"usage": 5},
        {"usage": {"prompt_tokens": "many", "cost": 10**400}},
        {"grounding": {"choices": [["entities", 0]]}},
        {RUN_METADATA_KEY: 3},
    ],
)
def test_whatever_stands_in_the_meta_of_an_answer_breaks_nothing(tmp_path, meta):
    def answer(documents):
        return (Document(d.id, d.text, entities=(), meta=meta) for d in documents)

    predicted = predict(Model("m", answer), THREE, run_dir=tmp_path)

    assert record(tmp_path)["state"] == "finished"
    assert score(THREE, predicted, boot=0)["entities/strict"].micro.tp == 0


def test_a_line_in_the_log_that_is_none_says_nothing(tmp_path):
    predict(Asked(), THREE, run_dir=tmp_path)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write("garbage\n5\n")

    predict(Asked(), THREE, run_dir=tmp_path)

    assert record(tmp_path)["state"] == "finished"


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(InputError, match="holds other files, and no run; use a new folder"):
        predict(Asked(), THREE, run_dir=tmp_path)


def test_output_does_not_go_over_the_record_of_a_run(slow):
    run = evalkit(
        "predict", slow / "gold.jsonl", "--run-dir", slow / "run", "-o", slow / "run" / "run.json"
    )

    assert (run.returncode, run.stderr) == (
        2,
        (
            f"evalkit: -o {slow}/run/run.json: the command reads or writes this file already;"
            " name another\n"
        ),
    )


def test_a_partial_output_is_cut_at_the_threshold_too(tmp_path):
    Corpus(THREE).save(tmp_path / "gold.jsonl")
    (tmp_path / "low.py").write_text(
        "def find(text):\n    if text[0] == 'B':\n        raise ValueError('no')\n    return"
        " [{'start': 0, 'end': 2, 'label': 'PER', 'score': 0.1}]\n"
    )

    run = evalkit(
        "predict",
        tmp_path / "gold.jsonl",
        "-m",
        f"{tmp_path}/low.py:find",
        "--threshold",
        "0.5",
        "--max-failures",
        "0",
        "-o",
        tmp_path / "out.jsonl",
    )

    assert run.returncode == 4
    assert [line.get("entities") for line in lines(tmp_path, "out.jsonl")] == [[], None]


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_does_not_reach_the_processes_that_work(slow):
    command = [
        sys.executable,
        "-m",
        "evalkit.cli",
        "predict",
        f"{slow}/gold.jsonl",
        "-m",
        f"{slow}/slow.py:find",
        "--jobs",
        "2",
        "--run-dir",
        f"{slow}/run",
        "-o",
        f"{slow}/out.jsonl",
    ]
    (slow / "hold").touch()
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for(process, lambda: len(list(slow.glob("pid*"))) == 2)
        os.killpg(process.pid, signal.SIGINT)
        notices = read_until(process, "waiting for pending answers")
        (slow / "hold").unlink()
        notices += process.stderr.read()

    assert process.returncode == 4
    assert "documents are answered; run the same command again to resume" in notices
    assert len(lines(slow / "run")) == len((slow / "asked").read_text().splitlines())


def test_a_second_ctrl_c_ends_a_run_at_once_and_says_what_is_kept(slow):
    (slow / "long.py").write_text(
        "import time\nfrom pathlib import Path\n\ndef find(text):\n    (Path(__file__).parent /"
        " 'begun').touch()\n    time.sleep(60)\n"
    )
    command = [
        sys.executable,
        "-m",
        "evalkit.cli",
        "predict",
        f"{slow}/gold.jsonl",
        "-m",
        f"{slow}/long.py:find",
        "--run-dir",
        f"{slow}/run",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, (slow / "begun").exists)
        process.send_signal(signal.SIGINT)
        notices = read_until(process, "waiting for pending answers")
        process.send_signal(signal.SIGINT)
        notices += process.stderr.read()

    assert process.returncode == 130
    assert (
        notices.splitlines()[-1]
        == f"evalkit: interrupted: the answers so far are in {slow}/run; the same command resumes"
    )
