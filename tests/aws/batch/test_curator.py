"""Runs on AWS are removed under the role of a curator, and under no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from backfleet.cli.run_listing import runs
from backfleet.errors import AccessDenied
from backfleet.executor import Submission
from backfleet.runs.remove import find_run_folder, remove_run
from backfleet.store import open_store
from testbed.aws.deployment import AwsServer
from testbed.aws.server import CURATOR


def test_a_curator_removes_a_run_and_a_submitter_cannot(
    submission: Callable[..., Submission], aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = submission(shards=2).url.removesuffix("/submissions/1.json")
    with pytest.raises(AccessDenied):
        remove_run(find_run_folder(url))
    assert open_store(url).exists("manifest.json")

    with monkeypatch.context() as curator:
        curator.setenv("AWS_ACCESS_KEY_ID", CURATOR)
        for name, value in aws_server.settings.items():
            curator.setenv(f"BACKFLEET_AWS_BATCH_{name.upper()}", value)
        removed = CliRunner().invoke(runs, ["rm", url, "--yes"])
    assert removed.exit_code == 0, removed.output
    assert list(open_store(url).list()) == []
    assert open_store(url.replace("/runs/", "/keys/all/").rpartition("/")[0]).exists(url[-16:])
