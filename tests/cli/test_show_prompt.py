"""`evalkit predict --show-prompt` prints the messages of the requests and sends none."""

import pytest
from helpers.cli import run_evalkit
from helpers.endpoint import Endpoint

from evalkit import Corpus, Document
from evalkit.formats.jsonl import write

pytest.importorskip("openai")
KEY = "sk-CANARY-0a1b2c3d4e5f6071"
DOCUMENTS = Corpus(
    [Document("d1", f"Ada\tleft.\nBo \x1b[31m{KEY} DOC-a"), Document("d2", "Cy stayed. DOC-b")]
)


def show_prompt(tmp_path, *arguments):
    write(DOCUMENTS, tmp_path / "docs.jsonl")
    return run_evalkit(
        "predict",
        tmp_path / "docs.jsonl",
        *arguments,
        "--show-prompt",
        env={"OPENAI_API_KEY": KEY},
    )


def test_the_prompt_of_the_first_document_is_printed_without_a_request(tmp_path):
    with Endpoint() as endpoint:
        shown = show_prompt(
            tmp_path, "-m", "openai:test", "-a", f"base_url={endpoint.url}", "-a", "labels=PER,ORG"
        )

    assert (shown.returncode, shown.stderr, endpoint.total) == (0, "", 0)
    lines = shown.stdout.splitlines()
    assert lines[:2] == ["# document d1", "## user"]
    assert lines[lines.index("- PER") + 1] == "- ORG"
    assert shown.stdout.count("# document") == 1
    assert "\nAda\tleft.\nBo \\x1b[31m[hidden] DOC-a\n" in shown.stdout


def test_the_printed_messages_are_those_of_the_request(tmp_path):
    with Endpoint() as endpoint:
        options = ("-m", "openai:test", "-a", f"base_url={endpoint.url}", "-a", "labels=PER")
        shown = show_prompt(tmp_path, *options, "--limit", "2")
        run_evalkit("predict", tmp_path / "docs.jsonl", *options, env={"OPENAI_API_KEY": KEY})

    (message,) = endpoint.bodies[1]["messages"]
    second = shown.stdout.split("# document d2\n")[1]
    assert second == f"## {message['role']}\n{message['content']}\n"


def test_a_model_without_prompt_is_refused(tmp_path):
    shown = show_prompt(tmp_path, "-m", "rules")

    assert (shown.returncode, shown.stdout) == (2, "")
    assert "rules: --show-prompt: this model has no prompt" in shown.stderr
