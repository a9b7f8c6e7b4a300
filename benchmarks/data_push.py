"""Pushing a directory to S3 beside a bare loop of PutObject in as many threads; then once more.

The other end is the tests' stand-in for S3 on this machine, which answers one request after the
other: what is measured is what the push adds to it. Limits: 1.5 of the bare loop, and 1 s for a
push of what is there already.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from aws_stand_in import aws_stand_in
from measure import Comparison, alternate, compare, measured, workspace

from backfleet.store.s3_client import s3_client
from backfleet_executors.aws.data import push

FILES = 1000
BYTES = 70_000
THREADS = 16
BUCKET = "benchmark"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=5)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder, aws_stand_in("--jobs", "stock"):
        s3_client().create_bucket(Bucket=BUCKET)
        os.environ["BACKFLEET_CACHE"] = str(folder / "cache")
        data = _files(folder / "data")
        numbers = count()

        def push_all() -> None:
            push(str(data), f"s3://{BUCKET}/pushed-{next(numbers)}")

        def put_all() -> None:
            prefix = f"put-{next(numbers)}"
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda path: _put(prefix, path), data.iterdir()))

        first = alternate(
            {"push": lambda: measured(push_all), "put": lambda: measured(put_all)}, repetitions
        )
        title = f"push of {FILES:,} files of {BYTES / 1000:.0f} kB beside PutObject alone"
        compare(Comparison(title, "s", 1, 1.5, "clock"), first["push"], first["put"])

        push(str(data), f"s3://{BUCKET}/again")
        again = [
            measured(lambda: push(str(data), f"s3://{BUCKET}/again")) for _ in range(repetitions)
        ]
        compare(Comparison("the same push again", "s", 1, 1.0, "clock"), again)


def _files(folder: Path) -> Path:
    folder.mkdir()
    for number in range(FILES):
        path = folder / f"{number:06}.csv"
        path.write_bytes(os.urandom(BYTES))
        # Times of modification of just now are not trusted.
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def _put(prefix: str, path: Path) -> None:
    s3_client().put_object(Bucket=BUCKET, Key=f"{prefix}/{path.name}", Body=path.read_bytes())


if __name__ == "__main__":
    main()
