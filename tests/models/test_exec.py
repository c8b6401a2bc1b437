"""A program answers over its stdin and stdout, in whatever order and however badly; every document
comes back, and nothing is left running.
"""

import itertools
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.marked import corpus

from evalkit import (
    Argument,
    Attribution,
    Document,
    Entity,
    Event,
    InputError,
    Span,
    Unplaced,
    evaluate,
    load_model,
    predict,
)
from evalkit.errors import ModelError
from evalkit.models import exec  # noqa: A004, F401  loaded before `hangs` replaces an exception
from evalkit.models import exec_process as running
from evalkit.models.exec_answers import LEFT_OUT

PEOPLE = corpus("[Ada|PER] met", "[Bo|PER] left", "[Cy|PER] slept", name="people")
HEAD = """
import json, os, signal, subprocess, sys, time
def say(**answer): print(json.dumps(answer), flush=True)
def per(document): return [{"label": "PER", "start": 0, "end": document["text"].index(" ")}]
documents = map(json.loads, sys.stdin)
"""
ANSWER = 'for d in documents: say(id=d["id"], entities=per(d))\n'


@pytest.fixture
def model(tmp_path):
    """A model from the code of a program."""
    numbers = itertools.count()

    def made(code, **arguments):
        file = tmp_path / f"program{next(numbers)}.py"
        file.write_text(HEAD + code)
        return load_model(f"exec:{shlex.quote(sys.executable)} {file}", **arguments)

    return made


@pytest.fixture
def hangs(tmp_path, monkeypatch):
    """A file that a program makes before it hangs: evalkit's clock then advances by an hour with
    each reading, until evalkit gives the program up, so that no test waits for a timeout.
    """
    file = tmp_path / "hangs"

    class Clock:
        ahead = 0

        def monotonic(self):
            self.ahead += 3600 * file.exists()
            return time.monotonic() + self.ahead

    class Stuck(running.ProcessTimeoutError):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            file.unlink(missing_ok=True)

    monkeypatch.setattr(running, "time", Clock())
    monkeypatch.setattr(running, "ProcessTimeoutError", Stuck)
    return file


def failures(predicted):
    return [document.failure for document in predicted]


def gone(file):
    """Whether the process whose id a file holds has ended, within a minute."""
    stat, until = Path(f"/proc/{file.read_text()}/stat"), time.monotonic() + 60
    while stat.exists() and ") Z " not in stat.read_text() and time.monotonic() < until:
        time.sleep(0.01)
    return not stat.exists() or ") Z " in stat.read_text()


@pytest.mark.parametrize(
    "code",
    [
        ANSWER,
        "for d in documents: say(**d, entities=per(d))\n",
        'for d in reversed(list(documents)): say(id=d["id"], entities=per(d))\n',
        'print("\\ufeff", end="")\n' + ANSWER,
        "print()\n" + ANSWER + "print()\n",
        (
            'print("\\r\\n".join(json.dumps({"id": d["id"], "entities": per(d)}) for d in'
            ' documents), end="")\n'
        ),
    ],
    ids=[
        "one by one",
        "with the text",
        "backwards",
        "with a byte-order mark",
        "with blank lines",
        "carriage returns, and no line feed at the end",
    ],
)
def test_a_program_may_answer_in_any_order(code, model):
    scores = evaluate(model(code), PEOPLE)

    assert scores["entities/strict"].micro.f1 == 1
    assert scores.metadata.failures == {}


def test_a_program_sees_ids_and_texts_alone(model, tmp_path):
    predict(
        model(
            f'for d in documents:\n    open({str(tmp_path / "seen")!r}, "a").write(json.dumps(d) +'
            ' "\\n")\n    say(id=d["id"])\n'
        ),
        PEOPLE,
    )

    assert [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()] == [
        {"id": d.id, "text": d.text} for d in PEOPLE
    ]


def test_a_program_is_started_once(model, tmp_path):
    predict(
        model(f'open({str(tmp_path / "starts")!r}, "a").write("x")\n' + ANSWER),
        corpus(*["[Ada|PER] met"] * 100),
    )

    assert (tmp_path / "starts").read_text() == "x"


