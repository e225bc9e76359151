"""The studio: a small service that clones, designs and speaks, and charges by the client alone."""

from portal.studio.application import create_studio

__all__ = ["create_studio"]
