"""Celery's defaults: those that are put over ours, and those of settings that are kept and have no effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from celeriac.settings.fields import BY_NAME
from celeriac_contrib.celery.absent import absent

__all__ = ("DEFAULTS", "PRESET", "find", "flatten")

PRESET: dict[str, Any] = {
    "broker_url": "amqp://guest:guest@localhost:5672//",
    "result_backend": "celeriac_contrib.celery.backends.disabled:DisabledStore://",
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    "broker_connection_max_retries": 100,
    "worker_hostname": "celery@%h",
    "beat_schedule_filename": "celerybeat-schedule.json",
}
"""Where Celery's default is another than Celeriac's, and a project counts on it. Not among them is
``worker_prefetch_multiplier``: what a worker holds follows the run time of its tasks until a project says otherwise."""

DEFAULTS: dict[str, Any] = {
    "arangodb_backend_settings": None,
    "azureblockblob_base_path": "",
    "azureblockblob_connection_timeout": 20,
    "azureblockblob_container_name": "celery",
    "azureblockblob_read_timeout": 120,
    "azureblockblob_retry_increment_base": 2,
    "azureblockblob_retry_initial_backoff_sec": 2,
    "azureblockblob_retry_max_attempts": 3,
    "beat_cron_starting_deadline": None,
    "beat_enable_remote_control": False,
    "beat_remote_control_max_tick_age": None,
    "beat_sync_every": 0,
    "broker_channel_error_retry": False,
    "broker_connection_timeout": 4,
    "broker_failover_strategy": None,
    "broker_heartbeat": 120,
    "broker_heartbeat_checkrate": 3.0,
    "broker_host": None,
    "broker_login_method": None,
    "broker_native_delayed_delivery_queue_type": "quorum",
    "broker_password": None,
    "broker_pool_acquire_timeout": None,
    "broker_pool_limit": 10,
    "broker_port": None,
    "broker_read_url": None,
    "broker_transport": None,
    "broker_use_ssl": False,
    "broker_user": None,
    "broker_vhost": None,
    "broker_write_url": None,
    "cache_backend": None,
    "cache_backend_options": {},
    "cassandra_auth_kwargs": None,
    "cassandra_auth_provider": None,
    "cassandra_bundle_path": None,
    "cassandra_entry_ttl": None,
    "cassandra_keyspace": None,
    "cassandra_options": {},
    "cassandra_port": None,
    "cassandra_read_consistency": None,
    "cassandra_servers": None,
    "cassandra_table": None,
    "cassandra_write_consistency": None,
    "control_exchange": "celery",
    "control_queue_durable": False,
    "control_queue_exclusive": True,
    "control_queue_expires": 10.0,
    "control_queue_ttl": 300.0,
    "cosmosdbsql_collection_name": "celerycol",
    "cosmosdbsql_consistency_level": "Session",
    "cosmosdbsql_database_name": "celerydb",
    "cosmosdbsql_max_retry_attempts": 9,
    "cosmosdbsql_max_retry_wait_time": 30,
    "couchbase_backend_settings": None,
    "database_create_tables_at_setup": True,
    "database_engine_callback": None,
    "database_engine_options": {"pool_pre_ping": True, "pool_recycle": 3600},
    "database_short_lived_sessions": False,
    "database_table_names": None,
    "database_table_schemas": None,
    "database_url": None,
    "elasticsearch_max_retries": None,
    "elasticsearch_retry_on_timeout": None,
    "elasticsearch_save_meta_as_text": True,
    "elasticsearch_timeout": None,
    "enable_utc": True,
    "event_exchange": "celeryev",
    "event_queue_durable": False,
    "event_queue_exclusive": True,
    "event_queue_expires": 60.0,
    "event_queue_prefix": "celeryev",
    "event_queue_ttl": 5.0,
    "event_serializer": "json",
    "gcs_base_path": "",
    "gcs_bucket": None,
    "gcs_project": None,
    "gcs_ttl": 0,
    "mongodb_backend_settings": None,
    "redis_backend_use_ssl": None,
    "redis_db": None,
    "redis_host": None,
    "redis_max_connections": None,
    "redis_password": None,
    "redis_port": None,
    "redis_retry_on_timeout": False,
    "redis_socket_connect_timeout": None,
    "redis_socket_keepalive": False,
    "redis_socket_timeout": 120.0,
    "redis_username": None,
    "result_accept_content": None,
    "result_backend_always_retry": False,
    "result_backend_base_sleep_between_retries_ms": 10,
    "result_backend_max_retries": float("inf"),
    "result_backend_max_sleep_between_retries_ms": 10000,
    "result_cache_max": -1,
    "result_chord_expires": None,
    "result_chord_join_timeout": 3.0,
    "result_chord_retry_interval": 1.0,
    "result_compression": None,
    "result_exchange": "celeryresults",
    "result_exchange_type": "direct",
    "result_extended": False,
    "result_failure_expires": None,
    "result_persistent": None,
    "s3_access_key_id": None,
    "s3_base_path": None,
    "s3_bucket": None,
    "s3_endpoint_url": None,
    "s3_region": None,
    "s3_secret_access_key": None,
    "task_acks_on_failure": None,
    "task_acks_on_failure_or_timeout": True,
    "task_acks_on_timeout": None,
    "task_allow_error_cb_on_chord_header": False,
    "task_annotations": None,
    "task_create_missing_queue_exchange_type": None,
    "task_create_missing_queue_type": "classic",
    "task_default_delivery_mode": 2,
    "task_default_exchange": None,
    "task_default_exchange_type": "direct",
    "task_default_queue_type": "classic",
    "task_default_rate_limit": None,
    "task_default_routing_key": None,
    "task_protocol": 2,
    "task_publish_retry_policy": {"max_retries": 3, "interval_start": 0, "interval_max": 1, "interval_step": 0.2},
    "task_queue_max_priority": None,
    "task_remote_tracebacks": False,
    "task_repr_maxlevels": 3,
    "task_retry_on_worker_lost": False,
    "task_send_sent_event": False,
    "worker_agent": None,
    "worker_autoscaler": "celery.worker.autoscale:Autoscaler",
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_consumer": "celery.worker.consumer:Consumer",
    "worker_deduplicate_successful_tasks": False,
    "worker_detect_quorum_queues": True,
    "worker_direct": False,
    "worker_disable_prefetch": False,
    "worker_disable_rate_limits": False,
    "worker_enable_prefetch_count_reduction": True,
    "worker_enable_soft_shutdown_on_idle": False,
    "worker_eta_task_limit": None,
    "worker_hijack_root_logger": True,
    "worker_log_datefmt": None,
    "worker_log_format": "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s",
    "worker_lost_wait": 10.0,
    "worker_pool_putlocks": True,
    "worker_pool_restarts": False,
    "worker_pool_start_method": "fork",
    "worker_proc_alive_timeout": 4.0,
    "worker_redirect_stdouts": True,
    "worker_redirect_stdouts_level": "WARNING",
    "worker_send_task_events": False,
    "worker_soft_shutdown_timeout": 0.0,
    "worker_state_db": None,
    "worker_task_log_datefmt": None,
    "worker_task_log_format": "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s",
    "worker_timer": None,
    "worker_timer_precision": 1.0,
}
"""By name, for settings that Celeriac does not have or does not honour."""


def find(name: str, namespace: str = "celery") -> tuple[str, str, Any]:
    """Where a setting is and what its default is: ``(namespace, name, default)``."""
    known = {**{each.name: each.default for each in BY_NAME.values()}, **DEFAULTS}
    for full in (name, f"{namespace}_{name}", *(each for each in known if each.endswith(f"_{name}"))):
        if full in known:
            group, _, rest = full.partition("_")
            return group, rest or group, known[full]
    raise KeyError(name)


def flatten(d: Mapping[str, Any], root: str = "", keyfilter: Any = None) -> Iterator[tuple[str, Any]]:
    """A nested mapping as pairs of joined names and values."""
    for name, value in d.items():
        full = f"{root}_{name}" if root else name
        if isinstance(value, Mapping):
            yield from flatten(value, full)
        else:
            yield full, value


__getattr__ = absent(__name__)
