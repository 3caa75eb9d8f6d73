"""
Leads for a dealer's CRM, as ADF 1.0 documents: who asked, for which unit, and what was spoken since.

ADF (Auto-lead Data Format, 1.0) is open and old: ``adf`` / ``prospect`` with ``requestdate``, ``vehicle``,
``customer``, ``vendor`` and ``provider``, of the type ``application/x-adf+xml``. It has no place for a history,
so what was spoken goes into the customer's ``comments``.

What was sold to somebody or done in the workshop never goes out with a lead: not by any rule, since the database has no
place where it could be written down. Of other types a dealer's standing rule decides, and where none stands, a type is
excluded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.crm.arrival import CrmError
from include.crm.connection import transaction

if TYPE_CHECKING:
    from lxml.etree import _Element
    from psycopg2.extensions import cursor

NEVER: Final = ("SOLD_UNIT", "WORK_ORDER")
"""Types for which no rule can say anything but excluded; the database's constraints say the same."""
CONTENT_TYPE: Final = "application/x-adf+xml"
PROVIDER: Final = "Dealer interfaces"
# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF))


@dataclass(frozen=True)
class ExportedLead:
    """A lead as it went out; ``document`` is the whole ADF document."""

    id: int
    lead_id: int
    document: bytes = field(repr=False)


def set_rule(dms_dsn: str, dealer: str, activity_type: str, *, excluded: bool, reason: str, who: str) -> None:
    """
    Say whether activities of a type are left out of a dealer's leads from now on; earlier rules stay on record.

    :raises CrmError: if something of ``NEVER`` would be let out, or the database refuses it.
    """
    if not reason.strip() or not who.strip():
        raise CrmError("a rule names who made it and why; nothing was written")
    if activity_type in NEVER and not excluded:
        raise CrmError(
            f"{activity_type} never goes out with a lead, of no dealer; nothing was written. A sale or a work order is "
            "for the dealer's own eyes"
        )
    with transaction(dms_dsn, f"rule of what leads of dealer {dealer} carry") as cur:
        cur.execute("SELECT crm.lock_dealer(%s)", (dealer,))
        cur.execute(
            "UPDATE crm.lead_export_rule SET ended_at = clock_timestamp() "
            "WHERE dealer = %s AND activity_type = %s AND ended_at IS NULL",
            (dealer, activity_type),
        )
        cur.execute(
            "INSERT INTO crm.lead_export_rule (dealer, activity_type, excluded, said_by, why) "
            "VALUES (%s, %s, %s, %s, %s)",
            (dealer, activity_type, excluded, who, reason),
        )


def export_leads(dms_dsn: str, dealer: str, *, who: str) -> list[ExportedLead]:
    """
    Make the documents of a dealer's leads that did not go out yet, write them down, and return them; each lead once.

    :raises CrmError: if the database refuses it; then no lead went out.
    """
    with transaction(dms_dsn, f"export of the leads of dealer {dealer}") as cur:
        cur.execute("SELECT crm.lock_dealer(%s)", (dealer,))
        return [_export(cur, lead, who) for lead in _waiting(cur, dealer)]


def exported_leads(dms_dsn: str, dealer: str) -> list[ExportedLead]:
    """
    Return what went out, byte for byte: to be handed over again where a file was lost.

    :raises CrmError: if the database cannot be read.
    """
    with transaction(dms_dsn, f"exported leads of dealer {dealer}") as cur:
        cur.execute(
            "SELECT lead_export_id, lead_id, document FROM crm.lead_export WHERE dealer = %s ORDER BY 1", (dealer,)
        )
        return [ExportedLead(number, lead, bytes(document)) for number, lead, document in cur.fetchall()]


# How to reach a contact: its own points first, then those that came along when another was merged into it.
_WAITING: Final = """
SELECT l.lead_id, l.dealer, l.contact_id, l.requested_at, l.source, l.interest, l.vehicle_status, l.unit_year,
       l.unit_make, l.unit_model, l.stock_number, l.comments,
       c.kind, c.first_name, c.last_name, c.company_name, c.address, c.city, c.state, c.postal_code,
       p.email, p.home_phone, p.cell_phone
  FROM crm.lead l
  JOIN crm.contact c USING (contact_id)
  CROSS JOIN LATERAL (
      SELECT (array_agg(as_given ORDER BY w.contact_id <> l.contact_id, as_given) FILTER (WHERE p.kind = 'EMAIL'))[1]
                 AS email,
             (array_agg(as_given ORDER BY w.contact_id <> l.contact_id, as_given) FILTER (WHERE p.kind = 'HOME'))[1]
                 AS home_phone,
             (array_agg(as_given ORDER BY w.contact_id <> l.contact_id, as_given) FILTER (WHERE p.kind = 'CELL'))[1]
                 AS cell_phone
        FROM crm.contact w JOIN crm.contact_point p USING (contact_id)
       WHERE w.contact_id = l.contact_id OR w.merged_into = l.contact_id
  ) p
 WHERE l.dealer = %s AND NOT EXISTS (SELECT FROM crm.lead_export e WHERE e.lead_id = l.lead_id)
 ORDER BY l.lead_id
"""
# A type without a standing rule has no row to join, and is left out.
_SPOKEN: Final = """
SELECT a.activity_id, a.type, r.lead_export_rule_id, coalesce(a.occurred_on, a.created_at::date), a.description
  FROM crm.activity a
  JOIN crm.lead_export_rule r ON r.dealer = a.dealer AND r.activity_type = a.type AND r.ended_at IS NULL
 WHERE a.contact_id = %s AND a.dealer = %s AND NOT r.excluded AND a.type <> ALL(%s)
 ORDER BY 4, 1
"""


