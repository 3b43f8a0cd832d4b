"""gunicorn's configuration: the gateway is checked, then served as acqp_gateway/server/configuration.py says.

What a person changes (address, workers, threads, log level) stands in gateway.toml or in ACQP_* variables.
"""

from acqp_gateway.server.configuration import gunicorn_settings

globals().update(gunicorn_settings())
