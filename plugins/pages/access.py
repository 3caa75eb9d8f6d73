"""
Who may see and do what: Airflow's login and permissions, asked for each request.

| Right | Airflow's permission |
|---|---|
| to see the pages | the website view; without it, and without a login, nothing answers |
| to see an interface | to read its DAG |
| to act on its files | to trigger its DAG (``POST`` on its runs) |
| to see personal data | the custom view ``Exchange personal data`` |

Airflow's simple login grants each custom view to everybody; there personal data is for the administrator alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from fastapi import Depends, Form, HTTPException, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from include.contract import all_contract_ids

ADMINISTRATOR = "ADMIN"
PERSONAL_DATA = "Exchange personal data"
FORM_SECONDS = 12 * 3600
"""How long a page may stand open before its forms are refused."""


@dataclass(frozen=True)
class Reader:
    """Who asks, which interfaces they may see and act on, in a stable order, and whether they may see personal data."""

    name: str
    sees: tuple[str, ...]
    acts: frozenset[str]
    personal: bool

    def require_seen(self, interface: str) -> str:
        """
        Return ``interface``.

        :raises HTTPException: 404 if it is none, or none that they may see: the answer does not tell which.
        """
        if interface not in self.sees:
            raise HTTPException(404, "There is no such interface.")
        return interface

    def require_acting(self, interface: str) -> None:
        """
        Let who may act pass.

        :raises HTTPException: 404 for an interface that they may not see, else 403.
        """
        if self.require_seen(interface) not in self.acts:
            raise HTTPException(
                403, f"You may look at {interface} and not act on it: that takes the right to trigger it."
            )


def reader(user: GetUserDep) -> Reader:
    """
    Return who asks; FastAPI calls it before any route.

    :raises HTTPException: 401 without a login, 403 without the right to see the website.
    """
    manager: Any = get_auth_manager()
    if not manager.is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        raise HTTPException(403, "You may not see this site.")

    def may(interface: str, method: str, entity: DagAccessEntity | None) -> bool:
        details = DagDetails(id=interface)
        return bool(manager.is_authorized_dag(method=method, access_entity=entity, details=details, user=user))

    sees = tuple(name for name in all_contract_ids() if may(name, "GET", None))
    acts = frozenset(name for name in sees if may(name, "POST", DagAccessEntity.RUN))
    return Reader(user.get_name(), sees, acts, _may_see_personal_data(manager, user))


def _may_see_personal_data(manager: Any, user: Any) -> bool:
    if isinstance(manager, SimpleAuthManager):
        return str(user.role).upper() == ADMINISTRATOR
    return bool(manager.is_authorized_custom_view(method="GET", resource_name=PERSONAL_DATA, user=user))


ReaderDep = Annotated[Reader, Depends(reader)]


def form_token(who: Reader) -> str:
    """Return what a form of this reader's page must send along; another person's, or an old one's, is refused."""
    return _serializer().dumps(who.name)


def require_own_form(request: Request, who: ReaderDep, form_token: Annotated[str, Form()] = "") -> None:
    """
    Let a form pass that came from a page of ours, shown to the same person: FastAPI calls it before a route that acts.

    :raises HTTPException: 403 for any other.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    try:
        told = _serializer().loads(form_token, max_age=FORM_SECONDS)
    except BadSignature:
        told = None
    if told != who.name or site not in ("same-origin", "none"):
        raise HTTPException(403, "This form is not from a page of yours, or it is too old. Open the page again.")


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get_mandatory_value("api", "secret_key"), salt="dealer-interfaces-form")
