"""What a run's workers read from S3 is the job's symbols, under a prefix of the folder's own."""

from __future__ import annotations

from pathlib import Path

from backfleet_executors.aws.data import deliver
from backfleet_executors.aws.data.deliver import place_for


def test_a_jobs_symbols_are_delivered_once(sample_data: Path, aws_bucket: str) -> None:
    place = f"s3://{aws_bucket}/data"
    first = deliver(str(sample_data), ["600519", "600559"], place)
    assert first.files == ["600519.csv", "600559.csv"]
    more = deliver(str(sample_data), ["600559", "600560"], place)
    assert (more.url, more.files) == (first.url, ["600560.csv"])


def test_a_folder_has_one_place_however_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    place = place_for(str(folder), "s3://bucket/")
    assert place.startswith("s3://bucket/my-data-")
    assert place_for(str(tmp_path / "link"), "s3://bucket") == place


def test_two_folders_of_one_name_have_two_places(tmp_path: Path) -> None:
    assert place_for(str(tmp_path / "a" / "cn"), "s3://bucket") != place_for(
        str(tmp_path / "b" / "cn"), "s3://bucket"
    )
