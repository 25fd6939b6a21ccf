"""PASETO: v4.public from one service to another, v4.local through a browser."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.docs.sequence import Part, Step

BILLING, LEDGER = "Billing", "Ledger"
SHOP, BROWSER, PAYMENT = "Shop", "Browser", "Payment service"
_ledger, _payment = partial(Step, at=LEDGER), partial(Step, at=PAYMENT)

PASETO: Final = (
    Part(
        "v4.public: one service calls another",
        (BILLING, LEDGER),
        (
            Step(
                at=LEDGER,
                to=BILLING,
                stage="follow",
                shown="GET /.well-known/paseto-keys.json",
                file="keys/discovery.py",
                told="Public keys, each with the times from when and until when it counts.",
            ),
            Step(
                at=LEDGER,
                to=BILLING,
                stage="follow",
                shown="GET /revocations, with an API key for just that",
                file="runtime/feed_follower.py",
                told="As above.",
            ),
            Step(
                at=BILLING,
                stage="issue",
                shown="v4.public, for the ledger alone; minutes",
                file="tokens/service.py",
                told="Five of them, fifteen at most. The audience is named anew for each token; kind and key id "
                "stand in the footer.",
            ),
            Step(
                at=BILLING,
                to=LEDGER,
                stage="carry",
                shown="POST /entries, Authorization: Bearer v4.public.…",
                file="web/messages.py",
                told="As above.",
            ),
            _ledger(
                stage="extract",
                shown="one token in one header",
                file="authn/credentials.py",
                told="As above.",
            ),
            _ledger(
                stage="route",
                shown="a bearer that begins with v4.public.",
                file="authn/authenticator.py",
                told="Version and purpose stand in front, and are not negotiated.",
            ),
            _ledger(
                stage="parse",
                shown="body, signature, footer; one spelling",
                file="formats/paseto.py",
                told="Before it is verified, the footer may name a key and a kind, and do no more.",
            ),
            _ledger(
                stage="key",
                shown="the key by kid: one version, one purpose",
                file="keys/ring.py",
                told="There is no algorithm to choose.",
            ),
            _ledger(
                stage="verify",
                shown="Ed25519 over header, body and footer",
                file="crypto/signing.py",
                told="Each piece with its length in front (PAE), so that none can be moved into another.",
            ),
            _ledger(
                stage="claims",
                shown="exactly this audience; times as text",
                file="claims.py",
                told="`exp` has to be there, though the format does not ask for it.",
            ),
            _ledger(
                stage="revocation",
                shown="jti, client, key: none has ended",
                file="revocation/view.py",
                ends=True,
                told="The same View as for JWTs.",
            ),
            _ledger(
                stage="binding",
                shown="nothing to prove; a bound token is refused",
                file="authn/authenticator.py",
                told="Service tokens are bound by audience and minutes.",
            ),
            Step(
                at=LEDGER,
                to=BILLING,
                answer=True,
                stage="answer",
                shown="201",
                file="principal.py",
                told="The caller is a service, never a user.",
            ),
            Step(
                at=BILLING,
                stage="revoke",
                shown="a token, the client, the key, or everything",
                file="runtime/revoker.py",
                ends=True,
                told="Heard at the ledger within `max_staleness`, or it says 503. Who does not follow takes the token "
                "until it ends.",
            ),
        ),
    ),
    Part(
        "v4.local: a payment is handed over",
        (SHOP, BROWSER, PAYMENT),
        (
            Step(
                at=SHOP,
                to=PAYMENT,
                stage="ask",
                shown="an order, for this user",
                file="/examples/payment/shop.py",
                told="The shop holds no key.",
            ),
            _payment(
                stage="seal",
                shown="the order inside; purpose, user, audience outside",
                file="tokens/sealed.py",
                told="What it is bound to is the implicit assertion: authenticated, and not in the token.",
            ),
            Step(
                at=PAYMENT,
                to=BROWSER,
                answer=True,
                stage="carry",
                shown="v4.local.…, by way of the shop",
                file="formats/paseto.py",
                told="Nobody on the way reads or changes it.",
            ),
            Step(
                at=BROWSER,
                to=SHOP,
                stage="extract",
                shown="the token, and the browser's own session",
                file="authn/credentials.py",
                told="Whose it is says the session, never the request that carries the token.",
            ),
            Step(
                at=SHOP,
                to=PAYMENT,
                stage="carry",
                shown="the token, and the user of that session",
                file="/examples/payment/shop.py",
                told="In a body.",
            ),
            _payment(
                stage="parse",
                shown="nonce, ciphertext, tag, footer",
                file="formats/paseto.py",
                told="Nothing is decrypted yet.",
            ),
            _payment(
                stage="key",
                shown="the secret key by kid, in this service alone",
                file="keys/ring.py",
                told="Whoever had it could seal as well.",
            ),
            _payment(
                stage="verify",
                shown="the tag; another user's does not open",
                file="crypto/paseto.py",
                told="A keyed BLAKE2b over nonce, ciphertext, footer and assertion, then XChaCha20. It is the binding.",
            ),
            _payment(
                stage="claims",
                shown="iat and exp, ten minutes apart at most",
                file="tokens/sealed.py",
                told="Five unless you say otherwise.",
            ),
            _payment(
                stage="revocation",
                shown="its user, its key, everything: none has ended",
                file="revocation/view.py",
                ends=True,
                told="Where the service has a View. `void` stops one token.",
            ),
            _payment(
                stage="redeem",
                shown="spent; the second is TokenConsumedError",
                file="tokens/sealed.py",
                ends=True,
                told="One row, one winner, also of a hundred at once. An idempotency key gets the same answer again.",
            ),
            Step(
                at=PAYMENT,
                to=SHOP,
                answer=True,
                stage="answer",
                shown="a receipt",
                file="/examples/payment/payment_service.py",
                told="Charged once, under the order's own idempotency key.",
            ),
        ),
    ),
)
