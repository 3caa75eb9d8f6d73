"""Print the pools of the contracts' partners as JSON, for `airflow pools import`."""

import json
import sys

from include.contract import all_contract_ids, load_contract

SFTP_SLOTS = 2

partners = sorted({load_contract(name).partner for name in all_contract_ids()})
pools = {
    f"{partner}_sftp": {
        "slots": SFTP_SLOTS,
        "description": f"Connections to {partner.capitalize()}'s SFTP server at once",
        "include_deferred": False,
    }
    for partner in partners
}
sys.stdout.write(json.dumps(pools, indent=1))
