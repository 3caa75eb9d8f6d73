"""Fills a migrated, empty DMS database with the sample dealer group."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from dataclasses import replace as replaced
from datetime import date
from typing import Any

import polars as pl
import psycopg2
import psycopg2.extensions
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from include.migrations import run as migrations
from local.sample import differences as differences_
from local.sample import documents as documents_
from local.sample import lines as lines_
from local.sample import masters as masters_
from local.sample.bulk import copy_frames, without_indexes
from local.sample.defects import KINDS
from local.sample.french import load as french_
from local.sample.parameters import GENERATOR, Parameters, SampleError

Cursor = psycopg2.extensions.cursor
Progress = Callable[[str], None]

MASTERS = (
    "legal_entity", "dealer", "dealer_franchise", "customer", "trade_account", "trade_partner_registration",
    "part_family", "part",
)  # fmt: skip
SECOND_ACT = ("unsent_day", "planted_difference", "amendment")
DOCUMENTS = ("parts_invoice", "parts_invoice_line")
#: So that two fills of one database take turns; "SMPL" in ASCII.
LOCK_KEY = 0x534D504C

SAMPLE_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS sample;
CREATE TABLE IF NOT EXISTS sample.fill (
    one_row    boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    parameters jsonb NOT NULL,
    report     jsonb NOT NULL,
    filled_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS sample.defect_kind (
    kind        text PRIMARY KEY,
    outcome     text NOT NULL,
    percent     numeric(5,2) NOT NULL,
    description text NOT NULL
);
CREATE TABLE IF NOT EXISTS sample.sample_defect (
    invoice_line_id bigint NOT NULL,
    kind            text NOT NULL
);
CREATE TABLE IF NOT EXISTS sample.unsent_day (
    month       date PRIMARY KEY,
    dealer_code text COLLATE "C" NOT NULL,
    day         date NOT NULL
);
CREATE TABLE IF NOT EXISTS sample.planted_difference (
    month           date NOT NULL,
    kind            text NOT NULL,
    dealer_code     text COLLATE "C" NOT NULL,
    document_type   text COLLATE "C" NOT NULL,
    document_number text COLLATE "C" NOT NULL,
    line_number     integer NOT NULL,
    PRIMARY KEY (month, dealer_code, document_type, document_number, line_number)
);
CREATE TABLE IF NOT EXISTS sample.amendment (
    month            date NOT NULL,
    amendment        text NOT NULL,
    kind             text NOT NULL,
    dealer_code      text COLLATE "C" NOT NULL,
    document_type    text COLLATE "C" NOT NULL,
    document_number  text COLLATE "C" NOT NULL,
    line_number      integer NOT NULL,
    parts_invoice_id bigint NOT NULL,
    applied_at       timestamptz
);
COMMENT ON TABLE sample.unsent_day IS 'Of each month the day of a dealer of which no daily file is to go';
COMMENT ON TABLE sample.planted_difference IS 'Lines in which the file of the month differs from its daily files';
COMMENT ON TABLE sample.amendment IS 'What the dealers put right in a month after its daily files went, once applied';
COMMENT ON TABLE sample.sample_defect IS 'Lines of dms.parts_invoice_line that were made wrong on purpose';
"""


@dataclass(frozen=True)
class SampleReport:
    """What a filled database holds; ``seconds`` is of the fill that made it, be it an earlier one or not.

    ``trade_lines`` counts the lines on trade accounts of trade-partner dealers: the shares of the kinds refer to it.
    ``dealers``, ``documents`` and ``lines`` are the British ones.
    """

    parameters: dict[str, Any]
    dealers: int
    trade_partner_dealers: int
    documents: int
    lines: int
    trade_lines: int
    planted: dict[str, int] = field(default_factory=dict)
    french_points_of_sale: int = 0
    french_documents: int = 0
    french_lines: int = 0
    french_planted: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    already_there: bool = False

    def table(self) -> str:
        """For people: counts, then one line for each kind of planted row."""
        done = "was there already" if self.already_there else f"filled in {self.seconds:.1f} s"
        rows = [
            f"Sample dealer group ({done})",
            f"  dealers            {self.dealers:>12,}   {self.trade_partner_dealers} in the trade-partner scheme",
            f"  documents          {self.documents:>12,}",
            f"  lines              {self.lines:>12,}",
            f"  trade lines        {self.trade_lines:>12,}   on trade accounts of trade-partner dealers",
        ]
        if any(self.planted.values()):
            rows.append(f"  {'planted':24}{'lines':>8}{'share':>9}   outcome")
            rows += [
                f"  {kind.name:24}{count:>8,}{100 * count / max(self.trade_lines, 1):>7.2f} %   {kind.outcome.lower()}"
                for kind in KINDS
                if (count := self.planted.get(kind.name, 0))
            ]
        if self.french_points_of_sale:
            planted = sum(self.french_planted.values())
            rows.append(
                f"  French lines       {self.french_lines:>12,}   at {self.french_points_of_sale} points of sale, "
                f"{self.french_documents:,} documents, {planted} records planted"
            )
        return "\n".join(rows)


