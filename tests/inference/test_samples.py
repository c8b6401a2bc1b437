"""The requests to an endpoint and its responses are kept in the run directory, without secrets, and
its answers can be parsed again without a request.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from helpers.cli import run_evalkit
from helpers.endpoint import (
    Endpoint,
    completion,
    cut,
    deep,
    echo,
    echo_in_answer,
    error,
    found,
    page,
    reply,
)
from helpers.llm_runs import (
    BOTH_LAYERS,
    corpus,
    everything,
    lines,
    options,
    record,
    save_with_events,
)

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Scores,
    Unplaced,
    evaluate,
    load_model,
    predict,
)
from evalkit.errors import ModelError, PartialRunError
from evalkit.models.registry import RUN_METADATA_KEY, SAMPLES_METADATA_KEY, Model

CANARY = "sk-CANARY-0a1b2c3d4e5f6071"
ADA = found(("PER", "Ada"))


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


# ---- samples -------------------------------------------------------------------------------------


def test_each_request_is_kept_with_its_response(tmp_path):
    with Endpoint(a=[error(500), ADA]) as endpoint:
        predict(
            "openai:test",
            corpus("a", "b"),
            run_dir=tmp_path,
            **options(endpoint, temperature=0.5, response_format="object"),
        )

    samples = lines(tmp_path)
    assert [(sample["id"], sample["status"]) for sample in samples] == [
        ("a", 500),
        ("a", 200),
        ("b", 200),
    ]
    assert [sample["request"] for sample in samples] == endpoint.bodies
    assert samples[1]["request"]["temperature"] == 0.5
    assert samples[1]["request"]["messages"][-1]["content"].count("Ada met Acme. DOC-a") == 1
    assert samples[0]["response"]["error"]["message"] == "no"
    answer = samples[1]["response"]
    assert json.loads(answer["choices"][0]["message"]["content"]) == {
        "entities": [{"label": "PER", "quote": "Ada", "context": ""}]
    }
    assert answer["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    for sample in samples:
        assert sample["time"].endswith("+00:00")
        assert sample["seconds"] >= 0


def test_a_request_without_an_answer_is_kept_with_the_reason(tmp_path):
    with Endpoint(a=[cut, cut], b=[page(200), ADA]) as endpoint:
        predict("openai:test", corpus("a", "b"), run_dir=tmp_path, **options(endpoint))

    samples = lines(tmp_path)
    assert [sample.get("status") for sample in samples] == [None, None, 200, 200]
    assert samples[0]["error"]
    assert samples[2]["response"].startswith("<!doctype html>")


def test_the_requests_that_stop_a_run_are_kept(tmp_path):
    with Endpoint(b=[error(401)]) as endpoint, pytest.raises(ModelError, match="401"):
        predict("openai:test", corpus("a", "b"), run_dir=tmp_path, **options(endpoint))

    assert [(sample["id"], sample["status"]) for sample in lines(tmp_path)] == [
        ("a", 200),
        ("b", 401),
    ]
    assert SAMPLES_METADATA_KEY not in (tmp_path / "log.jsonl").read_text()


def test_the_requests_of_answers_that_are_all_malformed_are_kept(tmp_path):
    malformed = completion('{"entities": [{"label": "PER"}]}')
    with (
        Endpoint(a=[malformed], b=[malformed]) as endpoint,
        pytest.raises(ModelError, match="every prediction for the first 2 documents"),
    ):
        predict("openai:test", corpus("a", "b"), run_dir=tmp_path, **options(endpoint))

    assert [sample["id"] for sample in lines(tmp_path)] == ["a", "b"]


def test_predictions_and_log_are_the_same_with_and_without_samples(tmp_path):
    with Endpoint() as endpoint:
        for folder, log_samples in (("with", None), ("without", False)):
            predict(
                "openai:test",
                corpus("a", "b"),
                run_dir=tmp_path / folder,
                log_samples=log_samples,
                **options(endpoint),
            )

    first, second = tmp_path / "with", tmp_path / "without"
    assert (first / "samples.jsonl").exists()
    assert not (second / "samples.jsonl").exists()
    assert lines(first, "predictions.jsonl") == lines(second, "predictions.jsonl")
    assert SAMPLES_METADATA_KEY not in (first / "predictions.jsonl").read_text()


def test_a_model_without_requests_has_no_samples(tmp_path):
    predict(lambda text: [(0, 3, "PER")], corpus("a"), run_dir=tmp_path, log_samples=True)

    assert not (tmp_path / "samples.jsonl").exists()


def test_samples_need_a_run_directory():
    with pytest.raises(
        InputError, match="log_samples=True: there is no run directory: use run_dir"
    ):
        predict(lambda text: [], corpus("a"), log_samples=True)


def test_whatever_a_model_hands_over_as_samples_is_stored_or_left_out(tmp_path):
    samples = iter([3, [1, {"request": "x"}], {}])

    def answer(documents):
        for document in documents:
            yield Document(
                document.id, document.text, (), meta={SAMPLES_METADATA_KEY: next(samples)}
            )

    predicted = predict(Model("m", answer), corpus("a", "b", "c"), run_dir=tmp_path)

    assert lines(tmp_path) == [{"id": "b", "sample": 1}, {"id": "b", "request": "x"}]
    assert all(SAMPLES_METADATA_KEY not in (document.meta or {}) for document in predicted)


def encoded_twice(handler):
    """An answer with the key, in which each character is escaped within the JSON of the content."""
    spelled = "".join(f"\\u{ord(sign):04x}" for sign in CANARY)
    content = '{"entities": [{"label": "PER", "quote": "' + spelled + '", "context": ""}]}'
    completion(content)(handler)


def test_no_secret_is_in_any_file(tmp_path, monkeypatch):
    monkeypatch.setenv("OTHER_TOKEN", "another-secret-0123")
    replies = {
        "a": [echo_in_answer],
        "b": [encoded_twice],
        "c": [echo(400)],
        "d": [reply(500, f"no JSON: {CANARY}".encode()), ADA],
        "e": [reply(200, {"choices": [], "note": [CANARY, "another-secret-0123"], CANARY: 1})],
        "f": [deep(100)],
        "g": [reply(200, b'{"a": ' * 90 + json.dumps(CANARY).encode() + b"}" * 90)],
    }
    with Endpoint(**replies) as endpoint:
        address = endpoint.url.replace("http://", "http://user:hunter2secret@")
        predict(
            "openai:test",
            corpus(*replies),
            run_dir=tmp_path,
            **options(endpoint, base_url=f"{address}?token=abcdefgh1"),
        )

    written = everything(tmp_path)
    assert len(lines(tmp_path)) == endpoint.total == 8
    assert {sample["id"] for sample in lines(tmp_path)} == set(replies)
    assert b"Authorization" not in written
    for secret in (CANARY, "another-secret-0123", "hunter2secret", "abcdefgh1"):
        assert secret.encode() not in written
    spelled = "".join(f"u{ord(sign):04x}" for sign in CANARY)
    assert spelled.encode() not in written.replace(b"\\", b"")
    assert b"[key]" in written


def test_a_torn_last_sample_is_removed_and_done_documents_have_no_second_one(tmp_path):
    gold = corpus("a", "b", "c")
    with Endpoint() as endpoint:
        predict("openai:test", gold, run_dir=tmp_path, **options(endpoint))
        whole = (tmp_path / "samples.jsonl").read_bytes()
        stored = (tmp_path / "predictions.jsonl").read_bytes().splitlines(keepends=True)
        # Killed while the sample of the last document was written: there is no prediction of it.
        (tmp_path / "samples.jsonl").write_bytes(whole[:-20])
        (tmp_path / "predictions.jsonl").write_bytes(b"".join(stored[:-1]))

        predict("openai:test", gold, run_dir=tmp_path, **options(endpoint))

    assert [sample["id"] for sample in lines(tmp_path)] == ["a", "b", "c"]
    assert (tmp_path / "predictions.jsonl").read_bytes() == b"".join(stored)


def test_retried_failures_add_samples(tmp_path):
    with Endpoint(a=[error(400)]) as endpoint:
        predict("openai:test", corpus("a", "b"), run_dir=tmp_path, **options(endpoint))
        predict(
            "openai:test",
            corpus("a", "b"),
            run_dir=tmp_path,
            retry_failed=True,
            **options(endpoint),
        )

    assert [(sample["id"], sample["status"]) for sample in lines(tmp_path)] == [
        ("a", 400),
        ("b", 200),
        ("a", 200),
    ]


@pytest.mark.parametrize("workers", [{"concurrency": 3}, {"jobs": 2}])
def test_samples_of_concurrent_requests_are_all_kept(tmp_path, workers):
    markers = [f"n{n}" for n in range(12)]
    with Endpoint() as endpoint:
        predict("openai:test", corpus(*markers), run_dir=tmp_path, **workers, **options(endpoint))

    assert Counter(sample["id"] for sample in lines(tmp_path)) == Counter(markers)


# ---- another address -----------------------------------------------------------------------------


def test_another_base_url_is_accepted_on_request(tmp_path):
    gold = corpus("a", "b")
    with Endpoint() as endpoint:
        predict("openai:test", gold, run_dir=tmp_path, limit=1, **options(endpoint))
        before = (tmp_path / "predictions.jsonl").read_bytes()
        moved = options(endpoint, base_url=f"{endpoint.url}/other/v2")

        with pytest.raises(
            InputError,
            match=r"base_url: '.*/v1', now '.*/other/v2'; use another folder, or any_base_url=True"
            " if the model behind both is the same",
        ):
            predict("openai:test", gold, run_dir=tmp_path, **moved)
        with pytest.raises(InputError, match="seed: None, now 1; use another folder$"):
            predict("openai:test", gold, run_dir=tmp_path, any_base_url=True, seed=1, **moved)
        predicted = predict("openai:test", gold, run_dir=tmp_path, any_base_url=True, **moved)

    assert endpoint.total == len(predicted) == 2
    assert (tmp_path / "predictions.jsonl").read_bytes().startswith(before)
    assert record(tmp_path)["settings"]["base_url"] == endpoint.url
    assert record(tmp_path)["sessions"][-1]["base_url"] == moved["base_url"]


# ---- parsing again -------------------------------------------------------------------------------


def test_parsing_again_with_the_same_settings_changes_nothing(tmp_path):
    replies = {
        "a": [ADA],
        "b": [completion("no JSON at all")],
        "c": [error(400)],
        "d": [found(("PER", "Zoe"), ("ORG", "Acme"))],
        "e": [completion('{"entities": [', finish="length")],
    }
    with Endpoint(**replies) as endpoint:
        first = predict("openai:test", corpus(*replies), run_dir=tmp_path, **options(endpoint))
        before = (tmp_path / "predictions.jsonl").read_bytes()

        again = predict(
            "openai:test", corpus(*replies), run_dir=tmp_path, reparse=True, **options(endpoint)
        )

    assert endpoint.total == 5
    assert (tmp_path / "predictions.jsonl").read_bytes() == before
    assert list(again) == list(first)
    assert (record(tmp_path)["state"], record(tmp_path)["parsing"]) == (
        "finished",
        {"layers": ["entities"]},
    )


def test_answers_are_parsed_with_the_present_settings_without_key_and_endpoint(
    tmp_path, monkeypatch
):
    save_with_events(tmp_path, corpus("a"))
    with Endpoint(a=[completion(BOTH_LAYERS)]) as endpoint:
        arguments = options(endpoint)
        del arguments["labels"]
        first = predict("openai:test", tmp_path / "gold.jsonl", run_dir=tmp_path / "r", **arguments)
    monkeypatch.delenv("OPENAI_API_KEY")

    again = predict(
        "openai:test",
        tmp_path / "gold.jsonl",
        run_dir=tmp_path / "r",
        reparse=True,
        layers="events",
    )

    assert (first[0].entities, len(first[0].events)) == ((Entity("PER", 0, 3),), 1)
    assert (again[0].entities, again[0].events) == (None, first[0].events)
    assert record(tmp_path / "r")["parsing"] == {"layers": ["events"]}
    assert record(tmp_path / "r")["settings"]["layers"] == ["entities", "events"]
    assert [session.get("reparse") for session in record(tmp_path / "r")["sessions"]] == [
        None,
        True,
    ]


def test_a_run_that_was_parsed_in_another_way_is_not_resumed_before_it_is_parsed_again(tmp_path):
    with Endpoint(a=[completion(BOTH_LAYERS)]) as endpoint:
        predict("openai:test", corpus("a"), run_dir=tmp_path, **options(endpoint))
        edited = record(tmp_path)
        edited["parsing"] = {"layers": ["entities", "events"]}
        (tmp_path / "run.json").write_text(json.dumps(edited))

        with pytest.raises(
            InputError,
            match=r"its answers were parsed again with \{'layers': \['entities', 'events'\]\}, now"
            r" \{'layers': \['entities'\]\}; parse all answers with one parser: use reparse=True",
        ):
            predict("openai:test", corpus("a", "b"), run_dir=tmp_path, **options(endpoint))
        with pytest.raises(PartialRunError):
            predict(
                "openai:test", corpus("a", "b"), run_dir=tmp_path, reparse=True, **options(endpoint)
            )
        predicted = predict("openai:test", corpus("a", "b"), run_dir=tmp_path, **options(endpoint))

    assert [document.failure for document in predicted] == [None, None]
    assert endpoint.total == 2


def test_parsing_that_was_interrupted_is_repeated(tmp_path):
    with Endpoint(a=[ADA]) as endpoint:
        predict("openai:test", corpus("a"), run_dir=tmp_path, **options(endpoint))
        edited = {**record(tmp_path), "state": "reparsing"}
        (tmp_path / "run.json").write_text(json.dumps(edited))

        with pytest.raises(InputError, match="parsing its answers again was interrupted"):
            predict("openai:test", corpus("a"), run_dir=tmp_path, **options(endpoint))
        predict("openai:test", corpus("a"), run_dir=tmp_path, reparse=True, **options(endpoint))
        predicted = predict("openai:test", corpus("a"), run_dir=tmp_path, **options(endpoint))

    assert predicted[0].entities == (Entity("PER", 0, 3),)
    assert endpoint.total == 1


def test_answers_that_are_all_malformed_replace_nothing(tmp_path):
    with Endpoint(a=[ADA]) as endpoint:
        predict("openai:test", corpus("a"), run_dir=tmp_path, **options(endpoint))
    stored = lines(tmp_path, "predictions.jsonl")
    stored[0]["meta"]["answer"] = '{"entities": [{"label": "PER"}]}'
    edited = (json.dumps(stored[0]) + "\n").encode()
    (tmp_path / "predictions.jsonl").write_bytes(edited)

    with pytest.raises(ModelError, match="every prediction for the document is malformed"):
        predict("openai:test", corpus("a"), run_dir=tmp_path, reparse=True, **options(endpoint))

    assert lines(tmp_path, "predictions.jsonl") == stored
    assert record(tmp_path)["state"] == "finished"
    assert "parsing" not in record(tmp_path)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            "openai:other",
            {},
            "holds answers of 'openai:test', not of 'openai:other'; name the model",
        ),
        ("openai:test", {"retry_failed": True}, "reparse=True sends no request"),
        ("openai:test", {"run_dir": None}, "reparse=True: there is no run directory: use run_dir="),
        ("openai:test", {"run_dir": "new"}, "new: reparse=True: holds no run"),
        ("rules", {}, "reparse=True: the answers of this model are not texts"),
    ],
)
def test_what_cannot_be_parsed_again_is_refused(tmp_path, monkeypatch, model, arguments, message):
    monkeypatch.chdir(tmp_path)
    with Endpoint() as endpoint:
        predict("openai:test", corpus("a"), run_dir="run", **options(endpoint))
        more = {"labels": "PER"} if model.startswith("openai") else {}

        with pytest.raises(InputError, match=message):
            predict(model, corpus("a"), **{"run_dir": "run", "reparse": True, **more, **arguments})

    assert not (tmp_path / "new").exists()


def test_an_unknown_option_is_refused_when_parsing_again(tmp_path):
    with pytest.raises(InputError, match="unknown argument 'tempurature'.*temperature"):
        predict("openai:test", corpus("a"), run_dir=tmp_path, reparse=True, tempurature=1)


def test_evaluate_scores_what_was_parsed_again(tmp_path):
    gold = Corpus([Document("a", "Ada met Acme. DOC-a", (Entity("PER", 0, 3),))])
    with Endpoint(a=[ADA]) as endpoint:
        predict("openai:test", gold, run_dir=tmp_path, log_samples=False, **options(endpoint))

    scores = evaluate(
        "openai:test",
        gold,
        "entities/strict",
        run_dir=tmp_path,
        reparse=True,
        model_args={"labels": "PER"},
    )

    assert scores["entities/strict"].micro.f1 == 1


def test_a_loaded_model_parses_again(tmp_path):
    with Endpoint(a=[ADA]) as endpoint:
        model = load_model("openai:test", **options(endpoint))
        predict(model, corpus("a"), run_dir=tmp_path)

    predicted = predict(model, corpus("a"), run_dir=tmp_path, reparse=True)

    assert predicted[0].entities == (Entity("PER", 0, 3),)


def test_metadata_of_the_run_is_no_part_of_what_is_parsed_again(tmp_path):
    with Endpoint(a=[found(("PER", "Zoe"))]) as endpoint:
        predict("openai:test", corpus("a"), run_dir=tmp_path, **options(endpoint))
        predicted = predict(
            "openai:test", corpus("a"), run_dir=tmp_path, reparse=True, **options(endpoint)
        )

    assert predicted[0].unplaced == (Unplaced("entities", "PER", "not in the text", "Zoe"),)
    assert {RUN_METADATA_KEY, SAMPLES_METADATA_KEY} & set(predicted[0].meta) == set()


# ---- the whole way, on the command line ----------------------------------------------------------


def answer_with_key(handler):
    """Both layers and the key, after a moment."""
    time.sleep(0.03)
    content = json.loads(BOTH_LAYERS)
    content["entities"].append({"label": "ORG", "quote": CANARY, "context": ""})
    completion(json.dumps(content))(handler)


def whole_lines(path):
    data = path.read_bytes()
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def kill_after(words, path, count):
    """Run a command, and kill it when a file has so many lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "evalkit.cli", *words], stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    time.sleep(0.1)  # until the endpoint has counted what was sent


