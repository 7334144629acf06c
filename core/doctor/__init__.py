"""Why a run went as it did: likely causes, each with the measured figure that shows it and a next run."""
