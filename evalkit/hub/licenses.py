"""The LICENSE file of a data set, from an SPDX identifier.

The file names the license, its SPDX identifier and the address of its text; it does not repeat the
text.
"""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import InputError, UnknownNameError, spell_option

_CC = "https://creativecommons.org/licenses/"
KNOWN_LICENSES = {  # SPDX identifier to name and address of the text
    "CC-BY-4.0": ("Creative Commons Attribution 4.0 International", f"{_CC}by/4.0/legalcode"),
    "CC-BY-SA-4.0": (
        "Creative Commons Attribution-ShareAlike 4.0 International",
        f"{_CC}by-sa/4.0/legalcode",
    ),
    "CC-BY-NC-4.0": (
        "Creative Commons Attribution-NonCommercial 4.0 International",
        f"{_CC}by-nc/4.0/legalcode",
    ),
    "CC-BY-NC-SA-4.0": (
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
        f"{_CC}by-nc-sa/4.0/legalcode",
    ),
    "CC0-1.0": (
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
    ),
    "ODC-By-1.0": (
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
    ),
    "ODbL-1.0": (
        "Open Data Commons Open Database License 1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
    ),
    "CDLA-Permissive-2.0": (
        "Community Data License Agreement Permissive 2.0",
        "https://cdla.dev/permissive-2-0/",
    ),
    "Apache-2.0": ("Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "BSD-3-Clause": ("BSD 3-Clause License", "https://spdx.org/licenses/BSD-3-Clause.html"),
    "MIT": ("MIT License", "https://spdx.org/licenses/MIT.html"),
}
_HUB_NAMES = {"odc-by": "ODC-By-1.0", "odbl": "ODbL-1.0"}  # where the Hub's id is not SPDX's


def find_license(name: str) -> str | None:
    """The SPDX identifier of a known license, whatever the case of the name; None for others."""
    by_name = {known.casefold(): known for known in KNOWN_LICENSES} | _HUB_NAMES
    return by_name.get(name.casefold())


def build_license(name: str, title: str, *, with_text: bool) -> str:
    """The LICENSE of a data set under a known license.

    Raises UnknownNameError for a license that is not known.
    """
    spdx_id = find_license(name)
    if spdx_id is None:
        raise UnknownNameError("license", name, KNOWN_LICENSES)
    full_name, address = KNOWN_LICENSES[spdx_id]
    subject = "annotations and the texts" if with_text else "annotations"
    lines = [
        f"The {subject} of {title} are licensed under {full_name}.",
        "",
        f"SPDX-License-Identifier: {spdx_id}",
        f"Text of the license: {address}",
    ]
    if not with_text:
        lines += ["", "The annotated texts are not part of this data set, nor of this license."]
    return "\n".join(lines) + "\n"


def load_license(
    path: Path, declared: object, title: str, *, requested: str | None = None, with_text: bool
) -> str:
    """The text of the license of a corpus.

    path: of the corpus. declared: the license in the metadata of its card. requested: a file or an
    SPDX identifier; without it, the LICENSE of the corpus, in its folder or in corpus/ there, or
    one written from `declared`. Raises InputError where there is none.
    """
    if requested is not None:
        if Path(requested).is_file():
            return _read(Path(requested))
        if isinstance(declared, str) and find_license(requested) not in (
            None,
            find_license(declared),
        ):
            raise InputError(
                f"{spell_option('license', requested)}: the card names the license {declared!r};"
                " change one of them"
            )
        return build_license(requested, title, with_text=with_text)
    folder = path if path.is_dir() else path.parent
    for file in (folder / "corpus" / "LICENSE", folder / "LICENSE"):
        if file.is_file():
            return _read(file)
    if isinstance(declared, str) and find_license(declared):
        return build_license(declared, title, with_text=with_text)
    raise InputError(
        f"{folder}: no LICENSE; write one that says who may use the annotations and the texts, and"
        f" how, or name a license with {spell_option('license', 'ID')}:"
        f" {', '.join(KNOWN_LICENSES)}"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
