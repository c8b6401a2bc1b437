"""All that evalkit writes, in one table, and a program that runs each writer without room on the
disk and kills it at each step.

`python tests/helpers/writers.py full|killed [NAME…]` prints a JSON object: the errors of each
writer. Each run is in a process of its own that is forked from this one, in which the heavy
packages are loaded already.
"""

import importlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    EvalkitError,
    Event,
    Schema,
    Scores,
    Span,
    load_corpus,
    score,
)
from evalkit.data.schema import save_schema
from evalkit.evaluation.adjudication import adjudicate
from evalkit.evaluation.adjudication_files import save_adjudication
from evalkit.evaluation.pr_curves import curves
from evalkit.files import system_calls, write_folder
from evalkit.files.folder_writing import COMMIT
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS, format_module
from evalkit.hub.card_source import REQUIRED_SECTIONS
from evalkit.hub.model_card import update_model_card

FILES = {
    "jsonl": "c.jsonl",
    "conll": "c.conll",
    "docbin": "c.spacy",
}  # others of these formats: c.json
FOLDERS = ("directory", "brat", "cas", "hf")
LIMITS = (0, 40, 700)  # bytes a file
CARD = "---\nlicense: mit\n---\n# A model\n\nWords of a person.\n"
CARD_SOURCE = """---
pretty_name: News
language: en
license: mit
---

Two texts.
""" + "".join(f"\n## {title}\n\nInvented.\n" for title in REQUIRED_SECTIONS)
HEAVY = (
    "evalkit.cli",
    "spacy",
    "cassis",
    "huggingface_hub",
    "datasets",
    "sklearn.metrics",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_agg",
)


def documents(version):
    """Two documents whose ids and texts are the same in both versions, and whose annotations are
    not.
    """
    label = ("PER", "ORG")[version - 1]
    events = [
        Event(
            "Attack",
            Span(4, 10),
            (Argument("Agent" if version == 1 else "Place", 0, 3),),
            score=0.5,
        )
    ]
    return [
        Document(
            "a",
            "Ada struck Bo Ek.",
            [Entity(label, 0, 3, score=0.9), Entity("PER", 11, 16, score=0.4)],
            events,
        ),
        Document(
            "b",
            "Cy left Rome.",
            [Entity(label, 0, 2, score=0.8)] * (version == 1) + [Entity("LOC", 8, 12, score=0.7)],
            [],
        ),
    ]


# Commands that write several files. adjudicate writes its annotations before its lines, which are
# refused if they do not fit, and the gold before the report.
SEPARATE_FILES = {"adjudicate --output", "adjudicate --report"}


def prepare(inputs):
    """Write the inputs of both versions."""
    for version in (1, 2):
        folder = inputs / str(version)
        folder.mkdir(parents=True)
        corpus = Corpus(
            documents(version), name="gold", schema=Schema(labels={"PER": "", "ORG": "", "LOC": ""})
        )
        corpus.save(folder / "gold.jsonl")
        score(corpus, Corpus(documents(1), name="model"), boot=0).save(folder / "result.json")
        (folder / f"text{version}.txt").write_text(f"Text {version} of two.\n")
        (folder / "card.md").write_text(CARD_SOURCE)
    Corpus(documents(1), name="model").save(inputs / "predicted.jsonl")
    # Predictions that are wrong in both versions
    without = [Document(document.id, document.text, entities=()) for document in documents(1)]
    Corpus(without, name="model").save(inputs / "wrong.jsonl")
    for version in (1, 2):
        # Without scores, about which adjudicate prints a notice
        annotated = [
            Document(each.id, each.text, [Entity(("PER", "ORG")[version - 1], 0, 2)])
            for each in documents(version)
        ]
        Corpus(annotated).save(inputs / f"annotator{version}/a.jsonl")
        adjudication = adjudicate(a=annotated, b=without)
        save_adjudication(adjudication, inputs / str(version) / "todo.jsonl")


