"""The app. Its name is that of its settings profile, so it needs to say nothing else."""

from celeriac import Celeriac

app = Celeriac("shop", include=["shop.tasks"])
