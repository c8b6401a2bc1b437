"""What can be proved about the house is proved: its reading order, its public names, and what its
import costs.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import evalkit

PACKAGE = Path(evalkit.__file__).parent
HEAVY = {"spacy", "datasets", "sklearn", "scipy", "pandas", "transformers", "torch"}


def reading_order():
    return re.findall(r"^    (\w+)  ", evalkit.__doc__, flags=re.MULTILINE)


def imported(module):
    for file in [PACKAGE / f"{module}.py", *(PACKAGE / module).glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evalkit."):
                yield node.module.split(".")[1]


def test_every_module_is_in_the_reading_order():
    there = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}

    assert sorted(reading_order()) == sorted(there - {"__init__"})


def test_a_module_uses_only_those_before_it():
    order = reading_order()

    assert [
        f"{m} uses {used}"
        for m in order
        for used in imported(m)
        if order.index(used) > order.index(m)
    ] == []


def test_every_module_opens_with_what_it_is():
    assert [
        file.name
        for file in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ] == []


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
        "Schema",
        "Scores",
        "Span",
        "Unplaced",
        "Zone",
        "compare",
        "evaluate",
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
