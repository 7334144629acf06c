"""Lab: which published findings hold in the recorded runs."""
