"""Writing files and folders so that a failure loses nothing, and opening input files.

Every writer of evalkit uses these functions.

    write_atomically(path, data)    replaces a file by new content
    replace_file(path)              the same for content that is written piece by piece: a context
                                    manager with an open binary file
    stage_file(path, data)          writes the new content to a temporary file, and replaces the
                                    file when the block ends
    write_files(contents)           replaces several files, once all temporary files are written
    write_folder(path, contents)    writes several files of a folder as one change; all other files
                                    of the folder are kept

The new content is written beside the target under a temporary name, synced, and renamed over the
target: readers see either the complete old or the complete new content. Permissions are
kept, and a symbolic link is followed. Devices, pipes and /dev/stdout are written to directly. A
file that cannot be renamed over (its folder is read-only, or it is a mount point) is overwritten,
and restored if that fails.

A folder is written in full to a temporary folder and exchanged with the old one in one step
(renameat2 on Linux, renamex_np on macOS). Where that is not possible (the working directory, a
mount point, a parent that is read-only, another system), the complete new files wait in
FOLDER/.evalkit-commit and are then renamed into place one by one. If the process is killed there,
reading the folder raises InputError, and the next write finishes the change first.

A path that cannot be written to raises InputError; a disk that is full or fails raises WriteError.
Both name the path of the call. Temporary names begin with .evalkit-; those that a killed
process left behind are removed by the next write to the same target.
"""

from evalkit.files.file_writing import (
    is_stream,
    make_parents,
    name_errors,
    refuse_unsupported,
    replace_file,
    stage_file,
    write_atomically,
    write_files,
)
from evalkit.files.folder_writing import check_folder, finish_folder, write_folder
from evalkit.files.inputs import (
    COMPRESSED_SUFFIXES,
    check_inside,
    is_endless,
    is_plain_file,
    is_there,
    is_url,
    list_inputs,
    open_input,
    open_rereadable_input,
    read_input,
    strip_compression,
    to_path,
)
from evalkit.files.temporary import is_temporary

__all__ = [
    "COMPRESSED_SUFFIXES",
    "check_folder",
    "check_inside",
    "finish_folder",
    "is_endless",
    "is_plain_file",
    "is_stream",
    "is_temporary",
    "is_there",
    "is_url",
    "list_inputs",
    "make_parents",
    "name_errors",
    "open_input",
    "open_rereadable_input",
    "read_input",
    "refuse_unsupported",
    "replace_file",
    "stage_file",
    "strip_compression",
    "to_path",
    "write_atomically",
    "write_files",
    "write_folder",
]
