"""All challenges, each with a way to try it and a judge."""
