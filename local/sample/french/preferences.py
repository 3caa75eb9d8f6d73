"""What the French customers agreed to: contact preferences in every state that one can be in, and their history."""

from __future__ import annotations

import numpy as np
import polars as pl

from local.sample.draws import uniform
from local.sample.french.customers import ERASED, Customers

CONSENT, SOFT, INTEREST, MIGRATED = "CONSENT", "SOFT_OPT_IN", "LEGITIMATE_INTEREST", "LEGITIMATE_INTEREST_MIGRATION"
CHANNELS = ("EMAIL", "SMS", "LETTER", "TELEPHONE", "SOCIAL_MEDIA")
#: Shares of the customers in each state, up to and including; the rest has never been asked and has no row.
STATES = {
    "refused all": 0.10,
    "migrated": 0.30,
    "consents": 0.45,
    "soft opt-in": 0.55,
    "withdrew": 0.65,
    "third party": 0.75,
    "never reviewed": 0.85,
}
_YES, _SERVICE_ONLY, _NO = (True, True, True), (True, True, False), (False, False, False)


def _rows() -> list[tuple[str, str, str, tuple[bool, bool, bool], str | None, str | None, bool]]:
    """State, party, channel, (opted in, service, general), basis, who reviewed it, withdrawn."""
    us = [("US", channel) for channel in CHANNELS]
    others = [("THIRD_PARTY", channel) for channel in CHANNELS]
    return [
        *(("refused all", *whom, _NO, None, "DEALER", False) for whom in us + others),
        # On migration nobody asked: whoever had not opted out was opted in, and counts as never reviewed.
        *(("migrated", *whom, _YES, MIGRATED, None, False) for whom in us[:4]),
        *(("migrated", *whom, _NO, None, None, False) for whom in others),
        *(("consents", *whom, _YES, CONSENT, "CUSTOMER_PORTAL", False) for whom in (us[0], us[1], us[3])),
        ("consents", *us[2], _YES, INTEREST, "CUSTOMER_PORTAL", False),
        *(("soft opt-in", *whom, _SERVICE_ONLY, SOFT, "DEALER", False) for whom in us[:2]),
        *(("withdrew", *whom, _NO, CONSENT, "CUSTOMER_PORTAL", True) for whom in us),
        ("withdrew", *others[0], _NO, CONSENT, "CUSTOMER_PORTAL", True),
        *(("third party", *whom, _YES, CONSENT, "DEALER", False) for whom in us + others),
        ("never reviewed", *us[3], _SERVICE_ONLY, INTEREST, None, False),
    ]


def preference_frame(seed: int, customers: Customers) -> pl.DataFrame:
    """Rows of ``dms.contact_preference``; an erased customer has none."""
    keys = np.arange(len(customers), dtype=np.int64)
    drawn = np.searchsorted(list(STATES.values()), uniform(seed, "preferences", keys), side="right")
    people = (
        pl.DataFrame(
            {
                "customer_id": keys + customers.first,
                "state": pl.Series([*STATES, "never asked"]).gather(drawn),
                "captured_at": pl.from_epoch(pl.Series(customers.created), "s").dt.replace_time_zone("UTC"),
                "then": pl.from_epoch(pl.Series(customers.changed), "s").dt.replace_time_zone("UTC"),
                "living": customers.movement != ERASED,
            }
        )
        .filter("living")
        .join(_template(), on="state", maintain_order="left_right")
    )
    opted = pl.col("opted_in")
    return people.select(
        pl.int_range(1, pl.len() + 1).alias("contact_preference_id"),
        "customer_id",
        "party",
        "channel",
        "opted_in",
        "service_follow_up",
        "general_marketing",
        "legal_basis",
        pl.when(opted & (pl.col("party") == "THIRD_PARTY"))
        .then(pl.lit("Partenaire (sample)"))
        .alias("third_party_name"),
        pl.when(pl.col("state") == "migrated")
        .then(pl.lit("Reprise de l'ancien système"))
        .otherwise(pl.lit("Formulaire d'accueil"))
        .alias("source"),
        pl.lit("Accueil (sample)").alias("captured_by"),
        "captured_at",
        pl.when(pl.col("state") != "migrated").then(pl.lit("2025-01")).alias("wording_version"),
        # Reviewed or withdrawn with the last change of the customer, of whom that is a movement.
        pl.when(pl.col("reviewed_by").is_not_null()).then("then").alias("reviewed_at"),
        "reviewed_by",
        pl.when("withdrawn").then("then").alias("withdrawn_at"),
    )


def _template() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "state": state,
                "party": party,
                "channel": channel,
                "opted_in": opted,
                "service_follow_up": service,
                "general_marketing": general,
                "legal_basis": basis,
                "reviewed_by": reviewed,
                "withdrawn": withdrawn,
            }
            for state, party, channel, (opted, service, general), basis, reviewed, withdrawn in _rows()
        ],
        schema_overrides={"legal_basis": pl.String, "reviewed_by": pl.String},
    )


#: What the database would have noted by itself, had the customers been served one by one.
HISTORY = """
INSERT INTO dms.contact_preference_history (changed_at, what, customer_id, before, after)
SELECT changed_at, what, customer_id, before, after
  FROM (
      SELECT contact_preference_id, captured_at AS changed_at, 'INSERT' AS what, customer_id, NULL::jsonb AS before,
             begun AS after
        FROM dms.contact_preference p, LATERAL (
            SELECT to_jsonb(p) || CASE WHEN withdrawn_at IS NULL THEN '{}'
                                       ELSE '{"opted_in": true, "withdrawn_at": null}' END::jsonb AS begun
        ) AS first
       UNION ALL
      SELECT contact_preference_id, withdrawn_at, 'UPDATE', customer_id,
             to_jsonb(p) || '{"opted_in": true, "withdrawn_at": null}', to_jsonb(p)
        FROM dms.contact_preference p
       WHERE withdrawn_at IS NOT NULL
  ) AS noted
 ORDER BY changed_at, contact_preference_id, what
"""
