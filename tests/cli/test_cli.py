"""The command line: results to stdout, errors in a line each, exit codes that a script can rely on."""  # noqa: E501

import csv
import html
import io
import json
import shutil
import subprocess
import sys

import pytest
from helpers.cli import run_evalkit as evalkit
from helpers.marked import corpus

from evalkit import Corpus, Document, Entity, load_corpus
from evalkit.corpus import bundled_path
from evalkit.data.compiled import core


@pytest.fixture
def files(tmp_path):
    corpus("[Ada|PER] met [Bo|PER]").save(tmp_path / "gold.jsonl")
    corpus("[Ada|PER] met Bo").save(tmp_path / "predicted.jsonl")
    return tmp_path


def test_run_without_arguments_scores_the_baseline_on_the_bundled_corpus():
    done = evalkit("run")

    assert done.returncode == 0
    assert done.stdout.startswith("rules on evalkit-news (1 document)\n")
    for expected in (
        "Entities, strict",
        "\nexact ",
        "Tri-I",
        "Arg-C",
        "Event triggers, strict",
        "whole attribution, type",
        "Warning: one document",
        "|metric:entities/strict+",
    ):
        assert expected in done.stdout


def test_every_format_holds_the_same_numbers(files):
    outputs = {
        form: evalkit(
            "score", files / "gold.jsonl", files / "predicted.jsonl", "--format", form
        ).stdout
        for form in ("json", "csv", "markdown", "table")
    }

    rows = {
        (row["metric"], row["label"], row["average"]): row
        for row in json.loads(outputs["json"])["rows"]
    }
    for row in csv.DictReader(io.StringIO(outputs["csv"])):
        found = rows[row["metric"], row["label"] or None, row["average"] or None]
        assert {key: value for key, value in row.items() if value} == {
            key: str(value) for key, value in found.items() if value is not None
        }
    assert "| PER | 1.000 | 0.500 | 0.667 | – (1 sentence) | 1 | 0 | 1 | 2 |" in outputs["markdown"]
    assert "PER 1.000 0.500 0.667 – (1 sentence) 1 0 1 2" in " ".join(outputs["table"].split())


def test_a_file_is_written_in_the_format_of_its_suffix(files):
    assert (
        evalkit(
            "score", files / "gold.jsonl", files / "predicted.jsonl", "-o", files / "out.json"
        ).stdout
        == ""
    )

    assert (
        json.loads((files / "out.json").read_text())["signature"]["entities/strict"]["docs"]
        == "1/1"
    )


def test_predictions_that_were_written_score_as_the_run_did(files):
    evalkit("predict", "-o", files / "rules.jsonl")

    direct, saved = (
        evalkit("run", "--format", "csv"),
        evalkit("score", bundled_path(), files / "rules.jsonl", "--format", "csv"),
    )

    assert saved.stdout == direct.stdout


def test_a_model_from_a_file_and_its_arguments(files):
    (files / "mine.py").write_text("def find(text, label):\n    return [(0, 3, label)]\n")

    done = evalkit(
        "run",
        files / "gold.jsonl",
        "-m",
        f"{files}/mine.py:find",
        "-a",
        "label=PER",
        "--metrics",
        "ner",
        "--format",
        "json",
    )

    assert json.loads(done.stdout)["rows"][-4]["tp"] == 1


