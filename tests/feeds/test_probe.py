"""A probe says what a run would do, at a real partner, and leaves no trace in ledger, archive or directory."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.archive import Archive
from include.contract import load_contract
from include.feeds import Feed, feeds
from include.feeds.cli import main
from include.feeds.commands import pause_feed
from include.feeds.probe import BEGINNING_BYTES, Probe, probe
from include.ledger import Ledger
from include.sftp import RemoteProfile
from local.partners import PartnerEndpoint
from tests.collect.collecting import Clock, Partner, apply, drop, new_feed
from tests.ledger.conftest import scalar

CONTRACT = load_contract("proresponse_sales")
HEADERS = [field.header for field in CONTRACT.table.fields if field.header]
ROW = {"CustomerNumber": "C-1", "LastName": "Zzyzx", "SoldDate": "03/13/2026", "VIN": "1M8GDM9AXKP042788"}
NOW = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)
OLD = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def sales(*rows: dict[str, str], headers: list[str] = HEADERS, encoding: str = "utf-8") -> bytes:
    """A file as the partner writes it; each row is ``ROW`` but for what it says."""
    text = io.StringIO()
    writer = csv.DictWriter(text, headers, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({**ROW, **row} for row in rows)
    return text.getvalue().encode(encoding)


@pytest.fixture
def feed(ledger: Ledger, folder: str) -> Feed:
    return new_feed(ledger, folder)


@pytest.fixture
def home(merkle: PartnerEndpoint, feed: Feed) -> Path:
    return merkle.home / feed.directory


@pytest.fixture
def look(ledger: Ledger, merkle: PartnerEndpoint, feed: Feed) -> Callable[..., Probe]:
    def run(on: Feed = feed, **profile: bool) -> Probe:
        endpoint = merkle.endpoint(remote_profile=RemoteProfile(**profile))
        return probe(on, endpoint, CONTRACT, ledger=ledger, now=NOW)

    return run


@pytest.fixture
def command(ledger: Ledger, merkle: PartnerEndpoint, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in an environment as Airflow's: its database and the partner's connection."""
    monkeypatch.setenv("LEDGER_DSN", ledger.dsn)
    monkeypatch.setenv("AIRFLOW_CONN_PRORESPONSE_SFTP", json.dumps(merkle.airflow_connection()))
    return lambda *arguments: main(["probe", *map(str, arguments)])


def everything(ledger: Ledger, archive: Archive, home: Path) -> dict[str, Any]:
    """All that a probe could have changed: each table row by row, each file with its times and bytes."""
    tables = scalar(
        ledger.dsn,
        "SELECT array_agg(relname::text ORDER BY 1) FROM pg_class "
        "WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r'",
    )
    assert len(tables) > 10
    seen: dict[str, Any] = {
        table: scalar(ledger.dsn, f"SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM ledger.{table} AS t")
        for table in tables
    }
    for root in (Path(archive.root), home):
        for path in [root, *sorted(root.rglob("*"))]:
            told = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
            seen[str(path)] = (told.st_mode, told.st_size, told.st_mtime_ns, told.st_ctime_ns, content)
    return seen


