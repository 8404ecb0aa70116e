"""A stand-in for the interfaces of providers: it keeps what it is sent and answers what it is told to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TAKEN: dict[str, tuple[int, dict[str, Any]]] = {
    "/smtp/email": (201, {"messageId": "<br-1@smtp-relay.example>"}),
    "/email": (200, {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-1", "To": "lena@customer.example"}),
    "/messages": (200, {"id": "<mg-1@mg.nordwind.example>", "message": "Queued. Thank you."}),
    "/mail/send": (202, {}),
    "/send": (
        200,
        {
            "Messages": [
                {
                    "Status": "success",
                    "To": [{"Email": "lena@customer.example", "MessageID": 1152921504606846976, "MessageUUID": "u"}],
                    "Cc": [],
                    "Bcc": [],
                }
            ]
        },
    ),
    "/transmissions/": (
        200,
        {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "sp-1"}},
    ),
    "/Messages.json": (201, {"sid": "SM" + "0" * 32, "status": "queued"}),
}
"""What a provider answers when it takes a message, by the end of the path."""


@dataclass
class Call:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class ProviderDouble:
    """Runs for a `with` block. `answer` (status, body) takes the place of the usual answers."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answer: tuple[int, dict[str, Any]] | None = None
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                double.calls.append(Call(self.path, dict(self.headers.items()), body))
                status, said = double.answer or next(
                    answer for end, answer in TAKEN.items() if self.path.split("?")[0].endswith(end)
                )
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if status in (301, 302, 307):
                    self.send_header("Location", f"{double.url}elsewhere")
                self.send_header("X-Message-Id", "ms-1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> ProviderDouble:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