def command(*arguments):
    """A writer that is a command: IN stands for the inputs of a version, INPUTS for those of both."""  # noqa: E501

    def write(inputs, version):
        from evalkit import cli

        sys.argv = [
            "evalkit",
            *(
                str(a)
                .replace("INPUTS", str(inputs))
                .replace("IN/", f"{inputs}/{version}/")
                .replace("VERSION", str(version))
                for a in arguments
            ),
        ]
        cli.main()

    return write


def function(call):
    """A writer that is a function of a version's corpus and its result."""

    def write(inputs, version):
        folder = inputs / str(version)
        call(load_corpus(folder / "gold.jsonl"), Scores.load(folder / "result.json"))

    return write


def write_card(inputs, version):
    """A card without and with the texts."""
    command("card", *(["--with-text"] if version == 2 else []), "-o", "card.md")(inputs, version)


def write_new(inputs, version):
    """A corpus that begins with one text, and grows by another."""
    command("new", "corpus", f"IN/text{version}.txt")(inputs, version)


def write_folder_in_place(_inputs, version):
    """A folder that cannot be exchanged with another, since it is the working directory."""
    Path("folder/inner").mkdir(parents=True, exist_ok=True)
    os.chdir("folder")
    write_folder(
        ".",
        {
            "one": b"1" * 50 * version,
            "inner/two": b"2" * 50 * version,
            "three": b"3" * 50 if version == 1 else None,
        },
    )


def targets():
    """The file or folder of each format that is written."""
    return {
        name: FILES.get(name, name if name in FOLDERS else "c.json")
        for name in WRITTEN_FORMATS
        if not FORMATS[name].missing
    }


