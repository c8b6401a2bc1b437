"""Score two files on a dask cluster of two processes that is started here, and save the result."""

from __future__ import annotations

import sys

from evalkit import score


def main() -> None:
    """Score the files that are named, and save to the third."""
    from distributed import LocalCluster

    gold, predicted, saved = sys.argv[1:]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        scores = score(gold, predicted, boot=0, jobs=2, backend=f"dask:{address}")
        scores.save(saved)


if __name__ == "__main__":
    main()
