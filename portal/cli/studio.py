"""How gunicorn serves the studio (docs/studio.md): one process, on this machine alone.

    gunicorn --config python:portal.cli.studio portal.studio.wsgi:application

The names below are gunicorn's own settings and hooks.
"""

import os
from typing import Any, Final

from portal.cli.serving import LineLogger, PromptWorker, worker_tmp_dir
from portal.cli.serving import when_ready as when_ready
from portal.studio.place import NAME

bind = ["127.0.0.1:8001"]
worker_class = PromptWorker
worker_tmp_dir = worker_tmp_dir
# A second process would take the jobs of the first for those of one that is gone.
workers = 1
threads = 8
graceful_timeout = 3
control_socket_disable = True
forwarded_allow_ips = ""
forwarder_headers = ""
logger_class = LineLogger
PATIENCE: Final = 1.0  # seconds


def worker_exit(_: Any, worker: Any) -> None:
    """Call off what is under way, so that its credits go back now and not when time is up.

    With a portal that ends in the same moment this may fail: then the next worker says so.
    """
    application = getattr(worker, "wsgi", None)
    if application is not None and not application.extensions[NAME].crew.stop(PATIENCE):
        os._exit(0)
