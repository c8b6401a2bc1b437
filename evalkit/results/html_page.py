"""HTML from templates: pages and parts of pages, readable on a light and on a dark background.

Templates and the style sheet lie beside this module. Every value is escaped; pages run no script.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from evalkit.errors import escape_controls


@cache
def load_text(package: str, name: str) -> str:
    """The text of a template or style sheet that lies in a package."""
    return (resources.files(package) / name).read_text(encoding="utf-8")


def render_template(package: str, name: str, **values: Any) -> str:
    """A template filled with values; `style`, the style sheet, is always among them."""
    # Imported where it is used: most reports are read in a terminal.
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_load_named),
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: show_invisible(value) if type(value) is str else value,
    )
    style = mark_safe(load_text("evalkit.results", "report.css"))
    return environment.get_template(f"{package}/{name}").render(style=style, **values)


def _load_named(name: str) -> str:
    """The text of a template by its name in other templates: PACKAGE/FILE."""
    package, _, file = name.partition("/")
    return load_text(package, file)


# Characters that are shown as nothing and are no control or format characters.
_BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
_BLANK_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in _BLANKS}


def show_invisible(text: str, *, keep: str = "") -> str:
    """A text with controls, as `escape_controls`, and other invisible characters as escapes, and
    with those that HTML does not allow. keep: controls that are left as they are.
    """
    if text.isascii():
        return escape_controls(text, keep=keep)
    for character in set(text):
        code = ord(character)
        # Noncharacters: the last two of each plane, and 32 more.
        if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
            text = text.replace(character, ascii(character)[1:-1])
    return escape_controls(text, keep=keep).translate(_BLANK_ESCAPES)


def build_page(title: str, body: str, *, style: str = "") -> str:
    """A page of its own, with a body that is HTML already. style: CSS of the page alone; then the
    body has no style sheet of its own.
    """
    page_style = mark_safe(load_text("evalkit.results", "report.css") + style if style else "")
    return render_template(
        "evalkit.results",
        "page.html.j2",
        title=title,
        body=mark_safe(body),
        page_style=page_style,
    )


def mark_safe(html: str) -> str:
    """A text that is HTML and that templates do not escape again."""
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - made of escaped values alone
