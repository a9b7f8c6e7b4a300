"""One client for a process and its credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backfleet.store import open_store
from backfleet.store.s3_client import s3_client, use_region


@pytest.mark.usefixtures("s3_endpoint")
def test_threads_share_one_client() -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: s3_client(), range(32)))

    assert len(set(map(id, clients))) == 1


@pytest.mark.usefixtures("s3_endpoint")
def test_other_credentials_get_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    before = s3_client()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")

    assert s3_client() is not before


FORK = """
import os, sys
from backfleet.store import open_store
from backfleet.store.s3_client import s3_client

store = open_store(sys.argv[1])
before = s3_client()
store.read("0")
child = os.fork()
mine = "1" if child else "2"
for _ in range(50):
    assert store.read(mine) == mine.encode(), "an answer to the other process"
assert (s3_client() is before) == bool(child), "the child must have a client of its own"
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_a_client_of_its_own(s3_store_url: str) -> None:
    store = open_store(s3_store_url)
    for key in ("0", "1", "2"):
        store.put_if_absent(key, key.encode())

    subprocess.run([sys.executable, "-c", FORK, s3_store_url], check=True)


ENDPOINTS = {
    "cn-north-1": "https://s3.cn-north-1.amazonaws.com.cn",
    "us-gov-west-1": "https://s3.us-gov-west-1.amazonaws.com",
    "eu-central-1": "https://s3.eu-central-1.amazonaws.com",
}


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that says nothing of AWS, in an empty folder."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.chdir(tmp_path)


def settings_file(region: str) -> None:
    Path("backfleet.toml").write_text(f'[executors.any]\nregion = "{region}"\n')


@pytest.mark.usefixtures("plain_environment")
@pytest.mark.parametrize("region", ENDPOINTS)
def test_the_region_of_the_settings_file_decides_the_endpoint(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    settings_file(region)

    assert s3_client().meta.endpoint_url == ENDPOINTS[region]


@pytest.mark.usefixtures("plain_environment")
def test_the_region_of_an_executor_wins_over_the_settings_file() -> None:
    settings_file("us-gov-west-1")
    use_region("cn-north-1")

    assert s3_client().meta.endpoint_url == ENDPOINTS["cn-north-1"]


@pytest.mark.usefixtures("plain_environment")
def test_the_variable_of_containers_and_other_sdks_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "cn-north-1")

    assert s3_client().meta.endpoint_url == ENDPOINTS["cn-north-1"]


@pytest.mark.usefixtures("plain_environment")
def test_a_damaged_settings_file_says_nothing_of_a_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("backfleet.toml").write_text("[executors")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    assert s3_client().meta.endpoint_url == ENDPOINTS["eu-central-1"]
