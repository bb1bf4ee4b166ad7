"""The settings profile. The environment wins over it: CELERIAC_BROKER_URL, CELERIAC_WORKER_POOL …"""

broker_url = "sqlite://shop-queue.db"  # in the folder where the command is started; a service would say sqlite:///srv/…
worker_pool = "threads"
worker_concurrency = 4
task_routes = {"shop.tasks.bill": {"queue": "bills"}}
task_queues = ["celery", "bills"]
