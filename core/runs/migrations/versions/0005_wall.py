"""What the wall shows and steers: where learners are, their guesses, "look here", and short links."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def of_learner() -> sa.ForeignKey:
    return sa.ForeignKey("learners.space", ondelete="CASCADE")


def of_class() -> sa.ForeignKey:
    return sa.ForeignKey("classes.id", ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "presence",
        sa.Column("space", sa.String(32), of_learner(), primary_key=True),
        sa.Column("class_id", sa.String(32), nullable=False),
        sa.Column("page", sa.String(80), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "guesses",
        sa.Column("space", sa.String(32), of_learner(), primary_key=True),
        sa.Column("lesson", sa.String(40), primary_key=True),
        sa.Column("prediction", sa.String(80), primary_key=True),
        sa.Column("class_id", sa.String(32), nullable=False),
        sa.Column("guess", sa.JSON, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "steering",
        sa.Column("class_id", sa.String(32), of_class(), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("look", sa.JSON, nullable=False),
        sa.Column("look_at", sa.Float, nullable=False),
        sa.Column("is_frozen", sa.Boolean, nullable=False),
    )
    op.create_table(
        "links",
        sa.Column("code", sa.String(16), primary_key=True),
        sa.Column("class_id", sa.String(32), of_class()),
        sa.Column("link", sa.JSON, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    for table in ("presence", "guesses", "links"):
        op.create_index(f"ix_{table}_class_id", table, ["class_id"])
