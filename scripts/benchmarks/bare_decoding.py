"""Print the CPU and wall seconds of decoding the lines of both files of a folder into the public
structs, without their checks, as JSON: the bound of everything that reads these files.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data import document as public


def define_unchecked(struct: Any, **types: Any) -> Any:
    """A struct with the fields of another, but without its checks."""
    fields = []
    for field in msgspec.structs.fields(struct):
        default = () if field.default is msgspec.NODEFAULT else (field.default,)
        fields.append((field.name, types.get(field.name, field.type), *default))
    return msgspec.defstruct(struct.__name__, fields, frozen=True)


def unchecked_document() -> Any:
    """The struct of documents without checks."""
    span = define_unchecked(public.Span)
    argument = define_unchecked(public.Argument)
    entity = define_unchecked(public.Entity)
    event = define_unchecked(public.Event, trigger=span, arguments=tuple[argument, ...])
    attribution = define_unchecked(
        public.Attribution,
        cue=span | None,
        content=span,
        source=span | None,
        source_name=span | None,
    )
    return define_unchecked(
        public.Document,
        entities=tuple[entity, ...] | None,
        events=tuple[event, ...] | None,
        attributions=tuple[attribution, ...] | None,
    )


def main() -> None:
    """Decode both files."""
    decoder = msgspec.json.Decoder(unchecked_document())
    cpu, wall = time.process_time(), time.monotonic()
    for side in ("gold", "predicted"):
        with Path(sys.argv[1], f"{side}.jsonl").open("rb") as lines:
            for line in lines:
                decoder.decode(line)
    print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}))


if __name__ == "__main__":
    main()