def test_a_run_in_which_documents_failed_ends_with_4(files):
    (files / "mine.py").write_text("def find(text):\n    raise ValueError('no')\n")

    done = evalkit("run", files / "gold.jsonl", "-m", f"{files}/mine.py:find")

    assert (done.returncode, "FAILED on 1 of 1 document" in done.stdout) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "-m", "rulz"], "evalkit: unknown kind of model 'rulz'"),
        (["run", "nowhere"], "evalkit: nowhere: no such file or folder"),
        (
            ["run", "--metrics", "entity/strict"],
            "evalkit: unknown layer 'entity' in 'entity/strict'",
        ),
        (["run", "--zones", "bodi"], "evalkit: unknown zone 'bodi'"),
        (["run", "--label-map", "conll"], "evalkit: unknown label map 'conll'"),
        (
            ["run", "--labels", "conll"],
            (
                "evalkit: --labels conll: no item of evalkit-news has any of these labels;"
                " --label-map takes a label map: conll2003"
            ),
        ),
        (["run", "-a", "speed"], "evalkit: -a speed: write KEY=VALUE"),
        (
            ["run", "-o", "nowhere/out.json"],
            "evalkit: -o nowhere/out.json: no such folder: nowhere",
        ),
        (["run", "-o", "."], "evalkit: -o .: is a folder; name a file"),
        (["validate", "nowhere"], "evalkit: nowhere: no such file or folder"),
    ],
)
def test_a_mistake_is_one_line_and_2(arguments, message, tmp_path):
    done = evalkit(*arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(message)


def test_the_bundled_corpus_has_a_name(tmp_path):
    evalkit("predict", "-o", tmp_path / "rules.jsonl")

    assert (
        evalkit("score", "evalkit-news", tmp_path / "rules.jsonl", "--format", "csv").stdout
        == evalkit("run", "--format", "csv").stdout
    )


def test_predictions_on_stdout_change_no_file(files):
    command = (
        f"echo KEEP > {files}/a; {sys.executable} -m evalkit.cli predict {files}/gold.jsonl >>"
        f" {files}/a"
    )
    subprocess.run(command, shell=True, check=True)  # noqa: S602

    assert [line[:6] for line in (files / "a").read_text().splitlines()] == ["KEEP", '{"id":']


def test_an_input_is_never_overwritten(files):
    done = evalkit("run", files / "gold.jsonl", "-o", files / "gold.jsonl", "--format", "json")

    assert (done.returncode, "the command reads or writes this file already" in done.stderr) == (
        2,
        True,
    )


def test_a_full_disk_is_reported_in_one_line():
    done = evalkit("run", "-o", "/dev/full")

    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)


def test_a_suffix_without_a_format_is_refused(files):
    done = evalkit("score", files / "gold.jsonl", files / "predicted.jsonl", "-o", files / "x.docx")

    assert (done.returncode, "unknown suffix '.docx': expected one of: .json" in done.stderr) == (
        2,
        True,
    )


def test_what_a_model_prints_is_not_in_the_result(files):
    (files / "mine.py").write_text("def find(text):\n    print('loading')\n    return []\n")

    done = evalkit("run", files / "gold.jsonl", "-m", f"{files}/mine.py:find", "--format", "json")

    assert json.loads(done.stdout)["failures"] == {}
    assert "loading" in done.stderr


