"""The tables of the run store and of the classroom; core/runs/schema.py says how to change one."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),  # order of submission, whatever the clock does
    Column("id", String(40), unique=True, nullable=False),
    Column("config", JSON, nullable=False),
    Column("config_hash", String(16), nullable=False, index=True),
    Column("version", Text, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("stop_requested", Boolean, nullable=False, default=False),
    Column("reason", Text, nullable=False, default=""),
    Column("created_at", Float, nullable=False),  # times are seconds since 1970, UTC
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("worker", Text, nullable=False, default=""),
    Column("heartbeat_at", Float),
    Column("summary", JSON, nullable=False, default=dict),
    Column("n_events", Integer, nullable=False, default=0),
    # Its place in the queue (core/runs/queue.py): its turn, and within that small before large.
    Column("turn", Integer, nullable=False, default=0, server_default="0"),
    Column("expected_s", Float),
)

events = Table(
    "events",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # 1, 2, 3, … within a run
    Column("at", Float, nullable=False),
    Column("type", String(40), nullable=False),
    Column("payload", JSON, nullable=False),
)

# Whose a run is: of everyone who pressed Run for its settings. A space is that of a visitor
# (core/visitor.py), "" the owner's.
holdings = Table(
    "holdings",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("space", String(64), primary_key=True),
    Column("class_id", String(64), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("hidden", Boolean, nullable=False),  # by the teacher, from what the class sees
    Index("ix_holdings_space", "space"),
)

# What a class allows each of its learners; a class without a row has the usual (core/runs/limits.py).
limits = Table(
    "limits",
    metadata,
    Column("class_id", String(64), primary_key=True),
    Column("steps", Integer, nullable=False),
    Column("waiting_runs", Integer, nullable=False),
    Column("upload_bytes", Integer, nullable=False),
    Column("questions_a_minute", Integer, nullable=False),
)

# What learners used of that: questions, and the data sets that they brought.
uses = Table(
    "uses",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("space", String(64), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("name", Text, nullable=False),  # the address of a data set
    Column("amount", Integer, nullable=False),  # its bytes
    Column("at", Float, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("space", String(64), primary_key=True),  # of who wrote it
    Column("name", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("note", Text, nullable=False),
)

classes = Table(
    "classes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("code", String(16), unique=True, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("began_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("ended_at", Float),
)

learners = Table(
    "learners",
    metadata,
    Column("space", String(32), primary_key=True),
    Column("class_id", ForeignKey("classes.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("joined_at", Float, nullable=False),
    UniqueConstraint("class_id", "name_key", name="uq_learners_class_id_name_key"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("class_id", ForeignKey("classes.id", ondelete="CASCADE"), nullable=False, index=True),
    Column(
        "space", ForeignKey("learners.space", ondelete="CASCADE"), index=True
    ),  # none: a teacher
    Column("expires_at", Float, nullable=False),
)

presence = Table(
    "presence",
    metadata,
    Column("space", ForeignKey("learners.space", ondelete="CASCADE"), primary_key=True),
    Column("class_id", String(32), nullable=False, index=True),
    Column("page", String(80), nullable=False),
    Column("at", Float, nullable=False),
)

guesses = Table(
    "guesses",
    metadata,
    Column("space", ForeignKey("learners.space", ondelete="CASCADE"), primary_key=True),
    Column("lesson", String(40), primary_key=True),
    Column("prediction", String(80), primary_key=True),
    Column("class_id", String(32), nullable=False, index=True),
    Column("guess", JSON, nullable=False),  # an option's text, or the heights of a drawing
    Column("at", Float, nullable=False),
)

steering = Table(
    "steering",
    metadata,
    Column("class_id", ForeignKey("classes.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, nullable=False),  # of "everyone look here": 1, 2, 3, …
    Column("look", JSON, nullable=False),
    Column("look_at", Float, nullable=False),
    Column("is_frozen", Boolean, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("code", String(16), primary_key=True),
    Column("class_id", ForeignKey("classes.id", ondelete="CASCADE"), index=True),  # none: the owner
    Column("link", JSON, nullable=False),
    Column("at", Float, nullable=False),
)
