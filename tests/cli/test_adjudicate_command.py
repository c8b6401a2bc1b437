"""The command `adjudicate`, from annotations to gold."""

import json

import pytest
from helpers.cli import run_evalkit

from evalkit import load_corpus

TEXT = "Ann Lee of Rovers met Bo."
BRAT = {
    "ann": "T1\tPER 0 7\tAnn Lee\nT2\tORG 11 17\tRovers\nR1\tworks-for Arg1:T1 Arg2:T2\n",
    "bob": "T5\tORG 11 17\tRovers\nT6\tPER 0 3\tAnn\nR9\tworks-for Arg1:T6 Arg2:T5\n",
    "cy": "T1\tORG 11 17\tRovers\nT2\tPER 0 7\tAnn Lee\nR1\tworks-for Arg1:T2 Arg2:T1\n",
}


@pytest.fixture
def folder(tmp_path):
    """A folder with the brat folders of three annotators."""
    for name, lines in BRAT.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "d.txt").write_text(TEXT, encoding="utf-8")
        (tmp_path / name / "d.ann").write_text(lines, encoding="utf-8")
    return tmp_path


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def decide(path, decision, note=""):
    write_lines(path, [line | {"decision": decision, "note": note} for line in read_lines(path)])


def test_two_brat_folders_become_gold(folder):
    listed = run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", cwd=folder)

    assert (listed.returncode, listed.stdout.splitlines()[0]) == (
        0,
        "todo.jsonl: 1 agreed item, 2 clusters of disagreement",
    )
    lines = read_lines(folder / "todo.jsonl")
    assert list(lines[0]) == (
        "id document layer start end text context kind options decision note".split()
    )
    assert [(line["layer"], line["kind"]) for line in lines] == [
        ("entities", "boundary"),
        ("relations", "arguments"),
    ]
    decide(folder / "todo.jsonl", "ann", "rule N1 | *no* surname")
    applied = run_evalkit(
        *("adjudicate", "--apply", "todo.jsonl", "-o", "gold.jsonl", "--report", "report.md"),
        cwd=folder,
    )

    assert (applied.returncode, applied.stdout) == (
        0,
        "gold.jsonl: 1 document, 2 entities, 1 relation; 2 decisions (2 by the adjudicator)\n",
    )
    (gold,) = load_corpus(folder / "gold.jsonl")
    (own,) = load_corpus(f"brat:{folder / 'ann'}")
    assert (gold.entities, gold.relations) == (own.entities, own.relations)
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "| boundary | 1 | 0 | 0 | 0 | 0 | 1 |" in report
    assert report.count(r"rule N1 \| \*no\* surname") == 2


def test_undecided_lines_end_with_exit_code_2_and_their_ids(folder):
    run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", cwd=folder)
    lines = read_lines(folder / "todo.jsonl")
    write_lines(folder / "todo.jsonl", lines[:1])  # a deleted line is an undecided one

    done = run_evalkit("adjudicate", "--apply", "todo.jsonl", "-o", "gold.jsonl", cwd=folder)

    assert done.returncode == 2
    assert all(line["id"] in done.stderr for line in lines)
    assert "or give --undecided none" in done.stderr
    assert not (folder / "gold.jsonl").exists()
    done = run_evalkit(
        *("adjudicate", "--apply", "todo.jsonl", "-o", "gold.jsonl", "--undecided", "bob"),
        cwd=folder,
    )
    assert done.stdout.endswith("2 decisions (2 by the default bob)\n")


def test_decisions_are_not_overwritten_and_are_reused(folder):
    command = ("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl")
    run_evalkit(*command, cwd=folder)
    decide(folder / "todo.jsonl", "ann", "N1")
    before = (folder / "todo.jsonl").read_text(encoding="utf-8")

    refused = run_evalkit(*command, cwd=folder)

    assert (refused.returncode, "reuse them with --previous todo.jsonl" in refused.stderr) == (
        2,
        True,
    )
    assert (folder / "todo.jsonl").read_text(encoding="utf-8") == before
    done = run_evalkit(*command, "--previous", "todo.jsonl", cwd=folder)
    assert done.returncode == 0
    assert [(x["decision"], x["note"]) for x in read_lines(folder / "todo.jsonl")] == [
        ("ann", "N1")
    ] * 2


