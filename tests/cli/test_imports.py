"""What the package, and each command, imports: start-up is most of what a short command costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.perturbed import perturbed

import evalkit

RUN = "import sys; from evalkit.cli import main; sys.argv[0] = 'evalkit'; main()"
# Packages that take longer to import than a short command takes otherwise
HEAVY = {"scipy", "sklearn", "pandas", "spacy", "datasets", "huggingface_hub", "jinja2", "yaml"}
PYDANTIC = {"pydantic", "pydantic_core"}
LOOKED_UP = {"importlib.metadata", "email"}  # only plug-ins and other packages' versions need them


def modules_after(code, *arguments):
    """The modules that a program has imported when it ends."""
    program = f"import atexit, sys\natexit.register(lambda: print(*sys.modules))\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.splitlines()[-1].split())


def test_the_import_of_a_name_loads_what_it_needs():
    alone = modules_after("import evalkit")
    load_corpus = modules_after("from evalkit import load_corpus")

    assert {name for name in alone if name.startswith("evalkit.")} == {"evalkit.lazy_names"}
    assert load_corpus & (HEAVY | LOOKED_UP | {"numpy", "jsonlines", "attr", "typer", "rich"}) == (
        set()
    )


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_no_command(option):
    loaded = modules_after(RUN, option)

    assert loaded & (HEAVY | PYDANTIC | LOOKED_UP | {"numpy", "msgspec"}) == set()
    assert [name for name in loaded if name.startswith("evalkit.") and "commands" in name] == []
    assert loaded & {"rich.markdown", "markdown_it", "pygments", "rich.traceback"} == set()


def test_after_help_other_code_has_the_whole_of_rich():
    code = "import sys; from evalkit.cli.help_renderer import import_help_renderer as load; load();"
    code += " from rich.markdown import Markdown; print(Markdown('*x*').markup)"

    assert subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout == ("*x*\n")


def test_score_loads_no_other_part(tmp_path):
    gold, predicted = perturbed(3, 1)
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")

    loaded = modules_after(
        RUN,
        "score",
        tmp_path / "gold.jsonl",
        tmp_path / "predicted.jsonl",
        "--level",
        "0.9",
        "--label-map",
        "A=X",
    )

    assert loaded & (HEAVY | PYDANTIC | LOOKED_UP | {"jsonlines", "attr", "xml"}) == set()
    assert loaded.isdisjoint(
        f"evalkit.{name}"
        for name in (
            "models.registry",
            "inference.runner",
            "analysis.error_kinds",
            "results.comparison",
            "results.gates",
            "results.error_analysis",
            "evaluation.cascades",
            "report.errors_page",
            "hub.model_card",
        )
    )


def test_the_version_is_the_one_in_pyproject():
    file = Path(__file__).parents[2] / "pyproject.toml"

    assert re.findall('^version = "(.+)"$', file.read_text(), re.MULTILINE) == [evalkit.__version__]
