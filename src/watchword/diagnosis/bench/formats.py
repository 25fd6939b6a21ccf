"""formats: what a token costs to write and to read, beside the primitive in it and beside other libraries.

Everybody reads the same token, of the eight usual claims and ``client_id``, which RFC 9068 demands; everybody checks
exp, iss and aud, and who takes a token for another audience is not measured. Thread CPU time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from ...app import drive
from ...crypto.bare import bare, bare_aes_gcm, rsa_2048
from ...crypto.paseto import v4_open, v4_seal
from ...encoding import pae, unb64url
from ...formats import jwe, paseto
from ...formats.base import make_format
from ...keys.key import Key
from ...keys.ring import KeyRing
from ...stores.base import open_store
from ...tokens.access import AccessTokens
from ...tokens.api_keys import ApiKeys
from ...tokens.opaque_access import OpaqueAccessTokens
from ...tokens.seen import Seen
from ...tokens.sessions import Sessions
from .base import AUDIENCE, ISSUER, Ask, Entry, Plan, Steps, measured
from .peers import JWE_BOXES, LOCAL_BOXES, USUAL, Box, Material, Peer, claims_of, peers_for, spelled
from .result import Section
from .sights import view_of

SIGNED = ("HS256", "RS256", "ES256", "Ed25519", "v4.public")
SEALED = ("v4.local", "A256GCM")
TITLES = {"Ed25519": "EdDSA (Ed25519)", "RS256": "RS256 (2048 bits)", "v4.public": "PASETO v4.public"}
TITLES |= {"v4.local": "PASETO v4.local", "A256GCM": "JWE dir A256GCM"}
TOKENS = 64
"""Different tokens that each case takes in turn."""
SCOPES = ("orders:read", "orders:write")
RAW, OURS = "the raw primitive", "watchword"
T = TypeVar("T")


def section(ask: Ask) -> Section:
    """Sixteen tables; holds a few MiB, and takes about a minute of the longest run."""
    count = 2 * len(SIGNED) + 2 * len(SEALED) + 2
    steps = Steps(ask, "formats", 1 + count * ask.setting.rounds)
    steps("keys and tokens")
    not_run: list[str] = []
    plans = [plan for name in SIGNED for plan in _signed(name, not_run)]
    plans += [plan for name in SEALED for plan in _sealed(name, not_run)]
    tables = [measured(plan, ask.setting, steps) for plan in (*plans, *_lookups())]
    steps.over()
    return Section(
        id="formats",
        title="Formats",
        words="What it costs to write and to read a token in each format, and how much of that is the cryptography.",
        tables=tables,
        not_run=list(dict.fromkeys(not_run)),
    )


def _signed(name: str, not_run: list[str]) -> tuple[Plan, Plan]:
    key = key_of(name)
    material, ring = Material(key=key), KeyRing.of(key)
    access = without_memory(AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE))
    tokens = [access.issue(f"user-{number}", scopes=SCOPES).token for number in range(TOKENS)]
    whole = [dict(access.verify(token).raw_claims) for token in tokens]
    form = make_format(key.algorithm.format, ring, typ="at+jwt")
    other = form.issue(whole[0] | {"aud": "https://other.example"})
    messages = [pieces_of(token)[1] for token in tokens]
    written = [(claims_of(token),) for token in tokens]
    size = len(tokens[0])
    reading = [Entry(OURS, access.verify, [(token,) for token in tokens], ours=True, bytes=size)]
    writing = [Entry(OURS, form.issue, [(claims,) for claims in whole], ours=True, bytes=size)]
    issue = partial(access.issue, scopes=SCOPES)
    writing.append(
        Entry(f"{OURS}, access.issue", issue, [(f"user-{n}",) for n in range(TOKENS)], ours=True, bytes=size)
    )
    for number, raw in enumerate(bare(name)):
        called = RAW if number == 0 else f"{RAW} in {raw.name}"
        given = [raw.signing(message) for message in messages]
        checked = [raw.verifying(raw.sign(*one), message) for one, message in zip(given, messages, strict=True)]
        reading.insert(number, Entry(called, raw.verify, checked, note=raw.name))
        writing.insert(number, Entry(called, raw.sign, given, note=raw.name))
    for peer in _present(peers_for(name), lambda make: _fair(make(material), material, tokens, other), not_run):
        theirs = [(spelled(token, peer, material),) for token in tokens]
        reading.append(Entry(peer.name, peer.read, theirs, bytes=len(theirs[0][0])))
        writing.append(Entry(peer.name, peer.write, written, bytes=len(str(peer.write(written[0][0])))))
    title = TITLES.get(name, name)
    return (
        Plan(id=f"formats.{_id(name)}.verify", title=f"{title}, verify", cases=reading, over=RAW),
        Plan(id=f"formats.{_id(name)}.sign", title=f"{title}, sign", cases=writing, over=RAW),
    )


def _sealed(name: str, not_run: list[str]) -> tuple[Plan, Plan]:
    """The bytes of a JSON object in, the same bytes out; no claim is checked."""
    key, text = Key.generate(name), _TEXT
    nonce, secret = bytes(12), key.secret_bytes()
    if name == "v4.local":
        box = Box(OURS, lambda token: paseto.decrypt(token, key)[0], lambda raw: paseto.encrypt(raw, key))
        makers: Mapping[str, Any] = LOCAL_BOXES
        opened = Entry(RAW, v4_open, [(secret, v4_seal(secret, text, b"", b""), b"", b"")], note=_V4)
        sealed = Entry(RAW, v4_seal, [(secret, text, b"", b"")], note=_V4)
    else:
        ring = KeyRing.of(key)
        box = Box(OURS, lambda token: jwe.decrypt(token, ring), lambda raw: jwe.encrypt(raw, key, enc=name))
        makers, (encrypt, decrypt) = JWE_BOXES, bare_aes_gcm()
        opened = Entry(RAW, decrypt, [(nonce, encrypt(nonce, text, None), None)], note="cryptography")
        sealed = Entry(RAW, encrypt, [(nonce, text, None)], note="cryptography")
    tokens = [(box.seal(text),) for _ in range(TOKENS)]
    size = len(str(tokens[0][0]))
    reading = [opened, Entry(OURS, box.open, tokens, ours=True, bytes=size)]
    writing = [sealed, Entry(OURS, box.seal, [(text,)], ours=True, bytes=size)]
    for peer in _present(makers, lambda make: _same(make(key, name), str(tokens[0][0])), not_run):
        reading.append(Entry(peer.name, peer.open, tokens, bytes=size))
        writing.append(Entry(peer.name, peer.seal, [(text,)], bytes=len(str(peer.seal(text)))))
    title = TITLES[name]
    return (
        Plan(id=f"formats.{_id(name)}.decrypt", title=f"{title}, decrypt", cases=reading, over=RAW),
        Plan(id=f"formats.{_id(name)}.encrypt", title=f"{title}, encrypt", cases=writing, over=RAW),
    )


_TEXT = b'{"iss":"https://issuer.example","aud":"https://api.example","sub":"user-1","order":"o-1","amount":1200}'
_V4 = "ChaCha20 of cryptography and BLAKE2b of hashlib, put together as the format wants them"


def _lookups() -> tuple[Plan, Plan]:
    """What is remembered or kept near the process: no signature is checked, and no store is asked."""
    ring, view = KeyRing.of(Key.generate("ES256")), view_of()
    store = open_store("memory:")
    store.open_blocking()
    access = AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE, view=view)
    tokens = [(access.issue(f"user-{n}", scopes=SCOPES).token,) for n in range(TOKENS)]
    sessions, api_keys = Sessions(store, view=view), ApiKeys(store, view=view)
    opaque = OpaqueAccessTokens(store, audience=AUDIENCE, view=view)
    started = [(drive(sessions.start(f"user-{n}")).token,) for n in range(TOKENS)]
    bearers = [(drive(opaque.issue(f"user-{n}")).token,) for n in range(TOKENS)]
    keys = [(drive(api_keys.issue(f"user-{n}")).token,) for n in range(TOKENS)]
    ours: list[tuple[str, Callable[..., Any], list[tuple[str]]]] = [
        ("a signed token seen before", access.verify, tokens),
        ("a session kept near", lambda token: drive(sessions.authenticate(token)), started),
        ("an opaque token kept near", lambda token: drive(opaque.authenticate(token)), bearers),
        ("an API key kept near", lambda token: drive(api_keys.authenticate(token)), keys),
    ]
    for _, call, given in ours:
        for one in given:
            call(*one)
    signed, *kept = (Entry(name, call, given, ours=True, bytes=len(given[0][0])) for name, call, given in ours)
    return (
        Plan(id="formats.again", title="What was seen before", cases=[_digests(tokens), signed], over=RAW),
        Plan(id="formats.near", title="What is kept near", cases=[_digests(started), *kept], over=RAW),
    )


def _digests(tokens: list[tuple[str]]) -> Entry:
    """What a look-up begins with: over tokens of its own length, for a longer one takes longer."""
    size = len(tokens[0][0])
    return Entry(
        RAW, lambda token: sha256(token.encode()).digest(), tokens, note=f"SHA-256 of {size} bytes", bytes=size
    )


def without_memory(access: AccessTokens) -> AccessTokens:
    """The same, with a memory of seen tokens that holds two: three tokens in turn are cold each time."""
    access._seen = Seen(0)
    return access


def key_of(name: str) -> Key:
    """A fresh key; RSA of 2048 bits, which most that are in use have."""
    return Key.from_pem(rsa_2048(), algorithm=name) if name == "RS256" else Key.generate(name)


def pieces_of(token: str) -> tuple[bytes, bytes]:
    """(signature, message) of a signed token: what the primitive is called with."""
    if token.startswith("v4.public."):
        body, footer = (unb64url(part) for part in token.encode().split(b".")[2:])
        return body[-64:], pae(b"v4.public.", body[:-64], footer, b"")
    message, _, signature = token.encode().rpartition(b".")
    return unb64url(signature), message


def _id(name: str) -> str:
    return {"A256GCM": "jwe_dir"}.get(name, name.lower().replace(".", "_"))


def _present(makers: Mapping[str, Callable[..., Any]], ready: Callable[[Any], T], not_run: list[str]) -> list[T]:
    """Those of the peers that are here and that do the job; of the others a sentence."""
    found = []
    for name, make in makers.items():
        try:
            found.append(ready(make))
        except ImportError:
            if name in USUAL:
                not_run.append(f"{name} is not installed: pip install {name} sets it beside us.")
        except Exception as error:  # noqa: BLE001 - each library has errors of its own
            not_run.append(f"{name} cannot do what we do ({type(error).__name__}), so it is not compared everywhere.")
    return found


def _fair(peer: Peer, material: Material, tokens: list[str], other: str) -> Peer:
    """It reads what we wrote, writes, and refuses a token for another audience."""
    peer.read(spelled(tokens[0], peer, material))
    peer.write(claims_of(tokens[0]))
    try:
        peer.read(spelled(other, peer, material))
    except Exception:  # noqa: BLE001 - each library has errors of its own
        return peer
    raise ValueError("it takes a token for another audience")


def _same(box: Box, token: str) -> Box:
    if box.open(token) != _TEXT:
        raise ValueError("it reads something else")
    box.seal(_TEXT)
    return box
