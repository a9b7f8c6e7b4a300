"""What a store on S3 does when answers are lost, altered, refused or never come."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from backfleet.errors import CorruptObject, ObjectMissing, StoreError, StoreFull
from backfleet.store import Store, backoff, open_store

if TYPE_CHECKING:
    from store.conftest import FaultyEndpoint


@pytest.fixture
def s3_store(s3_store_url: str) -> Store:
    return open_store(s3_store_url)


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_SECONDS", 0.001)


def test_a_whole_bucket_is_a_store(s3_store_url: str) -> None:
    bucket = open_store(s3_store_url.removesuffix("/runs"))
    open_store(s3_store_url).put_if_absent("a/b", b"1")

    assert bucket.read("runs/a/b") == b"1"
    assert list(bucket.folders()) == ["runs"]
    assert [entry.key for entry in bucket.list("runs/")] == ["runs/a/b"]


def test_objects_of_other_names_are_not_listed(s3_store: Store, s3_store_url: str) -> None:
    from backfleet.store.s3_client import s3_client

    bucket = s3_store_url.split("/")[2]
    for name in ("runs/", "runs/a/", "runs/.hidden", "runs/with space", "runs/.git/config"):
        s3_client().put_object(Bucket=bucket, Key=name, Body=b"")
    s3_store.put_if_absent("a/b", b"")

    assert [entry.key for entry in s3_store.list()] == ["a/b"]
    assert list(s3_store.folders()) == ["a"]


def test_a_listing_goes_on_over_pages(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from backfleet.store.s3_client import s3_client

    def small_pages(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2

    keys = [f"chunks/{number}" for number in range(5)]
    for key in keys:
        s3_store.put_if_absent(key, b"")
    event = "before-parameter-build.s3.ListObjectsV2"
    s3_client().meta.events.register(event, small_pages, unique_id="small-pages")
    try:
        assert [entry.key for entry in s3_store.list()] == keys
    finally:
        s3_client().meta.events.unregister(event, unique_id="small-pages")


def test_a_folder_of_several_pages_is_deleted(s3_store: Store) -> None:
    from backfleet.store.s3_client import s3_client

    def small_pages(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2

    for number in range(5):
        s3_store.put_if_absent(f"run/chunks/{number}", b"")
    s3_store.put_if_absent("run-2/chunks/0", b"")
    event = "before-parameter-build.s3.ListObjectsV2"
    s3_client().meta.events.register(event, small_pages, unique_id="small-pages")
    try:
        s3_store.delete_folder("run")
    finally:
        s3_client().meta.events.unregister(event, unique_id="small-pages")
    assert [entry.key for entry in s3_store.list()] == ["run-2/chunks/0"]


def test_an_object_that_s3_does_not_delete_is_an_error_though_it_answers_200(
    s3_store: Store,
) -> None:
    from backfleet.store.s3_client import s3_client

    def deny(parsed: dict[str, object], **_: object) -> None:
        parsed["Errors"] = [{"Key": "runs/run/a", "Code": "AccessDenied", "Message": "no"}]

    s3_store.put_if_absent("run/a", b"")
    event = "after-call.s3.DeleteObjects"
    s3_client().meta.events.register(event, deny, unique_id="deny")
    try:
        with pytest.raises(StoreError, match=r"runs/run/a cannot be deleted.*s3:DeleteObject"):
            s3_store.delete_folder("run")
    finally:
        s3_client().meta.events.unregister(event, unique_id="deny")


def test_a_temporary_object_has_the_tag_by_which_its_bucket_removes_it(
    s3_store: Store, s3_store_url: str
) -> None:
    from backfleet.store.s3_client import s3_client

    assert s3_store.put_temporary("parts/0", b"rows")
    assert not s3_store.put_temporary("parts/0", b"rows")
    bucket = s3_store_url.split("/")[2]
    tags = s3_client().get_object_tagging(Bucket=bucket, Key="runs/parts/0")["TagSet"]

    assert tags == [{"Key": "backfleet-temporary", "Value": "true"}]


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (501, "NotImplemented")])
def test_a_temporary_object_is_stored_without_a_tag_where_tags_are_refused(
    s3_store: Store, endpoint: FaultyEndpoint, status: int, code: str
) -> None:
    endpoint.fail("PUT", status=status, code=code)

    assert s3_store.put_temporary("parts/0", b"rows")
    assert s3_store.read("parts/0") == b"rows"


def test_a_put_whose_answer_is_lost_is_stored_once_and_reads_back(
    s3_store: Store, endpoint: FaultyEndpoint
) -> None:
    endpoint.fail("PUT", keep=0)

    assert not s3_store.put_if_absent("chunks/0.0", b"rows"), "its own object is in the way"
    assert endpoint.requests == ["PUT", "PUT"]
    assert s3_store.read("chunks/0.0") == b"rows"


@pytest.mark.usefixtures("_short_pauses")
def test_a_conflict_is_tried_again(s3_store: Store, endpoint: FaultyEndpoint) -> None:
    endpoint.fail("PUT", times=3, status=409, code="ConditionalRequestConflict")

    assert s3_store.put_if_absent("chunks/0.0", b"rows")
    assert endpoint.requests == ["PUT"] * 4


@pytest.mark.usefixtures("_short_pauses")
def test_a_conflict_without_end_is_an_error_after_a_bounded_number_of_tries(
    s3_store: Store, endpoint: FaultyEndpoint
) -> None:
    endpoint.fail("PUT", times=1000, status=409, code="ConditionalRequestConflict")

    with pytest.raises(StoreError, match="other writers changed the same object"):
        s3_store.put_if_absent("chunks/0.0", b"rows")
    assert endpoint.requests == ["PUT"] * backoff.MAX_ATTEMPTS


def test_a_busy_server_is_asked_again(s3_store: Store, endpoint: FaultyEndpoint) -> None:
    endpoint.fail("PUT", status=503, code="SlowDown")
    endpoint.fail("GET", status=503, code="SlowDown")

    assert s3_store.put_if_absent("a", b"1")
    assert s3_store.read("a") == b"1"


@pytest.mark.usefixtures("_short_pauses")
@pytest.mark.parametrize("fault", [{"keep": 0}, {"keep": 5_000}, {"alter": True}])
def test_an_answer_cut_short_or_altered_on_the_way_is_asked_for_again(
    s3_store: Store, endpoint: FaultyEndpoint, fault: dict[str, Any]
) -> None:
    content = bytes(range(250)) * 40
    s3_store.put_if_absent("a", content)
    endpoint.fail("GET", **fault)

    assert s3_store.read("a") == content
    assert endpoint.requests.count("GET") == 2


@pytest.mark.usefixtures("_short_pauses")
def test_an_object_that_never_fits_its_checksum_is_corrupt(
    s3_store: Store, endpoint: FaultyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The store checks also where the user's configuration asks boto3 not to.
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    s3_store.put_if_absent("a", b"content")
    endpoint.fail("GET", times=1000, alter=True)

    with pytest.raises(CorruptObject, match=f"{s3_store.url}/a: .*checksum"):
        s3_store.read("a")


@pytest.mark.usefixtures("_short_pauses")
def test_an_answer_that_always_ends_early_is_an_error(
    s3_store: Store, endpoint: FaultyEndpoint
) -> None:
    s3_store.put_if_absent("a", b"content")
    endpoint.fail("GET", times=1000, keep=3)

    with pytest.raises(StoreError, match="the connection was lost on every attempt"):
        s3_store.read("a")


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "AccessDenied", "a store needs s3:GetObject and s3:PutObject"),
        (403, "InvalidAccessKeyId", "the access key is unknown; set AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "the secret key does not belong"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
        (400, "ExpiredToken", "the credentials have expired; renew them"),
        (400, "AuthorizationHeaderMalformed", "another region; set AWS_DEFAULT_REGION"),
        (501, "NotImplemented", "no conditional writes"),
        (400, "SomethingElse", "S3 failed"),
    ],
)
def test_a_refusal_is_told_with_the_object_and_what_to_do(
    s3_store: Store, endpoint: FaultyEndpoint, status: int, code: str, advice: str
) -> None:
    endpoint.fail("PUT", times=10, status=status, code=code)

    with pytest.raises(StoreError, match=rf"{s3_store.url}/a: .*{advice}.*\({code}\)"):
        s3_store.put_if_absent("a", b"")


def test_a_full_endpoint_is_a_full_store(s3_store: Store, endpoint: FaultyEndpoint) -> None:
    endpoint.fail("PUT", times=10, status=507, code="XMinioStorageFull")

    with pytest.raises(StoreFull, match="no space left"):
        s3_store.put_if_absent("a", b"")


@pytest.mark.usefixtures("s3_endpoint")
def test_a_missing_bucket_is_told_by_every_use() -> None:
    store = open_store("s3://no-such-bucket/runs")

    for use in (
        lambda: store.read("a"),
        lambda: store.put_if_absent("a", b""),
        lambda: store.replace("a", b""),
        lambda: store.exists("a"),
        lambda: list(store.list()),
        lambda: list(store.folders()),
    ):
        with pytest.raises(
            StoreError, match=r"s3://no-such-bucket/runs.*there is no such bucket"
        ) as e:
            use()
        assert not isinstance(e.value, ObjectMissing)


def test_missing_credentials_are_told(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StoreError, match="no credentials were found; set AWS_ACCESS_KEY_ID"):
        s3_store.read("a")


def test_half_of_the_credentials_is_told(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StoreError, match="the credentials are incomplete"):
        s3_store.read("a")


def test_an_unknown_profile_is_told(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(StoreError, match="AWS_PROFILE names a profile"):
        s3_store.read("a")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_ENDPOINT_URL", "localhost-9000"),
        ("AWS_DEFAULT_REGION", "no region"),
        ("AWS_MAX_ATTEMPTS", "many"),
    ],
)
def test_a_variable_with_an_impossible_value_is_told(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(StoreError, match=f"{value}.*{variable}"):
        s3_store.read("a")


def test_an_endpoint_that_nobody_listens_at_is_told(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        with pytest.raises(StoreError, match=r"the endpoint cannot be reached; .*AWS_ENDPOINT_URL"):
            s3_store.read("a")
