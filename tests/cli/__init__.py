"""Tests of the commands that people and scripts give."""
