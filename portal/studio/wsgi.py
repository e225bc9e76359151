"""The studio's WSGI door: one process, as it runs jobs in threads of its own (docs/studio.md)."""

from portal.studio import create_studio

application = create_studio()