def test_the_answer_to_a_document_is_there_before_the_next_is_answered(model, tmp_path):
    go = tmp_path / "go"
    answers = model(
        'for d in documents:\n    say(id=d["id"], entities=per(d))\n    while not'
        f" os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    ).predict(list(PEOPLE))

    first = next(answers)
    go.touch()

    assert (first.id, first.entities) == ("d0", (Entity("PER", 0, 3),))
    assert [document.id for document in answers] == ["d1", "d2"]


def test_more_than_the_pipes_hold_blocks_nobody(model):
    long = corpus(*["[Ada|PER] " + "x" * 100_000] * 30)

    all_at_the_end = predict(
        model(
            'for d in list(documents): say(**d, entities=per(d), meta={"much": "y" * 100_000})\n'
        ),
        long,
    )
    talkative = predict(
        model(
            'for d in documents:\n    sys.stderr.write("z" * 100_000 + "\\n")\n    say(id=d["id"],'
            " entities=per(d))\n"
        ),
        long,
    )

    assert failures(all_at_the_end) == failures(talkative) == [None] * 30


def test_no_documents_start_nothing(model):
    assert list(model("raise SystemExit(1)").predict([])) == []


def test_what_is_invalid_in_an_answer_is_unplaced(model):
    code = """
for d in documents:
    say(id=d["id"], entities=per(d) + [{"label": "PER", "start": 0, "end": 99}, {"label": "PER", "start": "0", "end": 2}, {"start": 0, "end": 2}, 7,
        {"label": "PER", "start": 0, "end": 3, "text": "Bob"}])
"""  # noqa: E501
    scores = evaluate(model(code), corpus("[Ada|PER] met"))

    assert (scores["entities/strict"].micro.tp, scores["entities/strict"].micro.predicted) == (1, 6)
    assert sorted(scores.metadata.unplaced) == [
        "end: 99 is past the end of the text (length 7)",
        "expected an object with start and end, got 7",
        "label: invalid label None: expected a non-empty string",
        "start: invalid offset '0': expected a whole number",
        "text: 'Bob' is not the text at 0 to 3: 'Ada'; these words are not in the text",
    ]


def test_numbers_that_json_does_not_have_spoil_no_answer(model):
    predicted = predict(
        model(
            'for d in documents: say(id=d["id"], entities=[{**per(d)[0], "score": float("nan")}])\n'
        ),
        PEOPLE,
    )

    assert predicted[0].entities == (Entity("PER", 0, 3),)


def test_a_program_may_say_that_it_failed(model):
    assert (
        failures(
            predict(model('for d in documents: say(id=d["id"], failure="too long")\n'), PEOPLE)
        )
        == ["too long"] * 3
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"id": "d1", "text": "another"}', "the answer has another text: 'another'"),
        (
            '{"id": "d1", "spans": []}',
            "unknown key 'spans'; expected one of: id, text, entities, .*",
        ),
        ('{"id": "d1", "entities": {}}', "entities: expected a list, got {}"),
        (
            '{"id": "d1", "entities": [',
            'line 2 is not JSON: Expecting value.*: \'{"id": "d1", "entities": \\[\'',
        ),
        (
            '{"id": "d1", "entities": [], "entities": []}',
            "line 2 is duplicate key 'entities' in one object; keep one of them: .*",
        ),
        (
            '{"id": "d1", "meta": {"a": "\\\\ud800"}}',
            "line 2 is a lone surrogate: a text was encoded wrongly: .*",
        ),
        (
            '{"id": "d1", "meta": ' + "[" * 9_000 + "]" * 9_000 + "}",
            "line 2 is nested too deeply: .*",
        ),
        ('{"id": "d1", "text": "\\\\udcff"}', "line 2 is a lone surrogate.*"),
    ],
)
def test_a_bad_answer_fails_the_document_that_it_names(answer, reason, model):
    predicted = predict(
        model(
            f"""for d in documents: print('''{answer}''') if d["id"] == "d1" else say(id=d["id"], entities=per(d))\n"""  # noqa: E501
        ),
        PEOPLE,
    )

    assert [document.failure is None for document in predicted] == [True, False, True]
    assert re.fullmatch(reason, predicted[1].failure)


