"""The Streamlit pages: thin scripts over `core`. Imports no torch."""