def test_it_says_what_would_happen_and_changes_nothing(
    ledger: Ledger,
    merkle: PartnerEndpoint,
    archive: Archive,
    feed: Feed,
    home: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = new_feed(ledger, feed.directory, pattern=r"_SVC\.csv$")
    drop(home / "landed_SL.csv", sales({}), mtime=OLD)
    Partner(merkle.endpoint(), home, feed, ledger, archive, Clock()).collect()
    (landed,) = ledger.arrivals(feed_id=feed.id)
    drop(home / "older_SL.csv", b"never read", mtime=OLD + 60)
    drop(home / "newest_SL.csv", sales({}, {"SoldDate": "2026/13/13"}, {"Term": "x", "Amount.Financed": "1"}))
    drop(home / "work_SVC.csv")
    drop(home / "newest_SL.csv.tmp")
    (home / "link_SL.csv").symlink_to("newest_SL.csv")
    Path(os.fsdecode(os.fsencode(home) + b"/bad\xff\x1b_SL.csv")).write_bytes(b"x")
    before = everything(ledger, archive, home)

    assert command(feed.id, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["feed"], told["objections"], told["listed"], told["others"]) == (feed.id, [], 7, 1)
    files = {file["name"]: (file["verdict"], file["says"]) for file in told["files"]}
    assert files["landed_SL.csv"] == ("KNOWN", f"arrival {landed.id} is LANDED")
    assert files["older_SL.csv"] == files["newest_SL.csv"] == ("NEW", "is landed once two looks find it unchanged")
    assert files["link_SL.csv"] == ("REFUSED", "NAME_UNSAFE: it is a link, not a regular file")
    assert files[r"bad\xff\x1b_SL.csv"] == ("REFUSED", "NAME_UNSAFE: the name is not UTF-8 at byte 3")
    assert len(files) == 5
    content = told["content"]
    assert (content["name"], content["whole"], content["refused"]) == ("newest_SL.csv", True, None)
    assert (content["rows"], content["accepted"], content["rejected"]) == (3, 1, 2)
    assert content["headers"] == HEADERS
    assert content["reasons"]["sold_date-date"] == 1
    assert content["reasons"]["term-integer"] == 1

    assert command(feed.id) == 0
    said = capsys.readouterr().out
    assert "3 rows: 1 accepted, 2 rejected" in said
    assert "rejected for sold_date-date: 1" in said
    assert "7 names listed, 5 are its own, 1 another feed's" in said
    for value in ("Zzyzx", "C-1", "1M8GDM9AXKP042788", "\x1b"):
        assert value not in said
    assert everything(ledger, archive, home) == before
    assert len(feeds(ledger, dealer=other.dealer)) == 1


def test_a_run_afterwards_does_what_the_probe_said(
    ledger: Ledger, merkle: PartnerEndpoint, archive: Archive, feed: Feed, home: Path, look: Callable[..., Probe]
) -> None:
    drop(home / "a_SL.csv", sales({}), mtime=OLD)
    (home / "b_SL.csv").symlink_to("a_SL.csv")
    said = {file.name: file.verdict for file in look().files}
    Partner(merkle.endpoint(), home, feed, ledger, archive, Clock()).collect()
    came = {row.remote_name: row.state for row in ledger.arrivals(feed_id=feed.id)}
    assert (said, came) == ({"a_SL.csv": "NEW", "b_SL.csv": "REFUSED"}, {"a_SL.csv": "LANDED", "b_SL.csv": "REJECTED"})
    after = {file.name: file for file in look().files}
    assert {file.verdict for file in after.values()} == {"KNOWN"}
    assert "is REJECTED: it is a link" in after["b_SL.csv"].says
    # The link is an arrival by now and the newest, and still not what is opened.
    found = look().content
    assert found is not None
    assert found.name == "a_SL.csv"


def test_a_content_that_came_before_is_recognised(
    ledger: Ledger, merkle: PartnerEndpoint, archive: Archive, feed: Feed, home: Path, look: Callable[..., Probe]
) -> None:
    drop(home / "a_SL.csv", sales({}), mtime=OLD)
    Partner(merkle.endpoint(), home, feed, ledger, archive, Clock()).collect()
    (landed,) = ledger.arrivals(feed_id=feed.id)
    drop(home / "again_SL.csv", sales({}))
    drop(home / "a_SL.csv", sales({}, {}), mtime=OLD + 60)
    found = look()
    assert found.content is not None
    assert (found.content.name, found.content.copy_of) == ("again_SL.csv", landed.id)
    assert found.files[1].says == f"this name was arrival {landed.id} before (LANDED); its content decides"


def test_what_was_removed_there_and_stands_there_again_is_new(
    ledger: Ledger, merkle: PartnerEndpoint, archive: Archive, feed: Feed, home: Path, look: Callable[..., Probe]
) -> None:
    partner = Partner(merkle.endpoint(), home, feed, ledger, archive, Clock())
    drop(home / "a_SL.csv", sales({}), mtime=OLD)
    (arrival,) = partner.collect().arrival_ids
    apply(ledger, arrival)
    partner.remove([arrival])
    assert look().files == ()
    drop(home / "a_SL.csv", sales({}), mtime=OLD)
    found = look()
    assert [(file.verdict, file.says) for file in found.files] == [
        ("NEW", f"this name was arrival {arrival} before (REMOVED); its content decides")
    ]
    assert found.content is not None
    assert found.content.copy_of == arrival


@pytest.mark.parametrize("shift", range(3))
def test_of_a_long_file_the_beginning_is_judged(home: Path, look: Callable[..., Probe], shift: int) -> None:
    """Wherever the cut falls, also within a character or a quoted line end."""
    rows = [{"Address": "é" * 40 + "\n" + "é" * 17, "FirstName": "x" * shift}] * 2_000
    drop(home / "long_SL.csv", sales(*rows))
    content = look().content
    assert content is not None
    assert (content.refused, content.whole, content.bytes) == (None, False, BEGINNING_BYTES)
    assert 300 < content.rows < 500
    assert content.rejected == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (sales({}, headers=[name for name in HEADERS if name != "SoldDate"]), "HEADER_MISSING: .*'SoldDate'"),
        (sales({"LastName": "Müller"}, encoding="cp1252"), "ENCODING: .*no utf-8 text"),
        (b"", "EMPTY: "),
        (sales({})[:-2] + b'\r\nC-2,"', "TRUNCATED: "),
    ],
)
def test_a_file_that_cannot_be_used_is_said_to_be_so(
    home: Path, look: Callable[..., Probe], content: bytes, why: str
) -> None:
    drop(home / "a_SL.csv", content)
    found = look().content
    assert found is not None
    assert found.refused is not None
    assert re.match(why, found.refused)
    assert (found.rows, found.headers) == (0, ())


