"""The code blocks of a Markdown page: what runs, what it must print, and what is not run and why.

A block in ```bash or ```python runs, in the order of the page and in a copy of docs/examples, and
must succeed. A ```text block right behind one holds its stdout. `<!-- not run: REASON -->` on the
line before a block says why it is not run.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]*) -->\n)?"
    r"```(?P<language>bash|python)\n(?P<code>.*?)```\n"
    r"(?:\n?```text\n(?P<output>.*?)```\n)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A code block; `output` is None where the page shows none."""

    language: str
    code: str
    output: str | None
    reason: str | None
    span: tuple[int, int]  # of the output in the page; (-1, -1) without one


def doc_pages() -> list[Path]:
    """The pages of the documentation."""
    return sorted((ROOT / "docs").rglob("*.md"))


def find_blocks(text: str) -> list[Block]:
    """The bash and python blocks of a page."""
    return [
        Block(m["language"], m["code"], m["output"], m["reason"], m.span("output"))
        for m in BLOCK.finditer(text)
    ]


def run_blocks(blocks: list[Block], folder: Path) -> list[str]:
    """The stdout of each block, run in a copy of docs/examples; of a block that is not run, "".

    Raises AssertionError with the code and stderr of a block that fails.
    """
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    scripts = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "HF_HUB_OFFLINE": "1",
    }
    outputs = []
    for block in blocks:
        if block.reason:
            outputs.append("")
            continue
        command = ["bash", "-euo", "pipefail", "-c", block.code]
        if block.language == "python":
            command = [sys.executable, "-c", block.code]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"{block.code}\nends with {done.returncode}:\n{done.stderr}")
        outputs.append(done.stdout)
    return outputs


def with_outputs(text: str, outputs: list[str]) -> str:
    """The page with the shown outputs replaced by these."""
    for block, output in reversed(list(zip(find_blocks(text), outputs, strict=True))):
        if block.output is not None and not block.reason:
            start, end = block.span
            text = text[:start] + output + text[end:]
    return text
