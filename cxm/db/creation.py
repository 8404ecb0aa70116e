"""Making test databases."""

from django.db.backends.postgresql.creation import DatabaseCreation as PostgresCreation

from cxm.scope import platform


class DatabaseCreation(PostgresCreation):
    def serialize_db_to_string(self) -> str:
        """Runs as the owner, across organisations."""
        with platform():
            return super().serialize_db_to_string()
