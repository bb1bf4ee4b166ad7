from django.db import models


class Order(models.Model):
    """An order; its state is set by tasks."""

    name = models.CharField(max_length=80)
    state = models.CharField(max_length=20, default="new")


class Line(models.Model):
    """A line of the diary: what has happened, in the order in which it did."""

    text = models.CharField(max_length=200)
