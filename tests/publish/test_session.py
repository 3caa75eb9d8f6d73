"""One connection to a partner: who we trust, what each refusal is called, and that every wait ends."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import psutil
import pytest

from include.sftp import (
    AuthenticationRefused,
    ConnectionDropped,
    ContentMismatch,
    Endpoint,
    EndpointUnusable,
    HostKeyChanged,
    NotAnSftpServer,
    PermanentTransferError,
    PermissionRefused,
    RemoteFailure,
    RemoteNoSpace,
    RemotePathMissing,
    Session,
    Stalled,
    TransferLimits,
    TransientTransferError,
    Unreachable,
    open_sessions,
)
from local.partners import Behaviour, PartnerEndpoint, start_partner
from tests.faults.proxy import FaultProxy, Plan, Trouble

SHORT = TransferLimits(connect_seconds=5, operation_seconds=2, stall_seconds=2)


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    assert open_sessions() == 0
    deadline = time.monotonic() + 3
    while left := _client_connections_and_threads():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _client_connections_and_threads() -> list[object]:
    threads: list[object] = [each for each in threading.enumerate() if each.name.startswith("sftp-")]
    return threads


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    path = tmp_path / "payload"
    path.write_bytes(random.Random(7).randbytes(6_000_000))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def send(endpoint: Endpoint, payload: Path, remote: str, limits: TransferLimits = SHORT) -> None:
    with Session(endpoint, limits) as session:
        session.upload(payload, remote, size=payload.stat().st_size, sha256=digest(payload))


def test_sends_reads_back_renames_and_lists(merkle: PartnerEndpoint, payload: Path, folder: str) -> None:
    with Session(merkle.endpoint()) as session:
        sent = session.upload(payload, f"{folder}/a.part", size=6_000_000, sha256=digest(payload))
        assert (sent.bytes, sent.sha256, sent.synced) == (6_000_000, digest(payload), True)
        assert session.hash_remote(f"{folder}/a.part") == (digest(payload), 6_000_000)
        session.rename(f"{folder}/a.part", f"{folder}/a")
        assert session.find(f"{folder}/a.part") is None
        found = session.find(f"{folder}/a")
        assert found is not None
        assert found.size == 6_000_000
        assert session.listing(folder) == [found]
        assert session.negotiated["cipher"] == "aes128-gcm@openssh.com"
        assert (session.free_bytes(folder) or 0) > 6_000_000
    assert (merkle.home / folder / "a").read_bytes() == payload.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 255 * 1024, 255 * 1024 * 16, 255 * 1024 * 16 + 1, 18_000_001])
def test_every_size_arrives_whole(merkle: PartnerEndpoint, tmp_path: Path, folder: str, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    send(merkle.endpoint(), source, f"{folder}/{size}")
    assert (merkle.home / folder / str(size)).read_bytes() == source.read_bytes()


def test_reads_back_what_is_longer_than_all_requests_in_flight(merkle: PartnerEndpoint, folder: str) -> None:
    content = random.Random(3).randbytes(17_000_003)
    (merkle.home / folder / "long").write_bytes(content)
    with Session(merkle.endpoint()) as session:
        assert session.hash_remote(f"{folder}/long") == (hashlib.sha256(content).hexdigest(), len(content))


def test_rename_does_not_overwrite(merkle: PartnerEndpoint, folder: str) -> None:
    (merkle.home / folder / "old").write_bytes(b"old")
    (merkle.home / folder / "new").write_bytes(b"new")
    with Session(merkle.endpoint()) as session, pytest.raises(RemoteFailure):
        session.rename(f"{folder}/new", f"{folder}/old")
    assert (merkle.home / folder / "old").read_bytes() == b"old"


def test_a_changed_host_key_is_permanent_and_nothing_is_sent(
    merkle: PartnerEndpoint, payload: Path, folder: str
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().strip()
    began = time.monotonic()
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        endpoint = replace(merkle.endpoint(port=proxy.port), host_keys=(other,))
        with pytest.raises(HostKeyChanged, match="SECURITY") as caught:
            send(endpoint, payload, f"{folder}/x")
        assert proxy.connections == 1, "a changed host key is never tried again"
        assert proxy.forwarded < 10_000
    assert time.monotonic() - began < 3
    assert isinstance(caught.value, PermanentTransferError)
    assert list((merkle.home / folder).iterdir()) == []


def test_the_next_host_key_may_be_pinned_ahead(merkle: PartnerEndpoint, payload: Path, folder: str) -> None:
    coming = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().strip()
    send(replace(merkle.endpoint(), host_keys=(coming, merkle.host_key)), payload, f"{folder}/x")


def test_a_wrong_key_is_permanent(merkle: PartnerEndpoint) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh").decode()
    with pytest.raises(AuthenticationRefused), Session(replace(merkle.endpoint(), private_key=stranger)):
        pass


def test_a_user_the_server_does_not_know_is_refused(merkle: PartnerEndpoint) -> None:
    with pytest.raises(AuthenticationRefused), Session(replace(merkle.endpoint(), username="nobody")):
        pass


@pytest.mark.parametrize(
    "change", [{"host_keys": ()}, {"host_keys": ("ssh-ed25519 nonsense",)}, {"private_key": "CANARY not a key"}]
)
def test_an_unusable_endpoint_says_what_to_correct(merkle: PartnerEndpoint, change: dict[str, object]) -> None:
    with pytest.raises(EndpointUnusable, match="Correct the connection") as caught:
        Session(replace(merkle.endpoint(), **change)).__enter__()  # type: ignore[arg-type]
    assert "CANARY" not in str(caught.value)


def test_a_key_is_in_no_repr_and_no_message(merkle: PartnerEndpoint) -> None:
    endpoint = merkle.endpoint()
    secret = endpoint.private_key.splitlines()[1]
    with pytest.raises(Unreachable) as caught, Session(replace(endpoint, port=_closed_port())):
        pass
    for text in (repr(endpoint), str(endpoint), repr(caught.value), str(caught.value)):
        assert secret not in text


def test_nobody_listening_is_transient(merkle: PartnerEndpoint) -> None:
    with (
        pytest.raises(Unreachable, match="retries by itself") as caught,
        Session(replace(merkle.endpoint(), port=_closed_port())),
    ):
        pass
    assert isinstance(caught.value, TransientTransferError)


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", (NotAnSftpServer, Unreachable)), (None, (Unreachable,))],
    ids=["a web server", "a silent listener"],
)
def test_something_else_on_that_port_ends_in_time(
    merkle: PartnerEndpoint, greeting: bytes | None, expected: tuple[type[Exception], ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            if greeting:
                client.sendall(greeting)
                client.close()
            else:
                time.sleep(4)
                client.close()

        threading.Thread(target=answer, daemon=True).start()
        endpoint = replace(merkle.endpoint(), port=listener.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(expected), Session(endpoint, replace(SHORT, connect_seconds=2)):
            pass
        assert time.monotonic() - began < 3.5


def test_a_login_without_sftp_is_permanent(tmp_path: Path) -> None:
    with (
        start_partner(tmp_path, ["merkle"], Behaviour(no_sftp=True)) as running,
        pytest.raises(NotAnSftpServer),
        Session(running["merkle"].endpoint()),
    ):
        pass


@pytest.mark.parametrize("after", [3105, 3160])
def test_a_connection_cut_between_login_and_session_is_transient(merkle: PartnerEndpoint, after: int) -> None:
    """It looks like a login without SFTP, but for the connection, which is gone as well."""
    with (
        FaultProxy((merkle.host, merkle.port), Plan("fin", after=after)) as proxy,
        pytest.raises(TransientTransferError),
        Session(merkle.endpoint(port=proxy.port), SHORT),
    ):
        pass


def test_too_many_sessions_is_transient(tmp_path: Path) -> None:
    with start_partner(tmp_path, ["merkle"], Behaviour(session_limit=1)) as running:
        endpoint = running["merkle"].endpoint()
        with Session(endpoint), pytest.raises(Unreachable):
            Session(endpoint).__enter__()


@pytest.mark.parametrize("trouble", ["fin", "rst"])
def test_a_dropped_connection_is_transient_and_leaves_the_session_unusable(
    merkle: PartnerEndpoint, payload: Path, folder: str, trouble: Trouble
) -> None:
    with (
        FaultProxy((merkle.host, merkle.port), Plan(trouble, after=2_000_000)) as proxy,
        Session(merkle.endpoint(port=proxy.port), SHORT) as session,
    ):
        with pytest.raises(ConnectionDropped, match=f"{folder}/x"):
            session.upload(payload, f"{folder}/x", size=6_000_000, sha256=digest(payload))
        with pytest.raises(ConnectionDropped):
            session.find(f"{folder}/x")


def test_a_silent_peer_is_cut_within_the_stall_time(merkle: PartnerEndpoint, payload: Path, folder: str) -> None:
    with FaultProxy((merkle.host, merkle.port), Plan("silence", after=2_000_000)) as proxy:
        began = time.monotonic()
        with pytest.raises(Stalled, match="no byte acknowledged for 2 s"):
            send(merkle.endpoint(port=proxy.port), payload, f"{folder}/x")
        assert 2 <= time.monotonic() - began < 5


def test_a_dripping_peer_is_cut_by_the_floor_rate(merkle: PartnerEndpoint, payload: Path, folder: str) -> None:
    limits = replace(SHORT, stall_seconds=60, floor_rate=50_000, floor_seconds=2)
    with FaultProxy((merkle.host, merkle.port), Plan("drip", after=2_000_000, drip_rate=8_000)) as proxy:
        began = time.monotonic()
        with pytest.raises(Stalled, match="under 50000 bytes/s"):
            send(merkle.endpoint(port=proxy.port), payload, f"{folder}/x", limits)
        assert time.monotonic() - began < 7


def test_a_slow_but_living_transfer_goes_through(merkle: PartnerEndpoint, tmp_path: Path, folder: str) -> None:
    small = tmp_path / "small"
    small.write_bytes(os.urandom(600_000))
    with FaultProxy((merkle.host, merkle.port), Plan("drip", after=10_000, drip_rate=200_000)) as proxy:
        send(merkle.endpoint(port=proxy.port), small, f"{folder}/x", replace(SHORT, stall_seconds=2))
    assert (merkle.home / folder / "x").read_bytes() == small.read_bytes()


def test_a_silence_during_a_small_request_ends_too(merkle: PartnerEndpoint, folder: str) -> None:
    with FaultProxy((merkle.host, merkle.port)) as proxy, Session(merkle.endpoint(port=proxy.port), SHORT) as session:
        proxy.mute_replies.set()
        began = time.monotonic()
        with pytest.raises(Stalled, match="no answer to stat within 2 s"):
            session.find(f"{folder}/x")
        assert time.monotonic() - began < 4


def test_leaving_a_session_with_a_dead_peer_does_not_hang(merkle: PartnerEndpoint) -> None:
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        with Session(merkle.endpoint(port=proxy.port), SHORT):
            proxy.mute_replies.set()
            began = time.monotonic()
        assert time.monotonic() - began < 8


def test_other_bytes_than_promised_never_leave(merkle: PartnerEndpoint, payload: Path, folder: str) -> None:
    with Session(merkle.endpoint()) as session:
        with pytest.raises(ContentMismatch, match="hashes to something else"):
            session.upload(payload, f"{folder}/x", size=6_000_000, sha256="0" * 64)
        with pytest.raises(ContentMismatch, match="6000000 bytes, the ledger says 5"):
            session.upload(payload, f"{folder}/x", size=5, sha256=digest(payload))
        assert session.find(f"{folder}/x") is None


def test_a_large_file_with_other_bytes_is_taken_back(merkle: PartnerEndpoint, tmp_path: Path, folder: str) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(18_000_000))
    with Session(merkle.endpoint()) as session:
        with pytest.raises(ContentMismatch):
            session.upload(large, f"{folder}/x", size=18_000_000, sha256="0" * 64)
        assert session.find(f"{folder}/x") is None


def test_a_heartbeat_that_fails_stops_the_transfer(merkle: PartnerEndpoint, payload: Path, folder: str) -> None:
    def lost() -> None:
        raise LookupError("the lease is lost")

    with (
        FaultProxy((merkle.host, merkle.port), Plan("drip", after=1_000_000, drip_rate=100_000)) as proxy,
        Session(merkle.endpoint(port=proxy.port)) as session,
        pytest.raises(LookupError),
    ):
        session.upload(
            payload, f"{folder}/x", size=6_000_000, sha256=digest(payload), heartbeat=lost, heartbeat_seconds=0.5
        )


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour(disk_full_after=1_000_000), RemoteNoSpace),
        (Behaviour(quota=1_000_000), RemoteNoSpace),
        (Behaviour(read_only=True), PermissionRefused),
    ],
    ids=["disk full", "quota", "read only"],
)
def test_a_server_that_cannot_store_says_so(
    tmp_path: Path, payload: Path, behaviour: Behaviour, expected: type[Exception]
) -> None:
    with start_partner(tmp_path / "root", ["merkle"], behaviour) as running, pytest.raises(expected):
        send(running["merkle"].endpoint(), payload, "inbound/sar/x")


def test_a_directory_that_is_not_there_is_named(merkle: PartnerEndpoint, payload: Path) -> None:
    with pytest.raises(RemotePathMissing, match="inbound/nowhere/x"):
        send(merkle.endpoint(), payload, "inbound/nowhere/x")


def test_the_listing_stands_in_for_a_refused_stat(tmp_path: Path, payload: Path) -> None:
    with (
        start_partner(tmp_path / "root", ["merkle"], Behaviour(stat_refused=True, fsync=False)) as running,
        Session(running["merkle"].endpoint()) as session,
    ):
        sent = session.upload(payload, "inbound/sar/x", size=6_000_000, sha256=digest(payload))
        assert not sent.synced
        found = session.find("inbound/sar/x")
        assert found is not None
        assert found.size == 6_000_000
        assert session.find("inbound/sar/y") is None


def test_the_partner_cannot_leave_its_home(merkle: PartnerEndpoint, partners_root: Path) -> None:
    assert (partners_root / "other").is_dir()
    with Session(merkle.endpoint()) as session:
        assert session.find("../other/inbound") is None
        (merkle.home / "way_out").symlink_to(partners_root / "other")
        with pytest.raises(PermissionRefused):
            session.listing("way_out/inbound")
    (merkle.home / "way_out").unlink()


def test_connections_to_the_server_are_closed_not_leaked(merkle: PartnerEndpoint) -> None:
    for _ in range(3):
        with Session(merkle.endpoint()):
            pass
    time.sleep(0.1)
    mine = [each for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == merkle.port]
    assert [each for each in mine if each.status == psutil.CONN_ESTABLISHED] == []


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
