"""What containers see of this machine, and what may not be mounted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.executor import Submission, trial_submission
from backfleet_executors.docker.mounts import Binding, bindings, mount_problems

IMAGE = {
    "Config": {"Env": ["PATH=/opt/acme/bin:/usr/bin", "HOME=/tmp"], "WorkingDir": "/srv/acme/"}
}


def submission(url: str, *data: str) -> Submission:
    run = url.rpartition("/submissions/")[0]
    path, *feeds = data or (run,)
    auxiliary = {str(number): feed for number, feed in enumerate(feeds)}
    trial = trial_submission(run, memory=2**30)
    return replace(trial, url=url, data_path=path, auxiliary_paths=auxiliary)


def test_the_run_is_writable_and_the_data_are_not() -> None:
    mounts = bindings(submission("/store/run/submissions/1.json", "/data", "/index"), ())
    assert mounts == [
        Binding("/store/run", "/store/run", writable=True),
        Binding("/data", "/data"),
        Binding("/index", "/index"),
    ]


def test_facts_are_mounted_as_data_are() -> None:
    url = "/store/run/submissions/1.json"
    mounted = bindings(replace(submission(url, "/data"), facts_path="/data/facts"), ())
    assert mounted[1:] == [Binding("/data", "/data"), Binding("/data/facts", "/data/facts")]


def test_nothing_is_mounted_of_what_lies_on_s3() -> None:
    assert bindings(submission("s3://b/run/submissions/1.json", "s3://b/data"), ()) == []


def test_further_mounts_are_read_only_and_may_have_another_name_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    mounts = bindings(submission("s3://b/run/submissions/1.json"), ("/a", "~/.aws:/tmp/.aws"))
    assert mounts == [Binding("/a", "/a"), Binding("/home/me/.aws", "/tmp/.aws")]


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        ("/", "/bin"),
        ("/usr", "/usr"),
        ("/usr/share/data", "/usr"),
        ("/etc/data", "/etc"),
        ("/tmp", "/tmp"),
        ("/opt", "/opt/acme/bin"),
        ("/opt/acme", "/opt/acme/bin"),
        ("/srv/acme", "/srv/acme"),
    ],
)
def test_a_mount_that_would_cover_the_image_is_refused(target: str, covered: str) -> None:
    (problem,) = mount_problems([Binding("/proc", target)], IMAGE)
    assert f"it would cover {covered} of the image" in problem


@pytest.mark.parametrize("target", ["/tmp/x", "/home/me/data", "/opt/other", "/srv/data", "/data"])
def test_a_mount_beside_what_the_image_has_is_fine(target: str, tmp_path: Path) -> None:
    assert mount_problems([Binding(str(tmp_path), target)], IMAGE) == []


@pytest.mark.parametrize("image", [{}, {"Config": {}}, {"Config": {"Env": None}}])
def test_an_image_that_says_little_is_still_protected(image: dict[str, Any]) -> None:
    assert mount_problems([Binding("/proc", "/usr/lib")], image)


def test_what_is_not_there_or_not_absolute_is_refused() -> None:
    assert mount_problems([Binding("/no/such", "/data")], IMAGE) == [
        "/no/such does not exist, so that it cannot be mounted"
    ]
    (problem,) = mount_problems([Binding("/proc", "data")], IMAGE)
    assert "not an absolute path" in problem
