"""One client for a process and its credentials."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from backfleet.store import open_store
from backfleet.store.s3_client import s3_client


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
