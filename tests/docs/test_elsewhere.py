"""The Node programs of docs/how-to/verify-elsewhere.md, as they stand there: what they take and what they refuse."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from tests.interop.npm.npm import node
from watchword.clock import FrozenClock
from watchword.encoding import b64url, dump_json, rfc3339, unb64url
from watchword.formats import jws, paseto
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

NOW: Final = 1_800_000_000
ISSUER, AUDIENCE = "https://auth.example", "https://api.example"
PAGE: Final = Path(__file__).parents[2] / "docs/how-to/verify-elsewhere.md"
PROGRAMS: Final = dict(re.findall(r"<!-- program: ([a-z-]+) -->\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL))
RING: Final = KeyRing.generate("ES256", "v4.public", clock=FrozenClock(NOW))
ES256, V4 = RING.active("sign", format="jwt"), RING.active("sign", format="paseto")
CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER, "sub": "user-7", "aud": AUDIENCE, "jti": "j-1", "client_id": "c", "scope": "orders:read",
}  # fmt: skip
LATER, RETIRED = Key.generate("v4.public"), Key.generate("v4.public")


def body(claims: dict[str, Any]) -> bytes:
    """CLAIMS and these; None leaves one out."""
    return dump_json({name: value for name, value in (CLAIMS | claims).items() if value is not None})


def jwt_of(key: Key = ES256, typ: str = "at+jwt", born: int = NOW, **claims: Any) -> str:
    times = {"iat": born, "nbf": born, "exp": born + 300}
    return jws.sign(body(times | claims), key, typ=typ)


def paseto_of(key: Key = V4, typ: str = "at", born: int = NOW, assertion: bytes = b"", **claims: Any) -> str:
    times = {"iat": rfc3339(born), "nbf": rfc3339(born), "exp": rfc3339(born + 300)}
    footer = dump_json({"kid": key.kid, "typ": typ})
    return paseto.sign(body(times | claims), key, footer=footer, assertion=assertion)


def changed(token: str, segment: int) -> str:
    """`token` with one bit of a segment turned over."""
    parts = token.split(".")
    raw = bytearray(unb64url(parts[segment].encode()))
    raw[-4] ^= 1
    parts[segment] = b64url(bytes(raw))
    return ".".join(parts)


def issued(format: str) -> str:
    access = AccessTokens(RING, issuer=ISSUER, audience=AUDIENCE)
    return access.issue("user-7", scopes=["orders:read"], format=format).token


def confused() -> str:
    """HS256 under the public key's own text, which everybody has."""
    secret = Key.from_jwk({"kty": "oct", "alg": "HS256", "kid": ES256.kid, "k": b64url(ES256.public().to_pem())})
    return jwt_of(secret)


def documents() -> dict[str, Any]:
    keys = RING.paseto_keys()
    for key, begins, ends in ((LATER, NOW + 60, None), (RETIRED, NOW - 60, NOW)):
        times = {"not_before": rfc3339(begins), "retires_at": None if ends is None else rfc3339(ends)}
        keys["keys"].append({"kid": key.kid, "paserk": key.to_paserk(), "state": "active"} | times)
    return {"/.well-known/jwks.json": RING.jwks(), "/.well-known/paseto-keys.json": keys}


BAD: Final[dict[str, tuple[dict[str, Any], str, str]]] = {  # claims; the reason of jose, and that of paseto
    "another issuer": ({"iss": "https://other.example"}, "claim: 'iss'", "claim: 'iss'"),
    "another audience": ({"aud": "https://other.example"}, "claim: 'aud'", "claim: 'aud'"),
    "expired": ({"born": NOW - 311}, "ERR_JWT_EXPIRED", "claim: 'exp'"),
    "not yet valid": ({"born": NOW + 11}, "claim: 'nbf'", "claim: '(nbf|iat)'"),
    "no subject": ({"sub": None}, "claim: 'sub'", "claim: 'sub'"),
    "bound": ({"cnf": {"jkt": "x"}}, "bound to its sender", "bound to its sender"),
    "bound, our way": ({"fpt": "x"}, "bound to its sender", "bound to its sender"),
    "another kind": ({"typ": "service"}, "claim: 'typ'", "not an access token"),
}
GOOD: Final = [("jwt", issued("jwt")), ("jwt", jwt_of(aud=["https://other.example", AUDIENCE])),
               ("jwt", jwt_of(born=NOW - 305)), ("jwt", jwt_of(born=NOW + 5)),
               ("paseto", issued("paseto")), ("paseto", paseto_of(born=NOW - 305))]  # fmt: skip
SIGNATURE, PASETO = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "ERR_PASETO_INVALID_TOKEN"
REFUSED: Final[dict[str, tuple[str, str, str]]] = {
    **{f"jwt: {name}": ("jwt", jwt_of(**claims), why) for name, (claims, why, _) in BAD.items()},
    **{f"paseto: {name}": ("paseto", paseto_of(**claims), why) for name, (claims, _, why) in BAD.items()},
    "jwt: a key nobody published": ("jwt", jwt_of(Key.generate("ES256")), "ERR_JWKS_NO_MATCHING_KEY"),
    "jwt: another key of that name": ("jwt", jwt_of(Key.generate("ES256", kid=ES256.kid)), SIGNATURE),
    "jwt: a changed claim": ("jwt", changed(jwt_of(), 1), SIGNATURE),
    "jwt: a changed signature": ("jwt", changed(jwt_of(), 2), SIGNATURE),
    "jwt: the public key as a secret": ("jwt", confused(), "ERR_JOSE_ALG_NOT_ALLOWED"),
    "jwt: a PASETO": ("jwt", paseto_of(), "ERR_JWS_INVALID"),
    "paseto: a key nobody published": ("paseto", paseto_of(Key.generate("v4.public")), "no such key"),
    "paseto: a key of tomorrow": ("paseto", paseto_of(LATER), "no such key"),
    "paseto: a key of yesterday": ("paseto", paseto_of(RETIRED), "the key is retired"),
    "paseto: a changed signature": ("paseto", changed(paseto_of(), 2), PASETO),
    "paseto: a changed footer": ("paseto", changed(paseto_of(), 3), PASETO),
    "paseto: an assertion": ("paseto", paseto_of(assertion=b"x"), PASETO),
    "paseto: a JWT": ("paseto", jwt_of(), PASETO),
}
NODE: Final = {"jwt": "jose", "paseto": "paseto"}
DOCUMENT: Final = {"jwt": "jwks", "paseto": "paseto-keys"}


class Published(BaseHTTPRequestHandler):
    """The key documents, as a server of ours publishes them."""

    def do_GET(self) -> None:
        body = json.dumps(documents()[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the terminal."""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/.well-known"
    server.shutdown()
    thread.join()
    server.server_close()


def run(npm: Path, base: str, kind: str, token: str) -> tuple[int, str, str]:
    """(exit code, output, complaint) of the page's own program; its clock stands still at NOW."""
    name = f"page-{NODE[kind]}.mjs"
    (npm / name).write_text(PROGRAMS[NODE[kind]])
    process = node(npm, name, NOW, token, KEYS_URL=f"{base}/{DOCUMENT[kind]}.json")
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.mark.parametrize(("kind", "token"), GOOD)
def test_good_tokens(npm: Path, base: str, kind: str, token: str) -> None:
    code, out, _ = run(npm, base, kind, token)
    assert (code, out) == (0, "user-7 [ 'orders:read' ]\n")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_tokens(npm: Path, base: str, name: str) -> None:
    kind, token, why = REFUSED[name]
    code, out, err = run(npm, base, kind, token)
    assert (code, out) == (1, "")
    assert re.search(why, err)