def test_a_line_that_is_not_utf8_fails_the_document_that_it_names(model):
    code = (
        'for d in documents: sys.stdout.buffer.write(b\'{"id": "d1", "meta": {"a": "\\xff"}}\\n\')'
        ' if d["id"] == "d1" else say(id=d["id"])\n'
    )

    assert failures(predict(model(code), PEOPLE)) == [
        None,
        'line 2 is not UTF-8: invalid start byte: \'{"id": "d1", "meta": {"a": "�"}}\'',
        None,
    ]


def test_a_line_that_is_not_an_answer_is_reported_and_fails_no_document(model, capfd):
    predicted = predict(
        model('print("Loading…")\n' + ANSWER + 'say(id="d9")\nprint(7)\nsay(id=5)\nprint("bye")\n'),
        PEOPLE,
    )

    assert failures(predicted) == [None] * 3
    messages = [line.partition(".py: ")[2] for line in capfd.readouterr().err.splitlines()]
    assert messages == [
        (
            "line 1 is not JSON: Expecting value: line 1 column 1 (char 0): 'Loading…'; write other"
            " output to stderr"
        ),
        (
            'line 5 has no id of a document that was sent: \'{"id": "d9"}\'; write other output to'
            " stderr"
        ),
        "line 6 has no id of a document that was sent: '7'; write other output to stderr",
        "lines that are not answers: 2 more",
    ]


def test_documents_without_an_answer_say_what_came_instead(model, capfd):
    predicted = predict(model('for d in documents: say(id="doc-" + d["id"])\n'), PEOPLE)

    assert set(failures(predicted)) == {
        "no answer: the program ended with exit status 0; line 1 has no id of a document that was"
        ' sent: \'{"id": "doc-d0"}\''
    }


def test_a_second_answer_fails_a_document_that_waits_for_its_turn(model):
    predicted = predict(
        model(
            'a, *rest = documents\nfor d in [*rest, *rest, a]: say(id=d["id"], entities=per(d))\n'
        ),
        PEOPLE,
    )

    assert failures(predicted) == [
        None,
        *(
            f"line {n} is a second answer for document 'd{n - 2}': expected one line for each"
            " document"
            for n in (3, 4)
        ),
    ]


def test_a_second_answer_to_a_document_that_is_handed_out_ends_the_run(model):
    with pytest.raises(
        ModelError,
        match=(
            r"line 2 is a second answer for document 'd0': expected one line for each document: '\{"
            r"\"id\": \"d0\""
        ),
    ):
        predict(model('for d in documents:\n    say(id=d["id"])\n    say(id=d["id"])\n'), PEOPLE)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("raise ValueError('boom')", "ended with exit status 1; stderr: 'ValueError: boom'"),
        ("sys.exit(3)", "ended with exit status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("sys.exit()", "ended with exit status 0"),
    ],
)
def test_a_program_that_ends_early_fails_what_it_has_not_answered(code, how, model):
    predicted = predict(
        model(f'd = json.loads(input())\nsay(id=d["id"], entities=per(d))\n{code}\n'), PEOPLE
    )

    assert failures(predicted) == [None, *[f"no answer: the program {how}"] * 2]


def test_a_cut_last_line_fails_the_document_that_it_names(model):
    predicted = predict(
        model('next(documents)\nsay(id="d0")\nsys.stdout.write(\'{"id": "d1", "ent\')\n'), PEOPLE
    )

    assert predicted[1].failure.startswith("line 2 is not JSON: Unterminated string")
    assert predicted[2].failure == "no answer: the program ended with exit status 0"


def test_an_exit_status_after_the_last_answer_is_reported(model, capfd):
    predicted = predict(model(ANSWER + "raise ValueError('too late')\n"), PEOPLE)

    assert failures(predicted) == [None] * 3
    assert capfd.readouterr().err.endswith(
        ".py: the program ended with exit status 1 after its last answer; stderr: 'ValueError: too"
        " late'\n"
    )


def test_what_a_program_says_on_stderr_is_passed_on(model, capsys):
    predict(model('print("Lädt…", file=sys.stderr)\n' + ANSWER), PEOPLE)

    assert capsys.readouterr().err == "Lädt…\n"