def test_a_run_is_killed_resumed_and_parsed_again_with_another_prompt_and_parser(tmp_path):
    markers = [f"n{n}" for n in range(30)]
    save_with_events(tmp_path, corpus(*markers))
    (tmp_path / "prompt.txt").write_text("Another prompt. {{task}} {{text}}")
    run_dir = tmp_path / "run"
    storage = ["--run-dir", str(run_dir), "-o", str(tmp_path / "out.jsonl")]
    command = ["predict", str(tmp_path / "gold.jsonl"), "-m", "openai:test", *storage]

    with Endpoint(**{marker: [answer_with_key] * 9 for marker in markers}) as endpoint:
        request = [*command, "-a", f"base_url={endpoint.url}", "--concurrency", "3"]
        kill_after(request, run_dir / "predictions.jsonl", 8)
        done = {line["id"] for line in whole_lines(run_dir / "predictions.jsonl")}
        sampled = {line["id"] for line in whole_lines(run_dir / "samples.jsonl")}
        requests = endpoint.total
        parsed = run_evalkit(*command, "--reparse", "-a", "layers=entities")
        refused = run_evalkit(*request)
        parsed_back = run_evalkit(*command, "--reparse")
        requests_after_parsing = endpoint.total
        resumed = run_evalkit(*request)
    # The endpoint is gone, and so is the key.
    other = ["-a", "layers=events", "-a", f"prompt={tmp_path / 'prompt.txt'}"]
    again = run_evalkit(*command, "--reparse", *other, env={"OPENAI_API_KEY": ""})

    assert 8 <= len(done) < 30
    assert done <= sampled
    assert [parsed.returncode, refused.returncode, parsed_back.returncode] == [4, 2, 4]
    assert f"{30 - len(done)} of 30 documents have no stored answer, such as" in parsed.stderr
    assert "its answers were parsed again with {'layers': ['entities']}" in refused.stderr
    assert requests_after_parsing == requests
    assert (resumed.returncode, again.returncode) == (0, 0)
    counts = Counter(sample["id"] for sample in lines(run_dir))
    assert set(counts) == set(markers)
    assert {counts[marker] for marker in done} == {1}
    assert sum(counts.values()) <= endpoint.total <= 30 + 3
    assert (
        f"{run_dir}: parses the answers of 30 documents again; no request is sent" in again.stderr
    )
    predicted = lines(tmp_path, "out.jsonl")
    assert [line["id"] for line in predicted] == markers
    assert all("entities" not in line and len(line["events"]) == 1 for line in predicted)
    assert all("[key]" in line["meta"]["answer"] for line in predicted)
    runs = (parsed, refused, parsed_back, resumed, again)
    printed = "".join(run.stdout + run.stderr for run in runs)
    assert CANARY not in everything(tmp_path).decode() + printed


