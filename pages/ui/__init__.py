"""Widgets that pages share: the engine, run controls, live charts, token views."""
