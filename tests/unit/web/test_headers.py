"""The headers of a page: a fresh nonce each time, and nothing that undoes the policy."""

from datetime import timedelta

import pytest

from watchword.errors import ConfigurationError
from watchword.web.headers import secure_page

POLICY = (
    "default-src 'self'; script-src 'nonce-{0}' 'strict-dynamic'; style-src 'self' 'nonce-{0}'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def test_a_page_has_them_all() -> None:
    page = secure_page()
    assert page.headers == {
        "Content-Security-Policy": POLICY.format(page.nonce),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    assert page.nonce not in repr(page)


def test_a_nonce_is_never_used_twice() -> None:
    nonces = {secure_page().nonce for _ in range(10_000)}
    assert len(nonces) == 10_000
    assert min(map(len, nonces)) >= 22  # 128 bits


def test_what_may_differ() -> None:
    page = secure_page(
        private=False,
        hsts=timedelta(days=730),
        also={"img-src": ["https://cdn.example"], "connect-src": ["wss://live.example"], "frame-ancestors": ["'self'"]},
        report_to="csp",
    )
    policy = page.headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://cdn.example;" in policy
    assert policy.endswith("frame-ancestors 'self'; connect-src 'self' wss://live.example; report-to csp")
    assert page.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert "Cache-Control" not in page.headers
    assert "X-Frame-Options" not in page.headers


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("script-src", "'unsafe-inline'"),
        ("script-src", "'UNSAFE-EVAL'"),
        ("script-src", "'nonce-mine'"),
        ("script-src", "data:"),
        ("script-src", "https:"),
        ("object-src", "blob:x"),
        ("img-src", "*"),
        ("img-src", "https://cdn.example; script-src *"),
        ("img-src", "https://a.example,https://b.example"),
        ("img-src", "https://a.example\r\nset-cookie: a=b"),
        ("img-src", "https://ü.example"),
        ("img-src", ""),
        ("script-src-elem", "https://cdn.example"),
        ("img-src; script-src", "https://cdn.example"),
    ],
)
def test_what_would_undo_the_policy_is_refused(name: str, source: str) -> None:
    with pytest.raises(ConfigurationError):
        secure_page(also={name: [source]})


def test_mistakes() -> None:
    with pytest.raises(ConfigurationError, match="a list"):
        secure_page(also={"img-src": "https://cdn.example"})
    with pytest.raises(ConfigurationError, match="a year"):
        secure_page(hsts=timedelta(days=364))
    with pytest.raises(ConfigurationError, match="endpoint"):
        secure_page(report_to="a; script-src *")
