"""Connections to the broker: a transport owns its own, and takes options for them."""

from __future__ import annotations

from celeriac.settings.setting import Refused

_IN_URL = "it is part of the URL; write it into broker_url"
_DRIVER = "the transport keeps its own connections and takes what it can do from broker_transport_options"
_RECONNECT = "a worker connects again for as long as it lives"

BROKER = (
    Refused("broker_transport", "the scheme of the URL names the transport; use broker_url"),
    Refused("broker_host", _IN_URL),
    Refused("broker_port", _IN_URL),
    Refused("broker_user", _IN_URL),
    Refused("broker_password", _IN_URL),
    Refused("broker_vhost", _IN_URL),
    Refused("broker_use_ssl", "TLS belongs to the transport; use broker_transport_options", harmless=(False,)),
    Refused("broker_login_method", "PLAIN is used on AMQP, and no other method is needed; leave it out"),
    Refused(
        "broker_connection_timeout",
        "one deadline covers connecting and everything else of a publish; use task_publish_timeout",
    ),
    Refused("broker_channel_error_retry", f"{_RECONNECT}; leave it out", harmless=(True,)),
    Refused("broker_heartbeat", "the lease shows that a worker lives; use worker_lease", harmless=(0,)),
    Refused("broker_heartbeat_checkrate", "the lease shows that a worker lives; use worker_lease"),
    Refused("broker_pool_limit", _DRIVER),
    Refused("broker_pool_acquire_timeout", "waiting for a connection is part of task_publish_timeout; use that"),
    Refused(
        "broker_native_delayed_delivery_queue_type", "a delay is kept by the transport in its own way; leave it out"
    ),
)
