"""The app for a room without internet: one folder with the packages, the model, the app and start scripts.

contents   what lies in such a folder, and its list
packages   the packages, through the user's own pip
gather     writing the folder; goes on where it was stopped
check      is everything there, and as it was written?
"""
