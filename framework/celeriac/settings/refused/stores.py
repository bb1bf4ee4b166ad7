"""The settings that Celery has for one store alone; here a store has ``result_backend_transport_options``."""

from __future__ import annotations

from celeriac.settings.setting import Refused


def _store(store: str, *names: str) -> tuple[Refused, ...]:
    reason = (
        f"it belongs to {store}, which is not part of this release; an installed backend takes its options from "
        "result_backend_transport_options"
    )
    return tuple(Refused(name, reason) for name in names)


def _database() -> tuple[Refused, ...]:
    old = {
        "database_url": ("CELERY_RESULT_DBURI",),
        "database_engine_options": ("CELERY_RESULT_ENGINE_OPTIONS",),
        "database_short_lived_sessions": ("CELERY_RESULT_DB_SHORT_LIVED_SESSIONS",),
        "database_table_names": ("CELERY_RESULT_DB_TABLENAMES",),
        "database_table_schemas": (),
        "database_create_tables_at_setup": (),
        "database_engine_callback": (),
    }
    reason = (
        "the SQLAlchemy store is not part of this release; use result_backend 'sqlite:///…', "
        "with result_backend_transport_options"
    )
    return tuple(Refused(name, reason, old=names) for name, names in old.items())


STORES = (
    *_database(),
    *_store(
        "Redis",
        "redis_backend_use_ssl",
        "redis_db",
        "redis_host",
        "redis_max_connections",
        "redis_username",
        "redis_password",
        "redis_port",
        "redis_socket_timeout",
        "redis_socket_connect_timeout",
        "redis_retry_on_timeout",
        "redis_socket_keepalive",
    ),
    *_store("the cache store", "cache_backend", "cache_backend_options"),
    *_store(
        "Cassandra",
        "cassandra_entry_ttl",
        "cassandra_keyspace",
        "cassandra_port",
        "cassandra_read_consistency",
        "cassandra_servers",
        "cassandra_bundle_path",
        "cassandra_table",
        "cassandra_write_consistency",
        "cassandra_auth_provider",
        "cassandra_auth_kwargs",
        "cassandra_options",
    ),
    *_store(
        "S3",
        "s3_access_key_id",
        "s3_secret_access_key",
        "s3_bucket",
        "s3_base_path",
        "s3_endpoint_url",
        "s3_region",
    ),
    *_store(
        "Azure Block Blob",
        "azureblockblob_container_name",
        "azureblockblob_retry_initial_backoff_sec",
        "azureblockblob_retry_increment_base",
        "azureblockblob_retry_max_attempts",
        "azureblockblob_base_path",
        "azureblockblob_connection_timeout",
        "azureblockblob_read_timeout",
    ),
    *_store("Google Cloud Storage", "gcs_bucket", "gcs_project", "gcs_base_path", "gcs_ttl"),
    *_store("Couchbase", "couchbase_backend_settings"),
    *_store("ArangoDB", "arangodb_backend_settings"),
    *_store("MongoDB", "mongodb_backend_settings"),
    *_store(
        "Cosmos DB",
        "cosmosdbsql_database_name",
        "cosmosdbsql_collection_name",
        "cosmosdbsql_consistency_level",
        "cosmosdbsql_max_retry_attempts",
        "cosmosdbsql_max_retry_wait_time",
    ),
    *_store(
        "Elasticsearch",
        "elasticsearch_retry_on_timeout",
        "elasticsearch_max_retries",
        "elasticsearch_timeout",
        "elasticsearch_save_meta_as_text",
    ),
)