def writers():
    """Every writer by name."""
    scoring = ("IN/gold.jsonl", "INPUTS/predicted.jsonl", "--boot", "0")
    running = (
        "run",
        "IN/gold.jsonl",
        "-m",
        "predictions:INPUTS/predicted.jsonl",
        "--boot",
        "0",
        "--metrics",
        "entities/strict",
    )
    page = ("--hub-dataset", "me/news")
    annotators = ("a=INPUTS/annotatorVERSION/a.jsonl", "b=INPUTS/wrong.jsonl")
    found = {
        "run --output": command(*running, "-o", "r.json"),
        "run --report": command(*running, "--report", "r.html"),
        "score --report": command("score", *scoring, "--report", "r.md"),
        "run --save": command(*running, "--save", "r.json"),
        "run --model-card": command(*running, "--model-card", "README.md"),
        "run --eval-results": command(*running, "--eval-results", "r.yaml", *page),
        "run --junit": command(*running, "--gate", "ner>=0", "--junit", "g.xml"),
        "score --junit": command("score", *scoring, "--gate", "ner>=0", "--junit", "g.xml"),
        "report --junit": command(
            "report", "IN/result.json", "--gate", "ner>=0", "--junit", "g.xml"
        ),
        "compare --junit": command(
            "compare",
            "--gold",
            "IN/gold.jsonl",
            "INPUTS/predicted.jsonl",
            "IN/gold.jsonl",
            "--gate",
            "ner: no worse by 1",
            "--junit",
            "g.xml",
        ),
        "predict --output": command(
            "predict", "IN/gold.jsonl", "-m", "predictions:IN/gold.jsonl", "-o", "p.jsonl"
        ),
        "score --output": command("score", *scoring, "-o", "r.csv"),
        "score --save": command("score", *scoring, "--save", "r.json"),
        "report --output": command("report", "IN/result.json", "-o", "r.html"),
        "report --save": command("report", "IN/result.json", "--save", "r.json"),
        "report --model-card": command("report", "IN/result.json", "--model-card", "README.md"),
        "report --eval-results": command(
            "report", "IN/result.json", "--eval-results", "r.yaml", *page
        ),
        "compare --output": command(
            "compare",
            "--gold",
            "IN/gold.jsonl",
            "INPUTS/predicted.jsonl",
            "INPUTS/1/gold.jsonl",
            "--boot",
            "0",
            "-o",
            "c.md",
        ),
        "compare --report": command(
            "compare",
            "--gold",
            "IN/gold.jsonl",
            "INPUTS/predicted.jsonl",
            "INPUTS/1/gold.jsonl",
            "--boot",
            "0",
            "--report",
            "c.html",
        ),
        "run --save-errors": command(
            "run",
            "IN/gold.jsonl",
            "-m",
            "predictions:INPUTS/wrong.jsonl",
            "--metrics",
            "entities/strict",
            "--save-errors",
            "e.jsonl",
        ),
        "score --save-errors": command(
            "score", "IN/gold.jsonl", "INPUTS/wrong.jsonl", "--save-errors", "e.jsonl"
        ),
        "emulate --output": command(
            "emulate", "seqeval", "IN/gold.jsonl", "INPUTS/predicted.jsonl", "-o", "e.md"
        ),
        "agreement --output": command("agreement", *annotators, "--boot", "0", "-o", "a.html"),
        "agreement --save": command("agreement", *annotators, "--boot", "0", "--save", "a.json"),
        "adjudicate --output": command("adjudicate", *annotators, "-o", "todo.jsonl"),
        "adjudicate --report": command(
            "adjudicate",
            "--apply",
            "IN/todo.jsonl",
            "--undecided",
            "a",
            "-o",
            "g.jsonl",
            "--report",
            "r.md",
        ),
        "errors --output": command(
            "errors", "IN/gold.jsonl", "INPUTS/predicted.jsonl", "-o", "e.html"
        ),
        "compare --save-items": command(
            "compare",
            "--gold",
            "IN/gold.jsonl",
            "INPUTS/predicted.jsonl",
            "INPUTS/wrong.jsonl",
            "--metrics",
            "entities/strict",
            "--save-items",
            "i.jsonl",
        ),
        "stats --report": command("stats", "IN/gold.jsonl", "--report", "s.html"),
        "curve --output": command(
            "curve", "IN/gold.jsonl", "INPUTS/predicted.jsonl", "-o", "c.json"
        ),
        "stats --output": command(
            "stats", "IN/gold.jsonl", "INPUTS/predicted.jsonl", "--detect", "0.1", "-o", "s.json"
        ),
        "curve picture": command("curve", "IN/gold.jsonl", "INPUTS/predicted.jsonl", "-o", "c.png"),
        "card --output": write_card,
        "publish --output": command(
            "publish", "me/news", "IN/gold.jsonl", "--dry-run", "--tag", "v1", "-o", "files"
        ),
        "new": write_new,
        "folder in place": write_folder_in_place,
        "Scores.save": function(lambda _, scores: scores.save("r.json")),
        "update_model_card": function(lambda _, scores: update_model_card("README.md", scores)),
        "save_schema": lambda _, version: save_schema(
            Schema(name=f"s{version}"), Path("schema.json")
        ),
        "Curves.plot": function(lambda gold, _: curves(gold, Corpus(documents(1))).plot("c.svg")),
    }
    for name, target in targets().items():
        found[f"convert:{name}"] = command("convert", "IN/gold.jsonl", f"{name}:{target}")
        found[f"write:{name}"] = function(
            lambda gold, _, name=name, target=target: format_module(Path(target), name).write(
                gold, Path(target), ConversionReport()
            )
        )
    for name, target in (("brat", "a.ann"), ("cas", "a.xmi"), ("cas", "a.json")):
        found[f"Corpus.save:{name}:{target}"] = function(
            lambda gold, _, name=name, target=target: gold[:1].save(f"{name}:{target}")
        )
    return found


def run(write, inputs, version, place, before=lambda: None):
    """Run a writer in a process of its own in the folder `place`: the exit code (None if it was
    killed) and what it said on stderr.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.chdir(place)
        code, said = 1, ""
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)
        )
        try:
            before()
            write(inputs, version)
            code = 0
        except EvalkitError as error:
            code, said = error.exit_code, str(error)
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            said = traceback.format_exc()
        sys.stderr.flush()
        os.write(writer, json.dumps([code, said + sys.stderr.buffer.getvalue().decode()]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else (None, "")


def content(place, *, temporary=True):
    """Every file of a folder with its bytes; without the temporary ones, only what a user sees."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file()
        and (
            temporary
            or not any(part.startswith(".evalkit-") for part in path.relative_to(place).parts)
        )
    }


