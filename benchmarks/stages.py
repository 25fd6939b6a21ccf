"""Where the time of a cold verification goes, beside the primitive: each stage alone, with everything in the caches.

In a real verification the signature check has just emptied the processor's caches, so the whole costs more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from watchword.encoding import gate, json_object
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

from .measure import Case, Ratio, Table
from .signed import issued, tokens_of, without_memory


def tables(only: Callable[[str], bool]) -> Iterator[Table]:
    for name in ("ES256", "v4.public"):
        if only(f"stages {name}"):
            yield _stages(name)


def _stages(name: str) -> Table:
    key = Key.generate(name)
    access = tokens_of(KeyRing.of(key))
    texts = issued(access)
    for text in texts[:3]:
        access.verify(text)
    slot = next(iter(access._ring))
    slot.key.verify = lambda signature, message: None
    tokens = [gate(text) for text in texts]
    form = access._readers[tokens[0][:3]]
    envelopes = [form.parse(token) for token in tokens]
    claims = [form.verify(envelope, slot).claims for envelope in envelopes]
    now = access._clock.now()
    cold = without_memory(access)
    cases = [
        Case("the whole, without the primitive", cold.verify, [(text,) for text in texts]),
        Case("gate: length and alphabet", gate, [(text,) for text in texts]),
        Case("digest, for the memory of seen tokens", lambda token: sha256(token).digest(), [(one,) for one in tokens]),
        Case("parse: segments, base64url", form.parse, [(token,) for token in tokens]),
        Case("key: is the one known by this head still good?", form.key, [(one,) for one in envelopes]),
        Case("JSON, read and compared with itself", json_object, [(one.body,) for one in envelopes]),
        Case("claims and times, JSON included", form.verify, [(one, slot) for one in envelopes]),
        Case("policy: names, types, iss, aud, times", access._policy.check, [(one, now) for one in claims]),
        Case("Principal", access._principal, [(one,) for one in claims]),
    ]
    return Table(f"stages {name}", cases, [Ratio(cases[5].name, cases[0].name)])
