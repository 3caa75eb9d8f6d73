"""Random histories of several attempts over a few windows; what must hold after every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from include.ledger import (
    DELIVERED,
    STATES,
    FileRow,
    LeaseHeldError,
    LeaseLostError,
    Ledger,
    LedgerError,
    TransitionError,
)
from include.ledger.chain import verify
from include.ledger.states import NOT_LIVE, TRANSITIONS
from tests.ledger.conftest import intent, rendered_columns

WINDOWS = st.integers(0, 1)
ATTEMPTS = st.integers(0, 1)


VERBS = ("release", "reject", "redeliver", "reopen")


def decided(verb: str, row: FileRow, window: list[FileRow]) -> str | None:
    """Where a person's decision takes the file, None if it is refused: the rules of docs/ledger.md, said once more."""
    later = any(other.revision > row.revision and other.state not in NOT_LIVE for other in window)
    replaced = next((other for other in window if other.id == row.supersedes), None)
    waits = replaced is not None and replaced.state not in DELIVERED | NOT_LIVE
    again = row.published_at is not None
    match verb, row.state:
        case ("release", "PROPOSED") if not waits:
            return "PLANNED"
        case ("release", "HELD") if row.sha256:
            return "GATED"
        case ("release", "HELD") if row.content_hash and not waits:
            return "PLANNED"
        case ("reject", "HELD" | "GATED") if again:
            return "PUBLISHED"
        case ("reject", "HELD" | "PROPOSED" | "WITHHELD"):
            return "CANCELLED"
        case ("redeliver", "PUBLISHED" | "ACKED") if not later:
            return "GATED"
        case ("redeliver", "UNKNOWN"):
            return "UPLOADING"
        case ("reopen", "CANCELLED") if row is window[-1] and not waits:
            return "PLANNED"
    return None