def fill(
    dsn: str,
    *,
    dealers: int,
    days: int,
    lines: int,
    seed: int,
    until: date,
    defects: bool = True,
    trade_only: bool = False,
    dealer_without_number: bool = False,
    french: bool = True,
    workshop_only: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> SampleReport:
    """Make the sample in one transaction, or report the one that is there if it has the same parameters.

    ``until`` is the last business day. ``trade_only`` makes nothing but good lines on trade accounts, ``workshop_only``
    nothing but good workshop lines, four an invoice, at as many French points of sale as ``dealers`` says. Raises
    :class:`SampleError` for impossible parameters, a database that cannot be reached or is not migrated, and one that
    holds something else: another sample (unless ``replace``), or data that no sample made (always).
    """
    parameters = Parameters(
        dealers, days, lines, seed, until, defects, trade_only, dealer_without_number, french, workshop_only
    )
    say = progress or (lambda _: None)
    with closing(connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        there = _report(cursor)
        if there is not None and there.parameters == parameters.as_json():
            return there
        _require_room(cursor, there, parameters, replace)
        return _fill(cursor, parameters, say)


def filled(dsn: str) -> SampleReport | None:
    """The sample that the database holds; None if it holds none."""
    with closing(connect(dsn)) as connection, connection, connection.cursor() as cursor:
        return _report(cursor)


def connect(dsn: str) -> psycopg2.extensions.connection:
    """A connection to a migrated DMS; raises :class:`SampleError` if there is none."""
    try:
        head, current = migrations.head("dms"), migrations.current("dms", dsn)
    except migrations.MigrationError as error:
        raise SampleError(str(error)) from error
    name = parse_dsn(dsn).get("dbname", "(default)")
    if current != head:
        raise SampleError(
            f"The DMS database {name!r} is at revision {current or 'none'}, the sample needs {head}: run "
            "`python -m include.migrations.run dms` first"
        )
    return psycopg2.connect(dsn, application_name="sample")


def _report(cursor: Cursor) -> SampleReport | None:
    cursor.execute("SELECT to_regclass('sample.fill') IS NOT NULL")
    if not _value(cursor):
        return None
    cursor.execute("SELECT report FROM sample.fill")
    row = cursor.fetchone()
    return None if row is None else SampleReport(**{**row[0], "already_there": True})


def _require_room(cursor: Cursor, there: SampleReport | None, wanted: Parameters, replace: bool) -> None:
    if there is None:
        # Whatever stands in these tables without a record of ours is somebody's data.
        for table in ("dealer", "parts_invoice"):
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier("dms", table)))
            if _value(cursor):
                raise SampleError(
                    f"dms.{table} holds rows that no sample made: the sample is only put into an empty database. "
                    "Point DMS_DSN at another one"
                )
    elif not replace:
        other = {**there.parameters, "until": date.fromisoformat(there.parameters["until"])}
        if other.pop("generator") != GENERATOR:
            raise SampleError(
                f"The DMS database holds a sample of an older make: {Parameters(**other)}; what is made now has other "
                "data. Run `make clean` and start anew"
            )
        raise SampleError(
            f"The DMS database holds another sample: {Parameters(**other)}; asked for is {wanted}. Keep the one that "
            "is there by asking for it, or run `make clean` and start anew"
        )


