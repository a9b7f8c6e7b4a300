"""Who may ask the server: no other site's page, and from elsewhere only who has the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backfleet.serve.access import Access, is_loopback

Serve = Callable[..., Any]
TOKEN = "correct-horse"
ELSEWHERE = "192.0.2.7"


def test_on_loopback_no_token_is_asked_for(serve: Serve, store_url: str) -> None:
    assert serve(store_url).get("/").status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8750", "127.0.0.1.evil.example", ""]
)
def test_another_name_that_leads_here_is_turned_away(
    serve: Serve, store_url: str, host: str
) -> None:
    answer = serve(store_url).get("/", {"Host": host})
    assert answer.status == 421
    assert "runs" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:8750"])
def test_the_names_of_loopback_are_known(serve: Serve, store_url: str, host: str) -> None:
    assert serve(store_url).get("/", {"Host": host}).status == 200


@pytest.mark.parametrize("path", ["/", "/api/runs", "/static/page.js", "/?token=wrong", "/?token="])
def test_from_elsewhere_nothing_is_shown_without_the_token(
    serve: Serve, store_url: str, path: str
) -> None:
    answer = serve(store_url, ELSEWHERE, TOKEN).get(path)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_and_leaves_the_address(serve: Serve, store_url: str) -> None:
    server = serve(store_url, ELSEWHERE, TOKEN)
    answer = server.get(f"/runs/x?metric=sharpe&token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (303, "/runs/x?metric=sharpe")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert server.get("/", {"Cookie": cookie.partition(";")[0]}).status == 200
    assert server.get("/", {"Cookie": f"backfleet-{server.port}=wrong"}).status == 401


def test_the_token_leaves_the_address_also_of_a_browser_that_has_the_cookie(
    serve: Serve, store_url: str
) -> None:
    server = serve(store_url, ELSEWHERE, TOKEN)
    cookie = f"backfleet-{server.port}={TOKEN}"
    answer = server.get(f"/?metric=sharpe&token={TOKEN}", {"Cookie": cookie})
    assert (answer.status, answer.headers["location"]) == (303, "/?metric=sharpe")


@pytest.mark.parametrize(
    "foreign",
    ["a/b=1", "{json}=1", 'x="', "x=\xe9", ";;=;", "backfleet-PORT=foreign", "x=" + "y" * 100_000],
    ids=["slash", "braces", "quote", "not ASCII", "empty", "same name", "long"],
)
def test_a_foreign_cookie_does_not_lock_the_holder_of_the_token_out(
    serve: Serve, store_url: str, foreign: str
) -> None:
    server = serve(store_url, ELSEWHERE, TOKEN)
    foreign = foreign.replace("PORT", str(server.port))
    own = f"backfleet-{server.port}={TOKEN}"
    for cookies in (f"{foreign}; {own}", f"{own}; {foreign}"):
        assert server.get("/", {"Cookie": cookies}).status == 200
    assert server.get("/", {"Cookie": foreign}).status == 401
    assert server.log == []


def test_the_token_is_not_in_what_a_log_would_show_of_the_access() -> None:
    assert TOKEN not in repr(Access("0.0.0.0", 8750, TOKEN))


def test_an_address_that_is_too_long_is_refused(serve: Serve, store_url: str) -> None:
    assert serve(store_url).get("/?" + "x" * 100_000).status == 414


def test_an_upgrade_to_a_websocket_gets_the_page_and_the_same_checks(
    serve: Serve, store_url: str
) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    server = serve(store_url, ELSEWHERE, TOKEN)
    assert server.get("/", upgrade).status == 401
    assert server.get("/", upgrade | {"Host": "evil.example"}).status == 421


def test_the_address_is_never_sent_to_another_site(serve: Serve, store_url: str) -> None:
    answer = serve(store_url, ELSEWHERE, TOKEN).get(f"//evil.example/?token={TOKEN}")
    assert answer.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_only_reads(serve: Serve, store_url: str, method: str) -> None:
    assert serve(store_url).get("/", method=method).status == 405


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/nowhere"])
def test_browsers_are_told_to_load_nothing_from_elsewhere(
    serve: Serve, store_url: str, path: str
) -> None:
    headers = serve(store_url).get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("desk.example", False),
    ],
)
def test_what_counts_as_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_bound_to_all_addresses_only_addresses_and_the_own_name_are_known() -> None:
    access = Access("0.0.0.0", 8750, TOKEN)
    assert access.knows("192.0.2.7:8750")
    assert access.knows("[2001:db8::1]:8750")
    assert not access.knows("evil.example:8750")