class Histories(RuleBasedStateMachine):
    """Two attempts work on the windows of one dealer, in any order, with leases that may be lost to each other."""

    dsn: str
    dealer: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.ledgers = [Ledger(self.dsn, actor=f"attempt:{n}") for n in range(2)]
        self.name = self.dealer()
        self.tokens: dict[tuple[int, int], int] = {}
        self.holder: dict[int, int] = {}
        self.greatest = 0
        self.sent: dict[int, Any] = {}
        self.releases: dict[int, Any] = {}

    def teardown(self) -> None:
        for ledger in self.ledgers:
            ledger.close()

    def asked(self, number: int) -> dict[str, Any]:
        return intent(self.name, interface=f"feed_{number}")

    def window(self, number: int) -> list[FileRow]:
        return self.ledgers[0].files(interface=f"feed_{number}", dealer=self.name)

    def current(self, number: int) -> Any:
        return self.ledgers[0].plan(**self.asked(number))

    @initialize(steps=st.integers(0, 6))
    def begin_with_a_revised_window(self, steps: int) -> None:
        """One window starts late in its life, which random steps alone rarely reach; the other starts at nothing."""
        self.onwards(0, 0, 6)
        self.propose(0, 0, "b")
        for proposal in self.window(0)[1:]:
            self.ledgers[0].release(proposal.id, reason="decided")
        self.onwards(0, 0, steps)

    @rule(number=WINDOWS, attempt=ATTEMPTS)
    def plan(self, number: int, attempt: int) -> None:
        self.ledgers[attempt].plan(**self.asked(number))

    @rule(number=WINDOWS, attempt=ATTEMPTS, to=st.sampled_from(STATES), reason=st.sampled_from([None, "because"]))
    def move(self, number: int, attempt: int, to: str, reason: str | None) -> None:
        file = self.current(number)
        columns: dict[str, Any] = {}
        if to == "RENDERED":
            columns = rendered_columns(file)
        if to in DELIVERED:
            columns = {"remote_path": f"/in/{file.id}"}
        try:
            moved = self.ledgers[attempt].move(file.id, to, reason=reason, **columns)
        except TransitionError:
            assert self.ledgers[attempt].file(file.id) == file
            return
        assert to in TRANSITIONS[file.state]
        assert moved.state == to

    @rule(number=WINDOWS, attempt=ATTEMPTS, steps=st.integers(1, 6))
    def onwards(self, number: int, attempt: int, steps: int) -> None:
        """The normal path, so that histories get far enough to be interesting."""
        for _ in range(steps):
            self.one_step_onwards(number, attempt)

    def one_step_onwards(self, number: int, attempt: int) -> None:
        file = self.current(number)
        following = {
            "PLANNED": "CHECKED", "CHECKED": "RENDERED", "RENDERED": "GATED", "GATED": "UPLOADING",
            "UPLOADING": "UPLOADED", "UPLOADED": "PUBLISHED",
        }.get(file.state)  # fmt: skip
        if following == "RENDERED":
            self.ledgers[attempt].allot_sequence(file.id)
        if following:
            self.move(number, attempt, following, None)

    @rule(number=WINDOWS, attempt=ATTEMPTS, content=st.sampled_from("abc"))
    def propose(self, number: int, attempt: int, content: str) -> None:
        file = self.current(number)
        try:
            self.ledgers[attempt].propose_revision(
                file, batch_id=None, content_hash=content * 32, rows=1, control_total=None, difference={"rows": 1}
            )
        except LedgerError:
            assert file.state not in DELIVERED or file.content_hash == content * 32

    @rule(number=WINDOWS, attempt=ATTEMPTS, verb=st.sampled_from(sorted(VERBS)), data=st.data())
    def decide(self, number: int, attempt: int, verb: str, data: st.DataObject) -> None:
        """A person decides about any revision; whether it is accepted is known beforehand."""
        window = self.window(number)
        if not window:
            return
        row = window[data.draw(st.integers(0, len(window) - 1))]
        to = decided(verb, row, window)
        try:
            after = getattr(self.ledgers[attempt], verb)(row.id, reason=f"decided {len(window)}")
        except TransitionError:
            assert to is None, f"{verb} of {row.state} was refused"
            assert self.window(number) == window
            return
        assert after.state == to
        if verb == "release":
            self.releases[row.id] = (after.reason, row.reason, row.content_hash)

    @rule(number=WINDOWS, attempt=ATTEMPTS, again=st.booleans())
    def redeliver(self, number: int, attempt: int, again: bool) -> None:
        """What was delivered goes once more, or is taken back; random verbs alone seldom meet a delivered file."""
        file = self.current(number)
        if decided("redeliver", file, self.window(number)) is not None:
            self.ledgers[attempt].redeliver(file.id, reason="lost")
            self.onwards(number, attempt, 4) if again else self.ledgers[attempt].move(file.id, "HELD", reason="disk")

    @rule(number=WINDOWS, attempt=ATTEMPTS)
    def take(self, number: int, attempt: int) -> None:
        file = self.current(number)
        try:
            token = self.ledgers[attempt].take_lease(file.id, seconds=60)
        except LeaseHeldError:
            assert file.id in self.holder
            return
        assert file.id not in self.holder
        assert token > self.greatest
        self.greatest = token
        self.holder[file.id] = self.tokens[file.id, attempt] = token

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), release=st.booleans())
    def use(self, data: st.DataObject, release: bool) -> None:
        (file_id, attempt), token = data.draw(st.sampled_from(sorted(self.tokens.items())))
        try:
            self.ledgers[attempt].assert_lease(file_id, token)
            assert self.holder.get(file_id) == token
        except LeaseLostError:
            assert self.holder.get(file_id) != token
        if release:
            self.ledgers[attempt].release_lease(file_id, token)
            if self.holder.get(file_id) == token:
                del self.holder[file_id]

    @invariant()
    def the_last_release_is_remembered(self) -> None:
        for file_id, (reason, held_for, content_hash) in self.releases.items():
            found = self.ledgers[0].released(file_id)
            assert found is not None
            assert (found.reason, found.held_for, found.content_hash) == (reason, held_for, content_hash)

    @invariant()
    def windows_are_whole(self) -> None:
        for number in range(2):
            files = self.ledgers[0].files(interface=f"feed_{number}", dealer=self.name)
            assert [file.revision for file in files] == list(range(len(files)))
            assert sum(file.state in DELIVERED for file in files) <= 1
            assert sum(file.state == "PROPOSED" for file in files) <= 1
            live = [file for file in files if file.state not in NOT_LIVE]
            assert len(live) <= 2
            # Of two revisions that live the older one is with the partner: never are both on their way.
            assert all(file.state in DELIVERED for file in live[:-1])
            numbers = sorted(file.sequence for file in files if file.sequence is not None)
            assert numbers == list(range(1, len(numbers) + 1))
            for file in files:
                if file.published_at is not None:
                    assert file.state not in {"PLANNED", "CHECKED", "RENDERED", "PROPOSED", "CANCELLED"}
                    # Bytes and number of what a partner has never change again.
                    kept = (file.sha256, file.sequence, file.published_at)
                    assert self.sent.setdefault(file.id, kept) == kept


def test_whatever_attempts_do_the_windows_stay_whole(fresh_dsn: str) -> None:
    machine = type("Machine", (Histories,), {"dsn": fresh_dsn, "dealer": staticmethod(lambda: intent()["dealer"])})
    run_state_machine_as_test(machine, settings=settings(max_examples=10, stateful_step_count=20, deadline=None))
    assert verify(fresh_dsn).whole