def starting_point(root, name):
    """A new folder that holds what a writer finds: a card to be changed."""
    place = Path(tempfile.mkdtemp(dir=root))
    if "card" in name and name != "card --output":
        (place / "README.md").write_text(CARD)
    return place


def limit_files(size):
    """No file of this process may be longer."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def is_old_or_new(name, there, old, new):
    """Whether a place has its old or its new content; of commands that write several files, which
    are used without each other, whether each file has.
    """
    if name not in SEPARATE_FILES:
        return there in (old, new)
    return all(there.get(path) in (old.get(path), new.get(path)) for path in {*old, *new})


def check_full(name, write, inputs, root):
    """What goes wrong where there is no room: a line for each thing."""
    place = starting_point(root, name)
    empty = content(place)
    code, said = run(write, inputs, 1, place, lambda: limit_files(0))
    if code != 3 or content(place) != empty:
        yield f"without room at first: exit code {code}, {sorted(content(place))}: {said}"
    code, said = run(write, inputs, 1, place)
    old = content(place)
    if code not in (0, 4) or not old or old == empty:
        yield f"with room at first: exit code {code}: {said}"
    for size in LIMITS:
        code, said = run(write, inputs, 2, place, lambda size=size: limit_files(size))
        if code in (0, 4) and size:
            break
        if code != 3:
            yield f"at most {size} bytes: exit code {code}: {said}"
        if name not in SEPARATE_FILES and content(place) != old:
            yield f"at most {size} bytes: {sorted(content(place))} is not as it was"
        if (
            not (any(path.split("/")[0] in said for path in old) or name == "folder in place")
            or ".evalkit-" in said
            or len(said.strip().splitlines()) != 1 + said.count("undefined")
        ):
            yield f"at most {size} bytes: the message does not name the file on one line: {said}"
    code, said = run(write, inputs, 2, place)
    new = content(place)
    if code not in (0, 4) or new == old or any(".evalkit-" in path for path in new):
        yield f"with room again: exit code {code}, {sorted(new)}: {said}"


def kill_at(step):
    """Kill this process before its Nth call of a function that makes a change last."""
    calls = 0

    def counted(call):
        def counting(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counting

    os.fsync, os.replace, os.rename, os.unlink = (
        counted(call) for call in (os.fsync, os.replace, os.rename, os.unlink)
    )
    system_calls.exchange = counted(system_calls.exchange)


def check_killed(name, write, inputs, root):
    """What goes wrong where the process is killed at some step: a line for each thing."""
    place = starting_point(root, name)
    run(write, inputs, 1, place)
    old = content(place)
    wanted = Path(shutil.copytree(place, root / "wanted" / name.replace("/", "-")))
    run(write, inputs, 2, wanted)
    new = content(wanted)
    code, step = None, 0
    while code is None and step < 60:
        step += 1
        here = Path(shutil.copytree(place, root / "killed" / name.replace("/", "-") / str(step)))
        code, _ = run(write, inputs, 2, here, lambda step=step: kill_at(step))
        committed = any(COMMIT in path for path in content(here))
        there = content(here, temporary=False)
        if not is_old_or_new(name, there, old, new) and not committed:
            yield (
                f"killed at step {step}: neither the old content nor the new:"
                f" {sorted(content(here))}"
            )
        again, said = run(write, inputs, 2, here)
        if again not in (0, 4) or content(here) != new:
            yield (
                f"killed at step {step}: the same command: exit code {again},"
                f" {sorted(content(here))}: {said}"
            )
    if step < 3:
        yield "there was no step at which it was killed"


def main(kind, *names):
    """Check writers, and print what went wrong with each."""
    for module in HEAVY:
        importlib.import_module(module)
    check = {"full": check_full, "killed": check_killed}[kind]
    table = writers()
    with tempfile.TemporaryDirectory() as root:
        inputs = Path(root) / "inputs"
        prepare(inputs)
        print(
            json.dumps(
                {
                    name: list(check(name, table[name], inputs, Path(root)))
                    for name in names or table
                }
            )
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
