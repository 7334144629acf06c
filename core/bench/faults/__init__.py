"""What breaks it? Bad input and bad luck by the hundred, seeded, and how each try ended.

tries      one try: what was done, and how it ended
hostile    texts and numbers that programs stumble over
uploads    good data files, damaged
options    every option of every command with hostile values
addresses  every page of the real server with hostile values in its address
kills      a training killed at a random moment, by the command line and by the worker
servers    the web server killed at a random moment of a run; the next one goes on
connections   connections to the database cut, or the database away, during a run
nodes      a node of a Ray cluster killed during a run, where Ray is installed
postgresql    the database for these
disk       a full disk and one that may only be read
damage     rows of the run store and run folders, damaged
recorded_files   files of recorded runs, damaged
campaign   the kinds in order; resumes where it was stopped; the report
"""
