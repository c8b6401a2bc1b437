"""Builds the compiled core, evalkit/data/_core.pyx, if Cython and a C compiler are there.

evalkit is complete without it, and slower. `pip install .` calls this file as a build hook of
hatchling; where the core cannot be built, the package is built without it, and EVALKIT_PURE=1 does
not even try.

    python scripts/build_core.py              builds it in the checkout, for development
    python scripts/build_core.py --sanitize   with AddressSanitizer: see scripts/sanitize
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, where hatchling is not needed
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "evalkit/data/_core.pyx"
MODULE = "evalkit.data._core"


def build_core(root: Path, folder: Path, *, sanitize: bool = False) -> Path:
    """Compile the core in a folder, and return the path of the built module.

    sanitize: with checks of every access to memory.

    Raises whatever Cython, setuptools or the compiler raise where it cannot be built.
    """
    # setuptools replaces distutils, which it must before Cython imports that.
    from setuptools import Distribution, Extension  # isort: skip
    from Cython.Build import cythonize

    # Copied, so that no C file is left beside the source. The module knows what it was built from.
    text = (root / SOURCE).read_bytes()
    source = folder / "_core.pyx"
    source.write_bytes(text + f'\nSOURCE = "{sha256(text).hexdigest()}"\n'.encode())
    options = [] if sys.platform == "win32" else ["-O3", "-g0"]
    if sanitize:
        options = ["-O1", "-g", "-fsanitize=address", "-fno-omit-frame-pointer"]
    (extension,) = cythonize(
        [Extension(MODULE, [str(source)], extra_compile_args=options, extra_link_args=options)],
        quiet=True,
        build_dir=str(folder / "c"),
    )
    command = Distribution({"ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(MODULE))


def install_core(root: Path, module: Path) -> Path:
    """Put a built module into the checkout; programs that run keep the one that they have."""
    target = root / "evalkit" / "data" / module.name
    unfinished = target.with_suffix(".unfinished")
    shutil.copy(module, unfinished)
    unfinished.replace(target)
    return target


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Adds the compiled core to a wheel, or to the checkout of an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the core for this version of Python, if that is possible."""
        if self.target_name != "wheel" or os.environ.get("EVALKIT_PURE"):
            return
        self._folder = Path(tempfile.mkdtemp())
        root = Path(self.root)
        try:
            built = build_core(root, self._folder)
        except (Exception, SystemExit) as error:  # without it, evalkit is complete
            self.app.display_info(f"evalkit is built without its compiled core: {error}")
            return
        if version == "editable":
            install_core(root, built)
            return
        build_data["force_include"][str(built)] = f"evalkit/data/{built.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was built on the way."""
        shutil.rmtree(getattr(self, "_folder", ""), ignore_errors=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        module = build_core(ROOT, Path(folder), sanitize="--sanitize" in sys.argv[1:])
        target = install_core(ROOT, module)
    print(f"built {target.relative_to(ROOT)}", file=sys.stderr)