def test_stale_decisions_are_listed_and_kept(folder):
    run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", cwd=folder)
    decide(folder / "todo.jsonl", "ann", "N1")
    stale_id = read_lines(folder / "todo.jsonl")[0]["id"]
    (folder / "bob/d.ann").write_text(BRAT["bob"].replace("PER", "LOC"), encoding="utf-8")

    done = run_evalkit(
        *("adjudicate", "brat:ann", "brat:bob", "--previous", "todo.jsonl", "-o", "new.jsonl"),
        cwd=folder,
    )

    assert "1 stale decision, whose clusters are not there any more" in done.stderr
    assert stale_id in done.stderr
    assert [line["id"] for line in read_lines(folder / "new.stale.jsonl")] == [stale_id]
    assert [line["decision"] for line in read_lines(folder / "new.jsonl")] == [None, "ann"]
    refused = run_evalkit(
        *("adjudicate", "brat:ann", "brat:bob", "--apply", "todo.jsonl", "-o", "g.jsonl"),
        cwd=folder,
    )
    assert (refused.returncode, stale_id in refused.stderr) == (2, True)


def test_a_rule_decides_and_the_report_says_so(folder):
    run_evalkit(
        *("adjudicate", "brat:ann", "brat:bob", "brat:cy", "--resolve", "majority"),
        *("-o", "todo.jsonl"),
        cwd=folder,
    )
    assert {line["note"] for line in read_lines(folder / "todo.jsonl")} == {"automatic: majority"}

    done = run_evalkit(
        *("adjudicate", "--apply", "todo.jsonl", "-o", "gold.jsonl", "--report", "report.html"),
        cwd=folder,
    )

    assert "2 decisions (2 by the rule majority)" in done.stdout
    assert "<table" in (folder / "report.html").read_text(encoding="utf-8")
    assert [e.end for e in load_corpus(folder / "gold.jsonl")[0].entities] == [7, 17]


def test_the_next_step_depends_on_what_is_undecided(folder):
    def list_lines(*options):
        arguments = ("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", *options)
        return run_evalkit(*arguments, cwd=folder).stdout

    assert list_lines() == (
        "todo.jsonl: 1 agreed item, 2 clusters of disagreement\n"
        "next: decide, then evalkit adjudicate --apply todo.jsonl -o gold.jsonl\n"
    )
    assert "disagreement, 1 without a decision\nnext: decide, then" in list_lines(
        "--resolve", "longest"
    )
    decide(folder / "todo.jsonl", "ann")
    assert list_lines("--previous", "todo.jsonl") == (
        "todo.jsonl: 1 agreed item, 2 clusters of disagreement, all with a decision\n"
        "next: evalkit adjudicate --apply todo.jsonl -o gold.jsonl\n"
    )


def test_without_a_file_the_lines_are_printed(folder):
    done = run_evalkit("adjudicate", "x=brat:ann", "y=brat:bob", cwd=folder)

    assert [list(json.loads(line)["options"]) for line in done.stdout.splitlines()] == [
        ["x", "y"]
    ] * 2