def test_silence_costs_the_document_that_is_waited_for_and_no_other(model, hangs, tmp_path):
    code = f"""
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
open({str(tmp_path / "starts")!r}, "a").write("x")
for d in documents:
    if d["id"] == "d1":
        open({str(hangs)!r}, "w")
        time.sleep(600)
    say(id=d["id"], entities=per(d))
os.close(1); child.kill()
"""
    predicted = predict(model(code, timeout=1000), PEOPLE)

    assert failures(predicted) == [None, "no answer within 1000 s", None]
    assert (tmp_path / "starts").read_text() == "xx"
    assert gone(tmp_path / "child")


def test_a_program_that_will_not_end_is_ended(model, hangs, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "TERMINATE_TIMEOUT", 0.1)
    code = (
        f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen({str(tmp_path / 'pid')!r},"
        f' "w").write(str(os.getpid()))\nnext(documents)\nopen({str(hangs)!r},'
        ' "w")\ntime.sleep(600)\n'
    )

    predicted = predict(model(code, timeout=1000), PEOPLE[:1])

    assert failures(predicted) == ["no answer within 1000 s"]
    assert gone(tmp_path / "pid")


def test_a_program_that_does_not_exit_after_its_last_answer_is_ended_and_reported(
    model, monkeypatch, capfd
):
    monkeypatch.setattr("evalkit.models.exec.EXIT_TIMEOUT", 0.2)

    predicted = predict(model(ANSWER + "time.sleep(600)\n"), PEOPLE)

    assert failures(predicted) == [None] * 3
    assert "the program did not exit after its last answer" in capfd.readouterr().err


def test_a_program_that_closes_its_output_and_runs_on_has_failed(model, monkeypatch):
    monkeypatch.setattr(running, "EXIT_TIMEOUT", 0.2)

    predicted = predict(
        model('next(documents)\nsay(id="d0")\nos.close(1)\ntime.sleep(600)\n'), PEOPLE
    )

    assert failures(predicted) == [
        None,
        *["no answer: the program closed its output and did not exit"] * 2,
    ]


@pytest.mark.slow
def test_what_a_program_leaves_behind_holds_nobody_up(model, tmp_path):
    code = (
        f'child = subprocess.Popen(["sleep", "600"])\nopen({str(tmp_path / "child")!r},'
        ' "w").write(str(child.pid))\nnext(documents)\nsay(id="d0")\nos._exit(0)\n'
    )

    predicted = predict(model(code), PEOPLE)

    assert failures(predicted) == [None, *["no answer: the program ended with exit status 0"] * 2]
    assert gone(tmp_path / "child")


def test_a_program_is_ended_when_its_answers_are_no_longer_wanted(model, tmp_path):
    answers = model(
        f'open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))\nfor d in documents:\n'
        '    say(id=d["id"])\n    time.sleep(600)\n'
    ).predict(list(PEOPLE))

    next(answers)
    answers.close()

    assert gone(tmp_path / "pid")


def test_a_line_without_end_fails_its_document_alone(model, monkeypatch):
    monkeypatch.setattr(running, "MAX_LINE_BYTES", 200_000)
    code = """
for d in documents:
    while d["id"] == "d1": sys.stdout.write('{"id": "d1", "meta": {"much": "' + "x" * 100_000)
    say(id=d["id"], entities=per(d))
"""
    assert failures(predict(model(code), PEOPLE)) == [
        None,
        "a line of more than 200,000 bytes",
        None,
    ]


def test_a_line_without_end_that_names_what_was_answered_fails_what_is_waited_for(
    model, monkeypatch
):
    monkeypatch.setattr(running, "MAX_LINE_BYTES", 200_000)

    predicted = predict(
        model('next(documents)\nwhile True: sys.stdout.write(\'{"id": "d9\' + "x" * 100_000)\n'),
        PEOPLE,
    )

    assert failures(predicted) == ["a line of more than 200,000 bytes"] * 3


def test_a_run_does_not_go_on_with_another_program(model, tmp_path):
    before = model(ANSWER).settings
    (tmp_path / "program0.py").write_text("another")
    after = load_model(
        f"exec:{sys.executable} -u {tmp_path}/program0.py --log {tmp_path}/log"
    ).settings

    assert before["command"] == [sys.executable, str(tmp_path / "program0.py")]
    assert (
        set(before["files (sha256)"])
        == set(after["files (sha256)"])
        == {sys.executable, str(tmp_path / "program0.py")}
    )
    assert before["files (sha256)"] != after["files (sha256)"]


def test_the_timeout_is_none_of_what_answers_depend_on(model):
    assert "timeout" not in model(ANSWER, timeout=5).settings


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text("print()\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "lost.py").write_text("#!/no/such/interpreter\n")
    (tmp_path / "lost.py").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "exec: write a command after the colon, as in exec:./model.py"),
        ("''", "exec: write a command after the colon"),
        ("./model.py", "exec:./model.py: no program './model.py' there"),
        ("no-such-program --fast", "no program 'no-such-program' on the PATH"),
        (
            "plain.py",
            "no program 'plain.py' on the PATH; for the file in the working folder, write ./plain",
        ),
        (
            "./plain.py",
            (
                "./plain.py is not executable: use chmod \\+x ./plain.py, or name its interpreter,"
                " as in python ./plain.py"
            ),
        ),
        ("./folder", "./folder is a folder"),
        ("sh 'x", "No closing quotation"),
        ("cat | sort", r"\| needs a shell, and none is used"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused(command, message, here):
    with pytest.raises(InputError, match=message):
        load_model(f"exec:{command}")


def test_a_program_that_cannot_be_started_is_an_error_before_the_first_document(here):
    with pytest.raises(
        InputError,
        match=(
            "./lost.py: cannot be started: No such file or directory; does its first line name an"
            " interpreter"
        ),
    ):
        predict("exec:./lost.py", PEOPLE)


@pytest.mark.parametrize("timeout", [0, -1, "5", True, float("inf"), float("nan")])
def test_a_timeout_is_a_number_of_seconds(timeout, model):
    with pytest.raises(InputError, match="exec: timeout=.*: expected a number of seconds > 0"):
        model(ANSWER, timeout=timeout)


def test_nothing_is_expanded_by_a_shell(model, tmp_path):
    code = 'for d in documents: say(id=d["id"], meta={"given": sys.argv[1:]})\n'
    (tmp_path / "show.py").write_text(HEAD + code)

    predicted = predict(
        f"exec:{sys.executable} {tmp_path}/show.py '$HOME' *.py \"two words\"", PEOPLE
    )

    assert predicted[0].meta == {"given": ["$HOME", "*.py", "two words"]}


def answered(text, **answer):
    """What is kept of one answer, without a program around it."""
    from evalkit.models.exec_answers import build_document

    return build_document(Document("d", text), answer)


TEXT = "Ada hit Bo"
EVENT = {
    "label": "Hit",
    "trigger": {"start": 4, "end": 7},
    "arguments": [{"role": "Agent", "start": 0, "end": 3}],
}
SAYS = {
    "cue": {"start": 4, "end": 7},
    "content": {"start": 8, "end": 10},
    "source": {"start": 0, "end": 3},
}


def test_a_good_answer_is_kept_as_it_is():
    entity = {
        "label": "PER",
        "start": 0,
        "end": 3,
        "id": "T1",
        "score": 1,
        "attributes": {"a": 1},
        "text": "Ada",
    }
    event = {
        **EVENT,
        "id": "E1",
        "realis": "ACTUAL",
        "arguments": [{"role": "Agent", "start": 0, "end": 3, "ref": "T1", "score": 0.5}],
    }
    attribution = {**SAYS, "label": "assertion", "source_name": {"start": 0, "end": 3}}
    unplaced = {"layer": "entities", "label": "PER", "reason": "nowhere"}

    assert answered(
        TEXT,
        entities=[entity],
        events=[event],
        attributions=[attribution],
        unplaced=[unplaced],
        zones=[],
        meta={"seconds": 1},
    ) == Document(
        "d",
        TEXT,
        (Entity("PER", 0, 3, id="T1", score=1.0, attributes={"a": 1}),),
        (
            Event(
                "Hit",
                Span(4, 7),
                (Argument("Agent", 0, 3, ref="T1", score=0.5),),
                id="E1",
                realis="ACTUAL",
            ),
        ),
        (Attribution(Span(4, 7), Span(8, 10), Span(0, 3), "assertion", source_name=Span(0, 3)),),
        meta={"seconds": 1},
        unplaced=(Unplaced("entities", "PER", "nowhere"),),
    )


def test_a_layer_that_is_absent_was_not_given():
    assert (answered(TEXT, events=[]).entities, answered(TEXT, events=[]).events) == (None, ())


def test_a_discontinuous_span_is_kept():
    assert answered(
        TEXT, entities=[{"label": "PER", "start": 0, "end": 10, "fragments": [[0, 3], [8, 10]]}]
    ).entities == (Entity("PER", 0, 10, fragments=((0, 3), (8, 10))),)


@pytest.mark.parametrize(
    ("layer", "item", "unplaced"),
    [
        (
            "events",
            {**EVENT, "trigger": {"start": 4, "end": 99}, "realis": "ACTUAL"},
            [("triggers", "Hit"), ("realis", "ACTUAL"), ("arguments", "Agent")],
        ),
        (
            "events",
            {**EVENT, "trigger": {"start": 4, "end": 7, "text": "his"}},
            [("triggers", "Hit"), ("arguments", "Agent")],
        ),
        ("events", {"label": "Hit"}, [("triggers", "Hit")]),
        ("events", {"label": "Hit", "arguments": []}, [("triggers", "Hit")]),
        (
            "events",
            {"label": "Hit", "start": 4, "end": 7, "arguments": EVENT["arguments"]},
            [("triggers", "Hit"), ("arguments", "Agent")],
        ),
        ("events", {**EVENT, "label": ""}, [("triggers", "unlabeled"), ("arguments", "Agent")]),
        ("events", "hit", [("triggers", "unlabeled")]),
        (
            "events",
            {**EVENT, "arguments": [{"role": "Agent", "start": 3, "end": 3}]},
            [("arguments", "Agent")],
        ),
        ("events", {**EVENT, "arguments": [{"start": 0, "end": 3}]}, [("arguments", "unlabeled")]),
        ("events", {**EVENT, "arguments": "Ada"}, [("arguments", "unlabeled")]),
        ("events", {**EVENT, "realis": 5}, [("realis", "unlabeled")]),
        ("attributions", {**SAYS, "source": {"start": -1, "end": 3}}, [("attributions", "source")]),
        ("attributions", {**SAYS, "cue": "hit"}, [("attributions", "cue")]),
        (
            "attributions",
            {**SAYS, "content": {"start": 8}},
            [
                ("attributions", "content"),
                ("attribution-relations", "attribution"),
                ("attributions", "source"),
                ("attributions", "cue"),
            ],
        ),
        (
            "attributions",
            {"cue": SAYS["cue"]},
            [
                ("attributions", "content"),
                ("attribution-relations", "attribution"),
                ("attributions", "cue"),
            ],
        ),
        (
            "attributions",
            7,
            [("attributions", "content"), ("attribution-relations", "attribution")],
        ),
    ],
)
def test_what_has_no_place_is_unplaced_in_every_layer_that_it_would_be_in(layer, item, unplaced):
    found = answered(TEXT, **{layer: [item]})

    assert [(u.layer, u.label) for u in found.unplaced] == unplaced
    assert found.failure is None


@pytest.mark.parametrize("trigger", [{}, {"trigger": None}])
def test_an_event_with_arguments_needs_no_trigger(trigger):
    event = {"label": "Hit", "arguments": EVENT["arguments"], **trigger}

    found = answered(TEXT, events=[event])

    assert found.events == (Event("Hit", None, (Argument("Agent", 0, 3),)),)
    assert (found.unplaced, found.failure, found.meta) == ((), None, None)


def test_an_event_keeps_the_arguments_that_are_valid():
    event = {
        **EVENT,
        "arguments": [
            *EVENT["arguments"],
            {"role": "Patient", "start": 8, "end": 99, "text": "Boris"},
        ],
    }

    found = answered(TEXT, events=[event])

    assert found.events == (Event("Hit", Span(4, 7), (Argument("Agent", 0, 3),)),)
    assert found.unplaced == (
        Unplaced(
            "arguments", "Patient", "end: 99 is past the end of the text (length 10)", quote="Boris"
        ),
    )


@pytest.mark.parametrize(
    ("layer", "item", "left_out"),
    [
        ("entities", {"label": "PER", "start": 0, "end": 3, "id": 5}, "entities[0].id: 5"),
        (
            "entities",
            {"label": "PER", "start": 0, "end": 3, "score": "high"},
            "entities[0].score: 'high'",
        ),
        (
            "entities",
            {"label": "PER", "start": 0, "end": 3, "attributes": {"a": []}},
            "entities[0].attributes: {'a': []}",
        ),
        (
            "entities",
            {"label": "PER", "start": 0, "end": 3, "word": "Ada"},
            "entities[0]: unknown key 'word'",
        ),
        (
            "events",
            {**EVENT, "trigger": {"start": 4, "end": 7, "pos": "V"}},
            "events[0].trigger: unknown key 'pos'",
        ),
        (
            "events",
            {**EVENT, "arguments": [{"role": "Agent", "start": 0, "end": 3, "ref": "T9"}]},
            (
                "document 'd', events[0].arguments[0].ref: no entity or event of this document has"
                " the id 'T9'; all ids, refs and parents"
            ),
        ),
        (
            "attributions",
            {**SAYS, "parent": "A9"},
            (
                "document 'd', attributions[0].parent: no attribution of this document has the id"
                " 'A9'; all ids, refs and parents"
            ),
        ),
        (
            "attributions",
            {**SAYS, "source_name": 5},
            "attributions[0].source_name: expected an object with start and end, got 5",
        ),
        (
            "unplaced",
            {"layer": "nowhere", "label": "PER", "reason": "r"},
            "unplaced: {'layer': 'nowhere', 'label': 'PER', 'reason': 'r'}: .*",
        ),
    ],
)
def test_an_invalid_detail_is_left_out_and_listed_and_its_annotation_stays(layer, item, left_out):
    found = answered(TEXT, **{layer: [item]})

    assert (len(getattr(found, layer)), len(found.unplaced)) == (layer != "unplaced", 0)
    assert len(found.meta[LEFT_OUT]) == 1
    assert found.meta[LEFT_OUT][0].startswith(left_out.removesuffix(".*"))


def test_details_that_were_left_out_are_listed_on_stderr(model, capfd):
    predict(
        model(
            'for d in documents: say(id=d["id"], entities=[{**per(d)[0], "word": 1, "index": 2}])\n'
        ),
        corpus(*["[Ada|PER] met"] * 5),
    )

    messages = [line.partition(".py: ")[2] for line in capfd.readouterr().err.splitlines()]
    assert messages == [
        *(f"document 'd{n}': left out: entities[0]: unknown key 'word'; 1 more" for n in range(3)),
        "left out: 2 more",
    ]


def test_no_more_than_twenty_are_named_of_what_was_left_out():
    entities = [{"label": "PER", "start": 0, "end": 3, "word": n} for n in range(25)]

    assert answered(TEXT, entities=entities).meta[LEFT_OUT][20:] == ["and 5 more"]


def test_meta_that_is_no_object_is_left_out():
    assert answered(TEXT, meta=[1]).meta == {LEFT_OUT: ["meta: expected an object, got [1]"]}


def test_a_failure_without_a_reason_is_a_failure():
    assert [answered(TEXT, failure="").failure, answered(TEXT, failure=False).failure] == [
        "the model gave no reason",
        "False",
    ]


def test_no_program_is_left_when_its_answers_have_come(model, tmp_path):
    predict(
        model(f'open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))\n' + ANSWER), PEOPLE
    )

    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_a_program_is_ended_when_evalkit_is_interrupted(model, tmp_path):
    command = model(
        f"open({str(tmp_path / 'pid')!r},"
        ' "w").write(str(os.getpid()))\nsay(id="d0")\ntime.sleep(600)\n'
    ).name
    # Whoever runs the tests may ignore SIGINT, as nohup and shells without job control do, and the
    # program would inherit that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = (
        f"{heed}; import evalkit; docs = [evalkit.Document('d0', 'a'), evalkit.Document('d1',"
        f" 'b')]; [print(d.id, flush=True) for d in evalkit.load_model({command!r}).predict(docs)]"
    )

    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        first = run.stdout.readline()
        run.send_signal(signal.SIGINT)
        try:
            output = run.communicate(timeout=120)[1]
        finally:
            run.kill()

    assert (first, output.splitlines()[-1]) == ("d0\n", "KeyboardInterrupt")
    assert gone(tmp_path / "pid")
