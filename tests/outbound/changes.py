"""What the DMS's users do to its data between two runs, and what a contract is made to bear."""

from __future__ import annotations

from dataclasses import replace

from tests.outbound.world import World


def tolerate(world: World, *, rows: int) -> None:
    """Let a file bear ``rows`` rejected rows, or 10 %."""
    tables = tuple(
        replace(
            table,
            rules=tuple(
                replace(rule, arguments={"percent": 10, "rows": rows}) if rule.kind == "rejectedRows" else rule
                for rule in table.rules
            ),
        )
        for table in world.contract.tables
    )
    world.contract = replace(world.contract, tables=tables)


def lose_codes(world: World, dealer: str, *, share: int = 1) -> None:
    """Edit the first address line of every ``share``-th of the dealer's trade accounts, so that the codes are gone."""
    world.change(
        "UPDATE dms.trade_account SET address_line_1 = 'Unit 4 Mill Road' WHERE dealer_id = "
        "(SELECT dealer_id FROM dms.v_dealers WHERE dealer_code = %(dealer)s) "
        "AND trade_account_id %% %(share)s = 0",
        {"dealer": dealer, "share": share},
    )


def sell_dearer(world: World) -> None:
    """Raise every price by one pound, on lines sold already."""
    world.change("UPDATE dms.parts_invoice_line SET unit_price = unit_price + 1, net_amount = net_amount + quantity")
