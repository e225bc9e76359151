"""The bare Flask view that everything is measured against. It refuses to know the portal."""

from flask import Flask, Response, jsonify

application = Flask(__name__)


@application.get("/hello")
def hello() -> Response:
    """What a Flask view costs that does nothing."""
    return jsonify(hello="world")