def test_documents_that_one_annotator_lacks_are_listed(folder):
    (folder / "ann/e.txt").write_text("Bo.", encoding="utf-8")
    (folder / "ann/e.ann").write_text("T1\tPER 0 2\tBo\n", encoding="utf-8")

    done = run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", cwd=folder)

    assert "bob: did not annotate 1 document that others did: e\n" in done.stderr
    assert ("e", "one annotator") in [
        (line["document"], line["kind"]) for line in read_lines(folder / "todo.jsonl")
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["brat:ann"], "the format brat has one annotator"),
        (["all=brat:ann", "brat:bob"], "invalid name of an annotator 'all'"),
        (["brat:ann", "brat:bob", "-o", "todo.txt"], "expected a name that ends in .jsonl"),
        (["brat:ann", "brat:bob", "--undecided", "none"], "--undecided: needs --apply"),
        (["brat:ann", "brat:bob", "--report", "r.md"], "--report: needs --apply"),
        (["--apply", "todo.jsonl"], "--apply: name the file of the gold: -o gold.jsonl"),
        (["--apply", "no.jsonl", "-o", "gold.jsonl"], "no.jsonl: no such file"),
        (
            ["--apply", "alone.jsonl", "-o", "gold.jsonl"],
            "alone.annotations.json, which was written",
        ),
        (["brat:ann", "brat:bob", "--apply", "broken.jsonl", "-o", "g.jsonl"], "broken.jsonl:1: "),
        (["--apply", "x", "--previous", "y", "-o", "g.jsonl"], "give it without --apply"),
        (["--apply", "ann", "-o", "g.jsonl"], "what comes from a tool is named with it: brat:ann"),
        (["--apply", "none.json", "-o", "g.jsonl"], "named with it: labelstudio:none.json"),
        (["--apply", "labelstudio:none.json", "-o", "g.jsonl"], "labelstudio:none.json: no tasks"),
        (["--apply", "damaged.jsonl", "-o", "g.jsonl"], "name the annotations instead: evalkit"),
        (
            [
                "brat:ann",
                "brat:bob",
                "--apply",
                "alone.jsonl",
                "-o",
                "g.jsonl",
                "--undecided",
                "al",
            ],
            "unknown value 'al'",
        ),
    ],
)
def test_mistakes_are_explained(folder, arguments, problem):
    (folder / "alone.jsonl").write_text("")
    (folder / "broken.jsonl").write_text('{"id": 1}\n')
    (folder / "none.json").write_text("[]\n")
    (folder / "damaged.jsonl").write_text("")
    (folder / "damaged.annotations.json").write_text('{"annotators": [{"name": "a"}]}')

    done = run_evalkit("adjudicate", *arguments, cwd=folder)

    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [("document", "e"), ("document", "nowhere"), ("layer", "events"), ("kind", "override")],
)
def test_lines_of_which_other_fields_were_changed_are_refused(folder, field, value):
    for name in ("ann", "bob"):
        (folder / name / "e.txt").write_text(TEXT, encoding="utf-8")
        (folder / name / "e.ann").write_text("", encoding="utf-8")
    run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", cwd=folder)
    decide(folder / "todo.jsonl", "ann")
    first, *others = read_lines(folder / "todo.jsonl")
    write_lines(folder / "todo.jsonl", [first | {field: value}, *others])

    done = run_evalkit("adjudicate", "--apply", "todo.jsonl", "-o", "gold.jsonl", cwd=folder)

    assert done.returncode == 2
    assert f"todo.jsonl:1: line {first['id']!r}: {field} differs from the anno" in done.stderr
    assert not (folder / "gold.jsonl").exists()

    again = ("adjudicate", "brat:ann", "brat:bob", "--previous", "todo.jsonl", "-o", "new.jsonl")
    run_evalkit(*again, cwd=folder)
    assert read_lines(folder / "new.jsonl") == [first, *others]


def test_an_override_that_fits_nothing_says_what_its_options_are(folder):
    run_evalkit("adjudicate", "brat:ann", "brat:bob", "-o", "todo.jsonl", cwd=folder)
    decide(folder / "todo.jsonl", "ann")
    rover = {"label": "GPE", "start": 11, "end": 17}
    override = {
        "id": "o1",
        "document": "d",
        "layer": "entities",
        "start": 11,
        "end": 17,
        "kind": "override",
        "options": {"ann": [rover], "bob": [rover]},
        "decision": "none",
    }
    write_lines(folder / "todo.jsonl", [*read_lines(folder / "todo.jsonl"), override])

    done = run_evalkit("adjudicate", "--apply", "todo.jsonl", "-o", "gold.jsonl", cwd=folder)

    assert done.returncode == 2
    assert "the options of an override are items that all annotators have" in done.stderr


