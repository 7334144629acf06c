"""Who holds a run, what a class allows its learners, and the turns of the queue. What was there is the owner's."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("turn", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("expected_s", sa.Float))
    op.execute("UPDATE runs SET turn = number WHERE status = 'queued'")
    holdings = op.create_table(
        "holdings",
        sa.Column(
            "run_id", sa.String(40), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("space", sa.String(64), primary_key=True),
        sa.Column("class_id", sa.String(64), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("hidden", sa.Boolean, nullable=False),
    )
    op.create_index("ix_holdings_space", "holdings", ["space"])
    op.create_index("ix_holdings_class_id", "holdings", ["class_id"])
    runs = sa.table("runs", sa.column("id"), sa.column("created_at"))
    owners = sa.select(runs.c.id, sa.literal(""), sa.literal(""), runs.c.created_at, sa.false())
    op.execute(
        holdings.insert().from_select(["run_id", "space", "class_id", "at", "hidden"], owners)
    )
    op.create_table(
        "limits",
        sa.Column("class_id", sa.String(64), primary_key=True),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("waiting_runs", sa.Integer, nullable=False),
        sa.Column("upload_bytes", sa.Integer, nullable=False),
        sa.Column("questions_a_minute", sa.Integer, nullable=False),
    )
    op.create_table(
        "uses",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("ix_uses_space", "uses", ["space"])
    _give_marks_a_space()


def _give_marks_a_space() -> None:
    """A run has marks of each who holds it. SQLite changes no primary key: the table is made anew."""
    op.rename_table("marks", "marks_of_owner")
    marks = op.create_table(
        "marks",
        sa.Column(
            "run_id", sa.String(40), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("space", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    old = sa.table("marks_of_owner", *map(sa.column, ("run_id", "name", "tags", "note")))
    owners = sa.select(old.c.run_id, sa.literal(""), old.c.name, old.c.tags, old.c.note)
    op.execute(marks.insert().from_select(["run_id", "space", "name", "tags", "note"], owners))
    op.drop_table("marks_of_owner")
