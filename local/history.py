"""What would have gone before anybody started us: past days, delivered by the outbound steps without Airflow.

A day costs Airflow five tasks, each a process that imports for seconds; in one process, with one gate, it costs a
fraction of one. The steps, the ledger and the partner are the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import islice

from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.contract import Contract
from include.ledger import Ledger
from include.outbound.check import check
from include.outbound.conclude import UndeliveredError, conclude
from include.outbound.extract import Extraction, extract
from include.outbound.publish import publish
from include.outbound.render import render
from include.quality.gate import GateProcess
from include.sftp import Endpoint
from include.staging import Staging
from include.window import Window
from local.outcome import NotSent
from local.progress import Progress
from local.settings import Settings

ACTOR = "person:make-run"
# Windows on the line at once. Few: the check compares a day's volume with that of the same weekday before, once sent.
IN_FLIGHT = 4
WHY_NOT_SENT = "sample: the dealer's line was down that day, and nobody has sent the day since"


def deliver_past(
    contract: Contract,
    windows: Sequence[Window],
    *,
    settings: Settings,
    endpoint: Endpoint,
    not_sent: NotSent | None,
    show: Callable[[Progress], None],
) -> Progress:
    """
    Deliver ``windows``, which are over, in their order; what was delivered before is compared and left alone.

    A day of which a file is held counts as red and the next one follows, as it would have in Airflow. Raises what the
    steps raise (``ExtractError``, ``GateError``, ``TransferError``, …) where that is no matter of one file.
    """
    red = 0
    waiting: deque[Future[bool]] = deque()
    # Where files follow each other a window's planning looks at what became of the one before.
    in_flight = IN_FLIGHT if contract.contiguous is None else 1
    with ExitStack() as stack:
        line = _Line(contract, settings, endpoint, not_sent, stack)
        ahead = iter(windows)
        for done, window in enumerate(windows):
            show(Progress(len(windows), done, red, f"{window.business_date}", contract.period_unit))
            waiting.extend(line.put(next_one) for next_one in islice(ahead, in_flight - len(waiting)))
            red += not waiting.popleft().result()
    progress = Progress(len(windows), len(windows), red, "", contract.period_unit)
    show(progress)
    return progress


class _Line:
    """
    Three benches beside each other: rows are read and checked, files made and read by the gate, files sent.

    Each works on one window at a time and in order, so files are numbered by date; gate, partner and database are
    processes of their own, which one window after the other would leave idle most of the time.
    """

    def __init__(
        self, contract: Contract, settings: Settings, endpoint: Endpoint, not_sent: NotSent | None, stack: ExitStack
    ) -> None:
        self._contract = contract
        self._settings = settings
        self._endpoint = endpoint
        self._not_sent = not_sent
        self._staging = Staging(LocalFileSystem(), str(settings.run_dir / "staging"))
        self._archive = Archive(LocalFileSystem(), str(settings.run_dir / "archive"))
        self._gate = stack.enter_context(GateProcess())
        self._ledgers = [stack.enter_context(Ledger(settings.dsn("ledger"), actor=ACTOR)) for _ in range(3)]
        self._benches = [ThreadPoolExecutor(1, thread_name_prefix="history") for _ in self._ledgers]
        for bench in self._benches:
            stack.callback(bench.shutdown, cancel_futures=True)

    def put(self, window: Window) -> Future[bool]:
        """Take a window in; the answer is whether all of its files that were due went."""
        read, make, send = self._benches
        rows = read.submit(self._read, window)
        files = make.submit(lambda: self._make(window, rows.result()))
        return send.submit(lambda: self._send(files.result()))

    def _read(self, window: Window) -> Extraction:
        ledger, contract = self._ledgers[0], self._contract
        with _paused(ledger, contract, window, self._not_sent):
            run = extract(
                contract,
                window,
                dms_dsn=self._settings.dsn("dms"),
                ledger=ledger,
                staging=self._staging,
                run_id=f"make-run__{window.business_date}",
                now=datetime.now(UTC),
            )
        check(contract, run.batch_id, run.file_ids, ledger=ledger, staging=self._staging, archive=self._archive)
        return run

    def _make(self, window: Window, run: Extraction) -> Extraction:
        render(
            self._contract,
            run.batch_id,
            run.file_ids,
            ledger=self._ledgers[1],
            staging=self._staging,
            archive=self._archive,
            reports_root=str(self._settings.run_dir / "reports"),
            run_key=f"make-run__{window.business_date}",
            gate=nullcontext(self._gate),
        )
        return run

    def _send(self, run: Extraction) -> bool:
        ledger = self._ledgers[2]
        publish(
            self._contract,
            run.file_ids,
            endpoint=self._endpoint,
            ledger=ledger,
            archive=self._archive,
            dms_dsn=self._settings.dsn("dms"),
        )
        try:
            conclude(self._contract, run.file_ids, ledger=ledger, archive=self._archive)
        except UndeliveredError:
            return False
        self._staging.remove(str(run.batch_id))
        return True


def _paused(
    ledger: Ledger, contract: Contract, window: Window, not_sent: NotSent | None
) -> AbstractContextManager[None]:
    """While a run plans its files, keep the dealer out of it whose day is not to be sent."""
    if not_sent is None or window.business_date != not_sent.day:
        return nullcontext()
    return paused(ledger, contract, not_sent.dealer)


@contextmanager
def paused(ledger: Ledger, contract: Contract, dealer: str) -> Iterator[None]:
    """Keep a dealer out of what is planned meanwhile."""
    ledger.set_feed(contract.id, dealer, "live", "paused", reason=WHY_NOT_SENT)
    try:
        yield
    finally:
        ledger.set_feed(contract.id, dealer, "live", "enabled", reason="sample: the line is up again")
