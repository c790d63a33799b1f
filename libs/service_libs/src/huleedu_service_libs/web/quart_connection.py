"""Quart's ASGI connection, with fewer tasks and messages per request.

Quart 0.22 starts two tasks per request, for the handler and for a listener to the caller's messages, and sends a
complete body as two messages. Here the handler runs in the server's own task. If the body has arrived, our server
reports a disconnect; otherwise a task listens for it. In both cases a disconnect cancels the handler.
"""

from __future__ import annotations

import asyncio
from typing import Any

from quart import Request, Response
from quart.asgi import ASGIHTTPConnection
from quart.utils import encode_headers
from quart.wrappers.response import DataBody

from huleedu_service_libs.http_server.exchange import exchange_of
from huleedu_service_libs.web.cancel_on_disconnect import CancelOnDisconnect


class LeanHttpConnection(ASGIHTTPConnection):
    """One request; set this class as an application's `asgi_http_class`."""

    async def __call__(self, receive: Any, send: Any) -> None:
        """Answer the request; return without an answer if the caller disconnects first."""
        request = self._create_request_from_scope(send)
        exchange = exchange_of(self.scope)
        if exchange is not None and exchange.body_is_whole:
            with CancelOnDisconnect(exchange) as tied:
                message = await receive()
                request.body.set_result(message.get("body", b""))
                if message["type"] == "http.disconnect":
                    tied.hang_up()
                await self.handle_request(request, send)
            return
        with CancelOnDisconnect(None) as tied:
            listener = asyncio.create_task(self._listen(request, receive, tied))
            try:
                await self.handle_request(request, send)
            finally:
                listener.cancel()

    async def _listen(self, request: Request, receive: Any, tied: CancelOnDisconnect) -> None:
        await self.handle_messages(request, receive)
        tied.hang_up()

    async def _send_response(self, send: Any, response: Any) -> None:
        body = response.response if isinstance(response, Response) else None
        if not isinstance(body, DataBody):
            await super()._send_response(send, response)
            return
        headers = encode_headers(response.headers)
        exchange = exchange_of(self.scope)
        if exchange is not None and self.scope["method"] != "HEAD":
            exchange.answer_is_whole = True
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body.data[body.begin : body.end], "more_body": False})
