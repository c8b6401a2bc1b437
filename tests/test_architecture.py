"""The layout: who may import whom, the public names, and what `import evalkit` loads."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from helpers.perturbed import perturbed

import evalkit
from evalkit.data.compiled import core

PACKAGE = Path(evalkit.__file__).parent
HEAVY = {"spacy", "datasets", "sklearn", "scipy", "pandas", "transformers", "torch"}


# What each folder or module may import, beside itself; each line adds to the ones it names.
GROUND = {"errors", "redaction", "version", "files", "lazy_names"}
MAY_IMPORT = {name: set() for name in GROUND} | {"files": {"errors"}}
MAY_IMPORT["data"] = GROUND
MAY_IMPORT["formats"] = GROUND | {"data"}
MAY_IMPORT["corpus"] = GROUND | {"data", "formats"}
MAY_IMPORT["models"] = MAY_IMPORT["corpus"] | {"corpus"}
MAY_IMPORT["inference"] = MAY_IMPORT["models"] | {"models"}
MAY_IMPORT["scoring"] = GROUND | {"data"}
MAY_IMPORT["stats"] = MAY_IMPORT["scoring"] | {"scoring"}
MAY_IMPORT["analysis"] = MAY_IMPORT["stats"] | {"stats"}
MAY_IMPORT["results"] = MAY_IMPORT["analysis"] | {"analysis"}
MAY_IMPORT["evaluation"] = (
    MAY_IMPORT["inference"] | MAY_IMPORT["results"] | {"inference", "results"}
)
MAY_IMPORT["training"] = MAY_IMPORT["evaluation"] | {"evaluation"}
MAY_IMPORT["report"] = MAY_IMPORT["evaluation"] | {"evaluation"}
MAY_IMPORT["hub"] = MAY_IMPORT["training"] | {"report"}
MAY_IMPORT["cli"] = MAY_IMPORT["hub"] | {"hub"}

# Methods that hand over to a folder above, which they import when they are called.
LAZY_IMPORTS = {
    ("corpus.py", "results.corpus_stats"),
    ("results/corpus_stats.py", "corpus"),
    ("results/corpus_stats.py", "evaluation.corpus_scores"),
    ("results/agreement.py", "report.agreement_page"),
    ("results/error_analysis.py", "report.errors_page"),
    ("results/scores.py", "report.errors_page"),
    ("results/scores.py", "report.scores_page"),
    ("results/comparison.py", "report.comparison_page"),
    ("results/emulated_scores.py", "report.emulation_page"),
    ("results/stats_report.py", "report.corpus_page"),
}


@cache
def modules():
    """Each module of evalkit but those that only export names, with the syntax tree."""
    parsed = []
    for file in PACKAGE.rglob("*.py"):
        if file != PACKAGE / "__init__.py":
            parsed.append((file.relative_to(PACKAGE), ast.parse(file.read_text(encoding="utf-8"))))
    return parsed


@cache
def nodes_of(tree):
    return list(ast.walk(tree))


def imported(tree):
    """The modules of evalkit that a module imports, as dotted names without "evalkit."."""
    for node in nodes_of(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "evalkit":
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evalkit."):
            below = PACKAGE.joinpath(*node.module.split(".")[1:])
            for name in node.names:
                is_module = below.is_dir() and (below / f"{name.name}.py").exists()
                yield node.module[8:] + (f".{name.name}" if is_module else "")
        elif isinstance(node, ast.Import):
            yield from (name.name[8:] for name in node.names if name.name.startswith("evalkit."))


def test_folders_import_only_those_below_them():
    wrong = []
    for file, tree in modules():
        folder = file.parts[0].removesuffix(".py")
        for name in imported(tree):
            used = name.partition(".")[0]
            if (str(file), name) in LAZY_IMPORTS:
                continue
            if used != folder and used not in MAY_IMPORT[folder]:
                wrong.append(f"{file} imports evalkit.{name}")

    assert wrong == []


def test_no_module_imports_the_package_it_is_in():
    wrong = []
    for file, tree in modules():
        package = ".".join(file.parent.parts)
        if file.name != "__init__.py" and package in imported(tree):
            wrong.append(f"{file} imports evalkit.{package}")

    assert wrong == []


def test_imports_have_no_cycle():
    uses = {}
    for file, tree in modules():
        names = {name for name in imported(tree) if (str(file), name) not in LAZY_IMPORTS}
        uses[".".join(file.with_suffix("").parts)] = names

    ordered = TopologicalSorter(uses).static_order()

    assert set(ordered) >= set(uses)


def test_no_module_has_the_name_of_a_public_function_of_its_folder():
    wrong = []
    for file, tree in modules():
        siblings = {other.stem for other in (PACKAGE / file).parent.glob("*.py")}
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        wrong += [f"{file}: {name}" for name in functions & siblings]

    assert wrong == []


# Imperatives that end like participles or adverbs; `predicted` is the side of an evaluation.
NO_PARTICIPLES = {"apply", "embed", "predicted", "seed"}


def functions_of(tree):
    """The functions and methods that are called: not properties, which may be adjectives."""
    for node in nodes_of(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if not decorators & {"property", "cached_property"}:
                yield node.name


def test_no_function_is_called_by_a_participle_or_an_adverb():
    wrong = []
    for file, tree in modules():
        for name in functions_of(tree):
            word = name.strip("_")
            if word.endswith(("ed", "ly")) and "_" not in word and word not in NO_PARTICIPLES:
                wrong.append(f"{file}: {name}")

    assert wrong == []


def test_no_two_classes_have_the_same_name():
    names = Counter(
        node.name
        for _, tree in modules()
        for node in nodes_of(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert {name: number for name, number in names.items() if number > 1} == {}


def test_no_module_uses_the_words_of_former_messages():
    words = re.compile(r"\b(told|said|would do)\b")
    wrong = [
        f"{file}: {match[0]}"
        for file, _ in modules()
        if (match := words.search((PACKAGE / file).read_text(encoding="utf-8")))
    ]

    assert wrong == []


def test_few_modules_lie_at_the_top():
    assert len(list(PACKAGE.glob("*.py"))) <= 7


def test_no_module_is_long():
    lines = {
        str(file): (PACKAGE / file).read_text(encoding="utf-8").count("\n") for file, _ in modules()
    }

    assert {file: number for file, number in lines.items() if number > 500} == {}


def calls_between_modules(function):
    """The modules of evalkit that run in a call, and the pairs (calling, called) of them."""
    names, calls = set(), set()

    def module_of(frame):
        file = Path(frame.f_code.co_filename)
        if not file.is_relative_to(PACKAGE):
            return None
        return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)

    def note_call(frame, event, _argument):
        called = module_of(frame)
        if event != "call" or called is None:
            return
        names.add(called)
        caller = frame.f_back
        while caller is not None and module_of(caller) is None:  # numpy, msgspec, the library
            caller = caller.f_back
        if caller is not None and module_of(caller) != called:
            calls.add((module_of(caller), called))

    before = sys.getprofile()
    sys.setprofile(note_call)
    try:
        function()
    finally:
        sys.setprofile(before)
    return names, calls


def test_scoring_two_files_is_one_way(tmp_path):
    gold, predicted = perturbed(30, 1)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")

    def score():
        return evalkit.score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", boot=20)

    score().render()  # so that what is imported on first use is there
    names, calls = calls_between_modules(score)
    _, calls_of_report = calls_between_modules(lambda: score().render())

    assert [pair for pair in calls | calls_of_report if pair[::-1] in calls | calls_of_report] == []
    assert len({name.partition(".")[0] for name in names if "." in name}) <= 7
    # What the compiled core does in one call, three modules do in Python.
    assert len(names) <= (38 if core is None else 35), sorted(names)


def test_every_module_opens_with_what_it_is():
    init = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    parsed = [("__init__.py", init), *modules()]

    assert [str(file) for file, tree in parsed if not ast.get_docstring(tree)] == []


def test_the_public_names_are_these():
    assert evalkit.__all__ == [
        "Argument",
        "Attribution",
        "Corpus",
        "Document",
        "Entity",
        "EvalkitError",
        "Event",
        "InputError",
        "LoadError",
        "Relation",
        "Schema",
        "Scores",
        "Span",
        "Unplaced",
        "Zone",
        "adjudicate",
        "agreement",
        "compare",
        "emulate",
        "evaluate",
        "fix_errors",
        "load_corpus",
        "load_model",
        "predict",
        "score",
        "score_spans",
        "score_tags",
    ]
    assert [name for name in evalkit.__all__ if not hasattr(evalkit, name)] == []


def test_the_import_loads_nothing_heavy():
    code = (
        "import sys, evalkit, evalkit.cli; evalkit.score(evalkit.load_corpus(),"
        " evalkit.load_corpus()); print(*sys.modules)"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert HEAVY & set(loaded) == set()


def test_the_import_alone_loads_no_library():
    code = (
        "import sys, evalkit; print('numpy' in sys.modules, 'msgspec' in sys.modules);"
        " print('score' in vars(evalkit), 'score' in dir(evalkit)); evalkit.score;"
        " print('score' in vars(evalkit))"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines() == ["False False", "False True", "True"]


def test_the_rules_baseline_runs_without_spacy():
    code = (
        "import sys, evalkit; print(len(evalkit.predict('rules', evalkit.load_corpus()))); assert"
        " 'spacy' not in sys.modules"
    )

    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "1\n"
    )
