"""The WSGI door: `gunicorn wsgi:application`, or `flask --app wsgi …`."""

from portal import create_app

application = create_app()