def test_agreement_in_everything_gives_an_empty_file_and_the_gold(folder):
    run_evalkit("adjudicate", "a=brat:ann", "b=brat:cy", "-o", "todo.jsonl", cwd=folder)
    assert (folder / "todo.jsonl").read_text() == ""

    done = run_evalkit("adjudicate", "--apply", "todo.jsonl", "-o", "brat:gold", cwd=folder)

    assert done.returncode == 0
    assert load_corpus(f"brat:{folder / 'gold'}")[0] == load_corpus(f"brat:{folder / 'ann'}")[0]


def test_gold_has_the_schema_of_the_annotators(tmp_path):
    bundled = load_corpus()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        bundled.save(tmp_path / name / "corpus.jsonl")
    run_evalkit(
        *("adjudicate", "a=a/corpus.jsonl", "b=b/corpus.jsonl", "-o", "todo.jsonl"), cwd=tmp_path
    )
    (tmp_path / "g").mkdir()
    run_evalkit("adjudicate", "--apply", "todo.jsonl", "-o", "g/gold.jsonl", cwd=tmp_path)

    gold = load_corpus(tmp_path / "g/gold.jsonl")
    assert gold.schema == bundled.schema
    for layer in ("entities", "events", "attributions"):
        assert getattr(gold[0], layer) == getattr(bundled[0], layer)


def test_brat_and_label_studio_go_there_and_back(folder):
    done = run_evalkit("adjudicate", "a=brat:ann", "b=brat:bob", "-o", "brat:todo", cwd=folder)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "next: decide, then evalkit adjudicate --apply brat:todo -o gold.jsonl",
    )
    apply = ("adjudicate", "--apply", "brat:todo", "-o", "gold.jsonl")
    refused = run_evalkit(*apply, cwd=folder)
    assert (refused.returncode, "4 annotations with the prefix" in refused.stderr) == (2, True)
    lines = (folder / "todo/d.ann").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line.replace("a.", "") for line in lines if "\tb." not in line]
    (folder / "todo/d.ann").write_text("".join(kept), encoding="utf-8")
    done = run_evalkit(*apply, cwd=folder)
    assert (done.returncode, done.stdout) == (
        0,
        "gold.jsonl: 1 document, 2 entities, 1 relation\n",
    )
    assert [e.end for e in load_corpus(folder / "gold.jsonl")[0].entities] == [7, 17]

    tasks = folder / "todo.json"
    run_evalkit("adjudicate", "a=brat:ann", "b=brat:bob", "-o", "labelstudio:todo.json", cwd=folder)
    apply = ("adjudicate", "--apply", "labelstudio:todo.json", "-o", "gold.jsonl")
    assert run_evalkit(*apply, cwd=folder).returncode == 2
    done = run_evalkit(*apply, "--undecided", "b", cwd=folder)
    assert [e.end for e in load_corpus(folder / "gold.jsonl")[0].entities] == [3, 17]
    (task,) = json.loads(tasks.read_text(encoding="utf-8"))
    task["annotations"][0]["ground_truth"] = True
    tasks.write_text(json.dumps([task]), encoding="utf-8")
    assert run_evalkit(*apply, cwd=folder).returncode == 0
    assert [e.end for e in load_corpus(folder / "gold.jsonl")[0].entities] == [7, 17]
    refused = run_evalkit(*apply, "--report", "report.md", cwd=folder)
    assert "the tool kept no record of decisions: name the annotations" in refused.stderr
    done = run_evalkit(
        *(apply[0], "a=brat:ann", "b=brat:bob", *apply[1:], "--report", "report.md"), cwd=folder
    )
    assert done.stdout.endswith("; 2 decisions (2 by the adjudicator)\n")
    assert "| boundary | 1 | 0 | 0 | 0 | 0 | 1 |" in (folder / "report.md").read_text()