def test_a_closed_stdout_is_no_traceback():
    done = subprocess.run(  # noqa: S602
        f"{sys.executable} -m evalkit.cli run >&-",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (3, "")


def test_usage_errors_are_2_and_help_names_every_command():
    assert evalkit("run", "--formatt", "json").returncode == 2
    version = evalkit("--version").stdout
    assert version.startswith("evalkit ")
    assert version.endswith("(pure Python)\n" if core is None else "(compiled core)\n")
    help_text = evalkit("--help").stdout
    assert [
        command
        for command in ("run", "predict", "score", "validate", "models")
        if command not in help_text
    ] == []


def test_a_reader_that_closes_early_gets_no_complaint():
    done = subprocess.run(  # noqa: S602
        f"{sys.executable} -m evalkit.cli run --format json | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("{\n", "")


def test_slow_runs_say_on_stderr_how_far_they_are(tmp_path):
    corpus("Ada", "Bo", "Cy").save(tmp_path / "gold.jsonl")
    (tmp_path / "mine.py").write_text(
        "import time\nclass Model:\n    def predict(self, documents):\n        time.sleep(1.1)\n"
        "        return [[] for _ in documents]\nmodel = Model()\n"
    )

    done = evalkit("predict", tmp_path / "gold.jsonl", "-m", f"{tmp_path}/mine.py:model")

    assert done.stderr.startswith("1 of 3 documents, ")
    assert len(done.stdout.splitlines()) == 3


def test_models_lists_the_kinds():
    lines = [line for line in evalkit("models").stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == [
        "rules",
        "spacy:NAME",
        "hf:NAME",
        "gliner:NAME",
        "openai:NAME",
        "exec:COMMAND",
        "predictions:FILE",
        "FILE.py:FUNCTION",
        "PACKAGE.MODULE:FUNCTION",
    ]


@pytest.mark.parametrize("where", [".", "annotations/passes/a", "annotations/passes/b"])
def test_validate_passes_the_corpus_and_both_passes(where):
    done = evalkit("validate", bundled_path() / where)

    assert (
        done.returncode,
        "1 document, 61 entities, 26 events, 5 attributions: valid" in done.stdout,
    ) == (0, True)


def mended(old, new):
    return lambda text: text.replace(old, new, 1)


SPOILED = [  # file, how it is spoiled, line, message
    (
        "entities.jsonl",
        mended('"end": 13', '"end": 9999'),
        1,
        "end: 9999 is past the end of the text (length 2696)",
    ),
    (
        "entities.jsonl",
        mended('"text": "Islamic State"', '"text": "Islamic Stat"'),
        1,
        (
            "text: 'Islamic Stat' is not the text at 0 to 13: 'Islamic State'; these words are"
            " at 0 to 12"
        ),
    ),
    (
        "entities.jsonl",
        mended('"label": "ORG"', '"label": "ORGG"'),
        1,
        "label: unknown label 'ORGG'; expected one of: PERSON, ",
    ),
    (
        "events.jsonl",
        mended('"role": "Deserter"', '"role": "Attacker"'),
        1,
        (
            "arguments[0].role: unknown role of Personnel.Desertion 'Attacker'; expected one of:"
            " Deserter, "
        ),
    ),
    (
        "entities.jsonl",
        mended('"id": "T2"', '"id": "T1"'),
        2,
        "id: duplicate id 'T1': already used by entities[0]; expected unique ids",
    ),
    (
        "entities.jsonl",
        lambda text: text + text.splitlines()[0].replace('"T1"', '"T99"') + "\n",
        62,
        "entities[61]: duplicate of entities[0] (same label and span)",
    ),
    (
        "events.jsonl",
        mended(
            '"start": 64, "end": 69, "text": "Syria"', '"start": 94, "end": 99, "text": "Syria"'
        ),
        1,
        "arguments[2]: 'Syria' lies outside the trigger's sentence",
    ),
    (
        "attributions.jsonl",
        mended('"parent": "A4"', '"parent": "A1"'),
        5,
        "cue: lies outside the content of 'A1', the attribution it is nested in",
    ),
    ("entities.jsonl", mended('"label": "ORG",', '"label": "ORG"'), 1, "not JSON: "),
    (
        "entities.jsonl",
        mended('"start": 0', '"start": "0"'),
        1,
        "start: Expected 'int', got 'str': '0'",
    ),
    (
        "entities.jsonl",
        mended('"doc": "000_', '"doc": "001_'),
        1,
        "doc: unknown document '001_fd35b6397ccf6caa'; expected one of: 000_fd35b6397ccf6caa",
    ),
]


@pytest.mark.parametrize(("file", "spoil", "line", "message"), SPOILED)
def test_validate_refuses_with_line_and_way_out(tmp_path, file, spoil, line, message):
    for folder in ("corpus", "annotations"):
        shutil.copytree(bundled_path() / folder, tmp_path / folder)
    path = tmp_path / "annotations" / file
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")

    done = evalkit("validate", tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith(f"evalkit: {path}:{line}: ")
    assert message in done.stderr.splitlines()[0]


def test_validate_refuses_a_changed_text(tmp_path):
    for folder in ("corpus", "annotations"):
        shutil.copytree(bundled_path() / folder, tmp_path / folder)
    text = next((tmp_path / "corpus").glob("*.txt"))
    text.write_bytes(text.read_bytes().replace(b"Islamic", b"islamic", 1))

    done = evalkit("validate", tmp_path)

    assert (done.returncode, done.stderr.startswith(f"evalkit: {text}: changed: sha256 is ")) == (
        2,
        True,
    )


def test_the_sentence_rule_is_off_where_no_schema_sets_it(tmp_path):
    article = load_corpus()[0]
    moved = Corpus([Document(article.id, article.text, article.entities, article.events[:1])])
    moved.save(tmp_path / "moved.jsonl")
    path = tmp_path / "moved.jsonl"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            '{"role":"Place","start":64,"end":69', '{"role":"Place","start":94,"end":99'
        ),
        encoding="utf-8",
    )

    assert evalkit("validate", path).returncode == 0


@pytest.fixture
def results(tmp_path):
    """Gold, a system, and its saved result."""
    gold = corpus(*["[Ada|PER] met [Bo|PER] in [Rome|LOC]. " * 3] * 25)
    predicted = corpus(
        *["[Ada|PER] met Bo in [Rome|LOC]. " * 3, "Ada met [Bo|LOC] in [Rome|LOC]. " * 3] * 12,
        "[Ada|PER] met Bo in Rome. " * 3,
    )
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    assert (
        evalkit(
            "score",
            tmp_path / "gold.jsonl",
            tmp_path / "predicted.jsonl",
            "--save",
            tmp_path / "predicted.json",
        ).returncode
        == 0
    )
    return tmp_path


def test_a_saved_result_is_reported_again_without_the_model(results):
    first = evalkit("score", results / "gold.jsonl", results / "predicted.jsonl").stdout
    (results / "predicted.jsonl").unlink()

    assert evalkit("report", results / "predicted.json").stdout == first
    for form, start in (
        ("markdown", "predicted on gold"),
        ("latex", "% needs"),
        ("html", "<!doctype html>"),
        ("csv", "metric,label"),
        ("json", "{"),
    ):
        assert evalkit("report", results / "predicted.json", "--format", form).stdout.startswith(
            start
        )


def test_the_full_report_is_a_page_or_markdown(files):
    sides = (files / "gold.jsonl", files / "predicted.jsonl", "--boot", "0")
    page, text = files / "report.html", files / "report.md"

    scored = evalkit("score", *sides, "--report", page)
    as_markdown = evalkit("score", *sides, "--report", text, "--percent")
    refused = evalkit("score", *sides, "--report", files / "report.csv")

    assert (scored.returncode, as_markdown.returncode, refused.returncode) == (0, 0, 2)
    assert scored.stdout.startswith("predicted on gold (1 document)\n")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Where F1 is lost" in page.read_text(encoding="utf-8")
    assert f"<code>evalkit score {files}/gold.jsonl" in page.read_text(encoding="utf-8")
    assert "**Kinds of error**" in text.read_text(encoding="utf-8")
    assert "| PER | 100.0 | 50.0 | 66.7 |" in text.read_text(encoding="utf-8")
    assert (
        refused.stderr
        == f"evalkit: --report {files}/report.csv: expected a name that ends in .html or .md\n"
    )


def test_reports_and_errors_are_written_without_text_on_request(files):
    options = ("--boot", "0", "--max-documents", "1", "--no-text")
    outputs = {"--report": files / "run.html", "--save-errors": files / "errors.jsonl"}

    ran = evalkit("run", *options, *(word for pair in outputs.items() for word in pair))
    refused = evalkit("run", "--max-documents", "none", "--report", files / "other.html")

    assert (ran.returncode, refused.returncode) == (0, 2)
    assert refused.stderr == "evalkit: --max-documents none: expected a whole number, or all\n"
    for path in outputs.values():
        text = path.read_text(encoding="utf-8")
        assert "PERSON" in text
        assert "Islamic" not in text


def test_a_report_names_its_command_without_secrets(files):
    page = files / "report.html"

    evalkit("run", "-m", "rules", "--name", "token=abc123", "--report", page)

    assert "--name 'token=[hidden]'" in html.unescape(page.read_text(encoding="utf-8"))


def test_run_and_compare_write_full_reports_and_compare_takes_digits(files):
    ran = evalkit("run", "--boot", "0", "--report", files / "run.html")
    compared = evalkit(
        "compare",
        "--gold",
        files / "gold.jsonl",
        f"best={files / 'gold.jsonl'}",
        f"worst={files / 'predicted.jsonl'}",
        "--percent",
        "--digits",
        "2",
        "--report",
        files / "comparison.html",
    )

    assert (ran.returncode, compared.returncode) == (0, 0)
    assert "rules on evalkit-news" in (files / "run.html").read_text(encoding="utf-8")
    assert "66.67" in compared.stdout
    assert "worst" in (files / "comparison.html").read_text(encoding="utf-8")


def test_two_annotators_of_one_file_have_names_of_their_own(tmp_path):
    span = {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}
    result = {"from_name": "label", "to_name": "text", "type": "labels", "value": span}
    annotations = [{"completed_by": number, "result": [result]} for number in (1, 2)]
    task = {"id": 1, "data": {"text": "Ada wrote."}, "annotations": annotations}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    one, two = (f"labelstudio:{tmp_path}/tasks.json?annotator={number}" for number in (1, 2))

    done = evalkit("score", one, two, "--boot", "0")

    compared = evalkit("compare", one, two, "--gold", one, "--boot", "1")

    assert compared.stdout.startswith("tasks[1] and tasks[2] on tasks[1] (1 document)\n")
    assert done.stdout.startswith("tasks[2] on tasks[1] (1 document)\n")
    assert "|corpus:tasks[1]@" in done.stdout
    assert "|model:tasks[2]" in done.stdout


def test_results_of_shards_are_reported_as_one(results):
    lines = {
        name: (results / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        for name in ("gold", "predicted")
    }
    for part, (first, last) in enumerate([(0, 10), (10, 25)]):
        (results / f"{part}").mkdir()
        for name in lines:
            (results / f"{part}" / f"{name}.jsonl").write_text(
                "".join(lines[name][first:last]), encoding="utf-8"
            )
        evalkit(
            "score",
            results / f"{part}/gold.jsonl",
            results / f"{part}/predicted.jsonl",
            "--save",
            results / f"{part}.json",
        )

    merged = evalkit("report", results / "0.json", results / "1.json", "--format", "json")

    assert merged.stdout == (results / "predicted.json").read_text(encoding="utf-8")


def test_verify_says_the_same_or_what_differs(results):
    same = evalkit(
        "verify", results / "predicted.json", results / "gold.jsonl", results / "predicted.jsonl"
    )
    other = evalkit(
        "verify", results / "predicted.json", results / "gold.jsonl", results / "gold.jsonl"
    )

    assert (same.returncode, same.stdout) == (0, f"{results / 'predicted.json'}: the same\n")
    assert other.returncode == 2
    assert "entities/strict micro F1" in other.stderr
    assert len(other.stderr.splitlines()) <= 21


def test_compare_takes_results_and_predictions(results):
    by_result = evalkit(
        "compare", results / "predicted.json", results / "predicted.json", "--metrics", "ner"
    )
    by_prediction = evalkit(
        "compare",
        results / "predicted.jsonl",
        results / "gold.jsonl",
        "--gold",
        results / "gold.jsonl",
        "--metrics",
        "ner",
        "--format",
        "json",
    )

    assert by_result.returncode == by_prediction.returncode == 0
    assert (
        "these 2 systems cannot be ranked on this corpus (by entities/strict)" in by_result.stdout
    )
    (found,) = json.loads(by_prediction.stdout)["differences"]
    assert (found["a"], found["b"], found["p"] < 0.001, found["difference"] < 0) == (
        "predicted",
        "gold",
        True,
        True,
    )


def test_results_that_were_not_made_alike_are_refused_naming_the_field(results):
    evalkit(
        "score",
        results / "gold.jsonl",
        results / "predicted.jsonl",
        "--level",
        "0.9",
        "--save",
        results / "other.json",
    )

    done = evalkit("compare", results / "predicted.json", results / "other.json")

    assert (done.returncode, done.stderr) == (
        2,
        (
            "evalkit: level is 0.95 for predicted and 0.9 for other: only scores of the same gold"
            " with the same options can be compared\n"
        ),
    )


def test_a_threshold_leaves_out_what_scores_lower_and_says_so(tmp_path):
    gold = corpus("[Ada|PER] met [Bo|PER]")
    gold.save(tmp_path / "gold.jsonl")
    (tmp_path / "mine.py").write_text(
        "def find(text):\n    return [{'start': 0, 'end': 3, 'label': 'PER', 'score': 0.9},"
        " {'start': 4, 'end': 7, 'label': 'PER', 'score': 0.2}]\n"
    )

    done = evalkit(
        "run",
        tmp_path / "gold.jsonl",
        "-m",
        f"{tmp_path}/mine.py:find",
        "--threshold",
        "0.5",
        "--format",
        "json",
    )

    data = json.loads(done.stdout)
    assert done.stderr == "--threshold 0.5: annotations with a lower score, dropped: 1\n"
    assert (data["model"].endswith(":find>=0.5"), data["rows"][0]["precision"]) == (True, 1.0)
    assert evalkit("run", "--threshold", "x").returncode == 2


@pytest.mark.slow
def test_a_curve_is_printed_and_plotted(tmp_path):
    Corpus(
        [
            Document(
                "d", "Ada met Bo", [Entity("PER", 0, 3, score=0.9), Entity("PER", 4, 7, score=0.5)]
            )
        ]
    ).save(tmp_path / "predicted.jsonl")
    corpus("[Ada|PER] met Bo").save(tmp_path / "gold.jsonl")
    text = (tmp_path / "gold.jsonl").read_text(encoding="utf-8").replace("d0", "d")
    (tmp_path / "gold.jsonl").write_text(text, encoding="utf-8")

    done = evalkit("curve", tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")
    drawn = evalkit(
        "curve", tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", "-o", tmp_path / "c.png"
    )

    in_percent = evalkit(
        "curve", tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", "--percent", "--digits", "2"
    )

    assert "PER 1.000 0.900 1.000 2 1" in " ".join(done.stdout.split())
    assert "PER 100.00 0.90 100.00 2 1" in " ".join(in_percent.stdout.split())
    assert (drawn.returncode, (tmp_path / "c.png").read_bytes()[1:4]) == (0, b"PNG")


def test_levels_and_units_are_options_and_nonsense_is_refused_before_the_model_runs():
    done = evalkit(
        "run", "--metrics", "ner", "--level", "0.8", "--boot", "50", "--units", "documents"
    )
    refused = evalkit("run", "--level", "80")

    assert "no 80 % CI: the units are documents, and there is one" in done.stdout
    assert "|units:documents|interval:jackknife-t|level:0.8|" in done.stdout
    assert (refused.returncode, refused.stderr) == (
        2,
        "evalkit: invalid --level 80.0: expected a number between 0 and 1, such as 0.95\n",
    )


def test_errors_in_options_are_reported_before_the_model_runs(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import sys\ndef find(text):\n    print('asked', file=sys.stderr)\n    return []\n"
    )

    for wrong in (
        ("--metrics", "nope"),
        ("--zones", "nope"),
        ("--labels", "nope"),
        ("--label-map", "nope"),
        ("--label-map", "a"),
        ("-o", tmp_path / "x.docx"),
        ("--threshold", ""),
    ):
        done = evalkit("run", "-m", f"{tmp_path}/mine.py:find", *wrong)
        assert (done.returncode, "asked" in done.stderr) == (2, False)


def test_compare_and_curve_say_that_documents_failed(results):
    lines = (results / "predicted.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    lines[0] = json.dumps({"id": first["id"], "text": first["text"], "failure": "time out"})
    (results / "failing.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    done = evalkit(
        "compare",
        results / "predicted.jsonl",
        results / "failing.jsonl",
        "--gold",
        results / "gold.jsonl",
        "--metrics",
        "ner",
    )

    assert (done.returncode, "failing failed on 1 of 25 documents" in done.stdout) == (4, True)


def test_options_that_saved_results_have_settled_are_refused(results):
    done = evalkit(
        "compare",
        results / "predicted.json",
        results / "predicted.json",
        "--boot",
        "7",
        "--level",
        "0.5",
    )

    assert (
        done.returncode,
        done.stderr.startswith("evalkit: boot, level: a saved result has its options already"),
    ) == (2, True)


def test_a_result_and_its_report_are_two_files(results):
    done = evalkit(
        "score",
        results / "gold.jsonl",
        results / "predicted.jsonl",
        "--save",
        results / "x.txt",
        "-o",
        results / "x.txt",
    )

    assert (
        done.returncode,
        "x.txt: the command reads or writes this file already" in done.stderr,
    ) == (
        2,
        True,
    )


def test_results_go_into_a_models_own_card_and_into_a_file_for_the_hub(tmp_path):
    card, results = tmp_path / "README.md", tmp_path / "entry.yaml"
    card.write_text("---\nlicense: mit\n---\n# Mine\n", encoding="utf-8")

    run = evalkit(
        "run",
        "--boot",
        "0",
        "--model-card",
        str(card),
        "--eval-results",
        str(results),
        "--hub-dataset",
        "me/news",
    )

    assert run.returncode == 0
    assert card.read_text(encoding="utf-8").startswith(
        "---\nlicense: mit\nmodel-index:\n- name: rules\n"
    )
    assert results.read_text(encoding="utf-8").startswith(
        "- dataset:\n    id: me/news\n    task_id: entities/strict\n  value: 0.79"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--model-card", "nowhere.md"),
            "--model-card nowhere.md: no such file; expected an existing model card",
        ),
        (
            ("--eval-results", "x.yaml"),
            "--eval-results: give the name of the data set on the Hub: --hub-dataset OWNER/NAME",
        ),
        (("--hub-dataset", "me/news"), "--hub-dataset: needs --model-card or --eval-results"),
    ],
)
def test_pages_that_cannot_be_written_are_refused_before_the_run(options, message):
    run = evalkit("run", *options)

    assert (run.returncode, run.stderr) == (2, f"evalkit: {message}\n")
