import streamlit as st

st.title("Before fine-tuning")