def _fill(cursor: Cursor, parameters: Parameters, say: Progress) -> SampleReport:
    started = time.monotonic()
    cursor.execute(SAMPLE_SCHEMA)
    cursor.execute(french_.SAMPLE_SCHEMA)
    names = ", ".join(f"dms.{name}" for name in (*MASTERS, *DOCUMENTS, *french_.OWN))
    own = ("fill", "defect_kind", "sample_defect", *SECOND_ACT, *french_.SAMPLE_TABLES)
    cursor.execute(f"TRUNCATE {names}, {', '.join(f'sample.{name}' for name in own)} RESTART IDENTITY")
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")

    report = SampleReport(parameters.as_json(), dealers=0, trade_partner_dealers=0, documents=0, lines=0, trade_lines=0)
    if not parameters.workshop_only:
        report = _fill_british(cursor, parameters, say)
    french = french_.load(cursor, parameters, say) if parameters.has_french else french_.FrenchCounts()
    _advance_identities(cursor)
    say("counting")
    cursor.execute(f"ANALYZE {names}")
    report = replaced(
        report,
        french_points_of_sale=french.points,
        french_documents=french.documents,
        french_lines=french.lines,
        french_planted=dict(french.planted),
        seconds=round(time.monotonic() - started, 2),
    )
    cursor.execute(
        "INSERT INTO sample.fill (parameters, report) VALUES (%s, %s)",
        (json.dumps(report.parameters), json.dumps(asdict(report))),
    )
    return report


def _fill_british(cursor: Cursor, parameters: Parameters, say: Progress) -> SampleReport:
    say(f"inventing {parameters.lines:,} lines at {parameters.dealers} dealers over {parameters.days} days")
    masters = masters_.build(parameters)
    documents = documents_.build(parameters, masters)
    planted: list[pl.DataFrame] = []
    with without_indexes(cursor, "dms", DOCUMENTS, say):
        for name in MASTERS:
            copy_frames(cursor, f"dms.{name}", [getattr(masters, name)])
        copy_frames(cursor, "dms.parts_invoice", lines_.document_frames(documents))
        frames = _watched(lines_.line_frames(parameters.seed, documents, masters), planted, parameters.lines, say)
        lines = copy_frames(cursor, "dms.parts_invoice_line", frames)
    copy_frames(cursor, "sample.sample_defect", planted)
    second_act = differences_.second_act(parameters, masters, documents)
    for name in SECOND_ACT:
        copy_frames(cursor, f"sample.{name}", [getattr(second_act, name)])
    cursor.executemany(
        "INSERT INTO sample.defect_kind VALUES (%s, %s, %s, %s)",
        [(kind.name, kind.outcome, kind.percent, kind.description) for kind in KINDS],
    )
    counts = pl.concat(planted)["kind"].value_counts()
    partner = masters.is_trade_partner == 1
    trade = (documents.payer == documents_.TRADE) & partner[documents.dealer]
    return SampleReport(
        parameters=parameters.as_json(),
        dealers=parameters.dealers,
        trade_partner_dealers=int(partner.sum()),
        documents=len(documents),
        lines=lines,
        trade_lines=int(documents.lines[trade].sum()),
        planted={kind.name: dict(counts.iter_rows()).get(kind.name, 0) for kind in KINDS},
    )


def _watched(
    chunks: Iterator[tuple[pl.DataFrame, pl.DataFrame]], planted: list[pl.DataFrame], total: int, say: Progress
) -> Iterator[pl.DataFrame]:
    """Pass the lines on, keep what was planted, and say every few seconds how far it is."""
    begun = said = time.monotonic()
    done = 0
    for lines, defects in chunks:
        planted.append(defects)
        yield lines
        done += len(lines)
        now = time.monotonic()
        if now - said >= 2:
            said = now
            say(f"{done:,} of {total:,} lines ({100 * done // total} %), {done / (now - begun):,.0f} a second")


def _advance_identities(cursor: Cursor) -> None:
    """Let the next row that somebody adds take the number after the sample's last."""
    cursor.execute(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'dms' AND is_identity = 'YES' AND table_name = ANY (%s)",
        ([*MASTERS, *DOCUMENTS, *french_.OWN],),
    )
    for name, key in cursor.fetchall():
        table = sql.Identifier("dms", name)
        cursor.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence(%s, %s), max({})) FROM {}").format(
                sql.Identifier(key), table
            ),
            (f"dms.{name}", key),
        )


def _value(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row[0]
