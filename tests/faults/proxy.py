"""A TCP proxy that does to a connection what networks do: closes it, resets it, falls silent, drips, loses a reply."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

Trouble = Literal["none", "fin", "rst", "silence", "drip"]
CHUNK = 32 * 1024


@dataclass(frozen=True)
class Plan:
    """``trouble`` begins once ``after`` bytes have gone from client to server; ``drip_rate`` is in bytes per second."""

    trouble: Trouble = "none"
    after: int = 0
    drip_rate: int = 512


class FaultProxy:
    """
    Listens on a free loopback port and forwards to ``target``. A context manager; threads end with it.

    ``mute_replies`` (an event) drops everything the server sends from then on, while requests still pass: the
    server acts and the client never learns of it.
    """

    def __init__(self, target: tuple[str, int], plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.target = target
        self.forwarded = 0
        self.connections = 0
        self.mute_replies = threading.Event()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def cut(self, *, reset: bool = False) -> None:
        """Close every connection now, with FIN or with RST."""
        for each in self._sockets:
            _close(each, reset=reset)

    def __enter__(self) -> FaultProxy:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return
            for each in (client, server):
                # Otherwise small packets wait for the acknowledgement of the last, 40 ms each.
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._sockets += [client, server]
            self._spawn(self._requests, client, server)
            self._spawn(self._replies, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                room = self.plan.after - self.forwarded
                if self.plan.trouble == "none" or room >= len(data):
                    server.sendall(data)
                    self.forwarded += len(data)
                    continue
                if room > 0:
                    server.sendall(data[:room])
                    self.forwarded += room
                    data = data[room:]
                if self.plan.trouble in ("fin", "rst"):
                    _close(client, reset=self.plan.trouble == "rst")
                    _close(server, reset=self.plan.trouble == "rst")
                    return
                if self.plan.trouble == "silence":
                    # Not a closed socket but a dead route: nothing is read, nothing is answered.
                    self.mute_replies.set()
                    self._closed.wait()
                    return
                self._drip(data, server)
        _close(server)

    def _drip(self, data: bytes, server: socket.socket) -> None:
        step = max(1, self.plan.drip_rate // 10)
        for at in range(0, len(data), step):
            if self._closed.is_set():
                return
            server.sendall(data[at : at + step])
            self.forwarded += len(data[at : at + step])
            time.sleep(0.1)

    def _replies(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                if not self.mute_replies.is_set():
                    client.sendall(data)
        if not self.mute_replies.is_set():
            _close(client)


def _close(sock: socket.socket, *, reset: bool = False) -> None:
    with contextlib.suppress(OSError):
        if reset:
            # Linger 0: the kernel sends RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        sock.close()
