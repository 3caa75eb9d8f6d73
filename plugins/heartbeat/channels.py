"""
How people are told: by Airflow's notifiers, over connections that are made in Airflow like any other.

| Connection | What it is |
|---|---|
| ``oncall_smtp`` | a mail server; ``from_email`` in its extras; to whom says the variable ``oncall_mail_to`` |
| ``oncall_webhook`` | an address that takes a POST of JSON; a chat program's, or a pager's |

A channel without its connection is off. One that fails is tried again at the next look, until it was told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow.models.connection import Connection
from airflow.models.variable import Variable
from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.notices import Digest

LOG = logging.getLogger(__name__)
MAIL, WEBHOOK, MAIL_TO = "oncall_smtp", "oncall_webhook", "oncall_mail_to"
WEBHOOK_SECONDS = 20


class ChannelError(RuntimeError):
    """A channel is set up in part; says what is missing."""


def channels() -> Mapping[str, Callable[[Digest], None]]:
    """Return what sends a message, by the name of its connection: of those that are there."""
    senders = {MAIL: _mail, WEBHOOK: _post}
    return {name: send for name, send in senders.items() if _is_there(name)}


def tell(ledger: Ledger, digest_of: Callable[[str], Digest]) -> dict[str, str]:
    """
    Tell each channel what it has not been told, and write down that it was.

    A process that is killed between the two tells it again; the message's key is the same then.

    :param digest_of: the message for a channel.
    :return: what failed, by channel: the kind of error, never its text, which may quote an address or a password.
    """
    failed: dict[str, str] = {}
    for name, send in channels().items():
        digest = digest_of(name)
        if not digest:
            continue
        try:
            send(digest)
        except ChannelError as error:
            failed[name] = str(error)
        except Exception as error:
            failed[name] = type(error).__name__
        else:
            ledger.notices_told(name, digest.told)
            LOG.info("told %s: %s", name, digest.subject)
            continue
        LOG.warning("%s could not be told: %s; it is tried again at the next look", name, failed[name])
    return failed


def _is_there(name: str) -> bool:
    try:
        Connection.get_connection_from_secrets(name)
    except AirflowNotFoundException:
        return False
    return True


def _mail(digest: Digest) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    to = [address.strip() for address in Variable.get(MAIL_TO, default_var="").split(",") if address.strip()]
    if not to:
        raise ChannelError(f"the variable {MAIL_TO} names nobody; give it addresses, with commas between them")
    # A mail server that knows the number drops the second of two.
    headers = {"Message-ID": f"<{digest.key}@dealer-exchange>"}
    # `notify`, not a call: that would take what the message says for a template.
    SmtpNotifier(
        to=to, subject=digest.subject, html_content=digest.html(), smtp_conn_id=MAIL, custom_headers=headers
    ).notify({})


def _post(digest: Digest) -> None:
    from airflow.providers.http.notifications.http import HttpNotifier

    HttpNotifier(
        http_conn_id=WEBHOOK,
        json=digest.payload(),
        headers={"Idempotency-Key": digest.key},
        extra_options={"timeout": WEBHOOK_SECONDS},
    ).notify({})
