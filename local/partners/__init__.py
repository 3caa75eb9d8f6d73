"""The sample partners: a real SFTP server on loopback, one login and one chrooted home per partner.

``make run`` starts it as a process of its own (``python -m local.partners serve``); tests start one
with :func:`start_partner`, with the manners of whatever server they want to meet.
"""

from local.partners.behaviour import Behaviour
from local.partners.process import PartnerEndpoint, RunningPartners, start_partner

__all__ = ["Behaviour", "PartnerEndpoint", "RunningPartners", "start_partner"]
