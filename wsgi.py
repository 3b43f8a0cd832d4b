"""What gunicorn serves: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

from acqp_gateway.server.application import app

__all__ = ["app"]