def test_nothing_is_read_where_reading_counts_as_collecting(home: Path, look: Callable[..., Probe]) -> None:
    drop(home / "a_SL.csv", sales({}))
    found = look(readable=False)
    assert found.content is None
    assert found.unread is not None
    assert "reading a file counts as collecting it" in found.unread
    assert [file.verdict for file in found.files] == ["NEW"]


def test_an_empty_directory_has_nothing_to_read(look: Callable[..., Probe], home: Path) -> None:
    assert look() == Probe(0, 0, (), None, "no file that may be read matches the pattern")
    assert home.is_dir()


def test_a_feed_is_tried_before_it_is_added(
    ledger: Ledger,
    feed: Feed,
    home: Path,
    archive: Archive,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    drop(home / "a_SL.csv", sales({}))
    settings = ["--interface", feed.interface, "--dealer", "not_yet", "--directory", feed.directory, "--conn-id"]
    before = everything(ledger, archive, home)
    assert command(*settings, "proresponse_sftp", "--pattern", "^a_.*$", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["feed"], told["content"]["rows"], told["others"]) == (None, 1, 1)
    (objection,) = told["objections"]
    assert f"`add` would refuse this feed: feed {feed.id}" in objection
    assert "'a_" in objection
    assert command(*settings, "proresponse_sftp", "--pattern", "^b_.*$", "--dealer", feed.dealer) == 0
    said = capsys.readouterr().out
    assert "a dealer has one standing feed" in said
    assert "No content was looked at: no file that may be read matches" in said
    assert everything(ledger, archive, home) == before


def test_a_feed_that_takes_nothing_says_so(
    ledger: Ledger, feed: Feed, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    pause_feed(ledger, feed.id, reason="the dealer moves")
    assert command(feed.id) == 0
    assert "NOTE no run takes these files: the feed is PAUSED (the dealer moves)" in capsys.readouterr().out


def test_what_keeps_it_from_looking_is_a_letter(
    ledger: Ledger,
    merkle: PartnerEndpoint,
    feed: Feed,
    command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nowhere = new_feed(ledger, f"{feed.directory}/nowhere")
    unset = new_feed(ledger, feed.directory, conn_id="unset_sftp", pattern="x$")
    foreign = new_feed(ledger, feed.directory, conn_id="foreign_sftp", pattern="x$")
    connection = merkle.airflow_connection()
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    connection["extra"]["host_key"] = host_key
    monkeypatch.setenv("AIRFLOW_CONN_FOREIGN_SFTP", json.dumps(connection))
    for arguments, why in (
        ((nowhere.id,), "REMOTE_PATH_MISSING"),
        ((unset.id,), "AIRFLOW_CONN_UNSET_SFTP is not set"),
        ((foreign.id,), "HOST_KEY_CHANGED"),
        ((99_999,), "the ledger has no inbound feed 99999"),
        ((feed.id, "--pattern", "x$"), f"feed {feed.id} has settings of its own; leave out its number, or --pattern"),
        (("--dealer", "x"), "needs --interface, --directory, --conn-id"),
        (
            ("--interface", "proresponse_service", "--dealer", "x", "--directory", "o", "--conn-id", "c"),
            "has no default pattern",
        ),
    ):
        assert command(*arguments) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert why in told.err
        assert "PRIVATE KEY" not in told.err
