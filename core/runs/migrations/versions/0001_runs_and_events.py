"""Runs and their events. A database from before there were versions has them already, all or in part."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(40), unique=True, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("config_hash", sa.String(16), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("heartbeat_at", sa.Float),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.Column("n_events", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    for column in ("config_hash", "status"):
        op.create_index(f"ix_runs_{column}", "runs", [column], if_not_exists=True)
    op.create_table(
        "events",
        sa.Column(
            "run_id", sa.String(40), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        if_not_exists=True,
    )
