"""config/gunicorn.conf.py for an installed package: `gunicorn -c python:acqp_gateway.server.gunicorn_conf`."""

from acqp_gateway.server.configuration import gunicorn_settings

globals().update(gunicorn_settings())
