"""What can be wrong with a feed, as a letter to whoever adds or changes it."""

from __future__ import annotations


class FeedError(Exception):
    """A feed's settings or the command about it are refused; the message names the setting and the next step."""
