"""The payment service: it alone holds the key that seals and opens. It prints its address when it is ready.

Environment: PAYMENT_HOME, a directory of its own for the key and the record of what was redeemed; SHOP_SECRET, by which
it knows the shop.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from watchword import KeyRing, SealedTokens, open_store
from watchword.errors import ConfigurationError, TokenConsumedError, TokenError, TokenExpiredError, UnavailableError

HOME = Path(os.environ["PAYMENT_HOME"])
SHOP_SECRET = os.environ["SHOP_SECRET"]
KEYS = HOME / "seal.keys"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What is sealed. ``amount`` is in minor units (1200 is 12.00 EUR); the card is the PSP's token for it."""

    order_id: Text
    user_id: Text
    amount: Annotated[int, msgspec.Meta(gt=0)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    merchant_reference: Text
    psp_card_token: Text
    idempotency_key: Text


class Capture(msgspec.Struct, forbid_unknown_fields=True):
    """``user_id`` is whom the shop has signed in, never what the browser says."""

    token: str
    user_id: Text


class Psp:
    """In the place of a payment service provider: one idempotency key is one charge."""

    def __init__(self) -> None:
        self.charges: dict[str, str] = {}

    def charge(self, order: Order) -> str:
        return self.charges.setdefault(order.idempotency_key, f"ch_{secrets.token_hex(8)}")


if not KEYS.exists():
    KeyRing.generate("v4.local").save(KEYS)  # 0600; back it up or not: it is good for five minutes of tokens
store, psp = open_store(f"sqlite:///{HOME / 'redeemed.db'}"), Psp()
payments = SealedTokens(
    KeyRing.load(KEYS), store=store, issuer="https://pay.example", audience="https://pay.example/capture"
)


async def handover(request: Request) -> JSONResponse:
    """An order of the shop becomes a token for the user's browser."""
    order = msgspec.json.decode(await request.body(), type=Order)
    token = payments.seal(msgspec.structs.asdict(order), purpose="payment", bound_to=order.user_id)
    return JSONResponse({"token": token.token, "expires_at": token.expires_at})


async def capture(request: Request) -> JSONResponse:
    """Redeem, then charge. A retry with the same Idempotency-Key gets the same receipt."""
    asked = msgspec.json.decode(await request.body(), type=Capture)
    data = await payments.redeem(
        asked.token,
        purpose="payment",
        bound_to=asked.user_id,
        idempotency_key=request.headers.get("idempotency-key"),
    )
    order = msgspec.convert(data, Order)
    receipt = {"order_id": order.order_id, "amount": order.amount, "currency": order.currency}
    return JSONResponse(receipt | {"charge": psp.charge(order)})


async def charges(request: Request) -> JSONResponse:
    """For this example alone: what the PSP was asked for."""
    return JSONResponse({"charges": len(psp.charges)})


REFUSALS: dict[type[Exception], tuple[int, str]] = {
    TokenConsumedError: (409, "already_used"),
    TokenExpiredError: (400, "expired"),
    TokenError: (400, "context_mismatch"),
    ConfigurationError: (400, "cannot_be_sealed"),
    msgspec.MsgspecError: (400, "malformed"),
    UnavailableError: (503, "try_again"),
}


async def refused(request: Request, error: Exception) -> JSONResponse:
    """The first row that fits the error, most special first."""
    status, word = next(row for cls, row in REFUSALS.items() if isinstance(error, cls))
    return JSONResponse({"error": word}, status)


class ForTheShop:
    """Nobody but the shop is heard."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            said = dict(scope["headers"]).get(b"authorization", b"")
            if not compare_digest(said, f"Bearer {SHOP_SECRET}".encode()):
                await JSONResponse({"error": "unauthorized"}, 401)(scope, receive, send)
                return
        await self.app(scope, receive, send)


@asynccontextmanager
async def opened(app: Starlette) -> AsyncIterator[None]:
    await store.open()
    try:
        yield
    finally:
        await store.close()


app = Starlette(
    routes=[
        Route("/handover", handover, methods=["POST"]),
        Route("/capture", capture, methods=["POST"]),
        Route("/charges", charges),
    ],
    exception_handlers=dict.fromkeys(REFUSALS, refused),
    lifespan=opened,
)
app.add_middleware(ForTheShop)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])


if __name__ == "__main__":
    main()
