"""Seals: of a run on S3 with a key, nothing counts that was not written under this key."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backfleet.errors import AccessDenied, CorruptObject
from backfleet.store import Store, open_store, put_sealed, read_sealed, read_sealed_head
from backfleet.store.seals import NotAuthenticated

if TYPE_CHECKING:
    from store.conftest import FaultyEndpoint

RUN = "0123456789abcdef"


@pytest.fixture
def run(s3_store_url: str) -> Store:
    """The store of a run that has a key."""
    store = open_store(s3_store_url).at(RUN)
    assert store.seals.prepare()
    assert len(store.seals.keep()) == 64
    return store


def again(run: Store) -> Store:
    """Return the same store as another process opens it."""
    return open_store(run.url)


def test_readers_get_what_was_sealed_and_nothing_else(run: Store) -> None:
    assert put_sealed(run, "chunks/0.0", b"rows")
    assert read_sealed(again(run), "chunks/0.0") == b"rows"

    run.put_if_absent("chunks/1.0", b"rows")
    run.put_if_absent("chunks/2.0", run.read("chunks/0.0"))
    run.put_if_absent("chunks/3.0", run.read("chunks/0.0").replace(b"rows", b"bows"))
    run.put_if_absent("chunks/4.0", b"seal/1 " + b"0" * 64 + b"\nrows")
    for key in ("chunks/1.0", "chunks/2.0", "chunks/3.0", "chunks/4.0"):
        with pytest.raises(CorruptObject, match="its seal is not that of this run"):
            read_sealed(again(run), key)


def test_the_seal_of_another_run_does_not_count(run: Store, s3_store_url: str) -> None:
    other = open_store(s3_store_url).at("fedcba9876543210")
    other.seals.prepare()
    other.seals.keep()
    put_sealed(other, "chunks/0.0", b"rows")
    run.put_if_absent("chunks/0.0", other.read("chunks/0.0"))

    with pytest.raises(CorruptObject):
        read_sealed(run, "chunks/0.0")


def test_what_was_there_before_the_key_does_not_count_from_the_submit_on(s3_store_url: str) -> None:
    run = open_store(s3_store_url).at(RUN)
    run.put_if_absent("chunks/0.0", b"forged")
    assert read_sealed(again(run), "chunks/0.0") == b"forged"

    assert run.seals.prepare()
    with pytest.raises(CorruptObject):
        read_sealed(run, "chunks/0.0")
    assert not open_store(s3_store_url.replace("/runs", "/keys")).exists(f"all/{RUN}")
    run.seals.keep()
    with pytest.raises(CorruptObject):
        read_sealed(again(run), "chunks/0.0")


def test_of_two_clients_the_first_to_keep_its_key_wins(s3_store_url: str) -> None:
    one, other = (open_store(s3_store_url).at(RUN) for _ in range(2))
    assert one.seals.prepare()
    assert other.seals.prepare()

    assert one.seals.keep() == other.seals.keep() == again(one).seals.keep()
    assert not again(one).seals.prepare()


def test_a_worker_seals_with_the_key_that_it_was_given(run: Store) -> None:
    worker = again(run)
    worker.seals.use(run.seals.keep())
    put_sealed(worker, "chunks/0.0", b"rows")

    assert read_sealed(again(run), "chunks/0.0") == b"rows"


def test_keys_of_stores_lie_apart(s3_store_url: str) -> None:
    bucket = s3_store_url.removesuffix("/runs")
    for store in (f"{bucket}/runs/{RUN}", f"{bucket}/runs/alpha/{RUN}", f"{bucket}/own/x/{RUN}"):
        run = open_store(store)
        run.seals.prepare()
        run.seals.keep()

    keys = [entry.key for entry in open_store(f"{bucket}/keys").list()]
    assert keys == [f"all/{RUN}", f"all/alpha/{RUN}", f"own/x/{RUN}"]


def test_without_access_to_the_key_rows_are_read_and_named_not_authenticated(
    run: Store, endpoint: FaultyEndpoint
) -> None:
    put_sealed(run, "chunks/0.0", b"rows")
    mark = run.seals.mac(b"rows")
    reader = again(run)
    endpoint.fail("GET", status=403, code="AccessDenied")
    with pytest.warns(NotAuthenticated, match=f"not authenticated.*keys/all/{RUN}"):
        assert reader.seals.is_denied()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_sealed(reader, "chunks/0.0") == b"rows", "told once"
    assert reader.seals.mac(b"rows") != mark


def test_without_access_to_the_key_nothing_is_submitted_or_computed(
    run: Store, endpoint: FaultyEndpoint
) -> None:
    endpoint.fail("GET", status=403, code="AccessDenied", times=2)

    with pytest.raises(AccessDenied, match=f"keys/all/{RUN}"):
        again(run).seals.prepare()
    with pytest.raises(AccessDenied):
        again(run).seals.use("")


def test_a_damaged_key_is_named(run: Store, s3_store_url: str) -> None:
    keys = open_store(s3_store_url.replace("/runs", "/keys"))
    keys.replace(f"all/{RUN}", b"short")

    with pytest.raises(CorruptObject, match=f"keys/all/{RUN} is no key of a run"):
        read_sealed(again(run), "chunks/0.0") if put_sealed(run, "chunks/0.0", b"") else None


def test_a_directory_has_no_keys_and_reads_a_copy_of_a_sealed_run(
    run: Store, tmp_path: Path
) -> None:
    put_sealed(run, "chunks/0.0", b"rows")
    here = open_store(str(tmp_path))
    here.put_if_absent("chunks/0.0", run.read("chunks/0.0"))
    put_sealed(here, "chunks/1.0", b"rows")

    assert read_sealed(here, "chunks/0.0") == b"rows"
    assert (tmp_path / "chunks" / "1.0").read_bytes() == b"rows"
    assert (here.seals.prepare(), here.seals.keep()) == (False, "")


HEAD = b"format hash\n{}\n"


def test_the_head_of_a_large_object_is_checked_without_the_rest(run: Store) -> None:
    content = HEAD + b"x" * 10**6
    put_sealed(run, "chunks/0.0", content)
    head = read_sealed_head(again(run), "chunks/0.0")
    assert not head.is_whole
    assert head.content.startswith(HEAD)
    assert len(head.content) < 5000
    assert read_sealed(again(run), "chunks/0.0") == content

    stored = run.read("chunks/0.0")
    run.put_if_absent("chunks/1.0", stored)
    run.put_if_absent("chunks/2.0", stored.replace(b"hash", b"hush"))
    for key in ("chunks/1.0", "chunks/2.0"):
        with pytest.raises(CorruptObject, match="its seal is not that of this run"):
            read_sealed_head(again(run), key)


@pytest.mark.parametrize("content", [b"", b"a\nb\nc", b"a" * 5000, b"a\n" + b"b" * 70_000 + b"\nc"])
def test_a_small_object_and_one_with_a_long_head_are_read_whole(run: Store, content: bytes) -> None:
    put_sealed(run, "chunks/0.0", content)
    head = read_sealed_head(again(run), "chunks/0.0")
    assert (head.content, head.is_whole) == (content, True)
