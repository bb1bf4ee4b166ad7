"""The settings as annotated attributes, so that type checkers and editors know them. A test compares with `fields`."""

from __future__ import annotations

from typing import Any


class Values:
    """Every setting with the type of its value."""

    accept_content: list[str]
    imports: list[str]
    include: list[str]
    timezone: str
    message_max_size: int
    hooks: list[str]
    settings_profiles: list[str]

    broker_url: str | None
    broker_read_url: str | None
    broker_write_url: str | None
    broker_failover_strategy: Any
    broker_transport_options: dict[str, Any]
    broker_connection_retry: bool
    broker_connection_retry_on_startup: bool | None
    broker_connection_max_retries: int | None
    delivery: str
    task_max_deliveries: int
    task_unknown_delay: float
    task_publish_timeout: float
    worker_lease: float

    task_serializer: str
    task_compression: str | None
    task_publish_retry: bool
    task_send_sent_event: bool
    task_publish_retry_policy: dict[str, Any] | None
    task_default_delivery_mode: int
    task_always_eager: bool
    task_eager_propagates: bool
    task_store_eager_result: bool
    task_default_queue: str
    task_queues: list[dict[str, Any]] | None
    task_default_queue_type: str
    task_queue_max_priority: int | None
    task_default_exchange: str | None
    task_default_exchange_type: str
    task_default_routing_key: str | None
    task_routes: Any
    task_create_missing_queues: bool
    task_default_priority: int | None
    task_allow_error_cb_on_chord_header: bool
    task_inherit_parent_priority: bool
    task_annotations: Any
    task_time_limit: float | None
    task_soft_time_limit: float | None
    task_acks_late: bool | None
    task_reject_on_worker_lost: bool | None
    task_acks_on_failure_or_timeout: bool
    task_default_rate_limit: str | None
    task_retry_policy: Any
    task_track_queued: bool
    task_track_started: bool
    task_ignore_result: bool
    task_store_errors_even_if_ignored: bool

    result_backend: str | None
    result_backend_transport_options: dict[str, Any]
    result_serializer: str
    result_accept_content: list[str] | None
    result_backend_always_retry: bool
    result_backend_base_sleep_between_retries_ms: int
    result_backend_max_retries: int | None
    result_backend_max_sleep_between_retries_ms: int
    result_extended: bool
    result_expires: float | None

    worker_concurrency: int | None
    worker_pool: str
    worker_prefetch_multiplier: int | None
    worker_max_tasks_per_child: int | None
    worker_max_memory_per_child: int | None
    worker_shutdown_timeout: float
    worker_stall_timeout: float
    worker_probe_port: int | None
    worker_probe_host: str
    worker_probe_file: str | None
    worker_enable_remote_control: bool
    worker_disable_rate_limits: bool
    worker_send_task_events: bool
    worker_hostname: str | None
    worker_logger: str
    worker_log_level: str
    worker_log_file: str | None
    worker_redirect_stdouts: bool
    worker_redirect_stdouts_level: str
    worker_log_color: bool | None

    beat_schedule: dict[str, Any]
    beat_scheduler: str
    beat_schedule_filename: str
    beat_max_loop_interval: float
    beat_catch_up: float

    security_key: str | None
    security_key_password: str | None
    security_certificate: str | None
    security_cert_store: str | None
    security_digest: str

    _sources: dict[str, str]
    _without_effect: dict[str, tuple[Any, str]]
