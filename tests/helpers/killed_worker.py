"""A program that counts two shards with loky, whose workers are killed while a file is there.

python killed_worker.py MARKER once|always
"""

import os
import signal
import sys
from pathlib import Path

from evalkit.errors import EvalkitError, InputError
from evalkit.evaluation.shard_workers import count_shards


class KillingTask:
    """A task that kills the process that counts it, as long as a file is there."""

    name = "shard"

    def __init__(self, marker, *, once):
        self.marker, self.once = marker, once

    @property
    def on_command_line(self):
        if self.marker.exists():
            if self.once:
                self.marker.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
        raise InputError("not killed")


if __name__ == "__main__":
    tasks = [KillingTask(Path(sys.argv[1]), once=sys.argv[2] == "once") for _ in range(2)]
    try:
        list(count_shards(tasks, 2, "loky"))
    except EvalkitError as error:
        print(error)
        print(repr(error.__cause__), file=sys.stderr)