def test_run_scores_answers_that_were_parsed_again_and_names_those_without_an_answer(tmp_path):
    gold = Corpus(
        [
            Document("a", "Ada met Acme. DOC-a", (Entity("PER", 0, 3),)),
            Document("b", "Ada met Acme. DOC-b", (Entity("PER", 0, 3),)),
        ]
    )
    gold.save(tmp_path / "gold.jsonl")
    run_dir = tmp_path / "run"
    with Endpoint(a=[ADA], b=[error(400)]) as endpoint:
        predict("openai:test", gold, run_dir=run_dir, **options(endpoint, labels="PER"))

    scored = run_evalkit(
        "run",
        tmp_path / "gold.jsonl",
        "-m",
        "openai:test",
        "-a",
        "labels=PER",
        "--metrics",
        "ner",
        "--run-dir",
        run_dir,
        "--reparse",
        "--save",
        tmp_path / "result.json",
    )

    assert scored.returncode == 4  # a document failed
    assert (
        f"{run_dir}: parses the answers of 2 documents again; no request is sent" in scored.stderr
    )
    assert f"{run_dir}: no answer to parse: 1 document, with its failure" in scored.stderr
    assert Scores.load(tmp_path / "result.json")["entities/strict"].micro.recall == 0.5


@pytest.mark.parametrize(
    ("options_given", "message"),
    [
        (["--reparse"], "--reparse: there is no run directory: use --run-dir DIR"),
        (["--log-samples"], "--log-samples: there is no run directory: use --run-dir DIR"),
        (
            ["--reparse", "--retry-failed", "--run-dir", "r"],
            "--reparse sends no request, so that it cannot be given with --retry-failed",
        ),
        (["--reparse", "--run-dir", "r"], "r: --reparse: holds no run whose answers could be"),
    ],
)
def test_a_command_names_what_storing_needs(tmp_path, options_given, message):
    refused = run_evalkit(
        "predict", "-m", "openai:test", "-a", "labels=PER", *options_given, cwd=tmp_path
    )

    assert refused.returncode == 2
    assert message in refused.stderr
