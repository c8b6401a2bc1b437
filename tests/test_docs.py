"""The documentation: its examples run, its options exist, its reference pages are current."""

import importlib.util
import inspect
import shlex
import sys
from importlib.machinery import SourceFileLoader

import pytest
from helpers.cli import run_evalkit
from helpers.doc_blocks import ROOT, doc_pages, find_blocks, run_blocks

from evalkit.formats.registry import FORMATS, module_name
from evalkit.models.registry import MODEL_KINDS

REASONS = {
    "installs packages",
    "needs a trained pipeline",
    "needs transformers and a model",
    "needs gliner and a model",
    "needs an endpoint",
    "needs an export",
    "needs Ray",
    "needs Spark",
}
FAST = {"docs/index.md", "docs/statistics.md"}
REFERENCE = ROOT / "docs/reference"


def pages_with_examples():
    pages = []
    for page in doc_pages():
        name = str(page.relative_to(ROOT))
        if any(not block.reason for block in find_blocks(page.read_text(encoding="utf-8"))):
            marks = [] if name in FAST else [pytest.mark.slow]
            pages.append(pytest.param(page, id=name, marks=marks))
    return pages


@pytest.mark.parametrize("page", pages_with_examples())
def test_the_examples_of_a_page_print_what_it_shows(page, tmp_path):
    blocks = find_blocks(page.read_text(encoding="utf-8"))

    outputs = run_blocks(blocks, tmp_path / "examples")

    shown = [block.output for block in blocks if block.output is not None and not block.reason]
    printed = []
    for block, output in zip(blocks, outputs, strict=True):
        if block.output is not None and not block.reason:
            printed.append(output)
    assert printed == shown


def test_a_block_is_left_out_for_a_known_reason_alone():
    reasons = set()
    for page in doc_pages():
        blocks = find_blocks(page.read_text(encoding="utf-8"))
        reasons |= {block.reason for block in blocks if block.reason}

    assert reasons == REASONS


def evalkit_commands():
    """Each evalkit command of a bash block, as words."""
    for page in [ROOT / "README.md", *doc_pages()]:
        for block in find_blocks(page.read_text(encoding="utf-8")):
            if block.language != "bash":
                continue
            for line in block.code.replace("\\\n", " ").splitlines():
                if line.startswith("evalkit "):
                    words = shlex.split(line, comments=True)
                    ends = [words.index(word) for word in ("|", ">") if word in words]
                    yield words[: min(ends, default=None)]


def test_every_option_in_the_docs_exists():
    help_texts = {}
    unknown = []
    for words in evalkit_commands():
        command = words[1]
        if command not in help_texts:
            help_texts[command] = run_evalkit(command, "--help").stdout.replace(",", " ").split()
        options = [word for word in words[2:] if word.startswith("-") and word != "-"]
        unknown += [(command, word) for word in options if word not in help_texts[command]]

    assert unknown == []


@pytest.mark.parametrize(
    ("module", "functions"),
    [
        *(
            (
                module_name(name).removeprefix("evalkit."),
                ("read",) if FORMATS[name].read_only else ("read", "write"),
            )
            for name in FORMATS
        ),
        *((f"models.{kind.module}", ("load",)) for kind in MODEL_KINDS.values()),
    ],
)
def test_the_docstring_of_a_format_or_model_names_all_its_options(module, functions):
    module = importlib.import_module(f"evalkit.{module}")
    missing = []
    for function in functions:
        for name, parameter in inspect.signature(getattr(module, function)).parameters.items():
            keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
            if keyword and f"`{name}`" not in module.__doc__:
                missing.append(name)

    assert missing == []


def reference_pages():
    loader = SourceFileLoader("reference", str(ROOT / "scripts/reference"))
    spec = importlib.util.spec_from_loader("reference", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    loader.exec_module(module)
    return module.reference_pages()


def test_the_reference_pages_are_generated_from_the_code_as_it_is():
    outdated = []
    for path, content in reference_pages().items():
        if path.read_text(encoding="utf-8") != content:
            outdated.append(path.name)

    assert outdated == [], "run scripts/readme"


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    missing = []
    for page in doc_pages():
        name = str(page.relative_to(ROOT / "docs"))
        if f": {name}\n" not in navigation:
            missing.append(name)
    assert missing == []
