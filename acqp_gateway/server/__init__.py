"""The HTTP server process: how gunicorn takes requests in before the application sees them."""
