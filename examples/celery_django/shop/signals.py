"""What the project wants to hear of its tasks."""

from celery.signals import task_failure, task_postrun, task_prerun, task_success


def write(text):
    from shop.models import Line

    Line.objects.create(text=text)


@task_prerun.connect
def before_anything(sender=None, task_id=None, task=None, args=None, **kwargs):
    if task.name == "shop.tasks.pack":
        write(f"prerun {task.name} {list(args)}")


@task_postrun.connect
def after_anything(sender=None, task=None, state=None, retval=None, **kwargs):
    if task.name == "shop.tasks.pack":
        write(f"postrun {task.name} {state} {retval}")


@task_success.connect
def on_success(sender=None, result=None, **kwargs):
    if sender.name == "shop.tasks.pack":
        write(f"success {sender.name} {result}")


@task_failure.connect
def on_failure(sender=None, task_id=None, exception=None, einfo=None, **kwargs):
    write(f"failure {sender.name} {type(exception).__name__} {'raise OutOfStock' in str(einfo)}")
