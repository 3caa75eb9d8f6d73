"""The publish protocol: a file's bytes to a partner, whole or not at all, once. See docs/publish-protocol.md."""

from include.publish.outcome import COMPANION_STEPS, STEPS, Outcome, PublishSettings
from include.publish.protocol import NotPublishable, publish_file
from include.publish.run import publish_files

__all__ = ["COMPANION_STEPS", "STEPS", "NotPublishable", "Outcome", "PublishSettings", "publish_file", "publish_files"]
