"""Opening input files.

All readers open files with these functions: a pipe or a device, which may never end, is refused,
and so is a symbolic link that leads out of a folder. Compressed files are decompressed, and remote
files opened through fsspec.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection
from contextvars import ContextVar
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from evalkit.errors import InputError, LoadError

MAX_COPY_IN_MEMORY = 1 << 24  # bytes of a pipe that are kept in memory
COMPRESSED_SUFFIXES = (".gz", ".zst")
# How compressed files begin, the name of the compression, and its suffix if it is read
COMPRESSIONS = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip", ".gz"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd", ".zst"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "bzip2", None),
    (re.compile(rb"\xfd7zXZ\x00"), "xz", None),
    (re.compile(rb"PK\x03\x04"), "zip", None),
)
HEAD_SIZE = 10  # bytes by which compressed files are recognized
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://.")
UTF8 = "utf-8"
ENCODING = ContextVar("encoding", default=UTF8)  # of the files that are opened; see `encodings`
SHELL_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/")  # pipes that a shell creates and closes


def is_endless(path: Path) -> bool:
    """Whether reading a path may never end: a device, or a pipe not created by the shell."""
    if not path.exists() or str(path).startswith(SHELL_PIPES):
        return False
    mode = path.stat().st_mode
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def is_there(path: Path) -> bool:
    """Whether a path exists, even as a broken symbolic link."""
    return path.exists() or path.is_symlink()


def open_input(path: Path) -> BinaryIO:
    """A binary file open for reading; that of a compressed file has the decompressed content.

    Within `encodings.read_as` the content is in UTF-8. Raises InputError if that fails, for a pipe
    or device, and for a compressed file whose suffix does not say so.
    """
    if is_endless(path):
        raise InputError(f"{path}: a device or a named pipe: expected a file")
    try:
        file = cast("BinaryIO", path.open("rb"))
    except OSError as error:
        raise InputError(f"{path}: {_reason(error)}") from None
    if path.suffix in COMPRESSED_SUFFIXES:
        from evalkit.files.compression import open_decompressed

        file = open_decompressed(path, file)
    elif problem := explain_compressed(path, _peek(file)):
        file.close()
        raise InputError(problem)
    if ENCODING.get() == UTF8:
        return file
    with file:
        return BytesIO(transcode_bytes(path, file.read()))


def _peek(file: BinaryIO) -> bytes:
    """The first bytes of a file that was opened, which are read again."""
    if isinstance(file, BufferedReader):
        return file.peek(HEAD_SIZE)[:HEAD_SIZE]
    if not file.seekable():
        return b""
    head = file.read(HEAD_SIZE)
    file.seek(0)
    return head


def explain_compressed(path: Path, head: bytes, *, has_suffix: bool = True) -> str | None:
    """What is wrong with a compressed file that lacks the suffix by which it is decompressed; None
    for any other file.

    head: its first bytes. has_suffix: whether there is such a suffix for files of this kind.
    """
    for pattern, name, suffix in COMPRESSIONS:
        if pattern.match(head) is None:
            continue
        remedy = "decompress it"
        if name == "zip":  # a folder, more often than a file
            remedy = "unpack it, and read the file or folder in it"
        elif has_suffix and suffix is None:
            remedy += f", or compress it as {' or '.join(COMPRESSED_SUFFIXES)} instead"
        elif has_suffix:
            remedy += f", or name it {path.name}{suffix}"
        return f"{path}: compressed with {name}: {remedy}"
    return None


def transcode_bytes(path: Path, data: bytes) -> bytes:
    """The content of a file in UTF-8. Raises LoadError for bytes that are not of the encoding."""
    encoding = ENCODING.get()
    if encoding == UTF8:
        return data
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise LoadError([f"{path}: not {encoding}: {error.reason} at byte {error.start}"]) from None
    except UnicodeEncodeError:
        raise LoadError([f"{path}: not {encoding}: it has a lone surrogate"]) from None


def is_plain_file(path: Path) -> bool:
    """Whether a path is a local file that is not compressed, so that it can be mapped and cut."""
    return not is_url(path) and path.suffix not in COMPRESSED_SUFFIXES and path.is_file()


def strip_compression(path: Path) -> Path:
    """The path without the suffix of a compression: "a.jsonl" for "a.jsonl.gz"."""
    return path.with_suffix("") if path.suffix in COMPRESSED_SUFFIXES else path


def is_url(location: str | Path) -> bool:
    """Whether a location is a URL, such as s3://bucket/gold.jsonl."""
    return _URL.match(str(location)) is not None


def to_path(location: str | Path) -> Path:
    """The path of a location; a RemotePath for a URL other than file://."""
    text = str(location)
    if not is_url(text):
        return Path(location)
    if text.startswith("file://"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(text).path))
    from evalkit.files.remote import RemotePath

    return RemotePath(text)


def open_rereadable_input(path: Path) -> BinaryIO:
    """An open binary file that can be read again from the start: a pipe is copied, large ones to a
    temporary file. Raises InputError as `open_input` does.
    """
    file = open_input(path)
    if file.seekable():
        return file
    copy = cast("BinaryIO", tempfile.SpooledTemporaryFile(MAX_COPY_IN_MEMORY))  # noqa: SIM115
    with file:
        shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy


def read_input(path: Path) -> bytes:
    """The bytes of a file. Raises InputError as `open_input` does."""
    with open_input(path) as file:
        return file.read()


def check_inside(folder: Path, file: Path) -> None:
    """Raise LoadError unless a path leads, through any links, to a regular file inside its folder.

    The snapshots in the cache of huggingface_hub consist of links to the folder `blobs`, which is
    accepted.
    """
    try:
        target = file.resolve(strict=True)
        root = folder.resolve(strict=True)
        is_inside = target.is_relative_to(root)
        if root.parent.name == "snapshots":
            is_inside = is_inside or target.is_relative_to(root.parent.parent / "blobs")
    except (OSError, RuntimeError, ValueError) as error:
        raise LoadError([f"{file}: {_reason(error)}"]) from None
    if not is_inside:
        raise LoadError(
            [
                f"{file}: a symbolic link to {target}, which is outside {folder}; replace the link"
                " by the file"
            ]
        )
    if not target.is_file():
        raise LoadError([f"{file}: not a regular file; move it away"])


def list_inputs(
    folder: Path, suffixes: Collection[str] = (), ignore: Collection[str] = ()
) -> list[Path]:
    """The files in a folder and its subfolders, sorted, without hidden ones and links to folders.

    suffixes: those of the files (default: all files). ignore: names of files to leave out. Raises
    LoadError for a link out of the folder or to itself, and for anything but a regular file.
    """
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            is_listed = not suffixes or name.endswith(tuple(suffixes))
            if name.startswith(".") or name in ignore or not is_listed:
                continue
            path = Path(parent, name)
            if not _is_regular(path):
                check_inside(folder, path)
            files.append(path)
    return sorted(files, key=lambda path: path.parts)


def _is_regular(path: Path) -> bool:
    """Whether a path is a regular file and no link, and therefore where it is listed."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _reason(error: Exception) -> str:
    is_loop = isinstance(error, OSError) and error.errno == errno.ELOOP
    if is_loop or isinstance(error, RuntimeError):
        return "a symbolic link that leads to itself; replace it by the file"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
