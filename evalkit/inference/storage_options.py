"""The options of a run that are about its run directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import InputError, spell_option


@dataclass(frozen=True)
class StorageOptions:
    """What is stored of a run, and what is done with the answers that are stored already.

    - `run_dir`: the folder; None stores nothing.
    - `retry_failed`: process the documents that failed again.
    - `log_samples`: store each request to an endpoint and its response. None: where there is a
      folder.
    - `reparse`: parse the stored answers again, and send no request.
    """

    run_dir: str | Path | None = None
    retry_failed: bool = False
    log_samples: bool | None = None
    reparse: bool = False

    def __post_init__(self) -> None:
        if self.reparse and self.retry_failed:
            raise InputError(
                f"{spell_option('reparse', True)} sends no request, so that it cannot be given with"
                f" {spell_option('retry_failed', True)}: give one of them"
            )
        if self.run_dir is not None:
            return
        if self.retry_failed:
            raise InputError(
                f"{spell_option('retry_failed', True)}: there is no run directory with failures:"
                f" use {spell_option('run_dir', 'DIR')}"
            )
        for name in ("reparse", "log_samples"):
            if getattr(self, name):
                raise InputError(
                    f"{spell_option(name, True)}: there is no run directory: use"
                    f" {spell_option('run_dir', 'DIR')}"
                )

    @property
    def keeps_samples(self) -> bool:
        """Whether requests and responses are stored."""
        return self.run_dir is not None and self.log_samples is not False
