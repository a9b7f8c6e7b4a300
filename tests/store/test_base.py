"""What every store does, in a directory and on S3."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backfleet.errors import ObjectMissing, StoreError
from backfleet.store import Store, open_store

BAD_KEYS = ["", "..", "../a", "a/../b", "/a", "a/", "a//b", ".a", "a/.b", "a b", "a\\b", "é", "a\n"]

example_numbers = itertools.count()


def test_what_was_put_is_read_byte_for_byte(store: Store) -> None:
    content = bytes(range(256)) * 1000

    assert store.put_if_absent("chunks/0.0", content)
    assert store.read("chunks/0.0") == content


def test_an_empty_object_is_an_object(store: Store) -> None:
    assert store.put_if_absent("empty", b"")
    assert store.exists("empty")
    assert store.read("empty") == b""
    # A chunk that was emptied must be a damaged one, and not an error of the store.
    assert store.read_head("empty", 100) == (b"", True)


def test_the_second_put_changes_nothing_whether_equal_or_not(store: Store) -> None:
    store.put_if_absent("a", b"first")

    assert not store.put_if_absent("a", b"first")
    assert not store.put_if_absent("a", b"second")
    assert store.read("a") == b"first"


RACER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from backfleet.store import open_store

store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as pool:
    for number in range(10):
        names = [f"{sys.argv[2]}-{thread}".encode() for thread in range(4)]
        wins = pool.map(lambda name: store.put_if_absent(f"race/{number}", name), names)
        print(*(name.decode() for name, won in zip(names, wins) if won), sep="\\n", flush=True)
"""


def test_of_threads_and_processes_that_put_at_once_exactly_one_wins(store: Store) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, store.url, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    winners = Counter("\n".join(racer.communicate()[0] for racer in racers).split())

    stored = Counter(store.read(f"race/{number}").decode() for number in range(10))
    assert winners == stored


def test_replace_writes_over_and_makes_anew(store: Store) -> None:
    store.replace("results.parquet", b"old")
    store.replace("results.parquet", b"new")

    assert store.read("results.parquet") == b"new"
    assert [entry.key for entry in store.list()] == ["results.parquet"]


def test_a_deleted_object_is_gone_and_deleting_it_again_changes_nothing(store: Store) -> None:
    for key in ("a/b", "a/c"):
        store.put_if_absent(key, b"1")

    for _ in range(2):
        store.delete("a/b")
        assert [entry.key for entry in store.list()] == ["a/c"]
    store.delete("a/c/d")
    assert store.put_if_absent("a/b", b"2")


def test_a_deleted_folder_is_gone_with_all_below_it_and_no_other(store: Store) -> None:
    for key in ("run/a", "run/b/c", "run-2/a", "runs", "other/run/a"):
        store.put_if_absent(key, b"1")

    for _ in range(2):
        store.delete_folder("run")
        assert [entry.key for entry in store.list()] == ["other/run/a", "run-2/a", "runs"]


def test_a_missing_object_is_named(store: Store) -> None:
    store.put_if_absent("a/b", b"")

    for key in ("nothing", "a", "a/b/c", "a/c"):
        assert not store.exists(key)
        with pytest.raises(ObjectMissing, match=f"{store.url}/{key}"):
            store.read(key)


def test_a_store_that_nobody_wrote_to_is_empty(store: Store) -> None:
    assert list(store.list()) == []
    assert list(store.list("a/b")) == []
    assert list(store.folders()) == []


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_is_refused_before_anything_is_touched(store: Store, key: str) -> None:
    for refused in (
        lambda: store.read(key),
        lambda: store.put_if_absent(key, b""),
        lambda: store.replace(key, b""),
        lambda: store.exists(key),
        lambda: store.delete(key),
        lambda: store.delete_folder(key),
        lambda: store.at(key),
    ):
        with pytest.raises(StoreError, match="is no key of a store"):
            refused()
    assert list(store.list()) == []


@pytest.mark.parametrize("prefix", ["/", "..", "../", "/a", "a//", "a/../", ".a", "a/.", "a b"])
def test_a_bad_prefix_is_refused_when_it_is_given(store: Store, prefix: str) -> None:
    with pytest.raises(StoreError, match="is no prefix of a store"):
        store.list(prefix)
    with pytest.raises(StoreError, match="is no prefix of a store"):
        store.folders(prefix)


PARTS = st.sampled_from(["a", "b", "a-b", "a.b", "a0", "a_", "B", "ab", "10", "9"])
# A key's last part has a name of its own: in a directory a name is a file or a folder, not both.
KEYS = st.builds(
    lambda folders, name: "/".join([*folders, f"{name}.json"]), st.lists(PARTS, max_size=2), PARTS
)


@settings(
    max_examples=15,
    # Each example has a folder of its own in the one store.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(keys=st.sets(KEYS, max_size=8), folders=st.lists(PARTS, max_size=2), beginning=PARTS)
def test_a_listing_is_the_sorted_keys_that_begin_with_the_prefix(
    store: Store, keys: set[str], folders: list[str], beginning: str
) -> None:
    example = store.at(f"example-{next(example_numbers)}")
    for key in keys:
        example.put_if_absent(key, key.encode())
    folder = "".join(f"{name}/" for name in folders)

    for prefix in ("", folder, folder + beginning):
        listed = [(entry.key, entry.size) for entry in example.list(prefix)]
        assert listed == [(key, len(key)) for key in sorted(keys) if key.startswith(prefix)]
    below = [key.removeprefix(folder) for key in keys if key.startswith(folder)]
    names = sorted({key.partition("/")[0] for key in below if "/" in key})
    assert list(example.folders(folder)) == list(example.folders(folder[:-1])) == names


def test_an_entry_has_another_version_once_its_object_changed(store: Store) -> None:
    store.replace("a", b"1")
    store.replace("b", b"1")
    before = {entry.key: entry.version for entry in store.list()}
    store.replace("a", b"2")
    after = {entry.key: entry.version for entry in store.list()}

    assert before["a"] != after["a"]
    assert before["b"] == after["b"]


def test_a_folder_is_a_store_of_its_own(store: Store) -> None:
    run = store.at("run-1").at("part")
    run.put_if_absent("chunks/0", b"content")

    assert run.url == f"{store.url}/run-1/part"
    assert store.read("run-1/part/chunks/0") == b"content"
    assert open_store(run.url).read("chunks/0") == b"content"
    assert [entry.key for entry in run.list()] == ["chunks/0"]
    assert list(store.at("run-2").list()) == []