def _waiting(cur: cursor, dealer: str) -> Iterator[dict[str, Any]]:
    cur.execute(_WAITING, (dealer,))
    assert cur.description is not None
    names = [column.name for column in cur.description]
    return iter([dict(zip(names, row, strict=True)) for row in cur.fetchall()])


def _export(cur: cursor, lead: dict[str, Any], who: str) -> ExportedLead:
    cur.execute(_SPOKEN, (lead["contact_id"], lead["dealer"], list(NEVER)))
    spoken = cur.fetchall()
    document = adf_document(lead, [(kind, day.isoformat(), text) for _, kind, _, day, text in spoken])
    cur.execute(
        "INSERT INTO crm.lead_export (dealer, lead_id, exported_by, document) VALUES (%s, %s, %s, %s) "
        "RETURNING lead_export_id",
        (lead["dealer"], lead["lead_id"], who, document),
    )
    [(number,)] = cur.fetchall()
    # Before anything is committed the database itself looks at each activity that stands in the document.
    for activity_id, kind, rule, _, _ in spoken:
        cur.execute(
            "INSERT INTO crm.lead_export_item (lead_export_id, dealer, activity_id, activity_type, "
            "lead_export_rule_id) VALUES (%s, %s, %s, %s, %s)",
            (number, lead["dealer"], activity_id, kind, rule),
        )
    return ExportedLead(number, lead["lead_id"], document)


def adf_document(lead: dict[str, Any], spoken: Sequence[tuple[str, str, str | None]]) -> bytes:
    """
    Return one lead as an ADF 1.0 document, UTF-8.

    :param lead: columns of ``crm.lead`` and of its contact.
    :param spoken: type, day and text of the activities that it carries.
    """
    from lxml import etree

    adf = etree.Element("adf")
    adf.addprevious(etree.PI("ADF", 'version="1.0"'))
    prospect = _child(adf, "prospect", status="new")
    _child(prospect, "id", str(lead["lead_id"]), sequence="1", source=PROVIDER)
    _child(prospect, "requestdate", lead["requested_at"].isoformat(timespec="seconds"))
    vehicle = _child(prospect, "vehicle", interest=lead["interest"], status=lead["vehicle_status"])
    for name, column in (
        ("year", "unit_year"),
        ("make", "unit_make"),
        ("model", "unit_model"),
        ("stock", "stock_number"),
    ):
        # ADF wants year, make and model of every vehicle, known or not.
        if lead[column] is not None or name != "stock":
            _child(vehicle, name, "" if lead[column] is None else str(lead[column]))
    customer = _child(prospect, "customer")
    _contact(customer, lead)
    comments = [text for text in (lead["comments"],) if text]
    comments += [f"{day} {kind}: {text or ''}".rstrip() for kind, day, text in spoken]
    if comments:
        _child(customer, "comments", "\n".join(comments))
    vendor = _child(prospect, "vendor")
    _child(vendor, "vendorname", lead["dealer"])
    _child(_child(vendor, "contact"), "name", lead["dealer"], part="full")
    provider = _child(prospect, "provider")
    _child(provider, "name", lead["source"], part="full")
    return etree.tostring(adf.getroottree(), xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _contact(customer: _Element, lead: dict[str, Any]) -> None:
    contact = _child(customer, "contact", primarycontact="1")
    if lead["kind"] == "COMPANY":
        name = lead["company_name"] or lead["last_name"] or ""
        _child(contact, "name", name, part="full", type="business")
    else:
        for part in ("first", "last"):
            if lead[f"{part}_name"]:
                _child(contact, "name", lead[f"{part}_name"], part=part, type="individual")
        if not lead["first_name"] and not lead["last_name"]:
            _child(contact, "name", "", part="full", type="individual")
    if lead["email"]:
        _child(contact, "email", lead["email"])
    for kind, column in (("home", "home_phone"), ("cellphone", "cell_phone")):
        if lead[column]:
            _child(contact, "phone", lead[column], type="cellphone" if kind == "cellphone" else "voice")
    place = [
        (name, lead[column])
        for name, column in (("city", "city"), ("regioncode", "state"), ("postalcode", "postal_code"))
        if lead[column]
    ]
    if lead["address"] or place:
        address = _child(contact, "address")
        _child(address, "street", lead["address"] or "", line="1")
        for name, text in place:
            _child(address, name, text)


def _child(parent: _Element, name: str, text: str | None = None, **attributes: str) -> _Element:
    from lxml import etree

    element = etree.SubElement(parent, name, {key: _clean(value) for key, value in attributes.items()})
    if text is not None:
        element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """Leave out what XML cannot hold."""
    return text.translate(_FORBIDDEN)
