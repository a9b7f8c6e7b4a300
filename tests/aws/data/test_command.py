"""`backfleet data push` and `ls` as a user calls them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Backfleet = Callable[..., subprocess.CompletedProcess[str]]
CN_DAILY = ("--source", "cn-daily", "--timezone", "Asia/Shanghai")


def test_pushed_files_are_listed_and_checked_on_s3(
    backfleet: Backfleet, sample_data: Path, aws_bucket: str
) -> None:
    url = f"s3://{aws_bucket}/cn-daily"
    pushed = backfleet("data", "push", sample_data, url)
    assert "3 files (205.1 kB) pushed" in pushed.stdout, pushed.stderr
    assert f'path = "{url}"' in pushed.stdout
    again = backfleet("data", "push", sample_data, url, "--json")
    assert json.loads(again.stdout) == {"url": url, "files": [], "unchanged": 3, "bytes": 0}
    listed = json.loads(backfleet("data", "ls", url, "--json").stdout)
    assert [(row["file"], row["bytes"]) for row in listed] == [
        (path.name, path.stat().st_size) for path in sorted(sample_data.glob("*.csv"))
    ]
    checked = backfleet("data", "check", url, *CN_DAILY)
    assert checked.stdout == f"{url}: 3 symbols, 1,824 bars; nothing wrong\n"


def test_a_directory_is_listed(backfleet: Backfleet, sample_data: Path) -> None:
    done = backfleet("data", "ls", sample_data)
    assert "600519.csv" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("3 files, ")


def test_a_missing_bucket_is_one_error(
    backfleet: Backfleet, sample_data: Path, aws_bucket: str
) -> None:
    done = backfleet("data", "push", sample_data, "s3://no-such-bucket-here/x")
    assert done.returncode == 2
    assert "there is no such bucket; correct the URL" in done.stderr
    assert "Traceback" not in done.stderr
