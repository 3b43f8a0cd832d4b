"""Tests of the HTTP server process, against a real gunicorn."""
