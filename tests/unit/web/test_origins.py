"""origin(): the entries of origins=."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import ConfigurationError
from watchword.web.csrf import origin


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://App.Example:443", "https://app.example"),
        ("https://app.example", "https://app.example"),
        ("HTTP://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("https://app.example:80", "https://app.example:80"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("https://[0:0::0:1]:443", "https://[::1]"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
    ],
)
def test_origins_are_normalised(text: str, normal: str) -> None:
    assert origin(text) == normal
    assert origin(normal) == normal


NOT_ORIGINS = """
    null * app.example //app.example https:app.example https:// https://* https://*.app.example
    https://app.example/ https://app.example/path https://app.example?q https://app.example#f
    https://user@app.example https://user:pw@app.example https://app.example: https://app.example:0
    https://app.example:65536 https://app.example:+443 https://app..example https://.app.example https://[::1
    https://[::1]x https://[fe80::1%eth0] https://[zz] https://a,https://b wss://app.example file://app.example
"""


@pytest.mark.parametrize(
    "text",
    [
        *NOT_ORIGINS.split(),
        "",
        "https://app.example:\u0664\u0664\u0663",
        "https://app.example\n",
        " https://app.example",
        "https://m\u00fcller.example",
        "https://\u212aapp.example",
        f"https://{'a.' * 200}b",
        None,
        b"https://app.example",
    ],
)
def test_what_is_not_an_origin(text: str) -> None:
    with pytest.raises(ConfigurationError, match="origins= has"):
        origin(text)


@given(st.text() | st.text("htps:/[]a1.%@"))
def test_any_text_is_an_origin_or_a_configuration_error(text: str) -> None:
    try:
        normal = origin(text)
    except ConfigurationError:
        return
    assert origin(normal) == normal
