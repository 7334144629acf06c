"""What alembic runs: all migrations on the connection that `core.runs.schema` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
