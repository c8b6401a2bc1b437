"""Whatever files, models, labels and documents are called, no control character of a name reaches
the terminal or a file that is shown.
"""

import json
import sys
import unicodedata

import pytest

from evalkit import Corpus, Document, Entity
from evalkit.cli import main

NAME = "a\x1b[2J\u202eb\x9b\u2066c"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files whose names, ids and labels hold control characters, in the working folder."""
    monkeypatch.chdir(tmp_path)
    text = "Ada met Bob."
    gold = [
        Document(f"{NAME}{n}", text, [Entity(NAME, 0, 3, id=NAME, score=0.5)]) for n in range(2)
    ]
    Corpus(gold).save(f"{NAME}.jsonl")
    Corpus(gold[:1]).save(f"{NAME}1.jsonl")
    (tmp_path / f"{NAME}.py").write_text(
        "def find(text):\n    return [(0, 3, 'PER'), (0, 99, 'PER')]\n\n\ndef refuse(text):\n   "
        " raise ValueError('\\x1b[2J')\n"
    )
    (tmp_path / f"{NAME}.conll").write_text(f"Ada\t{NAME}\n", encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text(
        json.dumps({"id": NAME, "text": text, "entities": [{"label": NAME, "start": 0, "end": 99}]})
        + "\n"
    )
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    return tmp_path


COMMANDS = {
    "score": ("score {f}.jsonl {f}.jsonl --save {f}.json", 0),
    "score that refuses": ("score {f}.jsonl {f}1.jsonl", 2),
    "validate": ("validate {f}.jsonl", 0),
    "validate what is invalid": ("validate bad.jsonl", 2),
    "validate tags": ("validate {f}.conll", 2),
    "convert": ("convert {f}.jsonl conll:{f}.new", 0),
    "compare": ("compare {f}.jsonl {f}1.jsonl --gold {f}.jsonl --missing empty --boot 0", 0),
    "curve": ("curve {f}.jsonl {f}.jsonl", 0),
    "run": (
        (
            "run {f}.jsonl -m {f}.py:find --boot 0 --model-card README.md --hub-dataset me/news"
            " --eval-results {f}.yaml --run-dir {f}.run"
        ),
        0,
    ),
    "run with failures": ("run {f}.jsonl -m {f}.py:refuse --boot 0", 4),
    "predict": ("predict {f}.jsonl -m {f}.py:find", 0),
    "no such model": ("predict {f}.jsonl -m {f}.py:none", 2),
    "no such file": ("validate none{f}", 2),
    "no such format": ("validate {f}:x", 2),
    "no such option": ("score --{f} x y", 2),
    "no such command": ("{f}", 2),
    "bad value": ("score {f}.jsonl {f}.jsonl --format {f}", 2),
    "unwritable": ("score {f}.jsonl {f}.jsonl -o {f}/{f}.csv", 2),
    "new": ("new {f}.new {f}.py", 0),
}


def controls(text):
    return [
        c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


@pytest.mark.parametrize("case", COMMANDS)
def test_no_command_writes_a_control_character_of_a_name(case, folder, monkeypatch, capsys):
    command, code = COMMANDS[case]
    monkeypatch.setattr(
        sys, "argv", ["evalkit", *(word.format(f=NAME) for word in command.split())]
    )

    with pytest.raises(SystemExit) as stopped:
        main()

    told = capsys.readouterr()
    assert (stopped.value.code or 0, told.err if "a bug" in told.err else "") == (code, "")
    assert controls(told.out + told.err) == []
    shown = [path for path in folder.iterdir() if path.suffix in (".yaml", ".json", ".md")]
    assert [controls(path.read_text(encoding="utf-8")) for path in shown] == [[]] * len(shown)
