"""
Feeds as data: where a dealer's files lie at a partner, how they are named and written, and whether they are taken.

Not here: what a listing shows and files become (``include/collect``), the rows that remember it (``include/ledger``).
"""

from include.feeds.commands import add_feed, feed, feeds, pause_feed, resume_feed, terminate_feed
from include.feeds.errors import FeedError
from include.feeds.feed import Feed

__all__ = ["Feed", "FeedError", "add_feed", "feed", "feeds", "pause_feed", "resume_feed", "terminate_feed"]
