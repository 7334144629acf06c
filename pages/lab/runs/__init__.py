"""Every run with its settings, curves and answers."""
